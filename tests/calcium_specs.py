"""Reference specifications of the calcium tests, and small specifications of their own."""

import json
import warnings
from functools import cache
from pathlib import Path

import numpy as np

from simlab.calcium.spec import Spec, SpecWarning

DATA = Path(__file__).resolve().parent / "data" / "calcium"
HEAVY = ("numba", "cv2", "h5py", "scipy", "pyopencl", "matplotlib")
EVERY_EXTENSION = {
    "saturation": {"half": 2.0},
    "segments": [{"start_frame": 2, "gap_s": 600.0}],
    "hot_pixels": {"fraction": 0.05},
    "dropped_frames": {"fraction": 0.3},
}


@cache
def reference(name):
    """Content of a JSON file of reference data."""
    return json.loads((DATA / f"{name}.json").read_text())


@cache
def arrays(name):
    """Arrays of a reference file as a dict."""
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as archive:
        return dict(archive)


def reference_spec(name, **changes):
    """A named specification of the reference data, with top-level fields replaced."""
    return quiet_spec({**reference("specs")[name]["input"], **changes})


def quiet_spec(mapping):
    """`mapping` as Spec; its advice is not shown."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpecWarning)
        return Spec.model_validate(mapping)


def small(*steps, n_px=(32, 40), frames=4, fps=20.0, seed=3, sensor=None, ext=None, **acquisition):
    """A small Spec of 1 µm pixels; `steps` are kinds or step mappings, `sensor` chip fields."""
    height, width = n_px
    chip = {"n_px_height": height, "n_px_width": width, "pixel_pitch_um": 8.0, **(sensor or {})}
    mapping = {
        "acquisition": {
            "image_sensor": chip,
            "fps": fps,
            "duration_s": frames / fps,
            **acquisition,
        },
        "seed": seed,
        "steps": [{"kind": step} if isinstance(step, str) else step for step in steps],
    }
    return quiet_spec(mapping if ext is None else {**mapping, "ext": ext})
