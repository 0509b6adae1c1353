"""A recording: the observed movie and the ground truth that made it."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import numpy as np
from pydantic import ValidationError

from simlab import __version__
from simlab.calcium.errors import RecordingFileError, SpecError, StageError
from simlab.calcium.files.recordings import (
    AXES,
    COMPRESSIONS,
    Header,
    Truth,
    read_recording,
    recording_writer,
)
from simlab.calcium.footprints import FootprintStack
from simlab.calcium.movie_writing import open_movie, plan_movie, write_chunks
from simlab.calcium.optics import blur_footprints
from simlab.calcium.scene_types import parse_spec
from simlab.core.errors import SimlabError
from simlab.core.files import write_npz

FRAMES_AT_A_TIME = 64
PER_UNIT = (
    *("C", "S", "centers_um", "amplitude_per_cell", "in_focus", "detectable"),
    *("observed_sigma_px", "observed_gain", "bleaching"),
)
WHOLE = (
    *("shifts", "illumination", "vignette", "leakage", "vasculature_mask"),
    *("vessel_overlap_fraction", "neuropil_spatial", "neuropil_temporal", "neuropil_population"),
)
ALWAYS = PER_UNIT[:6]
ARRAYS = (*PER_UNIT, *WHOLE)
"""Arrays of the ground truth in the order of the file."""


class FormatWarning(UserWarning):
    """A file can be read, but is not what it claims to be."""


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """What made a recording; n units (cells whose planted box overlaps the field of view).

    Attributes
    ----------
    planted : FootprintStack
        Footprints before optics, on the canvas.
    fov_offset, fov_shape : tuple of 2 int
        Place of the field of view on the canvas, and its size, px.
    C, S : float64 (n, T)
        Calcium trace and spikes per frame; zeros without activity.
    centers_um : float64 (n, 3)
        Depth, y, x, µm.
    amplitude_per_cell : float64 (n,)
        Brightness; NaN without activity.
    in_focus, detectable : bool (n,)
    observed_sigma_px, observed_gain : float64 (n,) or None
        Blur, px, and collected fraction of each unit; None without optics.
    bleaching : float64 (n, T) or None
        Unbleached fraction.
    shifts : float64 (T, 2) or None
        Displacement of the content, px (down, right).
    illumination, vignette, leakage, vasculature_mask : float64 (H, W) or None
    vessel_overlap_fraction : float64 (n,) or None
        Share of each unit's light that vessels take.
    neuropil_spatial, neuropil_temporal, neuropil_population : float64 (K, H, W), (K, T), (T,)
        Background; None where absent.
    focal_depth_um : float or None
    ext : dict of str to array
        Truth of the extensions: exposure (T,), emission (n, T), hot_pixels (H, W), dropped (T,).
    """

    planted: FootprintStack
    fov_offset: tuple
    fov_shape: tuple
    C: np.ndarray
    S: np.ndarray
    centers_um: np.ndarray
    amplitude_per_cell: np.ndarray
    in_focus: np.ndarray
    detectable: np.ndarray
    observed_sigma_px: np.ndarray | None = None
    observed_gain: np.ndarray | None = None
    bleaching: np.ndarray | None = None
    shifts: np.ndarray | None = None
    illumination: np.ndarray | None = None
    vignette: np.ndarray | None = None
    leakage: np.ndarray | None = None
    vasculature_mask: np.ndarray | None = None
    vessel_overlap_fraction: np.ndarray | None = None
    neuropil_spatial: np.ndarray | None = None
    neuropil_temporal: np.ndarray | None = None
    neuropil_population: np.ndarray | None = None
    focal_depth_um: float | None = None
    ext: dict = field(default_factory=dict)

    @property
    def n_units(self):
        """Number of units."""
        return len(self.centers_um)

    @property
    def depth_um(self):
        """Depth of each unit below the surface, µm (n,)."""
        return self.centers_um[:, 0]

    @cached_property
    def A_observed_sparse(self):
        """Footprints after optics on the canvas: FootprintStack; the planted ones without."""
        if self.observed_sigma_px is None:
            return self.planted
        return blur_footprints(self.planted, self.observed_sigma_px, self.observed_gain)

    @cached_property
    def A_planted(self):
        """Footprints before optics in the field of view, float32 (n, H, W)."""
        return self._in_view(self.planted).to_dense()

    @cached_property
    def A_observed(self):
        """Footprints after optics in the field of view, float32 (n, H, W)."""
        return self._in_view(self.A_observed_sparse).to_dense()

    def A_csr(self):
        """Footprints after optics in the field of view, scipy CSR float32 (n, H * W)."""
        return self._in_view(self.A_observed_sparse).to_csr()

    def _in_view(self, stack):
        return stack.crop(*self.fov_offset, *self.fov_shape)

    def detectable_subset(self):
        """The ground truth of the detectable units only."""
        kept = self.detectable
        units = {
            name: getattr(self, name)[kept]
            for name in (*PER_UNIT, "vessel_overlap_fraction")
            if getattr(self, name) is not None
        }
        ext = {
            name: values[kept] if name == "emission" else values
            for name, values in self.ext.items()
        }
        return replace(self, planted=self.planted.select(kept), ext=ext, **units)

    def content(self):
        """The ground truth as a recording file holds it: files.recordings.Truth."""
        planted = self.planted
        return Truth(
            arrays={name: getattr(self, name) for name in self.present},
            planted={
                "offsets": planted.offsets,
                "shapes": planted.shapes,
                "data": planted.data,
                "canvas_shape": planted.canvas_shape,
                "fov_offset": self.fov_offset,
                "fov_shape": self.fov_shape,
            },
            ext=self.ext,
            focal_depth_um=self.focal_depth_um,
        )

    @property
    def present(self):
        """Names of the arrays that are there, in the order of the file."""
        return [name for name in ARRAYS if getattr(self, name) is not None]

    @classmethod
    def from_content(cls, truth):
        """The ground truth in a files.recordings.Truth; RecordingFileError if it is not whole."""
        absent = [name for name in ALWAYS if name not in truth.arrays]
        if absent:
            raise RecordingFileError(f"the ground truth lacks {', '.join(absent)}")
        planted = dict(truth.planted)
        offset, shape = planted.pop("fov_offset"), planted.pop("fov_shape")
        known = {f.name for f in fields(cls)}
        return cls(
            planted=FootprintStack(**planted),
            fov_offset=offset,
            fov_shape=shape,
            **{name: values for name, values in truth.arrays.items() if name in known},
            ext=dict(truth.ext),
            focal_depth_um=None if truth.focal_depth_um is None else float(truth.focal_depth_um),
        )


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
        if not file.key_matches:
            text = (
                f"{path}: spec_cache_key is {file.header.spec_cache_key}, which is not that of "
                "spec_json"
            )
            if strict:
                raise RecordingFileError(text)
            warnings.warn(text, FormatWarning, stacklevel=2)
        try:
            spec = parse_spec(file.header.spec_json)
        except ValidationError as error:
            text = " ".join(str(error).split())
            raise RecordingFileError(f"{path}: spec_json is no specification ({text})") from None
        try:
            truth = GroundTruth.from_content(file.truth)
        except RecordingFileError as error:
            raise RecordingFileError(f"{path}: {error}") from None
        until = file.header.until or None
        recording = cls(spec, truth, file.movie, file.snapshots, until)
        if not lazy:
            recording._whole()
            for stage in recording.snapshots:
                recording.snapshots[stage]
        return recording

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
        """Write the same arrays as `to_npz` to a zarr group, scalars as attributes; needs zarr."""
        try:
            import zarr
        except ImportError:
            raise MissingPackageError("zarr", "to_zarr") from None
        group = zarr.open_group(str(path), mode="w")
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
        for name, values in truth.ext.items():
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
