"""The data set in memory: `RawData`, its files, and its split into training and test frames."""

import numpy as np

from simlab.core.errors import ConfigError, InputFileError, MissingKeyError
from simlab.ptycho import params
from simlab.ptycho.files.published import write_dataset_h5, write_dataset_npz
from simlab.ptycho.files.readers import logger, read_arrays
from simlab.ptycho.files.shards import FramesInMemory
from simlab.ptycho.grouping import full_scale, group_coordinates, neighbor_groups
from simlab.ptycho.metadata import validate_parameters
from simlab.ptycho.patches import PatchSource, as_stack
from simlab.ptycho.splits import TEST, TRAIN, split_labels, split_line

FRAME_ARRAYS = (
    "xcoords",
    "ycoords",
    "xcoords_start",
    "ycoords_start",
    "diff3d",
    "scan_index",
    "object_index",
    "Y",
    "frame_scale",
    "dose",
)
SHARED_ARRAYS = ("probeGuess", "objectGuess", "detector_mask")
PATCH_BATCH = 256


class RawData:
    """Diffraction patterns, where they were taken, with what illumination and of what.

    Parameters
    ----------
    xcoords, ycoords, xcoords_start, ycoords_start : (M,) float64
        True and nominal scan positions, object px, x = column.
    diff3d : (M, N, N) or None
        Stored measurement.
    probeGuess : (N, N) or (P, N, N) complex64
    scan_index : (M,) int64 or None
    objectGuess : (H, W) or (K, H, W) complex64, optional
    Y : (M, N, N) complex64, optional
        Ground-truth patches.
    norm_Y_I : float, optional
    metadata : dict, optional
    intensity_scale : float, optional
        s: counts = (diff3d * s)^2 for normalized amplitudes.
    object_index : (M,) int64, optional
    detector_mask : (N, N) uint8, optional
        1 = valid pixel.
    frame_scale, dose : (M,) float64, optional
        s_j and photons of every frame where the dose varies.

    Raises
    ------
    ConfigError (a ValueError)
        Shapes that do not belong together.
    """

    def __init__(
        self,
        xcoords,
        ycoords,
        xcoords_start,
        ycoords_start,
        diff3d,
        probeGuess,
        scan_index,
        objectGuess=None,
        Y=None,
        norm_Y_I=None,
        metadata=None,
        *,
        intensity_scale=None,
        object_index=None,
        detector_mask=None,
        frame_scale=None,
        dose=None,
    ):
        self.xcoords = np.asarray(xcoords, np.float64)
        self.ycoords = np.asarray(ycoords, np.float64)
        self.xcoords_start = np.asarray(xcoords_start, np.float64)
        self.ycoords_start = np.asarray(ycoords_start, np.float64)
        self.diff3d = _optional(diff3d)
        self.probeGuess = np.asarray(probeGuess)
        self.scan_index = _optional(scan_index)
        self.objectGuess = _optional(objectGuess)
        self.Y = _optional(Y)
        self.norm_Y_I = None if norm_Y_I is None else float(norm_Y_I)
        self.metadata = metadata
        self.intensity_scale = None if intensity_scale is None else float(intensity_scale)
        self.object_index = _optional(object_index)
        self.detector_mask = _optional(detector_mask)
        self.frame_scale = _optional(frame_scale)
        self.dose = _optional(dose)
        self._check()

    def _check(self):
        shape = self.xcoords.shape
        for name in ("xcoords", "ycoords", "xcoords_start", "ycoords_start"):
            found = getattr(self, name).shape
            if len(found) != 1 or found != shape:
                raise ConfigError(
                    f"RawData: {name} has shape {found}, the four coordinate arrays must be 1-D "
                    f"and of equal length (xcoords {shape})"
                )
        probe = self.probeGuess.shape
        if len(probe) not in (2, 3) or probe[-1] != probe[-2]:
            raise ConfigError(
                f"RawData: probeGuess has shape {probe}, expected (N, N) or (P, N, N)"
            )
        frames = (*shape, *probe[-2:])
        for name, expected in (
            ("diff3d", frames),
            ("Y", frames),
            ("scan_index", shape),
            ("object_index", shape),
            ("frame_scale", shape),
            ("dose", shape),
            ("detector_mask", probe[-2:]),
        ):
            values = getattr(self, name)
            if values is not None and values.shape != expected:
                raise ConfigError(f"RawData: {name} has shape {values.shape}, expected {expected}")
        if self.objectGuess is not None and self.objectGuess.ndim not in (2, 3):
            raise ConfigError(
                f"RawData: objectGuess has shape {self.objectGuess.shape}, expected 2-D or 3-D"
            )

    @classmethod
    def from_coords_without_pc(cls, x, y, diff, probe, scan_index, objectGuess=None):
        """Data whose nominal positions are the true ones."""
        return cls(x, y, np.copy(x), np.copy(y), diff, probe, scan_index, objectGuess)

    @classmethod
    def from_simulation(cls, x, y, probe, object, scan_index=None, nphotons=1e9, rng=None):
        """Simulate the patterns of `object` under `probe` at positions `x`, `y`.

        `rng` is a seed (None = 42), or a Generator or RandomState from which one is drawn.
        """
        from simlab.ptycho.simulation import simulate  # which returns RawData

        if isinstance(rng, np.random.RandomState):
            seed = int(rng.randint(2**31 - 1))
        elif isinstance(rng, np.random.Generator):
            seed = int(rng.integers(2**63))
        else:
            seed = 42 if rng is None else rng
        raw = simulate(object, probe, x, y, nphotons=nphotons, seed=seed)
        if scan_index is not None:
            raw.scan_index = np.asarray(scan_index, np.int64)
            raw._check()
        return raw

    @classmethod
    def from_file(cls, path, validate_config=False, current_config=None):
        """Data of a file of any data set format, see `read_dataset`.

        With `validate_config`, what differs between the file's metadata and `current_config`
        (nphotons, N, gridsize) is logged as warnings.
        """
        raw = read_dataset(path)
        if validate_config:
            for problem in validate_parameters(raw.metadata, current_config or {}):
                logger.warning("%s: %s", path, problem)
        return raw

    @classmethod
    def from_files(cls, train, test):
        """(train, test) data of two files."""
        return cls.from_file(train), cls.from_file(test)

    def to_file(self, path):
        """Write everything to `path` (.npz or .h5); `from_file` returns the same."""
        write_dataset(path, self)

    def __len__(self):
        return len(self.xcoords)

    def __getitem__(self, item):
        """The frames of a slice, an index array, a bool mask or one index; the rest is shared."""
        if isinstance(item, int | np.integer):
            item = [item]
        parts = {name: getattr(self, name) for name in FRAME_ARRAYS}
        parts = {k: None if value is None else value[item] for k, value in parts.items()}
        return RawData(
            **parts,
            **{name: getattr(self, name) for name in SHARED_ARRAYS},
            norm_Y_I=self.norm_Y_I,
            metadata=self.metadata,
            intensity_scale=self.intensity_scale,
        )

    def __str__(self):
        lines = [f"RawData: {len(self)} frames"]
        for name in (*FRAME_ARRAYS, *SHARED_ARRAYS):
            values = getattr(self, name)
            text = "None" if values is None else f"{values.shape} {values.dtype}"
            lines.append(f"  {name}: {text}")
        lines += [f"  {name}: {getattr(self, name)}" for name in ("intensity_scale", "norm_Y_I")]
        return "\n".join(lines)

    def iter_patches(self):
        """Ground-truth patches in frame order, complex64 (m, N, N) blocks.

        Stored ones if there are any, else cut again from objectGuess at the true positions with
        the interpolation that the metadata name.
        """
        starts = range(0, len(self), PATCH_BATCH)
        if self.Y is not None:
            yield from (self.Y[start : start + PATCH_BATCH] for start in starts)
            return
        if self.objectGuess is None:
            raise MissingKeyError("RawData: neither Y nor objectGuess, there is no ground truth")
        physics = (self.metadata or {}).get("physics_parameters", {})
        source = PatchSource(
            as_stack(self.objectGuess, "objectGuess"),
            self.probeGuess.shape[-1],
            physics.get("subpixel", "bilinear"),
        )
        for start in starts:
            rows = slice(start, start + PATCH_BATCH)
            index = None if self.object_index is None else self.object_index[rows]
            located = source.locate(self.xcoords[rows], self.ycoords[rows], index)
            patches = np.empty((len(located[0]), source.N, source.N), np.complex64)
            source.cut(*located, patches)
            yield patches

    def generate_grouped_data(
        self,
        N,
        K=4,
        nsamples=1,
        seed=None,
        sequential_sampling=False,
        gridsize=None,
        enable_oversampling=False,
        neighbor_pool_size=None,
        include_seed=True,
        legacy=False,
    ):
        """Groups of C = gridsize^2 neighboring frames, see `grouping.neighbor_groups`.

        `gridsize` None is 1, in legacy mode `params.get("gridsize")`.

        Returns
        -------
        dict
            nn_indices (B, C) int64; diffraction (B, N, N, C); X_full (B, N, N, C) float32 =
            X_full_scale * diffraction; X_full_scale float; coords_nn, coords_relative
            (B, 1, 2, C), coords_offsets (B, 1, 2, 1), the same of the nominal positions as
            coords_start_nn, coords_start_relative, coords_start_offsets; Y (B, N, N, C) complex64
            if the truth is known; objectGuess; sample_indices (B,) where frames were selected.
        """
        if self.diff3d is None:
            raise ConfigError("generate_grouped_data: diff3d is None, there is nothing to group")
        if self.diff3d.shape[-1] != N:
            raise ConfigError(
                f"generate_grouped_data: N is {N}, the patterns have side {self.diff3d.shape[-1]}"
            )
        if gridsize is None:
            gridsize = params.get("gridsize") if legacy else 1
        indices, sampled = neighbor_groups(
            self.xcoords,
            self.ycoords,
            gridsize=gridsize,
            K=K,
            nsamples=nsamples,
            seed=seed,
            sequential_sampling=sequential_sampling,
            enable_oversampling=enable_oversampling,
            neighbor_pool_size=neighbor_pool_size,
            include_seed=include_seed,
            legacy=legacy,
        )
        diffraction = self.diff3d[indices].transpose(0, 2, 3, 1)
        scale = full_scale(self._sums_of_squares(), indices, N)
        grouped = {
            "nn_indices": indices,
            "diffraction": diffraction,
            "X_full": (scale * diffraction).astype(np.float32),
            "X_full_scale": scale,
            **grouped_coordinates(self, indices),
        }
        if self.Y is not None or self.objectGuess is not None:
            truth = np.concatenate(list(self.iter_patches()))
            grouped["Y"] = truth[indices].transpose(0, 2, 3, 1)
        if self.objectGuess is not None:
            grouped["objectGuess"] = self.objectGuess
        if sampled is not None:
            grouped["sample_indices"] = sampled
        return grouped

    def _sums_of_squares(self):
        return np.array([np.square(frame, dtype=np.float64).sum() for frame in self.diff3d])


def grouped_coordinates(positions, indices):
    """Coordinates of groups, of the true and of the nominal positions, as a dict."""
    arrays = {}
    for name, suffix in (("coords", ""), ("coords_start", "_start")):
        x, y = (getattr(positions, f"{axis}coords{suffix}") for axis in "xy")
        nn, offsets, relative = group_coordinates(x, y, indices)
        arrays |= {f"{name}_nn": nn, f"{name}_offsets": offsets, f"{name}_relative": relative}
    return arrays


def _optional(values):
    return None if values is None else np.asarray(values)


def read_dataset(path, assume=None):
    """A data set file (npz or HDF5, legacy or canonical, ours or the original tool's) as `RawData`.

    `assume="intensity"` converts integer frames of old experimental files to amplitude. Errors and
    tolerances: `files.readers.open_dataset`.
    """
    arrays, metadata = read_arrays(path, assume)
    if "probeGuess" not in arrays:
        raise MissingKeyError(f"{path}: no array 'probeGuess'; found {list(arrays)}")
    truth = arrays.pop("ground_truth_patches", None)
    arrays.pop("nphotons", None)  # the metadata have it
    for key in ("norm_Y_I", "intensity_scale"):
        if key in arrays:
            arrays[key] = float(arrays[key])
    try:
        return RawData(**arrays, Y=None if truth is None else truth[..., 0], metadata=metadata)
    except ConfigError as error:
        raise InputFileError(f"{path}: {str(error).removeprefix('RawData: ')}") from None


def write_dataset(path, raw, *, contract="legacy", compression="auto"):
    """Write `raw` to an npz or HDF5 file without loss; see `files.published`.

    `contract` "legacy" or "canonical" chooses the key names.
    """
    suffix = str(path)[str(path).rfind(".") :] if "." in str(path) else ""
    writers = {".npz": write_dataset_npz, ".h5": write_dataset_h5, ".hdf5": write_dataset_h5}
    if suffix not in writers:
        raise ConfigError(f"{path}: data sets are written to .npz, .h5 or .hdf5 files")
    if raw.diff3d is None:
        raise ConfigError(f"{path}: diff3d is None, there are no frames to write")
    frames = {name: getattr(raw, name) for name in FRAME_ARRAYS}
    frames["ground_truth_patches"] = None if raw.Y is None else raw.Y[..., None]
    for key in ("scan_index", "object_index"):
        if frames[key] is None:
            frames[key] = np.zeros(len(raw), np.int64)
    shared = {name: getattr(raw, name) for name in SHARED_ARRAYS}
    shared |= {"intensity_scale": raw.intensity_scale, "norm_Y_I": raw.norm_Y_I}
    shared["nphotons"] = ((raw.metadata or {}).get("physics_parameters") or {}).get("nphotons")
    for key in ("intensity_scale", "norm_Y_I", "nphotons"):
        shared[key] = None if shared[key] is None else np.float64(shared[key])
    writers[suffix](
        path,
        FramesInMemory(frames),
        shared,
        raw.metadata,
        contract=contract,
        compression=compression,
    )


def split_raw_data_by_axis(raw, *, split_fraction=0.5, axis="y", gap=0.0):
    """(train, test): the frames on the two sides of a line across the scan.

    Both parts are ordered by the coordinate (stable); arrays common to all frames are shared.

    Parameters
    ----------
    raw : RawData
    split_fraction : float
        In (0, 1); the int(round(M * split_fraction)) frames with the largest coordinate are test.
    axis : "x" or "y"
    gap : float
        Width of the strip around the line whose frames are left out, px; with N no train patch
        overlaps a test patch.

    Returns
    -------
    tuple of RawData

    Raises
    ------
    ConfigError
        `raw` has no patterns, or one of the parts would be empty.
    """
    if raw.diff3d is None:
        raise ConfigError("split_raw_data_by_axis: diff3d is None, there are no frames to split")
    labels = split_labels(
        raw.xcoords, raw.ycoords, axis=axis, test_fraction=split_fraction, gap=gap
    )
    order, _, _ = split_line(raw.xcoords if axis == "x" else raw.ycoords, split_fraction)
    return tuple(raw[order[labels[order] == label]] for label in (TRAIN, TEST))
