"""Names and parameters of the built-in objects, probes, layouts and probe transforms."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from simlab.core.config import Integer, Number, Section, nearest
from simlab.core.errors import ConfigError

UNGENERATED_SOURCES = ("experimental", "xpp", "generic")


class Lines(Section):
    """Random straight lines, blurred at three scales."""

    nlines: Integer = Field(400, ge=1, description="Lines drawn on a canvas of twice the size")


class Grf(Section):
    """Random field with a power-law spectrum and normal magnitudes (the original tool's)."""

    index: Number = Field(-0.4, description="Exponent of the power spectrum")
    sigma: Number = Field(1.0, ge=0, description="Blur at the end, px")


class GrfExact(Section):
    """White Gaussian noise filtered by k^(index/2): a true Gaussian random field."""

    index: Number = Field(-0.4, description="Exponent of the power spectrum")
    sigma: Number = Field(1.0, ge=0, description="Blur at the end, px")


class Points(Section):
    """Random points, blurred at two scales."""

    fraction: Number = Field(0.1, gt=0, description="Points drawn per pixel of the object")


class Diagonals(Section):
    """Random columns, rows and diagonals, blurred at two scales."""

    num: Integer = Field(40, ge=1, description="Columns, rows and diagonals drawn, each")
    sigma: Number = Field(0.75, gt=0, description="Fine blur, px; the coarse one is 10 times it")


class Letters(Section):
    """Scattered glyphs of many sizes."""

    text: str = Field("V", min_length=1, max_length=8, description="Glyphs of the sprite")
    repetitions: Integer = Field(1000, ge=1, description="Sprites added to the canvas")


class PhotographTile(Section):
    """One tile of a photograph."""

    image: str = Field(description="Grayscale image, any format OpenCV reads")
    crop_top: Integer = Field(
        0, ge=0, description="Rows dropped at the top, px; the original tool: 100"
    )


class DeadLeaves(Section):
    """Occluding opaque shapes with a power-law size distribution."""

    rmin_fraction: Number = Field(0.03, gt=0, le=1, description="Smallest radius / size")
    rmax_fraction: Number = Field(0.2, gt=0, le=1, description="Largest radius / size")
    leaves: Integer = Field(500, ge=1, description="Leaves drawn")


class WhiteNoise(Section):
    """Independent uniform pixels."""


class BlurredWhiteNoise(Section):
    """Uniform pixels blurred by a Gaussian of random width."""

    sigma: tuple[Number, Number] = Field((1.0, 3.0), description="Range of the width, px")

    @field_validator("sigma")
    @classmethod
    def _ordered(cls, value):
        if not 0 < value[0] <= value[1]:
            raise ValueError("needs 0 < lo <= hi")
        return value


class Perlin(Section):
    """Gradient noise summed over octaves."""


class Flat(Section):
    """O = 1 everywhere."""


class Disk(Section):
    """A disk on a ground of 1."""

    radius: Number | None = Field(None, gt=0, description="Radius of the disk, px; null = size/4")
    value: Number = Field(0.5, description="Transmission of the disk")


class TwoValues(Section):
    """Two complex values by amplitude and phase."""

    amplitude: tuple[Number, Number] = Field((1.0, 0.5), description="Of first and second value")
    phase: tuple[Number, Number] = Field((0.0, -0.7), description="Of both, radians")


class SiemensStar(TwoValues):
    """Alternating sectors."""

    spokes: Integer = Field(36, ge=1, description="Sectors in half a turn; even = no seam")


class Checkerboard(TwoValues):
    """Alternating squares."""

    period: Integer = Field(16, ge=1, description="Side of a square, px")


OBJECT_PARAMS = {
    "lines": Lines,
    "grf": Grf,
    "grf_exact": GrfExact,
    "points": Points,
    "diagonals": Diagonals,
    "V": Letters,
    "testimg": PhotographTile,
    "testimg_reverse": PhotographTile,
    "dead_leaves": DeadLeaves,
    "white_noise": WhiteNoise,
    "blurred_white_noise": BlurredWhiteNoise,
    "perlin": Perlin,
    "flat": Flat,
    "disk": Disk,
    "siemens_star": SiemensStar,
    "checkerboard": Checkerboard,
}


class DefaultProbe(Section):
    """The smoothed disk of `get_default_probe`."""


class GaussianProbe(Section):
    """Gaussian amplitude, optionally with a curved wave front."""

    sigma_px: Number | None = Field(
        None, gt=0, description="Standard deviation of the amplitude, px; null = N/8"
    )
    defocus: Number = Field(0.0, description="Quadratic phase at r = sigma_px, radians")


class FzpProbe(Section):
    """Fresnel zone plate with central stop; null = drawn uniformly from the range given."""

    diameter_um: Number | None = Field(None, gt=0, description="Outer diameter, um; null: 150..180")
    outermost_zone_nm: Number | None = Field(
        None, gt=0, description="Width of the outermost zone, nm; null: 30..50"
    )
    stop_fraction: Number | None = Field(
        None, ge=0, lt=1, description="Central stop / diameter; null: 0.1..0.2"
    )
    wavelength_nm: Number | None = Field(None, gt=0, description="Wavelength, nm; null: 0.13..0.15")
    defocus_um: Number | None = Field(
        None, description="Sample behind the focus, um; null: 50..400"
    )
    detector_distance_m: Number = Field(1.9, gt=0, description="Sample to detector, m")
    detector_pixel_um: Number = Field(75.0, gt=0, description="Side of a detector pixel, um")


class ZernikeProbe(Section):
    """Random Zernike aberrations on a disk under a Gaussian envelope."""

    diameter_px: Integer | None = Field(
        None, ge=4, description="Diameter of the disk, px; null: 10..24"
    )
    max_order: Integer = Field(10, ge=0, le=30, description="Largest radial order n")


PROBE_PARAMS = {
    "default": DefaultProbe,
    "gaussian": GaussianProbe,
    "fzp": FzpProbe,
    "zernike": ZernikeProbe,
}


class NoOptions(Section):
    """A layout without options."""


class RasterOptions(Section):
    """Row by row, or column by column."""

    transpose: bool = Field(False, description="Column by column (y fast)")


class FixedPitchOptions(RasterOptions):
    """A raster whose pitch is given."""

    pitch: Number | None = Field(
        None, gt=0, description="Distance of rows and columns, px; null = outer_offset/2"
    )
    outer_offset: Number = Field(8.0, gt=0, description="Twice the pitch, px")


class JitteredGridOptions(Section):
    """Grid nodes with uniform jitter."""

    round: Integer | None = Field(
        None, ge=0, le=12, description="Decimals kept (the original tool: 2)"
    )


class FullFrameOptions(Section):
    """A grid over the whole object."""

    overlap: Number | None = Field(
        None, ge=0, lt=1, description="Linear overlap of neighbors; null = from n_images"
    )


class SpiralOptions(Section):
    """Fermat spiral."""

    spacing: Number | None = Field(
        None, gt=0, description="c of r = c sqrt(k), px; null = fills the object"
    )


class GridGroupOptions(Section):
    """Legacy grid mode."""

    gridsize: Integer = Field(2, ge=1, le=16, description="Groups have gridsize^2 patches")
    offset: Integer = Field(4, ge=1, description="Distance of patches in a group, px")
    outer_offset: Integer = Field(8, ge=2, description="Twice the distance of groups, px")


LAYOUT_OPTIONS = {
    "uniform_random": NoOptions,
    "raster": RasterOptions,
    "fixed_pitch_raster": FixedPitchOptions,
    "jittered_grid": JitteredGridOptions,
    "full_frame": FullFrameOptions,
    "spiral": SpiralOptions,
    "grid_groups": GridGroupOptions,
    "file": NoOptions,
}


class TransformStep(Section):
    """One step of a probe transform."""

    op: Literal["smooth", "pad", "pad_preserve", "interp", "pad_extrapolate", "crop"]
    value: Number = Field(gt=0, description="Width in px for smooth, else the side in px")

    @model_validator(mode="after")
    def _whole_side(self):
        if self.op != "smooth" and self.value != int(self.value):
            raise ValueError(f"{self.op} needs a whole number of pixels")
        return self

    def target(self, side):
        """Side after this step of a probe of `side` px; ConfigError where it cannot be."""
        if self.op == "smooth":
            return side
        after = int(self.value)
        if self.op.startswith("pad") and after < side:
            raise ConfigError(f"transform {self.op}:{after}: smaller than the probe's side {side}")
        if self.op == "crop" and after > side:
            raise ConfigError(f"transform crop:{after}: larger than the probe's side {side}")
        return after


def parse_transform(text):
    """Steps of a pipeline text `op:value|op:value...`; ConfigError for anything else."""
    steps = []
    ops = TransformStep.model_fields["op"].annotation.__args__
    for part in text.split("|") if text.strip() else []:
        op, _, value = part.strip().partition(":")
        if op not in ops:
            raise ConfigError(
                f"transform step {part!r}: unknown operation{nearest(op, ops)} "
                f"(known: {', '.join(ops)})"
            )
        try:
            steps.append(TransformStep(op=op, value=value))
        except ValueError:
            raise ConfigError(
                f"transform step {part!r}: {op} needs a number > 0"
                + ("" if op == "smooth" else ", whole pixels")
            ) from None
    return steps


def largest_buffer(shape):
    """Largest usable scan buffer for an object of `shape` (..., H, W): min(H, W)/2 - 1, px."""
    return min(shape[-2:]) / 2 - 1
