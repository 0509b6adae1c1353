"""Packages of small data sets made by hand: what is told, refused, and what depends on inputs."""

import json
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import h5py
import numpy as np
import pytest
from pydantic import Field

from simlab.core.checks import Check, write_checks
from simlab.core.config import Section
from simlab.core.dataset import Dataset
from simlab.core.errors import (
    ChecksFailedError,
    ConfigError,
    InputFileError,
    MissingFileError,
    SimlabError,
)
from simlab.core.files import read_json, write_csv, write_json, write_npz
from simlab.core.manifest import write_manifest
from simlab.core.packages.card import descriptions, flat, moments, table, write_card
from simlab.core.packages.consolidated import write_consolidated
from simlab.core.packages.croissant import file_groups, write_croissant
from simlab.core.packages.described import Described, Origin, licenses, origins
from simlab.core.packages.source import column_types, finished
from simlab.core.packages.webdataset import write_webdataset
from simlab.packages import kinds_of


class Inner(Section):
    width: float = Field(2.0, description="Width, px")


class Model(Section):
    seed: int = Field(0, description="Seed")
    part: Inner | None = Field(None, description="A part")
    other: Annotated[Inner, Field(description="Another")] = Inner()


DESCRIBED = Described(
    title="Waves",
    what="Waves on a string.",
    sample="a wave",
    split_unit="the string",
    arrays={"wave": ("m", "displacement"), "number": ("", "a number")},
    columns={"tension": ("N", "of the string")},
    other_columns=None,
    limits=("Strings do not break.",),
    model=Model,
    inputs=lambda spec, folder: [],
)
COUNT = 5


@pytest.fixture
def folder(tmp_path):
    """Five samples in npz files; the last is excluded."""
    place = tmp_path / "results" / "waves" / "few"
    rows = []
    for k in range(COUNT):
        arrays = {"wave": np.arange(6.0).reshape(2, 3) + k, "number": np.float64(k / 3)}
        write_npz(place / f"samples/{k}.npz", arrays)
        split = ("train", "train", "val", "train", "excluded")[k]
        rows.append((k, f"samples/{k}.npz", 0, split, k / 7 if k else None))
    write_csv(place / "index.csv", ["id", "file", "position", "split", "tension"], rows)
    write_checks(place / "checks.json", [Check("height", "a | b", 0.5, 1.0, "m", True)])
    write_json(place / "normalization.json", {"n_samples": 3, "wave": {"mean": 1.0, "std": 2.0}})
    (place / "preview.png").write_bytes(b"png")
    finish(place)
    return place


def finish(place):
    files = [path.relative_to(place).as_posix() for path in place.rglob("*.*")]
    write_manifest(
        place / "manifest.json",
        domain="waves",
        dataset="few",
        files=[name for name in files if name != "manifest.json"],
        spec={"seed": 4, "part": None, "other": {"width": 3.5}},
        seed=4,
        code="0123456789abcdef",
    )


def source_of(folder, described=DESCRIBED):
    return finished(Dataset(folder, domain="waves"), described)


def spoil(folder, name, change):
    content = read_json(folder / name)
    change(content)
    write_json(folder / name, content)


def test_samples_of_a_split_are_numbered_by_their_row(folder, tmp_path):
    source = source_of(folder)
    tar, index = write_webdataset(source, "train", tmp_path / "out")
    with tarfile.open(tar) as members:
        assert members.getnames() == [
            f"{number:09d}.{end}" for number in (0, 1, 3) for end in ("wave.npy", "json")
        ]
        record = json.load(members.extractfile("000000001.json"))
    assert record == {
        "id": "1",
        "file": "samples/1.npz",
        "position": 0,
        "split": "train",
        "tension": 1 / 7,
        "scalars": {"number": 1 / 3},
    }
    assert read_json(index)["shardlist"] == [
        {"url": "train-00000.tar", "nsamples": 3, "filesize": tar.stat().st_size}
    ]


def test_a_sample_larger_than_the_size_has_a_tar_of_its_own(folder, tmp_path):
    *tars, index = write_webdataset(source_of(folder), "train", tmp_path, megabytes=1e-6)
    assert [path.name for path in tars] == [f"train-0000{k}.tar" for k in range(3)]
    assert sum(entry["nsamples"] for entry in read_json(index)["shardlist"]) == 3


def test_a_split_without_samples_has_an_empty_list(folder, tmp_path):
    (index,) = write_webdataset(source_of(folder), "test", tmp_path)
    assert read_json(index)["shardlist"] == []


@pytest.mark.parametrize("options", [{"megabytes": 0}, {"megabytes": -1}, {"split": "excluded"}])
def test_splits_and_sizes_that_make_no_tars_are_refused(folder, tmp_path, options):
    with pytest.raises(ConfigError, match="expected"):
        write_webdataset(source_of(folder), **{"split": "train", "output": tmp_path, **options})


def test_a_run_that_fails_leaves_the_earlier_tars_as_they_were(folder, tmp_path):
    def contents():
        return {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

    write_webdataset(source_of(folder), "train", tmp_path / "out", megabytes=1e-6)
    earlier = contents()
    write_npz(folder / "samples/0.npz", {"wave": np.zeros((2, 3)), "number": np.float64(5)})
    (folder / "samples/3.npz").unlink()
    with pytest.raises(MissingFileError, match=r"3\.npz"):
        write_webdataset(source_of(folder), "train", tmp_path / "out", megabytes=1e-6)
    assert contents() == earlier


def test_names_that_members_cannot_have_are_refused(folder, tmp_path):
    write_npz(folder / "samples/0.npz", {"a.b": np.zeros(2)})
    with pytest.raises(SimlabError, match=r"'a\.b'"):
        write_webdataset(source_of(folder), "train", tmp_path / "out")
    assert not list(tmp_path.glob("out/*.tar"))


def test_npz_files_are_copied_with_a_chunk_a_sample(folder, tmp_path):
    source = source_of(folder)
    path = write_consolidated(source, tmp_path / "d.h5", Path("results/waves/few"))
    with h5py.File(path) as file:
        assert file["wave"].chunks == (1, 2, 3)
        assert file["wave"].attrs["unit"] == "m"
        assert "unit" not in file["number"].attrs
        for row, sample in enumerate(source.dataset):
            np.testing.assert_array_equal(file["wave"][row], sample["wave"])
            assert file["number"][row] == sample["number"]
        assert file["rows/train"][:].tolist() == [0, 1, 3]
        assert file["rows/excluded"][:].tolist() == [4]
        assert np.isnan(file["table/tension"][0])


def test_samples_of_other_shapes_are_refused(folder, tmp_path):
    write_npz(folder / "samples/2.npz", {"wave": np.zeros((2, 4)), "number": np.float64(0)})
    with pytest.raises(InputFileError, match=r"2\.npz: holds .*\(2, 4\).*expected .*\(2, 3\)"):
        write_consolidated(source_of(folder), tmp_path / "d.h5", Path("few"))
    assert not (tmp_path / "d.h5").exists()


def test_videos_are_described_but_not_joined(folder, tmp_path):
    index = folder / "index.csv"
    index.write_text(index.read_text().replace(".npz", ".avi"))
    finish(folder)
    source = source_of(folder)
    with pytest.raises(InputFileError, match=r"0\.avi: holds no arrays"):
        write_consolidated(source, tmp_path / "d.h5", Path("few"))
    with pytest.raises(InputFileError, match=r"0\.avi holds no arrays"):
        write_webdataset(source, "train", tmp_path)
    path = write_croissant(source, tmp_path / "croissant.json", Path("few"))
    names = [entry["name"] for entry in read_json(path)["recordSet"]]
    assert names == ["splits", "index"]
    card, _ = write_card(source, tmp_path / "README.md", Path("few"))
    assert "they hold no arrays" in card.read_text()
    assert "webdataset/" not in card.read_text()
    assert kinds_of(source) == ("croissant", "card")


def test_the_card_is_told_by_the_files(folder, tmp_path):
    card, _ = write_card(source_of(folder), tmp_path / "README.md", Path("../few"))
    text = card.read_text()
    for line in (
        "| train | 3 |",
        "| excluded | 1 |",
        "| `wave` | (2, 3) | float64 | m | displacement |",
        "| `other.width` | `3.5` | Width, px |",
        "| `wave` | 1 | 2 |  |  |",
        "| `height` | 0.5 | 1 | m | a \\| b |",
        "* Strings do not break.",
        "license: mit",
        'dataset = simlab.open_dataset("../few")',
    ):
        assert f"\n{line}\n" in text, line
    assert "`part`" not in text


def test_the_card_tells_that_constants_are_those_of_logarithms(folder, tmp_path):
    card, _ = write_card(source_of(folder), tmp_path / "README.md", Path("few"))
    assert "those of log10" not in card.read_text()
    content = read_json(folder / "normalization.json") | {"transform": "log10(x+1), z-score"}
    write_json(folder / "normalization.json", content)
    finish(folder)
    card, _ = write_card(source_of(folder), tmp_path / "README.md", Path("few"))
    assert "split. Numbers of `fields` are those of log10(x+1). `norm" in card.read_text()


def test_inputs_of_the_user_leave_the_license_open(folder, tmp_path):
    user = replace(DESCRIBED, inputs=lambda spec, folder: [Origin("a.npz", "a user", None)])
    source = source_of(folder, user)
    card, _ = write_card(source, tmp_path / "README.md", Path("few"))
    assert "license: other\n" in card.read_text()
    assert "| `a.npz` | a user | not known |" in card.read_text()
    path = write_croissant(source, tmp_path / "croissant.json", Path("few"))
    assert read_json(path)["license"] == ["inputs of the user: a.npz"]


def test_licenses_are_those_of_all_inputs_and_our_own():
    known = origins(["a", None, "b", "a"], {"a": ("A", "BSD-3-Clause"), "b": ("B", "MIT")})
    assert [origin.name for origin in known] == ["a", "b"]
    assert licenses(known) == ["BSD-3-Clause", "MIT"]
    assert licenses([]) == ["MIT"]
    assert licenses([*known, *origins(["mine"], {})]) is None
    assert origins(["/home/me/mine.npz"], {}) == [Origin("mine.npz", "file of the user", None)]


def test_files_are_grouped_by_folder_and_ending():
    files = ["a.json", "test/sim_1/x_2.npz", "test/sim_12/y.npz", "test/sim_1/y.json"]
    assert file_groups(files) == {
        "a.json": ["a.json"],
        "test/sim_*/*.npz": ["test/sim_1/x_2.npz", "test/sim_12/y.npz"],
        "test/sim_*/*.json": ["test/sim_1/y.json"],
    }


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "-20"], int),
        (["1", ""], float),
        (["1", "2.5e-3"], float),
        (["nan", "1.0"], float),
        (["1", "007"], str),
        (["1_0", "2_0"], str),
        (["1", str(2**64)], str),
        (["", ""], str),
        (["1", "ok"], str),
    ],
)
def test_columns_have_the_type_of_all_their_cells(folder, cells, kind):
    header = ["id", "file", "position", "split", "tension"]
    rows = [(k, f"samples/{k}.npz", 0, "train", cell) for k, cell in enumerate(cells)]
    write_csv(folder / "index.csv", header, rows)
    finish(folder)
    assert column_types(source_of(folder)) == {
        "id": str,
        "file": str,
        "position": int,
        "split": str,
        "tension": kind,
    }


def test_keys_of_a_configuration_are_described_at_any_depth():
    assert descriptions(Model) == {
        "seed": "Seed",
        "part": "A part",
        "part.width": "Width, px",
        "other": "Another",
        "other.width": "Width, px",
    }
    assert dict(flat({"a": {"b": [1, 2], "c": {}}, "d": None})) == {
        "a.b": [1, 2],
        "a.c": {},
        "d": None,
    }


def test_statistics_are_found_where_there_is_a_mean():
    values = {
        "mean": 1,
        "std": 2,
        "tips": {"CO": [{"mean": 3.0, "std": 4.0}]},
        "colors": {"mean": [5, 6], "std": [7, 8], "p50": [0, 0]},
        "empty": {"mean": None, "std": None},
    }
    assert [(name, found["mean"], found["std"]) for name, found in moments(values)] == [
        ("all samples", 1, 2),
        ("tips.CO[0]", 3.0, 4.0),
        ("colors[0]", 5, 7),
        ("colors[1]", 6, 8),
    ]


def test_cells_do_not_break_a_table():
    assert table(("a", "b"), [("x|y", None), ("p\nq", 1 / 3)]).splitlines()[2:] == [
        "| x\\|y |  |",
        "| p q | 0.333333 |",
    ]


def test_a_list_of_failed_checks_stops_packages(folder):
    write_json(folder / "checks.failed.json", [{"id": "height", "passed": False}])
    with pytest.raises(ChecksFailedError, match=r"checks\.failed\.json: height failed"):
        source_of(folder)


@pytest.mark.parametrize("name", ["manifest.json", "checks.json", "normalization.json"])
def test_what_is_missing_or_no_table_is_named(folder, name):
    there = (folder / name).read_bytes()
    (folder / name).unlink()
    with pytest.raises(MissingFileError, match=name):
        source_of(folder)
    (folder / name).write_bytes(b"[1, 2]" if name != "normalization.json" else there[:-3])
    with pytest.raises(SimlabError, match=name):
        source_of(folder)
    (folder / name).write_bytes(there)
    source_of(folder)


def test_an_array_that_nobody_described_is_named(folder, tmp_path):
    arrays = {name: value for name, value in DESCRIBED.arrays.items() if name != "wave"}
    with pytest.raises(KeyError, match="wave"):
        write_card(
            source_of(folder, replace(DESCRIBED, arrays=arrays)), tmp_path / "R.md", Path("few")
        )


def test_entries_of_a_manifest_that_are_no_hashes_are_refused(folder):
    spoil(folder, "manifest.json", lambda content: content["files"].update({"index.csv": 3}))
    with pytest.raises(SimlabError, match=r"index\.csv"):
        source_of(folder)
