"""Configuration of objects and probes, the sources of a simulation; see `config`."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from simlab.core.config import Integer, Number, Section, complete_params
from simlab.ptycho.kinds import (
    OBJECT_PARAMS,
    PROBE_PARAMS,
    UNGENERATED_SOURCES,
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
    scale: Number = Field(
        0.7,
        gt=0,
        le=4,
        description="Of the default probe: its radius is 0.119 N/scale px",
    )
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
