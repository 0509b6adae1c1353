"""Rows of a table: read, and turned into a lens, a source and a position."""

import math
import warnings
from pathlib import Path, PurePosixPath

import numpy as np

from simlab.core.config import nearest
from simlab.lensing.clusters import make_cluster, parse_cluster
from simlab.lensing.errors import LensError, LensingWarning, RowsError
from simlab.lensing.files.potentials import load_potential
from simlab.lensing.files.tables import read_table
from simlab.lensing.geometry import distance_ratio
from simlab.lensing.lenses import make_lens
from simlab.lensing.sampled import sampled_lens
from simlab.lensing.settings import MAX_ORDER
from simlab.lensing.sources import make_source, parse_constellation

INPUT_COLUMNS = (
    "index",
    "filename",
    "model",
    "lens",
    "einsteinradius",
    "ellipseratio",
    "orientation",
    "cluster",
    "kappa_s",
    "r_s",
    "shear1",
    "shear2",
    "source",
    "R",
    "phi",
    "sigma",
    "sigma2",
    "theta",
    "n_sersic",
    "luminosity",
    "x",
    "y",
    "nterms",
    "chi_percent",
)
"""Columns of the tables we write, in their order."""

PICTURE_COLUMNS = ("sourcefile", "sourcescale")
"""Further columns where a source is a picture of the user."""

RENAMED = {"einsteinR": "einsteinradius", "ratio": "ellipseratio"}
KNOWN_COLUMNS = (*INPUT_COLUMNS, *PICTURE_COLUMNS, "lightprofile", "chi", *RENAMED)
"""Columns that are read."""
TEXTS = frozenset({"filename", "model", "lens", "cluster", "source", "sourcefile", "lightprofile"})
INTEGERS = frozenset({"index", "nterms"})
FLOATS = frozenset(INPUT_COLUMNS) - TEXTS - INTEGERS | {"sourcescale", "chi"}
DEFAULT_N_SERSIC = 4.0
DEFAULT_LUMINOSITY = 10.0

CLUSTER = "Cluster"
LENSES = ("SIS", "PM", "PointMass", "SIE", "NFW", CLUSTER)
LENS_ALIASES = {"PointMass": "PM"}
SOURCE_ALIASES = {"s": "Spherical", "e": "Ellipsoid", "t": "Triangle"}
SOURCES = ("Spherical", "Ellipsoid", "SersicSphere", "SersicEllipsoid", "Triangle", "Image")
MODELS = ("Raytrace", "Roulette", "RouletteExact")
MAPS = (".npy", ".h5", ".hdf5")
"""Endings of a lens cell that names a map of the potential."""


def read_rows(path, chi_column="ignore", model="Raytrace"):
    """Rows of a CSV file.

    Parameters
    ----------
    path : path
        Columns in any order; unknown ones are kept as text. `einsteinR` is einsteinradius, `ratio`
        ellipseratio; index, filename and model may be missing. A picture without a name is
        image-000001.png, with the number of the row.
    chi_column : {"ignore", "percent", "ratio"}
        How a column `chi` is read; read, it becomes `chi_percent`. Ignored, it stays, with a
        LensingWarning.
    model : str
        Of rows that name none.

    Returns
    -------
    list of dict
        Column -> text, int (index, nterms) or float; "" for an empty cell. What should be a
        number and is none stays text, for `validate_rows` to find.

    Raises
    ------
    RowsError
        No CSV, no rows, a column under two names, or chi beside chi_percent.
    """
    columns, table = read_table(path)
    for old, new in RENAMED.items():
        if old in columns and new in columns:
            raise RowsError(f"{path}: columns {old} and {new} are the same")
    if "chi" in columns:
        _check_chi(path, columns, chi_column)
    return [
        _read_row(cells, number, chi_column, model) for number, cells in enumerate(table, start=1)
    ]


def with_our_names(row):
    """`row` with the columns that have two names under ours; RowsError where both are given."""
    for old, new in RENAMED.items():
        if old in row and new in row:
            raise RowsError(f"{_name(row)}: columns {old} and {new} are the same")
    return {RENAMED.get(column, column): cell for column, cell in row.items()}


def _check_chi(path, columns, chi_column):
    if chi_column == "ignore":
        warnings.warn(
            f"{path}: column chi is ignored, chi_column percent or ratio reads it",
            LensingWarning,
            stacklevel=3,
        )
    elif "chi_percent" in columns:
        raise RowsError(f"{path}: columns chi and chi_percent, only one of them can be honored")


def _read_row(cells, number, chi_column, model):
    row = {} if "index" in cells else {"index": number}
    if "filename" not in cells:
        row["filename"] = ""
    for column, text in cells.items():
        column = RENAMED.get(column, column)
        row[column] = _typed(column, text)
    row["filename"] = row["filename"] or picture_name(number)
    if chi_column != "ignore" and "chi" in row:
        chi = row.pop("chi")
        scale = 100.0 if chi_column == "ratio" and isinstance(chi, float) else 1
        row["chi_percent"] = chi * scale
    return row if row.get("model") else {"model": model} | row | {"model": model}


def picture_name(number):
    """Name of the picture of row `number` (from 1) of a table that gives it none."""
    return f"image-{number:06d}.png"


def finite_row(row):
    """`row` with an empty cell for every number that is not finite.

    Such cells say nothing: a row that needs one cannot be drawn.
    """
    return {
        column: "" if isinstance(cell, float | np.floating) and not math.isfinite(cell) else cell
        for column, cell in row.items()
    }


def _typed(column, text):
    if text == "" or not (column in FLOATS or column in INTEGERS):
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    if column in FLOATS:
        return number
    return int(number) if number.is_integer() else text


def number_of(row, column, default=None):
    """The number in a cell of `row` as float; `default` where it is empty or absent.

    RowsError names row, column and value of anything else, and an empty cell without default.
    """
    cell = row.get(column)
    if cell is None or cell == "":
        if default is None:
            raise RowsError(f"{_name(row)}: {column} is missing")
        return default
    try:
        value = float(cell)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise RowsError(f"{_name(row)}: {column} is {cell!r}, a finite number is expected")
    return value


def _name(row):
    return f"row {row['index']}" if row.get("index") not in (None, "") else "the row"


def text_of(row, column):
    """The text in a cell of `row`, "" where it is absent."""
    cell = row.get(column)
    return "" if cell is None else str(cell).strip()


def chi_of(row, chi_column="ignore"):
    """Ratio of the distances of lens and source of `row`; 1 where it has none.

    A cell `chi_percent` wins over `chi`, which `chi_column` (ignore, percent, ratio) explains.
    """
    columns = ("chi_percent",) if chi_column == "ignore" else ("chi_percent", "chi")
    column = next((name for name in columns if text_of(row, name)), None)
    if column is None:
        return 1.0
    scale = 100 if column == "chi" and chi_column == "ratio" else 1
    return distance_ratio(number_of(row, column) * scale)


def stem_of(row):
    """Name of the pictures of `row`, without extension."""
    name = text_of(row, "filename")
    if not name:
        return PurePosixPath(picture_name(int(number_of(row, "index", 1)))).stem
    return PurePosixPath(name).stem


def id_of(row):
    """Name of a row: the user's own index where that is text, else the stem of its picture."""
    index = text_of(row, "index")
    if index and not index.lstrip("+-").isdecimal():
        return index
    return stem_of(row)


def order_of(row, settings):
    """Order of the roulette series of `row`: its own, else that of the settings.

    RowsError unless it is a whole number 0..200.
    """
    order = number_of(row, "nterms", settings.nterms)
    if not (order == int(order) and 0 <= order <= MAX_ORDER):
        cell = row["nterms"]
        raise RowsError(f"{_name(row)}: nterms is {cell!r}, expected a whole number 0..{MAX_ORDER}")
    return int(order)


def model_of(row):
    """How the picture of `row` is drawn: one of MODELS, Raytrace where it names none.

    RowsError for any other, LensError for RouletteExact of a lens that is no point mass.
    """
    model = text_of(row, "model") or "Raytrace"
    if model not in MODELS:
        raise RowsError(f"{_name(row)}: {_unknown('model', model, MODELS)}")
    if model == "RouletteExact" and lens_kind(row) != "PM":
        raise LensError(f"{_name(row)}: model RouletteExact is for lens PM, not {lens_kind(row)}")
    return model


def eta_of(row):
    """Position of the source, complex, px.

    Without a column y, x is the distance and phi (degrees) the direction.
    """
    x = number_of(row, "x")
    if is_polar(row):
        angle = math.radians(number_of(row, "phi"))
        return complex(x * math.cos(angle), x * math.sin(angle))
    return complex(x, number_of(row, "y"))


def is_polar(row):
    """Whether x and phi of `row` are polar coordinates: there is no column y."""
    return row.get("y") is None and text_of(row, "phi") != ""


def lens_kind(row):
    """Kind of the lens of `row`: SIS, PM, SIE, NFW, Cluster, or the path of a potential."""
    kind = text_of(row, "lens")
    if not kind and text_of(row, "cluster"):
        return CLUSTER
    return LENS_ALIASES.get(kind, kind)


def lens_of(row, *, chi_column="ignore", folder=None, lookup="bilinear"):
    """The angular Lens of `row`.

    Parameters
    ----------
    row : mapping
        Cells that do not apply to the kind of lens are ignored.
    chi_column : {"ignore", "percent", "ratio"}
        Meaning of a cell `chi`.
    folder : path, optional
        That a map of the potential is named relative to.
    lookup : {"bilinear", "nearest"}
        How such a map is looked up.

    Raises
    ------
    RowsError, LensError
        A cell that is missing or has no meaning.
    """
    kind, chi = lens_kind(row), chi_of(row, chi_column)
    if kind == CLUSTER:
        lens = parse_cluster(text_of(row, "cluster"), chi=chi)
    elif kind.lower().endswith(MAPS):
        lens = _potential_lens(row, kind, chi, folder, lookup)
    else:
        lens = _single_lens(row, kind, chi)
    shear = number_of(row, "shear1", 0.0), number_of(row, "shear2", 0.0)
    if shear == (0.0, 0.0):
        return lens
    if lens.members is None:
        raise LensError(f"{_name(row)}: a map of the potential takes no shear beside it")
    return make_cluster([lens, make_lens("Shear", gamma1=shear[0], gamma2=shear[1])])


def _single_lens(row, kind, chi):
    if kind not in LENSES:
        raise LensError(f"{_name(row)}: {_unknown('lens', kind, LENSES)}")
    if kind == "NFW":
        values = {
            "kappa_s": number_of(row, "kappa_s"),
            "scale_radius": number_of(row, "r_s"),
        }
    else:
        values = {"einstein_radius": number_of(row, "einsteinradius")}
    if kind == "SIE":
        values["ratio"] = number_of(row, "ellipseratio")
        values["orientation_deg"] = number_of(row, "orientation", 0.0)
    return make_lens(kind, chi=chi, **values)


def _potential_lens(row, name, chi, folder, lookup):
    if chi != 1:
        raise LensError(f"{_name(row)}: a map of the potential takes no chi, it is angular")
    potential = load_potential(Path(folder or ".") / name)
    return sampled_lens(potential, len(potential), lookup)


def _unknown(what, name, known):
    return f"{what} {name!r} is unknown{nearest(name, known)} (known: {', '.join(known)})"


def is_sersic(row):
    """Whether the source of `row`, no constellation, has a Sersic profile."""
    return text_of(row, "source").startswith("Sersic") or text_of(row, "lightprofile") == "Sersic"


def source_of(row, *, folder=None, settings=None):
    """The Source of `row`.

    Parameters
    ----------
    row : mapping
        Cells that do not apply to the kind of source are ignored; n_sersic and luminosity are
        4 and 10 where they are missing.
    folder : path, optional
        That the picture of an Image source is named relative to.
    settings : SimulationSettings, optional
        Tell axes, b_n and clipping of Sersic profiles, and `compat`.

    Raises
    ------
    RowsError, LensError
        A cell that is missing or has no meaning.
    """
    name = text_of(row, "source")
    compat = settings is not None and settings.compat
    values = {}
    if settings is not None:
        values = {"clip": settings.clip, "sersic_axes": settings.sersic_axes, "bn": settings.bn}
    if "/" in name:
        return parse_constellation(name, compat=compat, folder=folder, **values)
    kind = SOURCE_ALIASES.get(name, name)
    if kind not in SOURCES:
        raise LensError(f"{_name(row)}: {_unknown('source', name, SOURCES)}")
    if text_of(row, "lightprofile"):
        values["profile"] = text_of(row, "lightprofile")
    if kind == "Image":
        values["path"] = Path(folder or ".") / text_of(row, "sourcefile")
        values["scale"] = number_of(row, "sourcescale", 1.0)
    else:
        values["sigma"] = number_of(row, "sigma")
    if kind in ("Ellipsoid", "SersicEllipsoid"):
        values["sigma2"] = number_of(row, "sigma2")
    if kind not in ("Spherical", "SersicSphere"):
        values["theta_deg"] = number_of(row, "theta", 0.0)
    if is_sersic(row):
        values["n_sersic"] = number_of(row, "n_sersic", DEFAULT_N_SERSIC)
        values["luminosity"] = number_of(row, "luminosity", DEFAULT_LUMINOSITY)
    return make_source(kind, **values)
