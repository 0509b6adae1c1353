"""Effects beyond the original program, all off by default: the `ext` block of a specification."""

from itertools import pairwise
from typing import Literal

from pydantic import Field, field_validator, model_serializer, model_validator

from simlab.core.config import Section


class Saturation(Section):
    """Saturation of the indicator: a Hill curve between calcium and emission."""

    hill: float = Field(1.0, gt=0, description="Hill exponent")
    half: float = Field(
        10.0, gt=0, description="Signal above baseline at half saturation, in units of the gain"
    )


class Segment(Section):
    """A pause of the recording, after which it goes on with another exposure."""

    start_frame: int = Field(ge=1, description="First frame after the pause")
    gap_s: float = Field(gt=0, description="Length of the pause, s; bleached cells recover in it")
    exposure: float = Field(
        1.0, gt=0, description="Factor of photons_per_unit from here to the next segment"
    )


class HotPixels(Section):
    """Pixels that always count too much."""

    fraction: float = Field(1e-4, ge=0, le=1, description="Share of hot pixels")
    level_adu: float = Field(60.0, gt=0, description="Mean of their extra counts (exponential)")


class DroppedFrames(Section):
    """Frames that the recorder lost."""

    fraction: float = Field(0.01, ge=0, lt=1, description="Share of lost frames; never frame 0")
    fill: Literal["repeat", "black"] = Field(
        "repeat", description="What stands in their place: the last frame that was kept, or zeros"
    )


class Extensions(Section):
    """All extensions; the JSON holds only those that differ from their defaults."""

    sensor_noise: Literal["counter", "sequential"] = Field(
        "counter",
        description="Noise that belongs to pixel and frame (counter), or to one stream of random "
        "numbers in the order of frames, as in the original program (sequential)",
    )
    shot_noise: Literal["gaussian", "poisson"] = Field(
        "gaussian", description="Distribution of the shot noise; poisson needs counter noise"
    )
    saturation: Saturation | None = Field(
        None, description="Saturation of the indicator; null: linear"
    )
    segments: list[Segment] = Field(
        [], description="Pauses of the recording, by ascending start_frame"
    )
    hot_pixels: HotPixels | None = Field(None, description="Hot pixels; null: none")
    dropped_frames: DroppedFrames | None = Field(None, description="Lost frames; null: none")

    @field_validator("segments")
    @classmethod
    def _ascending(cls, value):
        starts = [segment.start_frame for segment in value]
        if any(b <= a for a, b in pairwise(starts)):
            raise ValueError(f"start_frame of the segments must ascend, found {starts}")
        return value

    @model_validator(mode="after")
    def _poisson_counts(self):
        if self.shot_noise == "poisson" and self.sensor_noise != "counter":
            raise ValueError("shot_noise poisson needs sensor_noise counter")
        return self

    @model_serializer(mode="wrap")
    def _changed_fields(self, handler):
        fields = handler(self)
        default = {name: field.default for name, field in type(self).model_fields.items()}
        return {k: v for k, v in fields.items() if getattr(self, k) != default[k]}
