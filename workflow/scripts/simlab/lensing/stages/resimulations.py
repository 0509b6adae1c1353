"""Rules lensing_resimulations and lensing_roulette_images: further pictures of the same rows."""

import numpy as np

from simlab.core.progress import progress
from simlab.core.provenance import package_versions
from simlab.core.threads import in_order
from simlab.lensing.batch import Batch
from simlab.lensing.files.shards import open_shard, read_filenames, shard_writer
from simlab.lensing.files.tables import read_table
from simlab.lensing.picture_shards import attributes_of, picture_writer
from simlab.lensing.pictures import stored
from simlab.lensing.postprocess import center_of_light
from simlab.lensing.resimulation import recovered, resimulate_row
from simlab.lensing.specs import settings_from
from simlab.lensing.status import status_number

ROULETTE, REGENERATOR = "Roulette", "RouletteRegenerator"


def write_roulette_images(spec, rows, parameters, h5, *, folder=".", code):
    """Draw the rows of a shard by their roulette series, whatever model they name.

    Arguments as of `stages.images.write_shard`; `spec` is `specs.pictures_spec`.
    """
    settings = settings_from(spec)
    batch = Batch.read(parameters, settings, folder=folder, model=ROULETTE)
    first, stop = rows
    attributes = {"spec": spec, "seed": settings.seed, "code": code, "versions": package_versions()}
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
        filenames, index = read_filenames(file), file["index"][()]
        status, shape = file["status"][()], file["images"].shape[1:]
    channels = 3 if len(shape) == 3 else 1
    bad = status_number("bad-parameters")

    def draw(position):
        row = rows[position]
        if status[position] == bad:
            return np.zeros(shape, settings.dtype), None
        image = resimulate_row(row, settings, folder=folder)
        return stored(image, settings, channels), recovered(row, settings)

    attributes = {
        **attributes_of(settings, [REGENERATOR]),
        "spec": spec,
        "seed": settings.seed,
        "code": code,
        "versions": package_versions(),
    }
    pictures = {"images": (shape, np.dtype(settings.dtype))}
    with shard_writer(h5, len(rows), pictures, [], attributes) as writer:
        drawn = progress(in_order(draw, range(len(rows))), len(rows), "drawing from amplitudes")
        for position, (image, recovery) in enumerate(drawn):
            known = recovery is not None and recovery.values is not None
            values = {
                "index": index[position],
                "status": status[position],
                "crop_center": center_of_light(image) if image.any() else 0j,
                "xi": recovery.xi if known else 0j,
                "eta": recovery.eta if known else 0j,
            }
            writer.write(position, {"images": image}, filenames[position], values)
