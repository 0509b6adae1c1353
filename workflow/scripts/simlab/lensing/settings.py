"""Settings of a simulation: how one row becomes pictures and amplitudes."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from simlab.core.config import Integer, Number, Section, Seed, parse_config

MAX_ORDER = 200
ROULETTE_MODELS = frozenset({"Roulette", "RouletteExact", "RouletteRegenerator"})
"""Models whose pictures are masked unless something else is asked for."""


def _reference(value):
    if isinstance(value, str) and "," in value:
        return [part.strip() for part in value.split(",")]
    if isinstance(value, complex):
        return [value.real, value.imag]
    return "centre" if value == "center" else value


Reference = Annotated[
    Literal["centre", "apparent"] | tuple[Number, Number], BeforeValidator(_reference)
]
"""Where the amplitudes are evaluated: the center of light, the apparent position, or a point."""


class Observation(Section):
    """What a telescope adds to a picture; all off by default."""

    psf_fwhm: Number = Field(0.0, ge=0, description="Width of the Gaussian PSF at half maximum, px")
    sky: Number = Field(0.0, ge=0, description="Sky level, gray levels")
    gain: Number | None = Field(
        None, gt=0, description="Photons per gray level of the Poisson noise; null = no such noise"
    )
    read_noise: Number = Field(0.0, ge=0, description="Standard deviation, gray levels")
    centre_on: Literal["noiseless", "observed"] = Field(
        "noiseless", description="Picture whose center of light is measured"
    )

    @property
    def is_off(self):
        """Whether pictures stay as they are."""
        return not (self.psf_fwhm or self.sky or self.gain or self.read_noise)


class PictureKeys(Section):
    """The keys that `simulator` and the settings of the Python API share."""

    compat: bool = Field(
        False,
        description="Pictures as the original program draws them: floor sampling, raster "
        "sources, warped centering, no mask, uint8",
    )
    nterms: Integer = Field(5, ge=0, le=MAX_ORDER, description="Order of the roulette expansion")
    imagesize: Integer = Field(512, ge=16, le=4096, description="Side of the simulated picture, px")
    cropsize: Integer | None = Field(
        None, ge=16, le=4096, description="Side of the delivered picture, px; null = not cropped"
    )
    centred: bool = Field(True, description="Move the center of light to the origin")
    reference: Reference = Field(
        "apparent", description="Point of the amplitudes, px: centre, apparent or [x, y]"
    )
    sampled: bool = Field(False, description="Sample the potential on the pixel grid")
    sampling: Literal["analytic", "bilinear", "floor"] | None = Field(
        None,
        validate_default=True,
        description="How the source is looked up; null = analytic (floor with compat)",
    )
    supersample: Integer = Field(1, ge=1, le=31, description="Sub-points along a pixel, odd")
    solver: Literal["exact", "peer"] = Field(
        "exact", description="Apparent position: exact, or stopped as in the original program"
    )
    mask: Literal["none", "disc", "region"] | None = Field(
        None,
        description="Where pictures are drawn; null = region for the Roulette models, none for "
        "ray-traced pictures and with compat",
    )
    maskscale: Number = Field(0.9, gt=0, description="Factor to the size of the masked region")
    maskradius: Number | None = Field(
        None,
        gt=0,
        description="Radius of a disc in place of the region, wherever a mask is drawn (not with "
        "mask: none), px",
    )
    min_convergence: Number = Field(
        5.0, ge=0, description="Rows that converge in a smaller radius are excluded, px"
    )
    chi_column: Literal["ignore", "percent", "ratio"] = Field(
        "ignore", description="How a column `chi` of a file of others is read"
    )
    quantum: Number = Field(
        1 / 1024,
        ge=0,
        description="Stored values are multiples of it, gray levels; 0 = as they are",
    )
    dtype: Literal["float32", "uint8"] | None = Field(
        None,
        validate_default=True,
        description="Of stored pictures; null = float32 (uint8 with compat)",
    )
    bgcolour: Number = Field(0.0, ge=0, le=255, description="Smallest value of a picture")
    amplitude_units: Literal["angular", "lens"] = Field(
        "angular", description="Of stored amplitudes and points, where chi is not 100 %"
    )
    apparent_at: Literal["origin", "xi"] = Field(
        "origin", description="Where the source of the extra picture `apparent` is drawn"
    )
    pixel_scale_arcsec: Number = Field(0.04, gt=0, description="Noted in files: arcsec per pixel")
    sersic_axes: Literal["peer", "gaussian"] = Field(
        "peer",
        description="Axes of Sersic ellipses: sigma2 along theta as in the original program, or "
        "sigma along theta as for Gaussian ones",
    )
    bn: Literal["linear", "exact"] = Field(
        "linear", description="Sersic's b_n: 1.992 n - 0.3271, or from the half-light condition"
    )
    clip: bool = Field(True, description="Sersic cusps end at gray level 255")
    backend: Literal["numba", "opencl"] = Field("numba", description="Who computes")

    @field_validator("sampling", mode="before")
    @classmethod
    def _sampled(cls, value, info):
        return _under_compat(value, info, "floor", "analytic")

    @field_validator("dtype", mode="before")
    @classmethod
    def _stored(cls, value, info):
        return _under_compat(value, info, "uint8", "float32")

    @field_validator("supersample")
    @classmethod
    def _odd(cls, value):
        if value % 2 == 0:
            raise ValueError("an odd number is expected, so that a sub-point is the pixel's own")
        return value

    @field_validator("backend")
    @classmethod
    def _drawn(cls, value, info):
        if value == "opencl" and info.data.get("compat"):
            raise ValueError("opencl draws no compat pictures")
        return value

    def mask_of(self, model):
        """The mask, "none", "disc" or "region", of pictures drawn by `model`."""
        if self.mask is not None:
            return self.mask
        return "region" if model in ROULETTE_MODELS and not self.compat else "none"

    def mask_radius_of(self, model):
        """Radius of the disc that stands in for the region of that mask, px; None without one."""
        return None if self.mask_of(model) == "none" else self.maskradius

    @property
    def side(self):
        """Side of the delivered picture, px."""
        return min(self.imagesize, self.cropsize or self.imagesize)

    @property
    def doubts(self):
        """What probably is not meant, in sentences."""
        if self.cropsize and self.cropsize > self.imagesize:
            return (
                f"cropsize {self.cropsize} is larger than imagesize {self.imagesize}: nothing is "
                f"cut, pictures have {self.imagesize} px",
            )
        return ()

    @property
    def lookup(self):
        """How sampled lenses are looked up: "bilinear", or "nearest" with compat."""
        return "nearest" if self.compat else "bilinear"


def _under_compat(value, info, compatible, default):
    compat = info.data.get("compat", False)
    if value is None:
        return compatible if compat else default
    if compat and value != compatible:
        raise ValueError(f"compat: true goes with {compatible} only")
    return value


class SimulationSettings(PictureKeys):
    """All that the simulation of a row depends on, beside the row."""

    observation: Observation = Field(Observation(), description="Effects of the telescope")
    seed: Seed = Field(0, description="Seed of the noise")


def as_settings(settings=None):
    """`settings` (SimulationSettings, a mapping of its keys, or None) as SimulationSettings.

    ConfigError lists every key that is unknown or has a value that cannot be used.
    """
    if isinstance(settings, SimulationSettings):
        return settings
    if settings is not None and not isinstance(settings, Mapping):
        raise TypeError(f"settings are a mapping of keys, not {type(settings).__name__}")
    return parse_config(SimulationSettings, dict(settings or {}), "settings")
