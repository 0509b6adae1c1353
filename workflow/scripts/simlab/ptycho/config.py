"""Configuration of ptychography: the only home of its defaults, units, ranges and rules."""

import math
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from simlab.core.config import Integer, Name, Number, Section, Seed, complete_params
from simlab.ptycho.kinds import (
    LAYOUT_OPTIONS,
    OBJECT_PARAMS,
    PROBE_PARAMS,
    UNGENERATED_SOURCES,
    largest_buffer,
    parse_transform,
)
from simlab.ptycho.streams import MAX_LEGACY_SEED

COMPLEX_KINDS = (
    "dead_leaves",
    "white_noise",
    "blurred_white_noise",
    "perlin",
    "flat",
    "disk",
    "siemens_star",
    "checkerboard",
)

ObjectKind = Literal[("file", *OBJECT_PARAMS)]
ProbeKind = Literal[("file", *PROBE_PARAMS)]
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


class ObjectConfig(Section):
    """The sample: a built-in kind or a file."""

    kind: ObjectKind = Field("lines", description="Built-in kind, or `file`")
    size: Integer | None = Field(
        None, ge=16, le=65536, description="Side, px; null = int(3.5*N); null for kind: file"
    )
    count: Integer = Field(1, ge=1, description="Independent objects")
    file: str | None = Field(None, description="npz, npy, h5 or cxi path for kind: file")
    key: str = Field("objectGuess", description="Array in the file")
    phase: Literal["zero", "tanh", "tanh_fixed", "source"] | None = Field(
        None, description="Phase rule; null = source for files and complex kinds, else zero"
    )
    params: dict[str, Any] = Field(
        default_factory=dict, validate_default=True, description="Parameters of the kind"
    )
    legacy_seed: Integer | None = Field(
        None,
        ge=0,
        le=MAX_LEGACY_SEED,
        description="Draw from numpy's RandomState(k) as the original tool does",
    )

    @field_validator("kind", mode="before")
    @classmethod
    def _can_be_generated(cls, value):
        if value in UNGENERATED_SOURCES:
            raise ValueError(
                f"data_source {value!r} describes measured data and cannot be generated; "
                "use kind: file"
            )
        return value

    @field_validator("params")
    @classmethod
    def _params_of_kind(cls, value, info):
        kind = info.data.get("kind")
        return complete_params(OBJECT_PARAMS[kind], value) if kind in OBJECT_PARAMS else value

    @model_validator(mode="after")
    def _consistent(self):
        if (self.kind == "file") != (self.file is not None):
            raise ValueError("object.file is needed by kind: file and by no other kind")
        if self.kind == "file":
            if self.size is not None:
                raise ValueError("object.size must be null with kind: file, the file decides")
            if self.params:
                raise ValueError("object.params must be empty with kind: file")
            if self.count != 1:
                raise ValueError("object.count must be 1 with kind: file, the file decides")
        elif self.phase == "source" and self.kind not in COMPLEX_KINDS:
            raise ValueError(
                f"object.phase: source needs kind: file or one of {', '.join(COMPLEX_KINDS)}"
            )
        return self

    @property
    def phase_rule(self):
        """The rule in force: zero, tanh, tanh_fixed or source."""
        if self.phase is not None:
            return self.phase
        return "source" if self.kind == "file" or self.kind in COMPLEX_KINDS else "zero"


class ModesConfig(Section):
    """Mutually incoherent probe modes."""

    count: Integer = Field(1, ge=1, le=64, description="Number of modes")
    powers: list[Number] | None = Field(
        None, description="Relative power of each mode; null = 0.75^k"
    )

    @model_validator(mode="after")
    def _one_power_a_mode(self):
        if self.powers is not None:
            if len(self.powers) != self.count:
                raise ValueError(f"modes.powers has {len(self.powers)} values for {self.count}")
            if min(self.powers) <= 0:
                raise ValueError("modes.powers must all be > 0")
        return self


class ProbeConfig(Section):
    """The illumination: a built-in kind or a file, then transform, mask, scaling, modes."""

    kind: ProbeKind = Field("default", description="Built-in kind, or `file`")
    N: Integer | None = Field(
        None,
        ge=16,
        le=1024,
        description="Side of probe and pattern after the transform, px, even; default 64, "
        "null (the file's) for kind: file",
    )
    source_N: Integer | None = Field(
        None,
        ge=16,
        le=1024,
        description="Side of a generated probe before the transform, px; null = N",
    )
    scale: Number = Field(0.7, gt=0, le=4, description="Scale of the default probe")
    file: str | None = Field(None, description="npz or h5 path for kind: file")
    key: str = Field("probeGuess", description="Array in the file")
    transform: str | None = Field(None, description="Pipeline such as smooth:2|pad:128")
    mask_diameter: Number | None = Field(None, gt=0, description="Circular mask, px; null = none")
    mask_sigma: Number = Field(0.0, ge=0, description="Softness of the mask edge, px; 0 = hard")
    normalization_scale: Number | None = Field(
        None, gt=0, description="probe_scale of the legacy normalization; null = untouched"
    )
    params: dict[str, Any] = Field(
        default_factory=dict, validate_default=True, description="Parameters of the kind"
    )
    modes: ModesConfig = Field(default_factory=ModesConfig)

    @model_validator(mode="before")
    @classmethod
    def _default_side(cls, data):
        if isinstance(data, dict) and "N" not in data and data.get("kind") != "file":
            data = {**data, "N": 64}
        return data

    @field_validator("params")
    @classmethod
    def _params_of_kind(cls, value, info):
        kind = info.data.get("kind")
        return complete_params(PROBE_PARAMS[kind], value) if kind in PROBE_PARAMS else value

    @field_validator("transform")
    @classmethod
    def _parses(cls, value):
        if value is not None:
            parse_transform(value)
        return value

    @field_validator("N", "source_N")
    @classmethod
    def _even(cls, value):
        if value is not None and value % 2:
            raise ValueError("must be even")
        return value

    @model_validator(mode="after")
    def _consistent(self):
        if (self.kind == "file") != (self.file is not None):
            raise ValueError("probe.file is needed by kind: file and by no other kind")
        if self.kind == "file":
            if self.params:
                raise ValueError("probe.params must be empty with kind: file")
            if self.source_N is not None:
                raise ValueError("probe.source_N must be null with kind: file, the file decides")
        elif self.N is None:
            raise ValueError("probe.N is needed by every kind but file")
        else:
            self._check_side(self.source_N or self.N)
            diameter = self.params.get("diameter_px")
            if diameter is not None and diameter > (self.source_N or self.N):
                raise ValueError(
                    f"probe.params.diameter_px ({diameter}) must be <= the side of the probe "
                    f"before its transform ({self.source_N or self.N})"
                )
        if self.mask_sigma > 0 and self.mask_diameter is None:
            raise ValueError("probe.mask_sigma needs probe.mask_diameter")
        return self

    def _check_side(self, source):
        side = self.side_after(source)
        if side != self.N:
            raise ValueError(
                f"probe.transform turns a side of {source} into {side}, but probe.N is {self.N}: "
                "N is the side after the transform (probe.source_N is the one before)"
            )

    def side_after(self, source):
        """Side of the probe after the transform of a probe of side `source`, px."""
        side = source
        for step in parse_transform(self.transform or ""):
            side = step.target(side)
        return side


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
    frames_per_shard: Integer | None = Field(
        None, ge=1, description="Frames of a shard; null = max(1, 2^28 // N^2); never changes one"
    )
    subpixel: Subpixel = Field("bilinear", description="Interpolation at fractional positions")
    fft: Literal["scipy", "fftw"] = Field(
        "scipy", description="fftw: faster, bits may differ between machines"
    )
    backend: Literal["numba", "opencl"] = Field("numba", description="Who computes the frames")

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, data):
        if isinstance(data, dict):
            if "splits" in data:
                if "split" in data:
                    raise ValueError("split and splits are the same key, give one of them")
                data = {("split" if key == "splits" else key): v for key, v in data.items()}
            if data.get("frames_per_shard") == "auto":
                data = {**data, "frames_per_shard": None}
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
