"""The specification of one recording: acquisition, steps, seed and output, frozen and validated.

A specification with its seed determines a recording completely. Its JSON text is canonical (field
order, defaults included, no spaces), and the hash of it names cached files; equal results have
equal keys.
"""

import hashlib
import math
import warnings

from pydantic import Field, field_validator, model_serializer, model_validator

from simlab.calcium.acquisition import Acquisition, ImageSensor, Optics, Output, Tissue
from simlab.calcium.errors import SpecError
from simlab.calcium.spec_extensions import (
    DroppedFrames,
    Extensions,
    HotPixels,
    Saturation,
    Segment,
)
from simlab.calcium.steps import (
    STEP_CLASSES,
    STEP_DOMAINS,
    STEP_ORDER,
    AnyStep,
    Bleaching,
    BrainMotion,
    CellActivity,
    CellOptics,
    Composite,
    IlluminationProfile,
    Leakage,
    NeuronPopulation,
    Neuropil,
    PlaceNeurons,
    Sensor,
    StepSpec,
    Vasculature,
    VesselLayer,
    Vignette,
    motion_is_stable,
)
from simlab.core.config import Section, nearest

__all__ = [
    "STEP_CLASSES",
    "STEP_DOMAINS",
    "STEP_ORDER",
    "Acquisition",
    "AnyStep",
    "Bleaching",
    "BrainMotion",
    "CellActivity",
    "CellOptics",
    "Composite",
    "DroppedFrames",
    "Extensions",
    "HotPixels",
    "IlluminationProfile",
    "ImageSensor",
    "Leakage",
    "NeuronPopulation",
    "Neuropil",
    "Optics",
    "Output",
    "PlaceNeurons",
    "Saturation",
    "Segment",
    "Sensor",
    "Spec",
    "SpecWarning",
    "StepSpec",
    "Tissue",
    "Vasculature",
    "VesselLayer",
    "Vignette",
]

MAX_BIT_DEPTH = 16
MAX_FRAMES = 2**31 - 1
MAX_BINS_PER_FRAME = 65535
LARGE_MOTION = 0.05
"""Share of the field of view above which motion is worth a warning."""

LARGEST_NA = 1.5
VISIBLE_NM = (350.0, 1100.0)
LONG_DECAY_S = 30.0
LEAST_LIGHT = 1e-6
"""Values beyond these are rather in another unit."""

_POSITION = {kind: i for i, kind in enumerate(STEP_ORDER)}


class SpecWarning(UserWarning):
    """A specification is valid but looks like a mistake."""


class Spec(Section):
    """Everything that determines one recording."""

    acquisition: Acquisition = Field(Acquisition(), description="Instrument, tissue and timing")
    seed: int = Field(42, ge=0, description="Seed of all random numbers of the recording")
    steps: list[AnyStep] = Field(
        description="What the recording is made of; run in a fixed order, at most one of a kind"
    )
    output: Output = Field(Output(), description="What is kept besides the movie and the truth")
    ext: Extensions | None = Field(
        None, description="Effects beyond the original program; null: none"
    )

    @field_validator("steps")
    @classmethod
    def _canonical_order(cls, steps):
        return sorted(steps, key=lambda step: _POSITION[step.kind])

    @field_validator("ext")
    @classmethod
    def _nothing_is_none(cls, ext):
        return None if ext == Extensions() else ext

    @model_validator(mode="after")
    def _consistent(self):
        for rule in (
            self._kinds_are_unique,
            self._somata_fit,
            self._decay_is_resolved,
            self._rise_is_faster_than_decay,
            self._has_frames,
            self._trajectory_fits,
            self._extensions_fit,
        ):
            rule()
        for advice in self._advice():
            warnings.warn(advice, SpecWarning, stacklevel=2)
        return self

    @model_serializer(mode="wrap")
    def _without_empty_ext(self, handler):
        fields = handler(self)
        if fields.get("ext", ...) is None:
            del fields["ext"]
        return fields

    def _kinds_are_unique(self):
        kinds = [step.kind for step in self.steps]
        twice = sorted({kind for kind in kinds if kinds.count(kind) > 1})
        if twice:
            raise ValueError(f"steps has {', '.join(twice)} more than once")

    def _somata_fit(self):
        cells, smallest = self.step("place_neurons"), min(self.acquisition.fov_um)
        if cells is None:
            return
        radius = max(population.soma_radius_um for population in cells.resolved_populations)
        if 2 * radius > smallest:
            raise ValueError(
                f"a soma of soma_radius_um={radius:g} µm does not fit the field of view of "
                f"{smallest:g} µm"
            )

    def _decay_is_resolved(self):
        activity, fps = self.step("cell_activity"), self.acquisition.fps
        if activity is not None and activity.tau_decay_s * fps < 1:
            raise ValueError(
                f"tau_decay_s={activity.tau_decay_s:g} s is shorter than a frame at "
                f"fps={fps:g} Hz; raise one of them"
            )

    def _rise_is_faster_than_decay(self):
        activity = self.step("cell_activity")
        if activity is not None and activity.tau_rise_s >= activity.tau_decay_s:
            raise ValueError(
                f"tau_rise_s ({activity.tau_rise_s:g}) must be below tau_decay_s "
                f"({activity.tau_decay_s:g})"
            )

    def _has_frames(self):
        acquisition = self.acquisition
        if acquisition.n_frames < 1:
            raise ValueError(
                f"duration_s={acquisition.duration_s:g} s at fps={acquisition.fps:g} Hz gives no "
                "frame that could be simulated"
            )

    def _trajectory_fits(self):
        motion, n_frames = self.step("brain_motion"), self.acquisition.n_frames
        if motion is None or motion.trajectory_um is None:
            return
        if len(motion.trajectory_um) != n_frames:
            raise ValueError(
                f"trajectory_um has {len(motion.trajectory_um)} shifts, the recording "
                f"{n_frames} frames"
            )

    def _extensions_fit(self):
        ext, n_frames = self.extensions, self.acquisition.n_frames
        if ext.segments and ext.segments[-1].start_frame >= n_frames:
            raise ValueError(
                f"ext.segments: start_frame {ext.segments[-1].start_frame} is not below the "
                f"{n_frames} frames of the recording"
            )
        if self.step("sensor") is None:
            for name in ("hot_pixels", "dropped_frames"):
                if getattr(ext, name) is not None:
                    raise ValueError(f"ext.{name} needs a sensor step")

    def _advice(self):
        cells, motion = self.step("place_neurons"), self.step("brain_motion")
        if cells is not None:
            yield from self._focus_advice(cells)
            yield from self._position_advice(cells)
        yield from self._unit_advice()
        vessels = self.step("vasculature")
        if vessels is not None and vessels.layers and not vessels.enabled:
            yield "vasculature has layers, which `enabled: false` leaves out"
        smallest = min(self.acquisition.fov_um)
        if motion is not None and motion.extent_um > LARGE_MOTION * smallest:
            yield (
                f"motion of {motion.extent_um:g} µm exceeds {100 * LARGE_MOTION:g} % of the "
                f"field of view ({smallest:g} µm)"
            )

    def _unit_advice(self):
        optics, activity = self.acquisition.optics, self.step("cell_activity")
        if optics.na > LARGEST_NA:
            yield f"na={optics.na:g} is above that of any objective, {LARGEST_NA:g}"
        low, high = VISIBLE_NM
        if not low <= optics.emission_nm <= high:
            yield f"emission_nm={optics.emission_nm:g} is not in {low:g} to {high:g} nm"
        cells = self.step("place_neurons")
        if cells is not None and self.step("optics") is not None:
            shallow = min(p.depth_extent_um[0] for p in cells.resolved_populations)
            left = self.acquisition.tissue.attenuation(shallow)
            if left < LEAST_LIGHT:
                yield (
                    f"{left:.1g} of the light of the shallowest cells, {shallow:g} µm deep, leaves "
                    "the tissue: are scatter_mfp_emission_um and scatter_mfp_excitation_um in µm?"
                )
        if activity is not None and activity.tau_decay_s > LONG_DECAY_S:
            yield f"tau_decay_s={activity.tau_decay_s:g} is in seconds, above {LONG_DECAY_S:g}"

    def _focus_advice(self, cells):
        focus = self.acquisition.focal_depth_in_tissue_um
        extents = [population.depth_extent_um for population in cells.resolved_populations]
        shallow, deep = min(lo for lo, _ in extents), max(hi for _, hi in extents)
        if focus != "auto" and not shallow <= focus <= deep:
            yield (
                f"focal_depth_in_tissue_um={focus:g} µm is outside the depths of the cells, "
                f"{shallow:g} to {deep:g} µm"
            )

    def _position_advice(self, cells):
        half_height, half_width = (side / 2 for side in self.canvas_um)
        for population in cells.resolved_populations:
            for z, y, x in population.positions_um or ():
                if abs(y) > half_height or abs(x) > half_width:
                    yield (
                        f"the cell at ({z:g}, {y:g}, {x:g}) µm of positions_um lies outside the "
                        f"simulated tissue of {2 * half_height:g} x {2 * half_width:g} µm"
                    )

    def cache_key(self):
        """First 16 hexadecimal digits of the SHA-256 of the canonical JSON text."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    def step(self, kind):
        """The step of that kind, or None."""
        for step in self.steps:
            if step.kind == kind:
                return step
        return None

    @property
    def extensions(self):
        """The extensions; their defaults if `ext` is None."""
        return self.ext or Extensions()

    @property
    def stage_names(self):
        """Names of the stages in the order of the steps; that of composite is `cells_only`."""
        return [step.stage_name for step in self.steps]

    @property
    def margin_px(self):
        """Pixels that the canvas extends beyond each side of the field of view.

        0 without motion, else ceil(largest shift along an axis) + 1.
        """
        motion = self.step("brain_motion")
        reach = 0.0 if motion is None else motion.reach_um / self.acquisition.pixel_size_um
        return math.ceil(reach) + 1 if reach > 0 else 0

    @property
    def fov_shape(self):
        """(height, width) of the field of view, px."""
        return self.acquisition.fov_shape

    @property
    def canvas_shape(self):
        """(height, width) of the simulated canvas, px: field of view and margin."""
        height, width = self.fov_shape
        return height + 2 * self.margin_px, width + 2 * self.margin_px

    @property
    def canvas_um(self):
        """(height, width) of the simulated canvas, µm."""
        height, width = self.canvas_shape
        return height * self.acquisition.pixel_size_um, width * self.acquisition.pixel_size_um

    def has_movie(self, until=None):
        """Whether a movie exists after the step `until` (kind or stage name; None: the last)."""
        for step in self.steps:
            if step.domain != "cell":
                return True
            if until in (step.kind, step.stage_name):
                return False
        return False

    def n_cells(self):
        """Cells that will be placed on the canvas, fewer if min_distance_um forbids it."""
        cells = self.step("place_neurons")
        populations = [] if cells is None else cells.resolved_populations
        return sum(self.population_size(population) for population in populations)

    def population_size(self, population):
        """Cells of one population on the canvas: density times volume, or the positions given.

        The volume is at least a soma's diameter deep.
        """
        if population.positions_um is not None:
            return len(population.positions_um)
        height, width = self.canvas_um
        shallow, deep = population.depth_range_um
        thickness = max(deep - shallow, 2 * population.soma_radius_um)
        area = (height / 1000) * (width / 1000)
        return round(population.density_per_mm3 * area * (thickness / 1000))

    def check_stage(self, name):
        """SpecError unless `name` is a kind or stage name of this specification."""
        if name in self.stage_names or self.step(name) is not None:
            return
        known = self.stage_names
        hint = nearest(name, [*known, *(step.kind for step in self.steps)])
        raise SpecError(
            f"until={name!r} is no stage of this specification{hint} "
            f"(stages: {', '.join(known) or 'none'})"
        )

    def check_simulation(self, until=None):
        """SpecError if this specification cannot be simulated, or not until `until`."""
        if until is not None:
            self.check_stage(until)
        sensor = self.acquisition.image_sensor
        if sensor.bit_depth > MAX_BIT_DEPTH:
            raise SpecError(
                f"acquisition.image_sensor.bit_depth is {sensor.bit_depth}; "
                f"bit_depth up to {MAX_BIT_DEPTH} is supported"
            )
        if self.acquisition.n_frames > MAX_FRAMES:
            raise SpecError(
                f"acquisition.duration_s={self.acquisition.duration_s:g} s at "
                f"fps={self.acquisition.fps:g} Hz is more than {MAX_FRAMES} frames"
            )
        activity = self.step("cell_activity")
        if activity is not None and activity.spike_sim_hz / self.acquisition.fps > (
            MAX_BINS_PER_FRAME
        ):
            raise SpecError(
                f"steps.cell_activity.spike_sim_hz={activity.spike_sim_hz:g} Hz at "
                f"fps={self.acquisition.fps:g} Hz is more than {MAX_BINS_PER_FRAME} bins a frame"
            )
        motion, fps = self.step("brain_motion"), self.acquisition.fps
        if motion is None or motion.trajectory_um is not None or motion.model != "physical":
            return
        if not motion_is_stable(fps, motion.resonance_freq_hz, motion.damping_ratio):
            raise SpecError(
                f"steps.brain_motion: resonance_freq_hz={motion.resonance_freq_hz:g} Hz with "
                f"damping_ratio={motion.damping_ratio:g} cannot be integrated at fps={fps:g} Hz; "
                "lower one of the two"
            )
