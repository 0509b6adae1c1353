"""A scene: everything of a recording but its movie."""

import warnings
from contextlib import nullcontext
from dataclasses import replace

import numpy as np

from simlab.calcium import extensions
from simlab.calcium.activity import draw_activity
from simlab.calcium.bleaching import bleach_cells
from simlab.calcium.cells import place_neurons
from simlab.calcium.costs import check_simulation, scene_bytes, seconds_of
from simlab.calcium.fields import falloff_field, leakage_field, sample_field_at
from simlab.calcium.footprints import FootprintStack
from simlab.calcium.motion import draw_shifts
from simlab.calcium.neuropil import draw_neuropil
from simlab.calcium.noise import noise_key
from simlab.calcium.optics import blur_footprints, find_focus, resting_focus, view_cells
from simlab.calcium.perf import measure
from simlab.calcium.scene_types import (
    Cells,
    Fields,
    Motion,
    NeuropilField,
    Scene,
    Units,
    VesselMask,
)
from simlab.calcium.spec import SpecWarning
from simlab.calcium.units import detectable_cells, unit_index, vessel_overlap
from simlab.calcium.vessels import draw_vessels

MANY_CELLS = 50_000
SETUP_NAMES = {
    "composite": "footprint_build",
    "neuropil": "neuropil_setup",
    "vasculature": "vasculature_setup",
    "brain_motion": "motion_setup",
}


def build_scene(spec, *, until=None, perf=None, span_names="setup"):
    """Run every step of a specification as far as it goes without a movie.

    All random numbers come from one generator, `numpy.random.default_rng(spec.seed)`, in the
    order of the steps.

    Parameters
    ----------
    spec : Spec
    until : str or None
        Kind or stage name of the last step to run; None: all.
    perf : PerfTracker or None
    span_names : "setup" or "stages"
        How phases are called there: "setup" as those of a streamed video (neuropil_setup, ...),
        "stages" by their stages.

    Returns
    -------
    Scene

    Raises
    ------
    SpecError
        If the specification cannot be simulated, is too large, or has no stage `until`.
    """
    check_simulation(spec, until)
    _warn_of_many_cells(spec)
    build = _Build(spec, perf, span_names)
    for step in spec.steps:
        build.run(step)
        if until in (step.kind, step.stage_name):
            break
    return build.finish(until)


def _warn_of_many_cells(spec):
    count = spec.n_cells()
    if count > MANY_CELLS:
        warnings.warn(
            f"place_neurons: {count} cells; the scene takes about "
            f"{scene_bytes(spec) / 2**30:.1f} GiB, the recording about "
            f"{seconds_of(spec) / 60:.0f} CPU minutes",
            SpecWarning,
            stacklevel=3,
        )


class _Build:
    """What the steps have made so far; one method a step that has something to make."""

    def __init__(self, spec, perf, span_names):
        self.spec, self.perf, self.span_names = spec, perf, span_names
        self.acquisition = spec.acquisition
        self.rng = np.random.default_rng(spec.seed)
        self.sensor = spec.step("sensor")
        self.illumination, self.vignette = (
            None if step is None else falloff_field(step, spec.acquisition)
            for step in map(spec.step, ("illumination_profile", "vignette"))
        )
        self.cells = Cells(
            centers_um=np.zeros((0, 3)),
            planted=FootprintStack.empty(spec.canvas_shape),
            **dict.fromkeys(("amplitude", "sigma_px", "gain", "brightness", "in_focus")),
            **dict.fromkeys(("observed", "C", "S", "B", "emission")),
        )
        self.clean = self.focus = self.neuropil = self.vessel = self.motion = None
        self.fields = Fields()
        self.ext = {}
        segments = spec.extensions.segments
        if segments:
            self.ext["exposure"] = extensions.exposure(segments, self.acquisition.n_frames)
        self.steps = {
            "place_neurons": self.place,
            "cell_activity": self.activate,
            "bleaching": self.bleach,
            "optics": self.look,
            "composite": self.compose,
            "neuropil": self.fill_background,
            "vasculature": self.grow_vessels,
            "brain_motion": self.move,
            "illumination_profile": self.illuminate,
            "vignette": self.shade,
            "leakage": self.leak,
            "sensor": self.expose,
        }

    def run(self, step):
        """Run one step inside its span of the timings; those of the sensor take no time here."""
        with self.measured(step):
            self.steps[step.kind](step)

    def measured(self, step):
        if step.domain == "sensor":
            return nullcontext()
        name, domain = step.stage_name, step.domain
        if self.span_names == "setup" and step.kind in SETUP_NAMES:
            name, domain = SETUP_NAMES[step.kind], None
        return measure(self.perf, name, domain=domain)

    @property
    def photon_field(self):
        """Product of illumination and vignette of the whole specification, or None."""
        present = [field for field in (self.illumination, self.vignette) if field is not None]
        return np.prod(present, axis=0) if present else None

    def place(self, _step):
        centers, planted = place_neurons(self.spec, self.rng)
        self.cells = replace(self.cells, centers_um=centers, planted=planted)

    def activate(self, step):
        if self.spec.step("place_neurons") is None:
            return
        activity = draw_activity(step, self.acquisition, len(self.cells), self.rng)
        self.cells = replace(self.cells, C=activity.C, S=activity.S, amplitude=activity.gain)
        self.clean = activity.C
        saturation = self.spec.extensions.saturation
        if saturation is not None:
            self.clean = extensions.saturated_emission(
                activity.C, activity.gain, step.f0, saturation
            )
            self.ext["emission"] = self.clean

    def bleach(self, step):
        if self.clean is None:
            return
        field = sample_field_at(self.illumination, self.acquisition, self.cells.centers_um)
        segments = self.spec.extensions.segments
        pool = bleach_cells(step, self.acquisition, self.clean, field, segments)
        self.cells = replace(self.cells, B=pool)

    def look(self, _step):
        centers = self.cells.centers_um
        self.focus = find_focus(
            self.acquisition, centers, self.clean, self.photon_field, self.sensor
        )
        if self.spec.step("place_neurons") is None:
            return
        view = view_cells(self.acquisition, centers, self.focus)
        self.cells = replace(
            self.cells,
            sigma_px=view.sigma_px,
            gain=view.gain,
            brightness=view.brightness,
            in_focus=view.in_focus,
            observed=blur_footprints(self.cells.planted, view.sigma_px, view.gain),
        )

    def compose(self, _step):
        if self.clean is None:
            return
        light = self.clean if self.cells.B is None else self.clean * self.cells.B
        self.cells = replace(self.cells, emission=np.ascontiguousarray(light.T, np.float32))

    def fill_background(self, step):
        shape = self.spec.canvas_shape
        made = draw_neuropil(step, self.acquisition, shape, self.clean, self.cells.B, self.rng)
        self.neuropil = NeuropilField(*made)

    def grow_vessels(self, step):
        if not (step.enabled and step.layers):
            return
        focus = self.focus
        if focus is None:
            focus = resting_focus(self.acquisition, self.cells.centers_um)
        shape = self.spec.canvas_shape
        self.vessel = VesselMask(draw_vessels(step, self.acquisition, shape, focus, self.rng))

    def move(self, step):
        self.motion = Motion(draw_shifts(step, self.acquisition, self.rng))

    def illuminate(self, _step):
        self.fields = replace(self.fields, illumination=self.illumination)

    def shade(self, _step):
        self.fields = replace(self.fields, vignette=self.vignette)

    def leak(self, step):
        field = leakage_field(step, self.acquisition, self.spec.fov_shape)
        self.fields = replace(self.fields, leakage=field)

    def expose(self, _step):
        ext, seed = self.spec.extensions, self.spec.seed
        if ext.hot_pixels is not None:
            largest = self.acquisition.image_sensor.max_count
            self.ext["hot_pixels"] = extensions.hot_pixels(
                seed, self.spec.fov_shape, ext.hot_pixels, largest
            )
        if ext.dropped_frames is not None:
            self.ext["dropped"] = extensions.dropped_frames(
                seed, self.acquisition.n_frames, ext.dropped_frames
            )

    def finish(self, until):
        return Scene(
            spec=self.spec,
            margin=self.spec.margin_px,
            n_frames=self.acquisition.n_frames,
            cells=self.cells,
            neuropil=self.neuropil,
            vessel=self.vessel,
            motion=self.motion,
            fields=self.fields,
            unit=self.units(),
            focal_depth_um=self.focus,
            noise_key=noise_key(self.spec.seed),
            rng_state=self.rng.bit_generator.state,
            ext=self.ext,
            until=until,
        )

    def units(self):
        cells, margin = self.cells, self.spec.margin_px
        height, width = self.spec.fov_shape
        index = unit_index(cells.planted, margin, (height, width))
        overlap = transmission = None
        if self.vessel is not None:
            overlap = vessel_overlap(cells.seen, self.vessel.mask)[index]
            transmission = self.vessel.mask[margin : margin + height, margin : margin + width]
        detectable = detectable_cells(
            self.acquisition,
            cells.centers_um,
            emission=self.clean,
            in_focus=cells.in_focus,
            brightness=cells.brightness,
            photon_field=self.photon_field,
            transmission=transmission,
            sensor=self.sensor,
        )
        return Units(index, detectable[index], overlap)
