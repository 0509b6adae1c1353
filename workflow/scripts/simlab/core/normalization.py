"""Constants that make arrays ready for a network, and back."""

import numpy as np

from simlab.core.errors import InputFileError
from simlab.core.files import read_json


class Linear:
    """z = (x - shift) factor of some arrays of a sample, float32; the others stay as they are.

    Parameters
    ----------
    constants : mapping of str to (shift, factor)
        By array: numbers, or arrays that broadcast against the last axes of it.
    """

    def __init__(self, constants):
        self.constants = dict(constants)

    def __call__(self, sample):
        """The sample with z in place of x."""
        return self._applied(sample, _forward)

    def inverse(self, sample):
        """x = z / factor + shift, float64, of those arrays of a sample or batch."""
        return self._applied(sample, lambda z, shift, factor: np.float64(z) / factor + shift)

    def _applied(self, sample, function):
        return {
            name: function(values, *self.constants[name]) if name in self.constants else values
            for name, values in sample.items()
        }


def _forward(x, shift, factor):
    kind = np.float64 if np.asarray(x).dtype == np.float64 else np.float32
    z = np.subtract(x, np.asarray(shift, kind), dtype=kind) if np.any(shift) else x
    return np.multiply(z, np.asarray(factor, kind), dtype=kind).astype(np.float32, copy=False)


def standard(mean, std):
    """(shift, factor) of z = (x - mean)/std; where nothing varies, std 0, the factor is 1."""
    std = np.asarray(std, np.float64)
    return np.asarray(mean, np.float64), 1 / np.where(std == 0, 1.0, std)


def read_statistics(folder):
    """(path, content) of a data set's `normalization.json`."""
    path = folder / "normalization.json"
    content = read_json(path)
    if not isinstance(content, dict) or content.get("format") != 1:
        raise InputFileError(f"{path}: not statistics of format 1")
    return path, content


def number_of(path, content, *keys):
    """A number in nested statistics; InputFileError where there is none, as without samples."""
    value = content
    for key in keys:
        inside = isinstance(value, dict) and key in value
        inside = inside or (isinstance(value, list) and isinstance(key, int) and key < len(value))
        value = value[key] if inside else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        place = ".".join(map(str, keys))
        raise InputFileError(f"{path}: {place}: {value!r}, expected a number to normalize by")
    return value
