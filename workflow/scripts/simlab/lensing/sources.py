"""Background galaxies by name: single ones and constellations.

A source has its center at the origin of its own frame; intensities are gray levels, 0 .. 255; see
`profiles` for the formulas and `source_kinds` for what a source can do.
"""

import math
from pathlib import Path

import numpy as np

from simlab.core.config import nearest
from simlab.lensing.errors import LensError, warn_of_unused
from simlab.lensing.files.pictures import read_picture
from simlab.lensing.profiles import Sersic
from simlab.lensing.source_kinds import (
    Constellation,
    EllipticalSource,
    PictureSource,
    TriangleSource,
)

KINDS = {
    "Spherical": "Spherical",
    "s": "Spherical",
    "Ellipsoid": "Ellipsoid",
    "e": "Ellipsoid",
    "SersicSphere": "SersicSphere",
    "SersicEllipsoid": "SersicEllipsoid",
    "Triangle": "Triangle",
    "t": "Triangle",
    "Image": "Image",
}
"""Names and aliases of sources -> names."""
WITH_SECOND_AXIS = ("Ellipsoid", "SersicEllipsoid")
PROFILES = ("Gaussian", "Sersic")
N_SERSIC, LUMINOSITY = 4.0, 10.0


def make_source(
    kind,
    *,
    sigma=None,
    sigma2=None,
    theta_deg=0.0,
    n_sersic=N_SERSIC,
    luminosity=LUMINOSITY,
    profile=None,
    path=None,
    scale=1.0,
    clip=True,
    sersic_axes="peer",
    bn="linear",
):
    """A source.

    Parameters
    ----------
    kind : str
        Spherical (s), Ellipsoid (e), SersicSphere, SersicEllipsoid, Triangle (t) or Image.
    sigma, sigma2 : float > 0
        Sizes, px; sigma2 for the ellipsoids only. What a kind does not have, sigma2 or the numbers
        of Sersic profiles, is ignored with a LensingWarning.
    theta_deg : float
        Rotation, degrees counter-clockwise; spheres ignore it.
    n_sersic : float > 0
        Index of Sersic profiles.
    luminosity : float >= 0
        Sum of the gray levels of Sersic profiles, in thousands.
    profile : "Gaussian", "Sersic" or None
        In place of the profile that the kind has.
    path : path
        Picture of an Image: gray or color, 8 or 16 bits.
    scale : float > 0
        Pixels of the image plane per pixel of that picture.
    clip : bool
        Whether the cusp of Sersic profiles ends at 255; rasters always do.
    sersic_axes : "peer" or "gaussian"
        Whether sigma2 (as in the original program) or sigma is the Sersic semi-axis along p.
    bn : "linear" or "exact"
        1.992 n - 0.3271, or from the half-light condition.

    Raises
    ------
    LensError
        For a name or a number without meaning.
    RowsError
        For a picture that cannot be read.
    """
    name = KINDS.get(kind)
    if name is None:
        hint = nearest(kind, KINDS)
        raise LensError(f"unknown source {kind!r}{hint} (known: {', '.join(KINDS)})")
    given = {
        "sigma": sigma,
        "sigma2": sigma2,
        "path": path,
        "n_sersic": None if n_sersic == N_SERSIC else n_sersic,
        "luminosity": None if luminosity == LUMINOSITY else luminosity,
    }
    warn_of_unused("source", kind, given, _parameters(name, profile))
    _check(name, "theta_deg", theta_deg)
    if name == "Image":
        if path is None:
            raise LensError("source Image needs the path of a picture")
        _check(name, "scale", scale, above=0)
        picture = np.ascontiguousarray(read_picture(path))
        return PictureSource(path, picture, float(scale), float(theta_deg))
    _check(name, "sigma", sigma, above=0)
    if name == "Triangle":
        return TriangleSource(float(sigma), float(theta_deg))
    if name in WITH_SECOND_AXIS:
        _check(name, "sigma2", sigma2, above=0)
        sigmas = float(sigma), float(sigma2)
    else:
        sigmas, theta_deg = (float(sigma), float(sigma)), 0.0
    if profile is None:
        profile = "Sersic" if name.startswith("Sersic") else "Gaussian"
    _among("profile", profile, PROFILES)
    name = _with_profile(name, profile)
    if profile == "Gaussian":
        return EllipticalSource(name, sigmas, float(theta_deg))
    _check(name, "n_sersic", n_sersic, above=0)
    _check(name, "luminosity", luminosity, least=0)
    _among("sersic_axes", sersic_axes, ("peer", "gaussian"))
    _among("bn", bn, ("linear", "exact"))
    sersic = Sersic(float(n_sersic), float(luminosity), bool(clip), sersic_axes, bn)
    if not sersic.rate > 0:
        raise LensError(
            f"source {name}: n_sersic is {n_sersic}, b_n = 1.992 n - 0.3271 must be above 0"
        )
    return EllipticalSource(name, sigmas, float(theta_deg), sersic)


def _parameters(name, profile):
    """Names of what makes such a source, beside its rotation."""
    if name == "Image":
        return ("path",)
    if name == "Triangle":
        return ("sigma",)
    sizes = ("sigma", "sigma2") if name in WITH_SECOND_AXIS else ("sigma",)
    is_sersic = profile == "Sersic" or (profile is None and name.startswith("Sersic"))
    return (*sizes, "n_sersic", "luminosity") if is_sersic else sizes


def _with_profile(name, profile):
    round_ = name in ("Spherical", "SersicSphere")
    if profile == "Sersic":
        return "SersicSphere" if round_ else "SersicEllipsoid"
    return "Spherical" if round_ else "Ellipsoid"


def _check(name, key, value, above=None, least=None):
    wanted = "a number"
    if above is not None:
        wanted = f"a number above {above}"
    elif least is not None:
        wanted = f"a number of at least {least}"
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    good = math.isfinite(number) and (above is None or number > above)
    if not (good and (least is None or number >= least)):
        raise LensError(f"source {name}: {key} is {value!r}, {wanted} is expected")


def _among(key, value, allowed):
    if value not in allowed:
        raise LensError(f"{key} is {value!r}, expected {' or '.join(allowed)}")


NUMBERS = {
    "Spherical": ("sigma", "sigma2", "theta", "n_sersic", "luminosity"),
    "SersicSphere": ("sigma", "sigma2", "theta", "n_sersic", "luminosity"),
    "Ellipsoid": ("sigma", "sigma2", "theta", "n_sersic", "luminosity"),
    "SersicEllipsoid": ("sigma", "sigma2", "theta", "n_sersic", "luminosity"),
    "Triangle": ("sigma", "theta"),
}
"""Numbers after mode, x and y in the text of a constellation."""
COUNTS = {
    "Spherical": (1, 5),
    "SersicSphere": (5,),
    "Ellipsoid": (3, 5),
    "SersicEllipsoid": (5,),
    "Triangle": (2,),
}
"""How many of them may be given."""


def make_constellation(members, clip=True):
    """Sum of sources.

    Parameters
    ----------
    members : sequence of (Source, complex)
        Sources and the places of their centers, px, y up.
    clip : bool
        Whether the sum ends at 255.
    """
    members = list(members)
    if not members:
        raise LensError("a constellation needs at least one source")
    return Constellation(members, clip)


def parse_constellation(text, compat=False, *, folder=None, **options):
    """The constellation `mode/x/y/...;mode/x/y/...`.

    After x and y (px) come: Spherical sigma; Ellipsoid sigma/sigma2/theta; Triangle sigma/theta;
    SersicSphere sigma///n_sersic/luminosity; SersicEllipsoid sigma/sigma2/theta/n_sersic/luminosity
    (the first two with n_sersic and luminosity given are Sersic profiles); Image file.

    Parameters
    ----------
    text : str
    compat : bool
        Whether y counts downwards, as in the original program.
    folder : path, optional
        That files of pictures are relative to.
    **options
        `clip`, `sersic_axes`, `bn` of `make_source`.

    Raises
    ------
    LensError
        Names the member.
    """
    members = []
    for number, part in enumerate(text.strip().strip(";").split(";"), start=1):
        mode, *fields = (field.strip() for field in part.split("/"))
        try:
            members.append(_member(KINDS.get(mode), mode, fields, compat, folder, options))
        except LensError as error:
            raise LensError(f"source {text!r}, member {number}: {error}") from None
    return make_constellation(members, options.get("clip", True))


def _member(kind, mode, fields, compat, folder, options):
    if kind is None:
        raise LensError(f"unknown source {mode!r}, expected one of {', '.join(KINDS)}")
    if len(fields) < 3:
        raise LensError(f"expected {mode}/x/y/..., got {len(fields)} fields after the mode")
    x, y = (_number(name, field) for name, field in zip("xy", fields[:2], strict=True))
    place = complex(x, -y if compat else y)
    if kind == "Image":
        return make_source(kind, path=Path(folder or ".") / "/".join(fields[2:])), place
    names, given = NUMBERS[kind], fields[2:]
    if len(given) not in COUNTS[kind]:
        counts = " or ".join(map(str, COUNTS[kind]))
        raise LensError(
            f"expected {mode}/x/y/{'/'.join(names)} ({counts} after x, y), got {len(given)}"
        )
    values = {
        name: _number(name, field) for name, field in zip(names, given, strict=False) if field
    }
    if kind not in WITH_SECOND_AXIS:
        values.pop("sigma2", None)
    if "n_sersic" in values:
        values["profile"] = "Sersic"
    if "theta" in values:
        values["theta_deg"] = values.pop("theta")
    return make_source(kind, **values, **options), place


def _number(name, field):
    try:
        value = float(field)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise LensError(f"{name} is {field!r}, a number is expected")
    return value


def format_constellation(source):
    """The text that `parse_constellation` reads as this constellation, y up."""
    return ";".join(_text_of(member, place) for member, place in source.members)


def _text_of(source, place):
    head = f"{source.kind}/{place.real!r}/{place.imag!r}"
    if source.kind == "Image":
        return f"{head}/{source.path}"
    if source.kind == "Triangle":
        return f"{head}/{source.sigma!r}/{source.theta_deg!r}"
    sigma, sigma2 = source.sigmas
    shape = f"{sigma!r}/{sigma2!r}/{source.theta_deg!r}" if source.is_rotated else f"{sigma!r}"
    if source.sersic is None:
        return f"{head}/{shape}"
    shape = shape if source.is_rotated else f"{shape}//"
    return f"{head}/{shape}/{source.sersic.n!r}/{source.sersic.luminosity!r}"
