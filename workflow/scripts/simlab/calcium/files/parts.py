"""Part files: some consecutive frames of a recording, and the sums that statistics need.

Root attributes format, format_version, t0, t1, spec_cache_key, sha256 of the frames; datasets

    observed             (n, H, W)  counts, or intensity without a sensor
    clean_moments        (n, 5) f8  count, mean, m2, min, max of each frame before digitization
    pixel_sums           (H, W) u8  sum of the counts over the frames (with a sensor)
    pixel_square_sums    (H, W) u8  sum of their squares (with a sensor)
"""

import hashlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simlab.calcium.errors import RecordingFileError
from simlab.calcium.files.rows import RowReader, attribute, dataset_of, open_file, write_arrays
from simlab.core.hdf5 import create_hdf5

FORMAT = "calcium-part"
FORMAT_VERSION = 1


class PartWriter:
    """An open part file: `append` frames in order, then give the sums to `finish`."""

    def __init__(self, file, t0, t1, shape, dtype, key):
        self._file, self._written, self._digest = file, 0, hashlib.sha256()
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["t0"], file.attrs["t1"] = t0, t1
        file.attrs["spec_cache_key"] = key
        self._observed = file.create_dataset(
            "observed", (t1 - t0, *shape), np.dtype(dtype), track_times=False
        )

    def append(self, frames):
        """Add frames (m, H, W)."""
        frames = np.ascontiguousarray(frames, self._observed.dtype)
        self._file["observed"][self._written : self._written + len(frames)] = frames
        self._digest.update(frames)
        self._written += len(frames)

    def finish(self, clean_moments=None, pixel_sums=None, pixel_square_sums=None):
        """Write the sums (None: left out) and the hash; all frames must be there."""
        if self._written != len(self._observed):
            raise ValueError(f"{self._written} frames written, {len(self._observed)} announced")
        sums = {
            "clean_moments": clean_moments,
            "pixel_sums": pixel_sums,
            "pixel_square_sums": pixel_square_sums,
        }
        write_arrays(self._file, sums)
        self._file.attrs["sha256"] = self._digest.hexdigest()


@contextmanager
def part_writer(path, t0, t1, shape, dtype, key):
    """A PartWriter whose file appears when the block succeeds.

    Parameters
    ----------
    path : path
    t0, t1 : int
        First frame, and the one after the last.
    shape : (H, W)
    dtype : numpy dtype of the frames
    key : str
        Cache key of the specification.
    """
    with create_hdf5(path) as file:
        yield PartWriter(file, t0, t1, shape, dtype, key)


@dataclass(frozen=True, eq=False)
class Part:
    """A part file; `frames` is a RowReader, the sums are None where absent."""

    path: Path
    t0: int
    t1: int
    key: str
    sha256: str
    frames: RowReader
    clean_moments: np.ndarray | None
    pixel_sums: np.ndarray | None
    pixel_square_sums: np.ndarray | None

    def blocks(self, n):
        """Iterate over at most `n` frames at a time.

        Raises RecordingFileError after the last one if the frames are not those written.
        """
        digest = hashlib.sha256()
        for start in range(0, len(self.frames), n):
            block = self.frames[start : start + n]
            digest.update(block)
            yield block
        if digest.hexdigest() != self.sha256:
            raise RecordingFileError(f"{self.path}: the frames do not have the stored sha256")


def read_part(path):
    """The Part in a file.

    Raises MissingFileError, or RecordingFileError for anything but an intact part file.
    """
    with open_file(path, FORMAT, FORMAT_VERSION) as file:
        observed = dataset_of(file, "observed", by_row=True)
        t0, t1 = attribute(file, "t0", int), attribute(file, "t1", int)
        if observed.ndim != 3 or observed.dtype.kind not in "iuf":
            raise RecordingFileError(
                f"{path}: observed is {observed.dtype} of shape {observed.shape}, expected frames "
                "of numbers"
            )
        if len(observed) != t1 - t0:
            raise RecordingFileError(f"{path}: {len(observed)} frames, expected {t1 - t0}")
        sums = {
            name: dataset_of(file, name)[()] if name in file else None
            for name in ("clean_moments", "pixel_sums", "pixel_square_sums")
        }
        return Part(
            path=Path(path),
            t0=t0,
            t1=t1,
            key=attribute(file, "spec_cache_key", str),
            sha256=attribute(file, "sha256", str),
            frames=RowReader(path, observed),
            **sums,
        )
