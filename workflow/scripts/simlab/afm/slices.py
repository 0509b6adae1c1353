"""Pictures of frequency-shift images, one file a slice."""

from pathlib import Path

import numpy as np

from simlab.afm.errors import AfmConfigError
from simlab.afm.species import element_table

ATOM_COLORS = {1: "#ffffff", 6: "#606060", 7: "#3b5bdb", 8: "#e03131", 16: "#f0c000"}
OTHER_COLOR = "#2f9e44"
FADING = 4.0
"""Depth below the highest atom at which atoms are drawn in the faintest tone, Å."""


def slice_heights(afmulator):
    """Mean height of the tip over each slice, highest first, Å; (n,) float64."""
    weights = len(afmulator.dfWeight)
    slices = np.arange(afmulator.scan_dim[2] - weights + 1)
    return afmulator.scan_window[1, 2] - (slices + (weights - 1) / 2) * afmulator.dz


def require_color_map(name):
    """Raise AfmConfigError for a color map that cannot be drawn with."""
    from matplotlib import colormaps

    if name not in colormaps:
        raise AfmConfigError(
            f"afm: colorscale: {name!r}; expected a color map of matplotlib such as gray, afmhot "
            "or viridis"
        )


def plot_slices(df, folder, afmulator, *, atoms=None, colorbar=True):
    """Write `df_00.png`, ... for the slices of `df` (nx, ny, n), highest first, Hz.

    Parameters
    ----------
    df : (nx, ny, n) float32
    folder : path
        Made if it is not there.
    afmulator : AFMulator
        Names heights, sizes and the color map.
    atoms : (xyzs (n, 3), Zs (n,)), optional
        Drawn into the images, Å.
    colorbar : bool
    """
    from matplotlib.ticker import MaxNLocator

    from simlab.core.figures import grid_of_axes, save_png, show_map, styled

    require_color_map(afmulator.colorscale)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    extent = _pixel_edges(afmulator)
    below = f"probe particle hangs {afmulator.tipR0[2]:g} Å lower"
    for k, height in enumerate(slice_heights(afmulator)):
        with styled():
            figure, axes = grid_of_axes(1, 1, size=(4.2, 4.1), title="Frequency shift")
            axis = axes[0, 0]
            image = show_map(
                axis, df[:, :, k].T[::-1], title=f"tip at {height:.2f} Å on average\n{below}",
                unit="Hz", cmap=afmulator.colorscale, colorbar=colorbar,
            )  # fmt: skip
            image.set_extent(extent)
            for side in (axis.xaxis, axis.yaxis):
                side.set_major_locator(MaxNLocator(5))
            axis.set(xlabel="x, Å", ylabel="y, Å")
            if atoms is not None:
                draw_atoms(axis, *atoms)
            save_png(figure, folder / f"df_{k:02d}.png", dpi=120)


def _pixel_edges(afmulator):
    """Left, right, lower and upper edge of the outermost pixels of a scan, Å."""
    lower, upper = afmulator.scan_window[:, :2]
    half = (upper - lower) / np.maximum(1, np.array(afmulator.scan_dim[:2]) - 1) / 2
    (x0, y0), (x1, y1) = lower - half, upper + half
    return x0, x1, y0, y1


def draw_atoms(axis, xyzs, Zs, size=40):
    """Draw atoms at xyzs (n, 3), Å, of elements Zs (n,); the deeper the fainter.

    `size` is the area of an atom of 1 Å covalent radius, square points.
    """
    order = np.argsort(xyzs[:, 2])
    numbers = np.asarray(Zs)[order].astype(int)
    radii = element_table().covalent[numbers - 1]
    depth = np.clip(1 + (xyzs[order, 2] - xyzs[:, 2].max()) / FADING, 0.15, 1.0)
    limits = axis.get_xlim(), axis.get_ylim()
    axis.scatter(
        xyzs[order, 0],
        xyzs[order, 1],
        s=size * radii**2,
        c=[ATOM_COLORS.get(z, OTHER_COLOR) for z in numbers],
        edgecolors="black",
        linewidths=0.4,
        alpha=depth,
    )
    axis.set_xlim(*limits[0])
    axis.set_ylim(*limits[1])
