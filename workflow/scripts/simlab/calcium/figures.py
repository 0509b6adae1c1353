"""The contact sheet of a data set: projections, footprints, traces, motion; a row a recording."""

from dataclasses import dataclass
from textwrap import wrap

import numpy as np

from simlab.core import figures

PREVIEW_DPI = 75
ROW_INCHES = 4.0
WIDTH_INCHES = 24.0
SHOWN_TRACES = 5
LABEL_WIDTH, LABEL_LINES = 30, 3
"""Of what varies from recording to recording, in letters and lines."""
TITLES = (
    "mean over time",
    "largest over time",
    "detectable cells:\nplanted red, observed yellow",
    "calcium and spikes",
    "motion",
)
HALF = 0.5
SCALE_BARS_UM = (10, 20, 50, 100, 200, 500, 1000)
LEGEND = {
    "loc": "lower right",
    "bbox_to_anchor": (1, 1),
    "ncols": 2,
    "handlelength": 1.2,
    "columnspacing": 1.0,
    "frameon": False,
}
"""Above the axes, so that it hides nothing."""


@dataclass(frozen=True)
class Shown:
    """What the sheet shows of one recording.

    Attributes
    ----------
    label, unit : str
        Name of the recording; unit of its movie.
    mean, largest : float (H, W)
        Mean and maximum projection.
    planted, observed : float32 (H, W)
        At each pixel the largest weight of any detectable cell, relative to that cell's largest.
    C, S : (n, T)
        Traces and spikes of the cells shown.
    shifts_um : (T, 2) or None
    pixel_size_um, fps : float
    """

    label: str
    unit: str
    mean: np.ndarray
    largest: np.ndarray
    planted: np.ndarray
    observed: np.ndarray
    C: np.ndarray
    S: np.ndarray
    shifts_um: np.ndarray | None
    pixel_size_um: float
    fps: float


def outline_map(footprints, chosen):
    """At each pixel the largest relative weight of the `chosen` cells: float32 (H, W).

    Its contour at 0.5 outlines every cell at half its own maximum.
    """
    outlines = np.zeros(footprints.canvas_shape, np.float32)
    for i in np.flatnonzero(chosen):
        patch = footprints.patch(i)
        if patch.size == 0 or patch.max() <= 0:
            continue
        (y, x), (h, w) = footprints.offsets[i], patch.shape
        here = outlines[y : y + h, x : x + w]
        np.maximum(here, patch / patch.max(), out=here)
    return outlines


def draw_recordings(path, recordings, *, title, dpi=PREVIEW_DPI):
    """Write the contact sheet of a list of `Shown` to a PNG."""
    height = ROW_INCHES * len(recordings) + 0.7
    with figures.sheet_style(PREVIEW_DPI):
        figure, axes = figures.grid_of_axes(
            len(recordings), 5, size=(WIDTH_INCHES, height), title=title
        )
        for axis, text in zip(axes[0], TITLES, strict=True):
            axis.set_title(text)
        for row, shown in zip(axes, recordings, strict=True):
            _draw_maps(row[:3], shown)
            _draw_traces(row[3], shown)
            _draw_motion(row[4], shown)
        figures.save_png(figure, path, dpi)


def _draw_maps(axes, shown):
    height, width = (side * shown.pixel_size_um for side in shown.mean.shape)
    extent = (-width / 2, width / 2, height / 2, -height / 2)
    colors = (figures.INTENSITY, figures.INTENSITY, figures.AMPLITUDE)
    maps = (shown.mean, shown.largest, shown.mean)
    for axis, values, cmap in zip(axes, maps, colors, strict=True):
        low, high = map(float, np.percentile(values, (0.5, 99.8)))
        limits = (low, high if high > low else low + 1)
        image = figures.show_map(
            axis,
            values,
            unit=shown.unit,
            limits=limits,
            cmap=cmap,
        )
        image.set_extent(extent)
        axis.set(xlim=extent[:2], ylim=extent[2:])
        axis.set_xlabel("x (µm)")
        axis.set_xticks([-width / 2, 0, width / 2], [f"{-width / 2:.0f}", "0", f"{width / 2:.0f}"])
        axis.set_yticks([-height / 2, 0, height / 2], [f"{-height / 2:.0f}", "0", ""])
        axis.set_ylabel("y (µm)")
    key, _, axes_text = shown.label.partition(": ")
    lines = [key, *wrap(axes_text, LABEL_WIDTH, max_lines=LABEL_LINES), "y (µm)"]
    axes[0].set_ylabel("\n".join(lines))
    bar = max((b for b in SCALE_BARS_UM if b <= width / 3), default=SCALE_BARS_UM[0])
    figures.scale_bar(axes[0], bar, f"{bar} µm")
    for outlines, color in (
        (shown.planted, figures.MARK),
        (shown.observed, figures.FAINT_OUTLINE),
    ):
        if (outlines > HALF).any() and (outlines <= HALF).any():
            axes[2].contour(
                outlines, [HALF], colors=color, linewidths=0.9, extent=extent, origin="upper"
            )
    axes[2].set(xlim=extent[:2], ylim=extent[2:])  # a contour widens them


def _draw_traces(axis, shown):
    if len(shown.C) == 0:
        axis.set_axis_off()
        axis.set_title("no cells")
        return
    time = np.arange(shown.C.shape[1]) / shown.fps
    span = max((float(np.ptp(trace)) for trace in shown.C), default=0.0) or 1.0
    for row, (trace, spikes) in enumerate(zip(shown.C, shown.S, strict=True)):
        base = -1.25 * row
        axis.plot(time, base + (trace - trace.min()) / span, lw=1.1, color=figures.SERIES[0])
        at = time[spikes > 0]
        axis.vlines(at, base - 0.16, base - 0.04, color="#222222", lw=0.8)
    axis.set_xlabel("time (s)")
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    axis.plot([0, 0], [0, 1], color="#222222", lw=2, clip_on=False)
    axis.set_ylabel(f"{len(shown.C)} cells\nblack bar: {span:.3g} intensity units")


def _draw_motion(axis, shown):
    if shown.shifts_um is None:
        axis.set_axis_off()
        axis.set_title("no motion")
        return
    time = np.arange(len(shown.shifts_um)) / shown.fps
    for column, name in enumerate(("y, down", "x, right")):
        axis.plot(time, shown.shifts_um[:, column], lw=1.1, label=name)
    axis.set_xlabel("time (s)")
    axis.set_ylabel("shift (µm)")
    axis.legend(**LEGEND)
