"""The finished data set that a package is made from."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from simlab.core.dataset import Dataset
from simlab.core.errors import ChecksFailedError, InputFileError, IntegrityError
from simlab.core.files import read_json, sha256_of
from simlab.core.inputs import shown
from simlab.core.packages.described import Described

PARTS = ("train", "val", "test")
"""The splits that have tars; excluded samples are in none."""
WHOLE = re.compile(r"-?(0|[1-9]\d*)")
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d*)?([eE][+-]?\d+)?|nan|-?inf")
LARGEST = 2**63 - 1
SMALL = ("index.csv", "checks.json", "normalization.json")
"""Files whose hashes are compared before anything is packaged; `verify` compares all."""


@dataclass(frozen=True)
class Source:
    """A finished data set whose checks passed.

    Attributes
    ----------
    folder : Path
    manifest, normalization : dict
    checks : list of dict
    dataset : Dataset
        All samples, in the order of index.csv.
    described : Described
        Of the domain.
    inputs : list of Origin
    """

    folder: Path
    manifest: dict
    checks: list
    normalization: dict
    dataset: Dataset
    described: Described
    inputs: list

    @property
    def name(self):
        """Of the data set."""
        return self.manifest["dataset"]

    @property
    def header(self):
        """Columns of index.csv."""
        return self.dataset.index.header

    def row(self, number):
        """Row `number` of index.csv, a dict of texts."""
        return self.dataset.index[number]

    def column(self, name):
        """Cells of a column of index.csv, texts."""
        return self.dataset.index.column(name)

    def numbers(self, split):
        """Places in index.csv of the samples of a split, ascending."""
        splits = self.dataset.index.splits()
        return [number for number, name in enumerate(splits) if name == split]

    def counts(self):
        """{split: samples} of train, val, test and excluded; without those that have none."""
        counts = Counter(self.dataset.index.splits())
        return {split: counts[split] for split in (*PARTS, "excluded") if counts[split]}


def finished(dataset, described):
    """A whole data set as Source.

    Parameters
    ----------
    dataset : Dataset
        As `simlab.open_dataset(folder)` gives it.
    described : Described
        Of the domain.

    Errors: MissingFileError, InputFileError; ChecksFailedError if a check failed; IntegrityError
    if index, checks or statistics are not those of the manifest.
    """
    folder = dataset.folder
    _require_passed(folder)
    manifest = read_json(folder / "manifest.json")
    for key, kind in {"files": dict, "domain": str, "dataset": str, "spec": dict}.items():
        if not isinstance(manifest, dict) or not isinstance(manifest.get(key), kind):
            raise InputFileError(f"{folder / 'manifest.json'}: no {key}, it is no manifest")
    for name in SMALL:
        entry = manifest["files"].get(name)
        if not isinstance(entry, dict) or sha256_of(folder / name) != entry.get("sha256"):
            raise IntegrityError(
                f"{folder / name}: content differs from manifest.json (sha256), expected files of "
                "one run; make the data set again"
            )
    checks, normalization = (read_json(folder / name) for name in SMALL[1:])
    inputs = described.inputs(manifest["spec"], folder)
    return Source(folder, manifest, checks, normalization, dataset, described, inputs)


def holds_arrays(source):
    """Whether the samples are in HDF5 or npz files; those of others, videos, hold no arrays."""
    return len(source.dataset) > 0 and source.row(0)["file"].endswith((".h5", ".npz"))


def arrays_of(source):
    """{array: (shape, dtype)} of the first sample, as texts; empty where samples hold no arrays.

    Sides that are not the same in all samples are "n".
    """
    if not holds_arrays(source):
        return {}
    first, last = source.dataset[0], source.dataset[-1]
    return {
        name: (_shape(name, array, last, source), str(array.dtype)) for name, array in first.items()
    }


def _shape(name, array, other, source):
    differ = name in source.described.ragged or source.described.further
    sides = [
        "n" if differ and size != further else str(size)
        for size, further in zip(array.shape, other[name].shape, strict=True)
    ]
    return f"({', '.join(sides)}{',' if len(sides) == 1 else ''})"


def _require_passed(folder):
    failures, path = folder / "checks.failed.json", folder / "checks.json"
    rows = read_json(failures if failures.is_file() else path)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputFileError(f"{path}: {shown(rows)}, expected a list of checks")
    failed = [str(row.get("id")) for row in rows if row.get("passed") is not True]
    if failed or failures.is_file():
        raise ChecksFailedError(
            f"{failures if failures.is_file() else path}: {', '.join(failed)} failed, expected a "
            "data set whose checks passed; such a one is not packaged"
        )


def column_types(source):
    """{column of index.csv: int, float or str}.

    A column is of whole numbers where every cell is one, else of numbers where every cell that
    is filled is one, else text; so are whole numbers that do not fit 64 bits, and those that begin
    with a needless 0. Names, files and splits are text whatever they look like.
    """
    return {name: _type_of(name, source.column(name)) for name in source.header}


def _type_of(name, cells):
    filled = [cell for cell in cells if cell]
    if name in ("id", "file", "split") or not filled or not all(map(NUMBER.fullmatch, filled)):
        return str
    if not all(map(WHOLE.fullmatch, filled)):
        return float
    if any(abs(int(cell)) > LARGEST for cell in filled):
        return str
    return int if len(filled) == len(cells) else float


def typed(cell, kind):
    """A cell of index.csv as value of its column; None where a number is missing."""
    return cell if kind is str else kind(cell) if cell else None
