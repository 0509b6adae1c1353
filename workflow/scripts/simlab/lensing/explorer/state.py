"""What the controls of the explorer say, as one immutable value.

A state becomes a row of a table with settings (what the library draws), a configuration, and the
query string of the page's address; rows and query strings become states.
"""

import cmath
import csv
import io
import math
from typing import Literal
from urllib.parse import parse_qsl, urlencode

import yaml
from pydantic import Field

from simlab.core.config import Integer, Number, Section, parse_config
from simlab.lensing.errors import RowsError
from simlab.lensing.rows import (
    CLUSTER,
    INPUT_COLUMNS,
    PICTURE_COLUMNS,
    SOURCE_ALIASES,
    chi_of,
    eta_of,
    lens_kind,
    number_of,
    text_of,
)
from simlab.lensing.settings import SimulationSettings

FILENAME = "explorer.png"
TABLE = "explorer.csv"
ROULETTE = "Roulette"
PROFILED = ("Spherical", "Ellipsoid")
SERSIC_KINDS = {"Spherical": "SersicSphere", "Ellipsoid": "SersicEllipsoid"}
LARGEST_DISTANCE = 100 * math.sqrt(2)


def _slider(default, low, high, step, label, **limits):
    return Field(
        default,
        ge=limits.get("ge", low),
        le=limits.get("le", high),
        description=label,
        json_schema_extra={"low": low, "high": high, "step": step},
    )


class State(Section):
    """All controls but those derived from others.

    Sliders have `low`, `high` and `step` in `json_schema_extra`; descriptions are the labels.
    """

    model: Literal["Raytrace", "Roulette", "RouletteExact"] = Field(
        "Raytrace", description="Simulator model"
    )
    lens: Literal["PointMass", "SIS", "SIE", "NFW", "Cluster"] = Field(
        "PointMass", description="Lens model"
    )
    sampled: bool = Field(False, description="Sampled lens")
    einstein: Number = _slider(20.0, 0, 100, 0.1, "Einstein radius, px")
    ratio: Number = _slider(1.0, 0.01, 1, 0.01, "Ellipse ratio")
    orientation: Number = _slider(45.0, 0, 360, 1, "Lens orientation, degrees")
    kappa_s: Number = _slider(0.2, 0.01, 2, 0.01, "NFW convergence")
    r_s: Number = _slider(50.0, 1, 400, 1, "NFW scale radius, px")
    gamma1: Number = _slider(0.0, -0.5, 0.5, 0.01, "External shear 1")
    gamma2: Number = _slider(0.0, -0.5, 0.5, 0.01, "External shear 2")
    cluster: str = Field(
        "SIS/-30.0/0.0/20.0;SIE/30.0/10.0/15.0/0.6/30.0", description="Members of the cluster"
    )
    nterms: Integer = _slider(16, 1, 50, 1, "Number of terms")
    source: Literal["Spherical", "Ellipsoid", "Triangle", "Image"] = Field(
        "Spherical", description="Source model"
    )
    profile: Literal["Gaussian", "Sersic"] = Field("Sersic", description="Light profile")
    sigma: Number = _slider(20.0, 0.5, 100, 0.5, "Source size, px")
    sigma2: Number = _slider(10.0, 0.5, 100, 0.5, "Secondary size, px")
    rotation: Number = _slider(45.0, 0, 360, 1, "Source rotation, degrees")
    n_sersic: Number = _slider(4.0, 0.5, 10, 0.1, "Sersic index")
    luminosity: Number = _slider(10.0, 0, 100, 0.5, "Luminosity")
    file: str = Field("", description="Picture of the source")
    x: Number = _slider(0.0, -100, 100, 0.01, "x, px", ge=-4096, le=4096)
    y: Number = _slider(0.0, -100, 100, 0.01, "y, px", ge=-4096, le=4096)
    imagesize: Integer = _slider(512, 16, 1024, 1, "Image size, px")
    resolution: Integer = _slider(512, 16, 1024, 1, "Display resolution, px")
    background: Number = _slider(3.0, 0, 255, 1, "Background")
    reflines: bool = Field(True, description="Reference lines")
    critical: bool = Field(False, description="Critical curve and caustic")
    maskmode: bool = Field(False, description="Mask mode: inside the region only")
    mask: bool = Field(False, description="Mask the picture")
    showmask: bool = Field(False, description="Show mask")
    marker: bool = Field(False, description="Centers of light and source")
    join: Literal["none", "images", "components", "secondary"] = Field(
        "none", description="Joined roulette pictures"
    )
    components: Integer = _slider(6, 1, 16, 1, "Components, or image number")
    residual: bool = Field(False, description="Residual: roulette minus ray trace")

    @property
    def eta(self):
        """Position of the source, complex, px."""
        return complex(self.x, self.y)

    @property
    def polar(self):
        """(distance px, direction in degrees 0..360) of the source."""
        return abs(self.eta), math.degrees(cmath.phase(self.eta)) % 360

    def changed(self, **values):
        """The state with other values; ConfigError names those that cannot be used.

        `r` and `theta` (degrees) move the source: they stand for x and y.
        """
        if "r" in values or "theta" in values:
            r, theta = self.polar
            r, theta = values.pop("r", r), values.pop("theta", theta)
            eta = cmath.rect(r, math.radians(theta))
            values = {**values, "x": eta.real, "y": eta.imag}
        return parse_config(State, {**self.model_dump(), **values}, "explorer")

    def applies(self, name):
        """Whether the control `name` has any effect."""
        return _APPLIES.get(name, _always)(self)

    def row(self):
        """The state as a row of a table: column -> text or number, "" where none applies."""
        row = dict.fromkeys(INPUT_COLUMNS, "")
        r, theta = self.polar
        row.update(index=1, filename=FILENAME, model=self.model, nterms=self.nterms)
        row.update(R=r, phi=theta, x=self.x, y=self.y, chi_percent=100.0)
        row["lens"] = {"PointMass": "PM"}.get(self.lens, self.lens)
        lens = {
            "einstein": "einsteinradius",
            "ratio": "ellipseratio",
            "orientation": "orientation",
            "kappa_s": "kappa_s",
            "r_s": "r_s",
            "cluster": "cluster",
        }
        source = {"sigma": "sigma", "sigma2": "sigma2", "rotation": "theta"}
        sersic = {"n_sersic": "n_sersic", "luminosity": "luminosity"}
        for name, column in {**lens, **source, **sersic}.items():
            if self.applies(name):
                row[column] = getattr(self, name)
        if self.gamma1 or self.gamma2:
            row["shear1"], row["shear2"] = self.gamma1, self.gamma2
        row["source"] = self.source_kind
        if self.source == "Image":
            row["sourcefile"], row["sourcescale"] = self.file, 1.0
        return row

    @property
    def source_kind(self):
        """Name of the source in tables."""
        sersic = self.profile == "Sersic"
        return SERSIC_KINDS.get(self.source, self.source) if sersic else self.source

    def settings(self):
        """The SimulationSettings that draw the row as the page shows it."""
        masked = self.mask or (self.maskmode and self.model == ROULETTE)
        return SimulationSettings(
            imagesize=self.imagesize,
            nterms=self.nterms,
            centred=False,
            sampled=self.sampled,
            mask="region" if masked else "none",
            bgcolour=self.background,
        )

    def csv(self):
        """Header and row of a table that `datagen` reads."""
        row = self.row()
        columns = [*INPUT_COLUMNS, *(c for c in PICTURE_COLUMNS if c in row)]
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerow([row[column] for column in columns])
        return text.getvalue()

    def yaml(self):
        """A configuration of the same picture, as text.

        What no configuration can fix - the members of a cluster, the direction of shear - is in the
        table that it names.
        """
        chosen = self.settings().model_dump(
            include={"imagesize", "nterms", "centred", "sampled", "mask", "bgcolour"}
        )
        simulator = {"model": self.model, **chosen}
        if self.lens == CLUSTER or self.gamma1 or self.gamma2:
            config = {"simulator": {**simulator, "parameters": TABLE}}
            return f"# {TABLE}: the row as CSV\n{_yaml_text(config)}"
        row = self.row()
        config = {
            "simulator": {"size": 1, **simulator},
            "lens": {"mode": row["lens"], **_given(row, _LENS_KEYS)},
            "source": {"mode": row["source"], "position": "cartesian", **_given(row, _SOURCE_KEYS)},
            "position": {"x": self.x, "y": self.y},
        }
        return _yaml_text(config)

    def query(self):
        """The whole state as a query string."""
        return urlencode(self.model_dump())

    @classmethod
    def from_query(cls, query):
        """The state of a query string; controls that it leaves out stay at their start."""
        return parse_config(cls, dict(parse_qsl(query.lstrip("?"))), "address of the page")

    def from_row(self, row, folder=None):
        """This state with the lens, source, position and order of a row.

        Parameters
        ----------
        row : mapping
            As of `read_rows`; lengths are divided by its ratio of distances.
        folder : path, optional
            That a picture is named relative to.

        Raises
        ------
        RowsError, ConfigError
            A cell is missing, or the explorer has no control for it.
        """
        chi = chi_of(row)
        if chi != 1 and (lens_kind(row) in (CLUSTER, "NFW")):
            raise RowsError("the explorer loads clusters and NFW lenses with chi = 100 % only")
        eta = eta_of(row)
        values = {"x": eta.real, "y": eta.imag, "model": text_of(row, "model") or "Raytrace"}
        values |= _lens_values(row, chi) | _source_values(row, folder)
        if text_of(row, "nterms"):
            values["nterms"] = int(number_of(row, "nterms"))
        return self.changed(**values)


def _lens_values(row, chi):
    kind = lens_kind(row)
    values = {"lens": {"PM": "PointMass"}.get(kind, kind)}
    for name, column in (("gamma1", "shear1"), ("gamma2", "shear2")):
        values[name] = number_of(row, column, 0.0)
    if kind == CLUSTER:
        values["cluster"] = text_of(row, "cluster")
    elif kind == "NFW":
        values |= {name: number_of(row, name) for name in ("kappa_s", "r_s")}
    else:
        values["einstein"] = number_of(row, "einsteinradius") / chi
    if kind == "SIE":
        values["ratio"] = number_of(row, "ellipseratio")
        values["orientation"] = number_of(row, "orientation", 0.0) % 360
    return values


def _source_values(row, folder):
    name = text_of(row, "source")
    kind = SOURCE_ALIASES.get(name, name)
    profile = "Gaussian"
    for plain, sersic in SERSIC_KINDS.items():
        if kind == sersic:
            kind, profile = plain, "Sersic"
    profile = text_of(row, "lightprofile") or profile
    values = {"source": kind, "profile": profile}
    if kind == "Image":
        values["file"] = str((folder or "") / text_of(row, "sourcefile"))
    else:
        values["sigma"] = number_of(row, "sigma")
    if kind == "Ellipsoid":
        values["sigma2"] = number_of(row, "sigma2")
    if kind != "Spherical":
        values["rotation"] = number_of(row, "theta", 0.0) % 360
    if profile == "Sersic":
        values["n_sersic"] = number_of(row, "n_sersic", 4.0)
        values["luminosity"] = number_of(row, "luminosity", 10.0)
    return values


_LENS_KEYS = {
    "einsteinradius": "einstein",
    "ellipseratio": "ellipseratio",
    "orientation": "orientation",
    "kappa_s": "kappa_s",
    "r_s": "r_s",
}
_SOURCE_KEYS = {
    **{name: name for name in ("sigma", "sigma2", "theta", "n_sersic", "luminosity")},
    "sourcefile": "file",
}


def _given(row, keys):
    return {key: row[column] for column, key in keys.items() if row.get(column, "") != ""}


def _yaml_text(config):
    return yaml.safe_dump(config, sort_keys=False, default_flow_style=None, width=1000)


def _always(state):
    return True


def _is_sersic(state):
    return state.source in PROFILED and state.profile == "Sersic"


_APPLIES = {
    "einstein": lambda s: s.lens in ("PointMass", "SIS", "SIE"),
    "ratio": lambda s: s.lens == "SIE",
    "orientation": lambda s: s.lens == "SIE",
    "kappa_s": lambda s: s.lens == "NFW",
    "r_s": lambda s: s.lens == "NFW",
    "cluster": lambda s: s.lens == CLUSTER,
    "profile": lambda s: s.source in PROFILED,
    "sigma": lambda s: s.source != "Image",
    "sigma2": lambda s: s.source == "Ellipsoid",
    "rotation": lambda s: s.source != "Spherical",
    "n_sersic": _is_sersic,
    "luminosity": _is_sersic,
    "file": lambda s: s.source == "Image",
    "maskmode": lambda s: s.model == ROULETTE,
    "join": lambda s: s.model == ROULETTE,
    "components": lambda s: s.model == ROULETTE and s.join in ("components", "secondary"),
}
"""When a control has an effect; always for those that are not here."""
