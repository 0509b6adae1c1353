"""Gaussian cube files: a grid on a cell with the atoms in it."""

from pathlib import Path

import numpy as np

from simlab.afm.errors import AfmConfigError
from simlab.afm.files.numbers import Lines, grid_shape, read_text, read_values
from simlab.afm.species import element_table
from simlab.afm.units import BOHR, HARTREE

WHAT = "a Gaussian cube file"
FACTORS = {"potential": HARTREE, "density": BOHR**-3}
"""From atomic units to eV and to electrons/Å³."""


def read_cube(path, quantity):
    """Grid and atoms of a Gaussian cube file.

    Parameters
    ----------
    path : path
    quantity : "potential" or "density"
        Values in Hartree become eV, values in electrons/Bohr³ become electrons/Å³.

    Returns
    -------
    array : (nx, ny, nz) float32
    lvec : (4, 3) float64
        Origin and cell vectors, Å.
    xyzs : (n, 3) float64
        Å.
    Zs : (n,) int32

    Raises
    ------
    AfmConfigError
        For another quantity.
    AfmInputError
        Naming the file, the line and what was expected.
    """
    if quantity not in FACTORS:
        raise AfmConfigError(f"afm: quantity: {quantity!r}; expected one of {', '.join(FACTORS)}")
    path = Path(path)
    lines = Lines(path, read_text(path, WHAT))
    for _ in range(2):
        lines.next("a comment line")
    what = "number of atoms and origin x y z"
    n_atoms, *origin = lines.numbers(4, what)
    if n_atoms != int(n_atoms):
        raise lines.error(str(n_atoms), what)
    axes = np.array([lines.numbers(4, "number of voxels and voxel vector x y z") for _ in range(3)])
    # Negative numbers of voxels mean lengths in Å.
    unit = 1.0 if (axes[:, 0] < 0).all() else BOHR
    shape = grid_shape(lines, str(axes[:, 0].tolist()), np.abs(axes[:, 0]), "numbers of voxels")
    atoms = np.array([_atom(lines) for _ in range(abs(int(n_atoms)))]).reshape(-1, 5)
    if n_atoms < 0:
        orbitals = lines.numbers(1, "number of orbitals")
        if orbitals[0] != 1:
            raise lines.error(str(orbitals[0]), "a single orbital")
    count = int(np.prod(shape))
    values = read_values(path, lines.rest, count, f"for {shape[0]}x{shape[1]}x{shape[2]} voxels")
    values *= FACTORS[quantity]
    lvec = np.vstack([origin, axes[:, 1:] * np.array(shape)[:, None]]) * unit
    return (
        values.astype(np.float32).reshape(shape),
        lvec,
        atoms[:, 2:] * unit,
        atoms[:, 0].astype(np.int32),
    )


def _atom(lines):
    what = "atomic number, charge and x y z of an atom"
    values = lines.numbers(5, what)
    if values[0] not in range(1, len(element_table().symbols) + 1):
        raise lines.error(str(values[0]), what)
    return values
