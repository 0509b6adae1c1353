"""Random rows of a data set: every row belongs to the seed and its number, to nothing else."""

import math
import os
from pathlib import Path

import numpy as np

from simlab.core.config import user_path
from simlab.core.random import generator
from simlab.lensing.curves import critical_curve
from simlab.lensing.errors import LensError, LensingConfigError
from simlab.lensing.rows import CLUSTER, INPUT_COLUMNS, PICTURE_COLUMNS, lens_of

DRAWS = (
    "model",
    "lens",
    "einstein",
    "ellipseratio",
    "orientation",
    "chi",
    "shear",
    "shear_angle",
    "source",
    "sigma",
    "sigma2",
    "theta",
    "n_sersic",
    "luminosity",
    "phi",
    "R",
    "x",
    "y",
)
"""What the numbers of the stream `lensing.row` are for, in their order."""

DIGITS = 6
"""Decimals of drawn values."""

REJECTIONS = 1000
SMALLEST_CAUSTIC = 1e-12
"""Area of its box, px², below which a caustic is a point."""
CAUSTIC_VERTICES = 720
POLAR_FACTOR = 2.5
SERSIC = {"Spherical": "SersicSphere", "Ellipsoid": "SersicEllipsoid"}
GAUSSIAN = {sersic: gaussian for gaussian, sersic in SERSIC.items()}
PROFILES = {None: {}, "Sersic": SERSIC, "Gaussian": GAUSSIAN}


def drawn_columns(config):
    """Columns of the rows that `config` draws, in the order of the table."""
    return (*INPUT_COLUMNS, *(PICTURE_COLUMNS if "Image" in config.source.mode else ()))


def draw_rows(config, start=0, stop=None):
    """Rows start..stop-1 (0-based) of a data set.

    Parameters
    ----------
    config : DatasetConfig
        Without `simulator.parameters`.
    start : int
        First row, 0 <= start <= stop.
    stop : int, optional
        Row after the last one, at most size; None = size.

    Returns
    -------
    list of dict
        Column -> text, int or float; "" where a column does not apply. Drawn values are rounded
        to 6 decimals when drawn, and what depends on them is computed from the rounded ones:
        a table that is written and read back makes the same pictures.

    Raises
    ------
    LensingConfigError
        The data set has a table of its own, the range is none of it, or members of a cluster find
        no place.
    """
    if config.size is None:
        raise LensingConfigError("simulator.parameters takes the rows from a table, none is drawn")
    stop = config.size if stop is None else stop
    if not 0 <= start <= stop <= config.size:
        raise LensingConfigError(f"rows {start}:{stop} are not within 0:{config.size}")
    return [_row(config, number) for number in range(start, stop)]


def with_files_relative_to(rows, folder):
    """The rows with the pictures of their sources named relative to `folder`, as tables name them.

    In a configuration they are relative to the working directory.
    """
    return [
        {**row, "sourcefile": os.path.relpath(user_path(row["sourcefile"]), folder)}
        if row.get("sourcefile")
        else row
        for row in rows
    ]


def with_files_published(rows):
    """The rows with the pictures of their sources as published tables name them.

    Absolute ones are named by their name alone, and lie in `plan.picture_folder`.
    """
    return [
        {**row, "sourcefile": Path(row["sourcefile"]).name}
        if row.get("sourcefile") and Path(row["sourcefile"]).is_absolute()
        else row
        for row in rows
    ]


def _row(config, number):
    drawn = dict(zip(DRAWS, _numbers(config, "row", number).random(len(DRAWS)), strict=True))
    row = dict.fromkeys(drawn_columns(config), "")
    row["index"] = number + 1
    row["filename"] = f"image-{number + 1:06d}.png"
    row["model"] = _choice(config.simulator.model, drawn["model"])
    row["nterms"] = config.simulator.nterms
    _draw_lens(row, config, drawn, number)
    _draw_source(row, config.source, drawn)
    _draw_position(row, config, drawn, number)
    return row


def _numbers(config, what, number):
    return generator(config.seed, f"lensing.{what}", number + 1)


def _choice(items, v):
    return items[int(len(items) * v)]


def _value(span, v):
    """A constant as given, or a uniform value, rounded."""
    low, high = span
    return low if low == high else round(float(low + (high - low) * v), DIGITS)


def _draw_lens(row, config, drawn, number):
    lens = config.lens
    row["chi_percent"] = _value(lens.span("chi"), drawn["chi"])
    if config.cluster is not None:
        row["lens"] = CLUSTER
        row["cluster"] = _cluster(config, _numbers(config, "cluster", number), number)
    else:
        kind = row["lens"] = _choice(lens.mode, drawn["lens"])
        if kind == "NFW":
            row["kappa_s"] = _value(lens.span("kappa_s"), drawn["ellipseratio"])
            row["r_s"] = _value(lens.span("r_s"), drawn["einstein"])
        else:
            row["einsteinradius"] = _value(lens.span("einstein"), drawn["einstein"])
        if kind == "SIE":
            row["ellipseratio"] = _value(lens.span("ellipseratio"), drawn["ellipseratio"])
            row["orientation"] = _value(lens.span("orientation"), drawn["orientation"])
    if lens.is_given("shear"):
        magnitude = _value(lens.span("shear"), drawn["shear"])
        angle = math.radians(_value((0.0, 360.0), drawn["shear_angle"]))
        row["shear1"] = round(magnitude * math.cos(angle), DIGITS)
        row["shear2"] = round(magnitude * math.sin(angle), DIGITS)


def _cluster(config, numbers, number):
    """Text of a cluster; a member too close to an earlier one is drawn again."""
    low, high = config.cluster.count_span
    count = low + int(numbers.random() * (high - low + 1))
    members, rejected = [], 0
    while len(members) < count:
        member = _member(config, numbers.random(6))
        if any(_too_close(member, other, config.cluster.mindistance) for other in members):
            rejected += 1
            if rejected == REJECTIONS:
                raise LensingConfigError(
                    f"row {number + 1}: no place for member {len(members) + 1} of the cluster in "
                    f"{REJECTIONS} tries, reduce cluster.mindistance or cluster.count"
                )
            continue
        members.append(member)
        rejected = 0
    return ";".join("/".join([m[0], *map(repr, m[1:])]) for m in members)


def _member(config, drawn):
    """(kind, x, y, g[, f, orientation]) from six numbers."""
    lens = config.lens
    kind = _choice(lens.mode, drawn[0])
    g = _value(lens.span("einstein"), drawn[1])
    radius = round(float(config.cluster.maxrelativelocation * g * drawn[4]), DIGITS)
    x, y = _cartesian(radius, _value((0.0, 360.0), drawn[5]))
    if kind != "SIE":
        return kind, x, y, g
    ratio = _value(lens.span("ellipseratio"), drawn[2])
    return kind, x, y, g, ratio, _value(lens.span("orientation"), drawn[3])


def _too_close(member, other, mindistance):
    distance = math.hypot(member[1] - other[1], member[2] - other[2])
    return distance < mindistance * (member[3] + other[3])


def _cartesian(radius, degrees):
    angle = math.radians(degrees)
    return round(radius * math.cos(angle), DIGITS), round(radius * math.sin(angle), DIGITS)


def _draw_source(row, source, drawn):
    kind = _choice(source.mode, drawn["source"])
    kind = row["source"] = PROFILES[source.lightprofile].get(kind, kind)
    if kind == "Image":
        row["sourcefile"], row["sourcescale"] = source.file, source.scale
    elif "/" not in kind:
        row["sigma"] = _value(source.span("sigma"), drawn["sigma"])
    if kind in ("Ellipsoid", "SersicEllipsoid"):
        row["sigma2"] = _value(source.span("sigma2"), drawn["sigma2"])
    if kind in ("Ellipsoid", "SersicEllipsoid", "Triangle", "Image"):
        row["theta"] = _value(source.span("theta"), drawn["theta"])
    if kind.startswith("Sersic"):
        row["n_sersic"] = _value(source.span("n_sersic"), drawn["n_sersic"])
        row["luminosity"] = _luminosity(source, drawn["luminosity"])


def _luminosity(source, v):
    """Uniform, or with a density that falls as exp(-lambda) from the lower to the upper bound."""
    low, high = source.span("luminosity")
    if source.luminosity_distribution != "exponential" or low == high:
        return _value((low, high), v)
    rate = source.luminosity_lambda
    fraction = -math.log(1 - v * (1 - math.exp(-rate))) / rate
    return round(low + (high - low) * fraction, DIGITS)


def _draw_position(row, config, drawn, number):
    position, mode = config.position, config.source.position
    if mode == "caustic":
        x, y = _inside_caustic(row, config, number)
    elif mode == "cartesian":
        x, y = (_value(position.span(axis), drawn[axis]) for axis in "xy")
    else:
        phi = _value(position.span("phi"), drawn["phi"])
        low, high = _distances(row, position, mode, phi)
        radius = _radius(low, high, drawn["R"], position.radial)
        x, y = _cartesian(radius, phi)
    if mode in ("caustic", "cartesian"):
        radius = round(math.hypot(x, y), DIGITS)
        phi = round(math.degrees(math.atan2(y, x)) % 360, DIGITS)
    row.update(R=radius, phi=phi, x=x, y=y)


def _radius(low, high, v, radial):
    if radial == "area" and low != high:
        return round(math.sqrt(low * low + (high * high - low * low) * v), DIGITS)
    return _value((low, high), v)


def _distances(row, position, mode, phi):
    """Bounds of the distance of the source from the origin, px."""
    if mode == "polar":
        if position.r is not None:
            return position.r, position.r
        low = position.r_min
        low = _einstein_radius(row) if low is None else low
        return low, POLAR_FACTOR * low if position.r_max is None else position.r_max
    low = 1.0 if position.r_min is None else position.r_min
    radius = _einstein_radius(row)
    if mode == "critical" and row["lens"] == "SIE":
        radius *= _critical_factor(row["ellipseratio"], math.radians(phi - row["orientation"]))
    return low, position.r_relativemax * radius


def _einstein_radius(row):
    """Angular Einstein radius of a row; of a cluster the largest |z_i| + g_i."""
    chi = row["chi_percent"] / 100
    if row["lens"] != CLUSTER:
        return row["einsteinradius"] / chi
    members = (member.split("/") for member in row["cluster"].split(";"))
    return max(math.hypot(float(m[1]), float(m[2])) + float(m[3]) for m in members) / chi


def _critical_factor(f, angle):
    """Critical radius of a SIE over its Einstein radius, at `angle` (rad) from its orientation."""
    return math.sqrt(f) / math.hypot(math.cos(angle), f * math.sin(angle))


def _inside_caustic(row, config, number):
    """A point of the (scaled) tangential caustic, by rejection from its bounding box."""
    polygon = _tangential_caustic(lens_of(row))
    center = polygon.mean()
    polygon = center + config.position.caustic_scale * (polygon - center)
    corner = complex(polygon.real.min(), polygon.imag.min())
    width, height = np.ptp(polygon.real), np.ptp(polygon.imag)
    numbers = _numbers(config, "caustic", number)
    for _ in range(REJECTIONS):
        v, w = numbers.random(2)
        point = corner + complex(width * v, height * w)
        if width * height > SMALLEST_CAUSTIC and _contains(polygon, point):
            return round(float(point.real), DIGITS), round(float(point.imag), DIGITS)
    raise LensingConfigError(
        f"row {number + 1}: the caustic is {width:.2g} x {height:.2g} px, no source lies inside"
    )


def _tangential_caustic(lens):
    """Vertices (complex) of the caustic that belongs to the widest critical curve."""
    curve, caustic = critical_curve(lens, CAUSTIC_VERTICES)
    if isinstance(curve, list):
        if not curve:
            raise LensError(f"{lens.kind} has no critical curve, and no caustic to draw from")
        widest = max(range(len(curve)), key=lambda k: np.ptp(curve[k].real) * np.ptp(curve[k].imag))
        return np.asarray(caustic[widest])
    return np.asarray(caustic)


def _contains(polygon, point):
    """Whether a point lies inside a closed polygon (even-odd rule)."""
    x, y = polygon.real - point.real, polygon.imag - point.imag
    xn, yn = np.roll(x, -1), np.roll(y, -1)
    crosses = (y > 0) != (yn > 0)
    x, y, xn, yn = x[crosses], y[crosses], xn[crosses], yn[crosses]
    return bool(np.count_nonzero(x - y * (xn - x) / (yn - y) > 0) % 2)
