"""Configuration of ptychography: the only home of its defaults, units, ranges and rules."""

import math
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from simlab.core.config import (
    Integer,
    Name,
    Number,
    Section,
    Seed,
    ShardSize,
    complete_params,
)
from simlab.ptycho.kinds import (
    LAYOUT_OPTIONS,
    largest_buffer,
)
from simlab.ptycho.source_config import ObjectConfig, ProbeConfig
from simlab.ptycho.streams import MAX_LEGACY_SEED

Layout = Literal[tuple(LAYOUT_OPTIONS)]
Measurement = Literal["normalized_amplitude", "count_intensity", "count_amplitude", "intensity"]
Subpixel = Literal["bilinear", "fourier", "nearest"]

SCALE_CONTRACTS = {
    "normalized_amplitude": "legacy_v1",
    "count_intensity": "ci_intensity_v2",
    "count_amplitude": "ca_amplitude_v1",
    "intensity": "ni_intensity_v1",
}
"""`scale_contract_version` that goes with each `measurement_domain`."""


class ScanConfig(Section):
    """Where the probe goes."""

    layout: Layout = Field("uniform_random", description="Pattern of the scan positions")
    n_images: Integer | None = Field(
        None,
        ge=1,
        description="Positions, over all objects; default 2000; null = all of a coordinate file",
    )
    buffer: Number | None = Field(
        None, ge=0, description="Distance kept from the object's edge, px; null = N//2"
    )
    jitter: Number = Field(0.0, ge=0, description="Position error, standard deviation, px")
    order: Literal["object-major", "coordinate-major"] = Field(
        "object-major", description="How frames are dealt to several objects"
    )
    options: dict[str, Any] = Field(
        default_factory=dict, validate_default=True, description="Options of the layout"
    )
    file: str | None = Field(None, description="Coordinate file for layout: file")
    legacy_seed: Integer | None = Field(
        None,
        ge=0,
        le=MAX_LEGACY_SEED,
        description="Draw from numpy's RandomState(k) as the original tool does",
    )

    @model_validator(mode="before")
    @classmethod
    def _default_number(cls, data):
        if isinstance(data, dict) and "n_images" not in data:
            free = data.get("layout") in ("file", "grid_groups")
            data = {**data, "n_images": None if free else 2000}
        return data

    @field_validator("options")
    @classmethod
    def _options_of_layout(cls, value, info):
        layout = info.data.get("layout")
        return complete_params(LAYOUT_OPTIONS[layout], value) if layout else value

    @model_validator(mode="after")
    def _consistent(self):
        if (self.layout == "file") != (self.file is not None):
            raise ValueError("scan.file is needed by layout: file and by no other layout")
        if self.layout == "grid_groups":
            if self.n_images is not None:
                raise ValueError("scan.n_images must be left out with layout: grid_groups")
        elif self.n_images is None and self.layout != "file":
            raise ValueError(f"scan.n_images is needed by layout: {self.layout}")
        return self


class DoseRange(Section):
    """Photons per pattern drawn log-uniformly."""

    range: tuple[Number, Number] = Field(description="[lo, hi] photons per pattern")

    @field_validator("range")
    @classmethod
    def _ordered(cls, value):
        if not 0 < value[0] <= value[1]:
            raise ValueError("needs 0 < lo <= hi")
        return value


Dose = Annotated[
    Annotated[Literal["mean", "per_pattern"], Tag("name")] | Annotated[DoseRange, Tag("draw")],
    Discriminator(lambda value: "draw" if isinstance(value, dict | DoseRange) else "name"),
]


class DetectorConfig(Section):
    """From expected photons to recorded counts."""

    nphotons: Number = Field(1e9, gt=0, description="Mean photons per pattern over the data set")
    dose: Dose = Field("mean", description="mean | per_pattern | {range: [lo, hi]}")
    poisson: bool = Field(True, description="Photon counting noise")
    beamstop_diameter: Number = Field(0.0, ge=0, description="px, 0 = none")
    beamstop_center: Literal["dc", "geometric"] = Field(
        "dc", description="dc = [N//2, N//2]; geometric = (N-1)/2 as the original tool"
    )
    background: Number = Field(0.0, ge=0, description="Expected counts per pixel added")
    gaussian_sigma: Number = Field(0.0, ge=0, description="Read-out noise, counts")
    saturation: Number | None = Field(None, gt=0, description="Largest count; null = none")
    mask_file: str | None = Field(
        None, description="npy, or npz key `mask`; (N,N), 1 = valid, DC at [N//2,N//2]"
    )

    @model_validator(mode="after")
    def _whole_counts(self):
        if self.poisson and self.saturation is not None and self.saturation % 1:
            raise ValueError(
                f"detector.saturation is {self.saturation}, with detector.poisson: true counts "
                "are whole numbers"
            )
        return self


class GroupingConfig(Section):
    """Groups of neighboring frames."""

    gridsize: Integer = Field(2, ge=1, description="Groups have gridsize^2 channels")
    K: Integer = Field(4, ge=1, description="Neighbors to draw from")
    nsamples: Integer | None = Field(None, ge=1, description="Groups; null = one a frame")
    neighbor_pool_size: Integer | None = Field(None, ge=1, description="Pool of oversampling")
    include_seed: bool | None = Field(
        None, description="Seed frame is in its own group; null = true, false with legacy"
    )
    enable_oversampling: bool = Field(False, description="Allow more groups than frames")
    legacy: bool = Field(False, description="RandomState draws and groups as the original tool's")

    @model_validator(mode="after")
    def _enough_neighbors(self):
        channels = self.gridsize**2
        if channels > self.K:
            raise ValueError(f"grouping.K is {self.K}, it must be >= gridsize^2 = {channels}")
        if self.legacy and self.include_seed:
            raise ValueError("grouping.include_seed must be false or null with legacy: true")
        return self


class SplitConfig(Section):
    """Training and test frames on the two sides of a line."""

    axis: Literal["x", "y"] = Field("y", description="Coordinate that is split")
    fraction: Number = Field(0.8, gt=0, lt=1, description="Fraction of the frames for training")
    gap: Number | Literal["auto"] = Field(
        0.0, description="Width of the strip around the line whose frames are excluded, px; auto=N"
    )
    files: bool = Field(False, description="Also write train.npz and test.npz")

    @field_validator("gap")
    @classmethod
    def _not_negative(cls, value):
        if value != "auto" and value < 0:
            raise ValueError("must be >= 0 or auto")
        return value


class OutputConfig(Section):
    """What is written and how; never changes a simulated value."""

    npz: bool = Field(True, description="Also write simulated.npz")
    measurement: Measurement = Field("normalized_amplitude", description="What diff3d holds")
    contract: Literal["legacy", "canonical"] = Field("legacy", description="Key names of the npz")
    store_patches: bool | Literal["auto"] = Field(
        "auto", description="Ground truth per frame; auto = up to 2 GiB"
    )
    compression: Literal["auto", "deflate", "gzip", "lzf", "none"] = Field(
        "auto",
        description="Of frames; auto = lzf for counts in h5, deflate for npz up to "
        "32 MiB, else none",
    )
    counts_dtype: Literal["uint16", "uint32"] = Field("uint32", description="Of count_intensity")
    merge: Literal["auto", "copy", "virtual"] = Field(
        "auto", description="simulated.h5: one file, or virtual datasets over the shards"
    )


class Stage1Config(Section):
    """Object and probe: what a stage-1 file is made from."""

    seed: Seed = Field(42, description="Seed of all random streams of this data set")
    object: ObjectConfig = Field(default_factory=lambda: ObjectConfig())
    probe: ProbeConfig = Field(default_factory=lambda: ProbeConfig.model_validate({}))

    @model_validator(mode="after")
    def _consistent(self):
        problems = self._problems()
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _problems(self):
        side = self.object_side
        if side is not None and side % 2 and self.object.kind in ("grf", "V"):
            return [f"object.size ({side}) must be even for kind: {self.object.kind}"]
        return []

    @property
    def object_side(self):
        """Side of a built-in object, px; None if a file decides."""
        if self.object.kind == "file":
            return None
        if self.object.size is not None or self.probe.N is None:
            return self.object.size
        return int(3.5 * self.probe.N)


class DatasetConfig(Stage1Config):
    """One ptychographic data set."""

    scan: ScanConfig = Field(default_factory=lambda: ScanConfig.model_validate({}))
    detector: DetectorConfig = Field(default_factory=DetectorConfig)
    grouping: GroupingConfig | None = Field(None, description="null: no grouped file")
    split: SplitConfig | None = Field(None, description="null: every frame is train")
    output: OutputConfig = Field(default_factory=OutputConfig)
    frames_per_shard: ShardSize = Field(
        None,
        description="Frames of a shard; null, auto = by target_seconds, at most 2^28 // N^2; "
        "never changes one",
    )
    target_seconds: Number = Field(300, gt=0, description="Length of a job with auto, seconds")
    subpixel: Subpixel = Field("bilinear", description="Interpolation at fractional positions")
    fft: Literal["scipy", "fftw"] = Field(
        "scipy", description="fftw: faster, bits may differ between machines"
    )
    backend: Literal["numba", "opencl"] = Field("numba", description="Who computes the frames")

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, data):
        if isinstance(data, dict) and "splits" in data:
            if "split" in data:
                raise ValueError("split and splits are the same key, give one of them")
            data = {("split" if key == "splits" else key): v for key, v in data.items()}
        return data

    def _problems(self):
        scan, count = self.scan, self.object.count
        problems = super()._problems()
        if scan.n_images is not None:
            if count > scan.n_images:
                problems.append(f"object.count ({count}) exceeds scan.n_images ({scan.n_images})")
            elif scan.order == "coordinate-major" and scan.n_images % count:
                problems.append(
                    f"scan.order: coordinate-major needs scan.n_images ({scan.n_images}) "
                    f"to be a multiple of object.count ({count})"
                )
        if scan.layout == "grid_groups" and count > 1:
            problems.append(f"scan.layout: grid_groups needs object.count 1, it is {count}")
        if self.grouping and self.grouping.legacy and self.seed > MAX_LEGACY_SEED:
            problems.append(
                f"seed ({self.seed}) must be <= {MAX_LEGACY_SEED} with grouping.legacy: true"
            )
        if self.backend == "opencl" and self.fft == "fftw":
            problems.append("fft: fftw has no meaning with backend: opencl")
        side = self.object_side
        if side is not None and self.probe.N is not None:
            problems += geometry_problems(self, (side, side), self.probe.N)
        return problems


def geometry_problems(dataset, shape, side, *, allow_small_object=False):
    """What is wrong with object `shape` (H, W) and probe side N = `side` together, as texts."""
    problems = [] if allow_small_object else small_object(shape, side)
    limit = largest_buffer(shape)
    if dataset.scan.buffer is not None and dataset.scan.buffer > limit:
        problems.append(
            f"scan.buffer is {dataset.scan.buffer:g}, the largest for object {shape} is {limit:g}"
        )
    detector = dataset.detector
    corner = math.hypot(*2 * [side / 2 - 0.5 * (detector.beamstop_center == "geometric")])
    if detector.beamstop_diameter / 2 >= corner:
        problems.append(
            f"detector.beamstop_diameter is {detector.beamstop_diameter:g} px, which hides all "
            f"{side} x {side} pixels of the detector"
        )
    return problems


def small_object(shape, side):
    """[what is wrong] where an object of `shape` (H, W) is smaller than the probe, else []."""
    if min(shape) >= side:
        return []
    return [f"the object {shape} is smaller than the probe {(side, side)}"]


class PtychoConfig(Section):
    """Ptychography data sets by name."""

    datasets: dict[Name, DatasetConfig] = Field(min_length=1, description="Data sets by name")
