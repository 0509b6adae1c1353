"""One HDF5 file over all samples of a data set.

Arrays of HDF5 files are not copied: virtual datasets join them, by paths relative to the file.
Where files behind them are missing, floats read as NaN, and all else as 0.
"""

import json
import math

import numpy as np

from simlab.core.errors import InputFileError
from simlab.core.hdf5 import (
    create_hdf5,
    create_virtual,
    open_hdf5,
    require_readable,
    write_attributes,
)
from simlab.core.packages.source import column_types, typed
from simlab.core.progress import progress
from simlab.core.splits import SPLITS

COPIED = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
"""Of arrays that are copied; any program reads it."""


def write_consolidated(source, path, place):
    """Write dataset.h5.

    Arrays have one row a sample, in the order of index.csv: virtual datasets over HDF5 files of
    many samples, copies of npz files. Where a file is one sample, `samples/{id}` has its arrays.
    `rows/{split}` are the rows of a split, int64; `table/{column}` the columns of index.csv.

    Parameters
    ----------
    source : Source
    path : Path
    place : Path
        Folder of the data set, relative to that of the file.

    Returns
    -------
    Path

    Errors: InputFileError where samples hold no arrays, or files do not fit together.
    """
    files = _files(source)
    first = next(iter(files), "")
    if not first.endswith((".h5", ".npz")):
        raise InputFileError(
            f"{source.folder / first}: holds no arrays that could be joined; expected samples in "
            ".h5 or .npz files"
        )
    manifest = source.manifest
    with create_hdf5(path) as target:
        write_attributes(
            target,
            {
                "format": f"{manifest['domain']}-consolidated",
                "format_version": 1,
                "dataset": source.name,
                "spec": manifest["spec"],
                "seed": manifest["seed"],
                "code": manifest["code"],
                "versions": manifest["versions"],
            },
        )
        _write_table(target, source)
        if first.endswith(".npz"):
            names = _copy_samples(target, source)
        elif source.described.further:
            names = _link_samples(target, source, files, place)
        else:
            names = _join_samples(target, source, files, place)
        if names:
            target.attrs["sample_arrays"] = json.dumps(names)
    return path


def _files(source):
    """{file: [(first row, first position, stop position)]} in the order of index.csv."""
    files = {}
    positions = map(int, source.column("position"))
    for row, (file, position) in enumerate(zip(source.column("file"), positions, strict=True)):
        runs = files.setdefault(file, [])
        if runs and runs[-1][2] == position and runs[-1][0] + position - runs[-1][1] == row:
            runs[-1][2] += 1
        else:
            runs.append([row, position, position + 1])
    return files


def _write_table(target, source):
    import h5py

    splits = source.dataset.index.splits()
    for split in SPLITS:
        rows = [row for row, name in enumerate(splits) if name == split]
        target.create_dataset(f"rows/{split}", data=np.array(rows, np.int64))
    for name, kind in column_types(source).items():
        cells = [typed(cell, kind) for cell in source.column(name)]
        column = f"table/{name.replace('/', '.')}"
        if kind is str:
            data = target.create_dataset(column, data=cells, dtype=h5py.string_dtype())
        else:
            values = [math.nan if cell is None else cell for cell in cells]
            dtype = np.int64 if kind is int else np.float64
            data = target.create_dataset(column, data=np.array(values, dtype))
        _describe(data, source.described.column(name))


def _describe(data, texts):
    unit, meaning = texts
    write_attributes(data, {"unit": unit or None, "description": meaning})


class _Joined:
    """Virtual datasets that grow along their first axis."""

    def __init__(self):
        self._forms, self._pieces, self._lengths = {}, {}, {}

    def add(self, data, path, row, first, stop):
        """Rows `first` to `stop` - 1 of `data`, in the file `path`, become `row` and the next.

        Returns the row after the last.
        """
        import h5py

        name, form = data.name.lstrip("/"), (data.shape[1:], data.dtype)
        if stop > len(data) or self._forms.setdefault(name, form) != form:
            raise InputFileError(
                f"{data.file.filename}: {name} has shape {data.shape}, dtype {data.dtype}, "
                f"expected {stop} rows of {self._forms.get(name, form)}, as in the files before"
            )
        origin = h5py.VirtualSource(path, name, data.shape, data.dtype)
        self._pieces.setdefault(name, []).append((row, origin, first, stop))
        self._lengths[name] = row + stop - first
        return self._lengths[name]

    def write(self, target):
        """Make the datasets in a file; returns them by name."""
        made = {}
        for name, pieces in self._pieces.items():
            made[name] = _virtual(target, name, self._lengths[name], self._forms[name], pieces)
        return made


def _virtual(target, name, length, form, pieces):
    import h5py

    shape, dtype = form
    layout = h5py.VirtualLayout((length, *shape), dtype)
    for row, origin, first, stop in pieces:
        layout[row : row + stop - first] = origin[first:stop]
    return create_virtual(target, name, layout)


def _join_samples(target, source, files, place):
    """Arrays of shards; returns the names of those with a row for each sample."""
    ragged, joined = source.described.ragged, _Joined()
    starts = {name: [np.zeros(1, np.int64)] for name in ragged}
    ends = dict.fromkeys(ragged, 0)
    for file, runs in progress(files.items(), len(files), "files"):
        path = (place / file).as_posix()
        with open_hdf5(source.folder / file) as shard:
            names = json.loads(shard.attrs["sample_arrays"])
            for name in names:
                require_readable(shard[name], by_row=True)
                for row, first, stop in runs:
                    joined.add(shard[name], path, row, first, stop)
            for name, (values, pointer) in ragged.items():
                stored = shard[pointer][:]
                for _, first, stop in runs:
                    begin, end = int(stored[first]), int(stored[stop])
                    starts[name].append(stored[first + 1 : stop + 1] - begin + ends[name])
                    ends[name] = joined.add(shard[values], path, ends[name], begin, end)
    made = joined.write(target)
    for name, (values, pointer) in ragged.items():
        pointers = target.create_dataset(pointer, data=np.concatenate(starts[name]))
        _describe(pointers, ("", f"sample k has the rows from entry k to entry k + 1 of {values}"))
        _describe(made[values], source.described.array(name))
    for name in names:
        _describe(made[name], source.described.array(name))
    return names


def _link_samples(target, source, files, place):
    """Arrays of files that are one sample, in a group each."""
    import h5py

    ids = source.column("id")
    for file, ((row, *_),) in progress(files.items(), len(files), "files"):
        group, path = target.create_group(f"samples/{ids[row]}"), (place / file).as_posix()
        with open_hdf5(source.folder / file) as sample:
            group.attrs.update(sample.attrs)

            def visit(name, item, group=group, path=path):
                if not _is_told(name, source.described.further):
                    return
                if isinstance(item, h5py.Dataset):
                    made = _linked(group, name, item, path)
                    _describe(made, source.described.array(name))
                else:
                    made = group.require_group(name)
                made.attrs.update(item.attrs)

            sample.visititems(visit)
    return []


def _is_told(name, further):
    """Whether packages hold an array or group of a file."""
    return "/" not in name or name.startswith(further)


def _linked(group, name, data, path):
    import h5py

    if not data.size or not data.ndim:
        return group.create_dataset(name, data=data[()])
    require_readable(data)
    origin = h5py.VirtualSource(path, data.name.lstrip("/"), data.shape, data.dtype)
    form = data.shape[1:], data.dtype
    return _virtual(group, name, len(data), form, [(0, origin, 0, len(data))])


def _copy_samples(target, source):
    """Arrays of npz files; returns their names. A chunk is one sample."""
    samples, count = source.dataset, len(source.dataset)
    forms = {name: (array.shape, array.dtype) for name, array in samples[0].items()}
    numbers = {name: np.empty(count, dtype) for name, (shape, dtype) in forms.items() if not shape}
    for name, (shape, dtype) in forms.items():
        if shape:
            target.create_dataset(name, (count, *shape), dtype, chunks=(1, *shape), **COPIED)
    for row, sample in enumerate(progress(samples, count, "samples")):
        found = {name: (array.shape, array.dtype) for name, array in sample.items()}
        if found != forms:
            raise InputFileError(
                f"{source.folder / source.row(row)['file']}: holds {found}, expected {forms} as in "
                "the first sample"
            )
        for name, array in sample.items():
            if name in numbers:
                numbers[name][row] = array
            else:
                target[name][row] = array
    for name, values in numbers.items():
        target.create_dataset(name, data=values)
    for name in forms:
        _describe(target[name], source.described.array(name))
    return list(forms)
