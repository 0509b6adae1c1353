"""Rules calcium_scene and calcium_part: scenes, and parts of movies rendered from them."""

import numpy as np

from simlab.calcium.files.parts import part_writer
from simlab.calcium.render import Renderer
from simlab.calcium.scene import build_scene
from simlab.calcium.scene_types import Scene
from simlab.calcium.specs import spec_from
from simlab.calcium.statistics import frame_moments, pixel_sums
from simlab.core.progress import progress

CHUNK_FRAMES = 32


def write_scene(spec, h5):
    """Write the scene file of a recording; `spec` is `specs.recording_spec`."""
    build_scene(spec_from(spec)).save(h5)


def write_part(frames, scene_h5, h5):
    """Render frames `(t0, t1)` of a scene file into a part file."""
    t0, t1 = frames
    scene = Scene.load(scene_h5)
    renderer = Renderer(scene)
    moments, sums = [], np.zeros((2, *scene.fov_shape), np.uint64)
    key = scene.spec.cache_key()
    with part_writer(h5, t0, t1, scene.fov_shape, renderer.dtype, key) as writer:
        for movie, clean in rendered(renderer, t0, t1):
            writer.append(movie)
            if clean is not None:
                moments.append(clean)
                sums += pixel_sums(movie)
        if renderer.has_counts:
            writer.finish(np.concatenate(moments), *sums)
        else:
            writer.finish()


def rendered(renderer, t0, t1):
    """Yield (frames, moments before digitization) of frames t0 to t1, a chunk at a time.

    The moments are `statistics.frame_moments`, None without a sensor.
    """
    starts = range(t0, t1, CHUNK_FRAMES)
    for start in progress(starts, len(starts), "rendering frames"):
        stop = min(start + CHUNK_FRAMES, t1)
        if renderer.has_counts:
            counts, clean = renderer.both(start, stop)
            yield counts, frame_moments(clean)
        else:
            yield renderer.clean(start, stop), None
