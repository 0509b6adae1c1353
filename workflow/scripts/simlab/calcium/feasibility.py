"""What stands in the way of one recording, found before anything is simulated."""

from simlab.calcium.costs import check_simulation
from simlab.calcium.errors import SpecError
from simlab.core.config import nearest

RAW = "Y800"


def counts_as(spec):
    """What the values of a movie are."""
    if spec.step("sensor") is None:
        return f"intensity as {spec.output.store_dtype}"
    return f"{spec.acquisition.image_sensor.bit_depth}-bit counts"


def recording_problems(dataset, point):
    """What stands in the way of one recording."""
    spec = point.spec
    try:
        check_simulation(spec)
    except SpecError as error:
        yield str(error)
    sensor = spec.step("sensor") is not None
    if dataset.video:
        if not spec.has_movie():
            yield "video: no step makes a movie"
        elif not sensor and dataset.video_options.vmax is None:
            yield "video_options.vmax is needed for a movie without sensor"
        elif dataset.video_options.codec != RAW and any(side % 2 for side in spec.fov_shape):
            yield f"video_options.codec {dataset.video_options.codec} needs even sides, use {RAW}"
    names = set(spec.stage_names) | {step.kind for step in spec.steps}
    for stage in dataset.stages:
        if stage not in names:
            hint = nearest(stage, names)
            known = ", ".join(spec.stage_names)
            yield f"stages: {stage!r} is no step of this recording{hint} ({known})"
    yield from _problems_of_parts(dataset, spec)
    yield from _problems_of_training(dataset, spec)


def _problems_of_parts(dataset, spec):
    if dataset.frames_per_part in (None, "auto"):
        return
    if spec.extensions.sensor_noise == "sequential":
        yield "frames_per_part: sequential sensor noise cannot be rendered in parts, use null"
    if spec.output.save_intermediates:
        yield "frames_per_part: parts keep no snapshots (output.save_intermediates), use null"


def _problems_of_training(dataset, spec):
    training = dataset.training
    if training is None:
        return
    if not spec.has_movie():
        yield "training: no step makes a movie"
    if training.clean and spec.step("sensor") is None:
        yield "training.clean: the movie has no sensor step, it is clean itself; use clean: false"
    if training.frames > spec.acquisition.n_frames:
        yield f"training.frames is {training.frames}, the recording has {spec.acquisition.n_frames}"
    shortest = min(spec.fov_shape)
    if training.patch is not None and training.patch > shortest:
        yield f"training.patch is {training.patch}, the recording has {shortest} px"
