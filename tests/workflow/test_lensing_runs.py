"""The workflow on small lensing data sets: files, re-runs, shards, the commands' bytes, errors."""

import copy
import shutil
import time
from pathlib import Path

import h5py
import pytest
from lensing_finished import SMALL, SmallDataset
from workflow_jobs import jobs_of, run_campaign, temporary_names

from simlab.core.files import read_json
from simlab.core.manifest import require_verified

NAME = "tiny.v1+2"
TABLE = {
    "simulator": {"parameters": "rows.csv", "imagesize": 64, "nterms": 3, "reference": "centre"},
    "output": {"shard_size": 2},
}
ROWS = """index,filename,lens,source,einsteinradius,ellipseratio,orientation,sigma,x,y
1,first.png,SIS,Spherical,6,,,3,14,5
2,second.png,SIE,Spherical,7,0.7,30,3,-3,16
3,third.png,PM,Spherical,5,,,2.5,13,-9
"""
CAMPAIGN = {"lensing": {"datasets": {NAME: SMALL, "table": TABLE}}}
PICTURES = {"lensing_images", "lensing_resimulations", "lensing_roulette_images", "lensing_pngs"}
GATHERING = {
    *("lensing_tables", "lensing_normalization", "lensing_checks", "lensing_comparison"),
    *("lensing_preview", "lensing_manifest"),
}


@pytest.fixture(scope="module")
def finished(root, tmp_path_factory):
    """Folder of the campaign, run once for all tests that only look at it."""
    folder = tmp_path_factory.mktemp("finished_lensing")
    (folder / "rows.csv").write_text(ROWS)
    return run_campaign(root, folder, CAMPAIGN)


@pytest.fixture
def copy_of(finished, tmp_path):
    """A copy of the finished campaign that a test may change."""
    return shutil.copytree(finished, tmp_path / "copy")


@pytest.fixture
def campaign():
    """The campaign as a mapping that a test may change."""
    return copy.deepcopy(CAMPAIGN)


def data_set(directory, name=NAME):
    return Path(directory) / "results" / "lensing" / name


def files_of(folder):
    files = (path for path in folder.rglob("*.*") if path.is_file())
    return {path.relative_to(folder) for path in files if not path.name.startswith(".")}


def test_the_rules_write_what_their_stages_write(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(finished)
    for name, mapping in CAMPAIGN["lensing"]["datasets"].items():
        made = SmallDataset.of(tmp_path / name, mapping).make()
        assert files_of(made.folder) == files_of(data_set(finished, name))
        for file in sorted(files_of(made.folder)):
            if file.suffix == ".h5" or file.name == "manifest.json":
                continue  # code digests
            ours, theirs = made.path(file), data_set(finished, name) / file
            assert ours.read_bytes() == theirs.read_bytes(), file
        for file in made.shards("images"):
            with (
                h5py.File(file) as a,
                h5py.File(data_set(finished, name) / "images" / file.name) as b,
            ):
                assert set(a) == set(b)
                for key in a:
                    if isinstance(a[key], h5py.Dataset):
                        assert (a[key][()] == b[key][()]).all(), key


def test_the_manifest_verifies_and_a_flipped_bit_is_found(snakemake, copy_of, campaign):
    assert require_verified([data_set(copy_of), data_set(copy_of, "table")]) is None
    assert "png/00000/image-000001.png" in read_json(data_set(copy_of) / "manifest.json")["files"]
    first = data_set(copy_of) / "images" / "00000.h5"
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)
    output = snakemake("verify", campaign=campaign, directory=copy_of, code=1)
    assert "00000.h5: content differs from the manifest" in output


def test_a_second_run_has_nothing_to_do(snakemake, copy_of, campaign):
    assert "Nothing to be done" in snakemake(campaign=campaign, directory=copy_of)


@pytest.mark.parametrize(
    ("section", "values", "expected", "untouched"),
    [
        ("splits", {"train": 0.5, "val": 0.0, "test": 0.5},
         {"lensing_images", "lensing_tables", "lensing_normalization"},
         {"lensing_parameters", "lensing_roulette_images"}),
        ("splits", {"variables": "ml"}, {"lensing_tables", "lensing_checks"},
         {"lensing_parameters"} | PICTURES - {"lensing_resimulations"}),
        ("output", {"formulas": ["SIS3", "PM2"]}, {"lensing_formulas", "lensing_manifest"},
         {"lensing_parameters", "lensing_tables"} | PICTURES),
        ("simulator", {"reference": "centre"}, PICTURES | GATHERING, {"lensing_parameters"}),
        ("simulator", {"nterms": 4}, {"lensing_parameters"} | PICTURES | GATHERING, set()),
        ("lens", {"einstein-max": 9}, {"lensing_parameters"} | PICTURES | GATHERING, set()),
    ],
)  # fmt: skip
def test_a_changed_key_reruns_what_depends_on_it(
    snakemake, campaign, copy_of, section, values, expected, untouched
):
    del campaign["lensing"]["datasets"]["table"]
    campaign["lensing"]["datasets"][NAME][section].update(values)
    jobs = jobs_of(snakemake("--dry-run", campaign=campaign, directory=copy_of))
    assert expected <= jobs
    assert not untouched & jobs


def test_other_shards_change_no_picture_and_no_number(root, finished, tmp_path):
    mapping = copy.deepcopy(SMALL)
    mapping["output"] = {**mapping["output"], "shard_size": 7}
    campaign = {"lensing": {"datasets": {"renamed": mapping}}}
    other = data_set(run_campaign(root, tmp_path, campaign), "renamed")
    for name in ("normalization.json", "checks.json", "roulette.csv", "splits/train.csv"):
        assert (other / name).read_bytes() == (data_set(finished) / name).read_bytes(), name
    for kind in ("images", "resim", "roulette_images"):
        pictures = [
            [picture for path in sorted((folder / kind).glob("*.h5")) for picture in opened(path)]
            for folder in (other, data_set(finished))
        ]
        assert len(pictures[0]) == len(pictures[1]) == 12
        assert all((a == b).all() for a, b in zip(*pictures, strict=True))


def opened(path):
    import hdf5plugin  # noqa: F401

    with h5py.File(path) as file:
        return file["images"][()]


def test_a_shard_is_a_target(snakemake, campaign):
    target = f"results/lensing/{NAME}/resim/00001.h5"
    jobs = jobs_of(snakemake(target, "--dry-run", campaign=only_drawn(campaign)))
    assert jobs == {"lensing_parameters", "lensing_images", "lensing_resimulations"}


def only_drawn(campaign):
    del campaign["lensing"]["datasets"]["table"]
    return campaign


@pytest.mark.parametrize(
    ("section", "values", "expected"),
    [
        ("simulator", {"nterm": 4}, "did you mean nterms?"),
        ("lens", {"einstein-min": 12}, "einstein-min (12) is above einstein-max (10)"),
        ("simulator", {"nterms": 201}, "less than or equal to 200"),
        ("splits", {"train": 0.9}, "train + val + test is 1.4"),
        ("source", {"mode": "Sersic"}, "source.mode"),
    ],
)
def test_what_is_wrong_is_told_by_a_dry_run_without_a_traceback(
    snakemake, campaign, section, values, expected
):
    only_drawn(campaign)["lensing"]["datasets"][NAME][section].update(values)
    output = snakemake("--dry-run", campaign=campaign, code=1)
    assert f"lensing.datasets.{NAME}" in output
    assert expected in output
    assert "Traceback" not in output


def test_a_table_that_is_not_there_is_told_by_a_dry_run(snakemake, campaign):
    del campaign["lensing"]["datasets"][NAME]
    output = snakemake("--dry-run", campaign=campaign, code=1)
    assert "lensing.datasets.table: simulator.parameters: file not found: rows.csv" in output


def test_bad_rows_of_a_table_stop_before_any_picture(snakemake, campaign, tmp_path):
    del campaign["lensing"]["datasets"][NAME]
    (tmp_path / "rows.csv").write_text(ROWS.replace("0.7,30", "1.7,30"))
    output = snakemake(campaign=campaign, directory=tmp_path, code=1)
    assert "rows.csv: row 2: ellipseratio is 1.7" in output
    assert not (data_set(tmp_path, "table") / "parameters.csv").exists()
    assert not (data_set(tmp_path, "table") / "images").exists()


def test_a_broken_picture_fails_the_checks_and_leaves_a_list(snakemake, campaign, copy_of):
    import hdf5plugin  # noqa: F401

    with h5py.File(data_set(copy_of) / "images" / "00000.h5", "r+") as file:
        file["images"][0, 3, 3] = 300.0
    arguments = ("--force", f"results/lensing/{NAME}/checks.json")
    output = snakemake(*arguments, campaign=only_drawn(campaign), directory=copy_of, code=1)
    assert "surface-brightness" in output
    rows = read_json(data_set(copy_of) / "checks.failed.json")
    failed = [row["id"] for row in rows if not row["passed"]]
    assert failed == ["surface-brightness", "rows-reproducible", "tables-agree"]


def test_published_files_hold_no_paths_hosts_or_times(finished):
    for path in (finished / "results").rglob("*.*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(finished).encode() not in content, path
            assert not temporary_names(content), path
            assert time.strftime("%Y-%m-%d").encode() not in content, path
