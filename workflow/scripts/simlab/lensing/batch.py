"""The rows of a table: what their pictures and columns have in common, and all of them in turn."""

import functools
import warnings
from dataclasses import dataclass, field

import numpy as np

from simlab.core.threads import in_order
from simlab.lensing.cases import case_of
from simlab.lensing.errors import LensingWarning
from simlab.lensing.pictures import stored_pictures
from simlab.lensing.recovery import OUTCOME_COLUMNS, amplitude_columns
from simlab.lensing.roulette import COLUMN
from simlab.lensing.rows import order_of, read_rows, source_of, text_of
from simlab.lensing.settings import SimulationSettings
from simlab.lensing.simulate import Simulation, simulate_case

GRAY_SOURCES = frozenset({"Spherical", "Ellipsoid", "SersicSphere", "SersicEllipsoid", "s", "e"})


@dataclass(frozen=True)
class Result:
    """One row of a batch.

    Attributes
    ----------
    number : int
        Row number in the table, from 0.
    simulation : Simulation
    pictures : dict
        Name -> array as files store it.
    """

    number: int
    simulation: Simulation
    pictures: dict


@dataclass(frozen=True)
class Batch:
    """The rows of a table and how they are simulated.

    Attributes
    ----------
    rows : list of mapping
        All rows of the table.
    settings : SimulationSettings
    folder : path or None
        That files named in the rows are relative to.
    bad : mapping
        Numbers (from 0) of rows that cannot be used; they become black pictures.
    formulas : Formulas or None
        Amplitudes in place of those of the lenses.
    model : str or None
        In place of what the rows say.
    """

    rows: list
    settings: SimulationSettings
    folder: object = None
    bad: frozenset = frozenset()
    formulas: object = None
    model: str | None = None
    _channels: dict = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, path, settings, **keywords):
        """The Batch of a table that was validated before."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", LensingWarning)
            rows = read_rows(path, settings.chi_column)
        return cls([without_outcome(row) for row in rows], settings, **keywords)

    @functools.cached_property
    def channels(self):
        """1, or 3 where any source has color."""
        if all(text_of(row, "source") in GRAY_SOURCES for row in self.rows):
            return 1
        good = (n for n in range(len(self.rows)) if n not in self.bad)
        return max(map(self._channels_of, good), default=1)

    def _channels_of(self, number):
        row = self.rows[number]
        key = text_of(row, "source"), text_of(row, "sourcefile")
        if key[0] in GRAY_SOURCES:
            return 1
        if key not in self._channels:
            source = source_of(row, folder=self.folder, settings=self.settings)
            self._channels[key] = source.channels
        return self._channels[key]

    @functools.cached_property
    def order(self):
        """Largest order of all rows."""
        good = (row for n, row in enumerate(self.rows) if n not in self.bad)
        return max((order_of(row, self.settings) for row in good), default=1)

    @functools.cached_property
    def models(self):
        """Names of the models of the rows that are drawn, sorted."""
        good = (row for n, row in enumerate(self.rows) if n not in self.bad)
        return sorted({self.model or text_of(row, "model") or "Raytrace" for row in good})

    @property
    def is_masked(self):
        """Whether any picture is drawn in a part of the frame only."""
        return any(self.settings.mask_of(model) != "none" for model in self.models)

    @functools.cached_property
    def input_columns(self):
        """Columns of the table, in their order."""
        return list({column: None for row in self.rows for column in row})

    @property
    def columns(self):
        """Columns of the roulette table."""
        return [*self.input_columns, *OUTCOME_COLUMNS, *amplitude_columns(self.order)]

    def simulations(self, first, stop, extras=()):
        """Yield the Result of rows first .. stop - 1 in their order.

        `extras` are names of further pictures: actual, apparent, original. The work is shared by
        numba.get_num_threads() threads, a row each; the results do not depend on them.
        """
        return in_order(lambda number: self.result(number, extras), range(first, stop))

    def result(self, number, extras=()):
        """The Result of one row."""
        row = self.rows[number]
        if number in self.bad:
            simulation, case = self._blank(row), None
        else:
            case = self.case(number)
            simulation = simulate_case(case, number + 1)
        pictures = stored_pictures(case, simulation, extras, self.settings, self.channels)
        if self.is_masked:
            mask = simulation.mask
            shape = simulation.image.shape[:2]
            pictures["mask"] = np.ones(shape, np.uint8) if mask is None else mask.astype(np.uint8)
        return Result(number, simulation, pictures)

    def case(self, number):
        """The Case of a row."""
        row = self.rows[number]
        if self.model is not None:
            row = {**row, "model": self.model}
        return case_of(row, self.settings, folder=self.folder, formulas=self.formulas)

    def _blank(self, row):
        settings = self.settings
        dtype = np.uint8 if settings.sampling == "floor" else np.float32
        original = np.zeros((settings.imagesize, settings.imagesize), dtype)
        side = min(settings.imagesize, settings.cropsize or settings.imagesize)
        image = np.ascontiguousarray(original[:side, :side])
        columns = {**row, "status": "bad-parameters"}
        return Simulation(image, original, 0j, None, "bad-parameters", columns)


def without_outcome(row):
    """A row without the columns that a simulation adds."""
    return {
        column: cell
        for column, cell in row.items()
        if column not in OUTCOME_COLUMNS and not COLUMN.fullmatch(column)
    }
