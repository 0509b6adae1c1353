"""Pictures of users, in any format that OpenCV reads."""

import os
import struct
import sys
from contextlib import contextmanager

import cv2
import numpy as np

from simlab.core.errors import InputFileError
from simlab.core.files import open_input

MAX_PIXELS = 1 << 28
"""Pixels of the largest picture that is read, 16384 x 16384."""
PNG_START = b"\x89PNG\r\n\x1a\n"


def decode_picture(path, flags, what="picture"):
    """A picture as OpenCV's `flags` say; one line for what is none, cut off or too large.

    Raises MissingFileError, InputFileError.
    """
    with open_input(path, what) as stream:
        content = stream.read()
    width, height = _announced(content)
    if width * height > MAX_PIXELS:
        raise InputFileError(
            f"{path}: a picture of {width} x {height} px, at most {MAX_PIXELS} px are read"
        )
    try:
        with _quiet():
            picture = cv2.imdecode(np.frombuffer(content, np.uint8), flags) if content else None
    except cv2.error:
        picture = None
    if picture is None:
        raise InputFileError(f"{path}: not a picture that OpenCV reads, or cut off")
    return picture


def _announced(content):
    """(width, height) of a PNG, which are known before it is unpacked; (0, 0) of others."""
    if content.startswith(PNG_START) and content[12:16] == b"IHDR" and len(content) >= 24:
        return struct.unpack(">II", content[16:24])
    return 0, 0


@contextmanager
def _quiet():
    """The libraries behind OpenCV print their own lines on stderr; the error says it once."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
