"""Reading a data set of any domain sample by sample, for training loops and notebooks."""

import json
from pathlib import Path

from simlab.core.errors import ConfigError, InputFileError, MissingFileError
from simlab.core.files import read_csv, read_npz
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
        import h5py
        import hdf5plugin  # noqa: F401 - registers the compression filters

        if path not in self._open:
            file = h5py.File(path, "r")
            names = json.loads(file.attrs["sample_arrays"]) if "sample_arrays" in file.attrs else []
            self._open[path] = file, names
        file, names = self._open[path]
        if names:
            return {name: file[name][position] for name in names}
        return {name: item[()] for name, item in file.items() if isinstance(item, h5py.Dataset)}
