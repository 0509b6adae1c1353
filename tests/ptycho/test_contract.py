"""The validator of the data contract, and the examples on its page."""

import re
from pathlib import Path

import h5py
import numpy as np
import pytest
from ptycho_data import raw_data

from simlab.core.files import write_npz
from simlab.ptycho.contract import DTYPES, validate_dataset
from simlab.ptycho.dataset import write_dataset
from simlab.ptycho.files.archive import read_archive

DATA = Path(__file__).parents[1] / "data" / "ptycho"
PAGE = Path(__file__).parents[2] / "docs" / "ptycho-data-contract.md"


@pytest.mark.parametrize(
    "variant",
    [
        {},
        {"frames": 1},
        {"modes": 2},
        {"objects": 2},
        {"dose": True, "mask": True},
        {"counts": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("contract", ["legacy", "canonical"])
@pytest.mark.parametrize("suffix", [".npz", ".h5"])
def test_our_files_keep_the_contract(tmp_path, suffix, contract, variant):
    write_dataset(tmp_path / f"d{suffix}", raw_data(**variant), contract=contract)
    assert validate_dataset(tmp_path / f"d{suffix}") == []


def test_the_peers_file_breaks_it_only_by_its_pickle():
    (problem,) = validate_dataset(DATA / "legacy_simulated_sample.npz")
    assert "_metadata is a pickled Python object" in problem


def spoiled(tmp_path, **changes):
    """Problems of a data set whose npz members are replaced (None: left out)."""
    write_dataset(tmp_path / "good.npz", raw_data(dose=True, mask=True))
    arrays = read_archive(tmp_path / "good.npz") | changes
    kept = {key: np.asarray(value) for key, value in arrays.items() if value is not None}
    write_npz(tmp_path / "d.npz", kept)
    return validate_dataset(tmp_path / "d.npz")


def changed(array, place, value):
    array = array.copy()
    array[place] = value
    return array


RAW = raw_data(dose=True, mask=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scan_index": None}, ["scan_index is missing"]),
        ({"objectGuess": None}, ["objectGuess is missing"]),
        ({"intensity_scale": None}, ["intensity_scale is missing"]),
        ({"_metadata": None}, ["_metadata is missing"]),
        ({"xcoords": RAW.xcoords.astype(np.float32)}, ["xcoords is float32, expected float64"]),
        ({"scan_index": RAW.scan_index.astype(np.int32)}, ["scan_index is int32"]),
        ({"probeGuess": RAW.probeGuess.astype(complex)}, ["probeGuess is complex128"]),
        ({"diffraction": RAW.diff3d}, ["diff3d and diffraction are both there"]),
        (
            {"diff3d": changed(RAW.diff3d, (3, 1, 2), np.nan)},
            ["1 values of frame 3 are not finite"],
        ),
        ({"diff3d": changed(RAW.diff3d, (2, 1), -1)}, ["16 values of frame 2 are negative"]),
        ({"diff3d": changed(RAW.diff3d, (4, 8, 8), 1)}, ["frame 4 are not zero behind the mask"]),
        (
            {"ground_truth_patches": changed(RAW.Y[..., None], (1, 0, 0), np.inf)},
            ["ground_truth_patches: 1 values of frame 1 are not finite"],
        ),
        ({"ground_truth_patches": None}, ["patches are stored, but the file has none"]),
        ({"ground_truth_patches": RAW.Y}, [r"ground_truth_patches has shape (5, 16, 16)"]),
        ({"ycoords_start": changed(RAW.ycoords, 0, np.inf)}, ["ycoords_start: 1 of 5"]),
        ({"probeGuess": RAW.probeGuess * 0}, ["no energy"]),
        ({"objectGuess": changed(RAW.objectGuess, (0, 0), np.nan)}, ["objectGuess: 1 of 1920"]),
        ({"object_index": np.array([0, 0, 1, 0, 0])}, ["object_index is 0..1, there are 1"]),
        ({"dose": None}, ["frame_scale is there without its partner"]),
        ({"dose": changed(RAW.dose, 2, 0)}, ["dose of frame 2 is not positive"]),
        ({"detector_mask": RAW.detector_mask * 2}, ["detector_mask holds values other"]),
        ({"nphotons": np.float64(5)}, ["nphotons is 10000.0, the arrays say 5.0"]),
        ({"intensity_scale": np.float64(np.nan)}, ["intensity_scale is", "intensity_scale is nan"]),
        ({"diff3d": RAW.diff3d.astype(np.uint32)}, ["normalized_amplitude, the frames are uint32"]),
        ({"xcoords": RAW.xcoords[:3]}, ["diff3d has 5 frames, xcoords has 3"]),
        ({"_metadata": np.array('{"schema_version": "9"}')}, ["schema_version is '9'"]),
        (
            {"_metadata": np.array('{"physics_parameters": {"measurement_domain": "photons"}}')},
            ["contradicts"],
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_what_is_spoiled_is_told_and_nothing_else(tmp_path, changes, words):
    problems = spoiled(tmp_path, **changes)
    assert len(problems) == len(words)
    for problem, word in zip(problems, words, strict=True):
        assert word in problem


def test_a_part_of_a_data_set_keeps_the_contract(tmp_path):
    write_dataset(tmp_path / "train.npz", raw_data(5)[:3])
    assert validate_dataset(tmp_path / "train.npz") == []
    raw = raw_data(5)
    raw.metadata["simulation"]["n_images"] = 4
    write_dataset(tmp_path / "d.npz", raw)
    assert validate_dataset(tmp_path / "d.npz") == [
        "metadata: n_images is 4, the file has 5 frames"
    ]


def test_a_file_that_cannot_be_read_is_one_problem(tmp_path):
    (tmp_path / "d.npz").write_bytes(b"nothing")
    (problem,) = validate_dataset(tmp_path / "d.npz")
    assert "not an npz file" in problem
    (problem,) = validate_dataset(tmp_path / "none.h5")
    assert "not found" in problem


def test_root_attributes_of_hdf5_are_checked(tmp_path):
    write_dataset(tmp_path / "d.h5", raw_data())
    with h5py.File(tmp_path / "d.h5", "a") as file:
        file.attrs["format"] = "other"
        file.attrs["sample_arrays"] = '["diff3d", "gone"]'
    problems = validate_dataset(tmp_path / "d.h5")
    assert problems == [
        "attribute format is 'other', expected 'ptycho-dataset'",
        "sample_arrays names gone, which is missing",
    ]


def test_every_key_is_on_the_page():
    text = PAGE.read_text()
    for key in (*DTYPES, "_metadata", "diffraction"):
        assert f"`{key}`" in text, key


def test_the_examples_of_the_page_run(tmp_path, monkeypatch, capsys):
    raw = raw_data()
    write_dataset(tmp_path / "simulated.npz", raw)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(blocks) >= 5
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), {})
    printed = capsys.readouterr().out
    counts = np.rint((raw.diff3d.astype(float) * 3) ** 2).sum(axis=(1, 2)).mean()
    assert f"mean photons per pattern: {counts}" in printed
