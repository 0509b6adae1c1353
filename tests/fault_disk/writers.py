"""Writes a file of every kind that `simlab.core` knows, as a job of the workflow does; twice."""

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from simlab.core.checks import Check, write_checks
from simlab.core.files import write_csv, write_json, write_npz, write_text
from simlab.core.hdf5 import create_hdf5
from simlab.core.job import job
from simlab.core.manifest import write_folder_manifest
from simlab.core.tables import write_statistics_table

NUMBERS = np.random.default_rng(1).normal(size=(64, 4096))


def _stream(path):
    """2 MB in an HDF5 file, in blocks, compressed ones too."""
    with create_hdf5(path) as file:
        plain = file.create_dataset("plain", NUMBERS.shape, "f8")
        packed = file.create_dataset("packed", NUMBERS.shape, "f4", chunks=(1, 4096), shuffle=True,
                                     compression="gzip")  # fmt: skip
        for row, values in enumerate(NUMBERS):
            plain[row], packed[row] = values, values
        file.attrs["spec"] = "x" * 2000


def _write_all(folder):
    write_text(folder / "a.txt", "x" * 300_000)
    write_json(folder / "a.json", NUMBERS[:4])
    write_csv(folder / "a.csv", ["a", "b"], NUMBERS[:2].T)
    write_npz(folder / "a.npz", {"a": NUMBERS, "b": NUMBERS[:3]})
    write_npz(folder / "deflated.npz", {"a": NUMBERS}, level=1, runs=True)
    _stream(folder / "a.h5")
    write_checks(folder / "checks.json", [Check("x", "y", 0.0, 1.0, "", True)] * 500)
    write_statistics_table(folder / "statistics.html", {"a": list(NUMBERS[0])})
    files = [folder / "a.npz", folder / "a.h5"]
    write_folder_manifest("afm", {"seed": 1}, "code", files, folder / "manifest.json")


folder, log = map(Path, sys.argv[1:])
wildcards, rule = {"dataset": "one"}, "afm_shard"
with job(SimpleNamespace(log=[log], threads=1, rule=rule, wildcards=wildcards)):
    for _ in range(2):
        _write_all(folder)
