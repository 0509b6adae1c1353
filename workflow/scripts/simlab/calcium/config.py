"""Configuration of calcium movies: its defaults, units, ranges and rules."""

import functools
import json
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, WrapValidator, field_validator, model_validator

from simlab.calcium.points import expand, without_advice
from simlab.calcium.presets import REGIONS, SCOPES, build_spec
from simlab.calcium.spec import AnyStep, CellActivity, NeuronPopulation, Sensor, Spec
from simlab.core.config import (
    Integer,
    Name,
    Number,
    Section,
    Seed,
    parse_config,
    user_path,
)
from simlab.core.errors import ConfigError, InputFileError
from simlab.core.files import open_input
from simlab.core.splits import without_aliases
from simlab.core.yaml_files import UNREADABLE, load_yaml

FOURCC = 4
PARTS = 1e-9
"""How far the fractions of the splits may add up to something else than 1."""


def read_mapping(path):
    """Content of a JSON or YAML file that holds a mapping.

    InputFileError names the file, and line and column of a syntax error.
    """
    with open_input(path) as stream:
        return parse_mapping(stream.read(), str(path))


def parse_mapping(text, where):
    """The same of a text (str or bytes); `where` is how messages name it."""
    try:
        content = load_yaml(text)
    except UNREADABLE as error:
        raise InputFileError(f"{where}: {_syntax(error)}") from None
    if not isinstance(content, dict):
        raise InputFileError(f"{where}: a mapping is expected, found {_kind(content)}")
    return content


def _syntax(error):
    if isinstance(error, json.JSONDecodeError):
        return f"line {error.lineno}, column {error.colno}: not JSON ({error.msg})"
    mark = getattr(error, "problem_mark", None)
    what = " ".join(str(getattr(error, "problem", None) or error).split())
    if mark is None:
        return f"not JSON or YAML ({what})"
    return f"line {mark.line + 1}, column {mark.column + 1}: not JSON or YAML ({what})"


def _kind(content):
    return "nothing" if content is None else f"{type(content).__name__} {str(content)[:40]!r}"


def load_spec(path):
    """The Spec of a JSON or YAML file; every problem is named with file and field."""
    return parse_config(Spec, read_mapping(path), str(path))


def one_line(error):
    """A ConfigError of several lines ("where: 2 problems", one a line) as one line."""
    head, *lines = str(error).splitlines()
    if not lines:
        return head
    return f"{head.rsplit(':', 1)[0]}: " + "; ".join(line.strip() for line in lines)


def _base_spec(value, validate):
    """`value`, or what the file holds that it names, as Spec; advice is left to the jobs."""
    with without_advice():
        if not isinstance(value, str):
            return validate(value)
        try:
            return load_spec(user_path(value))
        except ConfigError as error:
            raise ValueError(one_line(error)) from None


BaseSpec = Annotated[Spec, WrapValidator(_base_spec, json_schema_input_type=Spec | str)]


ExtraStep = Annotated[
    Annotated[AnyStep, Tag("step")] | Annotated[str, Tag("kind")],
    Discriminator(lambda value: "step"),
]
"""A step; text, its kind, has become one before, so that problems are told once."""


class Preset(Section):
    """A recording named by its microscope and its brain region; `build_spec` makes it."""

    scope: Literal[tuple(SCOPES)] = Field(description="Microscope")
    region: Literal[tuple(REGIONS)] = Field(description="Brain region")
    duration_s: Number = Field(150.0, gt=0, description="Length, s")
    fps: Number = Field(20.0, gt=0, description="Frames per second, Hz")
    seed: Integer = Field(0, ge=0, description="Seed of the recording")
    populations: list[NeuronPopulation] | None = Field(
        None, description="In place of the region's cells"
    )
    activity: CellActivity | None = Field(None, description="In place of the default activity")
    sensor: Sensor | None = Field(None, description="In place of the microscope's sensor step")
    extra_steps: list[ExtraStep] = Field(
        [], description="More steps: kinds, or mappings with `kind` and keys as in `spec.steps`"
    )
    include_neuropil: bool = Field(True, description="Neuropil of the region")
    include_vasculature: bool = Field(True, description="Blood vessels of the region")
    include_scope_fields: bool = Field(True, description="Illumination, vignette and leakage")
    save_intermediates: bool = Field(False, description="Keep the movie after each step")

    @field_validator("extra_steps", mode="before")
    @classmethod
    def _kinds(cls, value):
        if not isinstance(value, list):
            return value
        return [{"kind": step} if isinstance(step, str) else step for step in value]

    @field_validator("activity", "sensor", mode="before")
    @classmethod
    def _with_kind(cls, value, info):
        kind = {"activity": "cell_activity", "sensor": "sensor"}[info.field_name]
        return {"kind": kind, **value} if isinstance(value, dict) else value

    def spec(self):
        """The Spec; ValidationError where the parts do not fit."""
        arguments = {key: getattr(self, key) for key in type(self).model_fields}
        scope, region = SCOPES[arguments.pop("scope")](), REGIONS[arguments.pop("region")]()
        return build_spec(scope, region, **arguments)


class Sweep(Section):
    """Recordings that differ along axes; an axis is a path into the base recording."""

    mode: Literal["product", "zip", "sample"] = Field(
        "product", description="Every combination; lists in parallel; n random points"
    )
    axes: dict[str, Any] = Field(
        description="path: [values]; for `sample` also {uniform: [lo, hi]}, {log_uniform: "
        "[lo, hi]}, {integers: [lo, hi]}"
    )
    n: Integer | None = Field(None, ge=1, description="Points of `sample`")

    @field_validator("axes")
    @classmethod
    def _lists(cls, axes, info):
        drawn = info.data.get("mode") == "sample"
        for path, values in axes.items():
            if not isinstance(values, list) and not (drawn and isinstance(values, dict)):
                raise ValueError(f"{path}: a list of values is expected, not {values!r}")
        return axes

    @model_validator(mode="after")
    def _number(self):
        if (self.n is not None) != (self.mode == "sample"):
            raise ValueError("n is needed for mode sample, and for no other mode")
        return self


class VideoOptions(Section):
    """How videos are written."""

    codec: str = Field("Y800", description="FourCC; Y800 is lossless, MJPG is not")
    fps: Number | None = Field(None, gt=0, description="Frames per second; null = the recording's")
    vmin: Number = Field(0.0, description="Value shown black")
    vmax: Number | None = Field(None, description="Value shown white; null = the largest count")

    @field_validator("codec")
    @classmethod
    def _four(cls, codec):
        if len(codec) != FOURCC:
            raise ValueError("a codec has 4 characters, as Y800 or MJPG")
        return codec

    @model_validator(mode="after")
    def _span(self):
        if self.vmax is not None and self.vmax < self.vmin:
            raise ValueError(f"vmax {self.vmax:g} is below vmin {self.vmin:g}")
        return self


class Splits(Section):
    """Fractions of the recordings for training, validation and testing; they add up to 1."""

    train: Number = Field(0.7, ge=0, description="For training")
    val: Number = Field(0.15, ge=0, description="For validation")
    test: Number = Field(0.15, ge=0, description="For testing")
    by: Literal["recording", "scene"] = Field(
        "recording", description="What is dealt; a scene is all recordings of one `seed`"
    )

    @model_validator(mode="before")
    @classmethod
    def _validation(cls, data):
        return without_aliases(data)

    @model_validator(mode="after")
    def _whole(self):
        total = self.train + self.val + self.test
        if abs(total - 1) > PARTS:
            raise ValueError(f"train + val + test is {total:g}, expected 1")
        return self


class Training(Section):
    """Patches of the recordings, as pairs for training."""

    patch: Integer | None = Field(128, ge=8, description="Side, px; null = whole frames")
    frames: Integer = Field(16, ge=1, description="Frames of a sample")
    samples_per_recording: Integer = Field(64, ge=1, description="Samples cut from a recording")
    samples_per_shard: Integer = Field(256, ge=1, description="Samples of a file")
    clean: bool = Field(True, description="Also the movie before digitization")


class CalciumDataset(Section):
    """One data set of calcium movies: a base recording, and what varies."""

    seed: Seed = Field(
        0, description="Seed of replicates, sampled sweeps and the order of training samples"
    )
    spec: BaseSpec | None = Field(
        None, description="The base recording: a mapping, or the path of a JSON or YAML file"
    )
    preset: Preset | None = Field(None, description="The base recording by microscope and region")
    set: dict[str, Any] = Field({}, description="path: value; changes of the base recording")
    sweep: Sweep | None = Field(None, description="One recording per point")
    replicates: Integer = Field(1, ge=1, description="Recordings per point, with drawn seeds")
    recordings: bool = Field(True, description="Make recordings/")
    video: bool = Field(False, description="Make videos/")
    video_options: VideoOptions = Field(VideoOptions(), description="How videos are written")
    stages: list[str] = Field([], description="Also the movie after these steps, in stages/")
    frames_per_part: Annotated[Integer, Field(ge=1)] | Literal["auto"] | None = Field(
        None,
        description="Longer recordings are rendered in parts, by a job each; auto = by "
        "target_seconds; null = never",
    )
    target_seconds: Number = Field(300, gt=0, description="Length of a job with auto, seconds")
    splits: Splits = Field(Splits(), description="Fractions of the recordings")
    training: Training | None = Field(None, description="Also pairs for training, in training/")

    @model_validator(mode="after")
    def _one_base(self):
        if (self.spec is None) == (self.preset is None):
            raise ValueError("exactly one of spec and preset is needed")
        if not (self.recordings or self.video):
            raise ValueError("recordings and video are both off: at least one is needed")
        if self.training is not None and not self.recordings:
            raise ValueError("training needs recordings: true")
        if self.replicates > 1 and self.sweep is not None and "seed" in self.sweep.axes:
            raise ValueError(
                "replicates draw the seeds of the recordings: no axis `seed` beside them"
            )
        stages = ["composite" if stage == "cells_only" else stage for stage in self.stages]
        if len(set(stages)) < len(stages):
            raise ValueError("stages: a stage is named twice")
        return self

    @functools.cached_property
    def expansion(self):
        """All recordings of the data set, a `points.Expansion`."""
        return expand(self)

    def base(self):
        """The base recording, before `set`."""
        return self.preset.spec() if self.spec is None else self.spec


class CalciumConfig(Section):
    """The calcium data sets of a campaign, by name."""

    datasets: dict[Name, CalciumDataset] = Field(min_length=1)
