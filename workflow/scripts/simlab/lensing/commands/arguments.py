"""Arguments that several commands of the domain take."""

import re
import warnings

import typer

from simlab.lensing.errors import LensingWarning

RANGE = re.compile(r"(-?\d*)(?::(-?\d*))?")


def row_range(text, size):
    """(start, stop) of `A:B`, a Python slice of the row numbers from 0; None is all rows.

    A single number A is A:A+1. typer.BadParameter for anything else.
    """
    if text is None:
        return 0, size
    found = RANGE.fullmatch(text.strip())
    if not found or text.strip() in ("", "-"):
        raise typer.BadParameter(f"--rows {text!r}: expected A:B, as 0:500")
    try:
        first, last = (int(part) if part else None for part in (found[1], found[2] or ""))
    except ValueError:
        raise typer.BadParameter(f"--rows {text!r}: expected A:B, as 0:500") from None
    if found[2] is None:
        first = first + size if first < 0 else first
        last = first + 1
    start, stop, _ = slice(first, last).indices(size)
    return start, max(start, stop)


def without_doubts(context):
    """No LensingWarning is told until the command of this typer.Context ends."""
    context.with_resource(warnings.catch_warnings())
    warnings.simplefilter("ignore", LensingWarning)
