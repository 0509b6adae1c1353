"""A data set of lensed pictures as the checks see it: its rows, one at a time."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from simlab.core.errors import SimlabError
from simlab.core.files import read_csv
from simlab.lensing.batch import Batch, without_outcome
from simlab.lensing.drawing import Drawing
from simlab.lensing.errors import RowsError
from simlab.lensing.files.shards import open_shard
from simlab.lensing.files.streams import rows_of_tables
from simlab.lensing.parameters import draw_rows, split_of
from simlab.lensing.roulette import amplitudes_from
from simlab.lensing.status import STATUSES

SAMPLED = 8
"""Rows that are simulated again."""


@dataclass
class DatasetView:
    """A data set and where its files are.

    Attributes
    ----------
    dataset : DatasetConfig
    files : mapping
        parameters, table, index: path; images, resim: lists of path, in order.
    folder : path
        That files named in the rows are relative to.
    """

    dataset: object
    files: dict
    folder: object = "."

    @cached_property
    def settings(self):
        """SimulationSettings of the data set."""
        return self.dataset.settings()

    @cached_property
    def batch(self):
        """The Batch of parameters.csv."""
        return Batch.read(self.files["parameters"], self.settings, folder=self.folder)

    @property
    def size(self):
        """Number of rows of parameters.csv."""
        return len(self.batch.rows)

    @cached_property
    def split(self):
        """Split number of every row, as the configuration deals them."""
        return split_of(self.dataset.splits.counts(self.size), self.size, self.dataset.seed)

    @cached_property
    def index(self):
        """Rows of index.csv."""
        header, rows = read_csv(self.files["index"])
        return [dict(zip(header, row, strict=True)) for row in rows]

    @cached_property
    def sampled(self):
        """Numbers of the rows that are simulated again, spread over the data set."""
        places = np.linspace(0, self.size - 1, min(SAMPLED, self.size))
        return frozenset(int(place) for place in np.rint(places))

    @cached_property
    def probed(self):
        """Numbers of the rows whose images are counted: others than the sampled where there are."""
        others = [n for n in range(self.size) if n not in self.sampled] or sorted(self.sampled)
        places = np.rint(np.linspace(0, len(others) - 1, min(SAMPLED, len(others))))
        return frozenset(others[int(place)] for place in places)

    def drawn(self, number):
        """Row `number` drawn from the configuration; None where the user gave a table."""
        if self.dataset.size is None:
            return None
        return draw_rows(self.dataset, number, number + 1)[0]

    def samples(self):
        """Yield a Sample of every row; RowsError where files have more or fewer rows."""
        rows = rows_of_tables([self.files["table"]])
        number = 0
        resim = self.files.get("resim") or [None] * len(self.files["images"])
        for paths in zip(self.files["images"], resim, strict=True):
            with ExitStack() as stack:
                opened = [None if p is None else stack.enter_context(open_shard(p)) for p in paths]
                for position in range(len(opened[0]["index"])):
                    row = next(rows, None)
                    if row is None or number >= self.size:
                        raise RowsError(f"{paths[0]}: more pictures than the table has rows")
                    yield Sample(self, number, row, position, *opened)
                    number += 1
        if number != self.size or next(rows, None) is not None:
            raise RowsError(f"{number} pictures, {self.size} rows")


@dataclass
class Sample:
    """One row of a data set with its pictures.

    Attributes
    ----------
    view : DatasetView
    number : int
        Row number, from 0.
    row : dict
        Of the roulette table: column -> text.
    position : int
        In its shard.
    images, resim : h5py.File
    """

    view: DatasetView
    number: int
    row: dict
    position: int
    images: object
    resim: object = None
    notes: dict = field(default_factory=dict)

    @property
    def id(self):
        """Its name in index.csv."""
        return self.view.index[self.number]["id"]

    @property
    def settings(self):
        """SimulationSettings of the data set."""
        return self.view.settings

    @property
    def is_sampled(self):
        """Whether it is simulated again."""
        return self.number in self.view.sampled

    @property
    def is_probed(self):
        """Whether its images are counted."""
        return self.number in self.view.probed

    @cached_property
    def image(self):
        """Its picture."""
        return self.images["images"][self.position]

    @cached_property
    def redrawn(self):
        """Its re-simulated picture; None where there is none."""
        return None if self.resim is None else self.resim["images"][self.position]

    @property
    def status(self):
        """Its status in the table."""
        return self.row["status"]

    @property
    def stored_status(self):
        """Its status in the shard; None for a number without word."""
        number = int(self.images["status"][self.position])
        return STATUSES[number] if number < len(STATUSES) else None

    @cached_property
    def case(self):
        """Its lens, source and position, from the cells of the roulette table."""
        batch = self.view.batch
        return type(batch)([without_outcome(self.row)], batch.settings, batch.folder).case(0)

    @cached_property
    def again(self):
        """`batch.Result` of the row, simulated again from parameters.csv."""
        extras = [name for name in ("actual", "apparent", "original") if name in self.images]
        return self.view.batch.result(self.number, extras)

    @cached_property
    def drawing(self):
        """The Drawing of its case."""
        return Drawing.of(self.case, set())

    @property
    def scale(self):
        """Stored lengths over angular ones."""
        return self.case.chi if self.settings.amplitude_units == "lens" else 1.0

    @cached_property
    def amplitudes(self):
        """G[m, s] as stored; None for a row without."""
        return amplitudes_from(self.row) if self.row["refX"] else None

    def point(self, name):
        """A point of the table as complex, as stored; SimlabError for an unreadable one."""
        try:
            return complex(float(self.row[f"{name}X"]), float(self.row[f"{name}Y"]))
        except ValueError:
            raise SimlabError(f"{self.id}: {name}X, {name}Y are no numbers") from None
