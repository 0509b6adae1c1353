"""The picture of the house: rooms of the library, and arrows to what each room imports."""

from matplotlib import rc_context
from matplotlib.patches import FancyBboxPatch

from simlab.core import figures
from simlab.core.files import atomic_path

WORKFLOW, USERS, ROOM, CORE = "#dbe9f4", "#fbe3d0", "#ffffff", "#dcefe3"
DOMAIN, EDGE, ARROW = "#f4f4f4", "#555555", "#0072b2"

ROOMS = {
    # name: (left, bottom, width, height, color, title, what is done in it)
    "campaigns": (0.2, 8.55, 2.6, 0.95, USERS, "config/*.yaml", "data sets by name"),
    "rules": (3.2, 8.55, 3.2, 0.95, WORKFLOW, "Snakefile, rules/*.smk", "which file needs which"),
    "scripts": (6.85, 8.55, 2.6, 0.95, WORKFLOW, "scripts/<rule>.py", "25 lines, one call"),
    "terminal": (9.8, 8.55, 2.75, 0.95, USERS, "simlab DOMAIN COMMAND", "a terminal"),
    "notebook": (
        12.9,
        8.55,
        2.8,
        0.95,
        USERS,
        "from simlab import ...",
        "notebooks, training",
    ),
    "campaign": (0.2, 7.05, 3.9, 0.95, CORE, "campaign", "one field a domain"),
    "packages": (4.6, 7.05, 3.2, 0.95, CORE, "packages, report", "tars, cards, pages"),
    "reader": (14.05, 7.05, 1.65, 0.95, CORE, "reader", "open_dataset"),
    "config": (0.55, 2.65, 1.6, 2.2, ROOM, "config", "keys, units,\ndefaults"),
    "plan": (2.55, 2.65, 1.4, 2.2, ROOM, "plan", "targets,\nshards, cost"),
    "stages": (4.6, 5.3, 4.85, 0.95, ROOM, "stages", "read, compute, write"),
    "cli": (9.9, 5.3, 2.55, 0.95, ROOM, "cli, runs", "options to stages"),
    "dataset": (12.9, 5.3, 2.5, 0.95, ROOM, "public names, dataset", "__init__"),
    "judge": (
        4.6,
        3.95,
        4.0,
        0.9,
        ROOM,
        "statistics, checks, figures",
        "distributions, what arrays mean",
    ),
    "files": (9.0, 3.95, 6.4, 0.9, ROOM, "files", "a module for each format"),
    "science": (
        4.6,
        2.65,
        6.6,
        0.9,
        ROOM,
        "science",
        "probes, lenses, ...: numbers to arrays",
    ),
    "kernels": (12.2, 2.65, 3.2, 0.9, ROOM, "kernels", "arrays to arrays"),
    "core": (0.2, 0.3, 15.5, 1.25, CORE, "core", ""),
}
CORE_MODULES = (
    "config  errors  random  files  hdf5  sharding  splits  statistics  distributions  checks",
    "manifest  provenance  plan  costs  job  progress  figures  dataset  packages  opencl  threads",
)
DOWN = (  # (importing, imported, x)
    ("campaigns", "campaign", 1.35),
    ("rules", "campaign", 3.65),
    ("scripts", "packages", 7.3),
    ("scripts", "stages", 8.15),
    ("terminal", "cli", 11.17),
    ("notebook", "dataset", 13.5),
    ("notebook", "reader", 14.87),
    ("reader", "dataset", 14.87),
    ("campaign", "config", 1.35),
    ("campaign", "plan", 3.25),
    ("stages", "judge", 6.6),
    ("stages", "files", 9.2),
    ("judge", "science", 6.6),
    ("dataset", "files", 14.15),
)
ACROSS = (  # (importing, imported, y)
    ("rules", "scripts", 9.02),
    ("plan", "config", 3.75),
    ("cli", "stages", 5.77),
    ("judge", "files", 4.4),
    ("science", "kernels", 3.1),
)


def house(path):
    """Draw the house as SVG, the same bytes every time."""
    with figures.styled(), rc_context({"svg.hashsalt": "house"}):
        figure, axes = figures.grid_of_axes(1, 1, size=(12, 7.2), title="")
        (axis,) = axes[0]
        axis.axis("off")
        axis.set_xlim(0, 15.9)
        axis.set_ylim(0.1, 9.7)
        _box(axis, 0.2, 2.1, 15.5, 4.5, DOMAIN)
        axis.text(0.5, 2.37, "simlab/<domain>", weight="bold", fontsize=10, va="center")
        told = "ptycho, afm, halo, calcium, lensing: the same rooms, and none imports another"
        axis.text(2.9, 2.37, told, fontsize=8.5, va="center")
        for left, bottom, width, height, color, title, text in ROOMS.values():
            _box(axis, left, bottom, width, height, color)
            middle = left + width / 2
            lift = 0.2 + 0.22 * (not text) + 0.13 * text.count("\n")
            axis.text(middle, bottom + height / 2 + lift, title, weight="bold", **_CENTERED)
            axis.text(middle, bottom + height / 2 - 0.22, text, fontsize=8.5, **_CENTERED)
        for number, line in enumerate(CORE_MODULES):
            axis.text(7.95, 0.93 - 0.36 * number, line, fontsize=8.5, **_CENTERED)
        for upper, lower, x in DOWN:
            _arrow(axis, (x, ROOMS[upper][1]), (x, ROOMS[lower][1] + ROOMS[lower][3]))
        for start, end, y in ACROSS:
            to_right = ROOMS[start][0] < ROOMS[end][0]
            first, last = (start, end) if to_right else (end, start)
            ends = (ROOMS[first][0] + ROOMS[first][2], y), (ROOMS[last][0], y)
            _arrow(axis, *(ends if to_right else ends[::-1]))
        _arrow(axis, (6.2, ROOMS["packages"][1]), (6.2, 6.6))
        _arrow(axis, (7.95, 2.1), (7.95, 1.55))
        axis.text(
            8.15, 1.83, "every room may import the core; the core imports no domain", va="center"
        )
        with atomic_path(path) as part:
            figure.savefig(part, format="svg", metadata={"Date": None, "Creator": None})


_CENTERED = {"ha": "center", "va": "center"}


def _box(axis, left, bottom, width, height, color):
    style = "round,pad=0,rounding_size=0.12"
    axis.add_patch(
        FancyBboxPatch((left, bottom), width, height, boxstyle=style, fc=color, ec=EDGE, lw=0.8)
    )


def _arrow(axis, start, end):
    axis.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": ARROW, "lw": 1.4})
