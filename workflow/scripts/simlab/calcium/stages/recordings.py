"""Rules calcium_recording, calcium_statistics, calcium_stage: recordings and their statistics."""

import numpy as np

from simlab.calcium.errors import RecordingFileError
from simlab.calcium.files.parts import read_part
from simlab.calcium.recording import header_of, open_recording_writer
from simlab.calcium.render import Renderer
from simlab.calcium.scene import build_scene
from simlab.calcium.scene_types import Scene
from simlab.calcium.simulation import finalize, simulate, warn_of_saturation
from simlab.calcium.specs import spec_from
from simlab.calcium.stages.scenes import CHUNK_FRAMES, rendered
from simlab.calcium.statistics import MovieStatistics
from simlab.core.files import write_json, write_text

NO_SUMS = np.zeros((2, 1, 1), np.uint64)


def write_recording(spec, h5, spec_json, statistics_json):
    """Simulate a recording and write it with its specification and statistics.

    `spec` is `specs.recording_spec`.
    """
    spec = spec_from(spec)
    if spec.output.save_intermediates:
        recording = simulate(spec)
        recording.save(h5)
        renderer = Renderer(build_scene(spec))
        pieces = ((movie, clean, None) for movie, clean in _rendered(renderer))
    else:
        pieces = _written(h5, build_scene(spec))
    _write_texts(spec, pieces, spec_json, statistics_json)


def assemble_recording(spec, scene_h5, parts, h5, spec_json, statistics_json):
    """The same from the scene of a recording and its parts, in order; the bytes are the same."""
    spec = spec_from(spec)
    pieces = _written(h5, Scene.load(scene_h5), _of_parts(spec, parts))
    _write_texts(spec, pieces, spec_json, statistics_json)


def write_statistics(spec, spec_json, statistics_json):
    """Specification and statistics of a movie that is not kept."""
    spec = spec_from(spec)
    renderer = Renderer(build_scene(spec))
    pieces = ((movie, clean, None) for movie, clean in _rendered(renderer))
    _write_texts(spec, pieces, spec_json, statistics_json)


def write_stage(spec, stage, h5):
    """Write a recording whose simulation stops after `stage`."""
    simulate(spec_from(spec), until=stage).save(h5)


def _rendered(renderer):
    if not renderer.has_movie:
        return iter(())
    return rendered(renderer, 0, renderer.shape[0])


def _written(h5, scene, pieces=None):
    """Write the recording of a scene; yield (frames, clean moments, pixel sums) on the way.

    The frames are rendered, or those of `pieces`.
    """
    spec, renderer = scene.spec, Renderer(scene)
    truth = finalize(scene)
    dtype = renderer.dtype if renderer.has_counts else np.dtype(spec.output.store_dtype)
    shape = renderer.shape if renderer.has_movie else (0, *renderer.shape[1:])
    if pieces is None:
        pieces = ((movie, clean, None) for movie, clean in _rendered(renderer))
    with open_recording_writer(h5, spec, header_of(spec, truth), shape, dtype) as writer:
        for movie, clean, sums in pieces:
            writer.append(movie)
            yield movie, clean, sums
        writer.write_truth(truth.content())


def _of_parts(spec, paths):
    """Yield (frames, clean moments, pixel sums) of part files that follow one another.

    The sums of a part come after its frames.
    """
    key, expected = spec.cache_key(), 0
    for path in paths:
        part = read_part(path)
        if (part.key, part.t0) != (key, expected):
            raise RecordingFileError(
                f"{path}: frames from {part.t0} of {part.key}, expected from {expected} of {key}"
            )
        moments, first = part.clean_moments, 0
        for movie in part.blocks(CHUNK_FRAMES):
            last = first + len(movie)
            if moments is None:
                yield movie, None, None
            else:
                yield movie, moments[first:last], NO_SUMS
            first = last
        if moments is not None:
            sums = np.stack([part.pixel_sums, part.pixel_square_sums])
            yield movie[:0], moments[:0], sums
        expected = part.t1


def _write_texts(spec, pieces, spec_json, statistics_json):
    """Statistics of the movie that comes in `pieces`, and the canonical specification."""
    depth = None
    dtype = np.dtype(spec.output.store_dtype)
    if spec.step("sensor") is not None:
        camera = spec.acquisition.image_sensor
        depth, dtype = camera.bit_depth, camera.count_dtype
    statistics = MovieStatistics(spec.fov_shape, dtype, depth)
    for movie, clean, sums in pieces:
        statistics.push(movie.astype(dtype, copy=False), clean, sums)
    content = statistics.content(spec.cache_key())
    warn_of_saturation(content["saturated_fraction"] or 0.0)
    write_json(statistics_json, content)
    write_text(spec_json, spec.model_dump_json() + "\n")
