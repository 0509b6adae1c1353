"""What packages tell about AFM data sets."""

from pathlib import Path

from simlab.afm.config import MODEL_CO, DatasetConfig
from simlab.core.packages.described import Described, Origin, origins

MOLECULES = "resources/afm/molecules"
EXAMPLES = frozenset(
    ("bcb", "formic_acid", "out2", "out3", "PTCDA", "dichlor-brom-benzene", "Gr6x6N3hole", "FFPB")
)
TABLES = Origin("tables of elements and of D3 dispersion", "ppafm 0.4.1", "MIT")
INDEX = "number of the sample in the data set"


def inputs(spec, folder):
    """Molecules, grids and tip densities, and the tables that every data set is made with."""
    files = [*spec["molecules"]]
    grids = spec["grids"] or {}
    files += [grids[key] for key in ("potential", "density") if grids.get(key)]
    for tip in spec["tips"]:
        named = (tip.get("tip_density"), tip.get("tip_delta_density"))
        files += [file for file in named if file != MODEL_CO]
    shipped = {file: _shipped(file) for file in files if file and file.startswith(MOLECULES)}
    return [TABLES, *origins(files, shipped)]


def _shipped(file):
    name = Path(file).stem
    if "*" in name:
        return "published examples of ppafm 0.4.1, and geometries of the simlab developers", "MIT"
    return ("ppafm 0.4.1" if name in EXAMPLES else "the simlab developers, with RDKit"), "MIT"


DESCRIBED = Described(
    title="Atomic force microscopy",
    what=(
        "Constant-height frequency-shift images of molecules by a microscope with a flexible tip, "
        "and maps that describe what lies below it. A probe particle that hangs at the tip relaxes "
        "in the force field of the molecule at every position; the force along the oscillation "
        "gives the frequency shift."
    ),
    sample="a molecule in one orientation: a stack of images for each tip, and its descriptors",
    split_unit="the molecule, in all its orientations",
    arrays={
        "afm": ("Hz", "frequency shift: tip, x, y, height from the highest down"),
        "desc": ("", "descriptors: channel, x, y; in Å where they are heights, else as told there"),
        "sample_id": ("", INDEX),
        "mol_id": ("", "number of the molecule"),
        "rot_id": ("", "place of the orientation in the list by entropy"),
        "split": ("", "0 train, 1 val, 2 test"),
        "rot": ("", "rotation R, x' = R x"),
        "scan_window": ("Å", "corners of the tip positions, for each tip"),
        "distAbove": ("Å", "distance of tip and molecule as drawn, for each tip"),
        "tipR0": ("Å", "tilt along x and y as drawn, and length, for each tip"),
        "df_steps": ("", "tip positions of an oscillation, for each tip"),
        "flags": ("", "marks, a bit each; 0 = none"),
        "n_fallback": ("", "points at which the slower relaxation took over"),
        "n_unconverged": ("", "points that did not converge"),
        "mol": ("Å, Å, Å, e, 1", "atoms as placed: x, y, z, charge, atomic number"),
    },
    columns={
        "molecule": ("", "name of the molecule"),
        "mol_id": ("", "number of the molecule"),
        "rot_id": ("", "place of the orientation in the list by entropy"),
        "entropy": ("", "S of the orientation, by which the list is ordered"),
        "n_atoms": ("", "atoms of the molecule"),
        "distAbove": ("Å", "distance of the first tip and the molecule as drawn"),
        "tilt_x": ("Å", "tilt of the first tip along x as drawn"),
        "tilt_y": ("Å", "tilt of the first tip along y as drawn"),
        "df_steps": ("", "tip positions of an oscillation of the first tip"),
        "flags": ("", "marks, a bit each; 0 = none"),
        "n_fallback": ("", "points at which the slower relaxation took over"),
        "n_unconverged": ("", "points that did not converge"),
    },
    other_columns=None,
    limits=(
        "Molecules are rigid and free: there is no surface below them unless their file holds one.",
        "Forces are those of model potentials; images hold no noise of the instrument.",
        "Orientations of one molecule are no independent samples.",
    ),
    model=DatasetConfig,
    inputs=inputs,
    ragged={"mol": ("mol/data", "mol/ptr")},
)
