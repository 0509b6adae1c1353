"""A recording: the observed movie and the ground truth that made it."""

import warnings
from collections.abc import Mapping
from functools import cached_property

import numpy as np
from pydantic import ValidationError

from simlab import __version__
from simlab.calcium.errors import RecordingFileError, SpecError, StageError
from simlab.calcium.files.folders import atomic_folder
from simlab.calcium.files.layout import in_file_order
from simlab.calcium.files.recordings import (
    AXES,
    COMPRESSIONS,
    Header,
    read_recording,
    recording_writer,
)
from simlab.calcium.ground_truth import GroundTruth
from simlab.calcium.movie_writing import open_movie, plan_movie, write_chunks
from simlab.calcium.scene_types import parse_spec
from simlab.core.errors import SimlabError
from simlab.core.files import write_npz

FRAMES_AT_A_TIME = 64


class FormatWarning(UserWarning):
    """A file can be read, but is not what it claims to be."""


class Snapshots(Mapping):
    """Movies after the steps, float32 by stage name; those of a file are read when used."""

    def __init__(self, movies):
        self._movies = dict(movies)

    def __getitem__(self, stage):
        if not isinstance(self._movies[stage], np.ndarray):
            self._movies[stage] = self._movies[stage][:]
        return self._movies[stage]

    def __iter__(self):
        return iter(self._movies)

    def __len__(self):
        return len(self._movies)


class Recording:
    """An observed movie, its specification and its ground truth.

    Parameters
    ----------
    spec : Spec
    ground_truth : GroundTruth
    movie : (T, H, W) array or RowReader
        Counts (uint8, uint16), or intensity (store_dtype) without a sensor; no frames without a
        step that makes a movie.
    snapshots : mapping of stage name to float32 (T, h, w)
    until : str or None
        Stage after which the simulation stopped.
    """

    def __init__(self, spec, ground_truth, movie, snapshots=None, until=None):
        self.spec, self.ground_truth, self.until = spec, ground_truth, until
        self.snapshots = Snapshots(snapshots or {})
        self._movie = movie

    @property
    def shape(self):
        """Frames, height, width."""
        return tuple(self._movie.shape)

    @property
    def n_frames(self):
        """Number of frames of the movie; 0 without a step that makes one."""
        return self.shape[0]

    @property
    def dtype(self):
        """Number type of the stored movie: uint8 or uint16 counts, or store_dtype."""
        return np.dtype(self._movie.dtype)

    @property
    def has_counts(self):
        """Whether the sensor ran."""
        return self.dtype.kind == "u"

    def frames(self, t0, t1):
        """Frames t0 ... t1 - 1 as they are stored; of a lazily loaded file only these are read."""
        if not 0 <= t0 <= t1 <= self.n_frames:
            raise SpecError(f"frames {t0} to {t1} are asked for, the recording has {self.n_frames}")
        return self._movie[t0:t1]

    @property
    def observed_counts(self):
        """Counts (T, H, W), uint8 or uint16; SpecError without a sensor."""
        if not self.has_counts:
            raise SpecError("the recording has no counts, because no sensor ran; use observed")
        return self._whole()

    @cached_property
    def observed(self):
        """The movie (T, H, W) in store_dtype: counts, or intensity without a sensor."""
        return self._whole().astype(self.spec.output.store_dtype, copy=False)

    def _whole(self):
        if not isinstance(self._movie, np.ndarray):
            self._movie = self._movie[:]
        return self._movie

    @property
    def observed_movie(self):
        """`observed` as xarray.DataArray with frame times (s) and positions (µm)."""
        try:
            import xarray
        except ImportError:
            raise MissingPackageError("xarray", "observed_movie") from None
        acquisition, (frames, height, width) = self.spec.acquisition, self.shape
        px = acquisition.pixel_size_um
        coordinates = {
            "frame": np.arange(frames) / acquisition.fps,
            "height": (np.arange(height) - (height - 1) / 2) * px,
            "width": (np.arange(width) - (width - 1) / 2) * px,
        }
        return xarray.DataArray(self.observed, coordinates, dims=AXES, name="observed")

    def stage(self, name):
        """Movie after the step `name` (kind or stage name), float32 (T, h, w); else StageError."""
        stage = "cells_only" if name == "composite" else name
        if stage not in self.snapshots:
            there = ", ".join(self.snapshots) or "none"
            raise StageError(
                f"no snapshot of stage {name!r} (there: {there}); set output.save_intermediates "
                "to keep the movie after each step"
            )
        return self.snapshots[stage]

    def header(self):
        """What the file says of the recording: files.recordings.Header."""
        return header_of(self.spec, self.ground_truth, list(self.snapshots), self.until)

    def save(self, path, *, compression=None):
        """Write a recording file; the same recording gives the same bytes.

        compression: of the movie, "gzip", "lzf" or None (shot noise barely compresses).
        """
        if compression not in COMPRESSIONS:
            raise SpecError(f"compression is {compression!r}, expected one of {COMPRESSIONS}")
        with open_recording_writer(
            path, self.spec, self.header(), self.shape, self.dtype, compression=compression
        ) as writer:
            for t0 in range(0, self.n_frames, FRAMES_AT_A_TIME):
                writer.append(self._movie[t0 : t0 + FRAMES_AT_A_TIME])
            writer.write_truth(self.ground_truth.content(), self.snapshots)

    @classmethod
    def load(cls, path, *, strict=False, lazy=True):
        """The recording in a file.

        Parameters
        ----------
        path : path
        strict : bool
            Refuse a file whose key is not that of its specification; else a FormatWarning.
        lazy : bool
            Read movie and snapshots when they are used; no file stays open.

        Raises
        ------
        MissingFileError
        RecordingFileError
            For anything but an intact recording file.
        """
        file = read_recording(path)
        try:
            spec = parse_spec(file.header.spec_json)
        except ValidationError as error:
            problem = error.errors()[0]
            text = f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}".removeprefix(": ")
            raise RecordingFileError(f"{path}: spec_json is no specification ({text})") from None
        if not file.key_matches:
            text = (
                f"{path}: spec_cache_key is {file.header.spec_cache_key}, which is not that of "
                "spec_json"
            )
            if strict:
                raise RecordingFileError(text)
            warnings.warn(text, FormatWarning, stacklevel=2)
        try:
            truth = GroundTruth.from_content(file.truth)
        except RecordingFileError as error:
            raise RecordingFileError(f"{path}: {error}") from None
        until = file.header.until or None
        recording = cls(spec, truth, file.movie, file.snapshots, until)
        recording._require_its_specification(path)
        if not lazy:
            recording._whole()
            for stage in recording.snapshots:
                recording.snapshots[stage]
        return recording

    def _require_its_specification(self, path):
        """RecordingFileError if movie or truth are not of the size and kind that `spec` gives."""
        spec, truth = self.spec, self.ground_truth
        counts = spec.step("sensor") is not None and self.until in (None, "sensor")
        camera, store_dtype = spec.acquisition.image_sensor, np.dtype(spec.output.store_dtype)
        found = {
            "frames": truth.C.shape[1],
            "field of view": truth.fov_shape,
            "observed": self.dtype,
        }
        expected = {
            "frames": spec.acquisition.n_frames,
            "field of view": spec.fov_shape,
            "observed": camera.count_dtype if counts else store_dtype,
        }
        for name, value in found.items():
            if value != expected[name]:
                raise RecordingFileError(
                    f"{path}: {name} is {value}, that of its specification {expected[name]}"
                )

    def write_video(self, path, fps=None, vmin=0.0, vmax=None, codec="Y800", progress=True):
        """Write the movie as a video, the same bytes as `simulate_video`; see there.

        Returns the Path; SpecError for a recording without frames or settings that cannot be
        written, VideoWriterError if the codec is not available.
        """
        plan = plan_movie(
            path, self.spec.acquisition, self.n_frames, counts=self.has_counts,
            fps=fps, vmin=vmin, vmax=vmax, codec=codec,
        )  # fmt: skip
        with open_movie(plan) as write:
            write_chunks(plan, write, self.frames, chunk_frames=FRAMES_AT_A_TIME, progress=progress)
        return plan.path

    def to_npz(self, path):
        """Write movie, truth and snapshots as one npz file.

        Keys: observed (as stored), the names of the ground truth, planted_offsets, planted_shapes,
        planted_data, canvas_shape, fov_offset, focal_depth_um, ext_<name>, stage_<name>, spec_json.
        """
        write_npz(path, dict(self._exported()))

    def to_zarr(self, path):
        """Write the same arrays as `to_npz` to a zarr group, scalars as attributes; needs zarr.

        The group appears when it is complete, in place of what was there.
        """
        try:
            import zarr
        except ImportError:
            raise MissingPackageError("zarr", "to_zarr") from None
        with atomic_folder(path) as part:
            group = zarr.open_group(str(part), mode="w")
            for name, values in self._exported():
                if values.ndim == 0:
                    group.attrs[name] = values.item()
                else:
                    group[name] = values

    def _exported(self):
        truth = self.ground_truth
        yield "observed", self._whole()
        for name in truth.present:
            yield name, getattr(truth, name)
        for name in ("offsets", "shapes", "data"):
            yield f"planted_{name}", getattr(truth.planted, name)
        yield "canvas_shape", np.array(truth.planted.canvas_shape)
        yield "fov_offset", np.array(truth.fov_offset)
        if truth.focal_depth_um is not None:
            yield "focal_depth_um", np.array(truth.focal_depth_um)
        for name, values in in_file_order(truth.ext).items():
            yield f"ext_{name}", values
        for name, movie in self.snapshots.items():
            yield f"stage_{name}", movie
        yield "spec_json", np.array(self.spec.model_dump_json())


def header_of(spec, ground_truth, snapshot_names=(), until=None):
    """Header of the file of a recording."""
    return Header(
        spec_json=spec.model_dump_json(),
        spec_cache_key=spec.cache_key(),
        software_version=__version__,
        noise_mode=spec.extensions.sensor_noise,
        gt_present=ground_truth.present,
        snapshot_names=list(snapshot_names),
        until=until or "",
    )


def open_recording_writer(path, spec, header, shape, dtype, *, compression=None):
    """Context of a files.recordings.RecordingWriter for a recording of `spec`.

    The frames may come in pieces of any length; the bytes are those of `Recording.save`.

    Parameters
    ----------
    path : path
    spec : Spec
    header : Header
        See `header_of`.
    shape : (T, H, W)
    dtype : numpy dtype of the movie as stored
    compression : "gzip", "lzf" or None
    """
    return recording_writer(
        path,
        header,
        shape,
        dtype,
        fps=spec.acquisition.fps,
        pixel_size_um=spec.acquisition.pixel_size_um,
        compression=compression,
    )


class MissingPackageError(SimlabError, ImportError):
    """An optional package is not installed."""

    def __init__(self, package, what):
        super().__init__(f"{what} needs the package {package}, which is not installed")
