"""Pipelines that resample, smooth, pad and crop a probe: `smooth:2|pad:128`."""

import numpy as np

from simlab.ptycho.filters import gaussian_blur, radius_map
from simlab.ptycho.inputs import as_square
from simlab.ptycho.kinds import parse_transform


def transform_probe(probe, text):
    """Apply the pipeline `text` to a probe, mode by mode.

    Steps, separated by `|`: `smooth:SIGMA` (amplitude and unwrapped phase blurred separately),
    `pad:SIDE` and `pad_preserve:SIDE` (zeros around), `interp:SIDE` (cubic spline of real and
    imaginary part, corners on corners), `pad_extrapolate:SIDE` (amplitude of the edge repeated,
    phase a r^2 + b everywhere), `crop:SIDE` (the middle).

    Parameters
    ----------
    probe : complex (N, N) or (K, N, N)
    text : str

    Returns
    -------
    probe : complex64 (N2, N2) or (K, N2, N2)
    steps : list of dict
        Operation, value, sides and what was fitted, one a step.

    Errors: ConfigError for an unknown operation or an impossible side, InputFileError for a
    probe that is not square.
    """
    waves = as_square(probe, "probe")
    modes = waves.reshape(-1, *waves.shape[-2:]).astype(np.complex128)
    records = []
    for step in parse_transform(text):
        side = modes.shape[-1]
        after = step.target(side)
        record = {"op": step.op, "value": step.value, "side_before": side, "side_after": after}
        if step.op == "smooth":
            modes = np.stack([smoothed(mode, step.value) for mode in modes])
        elif step.op == "crop":
            low = (side - after) // 2
            modes = modes[:, low : low + after, low : low + after]
        elif step.op == "interp":
            modes = np.stack([resampled(mode, after) for mode in modes])
        elif step.op == "pad_extrapolate":
            extended = [extrapolated(mode, after) for mode in modes]
            modes = np.stack([mode for mode, _ in extended])
            record["phase_fit"] = [fit for _, fit in extended]
        else:
            modes = np.stack([padded(mode, after) for mode in modes])
        records.append(record)
    return modes.reshape(*waves.shape[:-2], *modes.shape[-2:]).astype(np.complex64), records


def unwrapped_phase(probe):
    """Phase without jumps, brightest pixels first; float64 (N, N), radians."""
    from simlab.ptycho.kernels.unwrapping import unwrap

    probe = np.ascontiguousarray(probe, np.complex128)
    return unwrap(np.angle(probe), np.abs(probe))


def smoothed(probe, sigma):
    """G_sigma of the amplitude times exp(i G_sigma of the unwrapped phase), complex128."""
    phase = gaussian_blur(unwrapped_phase(probe), sigma)
    return gaussian_blur(np.abs(probe), sigma) * np.exp(1j * phase)


def padded(array, side, mode="constant"):
    """`array` (N, N) in the middle of (side, side): (side-N)//2 pixels before it."""
    before = (side - array.shape[0]) // 2
    return np.pad(array, (before, side - array.shape[0] - before), mode=mode)


def resampled(probe, side):
    """Cubic spline of real and imaginary part on side x side points, corners on corners."""
    from scipy.ndimage import zoom

    factor = side / probe.shape[0]
    # "mirror" is the spline's own edge rule; the default would drop points that rounding puts
    # 1e-16 outside
    real, imaginary = (
        zoom(np.ascontiguousarray(part), factor, order=3, mode="mirror")
        for part in (probe.real, probe.imag)
    )
    return real + 1j * imaginary


def extrapolated(probe, side):
    """Edge-repeated amplitude with the phase a r^2 + b fitted to the probe.

    Least squares of the unwrapped phase, weighted by |P|^2 (the phase of a pixel is as uncertain
    as 1/|P|); r from the middle of the array.

    Returns
    -------
    complex128 (side, side), {"a": radians/px^2, "b": radians}
    """
    amplitude, r2 = np.abs(probe), radius_map(probe.shape[0]) ** 2
    design = np.stack([r2, np.ones_like(r2)], axis=-1) * amplitude[..., None]
    target = unwrapped_phase(probe) * amplitude
    a, b = np.linalg.lstsq(design.reshape(-1, 2), target.ravel())[0]
    phase = a * radius_map(side) ** 2 + b
    wave = padded(amplitude, side, mode="edge") * np.exp(1j * phase)
    return wave, {"a": float(a), "b": float(b)}
