"""The contact sheet of a data set: images, descriptors and atoms, a row a sample."""

import numpy as np

from simlab.afm.slices import draw_atoms
from simlab.core import figures

PREVIEW_DPI = 75
SHOWN = 8
COLUMN_INCHES = 2.6
ROW_INCHES = 2.15
FIRST_INCHES, LAST_INCHES = 16.0, 32.0
"""Narrowest and widest sheet: 1200 and 2400 px."""
HEIGHTS = (
    "vdwSpheres",
    "HeightMap",
    "SphereCaps",
    "SpheresType",
    "MultiMapSpheres",
    "MultiMapSpheresElements",
)
ATOM_SIZE = 90
"""Area of an atom of 1 Å radius, square points."""
UNITS = {**dict.fromkeys(HEIGHTS, "Å"), "ESMapConstant": "V/Å"}
"""Units of the descriptors; the others are weights."""


def draw_samples(path, samples, *, tips, z_mean, descriptors, title, dpi=PREVIEW_DPI):
    """Write a contact sheet: of every tip the highest, middle and lowest image, then the maps.

    Parameters
    ----------
    path : path
        PNG.
    samples : list of dict
        `label`; `stacks` (n_tip, nx, ny, nz'), Hz; `maps` (n_channels, nx, ny); `mol` (n, 5);
        `windows` (n_tip, 2, 3), Å.
    tips : list of str
    z_mean : (nz',) list of float
        Mean height of each image below the top of the scan, Å.
    descriptors : list of str
        Names of the maps.
    title : str
    dpi : int
    """
    columns = 3 * len(tips) + len(descriptors)
    width = float(np.clip(columns * COLUMN_INCHES, FIRST_INCHES, LAST_INCHES))
    scale = width / (columns * COLUMN_INCHES)
    height = len(samples) * ROW_INCHES * scale + 0.7
    with figures.sheet_style(PREVIEW_DPI):
        figure, axes = figures.grid_of_axes(
            len(samples), columns, size=(width, height), title=title
        )
        for row, sample in zip(axes, samples, strict=True):
            _draw_sample(row, sample, len(z_mean), descriptors)
        for axis, text in zip(axes[0], _titles(tips, z_mean, descriptors), strict=True):
            axis.set_title(text)
        figures.save_png(figure, path, dpi)


def _titles(tips, z_mean, descriptors):
    """Titles of the columns."""
    heights = [z_mean[j] for j in _drawn(len(z_mean))]
    return [
        *(f"{tip}\n{height:.2f} Å below top" for tip in tips for height in heights),
        *descriptors,
    ]


def _drawn(depth):
    """Numbers of the images that are drawn of a stack: highest, middle, lowest."""
    return 0, depth // 2, depth - 1


def _draw_sample(row, sample, depth, descriptors):
    for tip, (stack, window) in enumerate(zip(sample["stacks"], sample["windows"], strict=True)):
        extent = _extent(window)
        for axis, j in zip(row[3 * tip :], _drawn(depth), strict=False):
            _show(axis, stack[:, :, j], "", "Hz", extent)
    draw_atoms(row[0], sample["mol"][:, :3], sample["mol"][:, 4], ATOM_SIZE)
    row[0].set_ylabel(sample["label"].replace(": ", "\n"))
    first = 3 * len(sample["stacks"])
    for axis, values, name in zip(row[first:], sample["maps"], descriptors, strict=True):
        _show(axis, values, "", unit_of(name), extent)
    figures.scale_bar(row[0], 5.0, "5 Å")


def _extent(window):
    (x0, y0), (x1, y1) = (corner[:2] for corner in window)
    return x0, x1, y0, y1


def unit_of(channel):
    """Unit of a descriptor channel, "" for weights without one."""
    name = channel.split("/")[0].split(".")[0]
    if name == "ESMap":
        return "V/Å" if channel.endswith("/0") else "Å"
    return UNITS.get(name, "")


def _show(axis, values, title, unit, extent):
    cmap = figures.AMPLITUDE if unit == "Hz" else figures.INTENSITY
    flat = float(values.min()) == float(values.max())
    image = figures.show_map(
        axis,
        values.T[::-1],
        title=title,
        unit=unit,
        cmap=cmap,
        limits=(values.min(), values.min() + 1) if flat else None,
        colorbar=not flat,
    )
    image.set_extent(extent)
    if flat:
        figures.say(axis, f"{values.flat[0]:.3g} everywhere")


def draw_maps(path, maps, names, window, *, title, dpi=PREVIEW_DPI):
    """Write descriptors (n, nx, ny) of one molecule side by side; `window` is x0, y0, x1, y1, Å."""
    x0, y0, x1, y1 = window
    width = float(np.clip(len(maps) * COLUMN_INCHES * 1.6, FIRST_INCHES, LAST_INCHES))
    with figures.sheet_style(PREVIEW_DPI):
        size = (width, width / len(maps) + 0.7)
        figure, [row] = figures.grid_of_axes(1, len(maps), size=size, title=title)
        for axis, values, name in zip(row, maps, names, strict=True):
            _show(axis, values, name, unit_of(name), (x0, x1, y0, y1))
        figures.scale_bar(row[0], 5.0, "5 Å")
        figures.save_png(figure, path, dpi)
