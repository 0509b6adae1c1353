"""Checks and sizes that several classes share; each check names what it was given."""

import math
from numbers import Integral

from simlab.afm.errors import AfmConfigError


def sequence(name, values):
    """`values` as a list; AfmConfigError for text, mappings and what cannot be iterated."""
    if isinstance(values, str | bytes | dict) or not hasattr(values, "__iter__"):
        raise AfmConfigError(f"afm: {name}: {values!r}; expected a list")
    return list(values)


def whole(name, value, low):
    """`value` as int; AfmConfigError unless a whole number >= low."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < low:
        raise AfmConfigError(f"afm: {name}: {value!r}; expected a whole number >= {low}")
    return int(value)


def finite(name, value):
    """`value` as float; AfmConfigError unless a finite number."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise AfmConfigError(f"afm: {name}: {value!r}; expected a finite number")
    return number


def batches_of(n, batch_size):
    """Number of batches of n samples, the last may be smaller."""
    return math.ceil(n / batch_size)
