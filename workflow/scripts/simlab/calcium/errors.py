"""Errors of the calcium domain; each also is the builtin error that users of the original know."""

from simlab.core.errors import ConfigError, InputFileError, PhysicsError, SimlabError


class SpecError(ConfigError, ValueError):
    """A wrong argument, or a combination of settings that cannot be simulated."""


class StageError(ConfigError, KeyError):
    """A recording has no snapshot of that stage."""

    __str__ = Exception.__str__  # KeyError would print its message in quotes


class RecordingFileError(InputFileError, ValueError):
    """A file is not a recording, scene or part, or not a whole one."""


class VideoWriterError(SimlabError, RuntimeError):
    """A video file cannot be opened for writing."""


class EstimateError(ConfigError, TypeError):
    """An estimate names one thing twice, or has no footprints."""


class ShiftError(PhysicsError, ValueError):
    """A shift leaves the margin of the canvas."""
