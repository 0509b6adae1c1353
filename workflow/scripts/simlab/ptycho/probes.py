"""Probes: the complex illumination, one or several mutually incoherent modes."""

import logging
import math
from pathlib import Path

import numpy as np

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError, InputFileError, PhysicsError
from simlab.core.files import read_npz
from simlab.core.random import generator
from simlab.ptycho.filters import gaussian_blur
from simlab.ptycho.inputs import as_square, real_input
from simlab.ptycho.physical_probes import fzp_probe, gaussian_probe, unit_power, zernike_probe
from simlab.ptycho.probe_transforms import transform_probe
from simlab.ptycho.source_config import ProbeConfig

__all__ = [
    "as_probe",
    "build_probe",
    "circular_mask",
    "fzp_probe",
    "gaussian_probe",
    "get_default_probe",
    "incoherent_modes",
    "legacy_probe_mask",
    "make_probe",
    "normalize_probe",
    "transform_probe",
    "unit_power",
    "zernike_probe",
]

logger = logging.getLogger("simlab.ptycho")

KINDS_OF_OPTICS = ("gaussian", "fzp", "zernike")
MODES = ("idealized", "custom", "integration", *KINDS_OF_OPTICS)
SIDE_RANGE = (16, 1024)
MAX_SCALE = 4
FLOOR = 1e-9
POWER_RATIO = 0.75
RANK_TOLERANCE = 1e-12


def get_default_probe(N, fmt="np", scale=None):
    """Blurred disk, the original tool's default probe: real, positive, maximum 1.

    P = G_1(D) + 1e-9 with D = 1 where g[i] g[j] > 0.5, g a symmetric Gaussian window of standard
    deviation N / (scale pi^2): a disk of radius sqrt(2 ln 2) times that.

    Parameters
    ----------
    N : int
        Side, px, even, 16..1024.
    fmt : "np" or "c64"
        float64 or complex64.
    scale : float, optional
        0 < scale <= 4; None = `params.get("default_probe_scale")`.

    Returns
    -------
    float64 or complex64 (N, N)
        With a warning where the disk does not fit.

    Raises
    ------
    ConfigError
        For an argument out of range.
    """
    if fmt not in ("np", "c64"):
        raise ConfigError(f"fmt is {fmt!r}, valid: np, c64")
    if scale is None:
        from simlab.ptycho.params import get

        scale = get("default_probe_scale")
    _check_side(N)
    sigma = _default_sigma(N, scale)
    for text in _radius_warnings(N, scale):
        logger.warning(text)
    window = np.exp(-0.5 * ((np.arange(N) - (N - 1) / 2) / sigma) ** 2)
    window /= window.max()
    probe = gaussian_blur(window[:, None] * window > 0.5, 1) + FLOOR
    return probe if fmt == "np" else probe.astype(np.complex64)


def _default_sigma(N, scale):
    if not 0 < scale <= MAX_SCALE:
        raise ConfigError(f"scale is {scale}, it must be > 0 and <= {MAX_SCALE}")
    return N / (scale * np.pi**2)


def _radius_warnings(N, scale):
    radius = _default_sigma(N, scale) * math.sqrt(2 * math.log(2))
    if 1 <= radius <= N / 2 - 4:
        return []
    return [
        f"default probe of scale {scale:g}: radius {radius:.2f} px, 1..{N / 2 - 4:g} px fit N = {N}"
    ]


def make_probe(N, *, mode="idealized", path=None, scale=0.7, seed=42, **params):
    """A probe by one name.

    Parameters
    ----------
    N : int
        Side, px, even, 16..1024.
    mode : str
        "idealized": `get_default_probe`; "custom" or "integration": `probeGuess` of an npz file;
        "gaussian", "fzp", "zernike": the probe of this kind, as a data set with this seed has it.
    path : path
        Of the npz file.
    scale : float
        Of the idealized probe.
    seed : int
        Of "fzp" and "zernike", which draw what is not given.
    **params
        Parameters of the kind (`kinds.PROBE_PARAMS`), such as `defocus_um=200`.

    Returns
    -------
    complex64 (N, N), or (K, N, N) for a file of modes

    Raises
    ------
    ConfigError
        For an unknown mode or parameter or a missing path.
    MissingFileError, MissingKeyError
        For what is not there.
    InputFileError
        For another shape and as `as_probe` says.
    """
    if mode in KINDS_OF_OPTICS:
        values = {"kind": mode, "N": N, "params": params}
        return build_probe(parse_config(ProbeConfig, values, f"make_probe({mode!r})"), seed)[0]
    if params:
        raise ConfigError(f"probe mode {mode!r} has no parameter {next(iter(params))}")
    if mode == "idealized":
        return get_default_probe(N, "c64", scale)
    if mode not in ("custom", "integration"):
        raise ConfigError(f"probe mode is {mode!r}, valid: {', '.join(MODES)}")
    if path is None:
        raise ConfigError(f"probe mode {mode!r} needs a path")
    probe = as_probe(read_npz(path, ["probeGuess"])["probeGuess"], f"{path}: probeGuess")
    if probe.shape[-2:] != (N, N):
        raise InputFileError(f"{path}: probeGuess has shape {probe.shape}, expected {(N, N)}")
    return probe


def as_probe(array, name):
    """`array` as a probe, complex64 (N, N), or (K, N, N) for K incoherent modes.

    Axes of length 1 are dropped, real numbers taken as complex of zero phase with a warning.

    Errors: InputFileError naming `name` for other shapes, odd N, N outside 16..1024, what is not
    numeric or not finite; PhysicsError for a probe without energy.
    """
    probe = as_square(array, name)
    _check_side(probe.shape[-1], name, InputFileError)
    _check_energy(probe, name)
    return probe


def _check_side(side, name="N", error=ConfigError):
    low, high = SIDE_RANGE
    if side % 2 or not low <= side <= high:
        raise error(f"{name}: side is {side} px, it must be even and {low}..{high}")


def _check_energy(probe, name):
    if not probe.any():
        raise PhysicsError(f"{name}: the probe has no energy, it is 0 everywhere")


def legacy_probe_mask(N):
    """Support of the legacy normalization: rho < N//4, bool (N, N), see `circular_mask`."""
    return _mask_radius(N) < N // 4


def circular_mask(N, diameter, sigma=0.0):
    """Mask of a disk, float64 (N, N) in [0, 1].

    rho = hypot(row - N//2 + 0.5, col - N//2 + 0.5). Hard: rho < diameter/2; with sigma > 0:
    (1 - erf((rho - diameter/2) / (sqrt(2) sigma))) / 2.

    Parameters
    ----------
    N : int
    diameter, sigma : float
        px.
    """
    rho = _mask_radius(N)
    if sigma == 0:
        return (rho < diameter / 2).astype(np.float64)
    from scipy.special import erf

    return 0.5 * (1 - erf((rho - diameter / 2) / (math.sqrt(2) * sigma)))


def _mask_radius(N):
    offset = np.arange(N) - N // 2 + 0.5
    return np.hypot(offset[:, None], offset)


def normalize_probe(probe, probe_scale=4.0):
    """P / (probe_scale mean(|mask P|)), mean over all pixels, mask of `legacy_probe_mask`.

    The mask only enters the norm. |P| of several modes is sqrt(sum_k |P_k|^2). The legacy
    dictionary of the original tool has probe_scale 10, its typed configuration 4.

    Returns complex64 in the shape of `probe`.

    Errors: ConfigError unless probe_scale > 0; PhysicsError where the norm is 0 or not finite.
    """
    return _normalized(probe, probe_scale)[0]


def _normalized(probe, probe_scale):
    if not (probe_scale > 0 and math.isfinite(probe_scale)):
        raise ConfigError(f"probe_scale is {probe_scale}, it must be > 0 and finite")
    probe = np.asarray(probe, np.complex128)
    side = probe.shape[-1]
    amplitude = np.sqrt(np.sum(np.abs(probe.reshape(-1, side, side)) ** 2, axis=0))
    norm = probe_scale * np.mean(legacy_probe_mask(side) * amplitude)
    if not (norm > 0 and math.isfinite(norm)):
        raise PhysicsError(f"the probe has no energy within N//4 of its center (norm {norm})")
    return (probe / norm).astype(np.complex64), float(norm)


def incoherent_modes(probe, count, powers, rng):
    """Orthogonal modes from a primary one: tilted copies, orthonormalized in the order given.

    Copy k is the primary times exp(i pi (a x + b y)), x, y in [-1, 1] over the array. Mode k has
    the power powers[k] / sum(powers) of the primary's energy; mode 0 has the primary's shape.

    Parameters
    ----------
    probe : complex (N, N)
    count : int
    powers : sequence of float or None
        Relative powers, > 0; None = 0.75^k.
    rng : numpy generator
        Draws a, b ~ U(-1, 1) of each copy.

    Returns
    -------
    complex64 (count, N, N)

    Errors: ConfigError for another number of powers or one <= 0; PhysicsError for a primary
    without energy or one whose copies are not independent.
    """
    probe = np.asarray(probe, np.complex128)
    powers = POWER_RATIO ** np.arange(count) if powers is None else np.asarray(powers, np.float64)
    if len(powers) != count or not np.all(powers > 0):
        raise ConfigError(f"modes.powers is {powers.tolist()}, {count} values > 0 are expected")
    _check_energy(probe, "probe")
    x = np.linspace(-1, 1, probe.shape[-1])
    copies = [probe]
    for _ in range(count - 1):
        a, b = rng.uniform(-1, 1, 2)
        copies.append(probe * np.exp(1j * np.pi * (a * x + b * x[:, None])))
    shapes, sizes = np.linalg.qr(np.stack([copy.ravel() for copy in copies], axis=1))
    sizes = np.diagonal(sizes)
    if np.abs(sizes).min() < RANK_TOLERANCE * np.abs(sizes[0]):
        raise PhysicsError(f"{count} modes cannot be made of this probe, take fewer")
    energy = np.sum(np.abs(probe) ** 2)
    weights = sizes / np.abs(sizes) * np.sqrt(powers / powers.sum() * energy)
    return (shapes * weights).T.reshape(count, *probe.shape).astype(np.complex64)


def build_probe(spec, seed, source=None):
    """The probe of a `ProbeConfig`: kind, transform, mask, normalization, modes, in this order.

    Parameters
    ----------
    spec : ProbeConfig
    seed : int
        Seed of the data set; everything random draws from stream "ptycho.probe".
    source : array, optional
        What was read from the file of kind: file.

    Returns
    -------
    probe : complex64 (N, N), or (K, N, N) for K modes
    record : dict
        What `probe.json` holds.

    Errors: as of the parts; InputFileError where the file's side is not `spec.N`; ConfigError
    where file and `modes.count` both ask for modes.
    """
    rng = generator(seed, "ptycho.probe", 0)
    probe, record = _source(spec, rng, source)
    name = record.get("file", f"probe of kind {spec.kind}")
    if spec.transform:
        probe, record["transform"] = transform_probe(probe, spec.transform)
    side = probe.shape[-1]
    if spec.N not in (None, side):
        raise InputFileError(
            f"{name}: the probe has shape {probe.shape}, probe.N asks for {(spec.N, spec.N)}"
        )
    _check_side(side, name, InputFileError)
    if spec.mask_diameter is not None:
        probe = (probe * circular_mask(side, spec.mask_diameter, spec.mask_sigma)).astype(
            np.complex64
        )
        record["mask"] = {"diameter_px": spec.mask_diameter, "sigma_px": spec.mask_sigma}
    _check_energy(probe, name)
    if spec.normalization_scale is not None:
        probe, norm = _normalized(probe, spec.normalization_scale)
        record["normalization"] = {"probe_scale": spec.normalization_scale, "divided_by": norm}
    if spec.modes.count > 1:
        if probe.ndim == 3:
            raise ConfigError(
                f"probe.modes.count is {spec.modes.count}, but {name} has {len(probe)} modes itself"
            )
        probe = incoherent_modes(probe, spec.modes.count, spec.modes.powers, rng)
    power = np.sum(np.abs(probe.reshape(-1, side, side)).astype(np.float64) ** 2, axis=(1, 2))
    record |= {"seed": seed, "shape": list(probe.shape), "mode_power": power.tolist()}
    return probe, record


def _source(spec, rng, source):
    """(complex64 probe before the transform, record) of the kind."""
    record = {"kind": spec.kind, "warnings": []}
    if spec.kind == "file":
        name = f"{Path(spec.file).name}: {spec.key}"
        if not np.iscomplexobj(source):
            record["warnings"].append(real_input(name))
        probe = as_square(source, name)
        return probe, record | {"file": Path(spec.file).name, "key": spec.key}
    side = spec.source_N or spec.N
    if spec.kind == "default":
        record["warnings"] += _radius_warnings(side, spec.scale)
        probe = get_default_probe(side, "c64", spec.scale)
        return probe, record | {"scale": spec.scale}
    if spec.kind == "gaussian":
        return gaussian_probe(side, **spec.params), record | {"params": spec.params}
    make = {"fzp": fzp_probe, "zernike": zernike_probe}[spec.kind]
    probe, values = make(side, rng, **spec.params)
    record["warnings"] += values.pop("warnings", [])
    return probe, record | {"params": spec.params, "values": values}
