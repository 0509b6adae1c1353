"""Compatibility dictionary of the older module-level interface: `params.set("N", 64)`.

Only `objects.sim_object_image` (`data_source`, `npseed`), `probes.get_default_probe`
(`default_probe_scale`) and legacy grouping (`gridsize`) read it, and only where the argument of
the call is left out. Configuration, rules and commands never do.
"""

from contextlib import contextmanager
from typing import Literal

from pydantic import Field

from simlab.core.config import Integer, Number, Section, nearest, parse_config
from simlab.core.errors import ConfigError
from simlab.ptycho.kinds import OBJECT_PARAMS, UNGENERATED_SOURCES


class Params(Section):
    """Keys, defaults and ranges of the dictionary."""

    N: Integer = Field(128, ge=16, le=1024, multiple_of=2, description="Pattern side, px")
    offset: Integer = Field(4, ge=1, description="Distance of patches in a group, px")
    gridsize: Integer = Field(2, ge=1, description="Groups have gridsize^2 channels")
    batch_size: Integer = Field(16, ge=1, description="Groups a training batch")
    default_probe_scale: Number = Field(0.7, gt=0, le=4, description="Of the default probe")
    nphotons: Number = Field(1e9, gt=0, description="Mean photons per pattern")
    data_source: Literal[(*OBJECT_PARAMS, *UNGENERATED_SOURCES)] = Field(
        "generic", description="Object kind of sim_object_image"
    )
    size: Integer = Field(392, ge=16, description="Object side, px")
    probe_scale: Number = Field(10.0, gt=0, description="Of the legacy probe normalization")
    sim_jitter_scale: Number = Field(0.0, ge=0, description="Position error, px")
    max_position_jitter: Number = Field(10.0, ge=0, description="Largest position error, px")
    outer_offset_train: Integer | None = Field(None, ge=2, description="px")
    outer_offset_test: Integer | None = Field(None, ge=2, description="px")
    nimgs_train: Integer = Field(9, ge=1, description="Training objects")
    nimgs_test: Integer = Field(3, ge=1, description="Test objects")
    npseed: Integer = Field(42, ge=0, le=2**32 - 1, description="Seed of sim_object_image")


_values = Params().model_dump()


def get(key):
    """Value of `key`; ConfigError with the nearest key if there is none such."""
    _known(key)
    return _values[key]


def set(key, value):
    """Set `key` to `value`, converted and checked; ConfigError for unknown keys or bad values."""
    _known(key)
    _values[key] = getattr(parse_config(Params, {**_values, key: value}, "params"), key)


def reset():
    """Return every key to its default."""
    _values.update(Params().model_dump())


@contextmanager
def scope(**values):
    """Set `values` for the length of a `with` block, then restore what was there."""
    before = dict(_values)
    try:
        for key, value in values.items():
            set(key, value)
        yield
    finally:
        _values.update(before)


def _known(key):
    if key not in Params.model_fields:
        known = list(Params.model_fields)
        raise ConfigError(f"params: unknown key {key!r}{nearest(key, known)} (known: {known})")
