"""Small runs of the lensing commands that tests share."""

import csv

import numpy as np

from simlab.cli import main
from simlab.lensing.files.shards import open_shard
from simlab.lensing.files.tables import write_table
from simlab.lensing.pictures import stored
from simlab.lensing.settings import as_settings


def call(*line):
    """Exit code of `simlab lensing ...`, in this process."""
    try:
        main(["lensing", *map(str, line)])
    except SystemExit as end:
        return end.code or 0
    return 0


def entries_in(folder):
    """Paths of all files and folders below a folder, relative to it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def write_rows(path, *rows):
    """Write a table with the columns of all rows."""
    write_table(path, list({column: None for row in rows for column in row}), rows)
    return path


def read_csv(path):
    """Rows of a table: list of {column: text}."""
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def arrays_in(path, *names):
    """Datasets of an image shard: all of the root group, or those named."""
    with open_shard(path) as file:
        names = names or [name for name in file if name not in ("params", "params_given")]
        return {name: file[name][()] for name in names}


def assert_same_picture(path, simulation, settings, position=0):
    """A picture of a shard is that of a simulation, as files hold it."""
    settings = as_settings(settings)
    image = arrays_in(path, "images")["images"][position]
    channels = 3 if image.ndim == 3 else 1
    np.testing.assert_array_equal(image, stored(simulation.image, settings, channels))
    assert image.dtype == np.dtype(settings.dtype)
