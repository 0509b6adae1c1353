"""Malformed inputs of ptychography: each is refused in one line that names the file."""

import numpy as np
from malformed import Format, contract_of, without
from malformed_arrays import CONTENTS, hdf5_faults, npy_faults, npz_faults
from malformed_texts import PNG, csv_faults, yaml_faults
from ptycho_data import raw_data

from simlab.cli import main
from simlab.core.files import write_csv, write_npz, write_text
from simlab.core.hdf5 import create_hdf5
from simlab.ptycho.dataset import write_dataset
from simlab.ptycho.files.inputs import read_mask

SIDE, COUNT = 16, 8
NUMBERS = np.random.default_rng(3).normal(size=(3, 40, 40)).astype(np.float32)
OBJECT = (1 + 0.1j * NUMBERS[0]).astype(np.complex64)
PROBE = (NUMBERS[1, :SIDE, :SIDE] + 1j * NUMBERS[2, :SIDE, :SIDE]).astype(np.complex64)
POSITIONS = {"xcoords": np.linspace(12, 25, COUNT) + 0.5, "ycoords": np.linspace(25, 12, COUNT)}
STAGE1 = {"objectGuess": OBJECT, "probeGuess": PROBE}


def command(*words):
    """Run `simlab ptycho WORDS`; SystemExit only if it fails."""
    try:
        main(["ptycho", *map(str, words)])
    except SystemExit as end:
        if end.code:
            raise


def writing(name, arrays):
    """Function that writes `arrays` to `name` in a folder: npz, npy, HDF5 or csv by suffix."""

    def make(folder):
        path = folder / name
        if path.suffix == ".npz":
            write_npz(path, arrays)
        elif path.suffix == ".npy":
            np.save(path, next(iter(arrays.values())))
        elif path.suffix == ".csv":
            write_csv(path, list(arrays), zip(*arrays.values(), strict=True))
        else:
            with create_hdf5(path) as file:
                for key, values in arrays.items():
                    file[key] = values
        return path

    return make


def simulate(path, out, *words, stage1=None):
    command(
        *("simulate", "--input-file", stage1 or path, "--output-file", out / "made.npz"),
        *("--n-images", COUNT, "--no-cache", *words),
    )


def with_stage1(option):
    """Read a file as `option` of a simulation of a good stage-1 file."""

    def read(path, out):
        stage1 = path.with_name("stage1.npz")
        simulate(path, out, option, path, stage1=stage1)

    def making(make):
        def both(folder):
            path = make(folder)
            write_npz(folder / "stage1.npz", STAGE1)
            return path

        return both

    return read, making


POSITIONS_READ, POSITIONS_MADE = with_stage1("--positions-file")
CONFIG_READ, CONFIG_MADE = with_stage1("--simulation-config")


def object_of(path, out):
    command(
        *("input", "--object-file", path, "--output-file", out / "made.npz", "--probe-size", SIDE)
    )


def probe_of(path, out):
    command("input", "--probe-file", path, "--size", 64, "--output-file", out / "made.npz")


def photograph(path, out):
    command(
        *("input", "--kind", "testimg", "--image", path, "--size", 32, "--phase", "zero"),
        *("--probe-size", SIDE, "--output-file", out / "made.npz"),
    )


def photo_made(folder):
    import cv2

    picture = np.clip(128 + 40 * np.tile(NUMBERS[0], (4, 2))[:160, :64], 0, 255).astype(np.uint8)
    cv2.imwrite(str(folder / "photo.png"), picture)
    return folder / "photo.png"


def config_made(folder):
    write_text(folder / "one.yaml", "seed: 7\nscan: {buffer: 8}\ndetector: {nphotons: 1e4}\n")
    return folder / "one.yaml"


def data_made(name):
    def make(folder):
        write_dataset(folder / name, raw_data(12))
        return folder / name

    return make


def split(path, out):
    command("split", path, "--axis", "y", "--fraction", 0.5, "--gap", 0, "--output", out)


def group(path, out):
    out.mkdir()
    try:
        command("group", path, "--gridsize", 2, "--output", out / "made.npz")
    except BaseException:
        out.rmdir()
        raise


def convert(path, out):
    command("convert", path, out / "made.cxi", "--to", "cxi", "--pixel-size-m", 1e-9)


ONE_AXIS = {"xcoords": 8, **POSITIONS}
COLUMN = without(CONTENTS, "one axis more")
FORMATS = {
    "stage-1 npz": Format(
        writing("stage1.npz", STAGE1),
        simulate,
        npz_faults("objectGuess") | npz_faults("probeGuess"),
    ),
    "stage-1 h5": Format(
        writing("stage1.h5", STAGE1),
        simulate,
        hdf5_faults("objectGuess") | hdf5_faults("probeGuess"),
    ),
    "object npz": Format(writing("object.npz", STAGE1), object_of, npz_faults("objectGuess")),
    "object npy": Format(writing("object.npy", STAGE1), object_of, npy_faults()),
    "object h5": Format(
        writing("object.h5", STAGE1), object_of, hdf5_faults("objectGuess"), full=True
    ),
    "probe npz": Format(
        writing("probe.npz", STAGE1), probe_of, npz_faults("probeGuess"), full=True
    ),
    "probe h5": Format(writing("probe.h5", STAGE1), probe_of, hdf5_faults("probeGuess"), full=True),
    "positions npz": Format(
        POSITIONS_MADE(writing("where.npz", POSITIONS)),
        POSITIONS_READ,
        npz_faults("xcoords", contents=CONTENTS),
    ),
    "positions h5": Format(
        POSITIONS_MADE(writing("where.h5", POSITIONS)), POSITIONS_READ, hdf5_faults("ycoords")
    ),
    "positions csv": Format(
        POSITIONS_MADE(writing("where.csv", POSITIONS)),
        POSITIONS_READ,
        csv_faults("xcoords", cell="12.5"),
    ),
    "mask npy": Format(
        writing("mask.npy", {"mask": np.eye(SIDE)}),
        lambda path, _: read_mask(path, SIDE),
        npy_faults(),
    ),
    "mask npz": Format(
        writing("mask.npz", {"mask": np.eye(SIDE)}),
        lambda path, _: read_mask(path, SIDE),
        npz_faults("mask"),
    ),
    "photograph": Format(photo_made, photograph, PNG),
    "configuration": Format(CONFIG_MADE(config_made), CONFIG_READ, yaml_faults("seed")),
    "data set npz, split": Format(data_made("data.npz"), split, npz_faults("diff3d")),
    "data set npz, grouped": Format(data_made("data.npz"), group, npz_faults("xcoords"), full=True),
    "data set h5, split": Format(data_made("data.h5"), split, hdf5_faults("diff3d")),
    "data set h5, converted": Format(
        data_made("data.h5"), convert, hdf5_faults("ycoords"), full=True
    ),
}


(
    test_a_malformed_file_is_refused_in_one_line,
    test_the_intact_file_is_read,
    test_every_format_has_at_least_20_faults,
) = contract_of(FORMATS)
