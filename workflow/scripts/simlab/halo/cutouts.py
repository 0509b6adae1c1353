"""Maps of several scales about one place: how large they are, and how they are cut and averaged.

The fine grid has `npix` pixels along the box. A map of side s is the mean over f x f fine pixels of
a cutout of s/L npix = f res pixels, so that all maps share one unit: mass per fine pixel.
"""

import itertools
import math

import numpy as np

from simlab.halo.errors import CutoutError
from simlab.halo.names import SCALES

COMMENSURATE = 1e-9


def check_resolution(resolution):
    """Side of the maps, px, as int; CutoutError unless even and > 0."""
    if resolution != int(resolution) or resolution < 2 or resolution % 2:
        raise CutoutError(f"target_resolution is {resolution}, expected an even number > 0")
    return int(resolution)


def check_box(box_size):
    """Side of the box, Mpc/h, as float; CutoutError unless finite and > 0."""
    if not 0 < box_size < math.inf:
        raise CutoutError(f"box_size is {box_size}, expected a finite length > 0 Mpc/h")
    return float(box_size)


def check_scales(scales):
    """Sides of the maps, Mpc/h, as tuple of floats; CutoutError unless finite and > 0."""
    scales = tuple(map(float, scales))
    if not scales or not all(0 < scale < math.inf for scale in scales):
        raise CutoutError(f"scales are {scales}, expected finite lengths > 0 Mpc/h")
    return scales


def fine_pixels(box_size, resolution, scales):
    """(npix, factors) of maps of `scales`, each a multiple of the first, none beyond the box.

    npix = resolution L / scales[0] pixels along the box, factors f = scale / scales[0].
    """
    box_size, resolution = check_box(box_size), check_resolution(resolution)
    scales = check_scales(scales)
    if any(a >= b for a, b in itertools.pairwise(scales)):
        raise CutoutError(f"scales {list(scales)} must ascend")
    if scales[-1] > box_size * (1 + COMMENSURATE):
        raise CutoutError(f"scale {scales[-1]:g} Mpc/h is larger than the box, {box_size:g} Mpc/h")
    npix = _whole(resolution * box_size / scales[0], "resolution * box_size / scales[0]")
    what = f"cutouts are not multiples of {resolution} pixels: scale / {scales[0]:g}"
    return npix, tuple(_whole(scale / scales[0], what) for scale in scales)


def cutout_size(scale, box_size, npix):
    """Pixels along a cutout of side `scale` < box: 2 int(scale / (2 pix)); the box if larger."""
    if scale >= box_size * (1 - COMMENSURATE):
        return npix
    return 2 * int(scale * npix / (2 * box_size) + COMMENSURATE)


def block_mean(field, factor):
    """Means over blocks of factor x factor pixels, summed in float64; `field` (n, n) -> float32."""
    if factor == 1:
        return field.astype(np.float32)
    n = len(field) // factor
    blocks = np.add.reduceat(field, np.arange(0, field.shape[1], factor), axis=1, dtype=np.float64)
    return (blocks.reshape(n, factor, n).sum(axis=1) / factor**2).astype(np.float32)


def extract_multiscale_cutouts(
    field_2d_full,
    box_size,
    target_resolution=128,
    scales=SCALES,
    center_pix=None,
    allow_upsample=False,
):
    """Maps (S, res, res) float32 of several scales about the middle of a map of the box.

    `scales` in Mpc/h, those of a box of 50 Mpc/h by default.
    Scale s < L: pixels c - half .. c + half, half = int(s / (2 pix)), c = npix // 2, or about
    `center_pix` = (i, j) with periodic wrap; s >= L: the full map. Then block means. A cutout of
    fewer than `res` pixels is an error, or is interpolated linearly with `allow_upsample`.
    """
    field = _as_field(field_2d_full)
    npix = len(field)
    middle = (npix // 2, npix // 2) if center_pix is None else center_pix
    cuts = _sizes(npix, box_size, target_resolution, scales)
    return np.stack(
        [
            _resampled(
                field if size == npix else _around(field, middle, size),
                check_resolution(target_resolution),
                allow_upsample,
            )
            for size in cuts
        ]
    )


def extract_inference_cutouts(
    full_map, center, box_size, axis=2, target_resolution=128, scales=SCALES
):
    """Maps (S, res, res) float32 about a halo, from an unrotated map (npix, npix) of the box.

    `center` (3,) Mpc/h; `axis` is the one that the map lacks. Pixel floor(center / pix + 1e-9);
    all cutouts wrap, that of the whole box too, so that the halo stays in the middle. A scale
    beyond the box is cut as the box: give `scales` of training, those of a box of 50 Mpc/h are
    the default.
    """
    field, box_size = _as_field(full_map), check_box(box_size)
    if axis not in (0, 1, 2):
        raise CutoutError(f"axis is {axis!r}, expected 0, 1 or 2")
    center = np.asarray(center, np.float64)
    if center.shape != (3,) or not np.isfinite(center).all():
        raise CutoutError(f"center is {center.tolist()}, expected three finite numbers")
    npix = len(field)
    pixel = np.floor(np.mod(np.delete(center, axis), box_size) * npix / box_size + COMMENSURATE)
    sizes = _sizes(npix, box_size, target_resolution, scales)
    cuts = (_around(field, pixel.astype(int), size) for size in sizes)
    return np.stack([_resampled(cut, check_resolution(target_resolution), False) for cut in cuts])


def _whole(value, what):
    if abs(value - round(value)) > COMMENSURATE * value:
        raise CutoutError(f"{what} is {value:g}, expected a whole number")
    return round(value)


def _as_field(field):
    field = np.asarray(field)
    if field.ndim != 2 or field.shape[0] != field.shape[1] or not field.size:
        raise CutoutError(f"map has shape {field.shape}, expected a square")
    return field


def _sizes(npix, box_size, target_resolution, scales):
    check_resolution(target_resolution)
    return [cutout_size(s, check_box(box_size), npix) for s in check_scales(scales)]


def _around(field, pixel, size):
    """Periodic cutout (size, size) whose middle, size // 2, is `pixel`."""
    npix = len(field)
    rows, columns = ((int(c) - size // 2 + np.arange(size)) % npix for c in pixel)
    return field[np.ix_(rows, columns)]


def _resampled(cut, resolution, allow_upsample):
    size = len(cut)
    if size < resolution and allow_upsample and size:
        from scipy.ndimage import zoom

        return zoom(cut.astype(np.float64), resolution / size, order=1).astype(np.float32)
    if size < resolution:
        raise CutoutError(
            f"cutout of {size} pixels is smaller than {resolution} (allow_upsample interpolates)"
        )
    if size % resolution:
        raise CutoutError(f"cutout of {size} pixels is not a multiple of {resolution}")
    return block_mean(cut, size // resolution)
