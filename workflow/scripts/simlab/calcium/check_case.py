"""A data set as the checks see it: its recordings, one at a time, each read once."""

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from simlab.calcium.errors import RecordingFileError
from simlab.calcium.files.recordings import read_recording
from simlab.calcium.recording import FormatWarning, Recording
from simlab.calcium.statistics import MovieStatistics
from simlab.core.files import read_json

CHUNK = 64


@dataclass
class View:
    """One recording of a data set and what belongs to it.

    Attributes
    ----------
    point : points.Point
    dataset : config.CalciumDataset
    recording, statistics, video : path or None
    """

    point: object
    dataset: object
    recording_path: Path | None = None
    statistics_path: Path | None = None
    video_path: Path | None = None
    notes: dict = field(default_factory=dict)

    @property
    def spec(self):
        """The Spec that the configuration asks for."""
        return self.point.spec

    @cached_property
    def recording(self):
        """The stored Recording; RecordingFileError if it cannot be read."""
        with warnings.catch_warnings():
            # a key that does not match is what `key_matches` reports
            warnings.simplefilter("ignore", FormatWarning)
            return Recording.load(self.recording_path)

    @property
    def readable(self):
        """Whether the recording is intact, or not kept at all."""
        try:
            return self.recording_path is None or self.recording is not None
        except RecordingFileError:
            return False

    @cached_property
    def stored_key(self):
        """The key that the recording file claims."""
        return read_recording(self.recording_path).header.spec_cache_key

    @property
    def truth(self):
        """Its ground truth."""
        return self.recording.ground_truth

    @cached_property
    def statistics(self):
        """Content of its statistics file."""
        return read_json(self.statistics_path)

    @property
    def camera(self):
        """The image sensor."""
        return self.spec.acquisition.image_sensor

    @cached_property
    def movie(self):
        """`Movie`: what one pass over the stored movie finds."""
        return measure_movie(self)


@dataclass(frozen=True)
class Movie:
    """What one pass over a movie finds.

    Attributes
    ----------
    statistics : dict
        `MovieStatistics.content` without the movie before digitization.
    outside : int
        Counts above the largest that the sensor gives.
    means : float64 (T,)
        Mean of every frame.
    dark, saturated : float64 (T,)
        Share of the pixels of every frame that are 0, and that are the largest count.
    """

    statistics: dict
    outside: int
    means: np.ndarray
    dark: np.ndarray
    saturated: np.ndarray


def measure_movie(view):
    """The `Movie` of a `View`."""
    spec, sensor = view.spec, view.spec.step("sensor")
    depth = None if sensor is None else view.camera.bit_depth
    largest = view.camera.max_count
    n_frames = view.recording.n_frames
    statistics, outside, means, dark, saturated = None, 0, [], [], []
    for t0 in range(0, n_frames, CHUNK):
        frames = view.recording.frames(t0, min(t0 + CHUNK, n_frames))
        if statistics is None:
            statistics = MovieStatistics(frames.shape[1:], frames.dtype, depth)
        if sensor is not None:
            outside += int((frames > largest).sum())
            frames = np.minimum(frames, largest)
            dark.extend((frames == 0).mean(axis=(1, 2)))
            saturated.extend((frames == largest).mean(axis=(1, 2)))
        means.extend(frames.mean(axis=(1, 2), dtype=np.float64))
        statistics.push(frames)
    if statistics is None:
        dtype = view.recording.dtype
        statistics = MovieStatistics(spec.fov_shape, dtype, depth)
    content = statistics.content(view.point.key)
    return Movie(content, outside, np.array(means), np.array(dark), np.array(saturated))
