"""Data sets feed a DataLoader of PyTorch with two workers, in its own environment."""

import csv
import hashlib
import json
import os
import re
import subprocess
from pathlib import Path

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
import pytest

pytestmark = pytest.mark.peers

PYTHON = Path(os.environ.get("PEERS_VENV", "../peers-venv")) / "torch" / "bin" / "python"
ARRAYS = {
    "ptycho": ["diff3d", "ground_truth_patches"],
    "afm": ["afm", "desc", "sample_id"],
    "halo": ["condition", "target", "large_scale", "params"],
    "calcium": ["observed"],
    "lensing": ["images", "alpha", "beta", "index"],
}


def _by_hand(folder, names):
    """Samples of a data set read with numpy and h5py alone, as its files are documented."""
    with open(folder / "index.csv", newline="") as table:
        rows = list(csv.DictReader(table))
    for row in rows:
        path = folder / row["file"]
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                yield {name: arrays[name] for name in names}
            continue
        with h5py.File(path) as file:
            where = int(row["position"]) if "sample_arrays" in file.attrs else ...
            yield {name: np.asarray(file[name][where]) for name in names}


def _digest(sample):
    text = hashlib.sha256()
    for name in sorted(sample):
        array = sample[name]
        text.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    return text.hexdigest()


def _run(root, command, cwd=None):
    """What a program of the torch environment prints."""
    python = root / PYTHON
    if not python.exists():
        pytest.skip(f"{python} is missing: make peers")
    done = subprocess.run(
        [python, *command],
        env={**os.environ, "PYTHONPATH": str(root / "workflow" / "scripts")},
        capture_output=True,
        text=True,
        cwd=cwd,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _run_loader(root, tmp_path, cases):
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    program = root / "tests" / "workflow" / "torch_loader.py"
    return json.loads(_run(root, [program, tmp_path / "cases.json"]))


def _case(folder, methods=("fork", "spawn"), own_collate=False, **options):
    return {
        "folder": str(folder),
        "methods": methods,
        "own_collate": own_collate,
        "options": options,
    }


def _check(read, expected):
    """Both epochs hold the samples once, in two orders."""
    first, second = read["epochs"]
    assert sorted(first) == sorted(second) == sorted(expected)
    assert first != second


def test_a_loader_gives_the_samples_of_every_domain(
    root, tmp_path, finished, finished_afm, finished_halo, finished_calcium, finished_lensing
):
    tiny = finished / "results" / "ptycho" / "tiny"
    folders = (tiny, finished_afm, finished_halo, finished_calcium, finished_lensing)
    pairs = list(zip(folders, ARRAYS.values(), strict=True))
    cases = [_case(folder, arrays=names) for folder, names in pairs]
    for (folder, names), read in zip(pairs, _run_loader(root, tmp_path, cases), strict=True):
        expected = [_digest(sample) for sample in _by_hand(folder, names)]
        for method in ("fork", "spawn"):
            _check(read[method], expected)
            assert read[method]["kinds"] == dict.fromkeys(names, "Tensor")


def test_the_loop_of_the_page_trains(root, tmp_path, finished_halo):
    page = (root / "docs" / "reading.md").read_text()
    [(program, shown)] = re.findall(
        r'^```python title="train.py"\n(.*?)^```$\n\n^```text\n(.*?)^```$', page, re.M | re.S
    )
    (tmp_path / "train.py").write_text(program)
    (tmp_path / "results" / "halo").mkdir(parents=True)
    (tmp_path / "results" / "halo" / "camels64").symlink_to(finished_halo)
    assert _run(root, [tmp_path / "train.py"], cwd=tmp_path) == shown


def test_molecules_come_as_lists(root, tmp_path, finished_afm):
    cases = [_case(finished_afm, ["fork"], True, arrays=["mol", "afm"])]
    [read] = _run_loader(root, tmp_path, cases)
    assert read["fork"]["kinds"] == {"mol": "list", "afm": "ndarray"}
    expected = []
    with open(finished_afm / "index.csv", newline="") as table:
        for row in csv.DictReader(table):
            with h5py.File(finished_afm / row["file"]) as shard:
                k = int(row["position"])
                first, stop = shard["mol/ptr"][k : k + 2]
                expected.append(
                    _digest({"afm": shard["afm"][k], "mol": shard["mol/data"][first:stop]})
                )
    _check(read["fork"], expected)


def test_a_loader_gives_frames_that_are_read_or_rendered(root, tmp_path, finished_calcium):
    [read] = _run_loader(root, tmp_path, [_case(finished_calcium, item="frame")])
    expected = []
    for sample in _by_hand(finished_calcium, ["observed"]):
        expected += [_digest({"observed": frame}) for frame in sample["observed"]]
    for method in ("fork", "spawn"):
        _check(read[method], expected)


def test_a_loader_gives_normalized_training_samples(root, tmp_path, finished_halo):
    from simlab import open_dataset

    cases = [_case(finished_halo, ["fork"], split="train", normalized=True)]
    [read] = _run_loader(root, tmp_path, cases)
    dataset = open_dataset(finished_halo, split="train", normalized=True)
    _check(read["fork"], [_digest(sample) for sample in dataset])
