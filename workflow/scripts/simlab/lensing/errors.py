"""Errors of gravitational lensing; every message names file, row, column or key and the value."""

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
