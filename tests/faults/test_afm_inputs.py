"""Malformed inputs of atomic force microscopy: each is refused in one line that names the file."""

from functools import partial

import numpy as np
from afm_commands import PARAMETERS
from malformed import (
    TEXT,
    Format,
    contract_of,
    edited,
    line_set,
    replaced,
    swapped,
    text_edited,
    without,
)
from malformed_arrays import CONTENTS, attribute_faults, hdf5_faults, npz_faults
from malformed_texts import DEEP, LONG, csv_faults

from simlab.afm.files.grids import write_grid
from simlab.afm.files.molecules import Molecule, read_molecules, write_molecules
from simlab.afm.files.params import read_params
from simlab.afm.files.shards import PER_SAMPLE, ShardWriter
from simlab.afm.species import loadSpecies
from simlab.cli import main
from simlab.core.files import write_text

GRID = np.arange(1.0, 25.0).reshape(2, 3, 4)
LVEC = np.array([[1.0, -2.0, 0.5], [4.0, 0, 0], [1.0, 6, 0], [0, 0.5, 8]])
XYZS, ZS = np.array([[1.5, 0.25, 2.0], [0.1, -1.0, 3.0]]), np.array([6, 17])
CUBE = """a comment
another
2 1.0 -2.0 0.5
2 2.0 0.0 0.0
3 0.5 2.0 0.0
4 0.0 0.0 2.0
6 0.0 1.5 0.25 2.0
17 0.0 0.1 -1.0 3.0
""" + "\n".join(" ".join(map(str, row)) for row in GRID.reshape(-1, 4).tolist())
XYZ = """3
water
O 0.0 0.0 0.11 -0.8
H 0.0 0.76 -0.48 0.4
H 0.0 -0.76 -0.48 0.4
"""
SPECIES = "1.4870 0.000681 -1.6 1\n2.08 0.0015 -1.6 8\n"


def command(*words):
    """Run `simlab afm WORDS`; SystemExit only if it fails."""
    try:
        main(["afm", *map(str, words)])
    except SystemExit as end:
        if end.code:
            raise


def text(name, content):
    """Function that writes a text file in a folder."""

    def make(folder):
        write_text(folder / name, content)
        return folder / name

    return make


def grid(name):
    """Function that writes the grid in a folder, as the suffix says."""

    def make(folder):
        write_grid(folder / name, GRID, LVEC, XYZS, ZS)
        return folder / name

    return make


def convert(path, out):
    command("convert", path, "--output", out / "made.npz", "--quantity", "density")


def descriptors(path, out):
    command("descriptors", path, "--output", out / "made.npz", "--scan-dim", 8, 8)


def simulate(path, out):
    command("simulate", "--input", path, "--params", path, "--output", out)


def with_parameters(path, out):
    write_text(path.parent / "water.xyz", XYZ)
    try:
        command("simulate", "--input", path.parent / "water.xyz", "--params", path, "--output", out)
    finally:
        (path.parent / "water.xyz").unlink()


def generate(path, out):
    command(
        *("generate", path, "--output", out, "--rotations", 2, "--n-best", 1),
        *("--scan-dim", 8, 8, 12, "--scan-window", 3, 3, 5, 9, 9, 6.2),
        *("--df-steps", 5, "--pix-per-angstrome", 4),
    )


def molecules(folder):
    rows = [Molecule(name, XYZS, ZS, np.zeros(2), True) for name in ("a", "b")]
    write_molecules(folder / "molecules.npz", rows)
    return folder / "molecules.npz"


def shard(folder):
    plan = {"mol_id": np.zeros(2), "rot_id": np.arange(2), "split": np.zeros(2)}
    plan["rot"] = np.stack([np.eye(3)] * 2)
    shapes = {"afm": (1, 4, 4, 3), "desc": (2, 4, 4)}
    record = {key: np.zeros(1) for key in PER_SAMPLE}
    record |= {"flags": 0, "n_fallback": 0, "n_unconverged": 0}
    record |= {"scan_window": np.zeros((1, 2, 3)), "tipR0": np.zeros((1, 3))}
    attributes = {"desc_channels": ["Atomic_Disks", "vdW_Spheres"], "tips": [{"name": "CO"}]}
    attributes |= {"backend": "numba", "device": "a processor", "seed": 3}
    with ShardWriter(folder / "shard_00000.h5", 0, plan, shapes, attributes=attributes) as file:
        for number in range(2):
            images = np.full(shapes["afm"], number, np.float32)
            file.write(images, np.ones(shapes["desc"], np.float32), np.ones((3, 5)), record)
    return folder / "shard_00000.h5"


def export(path, out):
    command("export", path, "--output", out)


ENDS = {
    "1 byte": edited(lambda content: content[:1]),
    "cut at a quarter": edited(lambda content: content[: len(content) // 4]),
    "cut in the middle": edited(lambda content: content[: len(content) // 2]),
    "brackets": replaced("[" * DEEP),
    "a web page": replaced("<!DOCTYPE html><html></html>\n"),
}
XYZ_FAULTS = {
    **TEXT,
    **ENDS,
    "no number of atoms": line_set(1, None),
    "a number of atoms of text": line_set(1, "three"),
    "no atom": line_set(1, "0"),
    "a negative number of atoms": line_set(1, "-3"),
    "a number of atoms that is not whole": line_set(1, "2.5"),
    "a huge number of atoms": line_set(1, "999999999"),
    "a number of atoms of 5000 digits": line_set(1, "9" * 5000),
    "an atom too few": line_set(5, None),
    "an unknown element": swapped("O 0.0", "Qq 0.0"),
    "element 0": swapped("O 0.0", "0 0.0"),
    "element 400": swapped("O 0.0", "400 0.0"),
    "a coordinate of text": swapped("0.76", "up"),
    "a coordinate that is not a number": swapped("0.76", "nan"),
    "an infinite coordinate": swapped("0.76", "-inf"),
    "a coordinate beyond all bounds": swapped("0.76", "1e999"),
    "a charge of text": swapped("-0.8", "minus"),
    "a charge that is not a number": swapped("-0.8", "nan"),
    "a charge of 80 e": swapped("-0.8", "-80"),
    "three columns": swapped(" 0.11 -0.8", ""),
    "commas": line_set(3, "O,0,0,0.11,-0.8"),
    "a very long line": line_set(3, "O " + "1" * LONG),
    "columns that do not add up": line_set(2, "Properties=species:S:1:pos:R:3:charge pbc=F"),
}


def _last_value(value, text):
    body, end, rest = text.partition("\nEND_DATAGRID")
    return f"{body.rsplit(None, 1)[0]} {value}{end}{rest}"


POINTS = {
    "a point too few": "",
    "a point too many": "24.0 25.0",
    "a value of text": "abc",
    "a value that is not a number": "nan",
    "an infinite value": "inf",
    "a value beyond all bounds": "1e999",
    "a very long value": "1" * LONG,
}
GRID_TEXT = {
    **TEXT,
    **ENDS,
    **{name: text_edited(partial(_last_value, value)) for name, value in POINTS.items()},
}
CUBE_FAULTS = {
    **GRID_TEXT,
    "a number of points of text": line_set(4, "two 2.0 0.0 0.0"),
    "no number of atoms": line_set(3, "x 1.0 -2.0 0.5"),
    "a number of atoms that is not whole": line_set(3, "2.5 1.0 -2.0 0.5"),
    "a huge number of atoms": line_set(3, "999999999 1.0 -2.0 0.5"),
    "a huge number of points": line_set(4, "999999999 2.0 0.0 0.0"),
    "2048 x 2048 x 2048 points": text_edited(
        lambda text: (
            text.replace("\n2 2.0", "\n2048 2.0")
            .replace("\n3 0.5", "\n2048 0.5")
            .replace("\n4 0.0", "\n2048 0.0")
        )
    ),
    "no point": line_set(4, "0 2.0 0.0 0.0"),
    "two numbers of voxels negative": line_set(4, "-2.5 2.0 0.0 0.0"),
    "a cell without volume": line_set(4, "2 0.0 0.0 0.0"),
    "an unknown element": swapped("17 0.0 0.1", "400 0.0 0.1"),
    "an atom without place": swapped("17 0.0 0.1 -1.0 3.0", "17 0.0"),
}
XSF_FAULTS = {
    **GRID_TEXT,
    "no grid": text_edited(lambda text: text.replace("BEGIN_DATAGRID_3D", "BEGIN_NOTHING")),
    "no end": text_edited(lambda text: text[: text.index("END_DATAGRID")].rsplit(None, 1)[0]),
    "a number of points of text": swapped("3 4 5", "3 four 5"),
    "a number of points missing": swapped("3 4 5", "3 4"),
    "a huge number of points": swapped("3 4 5", "999999999 4 5"),
    "2048 x 2048 x 2048 points": swapped("3 4 5", "2049 2049 2049"),
    "a negative number of points": swapped("3 4 5", "-3 4 5"),
    "a huge number of atoms": swapped("\n2 1\n", "\n999999999 1\n"),
    "a number of atoms that is not whole": swapped("\n2 1\n", "\n2.5 1\n"),
    "a negative number of atoms": swapped("\n2 1\n", "\n-2 1\n"),
    "an unknown element": swapped("\n17 ", "\n400 "),
}
INI_FAULTS = {
    **without(TEXT, "0 bytes"),  # all keys have defaults
    "1 byte": edited(lambda content: content[:1]),
    "a web page": replaced("<!DOCTYPE html><html></html>\n"),
    "brackets": replaced("[" * DEEP),
    "an unknown key": swapped("charge", "chrage"),
    "no value": swapped("charge -0.1", "charge"),
    "a value too many": swapped("charge -0.1", "charge -0.1 2"),
    "a value of text": swapped("charge -0.1", "charge much"),
    "not a number": swapped("charge -0.1", "charge nan"),
    "an infinity": swapped("charge -0.1", "charge inf"),
    "a number beyond all bounds": swapped("charge -0.1", "charge 1e999"),
    "a very long value": swapped("charge -0.1", "charge " + "1" * LONG),
    "a list too short": swapped("stiffness 0.25 0.25 30", "stiffness 0.25 0.25"),
    "yes and no": swapped("PBC False", "PBC perhaps"),
    "an equals sign": swapped("charge -0.1", "charge = -0.1"),
    "an unknown probe": swapped("probeType O", "probeType Qq"),
    "a step of 0": swapped("scanStep 0.5", "scanStep 0"),
    "a negative step": swapped("scanStep 0.5", "scanStep -0.5"),
    "a huge number of steps": swapped("scanMax 3", "scanMax 1e12"),
}
TOML = 'probeType = "O"\ncharge = -0.1\nstiffness = [0.25, 0.25, 30.0]\nPBC = false\n'
TOML_FAULTS = {
    **without(TEXT, "0 bytes"),
    "1 byte": edited(lambda content: content[:1]),
    "cut in a list": text_edited(lambda text: text[: text.index("0.25, 30")]),
    "brackets": replaced("charge = " + "[" * DEEP + "]" * DEEP),
    "a key twice": text_edited(lambda text: text + "charge = 1\n"),
    "an unknown key": swapped("charge", "chrage"),
    "no value": swapped("charge = -0.1", "charge ="),
    "a value of text": swapped("-0.1", '"much"'),
    "not a number": swapped("-0.1", "nan"),
    "an infinity": swapped("-0.1", "inf"),
    "a table": swapped("-0.1", "{a = 1}"),
    "a date": swapped("-0.1", "2024-01-01"),
    "a list": swapped("-0.1", "[1, 2]"),
    "a list too short": swapped("[0.25, 0.25, 30.0]", "[0.25]"),
    "a quote left open": swapped('"O"', '"O'),
    "a number of 5000 digits": swapped("-0.1", "9" * 5000),
    "a number where a truth value stands": swapped("false", "3"),
    "colons": swapped("charge =", "charge:"),
}
TABLE_FAULTS = {
    **TEXT,
    "a web page": replaced("<!DOCTYPE html><html></html>\n"),
    "a cell of text": swapped("1.4870", "much"),
    "not a number": swapped("1.4870", "nan"),
    "an infinity": swapped("1.4870", "inf"),
    "a number beyond all bounds": swapped("1.4870", "1e999"),
    "a short row": swapped(" -1.6 1", ""),
    "no element": swapped(" -1.6 1", " -1.6"),
    "element 400": swapped(" -1.6 1", " -1.6 400"),
    "an element of text": swapped(" -1.6 1", " -1.6 Qq"),
    "commas": text_edited(lambda text: text.replace(" ", ",")),
    "a very long cell": swapped("1.4870", "1" * LONG),
    "1 byte": edited(lambda content: content[:1]),
    "brackets": replaced("[" * DEEP),
}
# Samples that could not be simulated hold no numbers.
MAPS = without(CONTENTS, "not a number in it", "an infinity in it")
WORD = ("text", np.array([1.5, 2.5]), 3)
FORMATS = {
    "xyz, descriptors": Format(text("water.xyz", XYZ), descriptors, XYZ_FAULTS),
    "xyz, generated": Format(text("water.xyz", XYZ), generate, XYZ_FAULTS, full=True),
    "cube": Format(text("grid.cube", CUBE), convert, CUBE_FAULTS),
    "xsf": Format(grid("grid.xsf"), convert, XSF_FAULTS),
    "grid npz": Format(grid("grid.npz"), convert, npz_faults("data") | npz_faults("lvec")),
    "parameters, ini": Format(text("params.ini", PARAMETERS), with_parameters, INI_FAULTS),
    "parameters, toml": Format(
        text("params.toml", TOML), lambda path, _: read_params(path), TOML_FAULTS
    ),
    "species": Format(
        text("atomtypes.ini", SPECIES), lambda path, _: loadSpecies(path), TABLE_FAULTS
    ),
    "species csv": Format(
        text("species.csv", "lj_rmin_A,lj_eps_eV,morse_alpha_invA,Z\n1.5,0.0007,-1.6,1\n"),
        lambda path, _: loadSpecies(path),
        csv_faults("lj_rmin_A"),
    ),
    "molecules": Format(
        molecules, lambda path, _: read_molecules(path), npz_faults("xyz") | npz_faults("ptr")
    ),
    "shard, inspected": Format(
        shard,
        lambda path, _: command("inspect", path),
        hdf5_faults("afm", contents=MAPS)
        | attribute_faults("seed")
        | attribute_faults("units", wrong=WORD),
        full=True,
    ),
    "shard, exported": Format(
        shard,
        export,
        hdf5_faults("afm", contents=MAPS)
        | hdf5_faults("mol/ptr")
        | attribute_faults("format", wrong=WORD)
        | attribute_faults("desc_channels", wrong=WORD)
        | attribute_faults("tips", wrong=WORD),
    ),
}


(
    test_a_malformed_file_is_refused_in_one_line,
    test_the_intact_file_is_read,
    test_every_format_has_at_least_20_faults,
) = contract_of(FORMATS)
