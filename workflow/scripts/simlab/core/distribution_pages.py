"""The page of distributions: panels drawn in the house style, and the numbers of samples."""

import math
from html import escape
from textwrap import wrap

import numpy as np

from simlab.core import figures
from simlab.core.distributions import Bars, Curve, Histogram
from simlab.core.splits import SPLITS
from simlab.core.tables import table, write_page

COLUMNS = 4
PANEL_INCHES = (3.3, 2.6)
LEAD = (
    "Shares are of all values of a series, so that a small split compares with a large one. A "
    "value beyond an axis is counted in its last bin."
)
LINE = 46
"""Letters of a line of a label."""
LONGEST_NAME = 18


def write_distributions(path, dataset, splits, parameters, outputs, same=(), others=(), notes=()):
    """Write the distributions of a data set as a page.

    Parameters
    ----------
    path : path
    dataset : str
    splits : (n,) int
        Split number of every sample.
    parameters, outputs : list of Histogram, Bars or Curve
    same : list of str
        What is the same in all samples.
    others : list of str
        What else must be known of the parameters.
    notes : list of str
        What must be known to read the panels of the outputs.
    """
    counts = [(name, int(np.count_nonzero(splits == i))) for i, name in enumerate(SPLITS)]
    rows = [*(row for row in counts if row[1]), ("all", len(splits))]
    parts = [table(("split", "samples"), rows, numbers=(1,), total=True), "<h2>Parameters</h2>"]
    parts.append(panels_svg(parameters) if parameters else "<p>No parameter varies.</p>")
    if same:
        parts.append(f"<p>The same in all samples: {escape('; '.join(same))}</p>")
    if others:
        parts.append(f"<p>Not in all samples, or not drawn: {escape('; '.join(others))}</p>")
    parts += ["<h2>Outputs</h2>", *(f"<p>{escape(note)}</p>" for note in notes)]
    if outputs:
        parts.append(panels_svg(outputs))
    write_page(path, f"Distributions of {dataset}", *parts, lead=LEAD)


def panels_svg(panels):
    """The panels side by side as the text of an `<svg>` element."""
    with figures.styled():
        return figures.svg_text(draw_panels(panels))


def draw_panels(panels):
    """A figure of the panels, COLUMNS in a row; call it inside `figures.styled`."""
    rows = math.ceil(len(panels) / COLUMNS)
    size = COLUMNS * PANEL_INCHES[0], rows * PANEL_INCHES[1]
    figure, axes = figures.grid_of_axes(rows, COLUMNS, size=size, title="")
    draw = {Histogram: _draw_histogram, Bars: _draw_bars, Curve: _draw_curve}
    for axis, panel in zip(axes.flat, panels, strict=False):
        axis.set_title(panel.title)
        axis.set_xlabel("\n".join(wrap(panel.label, LINE)))
        draw[type(panel)](axis, panel)
        if len(series_of(panel)) > 1:
            axis.legend(frameon=False, fontsize=7.5)
    for axis in axes.flat[len(panels) :]:
        axis.set_axis_off()
    return figure


def series_of(panel):
    """{series: values} of a panel."""
    return panel.y if isinstance(panel, Curve) else panel.counts


def style_of(name, place):
    """Color and dashes of a series: a split has its own, others by their place."""
    number = SPLITS.index(name) if name in SPLITS else place
    return {"color": figures.SERIES[number], "ls": figures.LINES[number]}


def shares(counts):
    """Counts over their sum; zeros where nothing was counted."""
    counts = np.asarray(counts, np.float64)
    return counts / max(counts.sum(), 1.0)


def _draw_histogram(axis, panel):
    for place, (name, counts) in enumerate(panel.counts.items()):
        style = style_of(name, place)
        values = shares(counts)
        axis.stairs(values, panel.edges, label=name, lw=1.3, **style)
        if place == 0:
            axis.stairs(values, panel.edges, fill=True, color=style["color"], alpha=0.15)
    if panel.scale == "log":
        axis.set_xscale("log")
    elif panel.scale == "asinh":
        axis.set_xscale("symlog", linthresh=panel.linear_to)
    if panel.log_counts:
        axis.set_yscale("log")
    else:
        axis.set_ylim(bottom=0)
    axis.set_xlim(panel.edges[0], panel.edges[-1])
    axis.set_ylabel(f"share of {panel.what}")


def _draw_bars(axis, panel):
    place = np.arange(len(panel.names))
    width = 0.8 / len(panel.counts)
    for number, (name, counts) in enumerate(panel.counts.items()):
        values = shares([counts.get(text, 0) for text in panel.names])
        at = place + (number - (len(panel.counts) - 1) / 2) * width
        axis.bar(at, values, width, label=name, color=style_of(name, number)["color"])
    shown = [_shortened(text) for text in panel.names]
    turned = sum(len(text) + 2 for text in shown) > LINE
    axis.set_xticks(place, shown, rotation=90 if turned else 0)
    axis.set_ylabel(f"share of {panel.what}")


def _shortened(text):
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


def _draw_curve(axis, panel):
    for place, (name, values) in enumerate(panel.y.items()):
        axis.plot(panel.x, values, label=name, lw=1.3, **style_of(name, place))
    axis.set_ylabel(panel.y_label)
    if panel.log_y:
        axis.set_yscale("log")
