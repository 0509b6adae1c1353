"""Image shards: pictures of many rows with what is known of each.

Root datasets, R rows, pictures of H x W px:

    images    (R, H, W[, 3])  float32 or uint8  grey levels; colors in the order B, G, R
    mask      (R, H, W)       uint8             1 where the roulette series was drawn (optional)
    original  (R, n, n[, 3])                    before centering and cropping (optional)
    actual    (R, H, W[, 3])                    the source without lens (optional)
    apparent  (R, H, W[, 3])                    the source at `apparent_at` (optional)
    index     (R,)  int64     row number in the whole table + 1
    filename  (R,)  UTF-8
    status    (R,)  uint8     number of the word in `status.STATUSES`
    center    (R, 2) float64  center of light in the original frame, px (x right, y up)
    crop_center (R, 2) float64  center of light of the delivered picture: shift by lost light, px
    xi, eta   (R, 2) float64  reference point, source position, relative to the picture center, px
    r_conv    (R,)  float64   smallest radius of convergence, px; 0 where there is none
    alpha, beta (R, K) float64  amplitudes in the order of attribute `amplitudes`; 0 where empty
                                (not in re-simulations)

and the parameters: `params/<column>`, float64 with 0 for an empty cell and a uint8 mask
`params_given/<column>`, or UTF-8 text. Chunks hold one picture, compressed with bitshuffle + lz4.
"""

from contextlib import contextmanager
from pathlib import Path

import h5py
import hdf5plugin
import numpy as np

from simlab.core.errors import InputFileError
from simlab.core.hdf5 import create_hdf5, reading_hdf5, require_readable, write_attributes
from simlab.core.inputs import shown
from simlab.lensing.errors import MissingRowsError, RowsError

FORMAT = "lensing-images"
FORMAT_VERSION = 1
PICTURES = ("images", "mask", "original", "actual", "apparent")
VECTORS = ("center", "crop_center", "xi", "eta")
TEXT = h5py.string_dtype("utf-8")
SCALAR_TYPES = {"index": np.int64, "status": np.uint8, "r_conv": np.float64}


class ShardWriter:
    """An open shard; `write` fills one row.

    Parameters
    ----------
    file : h5py.File, open for writing
    n_rows : int
    pictures : mapping
        Name of PICTURES -> (shape of one picture, dtype).
    amplitudes : list of str
        Names "[m][s]" of the amplitudes of a row, in order.
    attributes : mapping
    """

    def __init__(self, file, n_rows, pictures, amplitudes, attributes):
        self._file, self._n = file, n_rows
        write_attributes(
            file,
            {
                "format": FORMAT,
                "format_version": FORMAT_VERSION,
                "sample_arrays": [*pictures, *SCALAR_TYPES, *VECTORS, *self._labels(amplitudes)],
                "amplitudes": list(amplitudes),
                **attributes,
            },
        )
        for name, (shape, dtype) in pictures.items():
            file.create_dataset(
                name,
                (n_rows, *shape),
                dtype,
                chunks=(1, *shape),
                track_times=False,
                **hdf5plugin.Bitshuffle(cname="lz4"),
            )
        self._table = {
            **{name: np.zeros(n_rows, dtype) for name, dtype in SCALAR_TYPES.items()},
            **{name: np.zeros((n_rows, 2)) for name in VECTORS},
            **{name: np.zeros((n_rows, len(amplitudes))) for name in self._labels(amplitudes)},
        }
        self._filenames = [""] * n_rows

    @staticmethod
    def _labels(amplitudes):
        return ("alpha", "beta") if amplitudes else ()

    def write(self, position, pictures, filename, values):
        """Row number `position`.

        Parameters
        ----------
        position : int
        pictures : mapping
            Name -> array, for the names the shard was opened with.
        filename : str
        values : mapping
            Name of SCALAR_TYPES, VECTORS (complex), alpha or beta -> finite value.
        """
        for name, picture in pictures.items():
            self._file[name][position] = picture
        self._filenames[position] = filename
        for name, value in values.items():
            if name in VECTORS:
                value = value.real, value.imag
            self._table[name][position] = value

    def write_parameters(self, numbers, texts):
        """Columns of the table: `numbers` name -> list of float or None, `texts` name -> list."""
        params, given = self._file.create_group("params"), self._file.create_group("params_given")
        for name, column in numbers.items():
            known = np.array([value is not None for value in column], np.uint8)
            values = np.array([0.0 if value is None else value for value in column], np.float64)
            params.create_dataset(name, data=values, track_times=False)
            given.create_dataset(name, data=known, track_times=False)
        for name, column in texts.items():
            params.create_dataset(name, data=column, dtype=TEXT, track_times=False)

    def finish(self):
        """Write what was gathered row by row."""
        for name, values in self._table.items():
            self._file.create_dataset(name, data=values, track_times=False)
        self._file.create_dataset("filename", data=self._filenames, dtype=TEXT, track_times=False)


@contextmanager
def shard_writer(path, n_rows, pictures, amplitudes, attributes):
    """A ShardWriter whose file appears when the block succeeds; arguments as of ShardWriter."""
    with create_hdf5(path) as file:
        writer = ShardWriter(file, n_rows, pictures, amplitudes, attributes)
        yield writer
        writer.finish()


@contextmanager
def open_shard(path):
    """A shard opened for reading (h5py.File); RowsError for anything else."""
    if not Path(path).exists():
        raise MissingRowsError(f"file not found: {path}")
    with reading_hdf5(path, RowsError) as file:
        found = file.attrs.get("format")
        if not isinstance(found, str) or found != FORMAT:
            raise RowsError(f"{path}: format is {shown(found)}, expected {FORMAT!r}")
        _check_rows(path, file)
        yield file


def _check_rows(path, file):
    """Index, names and pictures are there, of the same number of rows, and can be read."""
    for name in ("index", "filename", *PICTURES):
        if name not in file and name in PICTURES[1:]:
            continue
        data = file.get(name)
        if not isinstance(data, h5py.Dataset) or data.shape is None:
            raise RowsError(f"{path}: no dataset {name!r}; found {list(file)}")
        kinds = {"index": "iu", "filename": "O"}.get(name, "uf")
        axes = (1,) if name in ("index", "filename") else (3, 4)
        if data.dtype.kind not in kinds or data.ndim not in axes or len(data) != len(file["index"]):
            raise RowsError(
                f"{path}: {name} is {data.dtype} of shape {data.shape}, expected "
                f"{'text' if kinds == 'O' else 'numbers'}, one row a picture"
            )
        require_readable(data, by_row=name in PICTURES)


def is_shard(path):
    """Whether an HDF5 file says that it holds pictures; damaged files may."""
    try:
        with reading_hdf5(path, RowsError) as file:
            found = file.attrs.get("format")
            return isinstance(found, str) and found == FORMAT
    except InputFileError:
        return True


def read_filenames(file):
    """Names of the rows of an open shard."""
    return list(file["filename"].asstr()[()])
