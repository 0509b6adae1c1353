"""Whether the arrays of a recording file belong to one recording.

Shapes by symbols: n units, T frames, H and W of the field of view, K components.
"""

import numpy as np

from simlab.calcium.errors import RecordingFileError

REQUIRED = {
    "C": "nT",
    "S": "nT",
    "centers_um": "n3",
    "amplitude_per_cell": "n",
    "in_focus": "n",
    "detectable": "n",
}
OPTIONAL = {
    "observed_sigma_px": "n",
    "observed_gain": "n",
    "bleaching": "nT",
    "shifts": "T2",
    "illumination": "HW",
    "vignette": "HW",
    "leakage": "HW",
    "vasculature_mask": "HW",
    "vessel_overlap_fraction": "n",
    "neuropil_spatial": "KHW",
    "neuropil_temporal": "KT",
    "neuropil_population": "T",
}
EXT = {"exposure": "T", "emission": "nT", "hot_pixels": "HW", "dropped": "T"}
"""Truths of the extensions, in the order in which files hold them."""

FLAGS = ("in_focus", "detectable", "dropped")


def in_file_order(ext):
    """Truths of the extensions (dict of arrays) in the order of files, unknown ones last."""
    names = [*EXT, *sorted(ext.keys() - EXT)]
    return {name: ext[name] for name in names if name in ext}


def check_layout(path, observed, truth):
    """RecordingFileError, naming file and array, unless the arrays fit one another.

    Parameters
    ----------
    path : path
    observed : dataset or array (T, H, W)
        The movie; no frames if nothing makes a movie.
    truth : files.recordings.Truth
    """
    try:
        _check_planted(truth.planted)
        sizes = {"n": len(truth.planted["offsets"]), "T": _frames(truth), "2": 2, "3": 3}
        sizes["H"], sizes["W"] = truth.planted["fov_shape"]
        absent = [name for name in REQUIRED if name not in truth.arrays]
        if absent:
            raise ValueError(f"the ground truth lacks {', '.join(absent)}")
        for name, axes in {**REQUIRED, **OPTIONAL}.items():
            if name in truth.arrays:
                _check_array(name, truth.arrays[name], axes, sizes)
        for name, values in truth.ext.items():
            _check_array(name, values, EXT.get(name), sizes)
        sigma = truth.arrays.get("observed_sigma_px", np.zeros(0))
        if not (np.isfinite(sigma) & (sigma >= 0)).all():
            raise ValueError("observed_sigma_px has values that are not finite or below 0")
        sizes["T"] = (observed.ndim != 3 or len(observed)) and sizes["T"]
        _check_array("observed", observed, "THW", sizes)
        depth = truth.focal_depth_um
        if depth is not None and np.asarray(depth).dtype.kind not in "fiu":
            raise ValueError(f"focal_depth_um is {depth!r}, expected a number")
    except ValueError as error:
        raise RecordingFileError(f"{path}: {error}") from None


def _frames(truth):
    C = truth.arrays.get("C", np.zeros((0, 0)))
    return C.shape[1] if C.ndim == 2 else -1


def _check_array(name, values, axes, sizes):
    """Numbers of the expected shape; an axis of unknown size is remembered in `sizes`."""
    if axes is not None and len(axes) == values.ndim:
        expected = tuple(sizes.setdefault(a, n) for a, n in zip(axes, values.shape, strict=True))
    else:
        expected = axes and f"({', '.join(axes)})"
    if expected is not None and values.shape != expected:
        raise ValueError(f"{name} has shape {values.shape}, expected {expected}")
    kinds = "b" if name in FLAGS else "fiub"
    if values.dtype.kind not in kinds:
        raise ValueError(
            f"{name} is {values.dtype}, expected {'flags' if kinds == 'b' else 'numbers'}"
        )


def _check_planted(planted):
    for name in ("canvas_shape", "fov_offset", "fov_shape"):
        if len(planted[name]) != 2:
            raise ValueError(f"{name} of planted is {planted[name]}, expected 2 numbers")
    offsets, shapes, data = (planted[name] for name in ("offsets", "shapes", "data"))
    sizes = {"2": 2}
    _check_array("planted/offsets", offsets, "n2", sizes)
    _check_array("planted/shapes", shapes, "n2", sizes)
    canvas = np.array(planted["canvas_shape"])
    if (offsets < 0).any() or (shapes < 0).any() or (offsets + shapes > canvas).any():
        raise ValueError(f"footprints of planted leave the canvas {tuple(planted['canvas_shape'])}")
    view = np.add(planted["fov_offset"], planted["fov_shape"])
    if min(planted["fov_offset"]) < 0 or (view > canvas).any():
        raise ValueError(f"the field of view leaves the canvas {tuple(planted['canvas_shape'])}")
    sizes["m"] = int(np.prod(shapes, axis=1, dtype=np.int64).sum())
    _check_array("planted/data", data, "m", sizes)
