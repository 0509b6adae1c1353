"""Rule lensing_images: pictures, amplitudes and statistics of the rows of one shard."""

from simlab.core.files import write_npz
from simlab.core.progress import progress
from simlab.lensing.batch import Batch
from simlab.lensing.files.tables import write_table
from simlab.lensing.picture_shards import origin, picture_writer
from simlab.lensing.specs import settings_from
from simlab.lensing.splits import split_of
from simlab.lensing.statistics import PictureStatistics
from simlab.lensing.status import EXCLUDED

TRAIN = 0


def write_shard(spec, rows, parameters, h5, csv, npz, *, folder=".", code):
    """Simulate the rows of a shard.

    Parameters
    ----------
    spec : dict
        `specs.images_spec`.
    rows : (first, stop)
        Half-open range of row numbers, from 0.
    parameters : path
        The whole table.
    h5, csv, npz : path
        Pictures, roulette table, statistics.
    folder : path
        That files named in the rows are relative to.
    code : str
        Digest of the code.
    """
    settings, extras = settings_from(spec), spec["extras"]
    batch = Batch.read(parameters, settings, folder=folder)
    split = split_of(spec["counts"], len(batch.rows), settings.seed)
    statistics = PictureStatistics(batch.channels)
    first, stop = rows
    attributes = origin(spec, settings.seed, code)
    table = []
    with picture_writer(h5, batch, first, stop, extras, attributes) as writer:
        results = batch.simulations(first, stop, extras)
        for result in progress(results, stop - first, "simulating rows"):
            writer.write(result)
            table.append(result.simulation.columns)
            if split[result.number] == TRAIN and result.simulation.status not in EXCLUDED:
                statistics.push(result.number + 1, result.pictures["images"])
    write_table(csv, batch.columns, table)
    write_npz(npz, statistics.arrays(), level=1)
