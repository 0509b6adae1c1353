"""Sections of the configuration that say what is drawn for every row: lens, source, position."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from simlab.core.config import Integer, Number, Section, nearest

LENSES = ("SIS", "SIE", "PM", "NFW")
MODELS = ("Raytrace", "Roulette", "RouletteExact")
SOURCES = (
    "Spherical",
    "Ellipsoid",
    "SersicSphere",
    "SersicEllipsoid",
    "Triangle",
    "Image",
)
SHORT_NAMES = {"s": "Spherical", "e": "Ellipsoid", "t": "Triangle", "PointMass": "PM"}
BOUNDS = ("", "-min", "-max")


def _listed(value):
    return [value] if isinstance(value, str) else value


def _checked(known):
    def check(value):
        value = SHORT_NAMES.get(value, value)
        if value not in known and not (known is SOURCES and "/" in value):
            raise ValueError(f"expected {', '.join(known)}{nearest(value, known)}")
        return value

    return AfterValidator(check)


def some_of(known):
    """Type of a key that takes one of the `known` names, or a list of them."""
    names = Annotated[str, _checked(known)]
    return Annotated[tuple[names, ...], BeforeValidator(_listed), AfterValidator(_filled)]


def _filled(value):
    if not value:
        raise ValueError("at least one name is needed")
    return value


class Ranges(Section):
    """A section whose quantities are constants, `name`, or ranges, `name-min` and `name-max`."""

    ranges: ClassVar[tuple] = ()
    renamed: ClassVar[dict] = {}
    """Other spellings of the quantities and keys."""
    open_ended: ClassVar[tuple] = ()
    """Quantities one of whose bounds may be missing."""

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, data):
        if not isinstance(data, dict):
            return data
        spelled = {}
        for key, value in data.items():
            known = cls._canonical(key)
            if known in spelled:
                raise ValueError(f"{known} is given twice, as {spelled[known][0]} and {key}")
            spelled[known] = key, value
        data = {key: value for key, (_, value) in spelled.items()}
        for name in cls.ranges:
            if data.get(name) is None:
                continue
            for bound in BOUNDS[1:]:
                if data.setdefault(name + bound, None) is not None:
                    raise ValueError(f"{name} is a constant, {name}{bound} cannot stand beside it")
        return data

    @classmethod
    def _canonical(cls, key):
        key = str(key)
        fields = {name: field.alias or name for name, field in cls.model_fields.items()}
        key = fields.get(key, key)
        if key in cls.renamed:
            return cls.renamed[key]
        for bound in BOUNDS[1:]:
            stem = key.removesuffix(bound)
            if stem == key:
                stem = key.removesuffix(bound.replace("-", "_"))
            if stem != key and stem in cls.renamed:
                return cls.renamed[stem] + bound
        return key

    @model_validator(mode="after")
    def _ordered(self):
        for name in self.ranges:
            low, high = self._bounds(name)
            if (low is None) != (high is None) and name not in self.open_ended:
                given, missing = BOUNDS[1:] if high is None else BOUNDS[:0:-1]
                raise ValueError(f"{name}{given} needs {name}{missing} beside it")
            if low is not None and high is not None and low > high:
                raise ValueError(f"{name}-min ({low:g}) is above {name}-max ({high:g})")
        return self

    def _bounds(self, name):
        field = name.replace("-", "_")
        return getattr(self, f"{field}_min"), getattr(self, f"{field}_max")

    def is_given(self, name):
        """Whether quantity `name` has a constant or a bound."""
        return self.constant(name) is not None or self._bounds(name) != (None, None)

    def constant(self, name):
        """The constant of quantity `name`, or None where it is drawn or absent."""
        return getattr(self, name.replace("-", "_"))

    def span(self, name):
        """(lowest, highest) value of quantity `name`; None where it is absent."""
        constant = self.constant(name)
        if constant is not None:
            return constant, constant
        bounds = self._bounds(name)
        return None if bounds == (None, None) else bounds


def _bound(name, bound, default, unit, **limits):
    which = {"": "Constant value", "-min": "Smallest value", "-max": "Largest value"}[bound]
    return Field(default, alias=name + bound, description=f"{which} of {unit}", **limits)


Drawn = Number | None


class LensSection(Ranges):
    """Lenses of the rows, or members of their clusters."""

    ranges: ClassVar[tuple] = (
        "einstein",
        "ellipseratio",
        "orientation",
        "chi",
        "shear",
        "kappa_s",
        "r_s",
    )
    renamed: ClassVar[dict] = {
        "modes": "mode",
        "einsteinradius": "einstein",
        "einstein_radius": "einstein",
        "ratio": "ellipseratio",
    }

    mode: some_of(LENSES) = Field(("SIS",), description="SIS, SIE, PM, NFW, or a list of them")
    einstein: Drawn = _bound("einstein", "", None, "the Einstein radius, px", gt=0)
    einstein_min: Drawn = _bound("einstein", "-min", 10.0, "the Einstein radius, px", gt=0)
    einstein_max: Drawn = _bound("einstein", "-max", 50.0, "the Einstein radius, px", gt=0)
    ellipseratio: Drawn = _bound("ellipseratio", "", None, "the axis ratio of a SIE", gt=0, le=1)
    ellipseratio_min: Drawn = _bound(
        "ellipseratio", "-min", None, "the axis ratio of a SIE", gt=0, le=1
    )
    ellipseratio_max: Drawn = _bound(
        "ellipseratio", "-max", None, "the axis ratio of a SIE", gt=0, le=1
    )
    orientation: Drawn = _bound("orientation", "", None, "the orientation of a SIE, degrees")
    orientation_min: Drawn = _bound(
        "orientation", "-min", None, "the orientation of a SIE, degrees"
    )
    orientation_max: Drawn = _bound(
        "orientation", "-max", None, "the orientation of a SIE, degrees"
    )
    chi: Drawn = _bound("chi", "", 100.0, "the ratio of distances, percent", gt=0)
    chi_min: Drawn = _bound("chi", "-min", None, "the ratio of distances, percent", gt=0)
    chi_max: Drawn = _bound("chi", "-max", None, "the ratio of distances, percent", gt=0)
    shear: Drawn = _bound("shear", "", None, "the magnitude of external shear", ge=0)
    shear_min: Drawn = _bound("shear", "-min", None, "the magnitude of external shear", ge=0)
    shear_max: Drawn = _bound("shear", "-max", None, "the magnitude of external shear", ge=0)
    kappa_s: Drawn = _bound("kappa_s", "", None, "the convergence scale of a NFW lens", gt=0)
    kappa_s_min: Drawn = _bound(
        "kappa_s", "-min", None, "the convergence scale of a NFW lens", gt=0
    )
    kappa_s_max: Drawn = _bound(
        "kappa_s", "-max", None, "the convergence scale of a NFW lens", gt=0
    )
    r_s: Drawn = _bound("r_s", "", None, "the scale radius of a NFW lens, px", gt=0)
    r_s_min: Drawn = _bound("r_s", "-min", None, "the scale radius of a NFW lens, px", gt=0)
    r_s_max: Drawn = _bound("r_s", "-max", None, "the scale radius of a NFW lens, px", gt=0)

    @model_validator(mode="before")
    @classmethod
    def _drawn_chi(cls, data):
        if isinstance(data, dict) and any(key in data for key in _spellings("chi")):
            return {"chi": None, **data}
        return data

    @model_validator(mode="after")
    def _complete(self):
        needed = {"SIE": ("ellipseratio", "orientation"), "NFW": ("kappa_s", "r_s")}
        missing = [
            f"{kind} needs {name}, or {name}-min and {name}-max"
            for kind, names in needed.items()
            if kind in self.mode
            for name in names
            if not self.is_given(name)
        ]
        if missing:
            raise ValueError("; ".join(missing))
        return self


def _spellings(name):
    return [name + bound for bound in ("-min", "-max", "_min", "_max")]


class ClusterSection(Section):
    """Clusters of lenses in place of single ones."""

    count: Integer | tuple[Integer, Integer] = Field(description="Number of members, or [min, max]")
    maxrelativelocation: Number = Field(
        1.2, ge=0, description="Largest distance of a member, in units of its Einstein radius"
    )
    mindistance: Number = Field(
        0.0, ge=0, description="Smallest distance of two members, in units of their radii's sum"
    )

    @model_validator(mode="after")
    def _several(self):
        low, high = self.count_span
        if low < 2:
            raise ValueError("count: a cluster has 2 members or more")
        if low > high:
            raise ValueError(f"count: [{low}, {high}] needs min <= max")
        return self

    @property
    def count_span(self):
        """(fewest, most) members."""
        return self.count if isinstance(self.count, tuple) else (self.count, self.count)


class SourceSection(Ranges):
    """Sources of the rows."""

    ranges: ClassVar[tuple] = ("sigma", "sigma2", "theta", "n_sersic", "luminosity")
    renamed: ClassVar[dict] = {
        "modes": "mode",
        "luminosity_distribution": "luminosity-distribution",
        "luminosity_lambda": "luminosity-lambda",
    }

    mode: some_of(SOURCES) = Field(
        ("Ellipsoid",),
        description="Spherical, Ellipsoid, SersicSphere, SersicEllipsoid, Triangle, Image, the "
        "text of a constellation, or a list of them",
    )
    lightprofile: Literal["Gaussian", "Sersic"] | None = Field(
        None, description="Profile in place of the one that the mode names"
    )
    sigma: Drawn = _bound("sigma", "", None, "the size, px", gt=0)
    sigma_min: Drawn = _bound("sigma", "-min", 1.0, "the size, px", gt=0)
    sigma_max: Drawn = _bound("sigma", "-max", 60.0, "the size, px", gt=0)
    sigma2: Drawn = _bound("sigma2", "", None, "the second size of ellipses, px", gt=0)
    sigma2_min: Drawn = _bound("sigma2", "-min", 1.0, "the second size of ellipses, px", gt=0)
    sigma2_max: Drawn = _bound("sigma2", "-max", 40.0, "the second size of ellipses, px", gt=0)
    theta: Drawn = _bound("theta", "", None, "the rotation, degrees")
    theta_min: Drawn = _bound("theta", "-min", 0.0, "the rotation, degrees")
    theta_max: Drawn = _bound("theta", "-max", 180.0, "the rotation, degrees")
    n_sersic: Drawn = _bound("n_sersic", "", None, "the Sersic index", gt=0)
    n_sersic_min: Drawn = _bound("n_sersic", "-min", 1.0, "the Sersic index", gt=0)
    n_sersic_max: Drawn = _bound("n_sersic", "-max", 5.0, "the Sersic index", gt=0)
    luminosity: Drawn = _bound("luminosity", "", None, "the flux, 1000 gray levels px²", ge=0)
    luminosity_min: Drawn = _bound(
        "luminosity", "-min", 1.0, "the flux, 1000 gray levels px²", ge=0
    )
    luminosity_max: Drawn = _bound(
        "luminosity", "-max", 20.0, "the flux, 1000 gray levels px²", ge=0
    )
    luminosity_lambda: Number = Field(
        2.0, alias="luminosity-lambda", gt=0, description="Rate of the exponential distribution"
    )
    luminosity_distribution: Literal["uniform", "exponential", "peer-exponential"] = Field(
        "uniform",
        alias="luminosity-distribution",
        description="uniform, or exponential, cut off at the bounds; peer-exponential is the "
        "original program's, which is uniform",
    )
    position: Literal["cartesian", "polar", "relative", "critical", "caustic"] = Field(
        "cartesian", description="How the position is drawn"
    )
    file: str | None = Field(None, description="Picture of the sources of mode Image")
    scale: Number = Field(1.0, gt=0, description="Factor to the size of that picture")

    @model_validator(mode="after")
    def _picture(self):
        if ("Image" in self.mode) != (self.file is not None):
            raise ValueError("file is needed for mode Image, and for no other mode")
        return self


class PositionSection(Ranges):
    """Where the sources are; x to the right and y up from the center of the picture."""

    ranges: ClassVar[tuple] = ("x", "y", "phi", "r")
    open_ended: ClassVar[tuple] = ("r",)
    renamed: ClassVar[dict] = {"r_relativemax": "r-relativemax", "caustic_scale": "caustic-scale"}

    @model_validator(mode="before")
    @classmethod
    def _without_mode(cls, data):
        if isinstance(data, dict) and "mode" in data:
            raise ValueError(
                f"mode is the key source.position: write position: {data['mode']} in source"
            )
        return data

    x: Drawn = _bound("x", "", None, "x, px")
    x_min: Drawn = _bound("x", "-min", -100.0, "x, px")
    x_max: Drawn = _bound("x", "-max", 100.0, "x, px")
    y: Drawn = _bound("y", "", None, "y, px")
    y_min: Drawn = _bound("y", "-min", -100.0, "y, px")
    y_max: Drawn = _bound("y", "-max", 100.0, "y, px")
    phi: Drawn = _bound("phi", "", None, "the direction, degrees")
    phi_min: Drawn = _bound("phi", "-min", 0.0, "the direction, degrees")
    phi_max: Drawn = _bound("phi", "-max", 360.0, "the direction, degrees")
    r: Drawn = _bound("r", "", None, "the distance (polar), px", ge=0)
    r_min: Drawn = Field(
        None,
        alias="r-min",
        ge=0,
        description="Smallest distance, px; null = the Einstein radius (polar), 1 (relative)",
    )
    r_max: Drawn = Field(
        None, alias="r-max", ge=0, description="Largest distance, px; null = 2.5 r-min (polar)"
    )
    r_relativemax: Number = Field(
        1.2,
        alias="r-relativemax",
        gt=0,
        description="Largest distance, in Einstein radii (relative) or critical radii (critical)",
    )
    radial: Literal["uniform", "area"] = Field(
        "uniform", description="What is uniform: the distance, or the area"
    )
    caustic_scale: Number = Field(
        1.0, alias="caustic-scale", gt=0, description="Factor to the caustic's size (caustic)"
    )
