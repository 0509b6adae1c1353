"""The summary picture of a data set: what was simulated, where, and what came out."""

import numpy as np

from simlab.core import figures
from simlab.core.figures import AMPLITUDE, DIFFERENCE, INTENSITY, PHASE, scale_bar, show_map

PREVIEW_DPI = 75
PRINT_DPI = 150
SIZE_INCHES = (22, 16)
SHOWN = 4
LOG_COUNTS = "log(1 + value)"


def draw_summary(
    path, *, objects, probe, x, y, object_index, patterns, patches, measured=None, dpi=PREVIEW_DPI
):
    """Write the summary picture.

    Parameters
    ----------
    path : path
        PNG.
    objects : complex64 (H, W) or (K, H, W)
        The first one is shown.
    probe : complex64 (N, N) or (P, N, N)
        The root of the summed power of its modes is shown.
    x, y, object_index : (M,)
        Scan positions, px.
    patterns : (m, N, N)
        First frames as stored, m <= 4.
    patches : complex64 (m, N, N) or None
        Their ground truth.
    measured : dict or None
        diffraction (M', n, n), xcoords, ycoords of the source file.
    dpi : int
    """
    sample = objects[0] if objects.ndim == 3 else objects
    with figures.sheet_style(PREVIEW_DPI):
        figure, axes = figures.grid_of_axes(
            3, SHOWN, size=SIZE_INCHES, title="Ptychography Simulation Summary"
        )
        on_first = object_index == 0
        _draw_input(axes[0], sample, _amplitude(probe), x[on_first], y[on_first])
        if measured is None:
            for number, axis in enumerate(axes[1]):
                _draw_pattern(axis, patterns, number)
        else:
            _draw_comparison(axes[1], patterns[0], measured, x[0], y[0], sample.shape[0])
        for number, axis in enumerate(axes[2]):
            _draw_patch(axis, patches, number)
        figures.save_png(figure, path, dpi)


def _amplitude(probe):
    modes = probe if probe.ndim == 3 else probe[None]
    return np.sqrt(np.sum(np.abs(modes) ** 2, axis=0))


def _draw_input(axes, sample, amplitude, x, y):
    height, width = sample.shape
    show_map(axes[0], abs(sample), title=f"Object amplitude {height} x {width}", cmap=AMPLITUDE)
    side = amplitude.shape[-1]
    scale_bar(axes[0], side, f"{side} px")
    show_map(axes[1], amplitude, title=f"Probe amplitude {side} x {side}", cmap=INTENSITY)
    _bar(axes[1], side)
    axis = axes[2]
    axis.imshow(abs(sample), cmap=AMPLITUDE, alpha=0.7)
    axis.scatter(x, y, s=8, c=figures.MARK, alpha=0.7, linewidths=0)
    axis.set_aspect("equal")
    axis.set_xlim(0, width)
    axis.set_ylim(height, 0)
    axis.set_xlabel("x (px)")
    axis.set_ylabel("y (px)")
    axis.set_title(f"{len(x)} scan positions")
    phase = np.angle(sample)
    span = float(phase.max() - phase.min())
    wraps = span > np.pi
    show_map(
        axes[3],
        phase,
        title="Object phase" if span else "Object phase, zero everywhere",
        unit="rad",
        cmap=PHASE if wraps else INTENSITY,
        limits=(-np.pi, np.pi) if wraps or not span else None,
    )


def _draw_pattern(axis, patterns, number):
    if number >= len(patterns):
        axis.axis("off")
        return
    values = np.log1p(np.asarray(patterns[number], np.float64))
    show_map(axis, values, title=f"Diffraction pattern {number}", unit=LOG_COUNTS)
    if number == 0:
        _bar(axis, len(values))


def _draw_patch(axis, patches, number):
    if patches is None or number >= len(patches):
        axis.axis("off")
        return
    show_map(axis, abs(patches[number]), title=f"True patch {number}, amplitude", cmap=AMPLITUDE)
    if number == 0:
        _bar(axis, len(patches[number]))


def _bar(axis, side):
    """A scale bar of a quarter of a square map."""
    scale_bar(axis, side // 4, f"{side // 4} px")


def _draw_comparison(axes, pattern, measured, x, y, object_height):
    from scipy.spatial import cKDTree

    frames = measured["diffraction"]
    scale = max(1.0, object_height / frames.shape[-1])
    points = np.stack([measured["xcoords"], measured["ycoords"]], axis=1)
    distance, nearest = cKDTree(points).query([x / scale, y / scale])
    side = min(pattern.shape[-1], frames.shape[-1])
    simulated = np.log1p(_center(np.asarray(pattern, np.float64), side))
    real = np.log1p(_center(np.asarray(frames[nearest], np.float64), side))
    show_map(axes[0], simulated, title="Diffraction pattern 0", unit=LOG_COUNTS)
    _bar(axes[0], side)
    show_map(axes[1], real, title=f"Measured pattern {nearest}", unit=LOG_COUNTS)
    show_map(
        axes[2],
        np.abs(simulated - real),
        title=f"Difference, {distance:.1f} px apart",
        unit=LOG_COUNTS,
        cmap=DIFFERENCE,
    )
    axes[3].axis("off")


def _center(frame, side):
    first = frame.shape[-1] // 2 - side // 2
    return frame[first : first + side, first : first + side]
