"""Shards: image stacks, descriptors, geometries and draws of a range of samples in one HDF5 file.

| key | type, shape | |
|---|---|---|
| `afm` | float32 (S, n_tip, nx, ny, nz') | frequency shift, Hz; slice 0 = highest |
| `desc` | float32 (S, n_channels, nx, ny) | descriptor channels |
| `mol/data`, `mol/ptr` | float64 (sum n, 5), int64 (S+1) | x, y, z (Å), q (e), Z of the last tip |
| `scan_window` | float64 (S, n_tip, 2, 3) | anchors, Å |
| `distAbove`, `tipR0`, `df_steps` | float64 (S, n_tip), (S, n_tip, 3), int32 (S, n_tip) | draws |
| `sample_id`, `mol_id`, `rot_id`, `split` | int64, int32, int32, int8 (S,) | |
| `rot` | float64 (S, 3, 3) | |
| `flags`, `n_fallback`, `n_unconverged` | uint32, int32, int32 (S,) | |
"""

import json
from contextlib import ExitStack

import h5py
import numpy as np

from simlab.afm.errors import AfmInputError
from simlab.core.errors import SimlabError
from simlab.core.hdf5 import (
    create_hdf5,
    open_hdf5,
    read_values,
    require_readable,
    write_attributes,
)
from simlab.core.inputs import shown

FORMAT = "afm-shard"
VERSION = 1
PLANNED = {"mol_id": np.int32, "rot_id": np.int32, "split": np.int8, "rot": np.float64}
"""Arrays that plan.npz knows."""
PER_SAMPLE = {
    "scan_window": np.float64,
    "distAbove": np.float64,
    "tipR0": np.float64,
    "df_steps": np.int32,
    "flags": np.uint32,
    "n_fallback": np.int32,
    "n_unconverged": np.int32,
}
"""Arrays that are known when a sample is done."""
AXES = {
    "sample_id": 1,
    **dict.fromkeys(("mol_id", "rot_id", "split", "flags", "n_fallback", "n_unconverged"), 1),
    **{"afm": 5, "desc": 4, "mol/ptr": 1, "mol/data": 2, "rot": 3, "scan_window": 4},
    **{"distAbove": 2, "df_steps": 2, "tipR0": 3},
}
"""Number of axes of every array."""
ATTRIBUTES = {
    **{"desc_channels": (list, "a list"), "tips": (list, "a list"), "units": (dict, "a mapping")},
    **{"backend": (str, "text"), "device": (str, "text"), "seed": (np.integer, "a whole number")},
}
"""Type of the attributes that readers use, and its name."""
CUT_BY_POSITION = ["afm", "desc", "sample_id", *PLANNED, *PER_SAMPLE]
UNITS = {
    "afm": "Hz",
    "desc": "of the descriptor: Å (heights), V/Å (fields) or 1",
    "mol/data": "Å, Å, Å, e, 1",
    "scan_window": "Å",
    "distAbove": "Å",
    "tipR0": "Å",
}


def filters(compression):
    """Arguments of h5py's create_dataset: gzip (level 1), lzf or none, after a byte shuffle.

    The encoder of lzf in h5py writes one of several streams for equal data, gzip always the same.
    """
    if compression == "none":
        return {}
    options = {"compression_opts": 1} if compression == "gzip" else {}
    return {"compression": compression, "shuffle": True, **options}


class ShardWriter:
    """Streams samples into one shard; use in a `with` block.

    The file appears when the block ends without error and all samples were written.

    Parameters
    ----------
    path : path
    first : int
        Sample id of the first sample.
    plan : mapping
        Rows of plan.npz of this shard: mol_id, rot_id, split, rot.
    shapes : mapping
        Shape of `afm` and `desc` of one sample.
    compression : "gzip", "lzf" or "none"
    attributes : mapping
        More root attributes; mappings and lists become JSON text.
    """

    def __init__(self, path, first, plan, shapes, *, compression="gzip", attributes=None):
        self._path, self._first, self._plan = path, first, plan
        self._shapes, self._compression = shapes, compression
        self._attributes = attributes or {}
        self._count = len(plan["mol_id"])
        self._kept = {key: [] for key in PER_SAMPLE}
        self._atoms = []
        self._stack, self._file = ExitStack(), None

    def __enter__(self):
        with ExitStack() as stack:
            self._file = file = stack.enter_context(create_hdf5(self._path))
            write_attributes(file, {"format": FORMAT, "format_version": VERSION})
            write_attributes(file, {"sample_arrays": CUT_BY_POSITION, "units": UNITS})
            write_attributes(file, self._attributes)
            for key, shape in self._shapes.items():
                file.create_dataset(
                    key,
                    (self._count, *shape),
                    np.float32,
                    chunks=(1, *shape),
                    track_times=False,
                    **filters(self._compression),
                )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind, error, trace):
        if kind is None:
            if len(self._atoms) != self._count:
                error = SimlabError(
                    f"{self._path}: {len(self._atoms)} of {self._count} samples were simulated"
                )
                self._stack.__exit__(SimlabError, error, None)
                raise error
            self._finish()
        return self._stack.__exit__(kind, error, trace)

    def write(self, images, maps, mol, record):
        """Append a sample.

        Parameters
        ----------
        images : float32 (n_tip, nx, ny, nz')
        maps : float32 (n_channels, nx, ny)
        mol : float64 (n, 5)
        record : mapping
            The arrays of PER_SAMPLE of this sample.
        """
        position = len(self._atoms)
        self._file["afm"][position] = images
        self._file["desc"][position] = maps
        self._atoms.append(np.asarray(mol, np.float64))
        for key, values in self._kept.items():
            values.append(record[key])

    def _finish(self):
        file = self._file
        counts = [len(atoms) for atoms in self._atoms]
        ptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        arrays = {
            "mol/data": np.concatenate(self._atoms),
            "mol/ptr": ptr,
            "sample_id": np.arange(self._first, self._first + self._count, dtype=np.int64),
            **{key: np.asarray(self._plan[key], dtype) for key, dtype in PLANNED.items()},
            **{key: np.asarray(self._kept[key], dtype) for key, dtype in PER_SAMPLE.items()},
        }
        for key, values in arrays.items():
            file.create_dataset(key, data=values, track_times=False)


class Shard:
    """An open shard; use in a `with` block, or `close` it.

    Attributes
    ----------
    path : path
    file : h5py.File
    attributes : dict
        Root attributes, JSON text parsed.
    """

    def __init__(self, path):
        self.path = path
        with ExitStack() as stack:
            self.file = stack.enter_context(open_hdf5(path))
            self.attributes = {key: _parsed(value) for key, value in self.file.attrs.items()}
            found = self.attributes.get("format")
            if not isinstance(found, str) or found != FORMAT:
                raise self._error(f"format {shown(found)}", FORMAT)
            self._check()
            self._stack = stack.pop_all()

    def _check(self):
        """Arrays are there with the axes of this module, one row a sample, and fit together."""
        for key, ndim in AXES.items():
            data = self.file.get(key)
            if not isinstance(data, h5py.Dataset):
                raise self._error(f"no array {key!r}", "an AFM shard")
            if data.shape is None or data.dtype.kind not in "iuf" or data.ndim != ndim:
                raise self._error(
                    f"{key} is {data.dtype} of shape {data.shape}", f"numbers with {ndim} axes"
                )
            require_readable(data, by_row=key in ("afm", "desc"))
            rows = {"mol/data": data.shape[0], "mol/ptr": len(self) + 1}.get(key, len(self))
            if data.shape[0] != rows:
                raise self._error(f"{key} has {data.shape[0]} rows", f"{rows}")
        atoms, ptr = self.file["mol/data"].shape, self.array("mol/ptr")
        if atoms[1] != 5 or ptr[0] != 0 or ptr[-1] != atoms[0] or (ptr[1:] < ptr[:-1]).any():
            raise self._error(
                f"mol/ptr goes from {ptr[0]} to {ptr[-1]}", f"0 to {atoms[0]}, rows of 5 numbers"
            )
        for key, (kind, wanted) in ATTRIBUTES.items():
            if not isinstance(self.attributes.get(key), kind):
                raise self._error(f"attribute {key} is {shown(self.attributes.get(key))}", wanted)

    def _error(self, found, expected):
        return AfmInputError(f"afm: {self.path}: {found}; expected {expected}")

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        return self._stack.__exit__(*exception)

    def __len__(self):
        return len(self.file["sample_id"])

    def close(self):
        """Close the file."""
        self._stack.close()

    def array(self, key, selection=()):
        """Array `key`, or a part of it; AfmInputError if it is not there."""
        if key not in self.file:
            raise self._error(f"no array {key!r}", "an AFM shard")
        return read_values(self.file[key], selection)

    def small(self):
        """All arrays but images, descriptors and geometries, as a dict."""
        return {key: self.array(key) for key in ("sample_id", *PLANNED, *PER_SAMPLE)}

    def molecule(self, position):
        """Geometry (n, 5) float64 of the sample at `position`: x, y, z, q, Z."""
        first, last = self.array("mol/ptr", slice(position, position + 2))
        return self.array("mol/data", slice(int(first), int(last)))


def _parsed(value):
    if isinstance(value, str) and value[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value
