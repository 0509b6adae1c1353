"""Stage-1 files and everything else a user brings: objects, probes, masks, measured patterns."""

from pathlib import Path

import numpy as np

from simlab.core.errors import InputFileError, MissingFileError, MissingKeyError
from simlab.core.files import npz_headers, read_npy, sha256_of, write_npz
from simlab.core.hdf5 import open_hdf5
from simlab.ptycho.files import products
from simlab.ptycho.files.archive import read_archive
from simlab.ptycho.files.hdf5 import read_dataset
from simlab.ptycho.headers import HDF5_SUFFIXES
from simlab.ptycho.objects import as_object
from simlab.ptycho.probes import as_probe


def read_input(path, *, allow_small_object=False):
    """Object and probe of a stage-1 file, or of any file that holds both.

    Parameters
    ----------
    path : path
        .npz with `objectGuess`, `probeGuess`; .h5/.hdf5/.cxi with the same names or in the
        product or CXI layout. Other arrays are ignored, so that data sets serve as inputs.
    allow_small_object : bool
        Accept an object that is smaller than the probe.

    Returns
    -------
    dict
        objectGuess complex64 (H, W) or (K, H, W); probeGuess complex64 (N, N) or (P, N, N);
        sha256 of the file; notes: what was chosen on the way, as texts.

    Raises
    ------
    MissingFileError, MissingKeyError, InputFileError
    PhysicsError
        The probe has no energy.
    """
    path = Path(path)
    if not path.exists():
        raise MissingFileError(f"Input file not found: {path}")
    if path.suffix in HDF5_SUFFIXES:
        with open_hdf5(path) as file:
            raw_object, notes = products.read_object(file)
            raw_probe, more = products.read_probe(file)
    else:
        present = npz_headers(path)
        keys = ("objectGuess", "probeGuess")
        if any(key not in present for key in keys):
            raise MissingKeyError(
                f"{path}: The .npz file must contain 'objectGuess' and 'probeGuess'; "
                f"found {list(present)}"
            )
        arrays = read_archive(path, keys)
        raw_object, raw_probe, notes, more = arrays["objectGuess"], arrays["probeGuess"], [], []
    object_guess = as_object(raw_object, f"{path}: objectGuess")
    probe_guess = as_probe(raw_probe, f"{path}: probeGuess")
    if not allow_small_object:
        check_sizes(object_guess, probe_guess, path)
    return {
        "objectGuess": object_guess,
        "probeGuess": probe_guess,
        "sha256": sha256_of(path),
        "notes": [*notes, *more],
    }


def check_sizes(object_guess, probe_guess, where):
    """Refuse an object smaller than the probe."""
    if min(object_guess.shape[-2:]) < probe_guess.shape[-1]:
        raise InputFileError(
            f"{where}: the object {object_guess.shape} is smaller than the probe "
            f"{probe_guess.shape}"
        )


def write_input(path, object_guess, probe_guess):
    """Write a stage-1 file: `objectGuess`, `probeGuess`, complex64, not compressed."""
    arrays = {"objectGuess": object_guess, "probeGuess": probe_guess}
    write_npz(path, {key: np.asarray(value, np.complex64) for key, value in arrays.items()})


def read_object_source(path, key="objectGuess"):
    """(array, notes): the raw object of a file of `object.file` (npz, npy, h5, hdf5, cxi)."""
    return _read_source(path, key, "object", products.read_object)


def read_probe_source(path, key="probeGuess"):
    """(array, notes): the raw probe of a file of `probe.file` (npz, npy, h5, hdf5, cxi)."""
    return _read_source(path, key, "probe", products.read_probe)


def _read_source(path, key, what, read_product):
    path = Path(path)
    if not path.exists():
        raise MissingFileError(f"{what} file not found: {path}")
    if path.suffix == ".npy":
        return read_npy(path), []
    if path.suffix in HDF5_SUFFIXES:
        with open_hdf5(path) as file:
            return read_product(file, key)
    if path.suffix == ".npz":
        return read_archive(path, [key])[key], []
    raise InputFileError(f"{path}: {what} files end in .npz, .npy, .h5, .hdf5 or .cxi")


def read_mask(path, N):
    """Detector mask uint8 (N, N), 1 = valid, DC at [N//2, N//2]; npy, or key `mask` of an npz."""
    path = Path(path)
    mask = read_npy(path) if path.suffix == ".npy" else read_archive(path, ["mask"])["mask"]
    if mask.shape != (N, N):
        raise InputFileError(f"{path}: the mask has shape {mask.shape}, expected {(N, N)}")
    if mask.dtype.kind not in "biuf" or not np.isin(mask, (0, 1)).all():
        raise InputFileError(f"{path}: the mask must hold 0 (invalid) and 1 (valid) only")
    if not mask.any():
        raise InputFileError(f"{path}: the mask leaves no valid pixel")
    return mask.astype(np.uint8)


def read_measured(path, frames=None):
    """Measured patterns with positions that an input file also holds, for comparison.

    Parameters
    ----------
    path : path
        npz or HDF5 with `diffraction` or `diff3d` (M, n, n) and positions.
    frames : sequence of int, optional
        Those to read; None reads all.

    Returns
    -------
    dict or None
        xcoords, ycoords float64 (M,) of all frames, diffraction (m, n, n) of those chosen, as
        stored (amplitude or intensity). None if the file holds no measurement.
    """
    path = Path(path)
    if path.suffix in HDF5_SUFFIXES:
        with open_hdf5(path) as file:
            places = ("diffraction", "diff3d", products.CXI_DATA)
            key = next((place for place in places if place in file), None)
            coordinates = products.positions(file)
            if key is None or coordinates is None:
                return None
            wanted = range(file[key].shape[0]) if frames is None else frames
            patterns = np.stack([read_dataset(file, key, np.s_[j]) for j in wanted])
    else:
        present = npz_headers(path)
        key = next((name for name in ("diffraction", "diff3d") if name in present), None)
        if key is None or "xcoords" not in present or "ycoords" not in present:
            return None
        coordinates = read_archive(path, ["xcoords", "ycoords"])
        patterns = read_archive(path, [key])[key]
        count = np.size(coordinates["xcoords"])
        if patterns.ndim == 3 and patterns.shape[2] == count != patterns.shape[0]:
            patterns = patterns.transpose(2, 0, 1)
        if frames is not None:
            patterns = patterns[list(frames)]
    return {
        **{key: np.asarray(value, np.float64).reshape(-1) for key, value in coordinates.items()},
        "diffraction": patterns,
    }
