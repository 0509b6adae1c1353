"""What is wrong with the rows of a table, before any of them is drawn."""

import math
import warnings
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from simlab.core.config import nearest
from simlab.core.errors import SimlabError
from simlab.lensing.doubts import column_doubts, lens_doubts, source_doubts
from simlab.lensing.errors import LensingWarning, RowsError
from simlab.lensing.rows import (
    CLUSTER,
    LENSES,
    MAPS,
    MODELS,
    SOURCE_ALIASES,
    SOURCES,
    id_of,
    is_polar,
    is_sersic,
    lens_kind,
    lens_of,
    picture_name,
    source_of,
    stem_of,
    text_of,
)
from simlab.lensing.settings import MAX_ORDER, as_settings

MIN_N_SERSIC = 0.3
SHOWN = 60
MAX_FILENAME = 200
"""Bytes of a picture's name; file names end at 255, and ours add to it."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a cell, or with a column that rows need.

    Attributes
    ----------
    rows : tuple of int
        Numbers of the rows, from 1.
    column : str
    text : str
        The problem in one line, without the file.
    where : str
        The file, "" if there is none.
    """

    rows: tuple
    column: str
    text: str
    where: str = ""

    def __str__(self):
        return f"{self.where}: {self.text}" if self.where else self.text


@dataclass(frozen=True)
class _Finding:
    row: int
    column: str
    cell: object
    expected: str
    said: str = ""


def validate_rows(rows, *, where="", folder=None, settings=None, with_lens=True):
    """All problems of a table.

    Parameters
    ----------
    rows : list of mappings
        As of `rows.read_rows` or `parameters.draw_rows`.
    where : str or path
        File that the messages name.
    folder : path, optional
        That files named in the rows are relative to.
    settings : SimulationSettings or mapping, optional
        How the rows would be drawn.
    with_lens : bool
        False for rows that are drawn from amplitudes alone: lens, model, position and the names of
        columns are not looked at.

    Returns
    -------
    list of Problem
        In the order of the rows, missing columns first; empty if all rows can be drawn. What can
        be drawn but probably is not meant (a source outside the picture, a ring that leaves it,
        lengths below 1 px, a ratio in place of percent, n_sersic < 0.3, misspelled columns, a crop
        larger than the picture) is a LensingWarning, one a kind.
    """
    settings = as_settings(settings)
    if not rows:
        return [Problem((), "", "no rows", str(where))]
    columns = {column: None for row in rows for column in row} if with_lens else ()
    findings, doubts = [], defaultdict(list)
    names, ids, checked_pictures = {}, {}, {}
    for number, row in enumerate(rows, start=1):
        check = _RowCheck(row, number, folder, settings, checked_pictures)
        check.texts()
        check.filename(names)
        check.identifier(ids)
        if with_lens:
            check.lens_and_position()
        check.source()
        findings += check.findings
        for doubt in check.doubts:
            doubts[doubt].append(number)
    prefix = f"{where}: " if where else ""
    looks = column_doubts(columns)
    meant = {column: known for column, (known, _) in looks.items()}
    for doubt in (*settings.doubts, *(said for _, said in looks.values())):
        warnings.warn(f"{prefix}{doubt}", LensingWarning, stacklevel=2)
    for doubt, numbers in doubts.items():
        rows_text = f"row {numbers[0]}" if len(numbers) == 1 else f"{len(numbers)} rows"
        first = "" if len(numbers) == 1 else f", first row {numbers[0]}"
        warnings.warn(f"{prefix}{rows_text}: {doubt}{first}", LensingWarning, stacklevel=2)
    return [*_bad_columns(columns, str(where)), *_problems(findings, str(where), meant)]


def require_no_problems(problems, where):
    """RowsError with a line for every problem (Problem or text) of the table `where`."""
    if problems:
        count = f"{len(problems)} problem" + ("s" if len(problems) > 1 else "")
        raise RowsError("\n".join([f"{where}: {count}", *(f"  {p}" for p in problems)]))


def _bad_columns(columns, where):
    """Problems of names that no dataset of a shard can have."""
    expected = "expected a name without / and NUL, other than ."
    return [
        Problem((), column, f"column {_shown(column)}: {expected}", where)
        for column in columns
        if "/" in column or "\0" in column or column == "."
    ]


def _problems(findings, where, meant):
    missing, problems = defaultdict(list), []
    for finding in findings:
        if finding.cell is None:
            missing[finding.column].append(finding.row)
            continue
        shown = "is empty" if finding.cell == "" else f"is {_shown(finding.cell)}"
        text = f"row {finding.row}: {finding.column} {shown}, expected {finding.expected}"
        if finding.said:
            text = f"row {finding.row}: {finding.column}: {finding.said}"
        problems.append(Problem((finding.row,), finding.column, text, where))
    instead = {column: f" (did you mean {_shown(name)}?)" for name, column in meant.items()}
    columns = [
        Problem(
            tuple(rows),
            column,
            f"no column {column}, row {rows[0]} needs it{instead.get(column, '')}",
            where,
        )
        for column, rows in missing.items()
    ]
    return columns + problems


def _shown(cell):
    text = repr(cell)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


class _RowCheck:
    """Collects what is wrong with one row."""

    def __init__(self, row, number, folder, settings, checked_pictures):
        self.row, self.number, self.folder, self.settings = row, number, folder, settings
        self._checked_pictures = checked_pictures
        self.findings, self.doubts = [], []

    def _finding(self, column, expected, said=""):
        cell = self.row.get(column)
        self.findings.append(_Finding(self.number, column, cell, expected, said))

    def _number(self, column, expected="a finite number", fits=None, required=True):
        """The number in a cell, None if it has none or one that does not fit."""
        cell = self.row.get(column)
        if cell is None or cell == "":
            if required:
                self._finding(column, expected)
            return None
        try:
            value = float(cell)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value) or (fits is not None and not fits(value)):
            self._finding(column, expected)
            return None
        return value

    def _positive(self, column, required=True):
        return self._number(column, "a number above 0", lambda value: value > 0, required)

    def _name(self, column, known, aliases=()):
        name = text_of(self.row, column)
        if name in known or name in aliases:
            return True
        hint = nearest(name, known) if name else ""
        self._finding(column, f"{', '.join(known)}{hint}")
        return False

    def _is_good(self, *columns):
        return not any(finding.column in columns for finding in self.findings)

    def filename(self, names):
        name = text_of(self.row, "filename") or picture_name(self.number)
        if Path(name).name != name or "\\" in name or name.startswith("."):
            self._finding("filename", "a name without folders")
        elif "\0" not in name and (
            not name.isprintable() or len(name.encode()) > MAX_FILENAME
        ):  # texts with NUL are found for every column
            self._finding("filename", f"at most {MAX_FILENAME} bytes of printed characters")
        stem = stem_of({"filename": name})
        if stem in names:
            self._finding("filename", f"another name than that of row {names[stem]}")
        names.setdefault(stem, self.number)

    def texts(self):
        """Files hold no NUL in texts."""
        for column, cell in self.row.items():
            if isinstance(cell, str) and "\0" in cell:
                self._finding(column, "a text without NUL")

    def identifier(self, ids):
        """A text index names its row, as the file names of the others do."""
        if not text_of(self.row, "filename") or not self._is_good("filename"):
            return
        name = id_of(self.row)
        if name in ids:
            self._finding("index", f"another name than that of row {ids[name]}")
        ids.setdefault(name, self.number)

    def lens_and_position(self):
        before = len(self.findings)
        if text_of(self.row, "model"):  # left out, it is Raytrace
            self._name("model", MODELS)
        self._number(
            "nterms",
            f"a whole number 0..{MAX_ORDER}",
            lambda value: value.is_integer() and 0 <= value <= MAX_ORDER,
            required=False,
        )
        self._positive("chi_percent", required=False)
        if self.settings.chi_column != "ignore":
            self._positive("chi", required=False)
        for column in ("shear1", "shear2"):
            self._number(column, required=False)
        self._lens()
        if text_of(self.row, "model") == "RouletteExact" and lens_kind(self.row) != "PM":
            self._finding("model", "lens PM with it")
        self._number("x")
        self._number("phi" if is_polar(self.row) else "y")
        if len(self.findings) == before:
            self.doubts += lens_doubts(self.row, self.settings)

    def _lens(self):
        kind = lens_kind(self.row)
        if kind == CLUSTER or kind.lower().endswith(MAPS):
            column = "cluster" if kind == CLUSTER else "lens"
            if not text_of(self.row, column):
                self._finding(column, "the members of the cluster")
            elif self._is_good("chi_percent", "chi", "shear1", "shear2"):
                self._constructed(column, lens_of, chi_column=self.settings.chi_column)
            return
        if not self._name("lens", LENSES):
            return
        if kind == "NFW":
            self._positive("kappa_s")
            self._positive("r_s")
            return
        self._positive("einsteinradius")
        if kind == "SIE":
            self._number("ellipseratio", "a number above 0 and up to 1", lambda f: 0 < f <= 1)
            self._number("orientation", required=False)

    def _constructed(self, column, make, **options):
        try:
            make(self.row, folder=self.folder, **options)
        except SimlabError as error:
            self._finding(column, "", " ".join(str(error).split()))

    def source(self):
        name = text_of(self.row, "source")
        if "/" in name:
            self._constructed("source", source_of, settings=self.settings)
            return
        if not self._name("source", SOURCES, SOURCE_ALIASES):
            return
        kind = SOURCE_ALIASES.get(name, name)
        profile = text_of(self.row, "lightprofile")
        if profile not in ("", "Gaussian", "Sersic"):
            self._finding("lightprofile", "Gaussian or Sersic")
        if kind != "Image" and self._positive("sigma") is not None:
            self.doubts += source_doubts(self.row)
        if kind in ("Ellipsoid", "SersicEllipsoid"):
            self._positive("sigma2")
        if kind not in ("Spherical", "SersicSphere"):
            self._number("theta", required=False)
        if kind == "Image":
            self._picture()
        if is_sersic(self.row):
            index = self._positive("n_sersic", required=False)
            if index is not None and index < MIN_N_SERSIC:
                self.doubts.append(f"n_sersic is below {MIN_N_SERSIC}")
                self._constructed("n_sersic", source_of, settings=self.settings)
            self._number("luminosity", "a number >= 0", lambda value: value >= 0, required=False)

    def _picture(self):
        self._positive("sourcescale", required=False)
        name = text_of(self.row, "sourcefile")
        if not name:
            self._finding("sourcefile", "the name of a picture")
        elif self._is_good("sourcescale", "theta"):
            key = name, text_of(self.row, "sourcescale")
            if key not in self._checked_pictures:
                before = len(self.findings)
                self._constructed("sourcefile", self._fitting_picture)
                self._checked_pictures[key] = [f.said for f in self.findings[before:]]
            else:
                for said in self._checked_pictures[key]:
                    self._finding("sourcefile", "", said)

    def _fitting_picture(self, row, folder):
        source_of(row, folder=folder).check_size(self.settings.imagesize)
