"""Maps of a lens as files: arrays that can be read as a lens again, and contour plots."""

from simlab.core.files import atomic_path
from simlab.core.hdf5 import create_hdf5
from simlab.lensing.figures import draw_contours

PLOTS = {
    "psi": ("potential", "potential (px²)"),
    "kappa": ("convergence", "convergence"),
}
"""Prefix of the files -> name of the data set, label."""


def write_map(lens, folder, stem, size, prefix):
    """Write `{prefix}-{stem}.h5` and `.svg` of a lens on the pixel grid.

    Parameters
    ----------
    lens : Lens
    folder : Path
    stem : str
    size : int
        Side of the map, px.
    prefix : "psi" or "kappa"
        Potential (px^2) or convergence.
    """
    name, label = PLOTS[prefix]
    values = lens.potential_map(size) if prefix == "psi" else lens.convergence_map(size)
    with create_hdf5(folder / f"{prefix}-{stem}.h5") as file:
        file.create_dataset(name, data=values, track_times=False)
    with atomic_path(folder / f"{prefix}-{stem}.svg", ".svg") as part:
        draw_contours(part, values, size, label)
