"""Contact sheet of lensed pictures."""

from dataclasses import dataclass

import numpy as np
from matplotlib.path import Path

from simlab.core import figures
from simlab.lensing.geometry import pixel_grid

WIDTH_INCHES, ROW_INCHES, DPI = 16.0, 3.5, 100
TITLES = (
    "source without lens\nblue: caustic",
    "picture\nblue: critical curve",
    "from amplitudes alone; red cross: their\npoint, dashed: region of convergence",
    "from amplitudes - picture\nscaled within the dashed region",
)
LIMIT = 255.0
FAINTEST = 1.0
"""Gray level that is white at least, so that rounding and noise of dark pictures stay dark."""
BRIGHTEST_PERCENT = 99.9
"""Of the pixels; the cusps of galaxies are far brighter than all else."""
LEVELS = 24


@dataclass(frozen=True)
class Shown:
    """What the sheet shows of one row.

    Attributes
    ----------
    label : str
    actual, image : (n, n[, 3])
        Gray levels; of color pictures B, G, R.
    redrawn : (n, n[, 3]) or None
    critical, caustic : list of complex arrays
        Curves in the frame of the picture, and of the source, px.
    reference : complex or None
        Reference point in the frame of the picture, px.
    outline : complex array
        Edge of the region of convergence in that frame, px; empty without one.
    """

    label: str
    actual: np.ndarray
    image: np.ndarray
    redrawn: np.ndarray | None
    critical: list
    caustic: list
    reference: complex | None
    outline: np.ndarray


def draw_rows_sheet(path, rows, *, title, dpi=DPI):
    """Write the contact sheet of a list of `Shown` to a PNG."""
    with figures.sheet_style(DPI):
        size = (WIDTH_INCHES, ROW_INCHES * len(rows) + 0.8)
        figure, axes = figures.grid_of_axes(len(rows), 4, size=size, title=title)
        for axis, text in zip(axes[0], TITLES, strict=True):
            axis.set_title(text)
        for axis_row, shown in zip(axes, rows, strict=True):
            _draw(axis_row, shown)
        figures.save_png(figure, path, dpi)


def _draw(axes, shown):
    pictures = (shown.actual, shown.image, shown.redrawn)
    brightest = max(float(np.percentile(shown.image, BRIGHTEST_PERCENT)), FAINTEST)
    for axis, picture in zip(axes, pictures, strict=False):
        if picture is None:
            axis.set_axis_off()
            axis.set_title("no re-simulation")
            continue
        image = figures.show_map(
            axis,
            _displayed(picture),
            unit="gray level",
            cmap=figures.AMPLITUDE,
            limits=(0, min(brightest, LIMIT)),
            colorbar=picture.ndim == 2 and axis is axes[2],
        )
        _coordinates(axis, image, len(picture))
    axes[0].set_ylabel(shown.label.replace(": ", "\n") + "\ny (px)")
    for curve in shown.caustic:
        axes[0].plot(curve.real, curve.imag, color=figures.OUTLINE, lw=1.0)
    for curve in shown.critical:
        axes[1].plot(curve.real, curve.imag, color=figures.OUTLINE, lw=1.0)
    for axis in axes[1:3]:
        if shown.reference is not None:
            axis.plot(shown.reference.real, shown.reference.imag, "+", color=figures.MARK, ms=10)
        if len(shown.outline):
            axis.plot(shown.outline.real, shown.outline.imag, color=figures.MARK, lw=0.9, ls="--")
    _draw_difference(axes[3], shown)


def _draw_difference(axis, shown):
    if shown.redrawn is None:
        axis.set_axis_off()
        return
    difference = shown.redrawn.astype(np.float64) - shown.image.astype(np.float64)
    if difference.ndim == 3:
        difference = difference.mean(axis=2)
    limit = max(float(np.abs(difference[_inside(shown.outline, difference)]).max()), 1.0)
    image = figures.show_map(
        axis,
        difference,
        unit="gray level",
        cmap=figures.SIGNED,
        limits=(-limit, limit),
    )
    _coordinates(axis, image, len(difference))


def _inside(outline, picture):
    """Pixels inside a closed curve, beyond which a series means nothing; all without a curve."""
    side = len(picture)
    there = np.ones(picture.shape, np.bool_)
    if len(outline):
        corners = np.column_stack([outline.real, outline.imag])
        points = pixel_grid(side).ravel()
        points = np.column_stack([points.real, points.imag])
        there = Path(corners).contains_points(points).reshape(picture.shape)
    return there if there.any() else ~there


def _displayed(picture):
    if picture.ndim == 2:
        return picture
    return np.clip(picture[..., ::-1] / LIMIT, 0, 1)


def _coordinates(axis, image, size):
    """Axes in pixels of the image plane, y up."""
    half = size / 2
    image.set_extent((-half - 0.5, half - 0.5, -half + 0.5, half + 0.5))
    axis.set_xlim(-half - 0.5, half - 0.5)
    axis.set_ylim(-half + 0.5, half + 0.5)
    ticks = np.array([-half / 2, 0, half / 2]).round()
    axis.set_xticks(ticks)
    axis.set_yticks(ticks)
    axis.set_xlabel("x (px)")


def draw_contours(path, values, size, label):
    """Write contours of a map on the pixel grid of a picture of `size` px as SVG."""
    side = len(values)
    axis = np.arange(side) - side / 2
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (1, 99)) if finite.size else (0.0, 1.0)
    levels = np.linspace(low, high if high > low else low + 1, LEVELS)
    with figures.styled(**{"svg.hashsalt": "simlab", "svg.fonttype": "none"}):
        figure, axes = figures.grid_of_axes(1, 1, size=(7, 6), title=label)
        contours = axes[0, 0].contour(axis, -axis, values, levels)
        axes[0, 0].set(aspect="equal", xlabel="x (px)", ylabel="y (px)")
        axes[0, 0].set_xlim(-size / 2, size / 2)
        axes[0, 0].set_ylim(-size / 2, size / 2)
        figure.colorbar(contours, ax=axes[0, 0], label=label)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
