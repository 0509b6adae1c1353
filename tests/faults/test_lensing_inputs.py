"""Malformed inputs of gravitational lensing: each is refused in one line that names the file."""

import functools
import tempfile
from pathlib import Path

import cv2
import h5py
import numpy as np
from lensing_commands import write_rows
from lensing_samples import row_of
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
from malformed_arrays import CONTENTS, attribute_faults, hdf5_faults, npy_faults
from malformed_texts import DEEP, LONG, PNG, csv_faults, yaml_faults

from simlab.cli import main
from simlab.core.files import write_text
from simlab.lensing.sources import make_source

SIDE = 32
COLUMN = np.arange(SIDE) - SIDE / 2
POTENTIAL = 8 * np.hypot(COLUMN[:, None] + 0.5, COLUMN[None] + 0.5)
CONFIG = """seed: 3
simulator: {size: 4, imagesize: 64}
lens: {mode: SIS, einstein-min: 5, einstein-max: 9}
source: {mode: Spherical, sigma-min: 3, sigma-max: 6}
position: {r-max: 9}
"""
TOML = """seed = 3
[simulator]
size = 4
imagesize = 64
[lens]
mode = "SIS"
einstein-min = 5
einstein-max = 9
[source]
mode = "Spherical"
sigma-min = 3
sigma-max = 6
[position]
r-max = 9
"""


def command(*words):
    """Run `simlab lensing WORDS`; SystemExit only if it fails."""
    try:
        main(["lensing", *map(str, words)])
    except SystemExit as end:
        if end.code:
            raise


@functools.cache
def generated():
    """Bytes of the amplitudes, the shard and a picture of two rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = rows(folder)
        command(
            *("datagen", "-i", table, "--imagesize", SIDE, "--nterms", 3, "-D", folder),
            *("--out", folder / "rows.h5", "--outfile", folder / "roulette.csv"),
        )
        names = ("roulette.csv", "rows.h5")
        return {name: (folder / name).read_bytes() for name in names}


def made(name):
    """Function that writes a file of `generated` to a folder."""

    def make(folder):
        (folder / name).write_bytes(generated()[name])
        return folder / name

    return make


def rows(folder):
    several = [row_of(index=n, filename=f"image-{n}.png", sigma=1.5, x=n) for n in (1, 2)]
    return write_rows(folder / "rows.csv", *several)


def datagen(path, out):
    command("datagen", "-i", path, "--imagesize", SIDE, "-D", out, "--out", out / "rows.h5")


def roulettegen(path, out):
    command("roulettegen", "-i", path, "--imagesize", SIDE, "--out", out / "again.h5")


def text(name, content):
    """Function that writes a text file in a folder."""

    def make(folder):
        write_text(folder / name, content)
        return folder / name

    return make


def datasetgen(path, out):
    command("datasetgen", path, out / "rows.csv")


def potential(folder):
    np.save(folder / "psi.npy", POTENTIAL)
    return folder / "psi.npy"


def potential_hdf5(folder):
    with h5py.File(folder / "psi.h5", "w") as file:
        file["potential"] = POTENTIAL
    return folder / "psi.h5"


def mapped(path, out):
    command(
        *("datagen", "--lens", path, "--source", "Spherical", "--sigma", 3, "-x", 4, "-y", 2),
        *("--imagesize", SIDE, "--out", out / "one.h5"),
    )


def picture(name):
    """Function that writes a picture to a folder."""

    def make(folder):
        image = np.add.outer(np.arange(16), np.arange(12)).astype(np.uint8) * 5
        cv2.imwrite(str(folder / name), image)
        return folder / name

    return make


def compared(path, out):
    other = path.with_name("other.png")
    cv2.imwrite(str(other), np.add.outer(np.arange(16), np.arange(12)).astype(np.uint8) * 5)
    try:
        command("compare", "--files", path, other)
    finally:
        other.unlink()


def shards_compared(path, out):
    other = path.with_name("other.h5")
    other.write_bytes(generated()["rows.h5"])
    try:
        command("compare", path, other)
    finally:
        other.unlink()


@functools.cache
def formula_text():
    with tempfile.TemporaryDirectory() as name:
        command("amplitudes", 2, "--output", Path(name) / "2.txt")
        return (Path(name) / "2.txt").read_text()


def formulas(folder):
    return text("2.txt", formula_text())(folder)


def with_formulas(path, out):
    command(
        *("datagen", "--lens", "SIS", "--model", "Roulette", "--einsteinradius", 6, "--nterms", 2),
        *("--source", "Spherical", "--sigma", 3, "-x", 4, "-y", 2, "--imagesize", SIDE),
        *("--amplitudes", path, "--out", out / "one.h5"),
    )


TOML_FAULTS = {
    **without(TEXT, "0 bytes"),  # all keys have defaults
    "cut in a text": text_edited(lambda text: text[: text.index("IS")]),
    "brackets": replaced("seed = " + "[" * DEEP + "]" * DEEP),
    "a key twice": swapped("seed = 3", "seed = 3\nseed = 4"),
    "a table twice": text_edited(lambda text: text + "[lens]\n"),
    "an unknown key": swapped("seed", "sead"),
    "an unknown table": swapped("[source]", "[sauce]"),
    "no value": swapped("seed = 3", "seed ="),
    "a value of text": swapped("einstein-min = 5", 'einstein-min = "small"'),
    "not a number": swapped("einstein-min = 5", "einstein-min = nan"),
    "an infinity": swapped("einstein-max = 9", "einstein-max = inf"),
    "a range turned around": swapped("einstein-min = 5", "einstein-min = 50"),
    "a date": swapped("seed = 3", "seed = 2024-01-01"),
    "a quote left open": swapped('"SIS"', '"SIS'),
    "an unknown lens": swapped('"SIS"', '"SOS"'),
    "a number of 5000 digits": swapped("seed = 3", "seed = " + "9" * 5000),
    "a list": swapped("seed = 3", "seed = [3]"),
    "YAML": replaced(CONFIG),
}
FORMULA_FAULTS = {
    **TEXT,
    "1 byte": edited(lambda content: content[:1]),
    "cut in a line": text_edited(lambda text: text[: text.rindex(":")].rpartition(":")[0]),
    "a line twice": text_edited(lambda text: text + text.splitlines()[-1] + "\n"),
    "three fields": line_set(2, "1:0:0"),
    "five fields": line_set(2, "1:0:0:0:0"),
    "a negative order": line_set(2, "-1:0:0:0"),
    "an order of text": line_set(2, "one:0:0:0"),
    "an order of 5000 digits": line_set(2, "9" * 5000 + ":0:0:0"),
    "an unknown name": line_set(2, "1:0:zeta:0"),
    "a call": line_set(2, "1:0:__import__('os').system('touch hacked'):0"),
    "an attribute": line_set(2, "1:0:x.__class__:0"),
    "brackets": line_set(2, "1:0:" + "(" * DEEP + ")" * DEEP + ":0"),
    "a bracket left open": line_set(2, "1:0:(x:0"),
    "an empty expression": line_set(2, "1:0::0"),
    "a very long line": line_set(2, "1:0:" + "x" * LONG + ":0"),
}
FINITE = without(CONTENTS, "not a number in it", "an infinity in it")
FORMATS = {
    "rows": Format(rows, datagen, without(csv_faults("sigma"), "no column")),
    "amplitudes": Format(
        made("roulette.csv"), roulettegen, without(csv_faults("sigma"), "no column")
    ),
    "configuration YAML": Format(text("one.yaml", CONFIG), datasetgen, yaml_faults("seed")),
    "configuration TOML": Format(text("one.toml", TOML), datasetgen, TOML_FAULTS),
    "potential npy": Format(potential, mapped, npy_faults()),
    "potential h5": Format(potential_hdf5, mapped, hdf5_faults("potential")),
    "source picture": Format(
        picture("galaxy.png"),
        lambda path, _: make_source("Image", path=path, scale=1.0),
        PNG,
    ),
    "picture compared": Format(
        picture("a.png"), compared, without(PNG, "a folder in its place"), full=True
    ),
    "image shard": Format(
        made("rows.h5"),
        shards_compared,
        hdf5_faults("images", contents=FINITE)
        | hdf5_faults("index")
        | attribute_faults("format", wrong=(3, np.array([1.5, 2.5]))),
    ),
    "formulas": Format(formulas, with_formulas, FORMULA_FAULTS),
}


(
    test_a_malformed_file_is_refused_in_one_line,
    test_the_intact_file_is_read,
    test_every_format_has_at_least_20_faults,
) = contract_of(FORMATS)
