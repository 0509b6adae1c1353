"""Pairs for training: where samples are cut from recordings, and what belongs to each."""

from dataclasses import dataclass

from simlab.core.random import generator


@dataclass(frozen=True)
class Place:
    """A sample of a recording: its first frame, row and column."""

    key: str
    sample: int
    t0: int
    y0: int
    x0: int


def place(spec, key, sample, training):
    """Where sample number `sample` of a recording lies.

    First frame, row and column are drawn in this order, each equally likely, from the stream
    "calcium.sample" of the recording's seed.

    Parameters
    ----------
    spec : Spec
    key : str
    sample : int
    training : config.Training
    """
    rng = generator(spec.seed, "calcium.sample", sample)
    height, width = patch_shape(spec, training)
    rows, columns = spec.fov_shape
    t0 = int(rng.integers(spec.acquisition.n_frames - training.frames + 1))
    y0 = int(rng.integers(rows - height + 1))
    x0 = int(rng.integers(columns - width + 1))
    return Place(key, sample, t0, y0, x0)


def patch_shape(spec, training):
    """Height and width of a sample, px."""
    if training.patch is None:
        return spec.fov_shape
    return training.patch, training.patch


def expected_scale(spec):
    """Counts per unit of intensity: gain * QE * photons_per_unit; None without a sensor.

    Expected counts are expected_scale * exposure * clean - 0.5 where nothing clips.
    """
    step, sensor = spec.step("sensor"), spec.acquisition.image_sensor
    if step is None:
        return None
    return sensor.gain_adu_per_e * sensor.quantum_efficiency * step.photons_per_unit
