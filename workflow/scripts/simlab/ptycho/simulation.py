"""Simulation in memory: `simulate`, and its memoized form for random positions."""

import math

import numpy as np

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError
from simlab.core.random import check_seed
from simlab.ptycho.cache import memoize_raw_data
from simlab.ptycho.config import DetectorConfig
from simlab.ptycho.dataset import RawData
from simlab.ptycho.files.inputs import check_sizes, read_mask
from simlab.ptycho.forward import ForwardModel
from simlab.ptycho.inputs import whole_number
from simlab.ptycho.metadata import create_metadata, physics_of
from simlab.ptycho.objects import as_object
from simlab.ptycho.patches import as_positions
from simlab.ptycho.photons import dataset_scale, photons_of
from simlab.ptycho.probes import as_probe
from simlab.ptycho.scans import scan_positions
from simlab.ptycho.statistics import observed_norm

CACHE_DIR = ".artifacts/synthetic_helpers/cache"
BUFFER_FRACTION = 0.35


def simulate(
    object_guess,
    probe_guess,
    x,
    y,
    *,
    nphotons=None,
    seed=42,
    intensity_scale=None,
    first_frame=0,
    object_index=None,
    detector=None,
    subpixel="bilinear",
    measurement="normalized_amplitude",
    store_patches=True,
    threads=1,
    batch=None,
):
    """Simulate the diffraction patterns of an object at scan positions, in memory.

    Parameters
    ----------
    object_guess : (H, W) or (K, H, W)
        Object or objects; real arrays are taken as complex with zero phase, with a warning.
    probe_guess : (N, N) or (P, N, N)
        Probe, or mutually incoherent modes.
    x, y : (M,)
        Scan positions, object px, x = column.
    nphotons : float, optional
        Mean photons per pattern; None = the detector's, 1e9 by default. Without influence where
        the detector draws the dose from a range: sqrt(lo hi) is then recorded instead.
    seed : int
        Of the detector's random numbers.
    intensity_scale : float, optional
        s; None computes it from the frames of this call.
    first_frame : int
        Global number of frame 0, so that a call on x[a:b] with first_frame=a and the whole data
        set's intensity_scale gives its frames a..b. (With dose: {range: ...} the scale of a frame
        may differ in the last bit.)
    object_index : (M,) int, optional
        Object of each position; 0 by default.
    detector : DetectorConfig or mapping, optional
        What becomes of the photons; see the configuration keys.
    subpixel : "bilinear", "fourier" or "nearest"
        Interpolation of patches between pixels.
    measurement : str
        normalized_amplitude, count_intensity, count_amplitude or intensity.
    store_patches : bool
        Keep the ground truth as Y.
    threads : int
        Never changes a bit.
    batch : int, optional
        Frames computed at a time; never changes a bit either.

    Returns
    -------
    RawData
        With diff3d, Y, intensity_scale, norm_Y_I, metadata; detector_mask, frame_scale and dose
        where they apply.

    Raises
    ------
    InputFileError, ConfigError, PhysicsError
        PhysicsError: no energy in the scan area, counts that do not fit.
    """
    check_seed(seed)
    objects = as_object(object_guess, "object_guess")
    probe = as_probe(probe_guess, "probe_guess")
    check_sizes(objects, probe, "simulate")
    x, y = as_positions(x, y)
    if len(x) == 0:
        raise ConfigError("simulate: n_images is 0, at least one position is needed")
    detector = _detector(detector, nphotons)
    side = probe.shape[-1]
    model = ForwardModel(
        objects,
        probe,
        seed=seed,
        nphotons=detector.nphotons,
        detector=detector,
        mask=None if detector.mask_file is None else read_mask(detector.mask_file, side),
        subpixel=subpixel,
        measurement=measurement,
    )
    scale, mean = _scale(model, detector, intensity_scale, x, y, object_index)
    counted = measurement == "count_intensity" and detector.poisson
    diff3d = np.empty((len(x), side, side), np.uint32 if counted else np.float32)
    patches = np.empty((len(x), side, side), np.complex64) if store_patches else None
    counts, varies = np.empty(len(x)), detector.dose != "mean"
    frame_scale, dose = (np.empty(len(x)) if varies else None for _ in range(2))
    for block in model.frames(
        x,
        y,
        intensity_scale=scale,
        mean_power=mean,
        first_frame=first_frame,
        object_index=object_index,
        store_patches=store_patches,
        threads=threads,
        batch=batch,
        into=(diff3d, patches),
    ):
        rows = slice(block.start, block.stop)
        counts[rows] = block.statistics["counts_sum"]
        if varies:
            frame_scale[rows], dose[rows] = block.frame_scale, block.dose
    scales = scale if frame_scale is None else frame_scale
    index = np.zeros(len(x), np.int64) if object_index is None else np.asarray(object_index)
    return RawData(
        x,
        y,
        x.copy(),
        y.copy(),
        diff3d,
        probe,
        index.astype(np.int64),
        objects,
        patches,
        observed_norm(counts, scales, photons_of(detector)),
        create_metadata(
            physics_of(
                detector,
                N=side,
                intensity_scale=scale,
                mean_exit_power=mean,
                measurement=measurement,
                subpixel=subpixel,
            ),
            script="simlab.ptycho.simulate",
            simulation={
                "n_images": len(x),
                "seed": int(seed),
                "first_frame": int(first_frame),
                "patches": "stored" if store_patches else "recompute",
            },
        ),
        intensity_scale=scale,
        object_index=index.astype(np.int64),
        detector_mask=model.detector_mask,
        frame_scale=frame_scale,
        dose=dose,
    )


def _detector(detector, nphotons):
    """The DetectorConfig in force; photons given twice must be equal."""
    config = parse_config(DetectorConfig, {} if detector is None else detector, "detector")
    if nphotons is None:
        return config
    if "nphotons" in config.model_fields_set and config.nphotons != nphotons:
        raise ConfigError(
            f"nphotons is {nphotons} and detector.nphotons {config.nphotons}: give one of them"
        )
    values = config.model_dump(mode="json") | {"nphotons": nphotons}
    return parse_config(DetectorConfig, values, "simulate")


def _scale(model, detector, intensity_scale, x, y, object_index):
    """(intensity_scale, mean power) given or computed from all frames of the call."""
    if intensity_scale is None:
        return dataset_scale(model.power(x, y, object_index), detector)
    if not (math.isfinite(intensity_scale) and intensity_scale > 0):
        raise ConfigError(f"intensity_scale is {intensity_scale}, a finite number > 0 is expected")
    return float(intensity_scale), photons_of(detector) / intensity_scale**2


def _check_numbers(*, N, n_images, nphotons, seed, sim_gridsize, **_):
    check_seed(seed)
    whole_number(N, "N", 1)
    whole_number(n_images, "n_images", 1)
    if whole_number(sim_gridsize, "sim_gridsize", 1) != 1:
        raise ConfigError(f"sim_gridsize is {sim_gridsize}, only 1 can be simulated")
    parse_config(DetectorConfig, {"nphotons": nphotons}, "simulate_nongrid_raw_data")


@memoize_raw_data(
    default_cache_dir=CACHE_DIR, cache_prefix="simulate_nongrid", check=_check_numbers
)
def simulate_nongrid_raw_data(
    object_guess,
    probe_guess,
    *,
    N,
    n_images,
    nphotons,
    seed,
    buffer=None,
    sim_gridsize=1,
    use_cache=True,
    cache_dir=None,
):
    """Simulate `n_images` patterns at uniformly random positions.

    Parameters
    ----------
    object_guess : (H, W) or (K, H, W)
    probe_guess : (N, N) or (P, N, N)
    N : int
        Side of the probe, px.
    n_images : int
    nphotons : float
        Mean photons per pattern.
    seed : int
        Of positions and detector noise: equal seeds give equal data.
    buffer : float, optional
        Distance kept from the edges, px; None = 0.35 min(H, W); clamped with a warning.
    sim_gridsize : int
        Must be 1; groups are made afterwards.
    use_cache : bool
        Read a stored result, or store this one.
    cache_dir : path, optional
        None = `.artifacts/synthetic_helpers/cache` in the working directory.

    Returns
    -------
    RawData
        With Y.
    """
    objects = as_object(object_guess, "object_guess")
    probe = as_probe(probe_guess, "probe_guess")
    if probe.shape[-1] != N:
        raise ConfigError(f"N is {N}, the probe has shape {probe.shape}")
    check_sizes(objects, probe, "simulate_nongrid_raw_data")
    if objects.ndim == 3:
        raise ConfigError(f"object_guess has shape {objects.shape}, one object (H, W) is expected")
    shape = objects.shape
    if buffer is None:
        buffer = BUFFER_FRACTION * min(shape)
    x, y = scan_positions("uniform_random", shape, N, n_images, seed=seed, buffer=buffer)
    return simulate(objects, probe, x, y, nphotons=nphotons, seed=seed)
