"""What is published of the splits, and that no unit of a data set lies in two of them."""

import shutil
from importlib import import_module

import pytest

import simlab
from simlab.core.errors import IntegrityError
from simlab.core.files import read_csv, read_json, write_csv
from simlab.core.manifest import write_folder_manifest

UNITS = {
    "ptycho": ("side of the scan", "y"),
    "afm": ("molecule", "mol_id"),
    "halo": ("simulation", "sim"),
    "calcium": ("recording", "id"),
    "lensing": ("row", "index"),
}


@pytest.fixture(scope="module")
def folders(finished, finished_afm, finished_halo, finished_calcium, finished_lensing):
    """{domain: folder of a finished data set}."""
    tiny = finished / "results" / "ptycho" / "tiny"
    every = (tiny, finished_afm, finished_halo, finished_calcium, finished_lensing)
    return dict(zip(UNITS, every, strict=True))


@pytest.mark.parametrize("domain", UNITS)
def test_the_manifest_tells_unit_seed_and_counts(folders, domain):
    manifest = read_json(folders[domain] / "manifest.json")
    split, dataset = manifest["split"], simlab.open_dataset(folders[domain])
    assert (split["unit"], split["column"]) == UNITS[domain]
    drawn = domain in ("afm", "halo", "lensing")
    assert split["seed"] == (manifest["seed"] if drawn else None)
    for name, count in split["counts"].items():
        assert count == len(dataset.split(name)), name
    assert split["column"] in dataset.index.header


def _spoiled(folder, copy, change):
    """A copy of a data set whose index.csv `change` altered, as a list of dicts."""
    shutil.copytree(folder, copy)
    header, rows = read_csv(copy / "index.csv")
    rows = [dict(zip(header, row, strict=True)) for row in rows]
    change(rows)
    write_csv(copy / "index.csv", header, [list(row.values()) for row in rows])
    return copy


def _publish(folder, domain, **changes):
    spec = read_json(folder / "manifest.json")["spec"] | changes
    unit = import_module(f"simlab.{domain}.splits").unit_of(spec)
    files = [folder / "index.csv"]
    write_folder_manifest(domain, spec, "code", files, folder / "new.json", unit)


def _move_last(rows):
    rows[-1]["split"] = "test" if rows[-1]["split"] == "train" else "train"


def _swap_sides(rows):
    low = min(rows, key=lambda row: float(row["y"]))
    low["split"] = "test"


@pytest.mark.parametrize(
    ("domain", "change", "told"),
    [
        ("ptycho", _swap_sides, "y of .* reaches .*, a side of the scan belongs to one split"),
        ("afm", _move_last, "mol_id . is in .*, a molecule belongs to one split"),
        ("halo", _move_last, "sim . is in .*, a simulation belongs to one split"),
        ("lensing", lambda rows: rows[0].update(index=rows[-1]["index"], split="val"), "index 12"),
        ("calcium", lambda rows: rows[0].update(id=rows[-1]["id"], split="train"), "id [0-9a-f]+"),
    ],
)
def test_nothing_is_published_with_a_unit_in_two_splits(folders, tmp_path, domain, change, told):
    _publish(_spoiled(folders[domain], tmp_path / "good", lambda rows: None), domain)
    spoiled = _spoiled(folders[domain], tmp_path / "spoiled", change)
    with pytest.raises(IntegrityError, match=told):
        _publish(spoiled, domain)
    assert not (spoiled / "new.json").exists()


def test_recordings_of_one_scene_may_be_required_to_stay_together(folders, tmp_path):
    def apart(rows):
        rows[0]["split"], rows[1]["split"], rows[1]["seed"] = "train", "test", rows[0]["seed"]

    spoiled = _spoiled(folders["calcium"], tmp_path / "spoiled", apart)
    _publish(spoiled, "calcium")
    with pytest.raises(IntegrityError, match=r"seed \d is in .*, a scene belongs to one split"):
        _publish(spoiled, "calcium", splits={"by": "scene"})
