"""Rule afm_grids: potential and density of one molecule, from files or from its atoms."""

import numpy as np

from simlab.afm.densities import model_grids
from simlab.afm.errors import AfmInputError
from simlab.afm.files.molecules import read_molecules
from simlab.afm.production import user_grids
from simlab.core.files import write_npz


def write_grids(spec, name, molecules_npz, npz):
    """Write `grids/{name}.npz`: potential and, for FDBM, density float32 (nx, ny, nz); lvec (4, 3).

    The geometry of the molecule is kept beside them as xyzs (n, 3) and Zs (n,). `spec` is that of
    `specs.grids_spec`.
    """
    with_density = spec["sim_type"] == "FDBM"
    molecule = next(m for m in read_molecules(molecules_npz) if m.name == name)
    if spec["grids"]["source"] == "files":
        arrays = user_grids(spec["grids"], name, with_density)
    else:
        potential, density = model_grids(molecule.xyz, molecule.Z, molecule.q)
        arrays = {"potential": potential.array, "lvec": potential.lvec}
        if with_density:
            arrays["density"] = density.array
    if "density" in arrays and not arrays["density"].sum(dtype=np.float64) > 0:
        raise AfmInputError(
            f"afm: grids.density of {name}: sum {arrays['density'].sum(dtype=np.float64):g}; "
            "expected an electron density with a positive sum, electrons/Å³"
        )
    write_npz(npz, {**arrays, "xyzs": molecule.xyz, "Zs": molecule.Z})
