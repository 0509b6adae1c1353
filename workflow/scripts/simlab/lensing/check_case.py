"""A data set of lensed pictures as the checks see it: its rows, one at a time."""

from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from simlab.core.errors import SimlabError
from simlab.core.files import read_csv
from simlab.lensing.batch import Batch, without_outcome
from simlab.lensing.drawing import Drawing
from simlab.lensing.errors import RowsError
from simlab.lensing.files.shards import open_shard
from simlab.lensing.files.streams import header_of, rows_of_tables
from simlab.lensing.parameters import draw_rows, with_files_published
from simlab.lensing.recovery import amplitude_columns
from simlab.lensing.roulette import COLUMN, indices
from simlab.lensing.rows import order_of
from simlab.lensing.splits import split_of
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

    @cached_property
    def table_columns(self):
        """Columns of the roulette table."""
        return header_of(self.files["table"])

    @cached_property
    def table_order(self):
        """Largest order of the amplitude columns of the roulette table; -1 without any."""
        found = map(COLUMN.fullmatch, self.table_columns)
        return max((int(match[2]) for match in found if match), default=-1)

    @cached_property
    def input_columns(self):
        """Its columns that a simulation did not add."""
        return list(without_outcome(dict.fromkeys(self.table_columns)))

    @cached_property
    def amplitude_columns(self):
        """Names of those columns: all alpha[m][s], then all beta[m][s]."""
        return amplitude_columns(self.table_order)

    @cached_property
    def amplitude_places(self):
        """m and s of the columns of alpha: two int64 (K,)."""
        places = np.array(indices(self.table_order), np.int64).reshape(-1, 2)
        return places[:, 0], places[:, 1]

    def drawn(self, number):
        """Row `number` drawn from the configuration; None where the user gave a table."""
        if self.dataset.size is None:
            return None
        return with_files_published(draw_rows(self.dataset, number, number + 1))[0]

    def samples(self):
        """Yield a Sample of every row; RowsError where files have more or fewer rows."""
        rows = rows_of_tables([self.files["table"]])
        number = 0
        resim = self.files.get("resim") or [None] * len(self.files["images"])
        for paths in zip(self.files["images"], resim, strict=True):
            with ExitStack() as stack:
                opened = [None if p is None else stack.enter_context(open_shard(p)) for p in paths]
                labels = None
                for position in range(len(opened[0]["index"])):
                    row = next(rows, None)
                    if row is None or number >= self.size:
                        raise RowsError(f"{paths[0]}: more pictures than the table has rows")
                    labels = labels or Labels(opened[0])
                    file = "/".join(Path(paths[0]).parts[-2:])
                    yield Sample(self, number, row, position, file, labels, *opened)
                    number += 1
        if number != self.size or next(rows, None) is not None:
            raise RowsError(f"{number} pictures, {self.size} rows")


class Labels:
    """What an open shard holds of all its rows but pictures and amplitudes, read once."""

    def __init__(self, file):
        self._file, self._read = file, {}

    def __getitem__(self, name):
        """Array (R, ...) of a dataset."""
        if name not in self._read:
            dataset = self._file[name]
            text = dataset.dtype.kind == "O"
            self._read[name] = dataset.asstr()[()] if text else dataset[()]
        return self._read[name]

    @cached_property
    def parameters(self):
        """{column: (values (R,), uint8 (R,) whether given, or None for text)}."""
        return {
            name: (
                self[f"params/{name}"],
                self[f"params_given/{name}"] if name in self._file["params_given"] else None,
            )
            for name in self._file["params"]
        }


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
    file : str
        The shard, as index.csv names it.
    labels : Labels
        Of the shard.
    images, resim : h5py.File
    """

    view: DatasetView
    number: int
    row: dict
    position: int
    file: str
    labels: Labels
    images: object
    resim: object = None

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
        number = int(self.labels["status"][self.position])
        return STATUSES[number] if number < len(STATUSES) else None

    @cached_property
    def case(self):
        """Its lens, source and position, from the cells of the roulette table."""
        batch = self.view.batch
        row = {column: self.row[column] for column in self.view.input_columns}
        return type(batch)([row], batch.settings, batch.folder).case(0)

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
    def order(self):
        """Order of its series."""
        return order_of(self.view.batch.rows[self.number], self.settings)

    @property
    def is_exact(self):
        """Whether its lens is a formula, not a sampled potential."""
        return self.case.lens.members is not None

    @cached_property
    def amplitude_cells(self):
        """Numbers in its amplitude cells, 0 in empty ones: float64 (2, K); RowsError for text."""
        row = self.row
        cells = [row[column] or 0 for column in self.view.amplitude_columns]
        try:
            return np.array(cells, np.float64).reshape(2, -1)
        except ValueError:
            raise RowsError(f"{self.id}: amplitudes are no numbers") from None

    @cached_property
    def amplitudes(self):
        """G[m, s] as stored, up to the order of the row; None for a row without."""
        if not self.row["refX"]:
            return None
        N = self.order
        G = np.zeros(
            (max(self.view.table_order, N) + 1, max(self.view.table_order, N) + 2), complex
        )
        G[self.view.amplitude_places] = self.amplitude_cells[0] + 1j * self.amplitude_cells[1]
        return G[: N + 1, : N + 2]

    def point(self, name):
        """A point of the table as complex, as stored; SimlabError for an unreadable one."""
        try:
            return complex(float(self.row[f"{name}X"]), float(self.row[f"{name}Y"]))
        except ValueError:
            raise SimlabError(f"{self.id}: {name}X, {name}Y are no numbers") from None
