"""Rule afm_grids: potential and density of one molecule, from files or from its atoms."""

import numpy as np

from simlab.afm.densities import model_grids
from simlab.afm.errors import AfmInputError
from simlab.afm.files.molecules import read_molecules
from simlab.afm.production import user_grids
from simlab.core.files import write_npz


def write_grids(spec, name, molecules_npz, npz):
    """Write `grids/{name}.npz`: the arrays of `molecule_grids`, and its atoms as xyzs, Zs.

    `spec` is that of `specs.grids_spec`.
    """
    molecule = next(m for m in read_molecules(molecules_npz) if m.name == name)
    arrays = molecule_grids(spec, molecule)
    write_npz(npz, {**arrays, "xyzs": molecule.xyz, "Zs": molecule.Z})


def molecule_grids(spec, molecule):
    """Grids of a files.molecules.Molecule: potential, lvec (4, 3), and density with FDBM.

    potential and density are float32 (nx, ny, nz) in V and electrons/Å³. Raises AfmInputError for
    a density without electrons.
    """
    with_density = spec["sim_type"] == "FDBM"
    if spec["grids"]["source"] == "files":
        arrays = user_grids(spec["grids"], molecule.name, with_density)
    else:
        potential, density = model_grids(molecule.xyz, molecule.Z, molecule.q)
        arrays = {"potential": potential.array, "lvec": potential.lvec}
        if with_density:
            arrays["density"] = density.array
    electrons = arrays["density"].sum(dtype=np.float64) if with_density else 1.0
    if not electrons > 0:
        raise AfmInputError(
            f"afm: grids.density of {molecule.name}: sum {electrons:g}; expected an electron "
            "density with a positive sum, electrons/Å³"
        )
    return arrays
