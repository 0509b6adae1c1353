"""Parameters of the simulations: tables of the user, presets of columns, the shipped info table.

A table is either whitespace-separated with a header `#Name p1 ... pN seed` and rows
`{set}_{sim} v1 ... vN seed` (CAMELS `CosmoAstroSeed_*.txt`), or CSV with a header, whose rows are
found by a column `Name`, else by a column `sim`, else by their number. Values are physical, as
read. Nothing is looked up by position in a table that names its rows or columns.
"""

import csv
import io
import warnings
from dataclasses import dataclass
from functools import cache

import numpy as np

from simlab.core.config import nearest, user_path
from simlab.core.errors import InputFileError, MissingFileError
from simlab.core.files import open_input, read_csv
from simlab.core.inputs import shown
from simlab.halo.cells import finite_number
from simlab.halo.errors import MissingColumnError, MissingTableError, ParameterTableError
from simlab.halo.parameter_names import (
    HEADERS,
    NAME_COLUMNS,
    NO_PARAMETERS,
    SB35,
    SHORT_NAMES,
    column_names,
    spellings,
)

INFO_FILE = "resources/halo/Info_IllustrisTNG_L50n512_35params.csv"


class ParameterTable:
    """A parameter table, read once; cells are converted when their row is asked for.

    Attributes
    ----------
    path : Path
    columns : tuple of str
        Every column that is a parameter, in the order of the file.
    """

    def __init__(self, file):
        self.path = user_path(file)
        try:
            self._header, self._rows = _read(self.path)
        except MissingFileError:
            raise MissingTableError(f"parameter table not found: {self.path}") from None
        repeated = sorted({name for name in self._header if self._header.count(name) > 1})
        if repeated:
            raise ParameterTableError(f"{self.path}: columns {', '.join(repeated)} appear twice")
        self.columns = tuple(name for name in self._header if name not in NO_PARAMETERS)
        named = [name for name in NAME_COLUMNS if name in self._header]
        self._key = named[0] if named else "sim" if "sim" in self._header else None
        self._numbers = self._row_numbers()

    def _row_numbers(self):
        """{key of a row: its place}; keys are names, or integers."""
        if self._key is None:
            return {number: number for number in range(len(self._rows))}
        column, numbers = self._header.index(self._key), {}
        for number, row in enumerate(self._rows):
            key = row[column] if column < len(row) else ""
            if self._key == "sim":
                key = self._integer(key, number)
            if key in numbers:
                raise ParameterTableError(f"{self.path}: {self._key} {key} appears twice")
            numbers[key] = number
        return numbers

    def _integer(self, text, number):
        try:
            return int(text)
        except ValueError:
            raise ParameterTableError(
                f"{self.path}: sim is {text!r} in data row {number}, expected an integer"
            ) from None

    def _key_of(self, sim, set_name):
        return f"{set_name}_{int(sim)}" if self._key in NAME_COLUMNS else int(sim)

    def has(self, sim, set_name="SB35"):
        """Whether there is a row for a simulation."""
        return self._key_of(sim, set_name) in self._numbers

    def row(self, sim, set_name="SB35"):
        """Every parameter of a simulation, {column: value}; all cells are checked."""
        key = self._key_of(sim, set_name)
        if key not in self._numbers:
            what = {None: "row", "sim": "sim"}.get(self._key, "name")
            hint = ""
            if what == "name" and self._numbers:
                hint = f", the first is {shown(next(iter(self._numbers)))} (source.set)"
            raise ParameterTableError(
                f"{self.path}: sim {sim}: no {what} {key} among its {len(self._rows)} rows{hint}"
            )
        row = self._rows[self._numbers[key]]
        if len(row) != len(self._header):
            place = (
                f"column {self._header[len(row)]} is the first without a value"
                if len(row) < len(self._header)
                else f"nothing may follow column {self._header[-1]}"
            )
            raise ParameterTableError(
                f"{self.path}: sim {sim}: {len(row)} cells, the header has {len(self._header)}; "
                f"{place}"
            )
        cells = dict(zip(self._header, row, strict=True))
        return {name: self._number(cells[name], sim, name) for name in self.columns}

    def cosmology(self, sim, set_name="SB35", names=HEADERS):
        """{name: value} of the parameters that snapshots tell, as far as the table has them."""
        row = self.row(sim, set_name)
        found = {name: next((n for n in spellings(name) if n in row), None) for name in names}
        return {name: row[column] for name, column in found.items() if column}

    def seed(self, sim, set_name="SB35"):
        """Seed of a simulation's initial conditions, or None where the table has no such column."""
        self.row(sim, set_name)
        if "seed" not in self._header:
            return None
        text = self._rows[self._numbers[self._key_of(sim, set_name)]][self._header.index("seed")]
        return int(self._number(text, sim, "seed"))

    def _number(self, text, sim, column):
        return _number(f"{self.path}: sim {sim}", column, text)

    def values(self, sim, columns="core15", set_name="SB35", overrides=None):
        """Chosen parameters of a simulation: (values (P,) float64, names tuple).

        columns : a preset (core15, sb35, cosmo5) or a list of names, which may be empty.
        overrides : {set: {column: value}}, in place of what the table says; the value of a short
            name is in its own unit.

        Errors: MissingColumnError, whose `key` is columns or overrides.
        """
        names = column_names(columns)
        row = self.row(sim, set_name)
        changes = (overrides or {}).get(set_name, {})
        places = self._present(changes, row, "overrides", f"overrides of {set_name}")
        twice = sorted({place for place in places if places.count(place) > 1})
        if twice:
            raise ParameterTableError(
                f"overrides of {set_name} give {', '.join(twice)} more than one value"
            )
        for (name, value), place in zip(changes.items(), places, strict=True):
            row[place] = float(value) * _unit(name, place)
        asked = columns if isinstance(columns, str) else f"[{', '.join(names)}]"
        sources = self._present(names, row, "columns", f"columns: {asked}")
        values = [
            row[source] / _unit(name, source) for name, source in zip(names, sources, strict=True)
        ]
        return np.array(values, dtype=np.float64), names

    def _present(self, names, row, key, what):
        """Column of the table for every name; other spellings and short names included."""
        sources = []
        for name in names:
            candidates = [name]
            if name in SHORT_NAMES:
                candidates.append(SHORT_NAMES[name][0])
            candidates += spellings(candidates[-1])
            sources.append(next((c for c in candidates if c in row), None))
        missing = [name for name, s in zip(names, sources, strict=True) if s is None]
        if missing:
            hint = nearest(missing[0], row) if len(missing) == 1 else ""
            there = ", ".join(self.columns) or "no parameter"
            raise MissingColumnError(
                f"{self.path}: {what} needs {', '.join(missing)}, which the table lacks{hint}; it "
                f"has {there}: name those that samples shall hold",
                key,
            )
        return sources


def _unit(name, source):
    """Unit of parameter `name`, which column `source` holds."""
    return SHORT_NAMES[name][1] if name in SHORT_NAMES and source != name else 1.0


def load_parameters(file, sim, *, columns="core15", set_name="SB35", overrides=None):
    """Parameters of one simulation: (values (P,) float64, physical units; names tuple)."""
    return ParameterTable(file).values(sim, columns, set_name, overrides)


def short_parameters(parameters):
    """{A_SN1, A_AGN1, A_SN2, A_AGN2: value} from a mapping of the table's columns."""
    amplitudes = {}
    for short, (name, unit) in SHORT_NAMES.items():
        spelled = next((n for n in spellings(name) if n in parameters), name)
        amplitudes[short] = parameters[spelled] / unit
    return amplitudes


def _read(path):
    """(header, rows) of a table as text; the first line tells the format."""
    with open_input(path, "parameter table") as stream:
        try:
            text = stream.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ParameterTableError(f"{path}: not a text file ({error})") from None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise ParameterTableError(f"{path}: empty, expected a header line")
    if lines[0].lstrip().startswith("#Name") and "," not in lines[0]:
        rows = [line.split() for line in lines]
    else:
        try:
            rows = list(csv.reader(io.StringIO("\n".join(lines))))
        except csv.Error as error:
            raise ParameterTableError(f"{path}: not a CSV table ({error})") from None
        rows = [[cell.strip() for cell in row] for row in rows]
    return rows[0], rows[1:]


@dataclass(frozen=True)
class ParameterInfo:
    """What the info table says of each parameter.

    Attributes
    ----------
    names : tuple of str
        As the parameter tables spell them.
    fiducial, minimum, maximum : (P,) float64, physical units
    log : (P,) bool
        The parameter was varied in its logarithm.
    description : tuple of str
    """

    names: tuple
    fiducial: np.ndarray
    minimum: np.ndarray
    maximum: np.ndarray
    log: np.ndarray
    description: tuple

    def rows_of(self, names):
        """Row of each name, None for what the table does not hold."""
        rows = {}
        for row, name in enumerate(self.names):
            rows |= dict.fromkeys(spellings(name), row)
        return [rows.get(name) for name in names]


def load_info(file=INFO_FILE):
    """The info table: fiducial value, range and log flag of every parameter."""
    return _load_info(str(user_path(file)))


@cache
def _load_info(path):
    try:
        header, rows = read_csv(path)
    except MissingFileError:
        raise MissingTableError(f"info table not found: {path}") from None
    except InputFileError as error:
        raise ParameterTableError(str(error)) from None
    needed = ("ParamName", "LogFlag", "FiducialVal", "MinVal", "MaxVal")
    missing = [name for name in needed if name not in header]
    if missing:
        raise ParameterTableError(f"{path}: no column {', '.join(missing)}; found {header}")
    columns = dict(zip(header, zip(*rows, strict=True), strict=True)) if rows else {}
    if not columns:
        raise ParameterTableError(f"{path}: no rows")
    numbers = {
        key: np.array(
            [_number(f"{path}: data row {row}", key, t) for row, t in enumerate(columns[key])]
        )
        for key in needed[1:]
    }
    return ParameterInfo(
        _spelled_as_tables(path, columns["ParamName"]),
        numbers["FiducialVal"],
        numbers["MinVal"],
        numbers["MaxVal"],
        numbers["LogFlag"] != 0,
        columns.get("Description", ("",) * len(rows)),
    )


def _number(where, column, text):
    value = finite_number(text)
    if value is None:
        raise ParameterTableError(f"{where}: {column} is {shown(text)}, expected a finite number")
    return value


def _spelled_as_tables(path, names):
    """Names of an info table in the spelling of the SB35 tables.

    The 35 rows belong to the 35 columns in order. The one known difference in spelling is taken
    as it is; any other is worth a warning.
    """
    if len(names) != len(SB35):
        return tuple(names)
    for own, table in zip(names, SB35, strict=True):
        if own not in spellings(table):
            warnings.warn(f"{path}: row {own} is taken for column {table}", stacklevel=4)
    return tuple(SB35)


def out_of_range(values, names, info=None):
    """Parameters outside the ranges of the info table, as (name, value, minimum, maximum).

    Names that the info table does not hold have no range.
    """
    info = info or load_info()
    outside = []
    for name, value, row in zip(names, values, _scaled_rows(info, names), strict=True):
        if row is None:
            continue
        row, unit = row
        low, high = info.minimum[row] / unit, info.maximum[row] / unit
        if not low <= value <= high:
            outside.append((name, float(value), float(low), float(high)))
    return outside


def params_normalized(values, names, info=None):
    """Parameters mapped to [0, 1] over their ranges, (P,) float64.

    p' = log10 p where the log flag is set, then (p' - min')/(max' - min').
    """
    info = info or load_info()
    rows = _scaled_rows(info, names)
    unknown = [name for name, row in zip(names, rows, strict=True) if row is None]
    if unknown:
        raise ParameterTableError(f"the info table has no range of {', '.join(unknown)}")
    normalized = np.empty(len(rows))
    for place, (name, value, (row, unit)) in enumerate(zip(names, values, rows, strict=True)):
        numbers = np.array([value, info.minimum[row] / unit, info.maximum[row] / unit])
        if info.log[row]:
            if numbers[0] <= 0:
                raise ParameterTableError(f"{name} is {value:g}, its logarithm needs a value > 0")
            numbers = np.log10(numbers)
        normalized[place] = (numbers[0] - numbers[1]) / (numbers[2] - numbers[1])
    return normalized


def _scaled_rows(info, names):
    """(row of the info table, unit) of each name, None where there is none."""
    sources = [SHORT_NAMES.get(name, (name, 1.0)) for name in names]
    rows = info.rows_of([source for source, _ in sources])
    return [
        None if row is None else (row, unit) for row, (_, unit) in zip(rows, sources, strict=True)
    ]
