"""Which arrays a recording's ground truth has, with which shapes."""

import numpy as np


def expected_truth(spec, n_units):
    """{name: shape} of the ground truth of a recording with `n_units` units."""
    n, frames, fov = n_units, spec.acquisition.n_frames, spec.fov_shape
    kinds = {step.kind for step in spec.steps}
    shapes = {
        "C": (n, frames),
        "S": (n, frames),
        "centers_um": (n, 3),
        "amplitude_per_cell": (n,),
        "in_focus": (n,),
        "detectable": (n,),
    }
    if {"optics", "place_neurons"} <= kinds:
        shapes |= {"observed_sigma_px": (n,), "observed_gain": (n,)}
    if {"bleaching", "cell_activity", "place_neurons"} <= kinds:
        shapes["bleaching"] = (n, frames)
    if "brain_motion" in kinds:
        shapes["shifts"] = (frames, 2)
    for kind, name in (
        ("illumination_profile", "illumination"),
        ("vignette", "vignette"),
        ("leakage", "leakage"),
    ):
        if kind in kinds:
            shapes[name] = fov
    vessels = spec.step("vasculature")
    if vessels is not None and vessels.enabled and vessels.layers:
        shapes |= {"vasculature_mask": fov, "vessel_overlap_fraction": (n,)}
    neuropil = spec.step("neuropil")
    if neuropil is not None:
        shapes["neuropil_spatial"] = (neuropil.n_components, *fov)
        shapes["neuropil_temporal"] = (neuropil.n_components, frames)
    return shapes


def problems_of_truth(truth, shapes):
    """Texts: arrays that are missing, of another shape, not finite, or there without their step."""
    found = []
    for name, shape in shapes.items():
        values = getattr(truth, name)
        if values is None:
            found.append(f"{name} is missing")
        elif np.shape(values) != shape:
            found.append(f"{name} is {np.shape(values)}, expected {shape}")
        elif not _is_finite(name, values):
            found.append(f"{name} is not finite")
    planted = truth.planted
    pixels = int(np.prod(planted.shapes, axis=1, dtype=np.int64).sum())
    if len(planted) != shapes["detectable"][0] or len(planted.data) != pixels:
        found.append(f"planted holds {len(planted)} footprints with {len(planted.data)} pixels")
    elif not np.isfinite(planted.data).all():
        found.append("planted is not finite")
    return found


def _is_finite(name, values):
    values = np.asarray(values)
    # NaN says that there is no activity
    return np.isfinite(values).all() or (name == "amplitude_per_cell" and np.isnan(values).all())
