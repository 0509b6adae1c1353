"""Image shards of a batch of rows."""

from contextlib import contextmanager

import numpy as np

from simlab.core.provenance import package_versions
from simlab.lensing.files.shards import shard_writer
from simlab.lensing.geometry import crop_origin
from simlab.lensing.kernels.opencl import open_raytracer
from simlab.lensing.postprocess import center_of_light
from simlab.lensing.roulette import indices
from simlab.lensing.rows import FLOATS, INTEGERS, text_of
from simlab.lensing.status import status_number


class PictureWriter:
    """An open shard for some rows of a Batch."""

    def __init__(self, writer, batch, first, stop):
        self._writer, self._batch, self._first, self._stop = writer, batch, first, stop

    def write(self, result):
        """Write one `batch.Result`."""
        simulation, order = result.simulation, self._batch.order
        center = simulation.center
        xi = simulation.reference
        image = result.pictures["images"]
        values = {
            "index": result.number + 1,
            "status": status_number(simulation.status),
            "r_conv": simulation.r_conv,
            "center": center,
            "crop_center": center_of_light(image) if image.any() else 0j,
            "eta": simulation.eta - center,
            "xi": 0j if xi is None else xi - center,
        }
        if simulation.amplitudes is not None:
            G = simulation.amplitudes
            k = [G[m, s] for m, s in indices(order) if m < len(G)]
            flat = np.zeros(len(indices(order)), np.complex128)
            flat[: len(k)] = k
            values["alpha"], values["beta"] = flat.real, flat.imag
        filename = text_of(self._batch.rows[result.number], "filename")
        self._writer.write(result.number - self._first, result.pictures, filename, values)

    def write_parameters(self):
        """Write the columns of the table."""
        rows = self._batch.rows[self._first : self._stop]
        numbers, texts = {}, {}
        for column in self._batch.input_columns:
            cells = [row.get(column, "") for row in rows]
            numeric = column in FLOATS or column in INTEGERS
            if numeric and all(cell in ("", None) or _is_number(cell) for cell in cells):
                numbers[column] = [None if cell in ("", None) else float(cell) for cell in cells]
            else:
                texts[column] = [str(cell) for cell in cells]
        self._writer.write_parameters(numbers, texts)


def _is_number(cell):
    return isinstance(cell, int | float)


def picture_shapes(batch, extras=()):
    """Name -> (shape, dtype) of the pictures of one row."""
    settings = batch.settings
    size = settings.imagesize
    side = settings.side
    color = () if batch.channels == 1 else (3,)
    dtype = np.dtype(settings.dtype)
    shapes = {"images": ((side, side, *color), dtype)}
    for name in extras:
        n = size if name == "original" else side
        shapes[name] = ((n, n, *color), dtype)
    if batch.is_masked:
        shapes["mask"] = ((side, side), np.dtype(np.uint8))
    return shapes


def attributes_of(settings, models):
    """Root attributes that say how the pictures were made."""
    row, column = crop_origin(settings.imagesize, settings.cropsize)
    return {
        "imagesize": settings.imagesize,
        "cropsize": settings.side,
        "origin_row": row,
        "origin_col": column,
        "sampling": settings.sampling,
        "supersample": settings.supersample,
        "model": ", ".join(models),
        "pixel_scale_arcsec": settings.pixel_scale_arcsec,
        **made_by(settings.backend),
    }


def origin(spec, seed, code):
    """Root attributes that say what a shard was made from.

    Parameters
    ----------
    spec : dict
        Of the rule, or of the command.
    seed : int
    code : str
        Digest of the code.
    """
    return {"spec": spec, "seed": seed, "code": code, "versions": package_versions()}


def made_by(backend):
    """{"backend", "device"} of a backend; SimlabError where OpenCL has no device."""
    if backend == "opencl":
        return open_raytracer().description
    return {"backend": backend, "device": "cpu"}


@contextmanager
def picture_writer(path, batch, first, stop, extras, attributes):
    """A PictureWriter whose file appears when the block succeeds.

    Parameters
    ----------
    path : path
    batch : Batch
    first, stop : int
        Rows of the shard.
    extras : sequence of str
    attributes : mapping
        Root attributes besides those of `attributes_of`.
    """
    names = [f"[{m}][{s}]" for m, s in indices(batch.order)]
    attributes = {**attributes_of(batch.settings, batch.models), **attributes}
    shapes = picture_shapes(batch, extras)
    with shard_writer(path, stop - first, shapes, names, attributes) as shard:
        writer = PictureWriter(shard, batch, first, stop)
        yield writer
        writer.write_parameters()
