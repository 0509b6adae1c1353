"""Memory, time and bytes of a recording, estimated from its specification."""

import math

SECONDS_PER_ITEM = 0.0045
"""CPU seconds per frame of the Miniscope V4 over CA1, statistics and file included;
`make benchmark` prints the line to put here."""

MINISCOPE_PIXELS = 608 * 608
SECONDS_PER_CELL = 5e-4
SECONDS_PER_TRACE_VALUE = 2e-7
BASE_MB, LEAST_MB = 250, 400
CHUNK_FRAMES = 32
CHUNKS_HELD = 3


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
        low, high = population.depth_range_um
        focus = acquisition.focal_depth_in_tissue_um
        focus = (low + high) / 2 if focus == "auto" else focus
        blur = 0.0
        if optics:
            blur = max(float(acquisition.cell_optics(z, focus)[0]) for z in (low, high))
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
    return max(LEAST_MB, int(BASE_MB + (scene + CHUNKS_HELD * chunk + sums) / 2**20))


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
