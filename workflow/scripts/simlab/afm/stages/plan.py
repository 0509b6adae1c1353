"""Rule afm_plan: the order of the samples, before any is simulated."""

from simlab.afm.files.molecules import read_molecules
from simlab.afm.sample_plan import plan_samples
from simlab.core.files import write_npz


def write_plan(spec, molecules_npz, npz):
    """Write plan.npz; `spec` is that of `specs.plan_spec`."""
    geometries = [molecule.xyz for molecule in read_molecules(molecules_npz)]
    write_npz(npz, plan_samples(spec, geometries))
