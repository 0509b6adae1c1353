"""One style for all pictures: fonts, perceptual color maps, color bars with units, scale bars."""

import io

from cycler import cycler
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke

from simlab.core.files import atomic_path

INTENSITY = "viridis"
AMPLITUDE = "gray"
DENSITY = "inferno"
PHASE = "twilight"
DIFFERENCE = "magma"
SIGNED = "RdBu_r"
"""Color maps: perceptual ones; PHASE is cyclic, SIGNED white at zero."""

SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Colors of lines, which the color-blind can tell apart (M. Okabe and K. Ito, 2002)."""
LINES = ("-", "--", ":", "-.", "-", "--", ":")
"""Their dashes, for print without color."""

MARK, OUTLINE, FAINT_OUTLINE = SERIES[1], SERIES[5], "#f0e442"
"""Colors of what is drawn over maps."""

TEXT_PIXELS = {
    "font.size": 14,
    "axes.titlesize": 16,
    "axes.labelsize": 14,
    "xtick.labelsize": 12,
    "ytick.labelsize": 12,
    "legend.fontsize": 13,
    "figure.titlesize": 25,
}
"""Text of a contact sheet, the same in all domains."""

PAD_INCHES = 0.08
"""Around the axes and at the edges of a figure."""

EDGE = [withStroke(linewidth=2.5, foreground="black")]
"""Around white text and bars, which have to be seen on light maps too."""

STYLE = {
    "axes.prop_cycle": cycler(color=SERIES),
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.color": "#333333",
    "ytick.color": "#333333",
    "figure.facecolor": "white",
    "figure.titlesize": 13,
    "figure.titleweight": "bold",
    "image.cmap": INTENSITY,
    "image.interpolation": "nearest",
    "savefig.facecolor": "white",
}


def styled(**changes):
    """Context in which matplotlib draws in the house style; `changes`: rcParams on top of it."""
    return rc_context({**STYLE, **changes})


def sheet_style(dpi):
    """Context for a contact sheet of `dpi` pixels an inch, with text of TEXT_PIXELS."""
    return styled(**{key: pixels * 72 / dpi for key, pixels in TEXT_PIXELS.items()})


def grid_of_axes(rows, columns, *, size, title):
    """A figure of `size` (width, height in inches) with rows x columns axes and a title."""
    figure = Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(w_pad=PAD_INCHES, h_pad=PAD_INCHES)
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    figure.suptitle(title, x=0.01, ha="left")
    return figure, axes


def show_map(
    axis, values, *, title="", unit="", cmap=INTENSITY, limits=None, colorbar=True, log=False
):
    """Draw a 2-D array as an image with a color bar that names the unit; `log`: by its logarithm.

    Values that have no logarithm are drawn in the lowest color.
    """
    low, high = limits if limits else (None, None)
    if log:
        scale = LogNorm(low, high)
        image = axis.imshow(values, cmap=cmap, norm=scale)
        image.cmap = image.cmap.with_extremes(bad=image.cmap(0.0))
    else:
        image = axis.imshow(values, cmap=cmap, vmin=low, vmax=high)
    if title:
        axis.set_title(title)
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set(visible=True, linewidth=0.5, edgecolor="#999999")
    if colorbar:
        bar = axis.figure.colorbar(image, ax=axis, fraction=0.045, pad=0.02)
        bar.outline.set_visible(False)
        bar.set_label(unit)
    return image


def scale_bar(axis, length, text, *, color="white"):
    """A bar of `length` data units with `text` above it, in the lower left corner of an image."""
    (x0, x1), (bottom, top) = axis.get_xlim(), axis.get_ylim()
    x, up = min(x0, x1) + 0.05 * abs(x1 - x0), top - bottom
    y = bottom + 0.06 * up
    bar = Rectangle((x, y), length, -0.015 * up, color=color, lw=0)
    bar.set_path_effects(EDGE)
    axis.add_patch(bar)
    axis.text(x, y + 0.02 * up, text, color=color, va="bottom", path_effects=EDGE)


def say(axis, text):
    """`text` in the middle of a map, for what its colors cannot tell."""
    axis.text(
        *(0.5, 0.5, text),
        transform=axis.transAxes,
        color="white",
        ha="center",
        va="center",
        path_effects=EDGE,
    )


def save_png(figure, path, dpi):
    """Write a figure as PNG without software or date tags: equal content, equal bytes."""
    with atomic_path(path) as part:
        figure.savefig(part, format="png", dpi=dpi, metadata={"Software": None})


def svg_text(figure):
    """A figure as the text of an `<svg>` element: equal content, equal text."""
    stream = io.StringIO()
    with rc_context({"svg.hashsalt": "simlab", "svg.fonttype": "none"}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]
