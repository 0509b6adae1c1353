"""Rule calcium_training: pairs for training, cut from the recordings of a split."""

from dataclasses import astuple
from pathlib import Path

import numpy as np

from simlab.calcium.files.training import training_writer
from simlab.calcium.plan import training_samples, training_shards
from simlab.calcium.recording import Recording
from simlab.calcium.render import Renderer
from simlab.calcium.scene import build_scene
from simlab.calcium.scene_types import Scene
from simlab.calcium.specs import dataset_from
from simlab.calcium.training import expected_scale, patch_shape, place
from simlab.core.progress import progress
from simlab.core.provenance import package_versions


def write_shard(spec, split, shard, recordings, scenes, h5, *, code):
    """Cut the samples of a shard.

    Parameters
    ----------
    spec : dict
        `specs.training_spec`.
    split, shard : str
    recordings, scenes : list of path
        Named after their keys; the scene of a recording that has no file is built again.
    h5 : path
    code : str
        Digest of the code.
    """
    dataset = dataset_from(spec)
    training, points = dataset.training, dataset.expansion.by_key
    samples = training_samples(dataset, split, shard)
    places = [place(points[key].spec, key, sample, training) for key, sample in samples]
    recordings = {Path(path).stem: path for path in recordings}
    scenes = {Path(path).stem: path for path in scenes}
    first = points[samples[0][0]].spec
    shape = (training.frames, *patch_shape(first, training))
    scales = {expected_scale(points[key].spec) for key in recordings}
    attributes = {
        "spec": spec,
        "seed": dataset.seed,
        "code": code,
        "versions": package_versions(),
        "split": split,
        "shards": len(training_shards(dataset)[split]),
        "expected_scale": scales.pop() if len(scales) == 1 else None,
        "bit_depth": first.acquisition.image_sensor.bit_depth if first.step("sensor") else None,
    }
    with training_writer(
        h5,
        [(where.key.encode(), *astuple(where)[1:]) for where in places],
        shape,
        movie_dtype(first),
        clean=training.clean,
        attributes=attributes,
    ) as writer:
        for key in progress(sorted(recordings), len(recordings), "cutting samples"):
            recording = Recording.load(recordings[key], strict=True)
            renderer = None
            if training.clean:
                renderer = Renderer(_scene(points[key].spec, scenes.get(key)))
            for position, where in enumerate(places):
                if where.key == key:
                    writer.write(position, *_pair(recording, renderer, where, shape))
            _write_units(writer, key, points[key].spec, recording.ground_truth)


def movie_dtype(spec):
    """Number type of the movie of a recording."""
    if spec.step("sensor") is None:
        return np.dtype(spec.output.store_dtype)
    return spec.acquisition.image_sensor.count_dtype


def _scene(spec, path):
    return build_scene(spec) if path is None else Scene.load(path)


def _pair(recording, renderer, where, shape):
    """Observed and clean (t, h, w) of a sample; `clean` is None without a renderer."""
    frames, height, width = shape
    last = where.t0 + frames
    cut = (slice(None), slice(where.y0, where.y0 + height), slice(where.x0, where.x0 + width))
    noisy = recording.frames(where.t0, last)[cut]
    return noisy, None if renderer is None else renderer.clean(where.t0, last)[cut]


def _write_units(writer, key, spec, truth):
    arrays = {
        "C": truth.C,
        "S": truth.S,
        "detectable": truth.detectable,
        "shifts": truth.shifts,
        "exposure": truth.ext.get("exposure"),
    }
    writer.write_units(key, truth.A_csr(), arrays, {"expected_scale": expected_scale(spec)})
