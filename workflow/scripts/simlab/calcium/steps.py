"""The steps a recording is made of; each is optional, and an absent one contributes nothing."""

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from simlab.core.config import Section

FINE_RATE_HZ = 300.0
"""Rate at which the motion of the tissue is integrated, about."""

Offset = tuple[float, float]
Position = tuple[float, float, float]


class StepSpec(Section):
    """Base of all steps: `kind` names it, `domain` is cell, tissue, motion or sensor."""

    domain: ClassVar[str]

    @property
    def stage_name(self):
        """Name of the movie after this step: the kind, `cells_only` for composite."""
        return "cells_only" if self.kind == "composite" else self.kind


def _kind(name):
    return Field(name, description="Which step this is")


class NeuronPopulation(Section):
    """One kind of cells: how many, how large, where."""

    density_per_mm3: float = Field(25000.0, gt=0, description="Cells per mm^3 of tissue")
    soma_radius_um: float = Field(7.0, gt=0, description="Mean radius of the cell body, µm")
    irregularity: float = Field(
        0.3, ge=0, le=1, description="Largest relative deviation of the outline from a circle"
    )
    morphology: Literal["soma", "cytosolic"] = Field(
        "soma", description="Where the indicator is: in the cell body, or in the dendrites too"
    )
    dendrite_length_um: float = Field(24.0, gt=0, description="Typical length of a dendrite, µm")
    dendrite_width_um: float = Field(
        3.0, gt=0, description="Diameter of a dendrite at the cell body, µm"
    )
    depth_range_um: tuple[float, float] = Field(
        (0.0, 200.0), description="Shallowest and deepest cells, µm below the surface"
    )
    min_distance_um: float = Field(
        0.0, ge=0, description="Smallest distance of two centers of this population, µm"
    )
    positions_um: list[Position] | None = Field(
        None,
        description="Explicit centers (z, y, x), µm, y and x from the optical axis; density, "
        "depth range and distance are then not used",
    )

    @field_validator("depth_range_um")
    @classmethod
    def _ordered_depths(cls, value):
        shallow, deep = value
        if shallow < 0:
            raise ValueError("the shallow end of depth_range_um must be >= 0")
        if deep < shallow:
            raise ValueError("depth_range_um must be given as shallow end, deep end")
        return value

    @property
    def depth_extent_um(self):
        """(shallowest, deepest) cell, µm: of the explicit positions, else the depth range."""
        if self.positions_um:
            depths = [z for z, _, _ in self.positions_um]
            return min(depths), max(depths)
        return self.depth_range_um


class PlaceNeurons(NeuronPopulation, StepSpec):
    """Cells: their positions and shapes. Either one population, or a list of several."""

    domain: ClassVar[str] = "cell"
    kind: Literal["place_neurons"] = _kind("place_neurons")
    populations: list[NeuronPopulation] | None = Field(
        None, description="Several populations instead of the one that the fields above describe"
    )

    @model_validator(mode="after")
    def _one_description(self):
        if self.populations is None:
            return self
        if not self.populations:
            raise ValueError("populations must list at least one population, or be null")
        default = NeuronPopulation()
        fields = NeuronPopulation.model_fields
        both = [name for name in fields if getattr(self, name) != getattr(default, name)]
        if both:
            raise ValueError(
                f"populations and {', '.join(both)} of the step are both given; "
                f"set those in each population, as steps.place_neurons.populations.0.{both[0]}"
            )
        return self

    @property
    def resolved_populations(self):
        """The populations as a list: those given, or the step itself as the only one."""
        return [self] if self.populations is None else self.populations


class CellActivity(StepSpec):
    """Spikes of a two-state cell and the calcium fluorescence they cause."""

    domain: ClassVar[str] = "cell"
    kind: Literal["cell_activity"] = _kind("cell_activity")
    spike_sim_hz: float = Field(
        300.0, gt=0, description="Rate at which spikes are simulated, Hz; rounded to whole bins"
    )
    p_quiescent_to_active: float = Field(
        0.005, gt=0, description="Probability per frame that a quiet cell becomes active"
    )
    p_active_to_quiescent: float = Field(
        0.3, gt=0, description="Probability per frame that an active cell becomes quiet"
    )
    active_rate_hz: float = Field(150.0, gt=0, description="Spike rate of an active cell, Hz")
    quiescent_rate_hz: float = Field(0.6, ge=0, description="Spike rate of a quiet cell, Hz")
    tau_rise_s: float = Field(
        0.05, gt=0, description="Rise time constant of the calcium signal, s; below tau_decay_s"
    )
    tau_decay_s: float = Field(
        0.5, gt=0, description="Decay time constant of the calcium signal, s; at least one frame"
    )
    brightness_cv: float = Field(
        0.3, ge=0, description="Relative spread of the brightness of cells (log-normal, mean 1)"
    )
    f0: float = Field(
        1.0,
        ge=0,
        description="Baseline fluorescence of an average cell, intensity units",
    )
    trace_noise: float = Field(
        0.0, ge=0, description="Noise added to each trace, standard deviation, intensity units"
    )


class Bleaching(StepSpec):
    """Photobleaching of the indicator, and its slow replacement."""

    domain: ClassVar[str] = "cell"
    kind: Literal["bleaching"] = _kind("bleaching")
    bleach_susceptibility: float = Field(
        6.3e-6, ge=0, description="Bleaching rate per unit of intensity and emission, 1/s"
    )
    turnover_tau_s: float = Field(
        20000.0, gt=0, description="Time constant of the indicator's replacement, s"
    )
    excitation_intensity: float = Field(
        1.0, ge=0, description="Excitation intensity at the brightest place, relative"
    )


class CellOptics(StepSpec):
    """Blur and attenuation of each cell by its depth and distance from the focus."""

    domain: ClassVar[str] = "cell"
    kind: Literal["optics"] = _kind("optics")


class Composite(StepSpec):
    """The sum of all cells: footprint times trace."""

    domain: ClassVar[str] = "tissue"
    kind: Literal["composite"] = _kind("composite")


class Neuropil(StepSpec):
    """Diffuse background of out-of-focus processes, fluctuating with the population."""

    domain: ClassVar[str] = "tissue"
    kind: Literal["neuropil"] = _kind("neuropil")
    spatial_sigma_um: float = Field(40.0, gt=0, description="Smoothness of the background, µm")
    temporal_tau_s: float = Field(10.0, gt=0, description="Time constant of its own drift, s")
    population_tau_s: float = Field(
        1.5, gt=0, description="Time constant with which it follows the cells, s"
    )
    amplitude: float = Field(
        0.5,
        gt=0,
        description="Scale of the background, intensity units; its mean is about half of it; "
        "for none leave the step out (`include_neuropil: false` in a preset)",
    )
    n_components: int = Field(3, ge=1, description="Independent background patterns")
    population_coupling: float = Field(
        0.7, ge=0, le=1, description="Share of the time course that follows the cells"
    )


class VesselLayer(Section):
    """Vessels of one depth: branching trees that absorb light."""

    depth_um: float = Field(30.0, ge=0, description="Depth below the surface, µm")
    n_roots: int = Field(4, ge=1, description="Vessels that enter at the border")
    root_radius_um: float = Field(22.0, gt=0, description="Radius of an entering vessel, µm")
    min_radius_um: float = Field(
        2.0, gt=0, description="Radius below which a branch ends, µm; below root_radius_um"
    )
    opacity: float = Field(0.85, gt=0, le=1, description="Light lost behind a thick vessel")
    absorption_per_um: float = Field(
        0.04, gt=0, description="Absorption along the path in blood, 1/µm"
    )
    branch_prob: float = Field(0.2, ge=0, lt=1, description="Probability of a branch per segment")
    tortuosity_deg: float = Field(
        8.0, ge=0, description="Change of direction per segment, standard deviation, degrees"
    )
    branch_angle_deg: float = Field(
        30.0, ge=0, description="Angle between the two vessels of a branching, degrees"
    )
    branch_area_main: float = Field(
        0.7, gt=0.5, lt=1, description="Share of r^3 that the thicker branch inherits"
    )
    step_per_radius: float = Field(1.5, gt=0, description="Length of a segment in radii")

    @model_validator(mode="after")
    def _thinner_than_root(self):
        if self.min_radius_um >= self.root_radius_um:
            raise ValueError(
                f"min_radius_um ({self.min_radius_um}) must be below root_radius_um "
                f"({self.root_radius_um})"
            )
        return self


class Vasculature(StepSpec):
    """Blood vessels above the cells."""

    domain: ClassVar[str] = "tissue"
    kind: Literal["vasculature"] = _kind("vasculature")
    enabled: bool = Field(False, description="Whether the layers are drawn")
    layers: list[VesselLayer] = Field([], description="Layers of vessels; they multiply")


class BrainMotion(StepSpec):
    """Motion of the tissue under the objective, one rigid shift a frame."""

    domain: ClassVar[str] = "motion"
    kind: Literal["brain_motion"] = _kind("brain_motion")
    model: Literal["physical", "walk"] = Field(
        "physical", description="Driven damped oscillator, or bounded random walk"
    )
    trajectory_um: list[Offset] | None = Field(
        None, description="Explicit shifts (dy, dx) of the content, µm, one a frame"
    )
    max_shift_um: float = Field(15.0, gt=0, description="Largest shift, µm")
    locomotion_freq_hz: float = Field(7.0, gt=0, description="Stride frequency, Hz (physical)")
    motion_amplitude_um: float = Field(
        10.0, gt=0, description="99th percentile of the shift, µm (physical)"
    )
    locomotion_axis: Literal["y", "x"] = Field(
        "y", description="Axis that strides act on (physical)"
    )
    resonance_freq_hz: float = Field(
        6.0, gt=0, description="Resonance frequency of the tissue, Hz (physical)"
    )
    damping_ratio: float = Field(0.5, gt=0, description="Damping of the resonance (physical)")
    locomotion_fraction: float = Field(
        0.25, ge=0, le=1, description="Share of strides in the motion, the rest is noise (physical)"
    )
    walk_step_um: float = Field(
        0.3, ge=0, description="Step per frame and axis, standard deviation, µm (walk)"
    )

    @model_validator(mode="after")
    def _room_for_amplitude(self):
        if self.model == "physical" and self.motion_amplitude_um > self.max_shift_um:
            raise ValueError(
                f"motion_amplitude_um ({self.motion_amplitude_um}) must not exceed max_shift_um "
                f"({self.max_shift_um}), which would cut the motion off"
            )
        return self

    @property
    def reach_um(self):
        """Largest shift along an axis that can occur, µm; 0 for an empty trajectory."""
        if self.trajectory_um is None:
            return self.max_shift_um
        return max((abs(c) for shift in self.trajectory_um for c in shift), default=0.0)

    @property
    def extent_um(self):
        """Typical size of the motion, µm: that of the trajectory, the amplitude or the bound."""
        if self.trajectory_um is None and self.model == "physical":
            return self.motion_amplitude_um
        return self.reach_um


def motion_bins(fps):
    """Steps per frame in which the motion of the tissue is integrated."""
    return max(round(FINE_RATE_HZ / fps), 1)


def motion_is_stable(fps, resonance_freq_hz, damping_ratio):
    """Whether the integrated oscillator comes to rest when nothing drives it.

    With dt a step of the integration, x -> (2 - c dt - k dt^2) x - (1 - c dt) x_before does so
    for c dt < 2 and 2 c dt + k dt^2 < 4, where c = 2 damping w, k = w^2 and w = 2 pi resonance.
    """
    angle = 2 * math.pi * resonance_freq_hz / (motion_bins(fps) * fps)
    friction = 2 * damping_ratio * angle
    return friction < 2 and 2 * friction + angle * angle < 4


class IlluminationProfile(StepSpec):
    """Uneven excitation light, fixed to the sensor."""

    domain: ClassVar[str] = "sensor"
    kind: Literal["illumination_profile"] = _kind("illumination_profile")
    falloff: float = Field(0.7, ge=0, le=1, description="Light left at the farthest corner")
    exponent: float = Field(2.0, gt=0, description="Power of the radius by which light falls off")
    center_offset_um: Offset = Field(
        (0.0, 0.0), description="Brightest point (dy, dx) from the optical axis, µm"
    )


class Vignette(StepSpec):
    """Uneven collection of light by the objective, fixed to the sensor."""

    domain: ClassVar[str] = "sensor"
    kind: Literal["vignette"] = _kind("vignette")
    falloff: float = Field(0.5, ge=0, le=1, description="Light left at the farthest corner")
    exponent: float = Field(2.0, gt=0, description="Power of the radius by which light falls off")
    center_offset_um: Offset = Field(
        (0.0, 0.0), description="Brightest point (dy, dx) from the optical axis, µm"
    )


class Leakage(StepSpec):
    """Excitation light that leaks through the filters, fixed to the sensor."""

    domain: ClassVar[str] = "sensor"
    kind: Literal["leakage"] = _kind("leakage")
    profile: Literal["uniform", "gaussian"] = Field(
        "gaussian", description="The same everywhere, or brightest in the center"
    )
    level: float = Field(0.1, ge=0, description="Leaked light in the center, intensity units")
    sigma_um: float | None = Field(
        None, description="Width of the Gaussian, µm, > 0; null: a quarter of the smaller side"
    )

    @model_validator(mode="after")
    def _positive_width(self):
        if self.profile == "gaussian" and self.sigma_um is not None and self.sigma_um <= 0:
            raise ValueError(f"sigma_um ({self.sigma_um}) of a Gaussian leakage must be > 0")
        return self


class Sensor(StepSpec):
    """Conversion of light into counts."""

    domain: ClassVar[str] = "sensor"
    kind: Literal["sensor"] = _kind("sensor")
    photons_per_unit: float = Field(
        100.0, gt=0, description="Photons per pixel and frame at an intensity of 1"
    )


STEP_CLASSES = (
    PlaceNeurons,
    CellActivity,
    Bleaching,
    CellOptics,
    Composite,
    Neuropil,
    Vasculature,
    BrainMotion,
    IlluminationProfile,
    Vignette,
    Leakage,
    Sensor,
)
STEP_ORDER = tuple(step.model_fields["kind"].default for step in STEP_CLASSES)
"""Kinds in the order in which steps run, whatever order the user lists them in."""

STEP_DOMAINS = {step.model_fields["kind"].default: step.domain for step in STEP_CLASSES}
"""Kind -> cell, tissue, motion or sensor."""

AnyStep = Annotated[
    PlaceNeurons
    | CellActivity
    | Bleaching
    | CellOptics
    | Composite
    | Neuropil
    | Vasculature
    | BrainMotion
    | IlluminationProfile
    | Vignette
    | Leakage
    | Sensor,
    Field(discriminator="kind"),
]
"""A step of any kind; its `kind` tells which."""
