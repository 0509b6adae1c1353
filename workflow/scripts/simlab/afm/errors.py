"""Errors of atomic force microscopy; every message names file or key, what was found, what fits."""

from simlab.core.errors import ConfigError, InputFileError, MissingFileError, PhysicsError


class AfmInputError(InputFileError):
    """A molecule or grid file is not what it should be."""


class AfmMissingFileError(AfmInputError, MissingFileError):
    """A molecule or grid file does not exist."""

    __str__ = Exception.__str__


class ChargeColumnError(AfmInputError):
    """The fifth column of an xyz file cannot hold charges."""


class AfmConfigError(ConfigError):
    """An argument or a configuration key cannot be used."""


class AfmPhysicsError(PhysicsError):
    """The request is well formed but cannot be computed."""
