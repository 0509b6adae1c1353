"""Many rows of a roulette table drawn from their amplitudes alone."""

import warnings
from dataclasses import dataclass

import numpy as np

from simlab.core.errors import SimlabError
from simlab.core.progress import progress
from simlab.core.threads import in_order
from simlab.lensing.errors import LensingWarning, RowsError
from simlab.lensing.files.shards import shard_writer
from simlab.lensing.files.tables import read_table
from simlab.lensing.picture_shards import attributes_of
from simlab.lensing.pictures import stored
from simlab.lensing.postprocess import center_of_light
from simlab.lensing.resimulation import center_of, recovered, resimulate_row
from simlab.lensing.roulette import COLUMN, amplitudes_from, estimated_radius
from simlab.lensing.rows import picture_name, source_of, text_of
from simlab.lensing.status import STATUSES, status_number
from simlab.lensing.validation import require_no_problems, validate_rows

MODEL = "RouletteRegenerator"
BAD = status_number("bad-parameters")


@dataclass(frozen=True)
class Regeneration:
    """Rows and how they are drawn.

    Attributes
    ----------
    rows : list of mapping
    settings : SimulationSettings
    folder : path
        That files named in the rows are relative to.
    index, status : sequences of int
        Row numbers in the whole table, from 1, and numbers of their statuses.
    order : int or None
        Of the series; None: all amplitudes that are there.
    drawmode : str
        As of `resimulation.resimulate_row`.
    channels : int
        1, or 3 where pictures have color.
    """

    rows: list
    settings: object
    folder: object
    index: object
    status: object
    order: int | None = None
    drawmode: str = "xi"
    channels: int = 1

    def pictures(self):
        """Yield (picture as files hold it, Amplitudes or None) of every row, in order."""
        return in_order(self._drawn, range(len(self.rows)))

    def _drawn(self, position):
        settings, row = self.settings, self.rows[position]
        if self.status[position] == BAD:
            return np.zeros(self.shape, settings.dtype), None
        image = resimulate_row(
            row, settings, folder=self.folder, order=self.order, drawmode=self.drawmode
        )
        return stored(image, settings, self.channels), recovered(row, settings, self.order)

    @property
    def shape(self):
        """Shape of one picture."""
        settings = self.settings
        side = min(settings.imagesize, settings.cropsize or settings.imagesize)
        return (side, side) if self.channels == 1 else (side, side, 3)


def write_regenerated(path, regeneration, attributes):
    """Write a shard of the pictures of a Regeneration; `attributes` besides those of shards."""
    settings, rows = regeneration.settings, regeneration.rows
    pictures = {"images": (regeneration.shape, np.dtype(settings.dtype))}
    attributes = {**attributes_of(settings, [MODEL]), **attributes}
    with shard_writer(path, len(rows), pictures, [], attributes) as writer:
        drawn = progress(regeneration.pictures(), len(rows), "drawing from amplitudes")
        for position, (image, recovery) in enumerate(drawn):
            known = recovery is not None and recovery.values is not None
            values = {
                "index": regeneration.index[position],
                "status": regeneration.status[position],
                "center": center_of(rows[position], settings),
                "crop_center": center_of_light(image) if image.any() else 0j,
                "xi": recovery.xi if known else 0j,
                "eta": recovery.eta if known else 0j,
                "r_conv": (estimated_radius(recovery.values) or 0.0) if known else 0.0,
            }
            filename = text_of(rows[position], "filename")
            writer.write(position, {"images": image}, filename, values)


def read_amplitude_rows(path, settings, given):
    """Rows of a roulette table whose source cells are those `given`, or their own.

    Raises
    ------
    RowsError
        A table without amplitude columns: names the command that makes them; sources, amplitudes,
        points and statuses that cannot be used, a line each.
    """
    columns, rows = read_table(path)
    if not any(COLUMN.fullmatch(column) for column in columns):
        raise RowsError(
            f"{path}: no amplitude columns alpha[m][s]; "
            f"`simlab lensing datagen --csvfile {path} --outfile ROULETTE.csv` makes them"
        )
    if "refX" not in columns:
        warnings.warn(
            f"{path}: no columns refX, refY: the offsets of the original program are wrong and "
            "are taken as 0",
            LensingWarning,
            stacklevel=2,
        )
    rows = [
        {**row, "filename": text_of(row, "filename") or picture_name(number), **given}
        for number, row in enumerate(rows, start=1)
    ]
    used = [row for row in rows if row.get("status") != "bad-parameters"]
    problems = [
        *validate_rows(used, where=path, folder=path.parent, settings=settings, with_lens=False),
        *(f"{path}: {problem}" for problem in _problems(columns, rows, settings)),
    ]
    require_no_problems(problems, path)
    return rows


def _problems(columns, rows, settings):
    """Yield what is wrong with amplitudes, points and statuses, a line each."""
    try:
        amplitudes_from(dict.fromkeys(columns, ""))
    except RowsError as error:
        yield str(error)
        return
    for number, row in enumerate(rows, start=1):
        word = text_of(row, "status")
        if word not in ("", *STATUSES):
            yield f"row {number}: status is {word!r}, expected {', '.join(STATUSES)}"
        if word != "bad-parameters":
            try:
                recovered(row, settings)
            except SimlabError as error:
                yield f"row {number}: {error}"


def regeneration_of(rows, settings, *, first, folder, order, drawmode):
    """The Regeneration of rows `first`, first + 1, ... of a table."""
    status = [status_number(text_of(row, "status") or "ok") for row in rows]
    sources = (row for row, n in zip(rows, status, strict=True) if n != BAD)
    channels = max(
        (source_of(row, folder=folder, settings=settings).channels for row in sources), default=1
    )
    index = range(first + 1, first + 1 + len(rows))
    return Regeneration(rows, settings, folder, index, status, order, drawmode, channels)
