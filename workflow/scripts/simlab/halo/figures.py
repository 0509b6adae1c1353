"""Pictures of halo data sets."""

import numpy as np

from simlab.core.figures import (
    DENSITY,
    grid_of_axes,
    save_png,
    say,
    scale_bar,
    sheet_style,
    show_map,
)

PANEL_INCHES = 1.62
DPI = 130
FAINTEST_PERCENTILE = 2.0
UNIT = "Msun/h a fine pixel"


def sheet(path, samples, scales, title):
    """Contact sheet: a row a halo, with condition, larger scales and targets.

    Parameters
    ----------
    path : path
    samples : list of (dict, str)
        Sample and the label of its row.
    scales : sequence of float
        Sides of condition and large_scale maps, Mpc/h.
    title : str
    """
    columns = [("dark matter only", scale) for scale in scales]
    columns += [(name, scales[0]) for name in TARGETS]
    rows = [_fields(sample) for sample, _ in samples]
    limits = [_limits([row[i] for row in rows]) for i in range(len(columns))]
    size = (len(columns) * PANEL_INCHES + 0.4, len(rows) * PANEL_INCHES + 1.3)
    with sheet_style(DPI):
        figure, axes = grid_of_axes(len(rows), len(columns), size=size, title=title)
        for j, (fields, (_, label)) in enumerate(zip(rows, samples, strict=True)):
            axes[j, 0].set_ylabel(label)
            for i, (name, side) in enumerate(columns):
                axis = axes[j, i]
                image = show_map(
                    axis,
                    fields[i].T[::-1],
                    title=f"{name}\n{side:g} Mpc/h" if j == 0 else "",
                    cmap=DENSITY,
                    limits=limits[i],
                    colorbar=False,
                    log=True,
                )
                if not np.any(fields[i] > 0):
                    say(axis, "empty")
                length = side / 5
                scale_bar(axis, length / side * fields[i].shape[0], f"{length:g} Mpc/h")
                if j == len(rows) - 1:
                    bar = figure.colorbar(
                        image, ax=axes[:, i], location="bottom", fraction=0.03, pad=0.01
                    )
                    bar.outline.set_visible(False)
                    occupied = any(np.any(row[i] > 0) for row in rows)
                    bar.set_label(UNIT if occupied else "no mass in these maps")
                    if not occupied:
                        bar.set_ticks([])
                        bar.minorticks_off()
        save_png(figure, path, DPI)


TARGETS = ("hydro dark matter", "gas", "stars")


def _fields(sample):
    return [sample["condition"], *sample["large_scale"], *sample["target"]]


def _limits(fields):
    """Color limits of one column: nearly all occupied pixels of its maps.

    One scale for all haloes, so that they can be compared; that light ones are faint is meant.
    """
    occupied = np.concatenate([field[field > 0].ravel() for field in fields])
    if not occupied.size:
        return 1.0, 10.0
    low = float(np.percentile(occupied, FAINTEST_PERCENTILE))
    high = float(occupied.max())
    return low, max(high, low * 10)
