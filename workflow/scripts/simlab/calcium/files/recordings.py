"""Recording files: the movie, its ground truth and snapshots, in one HDF5 file.

Root attributes format, format_version, spec_cache_key, spec_json (canonical JSON text),
software_version, noise_mode, gt_present and snapshot_names (lists of names), until ("" if all
steps ran); nothing that changes from run to run, so equal recordings are equal bytes.

    observed              (T, H, W)  u1 or u2 counts, or f4/f8 intensity without a sensor
                                     attributes axes, fps, pixel_size_um
    ground_truth/<name>              arrays of the ground truth; attribute focal_depth_um
    ground_truth/planted/ offsets (n, 2) i4, shapes (n, 2) i4, data flat f4
                                     attributes canvas_shape, fov_offset, fov_shape
    ground_truth/ext/<name>          truth of the extensions
    snapshots/<stage>     (T, h, w) f4
"""

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from simlab.calcium.files.layout import check_layout, in_file_order
from simlab.calcium.files.rows import (
    RowReader,
    attribute,
    dataset_of,
    group_of,
    open_file,
    text_list,
    write_arrays,
    write_text_list,
)
from simlab.core.hdf5 import create_hdf5

FORMAT = "calcium-recording"
FORMAT_VERSION = 1
AXES = ("frame", "height", "width")
CHUNK_FRAMES = 16
COMPRESSIONS = (None, "gzip", "lzf")


def json_key(spec_json):
    """Cache key of a specification's canonical JSON text."""
    return hashlib.sha256(spec_json.encode()).hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class Header:
    """What a recording file says of itself.

    Attributes
    ----------
    spec_json, spec_cache_key, software_version, noise_mode : str
    gt_present, snapshot_names : list of str
    until : str
        "" if all steps ran.
    """

    spec_json: str
    spec_cache_key: str
    software_version: str
    noise_mode: str
    gt_present: list
    snapshot_names: list
    until: str = ""


@dataclass(frozen=True, eq=False)
class Truth:
    """Ground truth as arrays.

    Attributes
    ----------
    arrays : dict of str to array
        By name, without those that are absent.
    planted : dict
        offsets, shapes, data; canvas_shape, fov_offset, fov_shape.
    ext : dict of str to array
    focal_depth_um : float or None
    """

    arrays: dict
    planted: dict
    ext: dict
    focal_depth_um: float | None


class RecordingWriter:
    """An open recording file: `append` the frames in order, then `write_truth`.

    The file is the same bytes however the frames are cut into appended pieces.
    """

    def __init__(self, file, header, shape, dtype, *, fps, pixel_size_um, compression):
        self._file, self._written, self._pending = file, 0, []
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["spec_cache_key"] = header.spec_cache_key
        file.attrs["spec_json"] = header.spec_json
        file.attrs["software_version"] = header.software_version
        file.attrs["noise_mode"] = header.noise_mode
        write_text_list(file, "gt_present", header.gt_present)
        write_text_list(file, "snapshot_names", header.snapshot_names)
        file.attrs["until"] = header.until
        self._names, self._snapshots = header.gt_present, header.snapshot_names
        layout = {}
        if shape[0]:
            chunk = (min(CHUNK_FRAMES, shape[0]), *shape[1:])
            layout = {"chunks": chunk, "compression": compression}
        self._total, self._dtype = shape[0], np.dtype(dtype)
        observed = file.create_dataset("observed", shape, self._dtype, track_times=False, **layout)
        write_text_list(observed, "axes", AXES)
        observed.attrs["fps"] = fps
        observed.attrs["pixel_size_um"] = pixel_size_um

    def append(self, frames):
        """Add frames (m, H, W)."""
        self._pending.extend(np.asarray(frames))
        while self._pending:
            n = min(CHUNK_FRAMES, self._total - self._written)
            if n == 0:
                raise ValueError(f"more than the {self._total} frames announced")
            if len(self._pending) < n:
                return
            block = np.stack(self._pending[:n]).astype(self._dtype, copy=False)
            self._file["observed"][self._written : self._written + n] = block
            self._written += n
            del self._pending[:n]

    def write_truth(self, truth, snapshots=None):
        """Write a Truth, then snapshots (dict of stage to array), as the header announced them."""
        if self._written != self._total:
            raise ValueError(f"{self._written} frames written, {self._total} announced")
        group = self._file.create_group("ground_truth")
        write_arrays(group, {name: truth.arrays[name] for name in self._names})
        planted = group.create_group("planted")
        for name, value in truth.planted.items():
            if name in ("offsets", "shapes", "data"):
                planted.create_dataset(name, data=value, track_times=False)
            else:
                planted.attrs[name] = np.asarray(value, np.int64)
        if truth.focal_depth_um is not None:
            group.attrs["focal_depth_um"] = truth.focal_depth_um
        if truth.ext:
            write_arrays(group.create_group("ext"), in_file_order(truth.ext))
        if self._snapshots:
            group = self._file.create_group("snapshots")
            for name in self._snapshots:
                values = np.asarray(snapshots[name], np.float32)
                group.create_dataset(name, data=values, track_times=False)


@contextmanager
def recording_writer(path, header, shape, dtype, *, fps, pixel_size_um, compression=None):
    """A RecordingWriter whose file appears when the block succeeds.

    Parameters
    ----------
    path : path
    header : Header
    shape : (T, H, W)
    dtype : numpy dtype of the movie
    fps, pixel_size_um : float
    compression : "gzip", "lzf" or None
        Of the movie.
    """
    with create_hdf5(path) as file:
        yield RecordingWriter(
            file, header, shape, dtype,
            fps=fps, pixel_size_um=pixel_size_um, compression=compression,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class RecordingFile:
    """Content of a recording file; movie and snapshots are read where they are used."""

    header: Header
    movie: RowReader
    truth: Truth
    snapshots: dict

    @property
    def key_matches(self):
        """Whether the stored key is that of the stored specification."""
        return json_key(self.header.spec_json) == self.header.spec_cache_key


def read_recording(path):
    """The RecordingFile at `path`.

    Raises MissingFileError, or RecordingFileError (naming file and key) for anything but an
    intact recording file.
    """
    with open_file(path, FORMAT, FORMAT_VERSION) as file:
        names = ("spec_json", "spec_cache_key", "software_version", "noise_mode")
        header = Header(
            **{name: attribute(file, name, str) for name in names},
            gt_present=text_list(file, "gt_present"),
            snapshot_names=text_list(file, "snapshot_names"),
            until=attribute(file, "until", str),
        )
        observed = dataset_of(file, "observed", by_row=True)
        truth = _read_truth(group_of(file, "ground_truth"), header.gt_present)
        check_layout(path, observed, truth)
        snapshots = {}
        if header.snapshot_names:
            group = group_of(file, "snapshots")
            snapshots = {n: RowReader(path, dataset_of(group, n)) for n in header.snapshot_names}
        return RecordingFile(
            header=header,
            movie=RowReader(path, observed),
            truth=truth,
            snapshots=snapshots,
        )


def _read_truth(group, names):
    planted = group_of(group, "planted")
    ext = group_of(group, "ext") if "ext" in group else {}
    return Truth(
        arrays={name: dataset_of(group, name)[()] for name in names},
        planted={
            **{name: dataset_of(planted, name)[()] for name in ("offsets", "shapes", "data")},
            **{
                name: tuple(int(side) for side in attribute(planted, name, np.ndarray))
                for name in ("canvas_shape", "fov_offset", "fov_shape")
            },
        },
        ext={name: dataset_of(ext, name)[()] for name in ext},
        focal_depth_um=group.attrs.get("focal_depth_um"),
    )
