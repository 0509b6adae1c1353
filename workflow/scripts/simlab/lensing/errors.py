"""Errors of gravitational lensing; every message names file, row, column or key and the value."""

import warnings

from simlab.core.errors import ConfigError, InputFileError, MissingFileError, PhysicsError


class LensingConfigError(ConfigError):
    """An argument, an option or a configuration key cannot be used."""


class RowsError(InputFileError):
    """A table, formula file, picture or shard is not what it should be."""


class MissingRowsError(RowsError, MissingFileError):
    """Such a file does not exist."""

    __str__ = Exception.__str__


class LensError(PhysicsError):
    """A lens, a source or a point without physical meaning."""


class LensingWarning(UserWarning):
    """What can be computed, but probably is not what was meant."""


def warn_of_unused(what, kind, given, used):
    """LensingWarning that names the parameters (name -> value or None) that `kind` does not use."""
    unused = [name for name, value in given.items() if value is not None and name not in used]
    if unused:
        warnings.warn(
            f"{what} {kind} has no {', '.join(unused)}: ignored", LensingWarning, stacklevel=3
        )
