"""What packages tell about data sets of halo maps."""

from simlab.core.packages.described import Described, Origin
from simlab.halo.config import DatasetConfig, ParametersConfig
from simlab.halo.parameters import ParameterTable

CAMELS = Origin(
    ParametersConfig.model_fields["file"].default,
    "public documentation of the CAMELS project, Copyright (c) 2020 Francisco Villaescusa-Navarro",
    "MIT",
)
MASS = "Msun/h per fine pixel"


def inputs(spec, folder):
    """Simulations of the user, or the table that the synthetic ones take their parameters from."""
    if spec["source"]["kind"] != "synthetic":
        return [Origin("snapshots and halo catalogs", "simulations of the user", None)]
    if spec["source"]["parameters"] != "table":
        return []
    if _are_shipped(folder / "inputs" / "params.csv", spec):
        return [CAMELS]
    return [Origin("table of parameters", "file of the user", None)]


def _are_shipped(table, spec):
    """Whether the parameters of all simulations are those of the table of the repository."""
    name, numbers = spec["source"]["set"], spec["simulations"]
    stop = numbers["total"] if numbers["end"] is None else numbers["end"]
    used, known = ParameterTable(table), ParameterTable(CAMELS.name)
    return all(
        known.has(sim, name) and used.row(sim, name) == known.row(sim, name)
        for sim in range(numbers["start"], stop)
    )


DESCRIBED = Described(
    title="Cosmological halo maps",
    what=(
        "Projected mass around haloes of pairs of simulations from the same initial conditions: "
        "one with dark matter only, one with gas and stars. Each halo is turned at random, and the "
        "particles of a cube around it are deposited on a grid."
    ),
    sample="a halo in one orientation",
    split_unit="the simulation: all its haloes, in all orientations",
    arrays={
        "condition": (MASS, "mass of the dark-matter-only run, smallest field"),
        "target": (MASS, "dark matter, gas and stars of the hydrodynamic run, smallest field"),
        "large_scale": (MASS, "mass of the dark-matter-only run, larger fields"),
        "params": ("physical units of each", "cosmology and feedback of the simulation"),
        "halo_mass": ("Msun/h", "M200c of the catalog"),
        "halo_center": ("Mpc/h", "center of the halo, comoving"),
        "rot_matrix": ("", "rotation R, e' = R e"),
        "seed_key": ("", "key of the random rotation"),
        "group_index": ("", "row of the halo in the whole catalog"),
    },
    columns={
        "sim": ("", "number of the simulation"),
        "halo_idx": ("", "number of the halo above the mass threshold"),
        "group_index": ("", "row of the halo in the whole catalog"),
        "rot": ("", "number of the rotation"),
        "halo_mass": ("Msun/h", "M200c of the catalog"),
        "log10_halo_mass": ("log10(Msun/h)", "logarithm of M200c"),
        "center_x": ("Mpc/h", "center of the halo, comoving"),
        "center_y": ("Mpc/h", "center of the halo, comoving"),
        "center_z": ("Mpc/h", "center of the halo, comoving"),
        "r200": ("Mpc/h", "R200c of the catalog, comoving"),
    },
    other_columns=("physical unit of the parameter", "parameter of the simulation"),
    limits=(
        "Synthetic simulations (`source.kind: synthetic`) are haloes planted on an approximate "
        "density field: they are for trying out, not for science.",
        "Masses of a map depend on the resolution of its simulation.",
        "Orientations of one halo, and haloes of one simulation, are no independent samples.",
    ),
    model=DatasetConfig,
    inputs=inputs,
)
