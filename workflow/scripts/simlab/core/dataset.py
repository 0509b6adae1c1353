"""Reading a data set of any domain sample by sample, for training loops and notebooks."""

import json
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from simlab.core.errors import ConfigError, InputFileError, MissingFileError
from simlab.core.files import read_csv, read_npz
from simlab.core.inputs import shown
from simlab.core.splits import ALIASES, SPLITS

FIRST_COLUMNS = ["id", "file", "position", "split"]


class Dataset:
    """The samples that the `index.csv` of a data set lists.

    `len(dataset)` counts them, a slice is a data set, and `dataset[i]` is sample i as a dict of
    numpy arrays: from HDF5 files the arrays that the root attribute `sample_arrays` names, cut at
    the sample's position; from files without it all arrays, whole.

    Parameters
    ----------
    folder : path
        `results/<domain>/<dataset>`.
    """

    def __init__(self, folder, _rows=None):
        self.folder = Path(folder)
        if _rows is None:
            path = self.folder / "index.csv"
            header, table = read_csv(path)
            if header[:4] != FIRST_COLUMNS:
                raise InputFileError(
                    f"{path}: first columns are {header[:4]}, expected {FIRST_COLUMNS}"
                )
            _rows = [dict(zip(header, row, strict=True)) for row in table]
            _check_rows(path, _rows)
        self.index = _rows
        self._open = {}

    def split(self, name):
        """The samples of one split: train, val (or validation), test or excluded."""
        name = ALIASES.get(name, name)
        if name not in SPLITS:
            raise ConfigError(f"split {name!r} is unknown, known: {', '.join(SPLITS)}")
        return Dataset(self.folder, [row for row in self.index if row["split"] == name])

    def __len__(self):
        return len(self.index)

    def __getitem__(self, item):
        if isinstance(item, slice):
            return Dataset(self.folder, self.index[item])
        row = self.index[item]
        path = self.folder / row["file"]
        if not path.is_file():
            raise MissingFileError(f"{path}: missing, index.csv names it for sample {row['id']}")
        if path.suffix == ".h5":
            return self._from_hdf5(path, int(row["position"]))
        if path.suffix == ".npz":
            return read_npz(path)
        raise InputFileError(f"{path} holds no arrays; expected an .h5 or .npz file")

    def __iter__(self):
        return (self[item] for item in range(len(self)))

    def __getstate__(self):
        return {**self.__dict__, "_open": {}}  # file handles stay in the process that opened them

    def _from_hdf5(self, path, position):
        import hdf5plugin  # noqa: F401 - registers the compression filters

        from simlab.core.hdf5 import open_hdf5, read_values

        if path not in self._open:
            with ExitStack() as stack:
                file = stack.enter_context(open_hdf5(path))
                arrays, cut = _sample_arrays(path, file)
                self._open[path] = arrays, cut, stack.pop_all()
        arrays, cut, _ = self._open[path]
        if not cut:
            return {name: read_values(data) for name, data in arrays.items()}
        for name, data in arrays.items():
            if position >= len(data):
                raise InputFileError(
                    f"{path}: {name} has {len(data)} samples, index.csv names position {position}"
                )
        return {name: read_values(data, position) for name, data in arrays.items()}


def _check_rows(path, rows):
    """Ids occur once, positions are whole numbers, files lie in the folder, splits are known."""
    seen = set()
    for line, row in enumerate(rows, start=2):
        place = PurePosixPath(row["file"])
        checks = {
            "id": (row["id"] and row["id"] not in seen, "a name that no other row has"),
            "file": (
                row["file"] and not place.is_absolute() and ".." not in place.parts,
                "a file of the data set",
            ),
            "position": (row["position"].isdecimal(), "a whole number >= 0"),
            "split": (row["split"] in SPLITS, f"one of {', '.join(SPLITS)}"),
        }
        for column, (fits, expected) in checks.items():
            if not fits:
                raise InputFileError(
                    f"{path}: line {line}: {column} is {shown(row[column])}, expected {expected}"
                )
        seen.add(row["id"])


def _sample_arrays(path, file):
    """({name: dataset}, whether samples are cut out of them) of an open HDF5 file."""
    import h5py

    from simlab.core.hdf5 import require_readable

    text = file.attrs.get("sample_arrays")
    if text is None:
        names = [name for name in file if isinstance(file.get(name), h5py.Dataset)]
    else:
        names = _listed(path, text)
    arrays = {}
    for name in names:
        data = file.get(name)
        if not isinstance(data, h5py.Dataset) or data.shape is None or (text and data.ndim == 0):
            raise InputFileError(f"{path}: no array {name!r}; found {list(file)}")
        require_readable(data, by_row=bool(text))
        arrays[name] = data
    return arrays, bool(text)


def _listed(path, text):
    try:
        names = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InputFileError(f"{path}: sample_arrays is {shown(text)}, expected a list of names")
    return names
