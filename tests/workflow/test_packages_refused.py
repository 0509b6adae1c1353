"""Packages that would overwrite data sets, mix versions, or need arrays where there are none."""

import shutil

import pytest

from simlab.campaign import load_campaign
from simlab.cli import main
from simlab.core.errors import ConfigError
from simlab.core.files import read_json, sha256_of, write_json
from simlab.core.manifest import verify
from simlab.packages import KINDS, make_package, write_package_manifest


@pytest.fixture
def source(finished_lensing, tmp_path, monkeypatch):
    """A copy of a data set in an empty working directory, relative to that."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "lensing" / "small"
    shutil.copytree(finished_lensing, folder)
    return folder.relative_to(tmp_path)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as stopped:
        main(["package", *map(str, arguments)])
    assert stopped.value.code == 1
    return capsys.readouterr().err


@pytest.mark.parametrize("output", [".", "package", "..", "../..", "../../../results", "../other"])
def test_packages_never_lie_with_data_sets(source, tmp_path, output, capsys):
    shutil.copytree(source, source.parent / "other")
    before = contents(tmp_path)
    for kind in KINDS:
        with pytest.raises(ConfigError, match="holds a data set or is in one, expected a folder"):
            make_package(source, kind, source / output)
    with pytest.raises(ConfigError, match="expected a folder"):
        write_package_manifest(source, source / output)
    assert "expected a folder apart" in refused(capsys, source, "-o", source / output)
    assert contents(tmp_path) == before


def test_all_kinds_are_known_before_one_is_made(source, tmp_path, capsys):
    before = contents(tmp_path)
    error = refused(capsys, source, "--kind", "webdataset", "--kind", "croisant")
    assert "package 'croisant' is unknown" in error
    assert contents(tmp_path) == before


def test_kinds_of_two_versions_of_a_data_set_are_not_mixed(source, tmp_path, capsys):
    def package(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main(["package", str(source), *arguments])
        assert not stopped.value.code

    output, manifest = tmp_path / "packages" / "lensing" / "small", source / "manifest.json"
    package("--kind", "consolidated", "--kind", "card")
    package("--kind", "card")
    write_json(manifest, read_json(manifest) | {"seed": 99})
    before = contents(output)
    error = refused(capsys, source, "--kind", "card")
    assert f"consolidated of another version of {source}, expected" in error
    assert contents(output) == before
    package()
    made = read_json(output / "manifest.json")
    assert (made["seed"], made["source_sha256"]) == (99, sha256_of(manifest))
    assert verify(output) == []


def test_videos_alone_are_described_and_not_packed(snakemake):
    movie = {
        "preset": {"scope": "miniscope_v4", "region": "ca1"},
        "video": True,
        "splits": {"train": 1.0, "val": 0.0, "test": 0.0},
    }
    film = movie | {"recordings": False}
    campaign = {"calcium": {"datasets": {"film": film, "movie": movie}}}
    output = snakemake("--dry-run", "packages", "consolidated", "webdataset", campaign=campaign)
    for file in ("dataset.h5", "webdataset/train.json", "croissant.json", "README.md"):
        assert f"packages/calcium/movie/{file}" in output
        packed = file.startswith(("dataset", "webdataset"))
        assert (f"packages/calcium/film/{file}" in output) != packed
    assert load_campaign(campaign).packages("dataset.h5", of_arrays=True) == [
        "packages/calcium/movie/dataset.h5"
    ]
