"""Warnings as commands show them."""

import sys
import warnings
from contextlib import contextmanager


@contextmanager
def each_told_once():
    """Each warning is one line without file and source line, however often it is given."""
    told = set()

    def show(message, category, filename, lineno, file=None, line=None):
        text = " ".join(str(message).split())
        if text not in told:
            told.add(text)
            print(f"Warning: {text}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", UserWarning)
        warnings.showwarning = show
        yield
