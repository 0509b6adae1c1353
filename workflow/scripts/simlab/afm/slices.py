"""Pictures of frequency-shift images, one file a slice."""

from pathlib import Path


def plot_slices(df, folder, afmulator):
    """Write `df_00.png`, ... for the slices of `df` (nx, ny, n), highest first, Hz.

    Parameters
    ----------
    df : (nx, ny, n) float32
    folder : path
        Made if it is not there.
    afmulator : AFMulator
        Names heights, sizes and the color map.
    """
    from simlab.core.figures import grid_of_axes, save_png, show_map, styled

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    upper = afmulator.scan_window[1, 2]
    weights = len(afmulator.dfWeight)
    for k in range(df.shape[2]):
        height = upper - (k + (weights - 1) / 2) * afmulator.dz
        with styled():
            figure, axes = grid_of_axes(1, 1, size=(4.2, 3.8), title="Frequency shift")
            show_map(
                axes[0, 0], df[:, :, k].T[::-1], title=f"tip at {height:.2f} Å", unit="Hz",
                cmap=afmulator.colorscale,
            )  # fmt: skip
            save_png(figure, folder / f"df_{k:02d}.png", dpi=120)
