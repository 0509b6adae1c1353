"""XCrySDen xsf files: a periodic grid on a cell with the atoms in it."""

import logging
from pathlib import Path

import numpy as np

from simlab.afm.errors import AfmInputError
from simlab.afm.files.numbers import Lines, grid_shape, read_text, read_values
from simlab.afm.species import atomic_number
from simlab.core.files import atomic_path

LOGGER = logging.getLogger(__name__)
WHAT = "an xsf file with a 3D data grid"
BEGIN = ("BEGIN_DATAGRID_3D", "DATAGRID_3D_")
VALUES_A_LINE = 6


def read_xsf(path):
    """Grid and atoms of an xsf file.

    The file repeats the first plane of every axis at its end; it is left out.

    Parameters
    ----------
    path : path

    Returns
    -------
    array : (nx, ny, nz) float32
        As written, without conversion.
    lvec : (4, 3) float64
        Origin and cell vectors, Å.
    xyzs : (n, 3) float64
        Å; empty, with a warning, where the file has no PRIMCOORD.
    Zs : (n,) int32

    Raises
    ------
    AfmInputError
        Naming the file, the line and what was expected.
    """
    path = Path(path)
    lines = Lines(path, read_text(path, WHAT))
    atoms = None
    while True:
        line = lines.next("BEGIN_DATAGRID_3D")
        if line.split()[:1] == ["PRIMCOORD"]:
            atoms = _atoms(lines)
        if _opens_grid(line):
            break
    shape_line = lines.next("numbers of grid points")
    if _opens_grid(shape_line):
        shape_line = lines.next("numbers of grid points")
    written = _shape(lines, shape_line)
    lvec = np.array(
        [lines.numbers(3, what) for what in ("origin x y z", *["cell vector x y z"] * 3)]
    )
    if atoms is None:
        LOGGER.warning("afm: %s: no PRIMCOORD; the grid comes without atoms", path)
        atoms = np.zeros((0, 3)), np.zeros(0, np.int32)
    count = int(np.prod(written))
    body = lines.rest.partition("END_DATAGRID")[0]
    values = read_values(
        path, body, count, f"for {written[0]}x{written[1]}x{written[2]} grid points"
    )
    full = values.reshape(written[::-1]).transpose(2, 1, 0)
    return np.ascontiguousarray(full[:-1, :-1, :-1], np.float32), lvec, *atoms


def _opens_grid(line):
    return line.strip().upper().startswith(BEGIN)


def _shape(lines, line):
    what = "three numbers of grid points (the first plane repeated)"
    try:
        values = [int(cell) for cell in line.split()]
    except ValueError:
        raise lines.error(line, what) from None
    if len(values) != 3:
        raise lines.error(line, what)
    return tuple(n + 1 for n in grid_shape(lines, line, [n - 1 for n in values], what))


def _atoms(lines):
    n_atoms = lines.numbers(1, "number of atoms")[0]
    if n_atoms < 0 or n_atoms != int(n_atoms):
        raise lines.error(f"{n_atoms:g}", "number of atoms")
    xyzs, Zs = [], []
    for _ in range(int(n_atoms)):
        line = lines.next("element x y z")
        try:
            element, *position = line.split()[:4]
            Zs.append(atomic_number(element))
            xyzs.append([float(cell) for cell in position])
        except (ValueError, AfmInputError):
            raise lines.error(line, "element x y z") from None
        if len(position) != 3 or not np.isfinite(xyzs[-1]).all():
            raise lines.error(line, "element x y z")
    return np.array(xyzs).reshape(-1, 3), np.array(Zs, np.int32)


def write_xsf(path, array, lvec, xyzs=None, Zs=None):
    """Write a periodic grid, and the atoms in it, as an xsf file.

    Values are written with nine digits, which give back every float32.

    Parameters
    ----------
    path : path
    array : (nx, ny, nz) float32
    lvec : (4, 3) float64
        Origin and cell vectors, Å.
    xyzs : (n, 3) float64, optional
        Å.
    Zs : (n,) int, optional
    """
    lvec = np.asarray(lvec, np.float64)
    xyzs = np.zeros((0, 3)) if xyzs is None else np.asarray(xyzs, np.float64)
    Zs = [] if Zs is None else np.asarray(Zs).tolist()
    wrapped = np.pad(np.asarray(array, np.float32), [(0, 1)] * 3, mode="wrap")
    values = wrapped.ravel(order="F").tolist()
    vectors = [_row(vector) for vector in lvec[1:]]
    head = ["CRYSTAL", "PRIMVEC", *vectors, "PRIMCOORD", f"{len(Zs)} 1"]
    head += [f"{Z} {_row(xyz)}" for Z, xyz in zip(Zs, xyzs, strict=True)]
    head += ["BEGIN_BLOCK_DATAGRID_3D", "grid", "BEGIN_DATAGRID_3D_grid"]
    head += [" ".join(map(str, wrapped.shape)), _row(lvec[0]), *vectors]
    with atomic_path(path) as part, open(part, "w", encoding="utf-8", newline="\n") as stream:
        stream.write("\n".join(head) + "\n")
        for i in range(0, len(values), VALUES_A_LINE):
            stream.write(" ".join(f"{v:.8e}" for v in values[i : i + VALUES_A_LINE]) + "\n")
        stream.write("END_DATAGRID_3D\nEND_BLOCK_DATAGRID_3D\n")


def _row(values):
    return " ".join(repr(float(value)) for value in values)
