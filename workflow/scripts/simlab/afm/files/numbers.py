"""Blocks of numbers in text files of grids."""

import math
import warnings

import numpy as np

from simlab.afm.errors import AfmInputError, AfmMissingFileError
from simlab.core.errors import MissingFileError
from simlab.core.files import open_input

MAX_POINTS = 2048


def read_text(path, what):
    """Text of a grid file of a user.

    Raises AfmMissingFileError, or AfmInputError where the file is empty or no text.
    """
    try:
        with open_input(path, what) as stream:
            content = stream.read()
    except MissingFileError:
        raise AfmMissingFileError(f"afm: {path}: no such file; expected {what}") from None
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise AfmInputError(f"afm: {path}: not a text file; expected {what}") from None
    if "\0" in text:
        raise AfmInputError(f"afm: {path}: NUL bytes, not a text file; expected {what}")
    if not text.strip():
        raise AfmInputError(f"afm: {path}: empty; expected {what}")
    return text


class Lines:
    """Lines of a text read one after another, with their numbers; blank lines count."""

    def __init__(self, path, text):
        self._path, self._text = path, text
        self._place, self.number = 0, 0

    def __bool__(self):
        return self._place < len(self._text)

    @property
    def rest(self):
        """What no line has been read of yet."""
        return self._text[self._place :]

    def next(self, what):
        """The next line without its end; AfmInputError where there is none."""
        if not self:
            raise AfmInputError(
                f"afm: {self._path}: ends after line {self.number}; expected {what}"
            )
        end = self._text.find("\n", self._place)
        end = len(self._text) if end < 0 else end
        line = self._text[self._place : end].rstrip("\r")
        self._place, self.number = end + 1, self.number + 1
        return line

    def numbers(self, count, what):
        """At least `count` numbers of the next line, as floats; AfmInputError quotes the line."""
        line = self.next(what)
        try:
            values = [float(cell) for cell in line.split()[:count]]
        except ValueError:
            values = []
        if len(values) < count or not all(map(math.isfinite, values)):
            raise self.error(line, what)
        return values

    def error(self, line, what):
        """The AfmInputError that quotes `line`, the last one read."""
        return AfmInputError(
            f"afm: {self._path}: line {self.number}: {line[:80]!r}; expected {what}"
        )


def grid_shape(lines, line, values, what):
    """Three numbers of grid points, each 2 to 2048, as ints; AfmInputError quotes the line."""
    if any(value != int(value) or not 2 <= value <= MAX_POINTS for value in values):
        raise lines.error(line, f"{what}, each 2 to {MAX_POINTS}")
    return tuple(int(value) for value in values)


def read_values(path, text, count, what):
    """The `count` numbers of `text`, separated by blanks; float64.

    Raises AfmInputError naming the file, what was found and what was expected where there are
    fewer or more, or something that is not a finite number.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            values = np.fromstring(text, np.float64, sep=" ")
        except (ValueError, DeprecationWarning):
            raise AfmInputError(
                f"afm: {path}: {_first_bad(text)!r} among the values; expected {count} {what}"
            ) from None
    if len(values) != count:
        raise AfmInputError(f"afm: {path}: {len(values)} values; expected {count} {what}")
    bad = count - int(np.isfinite(values).sum())
    if bad:
        raise AfmInputError(f"afm: {path}: {bad} values are not finite; expected {count} {what}")
    return values


def _first_bad(text):
    for cell in text.split():
        try:
            float(cell)
        except ValueError:
            return cell[:40]
    return text.split()[0]
