"""Pictures in PNG files: gray or color (B, G, R), 8 or 16 bits."""

import cv2
import numpy as np

from simlab.core.errors import InputFileError, MissingFileError
from simlab.core.files import atomic_path
from simlab.core.pictures import decode_picture
from simlab.lensing.errors import MissingRowsError, RowsError

WORDS = 257
"""16-bit value of gray level 1."""


def write_png(path, image, bits=8):
    """Write a picture, atomically.

    Parameters
    ----------
    path : path
    image : uint8 or float (h, w) or (h, w, 3)
        Gray levels 0 .. 255; channels B, G, R. Rounded as floor(v + 0.5) and clipped.
    bits : 8 or 16
        16-bit files hold 257 times the gray level, so fractions survive.
    """
    image = np.asarray(image)
    if image.dtype == np.uint8 and bits == 8:
        values = image
    else:
        scale, dtype = (1, np.uint8) if bits == 8 else (WORDS, np.uint16)
        scaled = np.floor(image.astype(np.float64) * scale + 0.5)
        values = np.clip(scaled, 0, 255 * scale).astype(dtype)
    if values.ndim != 2 and values.shape[2:] != (3,):
        raise RowsError(f"{path}: a picture of shape {values.shape}, (h, w[, 3]) is expected")
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(values))
    with atomic_path(path) as part:
        part.write_bytes(encoded.tobytes())


def read_image(path):
    """A picture as it is in the file: uint8 or uint16 (h, w) or (h, w, 3 or 4), B, G, R, A.

    Raises RowsError for a file that is no such picture, MissingRowsError where there is none.
    """
    try:
        image = decode_picture(path, cv2.IMREAD_UNCHANGED)
    except MissingFileError as error:
        raise MissingRowsError(str(error)) from None
    except InputFileError as error:
        raise RowsError(f"{error}; PNG is expected") from None
    if image.dtype not in (np.uint8, np.uint16):
        raise RowsError(f"{path}: picture of {image.dtype}, 8 or 16 bits a channel are expected")
    return image


def read_picture(path):
    """Gray levels of a picture: float64 (h, w, 1 or 3), 0 .. 255, channels B, G, R.

    16-bit values are divided by 257. Where there is an alpha channel the picture is laid over
    black. Errors as of `read_image`.
    """
    image = read_image(path)
    full = np.iinfo(image.dtype).max
    values = np.atleast_3d(image).astype(np.float64)
    if values.shape[2] in (2, 4):
        values = values[:, :, :-1] * (values[:, :, -1:] / full)
    return values * (255 / full) if full != 255 else values
