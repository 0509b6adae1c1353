"""Scan positions: layouts, jitter, several objects, and how well they cover an object."""

import logging
import math

import numpy as np

from simlab.core.config import nearest, parse_config
from simlab.core.errors import ConfigError, InputFileError
from simlab.core.random import generator
from simlab.ptycho.inputs import whole_number
from simlab.ptycho.kinds import LAYOUT_OPTIONS, largest_buffer
from simlab.ptycho.layouts import (
    fixed_pitch_raster,
    full_frame,
    grid_group_centers,
    jittered_grid,
    raster,
    spiral,
    uniform_random,
)
from simlab.ptycho.streams import stream

logger = logging.getLogger("simlab.ptycho")


def scan_positions(
    layout,
    shape,
    N,
    n_images,
    *,
    seed=42,
    object_index=0,
    legacy_seed=None,
    buffer=None,
    **options,
):
    """Nominal scan positions of one object.

    Parameters
    ----------
    layout : str
        uniform_random, raster, fixed_pitch_raster, jittered_grid, full_frame, spiral or
        grid_groups.
    shape : (int, int)
        H, W of the object, px.
    N : int
        Side of the probe, px.
    n_images : int
        Number of positions; None for grid_groups, where the options decide.
    seed : int
        Draws come from `core.random.generator(seed, "ptycho.positions", object_index)`,
    object_index : int
        Number of the object,
    legacy_seed : int, optional
        or from `RandomState(legacy_seed)`.
    buffer : float, optional
        Distance kept from the edges, px; None = N//2; clamped with a warning where it exceeds
        min(H, W)/2 - 1.
    **options
        Options of the layout (`kinds.LAYOUT_OPTIONS`).

    Returns
    -------
    x, y : float64 (M,)
        Column and row coordinates, object pixels, pixel (0, 0) centered at the origin.

    Raises
    ------
    ConfigError
        For an unknown layout or option, a value out of range, a raster of a number that is no
        square.
    """
    buffer = effective_buffer(N // 2 if buffer is None else buffer, shape)
    rng = stream(
        seed, "ptycho.positions", whole_number(object_index, "object_index", 0), legacy_seed
    )
    return _nominal(layout, tuple(shape[-2:]), N, n_images, buffer, options, rng)


def effective_buffer(buffer, shape):
    """min(buffer, min(H, W)/2 - 1), px; a clamped one is reported as a warning.

    Errors: ConfigError for a buffer that is negative or not finite.
    """
    limit = largest_buffer(shape)
    if not (buffer >= 0 and math.isfinite(buffer)):
        raise ConfigError(f"buffer is {buffer}, it must be 0..{limit:g} px")
    if buffer > limit:
        logger.warning(
            f"buffer {buffer:g} px is too large for an object {tuple(shape[-2:])}: {limit:g} used"
        )
        return limit
    return float(buffer)


def _nominal(layout, shape, side, n_images, buffer, options, rng):
    if layout not in LAYOUT_OPTIONS:
        raise ConfigError(
            f"scan layout {layout!r} is unknown{nearest(layout, LAYOUT_OPTIONS)} "
            f"(valid: {', '.join(LAYOUT_OPTIONS)})"
        )
    options = parse_config(LAYOUT_OPTIONS[layout], options, f"options of layout {layout}")
    options = options.model_dump()
    if layout == "file":
        raise ConfigError("layout file: the positions come from a coordinate file, none are made")
    if layout == "grid_groups":
        if n_images is not None:
            raise ConfigError(f"n_images is {n_images}, layout grid_groups decides it itself")
        return grid_group_centers(shape, side, **options)
    n_images = whole_number(n_images, "n_images", 1)
    if layout == "uniform_random":
        return uniform_random(shape, n_images, buffer, rng)
    if layout == "raster":
        return raster(shape, n_images, buffer, **options)
    if layout == "fixed_pitch_raster":
        return fixed_pitch_raster(shape, side, n_images, **options)
    if layout == "jittered_grid":
        return jittered_grid(shape, n_images, buffer, rng, decimals=options["round"])
    if layout == "full_frame":
        return full_frame(shape, side, n_images, rng, **options)
    return spiral(shape, n_images, buffer, **options)


def build_positions(spec, shape, N, count, seed, source=None):
    """All positions of a `ScanConfig`.

    Parameters
    ----------
    spec : ScanConfig
    shape : (H, W)
        Of one object, px.
    N : int
        Side of the probe, px.
    count : int
        Number of objects K.
    seed : int
        Seed of the data set.
    source : dict, optional
        `xcoords`, `ycoords` and perhaps `object_index` of the coordinate file.

    Returns
    -------
    dict
        `xcoords`, `ycoords` (true), `xcoords_start`, `ycoords_start` (nominal), float64 (M,),
        px; `scan_index`, `object_index` int64 (M,).

    object-major: frames [o M//K, (o+1) M//K) belong to object o. coordinate-major: the M/K
    positions of stream index 0 serve every object, frame j = coordinate K + object. Jitter draws
    all x, then all y, of an object from stream "ptycho.jitter", index o.

    Errors: ConfigError for a buffer that is too large and as `scan_positions`; InputFileError
    for coordinates that cannot be used.
    """
    limit = largest_buffer(shape)
    if spec.buffer is not None and spec.buffer > limit:
        raise ConfigError(
            f"scan.buffer is {spec.buffer:g}, the largest for an object {tuple(shape[-2:])} "
            f"is {limit:g}"
        )
    if spec.layout == "file":
        x, y, object_index = _from_file(spec, count, source)
    else:
        x, y, object_index = _generated(spec, tuple(shape[-2:]), N, count, seed)
    true_x, true_y = x.copy(), y.copy()
    if spec.jitter > 0:
        for index in range(count):
            frames = np.flatnonzero(object_index == index)
            rng = generator(seed, "ptycho.jitter", index)
            true_x[frames] += rng.normal(0, spec.jitter, len(frames))
            true_y[frames] += rng.normal(0, spec.jitter, len(frames))
    return {
        "xcoords": true_x,
        "ycoords": true_y,
        "xcoords_start": x,
        "ycoords_start": y,
        "scan_index": object_index.copy(),
        "object_index": object_index,
    }


def _generated(spec, shape, side, count, seed):
    buffer = effective_buffer(side // 2 if spec.buffer is None else spec.buffer, shape)
    legacy = None
    if spec.legacy_seed is not None:
        legacy = stream(seed, "ptycho.positions", legacy_seed=spec.legacy_seed)

    def draw(n_images, index):
        rng = legacy or stream(seed, "ptycho.positions", index)
        return _nominal(spec.layout, shape, side, n_images, buffer, spec.options, rng)

    if spec.layout == "grid_groups":
        x, y = draw(None, 0)
        return x, y, np.zeros(len(x), np.int64)
    if spec.n_images < count:
        raise ConfigError(f"scan.n_images is {spec.n_images}, fewer than the {count} objects")
    if spec.order == "coordinate-major":
        x, y = draw(_coordinates_each(spec.n_images, count), 0)
        return _for_every_object(x, y, count)
    object_index = _object_major(spec.n_images, count)
    parts = [draw(n, o) for o, n in enumerate(np.bincount(object_index, minlength=count))]
    x, y = (np.concatenate(axis) for axis in zip(*parts, strict=True))
    return x, y, object_index


def _object_major(n_images, count):
    bounds = [o * n_images // count for o in range(count + 1)]
    return np.repeat(np.arange(count), np.diff(bounds))


def _coordinates_each(n_images, count):
    if n_images % count:
        raise ConfigError(
            f"scan.order: coordinate-major needs scan.n_images ({n_images}) to be a multiple of "
            f"object.count ({count})"
        )
    return n_images // count


def _for_every_object(x, y, count):
    return np.repeat(x, count), np.repeat(y, count), np.tile(np.arange(count), len(x))


def _from_file(spec, count, source):
    """x, y, object_index of a coordinate file, its first `n_images` frames."""
    x, y = (np.asarray(source[key], np.float64).ravel() for key in ("xcoords", "ycoords"))
    if len(x) != len(y):
        raise InputFileError(f"{spec.file}: {len(x)} xcoords but {len(y)} ycoords")
    bad = np.flatnonzero(~(np.isfinite(x) & np.isfinite(y)))
    if len(bad):
        raise InputFileError(
            f"{spec.file}: position of row {bad[0] + 1} is not finite: "
            f"({x[bad[0]]:g}, {y[bad[0]]:g})"
        )
    given = source.get("object_index")
    shared = given is None and spec.order == "coordinate-major"
    available = len(x) * count if shared else len(x)
    n_images = available if spec.n_images is None else spec.n_images
    if n_images > available or available == 0:
        raise InputFileError(
            f"{spec.file}: scan.n_images is {n_images}, the file has positions for {available}"
        )
    if shared:
        each = _coordinates_each(n_images, count)
        return _for_every_object(x[:each], y[:each], count)
    x, y = x[:n_images].copy(), y[:n_images].copy()
    if given is None:
        return x, y, _object_major(n_images, count)
    return x, y, _object_column(given, len(source["xcoords"]), count, spec.file)[:n_images]


def _object_column(values, length, count, file):
    values = np.asarray(values).ravel()
    if len(values) != length:
        raise InputFileError(f"{file}: {length} xcoords but {len(values)} object_index")
    bad = np.flatnonzero(~((values >= 0) & (values < count) & (values % 1 == 0)))
    if len(bad):
        raise InputFileError(
            f"{file}: object_index of row {bad[0] + 1} is {values[bad[0]]}, "
            f"there are objects 0..{count - 1}"
        )
    return values.astype(np.int64)


def coverage_report(x, y, object_index, shape, probe, buffer):
    """What `positions.json` says about the positions.

    Parameters
    ----------
    x, y : float64 (M,)
        True positions, px.
    object_index : int (M,)
    shape : (..., H, W)
        Of an object, px.
    probe : complex (N, N) or (K, N, N)
    buffer : float
        Effective buffer, px.

    Returns
    -------
    dict
        `n_images`; `n_outside` (patches that reach beyond the object), `n_duplicates` (positions
        equal to an earlier one of the same object); `buffer_effective`, `probe_fwhm`, px;
        `coverage` (fraction of object pixels within FWHM/2 of a position),
        `mean_nearest_distance` (px) and `linear_overlap` = 1 - distance/FWHM, each averaged over
        the objects that have positions, the last two None where no object has two; `warnings`.
    """
    height, width = shape[-2:]
    side = probe.shape[-1]
    n_outside = int(np.count_nonzero(is_outside(x, y, (height, width), side)))
    fwhm = probe_fwhm(probe)
    covered, distances, overlaps, n_duplicates = [], [], [], 0
    for index in np.unique(object_index):
        frames = object_index == index
        own = np.stack([x[frames], y[frames]], axis=1)
        n_duplicates += len(own) - len(np.unique(own, axis=0))
        covered.append(covered_fraction(own[:, 0], own[:, 1], (height, width), fwhm / 2))
        if len(own) > 1:
            distances.append(mean_nearest_distance(own))
            overlaps.append(1 - distances[-1] / fwhm)
    warnings = []
    if n_outside:
        warnings.append(
            f"{n_outside} of {len(x)} patches reach beyond the object, which is 0 there"
        )
        logger.warning(warnings[-1])
    return {
        "n_images": len(x),
        "n_outside": n_outside,
        "n_duplicates": n_duplicates,
        "buffer_effective": float(buffer),
        "probe_fwhm": fwhm,
        "coverage": _mean(covered),
        "mean_nearest_distance": _mean(distances),
        "linear_overlap": _mean(overlaps),
        "warnings": warnings,
    }


def is_outside(x, y, shape, side):
    """Whether the patch at a position reaches beyond the object: x < N//2, x > W-N+N//2, ..."""
    height, width = shape
    low = side // 2
    return (x < low) | (x > width - side + low) | (y < low) | (y > height - side + low)


def probe_fwhm(probe):
    """2 sqrt(A/pi), A the pixels whose intensity sum_k |P_k|^2 exceeds half the maximum; px."""
    side = probe.shape[-1]
    intensity = np.sum(np.abs(probe.reshape(-1, side, side)).astype(np.float64) ** 2, axis=0)
    return 2 * math.sqrt(np.count_nonzero(intensity > intensity.max() / 2) / math.pi)


def covered_fraction(x, y, shape, radius):
    """Fraction of the object's pixels whose centers are at most `radius` from a position."""
    from simlab.ptycho.kernels.drawing import mark_disks

    covered = np.zeros(shape, np.uint8)
    mark_disks(covered, np.ascontiguousarray(x), np.ascontiguousarray(y), float(radius))
    return np.count_nonzero(covered) / covered.size


def mean_nearest_distance(positions):
    """Mean distance of the positions (M, 2), M >= 2, to their nearest neighbors, px."""
    from scipy.spatial import cKDTree

    distance, _ = cKDTree(positions).query(positions, k=2)
    return math.fsum(distance[:, 1]) / len(distance)


def _mean(values):
    return math.fsum(values) / len(values) if values else None
