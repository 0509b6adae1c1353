"""Errors of halo maps; each is also one of `simlab.core.errors`."""

from simlab.core.errors import InputFileError, MissingFileError, PhysicsError, SimlabError


class SnapshotError(InputFileError):
    """A snapshot of particles is not what it should be."""


class MissingSnapshotError(SnapshotError, MissingFileError):
    """A snapshot does not exist."""


class CatalogError(InputFileError):
    """A halo catalog is not what it should be."""


class MissingCatalogError(CatalogError, MissingFileError):
    """A halo catalog does not exist."""


class ParameterTableError(InputFileError):
    """A table of simulation parameters is not what it should be."""


class MissingColumnError(ParameterTableError):
    """A table of simulation parameters lacks a column that is asked for.

    `key` is what asks, parameters.columns or parameters.overrides without the first word.
    """

    def __init__(self, message, key="columns"):
        super().__init__(message)
        self.key = key


class MissingTableError(ParameterTableError, MissingFileError):
    """A table of simulation parameters does not exist."""


class SampleError(InputFileError):
    """A sample or a shard record is not what it should be."""


class BusyError(SimlabError):
    """Another process is at the same work."""


class CutoutError(PhysicsError):
    """Maps cannot have the geometry that was asked for."""


class StatisticsError(PhysicsError):
    """Normalization constants cannot be computed or applied."""
