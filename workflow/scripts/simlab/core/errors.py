"""Errors that a user can act on: one message, no traceback on the terminal."""


class SimlabError(Exception):
    """Base of every error that simlab raises on purpose."""


class ConfigError(SimlabError, ValueError):
    """A configuration or an argument cannot be used; the message lists every problem."""


class InputFileError(SimlabError, ValueError):
    """A file of the user is not what it should be."""


class MissingFileError(InputFileError, FileNotFoundError):
    """A file of the user does not exist."""

    __str__ = Exception.__str__  # OSError would print its errno form


class MissingKeyError(InputFileError, KeyError):
    """A file lacks an array, group or column."""

    __str__ = Exception.__str__  # KeyError would print the quoted repr


class PhysicsError(SimlabError, ValueError):
    """The request is well formed but has no physical answer."""


class ChecksFailedError(SimlabError):
    """At least one consistency check failed; the message names them."""


class IntegrityError(SimlabError):
    """Published files are not what their manifest says."""


def abridged(error, most):
    """The text of an error: its first line and at most `most` more, then how many there are."""
    head, *lines = str(error).splitlines()
    if len(lines) > most:
        lines = [*lines[:most], f"  and {len(lines) - most} more"]
    return "\n".join([head, *lines])
