"""The tolerant reader: data sets of ours, of the original tool, old experimental ones."""

import logging
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simlab.core.errors import ConfigError, InputFileError, MissingFileError, MissingKeyError
from simlab.core.files import npz_headers
from simlab.core.hdf5 import open_hdf5
from simlab.ptycho.files.archive import METADATA, member_blocks, read_archive
from simlab.ptycho.files.hdf5 import read_dataset
from simlab.ptycho.files.shards import (
    CANONICAL,
    PER_FRAME,
    POSITIONS,
    FrameFiles,
    FramesInMemory,
    dataset_of,
    frames_per_block,
)
from simlab.ptycho.headers import HDF5_SUFFIXES
from simlab.ptycho.metadata import check_scale_contract, parse_metadata

logger = logging.getLogger("simlab.ptycho")

SCALARS = ("intensity_scale", "norm_Y_I", "nphotons")
SHARED = ("probeGuess", "objectGuess", *SCALARS, "detector_mask")
SMALL = (*POSITIONS, "frame_scale", "dose")
BIG = ("diff3d", "ground_truth_patches")


@dataclass(frozen=True)
class OpenDataset:
    """A data set opened for reading.

    Attributes
    ----------
    frames : source of the per-frame arrays with `len`, `keys`, `layout`, `read`, `blocks`
    shared : dict of the arrays common to all frames
    metadata : dict or None
    domain : str
        What `diff3d` holds: normalized_amplitude, count_intensity, count_amplitude, intensity.
    """

    frames: object
    shared: dict
    metadata: dict | None
    domain: str


@contextmanager
def open_dataset(path, assume=None, *, finite=True):
    """Open a data set; frames are read in blocks, the rest is in memory.

    Keys may be legacy (`diff3d`, `ground_truth_patches`) or canonical (`diffraction`, `Y`).
    Missing nominal positions are copies of the true ones, missing indices are zeros. Frames
    stored (N, N, M) are transposed, with a logged warning.

    Parameters
    ----------
    path : path
        .npz, .h5 or .hdf5.
    assume : None or "intensity"
        Take an integer `diff3d` without a declared domain, as old experimental files have it,
        for intensity and convert it to amplitude.
    finite : bool
        Refuse values that are not finite, where they are read.

    Raises
    ------
    MissingFileError, MissingKeyError
    InputFileError
        Not such a file, truncated, pickled, or a contradictory measurement domain.
    """
    if assume not in (None, "intensity"):
        raise ConfigError(f"assume is {assume!r}, known: intensity")
    path = Path(path)
    if not path.exists():
        raise MissingFileError(f"file not found: {path}")
    with ExitStack() as stack:
        opener = _open_hdf5 if path.suffix in HDF5_SUFFIXES else _open_npz
        frames, shared, text = opener(path, stack, finite)
        for key in BIG:
            if key in frames.keys:
                kinds = "biuf" if key == "diff3d" else "biufc"
                _check_numeric(path, key, np.empty(0, frames.layout(key)[1]), kinds)
        metadata = None if text is None else parse_metadata(text, path)
        domain = check_scale_contract(metadata, path)
        integers = frames.layout("diff3d")[1].kind in "iu"
        if integers and domain == "normalized_amplitude":
            if assume == "intensity":
                frames = _AmplitudeOfCounts(frames)
            else:
                logger.warning(
                    "%s: diff3d holds integers, probably intensity; it is left as it is "
                    "(assume='intensity' converts it to amplitude)",
                    path,
                )
        yield OpenDataset(frames, shared, metadata, domain)


def read_arrays(path, assume=None):
    """(arrays, metadata or None) of a data set, all in memory, under the legacy names.

    `ground_truth_patches` is returned as (M, N, N, 1); see `open_dataset`.
    """
    with open_dataset(path, assume) as data:
        arrays = {}
        for key in data.frames.keys:
            shape, dtype = data.frames.layout(key)
            arrays[key] = np.empty(shape, dtype)
            start = 0
            for block in data.frames.blocks(key):
                arrays[key][start : start + len(block)] = block
                start += len(block)
        return {**arrays, **data.shared}, data.metadata


def iterate_frames(path, assume=None):
    """Blocks of frames of a data set: (first frame, diff3d (m, N, N)), at most 16 MiB each."""
    with open_dataset(path, assume) as data:
        start = 0
        for block in data.frames.blocks("diff3d"):
            yield start, block
            start += len(block)


class _Frames:
    """Small arrays in memory, frames behind functions that iterate over blocks of them."""

    def __init__(self, path, small, big, finite):
        self._finite = finite
        self._path, self._small, self._big, self._whole = path, small, big, {}
        self._order = [key for key in PER_FRAME if key in small or key in big]

    def __len__(self):
        return len(self._small["xcoords"])

    @property
    def keys(self):
        return self._order

    def layout(self, key):
        if key in self._small:
            return self._small[key].shape, self._small[key].dtype
        return self._big[key][:2]

    def read(self, key, start=0, stop=None):
        if key in self._small:
            return self._small[key][start:stop]
        if key not in self._whole:  # an npz member can only be read from its beginning
            self._whole[key] = np.concatenate(list(self.blocks(key)))
        return self._whole[key][start:stop]

    def take(self, key, indices):
        return self.read(key)[indices]

    def blocks(self, key):
        if key in self._small:
            return FramesInMemory(self._small).blocks(key)
        return self._checked(key, self._big[key][2]())

    def _checked(self, key, blocks):
        first = 0
        for block in blocks:
            self._check(key, block, first)
            first += len(block)
            yield block

    def _check(self, key, rows, frames):
        if self._finite:
            _check_finite(self._path, key, rows, frames)


class _AmplitudeOfCounts:
    """Frames whose `diff3d` is the square root of the stored intensity, float32."""

    def __init__(self, frames):
        self._frames, self.keys = frames, frames.keys

    def __len__(self):
        return len(self._frames)

    def layout(self, key):
        shape, dtype = self._frames.layout(key)
        return shape, np.dtype(np.float32) if key == "diff3d" else dtype

    def read(self, key, start=0, stop=None):
        return self._convert(key, self._frames.read(key, start, stop))

    def take(self, key, indices):
        return self._convert(key, self._frames.take(key, indices))

    def blocks(self, key):
        for block in self._frames.blocks(key):
            yield self._convert(key, block)

    @staticmethod
    def _convert(key, block):
        return np.sqrt(block.astype(np.float64)).astype(np.float32) if key == "diff3d" else block


def _completed(path, small, count, finite):
    """Positions checked and completed by their defaults."""
    for key, values in small.items():
        _check_numeric(path, key, values)
    for key in ("xcoords", "ycoords"):
        small[key] = np.asarray(small[key], np.float64).reshape(-1)
        small.setdefault(f"{key}_start", small[key].copy())
    for key in ("scan_index", "object_index"):
        small.setdefault(key, np.zeros(count, np.int64))
    for key, values in small.items():
        small[key] = np.asarray(values).reshape(-1)
        if len(small[key]) != count:
            raise InputFileError(f"{path}: {key} has {len(small[key])} rows, xcoords {count}")
        if finite:
            _check_finite(path, key, small[key], 0)
    return small


def _check_finite(path, key, rows, frames):
    """Refuse rows with a value that is no number; `frames`: their numbers, or the first one."""
    if rows.dtype.kind in "fc" and not np.isfinite(rows).all():
        row = int(np.argmin(np.isfinite(rows.reshape(len(rows), -1)).all(axis=1)))
        frame = frames + row if np.ndim(frames) == 0 else frames[row]
        raise InputFileError(f"{path}: {key} of frame {frame} is not finite, numbers are expected")


def _check_numeric(path, key, values, kinds="biuf"):
    kind = np.asarray(values).dtype
    if kind.kind not in kinds:
        raise InputFileError(f"{path}: {key} is {kind}, numbers are expected")


def _shared(path, arrays):
    """Arrays common to all frames in their final shapes and types."""
    for key, values in arrays.items():
        _check_numeric(path, key, values, "biufc" if key.endswith("Guess") else "biuf")
        if key in SCALARS:
            if np.size(values) != 1:
                raise InputFileError(f"{path}: {key} has shape {np.shape(values)}, expected ()")
            arrays[key] = np.asarray(values).reshape(())
    for key in ("probeGuess", "objectGuess"):
        if key in arrays:
            values = np.asarray(arrays[key])
            drop = [axis for axis in (0, -1) if values.ndim > 2 and values.shape[axis] == 1]
            for axis in drop[:1] if values.ndim == 3 else drop:
                values = values.squeeze(axis)
            arrays[key] = values.astype(np.complex64)
    return arrays


def _open_npz(path, stack, finite):
    headers = npz_headers(path)
    names = _names(path, headers)
    small = read_archive(path, [names[key] for key in SMALL if key in names])
    shared = _shared(path, read_archive(path, [key for key in SHARED if key in headers]))
    text = read_archive(path, [METADATA])[METADATA] if METADATA in headers else None
    count = np.size(small["xcoords"])
    big = {}
    for key in BIG:
        if key in names:
            shape, dtype = headers[names[key]]
            big[key] = _npz_frames(path, key, names[key], shape, dtype, count)
    return _Frames(path, _completed(path, small, count, finite), big, finite), shared, text


def _npz_frames(path, key, name, shape, dtype, count):
    final, transposed = _frame_shape(path, key, shape, count)
    if transposed:
        array = read_archive(path, [name])[name].transpose(2, 0, 1).reshape(final)
        source = FramesInMemory({key: array})
        return final, dtype, lambda: source.blocks(key)
    size = frames_per_block(final, dtype)

    def blocks():
        if len(shape) == 2:  # one frame whose axis was dropped
            yield read_archive(path, [name])[name].reshape(final)
            return
        with member_blocks(path, name, size) as parts:
            for part in parts:
                yield part.reshape(len(part), *final[1:])

    return final, dtype, blocks


def _open_hdf5(path, stack, finite):
    file = stack.enter_context(open_hdf5(path))
    names = _names(path, file)
    small = {key: read_dataset(file, names[key]) for key in SMALL if key in names}
    shared = _shared(path, {key: read_dataset(file, key) for key in SHARED if key in file})
    text = file.attrs.get(METADATA)
    count = np.size(small["xcoords"])
    shapes = {
        key: _frame_shape(path, key, dataset_of(file, key).shape, count)
        for key in BIG
        if key in names
    }
    if all(shape[:3] == file[names[key]].shape[:3] for key, (shape, _) in shapes.items()):
        frames = stack.enter_context(FrameFiles([path]))
        big = {key: (*frames.layout(key), lambda key=key: frames.blocks(key)) for key in shapes}
        return (
            _HDF5Frames(path, _completed(path, small, count, finite), big, finite, frames),
            shared,
            text,
        )
    big = {}
    for key, (final, transposed) in shapes.items():
        array = read_dataset(file, names[key])
        array = (array.transpose(2, 0, 1) if transposed else array).reshape(final)
        source = FramesInMemory({key: array})
        big[key] = (final, array.dtype, lambda source=source, key=key: source.blocks(key))
    return _Frames(path, _completed(path, small, count, finite), big, finite), shared, text


class _HDF5Frames(_Frames):
    """Frames that can be read from any place in the file."""

    def __init__(self, path, small, big, finite, files):
        super().__init__(path, small, big, finite)
        self._files = files

    def read(self, key, start=0, stop=None):
        if key in self._small:
            return super().read(key, start, stop)
        rows = self._files.read(key, start, stop)
        self._check(key, rows, start)
        return rows

    def take(self, key, indices):
        if key in self._small:
            return super().take(key, indices)
        rows = self._files.take(key, indices)
        self._check(key, rows, indices)
        return rows


def _names(path, present):
    """{legacy key: key in the file} of the per-frame arrays that are there."""
    names = {}
    for key in PER_FRAME:
        name = next((n for n in (key, CANONICAL.get(key)) if n is not None and n in present), None)
        if name is not None:
            names[key] = name
    for key, text in (("xcoords", "xcoords"), ("ycoords", "ycoords"), ("diff3d", "diffraction")):
        if key not in names:
            hint = " (or diff3d)" if key == "diff3d" else ""
            raise MissingKeyError(f"{path}: no array {text!r}{hint}; found {list(present)}")
    return names


def _frame_shape(path, key, shape, count):
    """((M, N, N) or (M, N, N, 1), transposed) of frames or patches stored with `shape`."""
    tail = (1,) if key == "ground_truth_patches" else ()
    if count == 1 and len(shape) == 2:
        return (1, *shape, *tail), False
    if len(shape) == 4 and shape[3] == 1 and tail:
        shape = shape[:3]
    if len(shape) != 3:
        raise InputFileError(f"{path}: {key} has shape {shape}, expected (M, N, N), M = {count}")
    if shape[2] == count != shape[0]:
        logger.warning("%s: %s is stored as %s, transposed to (M, N, N)", path, key, shape)
        return (shape[2], *shape[:2], *tail), True
    if shape[0] != count:
        raise InputFileError(f"{path}: {key} has {shape[0]} frames, xcoords has {count}")
    return (*shape, *tail), False
