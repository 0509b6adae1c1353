"""Checks that arguments from outside share: objects, probes, whole numbers."""

import logging
from numbers import Integral

import numpy as np

from simlab.core.errors import ConfigError, InputFileError

logger = logging.getLogger("simlab.ptycho")


def as_complex64(array, name):
    """`array` without its axes of length 1 as contiguous complex64 of 2 or 3 dimensions.

    Real numbers are taken as complex ones of zero phase, with a logged warning.

    Errors: InputFileError naming `name` for another number of axes, for what is not numeric,
    and for entries that are not finite (with their number).
    """
    array = np.asarray(array)
    if array.dtype.kind not in "iufc":
        raise InputFileError(f"{name}: dtype {array.dtype} is not numeric")
    waves = np.squeeze(array)
    if waves.ndim not in (2, 3) or waves.size == 0:
        raise InputFileError(
            f"{name}: shape {array.shape}, expected (rows, columns) or (number, rows, columns)"
        )
    if not np.iscomplexobj(waves):
        logger.warning(real_input(name))
    with np.errstate(over="ignore"):
        waves = np.ascontiguousarray(waves, np.complex64)
    bad = waves.size - np.count_nonzero(np.isfinite(waves))
    if bad:
        raise InputFileError(
            f"{name}: {bad} of {waves.size} entries are not finite (in single precision)"
        )
    return waves


def real_input(name):
    """The warning about a real array where a complex one is expected."""
    return f"{name} is real: taken as complex with zero phase"


def as_square(array, name):
    """`as_complex64` for square images: (N, N) or (K, N, N), any side.

    Errors: InputFileError also for an image that is not square.
    """
    waves = as_complex64(array, name)
    if waves.shape[-1] != waves.shape[-2]:
        raise InputFileError(f"{name}: shape {waves.shape} is not square")
    return waves


def whole_number(value, name, least):
    """`value` as int: TypeError unless it is a whole number (no bool), ConfigError if < `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} is {value!r}, a whole number is expected")
    if value < least:
        raise ConfigError(f"{name} is {value}, it must be >= {least}")
    return int(value)
