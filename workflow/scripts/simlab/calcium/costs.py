"""Memory, time and bytes of a recording, estimated from its specification."""

import math

import numpy as np

from simlab.calcium.errors import SpecError
from simlab.calcium.steps import motion_bins

SECONDS_PER_ITEM = 0.0057
"""CPU seconds per frame of the Miniscope V4 over CA1, statistics and file included;
`make benchmark` prints the line to put here."""

MINISCOPE_PIXELS = 608 * 608
SECONDS_PER_CELL = 5e-4
SECONDS_PER_TRACE_VALUE = 2e-7
BASE_MB, LEAST_MB = 250, 400
CHUNK_FRAMES = 32
CHUNKS_HELD = 3
MAX_JOB_MB = 65536
MAX_BLUR_PX = 1e5
MAX_BRIGHTNESS = 1e15
"""Numbers whose square, times some pixels, single precision still holds."""
DECAYS_SAMPLED, DECAYS_BEFORE = 5, 6
"""Decay times of a calcium kernel, and of what cells do before frame 0."""


def check_simulation(spec, until=None):
    """SpecError if a specification cannot be simulated, not until `until`, or is too large."""
    spec.check_simulation(until)
    for name, value in _brightnesses(spec):
        if value > MAX_BRIGHTNESS:
            raise SpecError(f"{name}={value:g} cannot be simulated, at most {MAX_BRIGHTNESS:g}")
    with np.errstate(all="ignore"):
        try:
            blur, megabytes = _widest_blur_px(spec), _working_megabytes(spec)
        except (OverflowError, ValueError):  # beyond the numbers that there are
            blur, megabytes = 0.0, math.inf
    if not blur <= MAX_BLUR_PX:
        raise SpecError(
            f"a blur of {blur:.3g} px (standard deviation) cannot be simulated, at most "
            f"{MAX_BLUR_PX:g} px; look at optics, pixel size and depths"
        )
    if not megabytes <= MAX_JOB_MB:
        raise SpecError(
            f"the recording needs about {megabytes:.4g} MiB of memory, at most {MAX_JOB_MB} are "
            "planned; look at its size, length, cells and time constants"
        )


def _brightnesses(spec):
    """(path, value) of what scales light, noise or counts."""
    sensor = spec.acquisition.image_sensor
    for name in ("read_noise_e", "gain_adu_per_e"):
        yield f"acquisition.image_sensor.{name}", getattr(sensor, name)
    for kind, names in (
        ("cell_activity", ("brightness_cv", "f0", "trace_noise")),
        ("neuropil", ("amplitude",)),
        ("leakage", ("level",)),
        ("sensor", ("photons_per_unit",)),
    ):
        step = spec.step(kind)
        for name in names if step is not None else ():
            yield f"steps.{kind}.{name}", getattr(step, name)


def _working_megabytes(spec):
    """Memory of a simulation, MiB: the job's, and what it needs to draw time courses."""
    acquisition, frames, work = spec.acquisition, spec.acquisition.n_frames, 0.0
    activity, neuropil = spec.step("cell_activity"), spec.step("neuropil")
    if activity is not None:
        rate = max(activity.spike_sim_hz, acquisition.fps)
        work += 32 * DECAYS_SAMPLED * activity.tau_decay_s * rate
        work += spec.n_cells() * DECAYS_BEFORE * activity.tau_decay_s * acquisition.fps
    if neuropil is not None:
        work += 24 * neuropil.n_components * frames
    if spec.step("brain_motion") is not None:
        work += 80 * frames * motion_bins(acquisition.fps)
    return megabytes_of(spec) + work / 2**20


def _widest_blur_px(spec):
    """Largest standard deviation of a blur, px."""
    acquisition, widths = spec.acquisition, [0.0]
    cells, neuropil = spec.step("place_neurons"), spec.step("neuropil")
    populations = [] if cells is None else cells.resolved_populations
    if spec.step("optics") is not None:
        widths += [_blur_px(acquisition, *one.depth_extent_um) for one in populations]
    vessels = spec.step("vasculature")
    if vessels is not None and vessels.enabled:
        widths += [_blur_px(acquisition, 0.0, layer.depth_um) for layer in vessels.layers]
    if neuropil is not None:
        widths.append(neuropil.spatial_sigma_um / acquisition.pixel_size_um)
    return max(widths)


def _blur_px(acquisition, low, high):
    """Largest blur of what lies between two depths, px."""
    focus = acquisition.focal_depth_in_tissue_um
    focus = (low + high) / 2 if focus == "auto" else focus
    with np.errstate(all="ignore"):  # infinite where there is no such number
        return max(float(acquisition.cell_optics(z, focus)[0]) for z in (low, high))


def _patch_pixels(spec):
    """Pixels of the largest observed footprint, about."""
    step = spec.step("place_neurons")
    if step is None:
        return 0
    acquisition, reach = spec.acquisition, 0.0
    optics = spec.step("optics") is not None
    for population in step.resolved_populations:
        size = population.soma_radius_um * (1 + population.irregularity)
        if population.morphology == "cytosolic":
            size += 1.5 * population.dendrite_length_um
        blur = _blur_px(acquisition, *population.depth_extent_um) if optics else 0.0
        reach = max(reach, size / acquisition.pixel_size_um + 4 * blur + 1)
    height, width = spec.canvas_shape
    return int(min(2 * reach, height) * min(2 * reach, width))


def scene_bytes(spec):
    """Memory of a scene, bytes: footprints, traces, background, fields."""
    cells, frames = spec.n_cells(), spec.acquisition.n_frames
    height, width = spec.canvas_shape
    step = spec.step("neuropil")
    maps = (step.n_components if step else 0) + 4
    return cells * (_patch_pixels(spec) * 5 + frames * 38) + maps * height * width * 8


def megabytes_of(spec):
    """Memory of a job that makes one recording or part of it, MiB."""
    height, width = spec.canvas_shape
    chunk = CHUNK_FRAMES * height * width * 6
    sums = 16 * height * width
    scene = scene_bytes(spec)
    whole = 0
    if spec.output.save_intermediates:
        whole = snapshot_bytes(spec) + movie_bytes(spec)
    return max(LEAST_MB, int(BASE_MB + (scene + CHUNKS_HELD * chunk + sums + whole) / 2**20))


def snapshot_bytes(spec):
    """Bytes of the snapshots of a recording; 0 where they are not kept."""
    if not spec.output.save_intermediates:
        return 0
    pixels = 0
    moved = False
    for step in spec.steps:
        moved = moved or step.domain in ("motion", "sensor")
        if step.domain != "cell":
            pixels += math.prod(spec.fov_shape if moved else spec.canvas_shape)
    return 4 * spec.acquisition.n_frames * pixels


def whole_megabytes(spec):
    """Memory of a job that holds the whole movie as real numbers, MiB."""
    height, width = spec.canvas_shape
    return megabytes_of(spec) + int(spec.acquisition.n_frames * height * width * 4 * 2 / 2**20)


def seconds_of(spec, frames=None):
    """CPU seconds of a recording, or of rendering `frames` frames of it."""
    height, width = spec.canvas_shape
    rendered = spec.acquisition.n_frames if frames is None else frames
    cells = spec.n_cells()
    scene = cells * (SECONDS_PER_CELL + spec.acquisition.n_frames * SECONDS_PER_TRACE_VALUE)
    return scene + rendered * SECONDS_PER_ITEM * height * width / MINISCOPE_PIXELS


def minutes_of(spec):
    """Time limit of a job, minutes: four times what is expected, at least 10."""
    return 10 + math.ceil(4 * seconds_of(spec) / 60)


def movie_bytes(spec):
    """Bytes of the movie of a recording."""
    height, width = spec.fov_shape
    if not spec.has_movie():
        return 0
    if spec.step("sensor") is None:
        size = 8 if spec.output.store_dtype == "float64" else 4
    else:
        size = 1 if spec.acquisition.image_sensor.bit_depth <= 8 else 2
    return spec.acquisition.n_frames * height * width * size
