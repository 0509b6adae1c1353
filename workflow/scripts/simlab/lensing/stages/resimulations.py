"""Rules lensing_resimulations and lensing_roulette_images: further pictures of the same rows."""

from simlab.core.progress import progress
from simlab.lensing.batch import Batch
from simlab.lensing.files.shards import open_shard
from simlab.lensing.files.tables import read_table
from simlab.lensing.picture_shards import origin, picture_writer
from simlab.lensing.regeneration import Regeneration, write_regenerated
from simlab.lensing.specs import settings_from

ROULETTE = "Roulette"


def write_roulette_images(spec, rows, parameters, h5, *, folder=".", code):
    """Draw the rows of a shard by their roulette series, whatever model they name.

    Arguments as of `stages.images.write_shard`; `spec` is `specs.pictures_spec`.
    """
    settings = settings_from(spec)
    batch = Batch.read(parameters, settings, folder=folder, model=ROULETTE)
    first, stop = rows
    attributes = origin(spec, settings.seed, code)
    with picture_writer(h5, batch, first, stop, (), attributes) as writer:
        for result in progress(batch.simulations(first, stop), stop - first, "drawing series"):
            writer.write(result)


def write_resimulations(spec, table, images, h5, *, folder=".", code):
    """Draw the pictures of a shard from the amplitudes in its roulette table alone.

    Parameters
    ----------
    spec : dict
        `specs.pictures_spec`.
    table : path
        Roulette table of the shard.
    images : path
        The shard whose pictures they are compared with: tells numbers and channels of its rows.
    h5 : path
    folder : path
    code : str
    """
    settings = settings_from(spec)
    rows = read_table(table)[1]
    with open_shard(images) as file:
        index, status = file["index"][()], file["status"][()]
        channels = 3 if file["images"].ndim == 4 else 1
    regeneration = Regeneration(rows, settings, folder, index, status, channels=channels)
    attributes = origin(spec, settings.seed, code)
    write_regenerated(h5, regeneration, attributes)
