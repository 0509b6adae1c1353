"""Does a file keep the data contract? Keys, shapes, dtypes, values; frames are read in blocks."""

import json
import math
from pathlib import Path

import h5py
import numpy as np

from simlab.core.errors import SimlabError
from simlab.core.files import npz_headers
from simlab.core.hdf5 import open_hdf5
from simlab.ptycho.files.archive import METADATA
from simlab.ptycho.files.readers import open_dataset
from simlab.ptycho.files.shards import CANONICAL, POSITIONS
from simlab.ptycho.headers import HDF5_SUFFIXES
from simlab.ptycho.metadata import SCHEMA_VERSION

DTYPES = {
    "xcoords": ("float64",),
    "ycoords": ("float64",),
    "xcoords_start": ("float64",),
    "ycoords_start": ("float64",),
    "diff3d": ("float32", "uint16", "uint32"),
    "probeGuess": ("complex64",),
    "objectGuess": ("complex64",),
    "scan_index": ("int64",),
    "object_index": ("int64",),
    "ground_truth_patches": ("complex64",),
    "intensity_scale": ("float64",),
    "norm_Y_I": ("float64",),
    "nphotons": ("float64",),
    "detector_mask": ("uint8",),
    "frame_scale": ("float64",),
    "dose": ("float64",),
}
REQUIRED = (*POSITIONS[:5], "diff3d", "probeGuess", "objectGuess")
WITH_SCALE = ("object_index", "intensity_scale", "norm_Y_I", "nphotons")
"""Required where the metadata declare a `scale_contract_version`; older files lack them."""


def validate_dataset(path):
    """What in a data set file breaks the contract, as texts; empty = nothing.

    Parameters
    ----------
    path : path
        npz or HDF5 data set, legacy or canonical.
    """
    try:
        found = _headers(Path(path))
        problems = _check_headers(found)
        with open_dataset(path, finite=False) as data:
            problems += _check_arrays(found, data)
            problems += _check_record(found, data)
            problems += _check_frames(data)
        if Path(path).suffix in HDF5_SUFFIXES:
            problems += _check_root(Path(path), found)
    except SimlabError as error:
        return [str(error)]
    return problems


def _headers(path):
    """{key: (shape, dtype)} of what lies in the file."""
    if path.suffix not in HDF5_SUFFIXES:
        return npz_headers(path)
    with open_hdf5(path) as file:
        found = {k: (v.shape, v.dtype) for k, v in file.items() if isinstance(v, h5py.Dataset)}
        return found | ({METADATA: ((), np.dtype(str))} if METADATA in file.attrs else {})


def _check_headers(found):
    problems = [
        f"{key} and {CANONICAL[key]} are both there, one array has two names"
        for key in CANONICAL
        if key in found and CANONICAL[key] in found
    ]
    for key in REQUIRED:
        if key not in found and CANONICAL.get(key) not in found:
            problems.append(f"{key} is missing")
    for key, allowed in DTYPES.items():
        for name in (key, CANONICAL.get(key)):
            if name in found and str(found[name][1]) not in allowed:
                problems.append(f"{name} is {found[name][1]}, expected {' or '.join(allowed)}")
    if METADATA not in found:
        problems.append(f"{METADATA} is missing")
    elif found[METADATA][1].hasobject:
        problems.append(f"{METADATA} is a pickled Python object, expected a unicode scalar")
    return problems


def _check_arrays(found, data):
    problems, frames, shared = [], data.frames, data.shared
    count, (shape, _) = len(frames), frames.layout("diff3d")
    side = shape[1]
    if shape[1] != shape[2]:
        problems.append(f"diff3d has shape {shape}, the frames must be square")
    if side % 2 or not 16 <= side <= 1024:
        problems.append(f"frames have side {side}, it must be even and 16..1024")
    expected = {"ground_truth_patches": (count, side, side, 1), "Y": (count, side, side)}
    expected |= {"diff3d": (count, side, side), "diffraction": (count, side, side)}
    expected |= {"detector_mask": (side, side)}
    expected |= {key: (count,) for key in (*POSITIONS, "frame_scale", "dose")}
    expected |= {key: () for key in ("intensity_scale", "norm_Y_I", "nphotons")}
    for key, wanted in expected.items():
        if key in found and tuple(found[key][0]) != wanted:
            problems.append(f"{key} has shape {tuple(found[key][0])}, expected {wanted}")
    probe = shared.get("probeGuess")
    if probe is not None:
        if probe.ndim not in (2, 3) or probe.shape[-2:] != (side, side):
            problems.append(f"probeGuess has shape {probe.shape}, expected (..., {side}, {side})")
        problems += _not_finite("probeGuess", probe)
        if not probe.any():
            problems.append("probeGuess has no energy, it is 0 everywhere")
    objects = shared.get("objectGuess")
    if objects is not None:
        problems += _not_finite("objectGuess", objects)
        if objects.ndim not in (2, 3):
            problems.append(f"objectGuess has shape {objects.shape}, expected (H, W) or (K, H, W)")
        index = frames.read("object_index")
        known = objects.shape[0] if objects.ndim == 3 else 1
        if count and not 0 <= index.min() <= index.max() < known:
            problems.append(
                f"object_index is {index.min()}..{index.max()}, there are {known} objects"
            )
    for key in ("xcoords", "ycoords", "xcoords_start", "ycoords_start"):
        problems += _not_finite(key, frames.read(key))
    varying = [key for key in ("frame_scale", "dose") if key in frames.keys]
    if len(varying) == 1:
        problems.append(f"{varying[0]} is there without its partner (frame_scale, dose)")
    for key in varying:
        values = frames.read(key)
        problems += _not_finite(key, values)
        if np.any(values <= 0):
            problems.append(f"{key} of frame {np.argmax(values <= 0)} is not positive")
    mask = shared.get("detector_mask")
    if mask is not None and not np.isin(mask, (0, 1)).all():
        problems.append("detector_mask holds values other than 0 and 1")
    return problems


def _check_record(found, data):
    """The metadata, and that the scalars agree with it."""
    if data.metadata is None:
        return []
    problems = []
    version = data.metadata.get("schema_version")
    if version != SCHEMA_VERSION:
        problems.append(f"metadata: schema_version is {version!r}, expected {SCHEMA_VERSION!r}")
    physics = data.metadata.get("physics_parameters", {})
    simulation = data.metadata.get("simulation", {})
    if physics.get("scale_contract_version") is not None:
        problems += [f"{key} is missing" for key in WITH_SCALE if key not in found]
    (count, side, _), dtype = data.frames.layout("diff3d")
    for name, recorded, actual in (
        ("N", physics.get("N"), side),
        ("nphotons", physics.get("nphotons"), data.shared.get("nphotons")),
        ("intensity_scale", physics.get("intensity_scale"), data.shared.get("intensity_scale")),
    ):
        if recorded is not None and actual is not None and recorded != actual:
            problems.append(f"metadata: {name} is {recorded}, the arrays say {actual}")
    if simulation.get("n_images", count) < count:  # a file may hold a part of the data set
        problems.append(
            f"metadata: n_images is {simulation['n_images']}, the file has {count} frames"
        )
    for key in ("nphotons", "intensity_scale"):
        value = data.shared.get(key)
        if value is not None and not (math.isfinite(value) and value > 0):
            problems.append(f"{key} is {value}, a finite number > 0 is expected")
    has_patches = "ground_truth_patches" in data.frames.keys
    if simulation.get("patches") == "stored" and not has_patches:
        problems.append("metadata: patches are stored, but the file has none")
    if simulation.get("patches") == "recompute" and has_patches:
        problems.append("metadata: patches are to be recomputed, but the file has them")
    counted = data.domain == "count_intensity" and physics.get("poisson", True)
    if physics.get("measurement_domain") is not None and (dtype.kind == "u") != counted:
        problems.append(f"metadata: measurement_domain is {data.domain}, the frames are {dtype}")
    return problems


def _check_frames(data):
    problems = []
    mask = data.shared.get("detector_mask")
    shape = data.frames.layout("diff3d")[0]
    hidden = None if mask is None or mask.shape != shape[1:] else mask == 0
    problems += _first_bad(data, "diff3d", lambda block: ~np.isfinite(block), "not finite")
    problems += _first_bad(data, "diff3d", lambda block: block < 0, "negative")
    if hidden is not None:
        problems += _first_bad(
            data, "diff3d", lambda block: (block != 0) & hidden, "not zero behind the mask"
        )
    if "ground_truth_patches" in data.frames.keys:
        problems += _first_bad(
            data, "ground_truth_patches", lambda block: ~np.isfinite(block), "not finite"
        )
    return problems


def _first_bad(data, key, is_bad, what):
    start = 0
    for block in data.frames.blocks(key):
        bad = is_bad(block).reshape(len(block), -1).sum(axis=1)
        if bad.any():
            frame = int(np.argmax(bad > 0))
            return [f"{key}: {bad[frame]} values of frame {start + frame} are {what}"]
        start += len(block)
    return []


def _not_finite(key, values):
    bad = values.size - np.count_nonzero(np.isfinite(values))
    return [f"{key}: {bad} of {values.size} values are not finite"] if bad else []


def _check_root(path, found):
    problems = []
    with open_hdf5(path) as file:
        for key, wanted in (("format", "ptycho-dataset"), ("format_version", 1)):
            if file.attrs.get(key) != wanted:
                problems.append(f"attribute {key} is {file.attrs.get(key)!r}, expected {wanted!r}")
        try:
            missing = [k for k in json.loads(file.attrs.get("sample_arrays", "")) if k not in found]
        except ValueError:
            return [*problems, "attribute sample_arrays is missing or no JSON list"]
    return problems + [f"sample_arrays names {key}, which is missing" for key in missing]
