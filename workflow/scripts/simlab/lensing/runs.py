"""What the commands datagen and roulettegen do: with the same functions as the rules."""

import logging
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numba

from simlab.core.errors import SimlabError
from simlab.core.progress import progress
from simlab.core.provenance import code_digest
from simlab.lensing.annotations import Annotations, annotated, with_curves
from simlab.lensing.batch import Batch, without_outcome
from simlab.lensing.config import load_config, with_changes
from simlab.lensing.errors import LensError
from simlab.lensing.files.pictures import write_png
from simlab.lensing.files.tables import write_table
from simlab.lensing.formulas import read_formulas
from simlab.lensing.further import family_pictures, joined_picture, secondary_pictures
from simlab.lensing.kernels.opencl import open_raytracer
from simlab.lensing.maps import write_map
from simlab.lensing.parameters import draw_rows, drawn_columns, with_files_relative_to
from simlab.lensing.picture_shards import origin, picture_writer
from simlab.lensing.pictures import stored
from simlab.lensing.postprocess import crop, draw_axes, to_uint8
from simlab.lensing.recovery import learned
from simlab.lensing.regeneration import write_regenerated
from simlab.lensing.render import actual_image
from simlab.lensing.rows import finite_row, read_rows, source_of, stem_of
from simlab.lensing.settings import as_settings
from simlab.lensing.validation import require_no_problems, validate_rows

logger = logging.getLogger(__name__)

PRODUCER, REGENERATOR = "lensing_images.py", "lensing_resimulations.py"
UNDRAWN = ("dark", "solver", "bad-parameters")
FINE = ("ok", "clipped-edge")
SINGLE = {
    "lens": "SIS",
    "model": "Raytrace",
    "source": "Spherical",
    "x": 0.0,
    "y": 0.0,
    "sigma": 20.0,
    "sigma2": 10.0,
    "theta": 45.0,
    "n_sersic": 4.0,
    "luminosity": 10.0,
    "einsteinradius": 20.0,
    "ellipseratio": 0.6,
    "orientation": 0.0,
}
"""The row of a single picture where no option says otherwise."""


@dataclass(frozen=True)
class Products:
    """What a run of datagen writes.

    Attributes
    ----------
    folder : Path or None
        Of PNG files.
    shard : Path or None
        HDF5.
    table : Path or None
        Roulette amplitudes, CSV.
    learned : bool
        Only the columns of the table that a network learns from.
    extras : tuple of str
        actual, apparent, original.
    secondary, join, family : bool
        Pictures about other reference points.
    components : int or None
        Reference points of a joined picture; None: all images.
    maps : tuple of str
        psi, kappa: maps of the potential and of the convergence.
    annotations : Annotations
    """

    folder: Path | None = None
    shard: Path | None = None
    table: Path | None = None
    learned: bool = False
    extras: tuple = ()
    secondary: bool = False
    join: bool = False
    family: bool = False
    components: int | None = None
    maps: tuple = ()
    annotations: Annotations = field(default_factory=Annotations)


def use_threads(count):
    """Work with so many threads, or as many as there are CPUs; None: all."""
    if count is not None:
        numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))


def settings_of(path, dataset, changes):
    """(SimulationSettings, DatasetConfig or None) of a configuration file and options.

    Without a file pictures are not centered, as in the original program.

    Parameters
    ----------
    path : path or None
    dataset : str or None
        Which data set of the file.
    changes : mapping
        Keys of the settings; None leaves what the file says.
    """
    drawn = None if path is None else load_config(path, dataset)
    keys = {"centred": False} if drawn is None else drawn.settings().model_dump()
    given = {key: value for key, value in changes.items() if value is not None}
    if given.get("compat"):  # what the file left open follows compat
        for key in ("sampling", "dtype", "mask"):
            keys.pop(key, None)
    if given.get("backend") == "auto":
        given["backend"] = available_backend()
    return as_settings({**keys, **given}), drawn


def available_backend():
    """ "opencl" where it has a device, else "numba", which one line of the log tells."""
    try:
        open_raytracer()
    except SimlabError as error:
        logger.info("no OpenCL device, numba computes (%s)", str(error).splitlines()[0])
        return "numba"
    return "opencl"


def drawn_rows(config, settings):
    """Rows of a configuration, with the seed and the order of the settings."""
    rows = draw_rows(with_changes(config, seed=settings.seed))
    return [{**row, "nterms": settings.nterms} for row in rows]


def write_drawn_rows(path, config, rows):
    """Write the rows of a configuration as a table."""
    write_table(path, drawn_columns(config), with_files_relative_to(rows, path.parent))


def rows_to_draw(drawn, csvfile, settings, given, name):
    """(rows, folder of the files that they name, what messages call them).

    Parameters
    ----------
    drawn : DatasetConfig or None
        Whose rows are drawn; None: those of the table `csvfile`, or the one of the options.
    csvfile : path or None
    settings : SimulationSettings
    given : mapping
        Column -> value from the command line.
    name : str
        Stem of the picture of a single row.
    """
    if drawn is not None:
        return drawn_rows(drawn, settings), ".", "drawn rows"
    if csvfile is not None:
        return completed_rows(csvfile, settings, given), csvfile.parent, csvfile
    return [single_row(given, name)], ".", "the options"


def single_row(given, name):
    """The one row that options describe."""
    row = {"index": 1, "filename": f"{name}.png", **SINGLE, **given}
    if "cluster" in given and "lens" not in given:
        row["lens"] = ""
    if "phi" in given and "y" not in given:
        del row["y"]
    return row


def completed_rows(path, settings, given):
    """Rows of a CSV file whose empty cells take the values `given` on the command line."""
    rows = read_rows(path, settings.chi_column, given.get("model", "Raytrace"))
    return [_completed(without_outcome(row), given) for row in rows]


def _completed(row, given):
    row = dict(row)
    for column, value in given.items():
        if row.get(column) in (None, ""):
            row[column] = value
    return row


def checked_batch(rows, settings, *, where, folder, skip_bad=False, formulas=None):
    """The Batch of rows that are all valid, or whose bad ones are skipped.

    Raises
    ------
    RowsError
        A line for every problem, unless `skip_bad`; for no rows.
    """
    problems = validate_rows(rows, where=where, folder=folder, settings=settings)
    bad = {number - 1 for problem in problems for number in problem.rows}
    if problems and (not skip_bad or any(not problem.rows for problem in problems)):
        require_no_problems(problems, where)
    rows = [finite_row(row) for row in rows]
    if formulas is None:
        return Batch(rows, settings, folder, frozenset(bad))
    batch = Batch(rows, settings, folder, frozenset(bad), read_formulas(formulas))
    for number in range(len(rows)):
        if number not in bad:
            try:
                batch.case(number)
            except LensError as error:
                raise LensError(f"{formulas}, row {number + 1}: {error}") from None
    return batch


def generate(batch, first, stop, products):
    """Simulate rows first .. stop - 1 of a batch and write what is asked for.

    Returns
    -------
    collections.Counter
        Status -> rows.
    """
    counts, table = Counter(), []
    extras = products.extras
    with ExitStack() as stack:
        shard = None
        if products.shard is not None:
            shard = stack.enter_context(_shard(products.shard, batch, first, stop, extras))
        results = batch.simulations(first, stop, extras)
        for result in progress(results, stop - first, "simulating rows"):
            counts[result.simulation.status] += 1
            if shard is not None:
                shard.write(result)
            if products.folder is not None:
                _write_pngs(batch, result, products)
            if products.table is not None:
                table.append(result.simulation.columns)
    if products.table is not None:
        columns = batch.columns
        if products.learned:
            columns = learned(columns)
        write_table(products.table, columns, [_selected(row, columns) for row in table])
    return counts


def _selected(row, columns):
    return {column: row.get(column, "") for column in columns}


@contextmanager
def _shard(path, batch, first, stop, extras):
    settings = batch.settings
    spec = {"settings": settings.model_dump(mode="json"), "extras": list(extras)}
    attributes = origin(spec, settings.seed, code_digest(PRODUCER))
    with picture_writer(path, batch, first, stop, extras, attributes) as writer:
        yield writer


def _write_pngs(batch, result, products):
    folder, simulation = products.folder, result.simulation
    stem = stem_of(batch.rows[result.number])
    image = to_uint8(result.pictures["images"])
    if result.number in batch.bad:
        return
    case = batch.case(result.number)
    wanted = products.annotations
    write_png(folder / f"{stem}.png", annotated(image, case, simulation, wanted))
    for name in products.extras:
        picture = to_uint8(result.pictures[name])
        if name == "actual" and wanted.criticalcurves:
            picture = with_curves(picture, case.lens, 0j, caustic=True)
        write_png(folder / f"{name}-{stem}.png", picture)
    if simulation.xi is not None:
        for name, picture in _further(case, simulation.center, stem, products):
            picture = stored(picture, batch.settings, batch.channels)
            write_png(folder / f"{name}.png", to_uint8(picture))
    for prefix in products.maps:
        write_map(case.lens, folder, stem, case.settings.imagesize, prefix)


def _further(case, center, stem, products):
    """Yield (stem, picture) about other reference points."""
    if products.secondary:
        for number, picture in enumerate(secondary_pictures(case, center), start=1):
            yield f"secondary{number}-{stem}", picture
    if products.join:
        yield f"join-{stem}", joined_picture(case, center, products.components)
    if products.family:
        for suffix, picture in family_pictures(case, center).items():
            yield f"{stem}{suffix}", picture


def any_drawn(counts):
    """Whether any row became a picture with light."""
    return any(word not in UNDRAWN for word in counts)


def all_fine(counts):
    """Whether all rows are ok, or have light at the edge at most."""
    return all(word in FINE for word in counts)


def summary(counts):
    """The numbers of rows in one line."""
    return ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))


def write_regenerated_shard(path, regeneration):
    """Write the pictures of a Regeneration as an HDF5 shard."""
    settings = regeneration.settings
    spec = {"settings": settings.model_dump(mode="json")}
    attributes = origin(spec, settings.seed, code_digest(REGENERATOR))
    write_regenerated(path, regeneration, attributes)


def write_regenerated_pngs(folder, regeneration, *, reflines=False, actual=False):
    """Write the pictures of a Regeneration as `{stem}.png`; `actual`: also the sources."""
    rows, settings = regeneration.rows, regeneration.settings
    drawn = progress(regeneration.pictures(), len(rows), "drawing from amplitudes")
    for row, (image, recovery) in zip(rows, drawn, strict=True):
        picture = to_uint8(image)
        write_png(folder / f"{stem_of(row)}.png", draw_axes(picture) if reflines else picture)
        if actual and recovery is not None and recovery.values is not None:
            source = source_of(row, folder=regeneration.folder, settings=settings)
            size = settings.imagesize
            unlensed = actual_image(source, recovery.eta, size, settings.sampling)
            cropped = crop(unlensed, settings.cropsize or size)
            picture = to_uint8(stored(cropped, settings, regeneration.channels))
            write_png(folder / f"actual-{stem_of(row)}.png", picture)
