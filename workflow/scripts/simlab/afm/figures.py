"""The contact sheet of a data set: images, descriptors and atoms, a row a sample."""

import numpy as np

from simlab.afm.slices import draw_atoms
from simlab.core import figures

PREVIEW_DPI = 75
SHOWN = 8
COLUMN_INCHES = 2.6
ROW_INCHES = 2.5
FIRST_INCHES, LAST_INCHES = 16.0, 32.0
"""Narrowest and widest sheet: 1200 and 2400 px."""
TEXT_SCALE = {"font.size": 11, "axes.titlesize": 11, "axes.labelsize": 10, "figure.titlesize": 18}


def draw_samples(path, samples, *, descriptors, title, dpi=PREVIEW_DPI):
    """Write a contact sheet.

    Parameters
    ----------
    path : path
        PNG.
    samples : list of dict
        `label`; `images` (nx, ny, nz') of one tip, Hz; `maps` (n_channels, nx, ny); `mol` (n, 5);
        `window` (2, 3), Å.
    descriptors : list of str
        Names of the maps.
    title : str
    dpi : int
    """
    columns = 3 + len(descriptors)
    width = float(np.clip(columns * COLUMN_INCHES, FIRST_INCHES, LAST_INCHES))
    scale = width / (columns * COLUMN_INCHES)
    height = len(samples) * ROW_INCHES * scale + 0.7
    with figures.styled(**TEXT_SCALE):
        figure, axes = figures.grid_of_axes(
            len(samples), columns, size=(width, height), title=title
        )
        for row, sample in zip(axes, samples, strict=True):
            _draw_sample(row, sample, descriptors)
        figures.save_png(figure, path, dpi)


def _draw_sample(row, sample, descriptors):
    depth = sample["images"].shape[-1]
    (x0, y0), (x1, y1) = (corner[:2] for corner in sample["window"])
    extent = (x0, x1, y0, y1)
    for axis, j in zip(row[:3], (0, depth // 2, depth - 1), strict=True):
        label = sample["label"] if j == 0 else ""
        _show(axis, sample["images"][:, :, j], f"{label} df, slice {j}".strip(), "Hz", extent)
    draw_atoms(row[0], sample["mol"][:, :3], sample["mol"][:, 4])
    for axis, values, name in zip(row[3:], sample["maps"], descriptors, strict=True):
        _show(axis, values, name, "", extent)
    figures.scale_bar(row[0], 5.0, "5 Å")


def _show(axis, values, title, unit, extent):
    cmap = figures.AMPLITUDE if unit == "Hz" else figures.INTENSITY
    image = figures.show_map(axis, values.T[::-1], title=title, unit=unit, cmap=cmap)
    image.set_extent(extent)


def draw_maps(path, maps, names, window, *, title, dpi=PREVIEW_DPI):
    """Write descriptors (n, nx, ny) of one molecule side by side; `window` is x0, y0, x1, y1, Å."""
    x0, y0, x1, y1 = window
    width = float(np.clip(len(maps) * COLUMN_INCHES * 1.6, FIRST_INCHES, LAST_INCHES))
    with figures.styled(**TEXT_SCALE):
        size = (width, width / len(maps) + 0.7)
        figure, [row] = figures.grid_of_axes(1, len(maps), size=size, title=title)
        for axis, values, name in zip(row, maps, names, strict=True):
            _show(axis, values, name, "", (x0, x1, y0, y1))
        figures.scale_bar(row[0], 5.0, "5 Å")
        figures.save_png(figure, path, dpi)
