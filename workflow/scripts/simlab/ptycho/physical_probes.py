"""Probes from optics: Gaussian beams, Fresnel zone plates, aberrated disks."""

import logging
import math

import numpy as np

from simlab.core.errors import ConfigError, PhysicsError
from simlab.ptycho.filters import radius_map

logger = logging.getLogger("simlab.ptycho")

FZP_RANGES = {
    "diameter_um": (150.0, 180.0),
    "outermost_zone_nm": (30.0, 50.0),
    "stop_fraction": (0.1, 0.2),
    "wavelength_nm": (0.13, 0.15),
    "defocus_um": (50.0, 400.0),
}
"""Ranges of the uniform draws for what is not given, in the order of the draws."""

ZERNIKE_DIAMETERS = (10, 24)
ZERNIKE_ENVELOPES = (0.3, 0.5)
COEFFICIENT_STD = 0.5
DROPPED_FRACTION = 0.1


def unit_power(probe):
    """P / sqrt(sum |P|^2), complex64; over all modes of a (K, N, N) probe.

    Errors: PhysicsError for a probe without energy.
    """
    probe = np.asarray(probe, np.complex128)
    power = np.sum(np.abs(probe) ** 2)
    if not (power > 0 and np.isfinite(power)):
        raise PhysicsError(f"the probe has no energy that could be scaled (power {power})")
    return (probe / math.sqrt(power)).astype(np.complex64)


def gaussian_probe(N, *, sigma_px=None, defocus=0.0):
    """P = exp(-r^2 / (2 sigma^2)) exp(i defocus (r/sigma)^2), complex64 (N, N).

    Parameters
    ----------
    N : int
    sigma_px : float, optional
        Standard deviation of the amplitude, px; None = N/8.
    defocus : float
        Phase at r = sigma, radians.
    """
    sigma = N / 8 if sigma_px is None else sigma_px
    square = (radius_map(N) / sigma) ** 2
    return np.exp(square * (-0.5 + 1j * defocus)).astype(np.complex64)


def fzp_probe(N, rng, *, detector_distance_m=1.9, detector_pixel_um=75.0, **given):
    """Probe of a Fresnel zone plate with central stop, at a distance behind its focus.

    Field in the optics plane exp(-i pi r^2 / (lambda f)) on D/2 >= r > stop/2, f = D dr / lambda,
    carried to the sample at z = f + defocus by the single-FFT Fresnel transform (D. G. Voelz,
    Computational Fourier Optics, 2011, chapter 5): times exp(i pi r^2 / (lambda z)), centered
    FFT, times exp(i pi r^2 / (lambda z)). Sample pixel lambda z_det / (N p_det), optics-plane
    pixel lambda z / (N dx).

    Parameters
    ----------
    N : int
    rng : numpy generator
        Draws the five values of `FZP_RANGES`, also those that are given.
    detector_distance_m, detector_pixel_um : float
    **given
        Any of `FZP_RANGES`; None is the same as left out.

    Returns
    -------
    probe : complex64 (N, N), sum |P|^2 = 1
    values : dict
        The values in force, focal length, pixels, `warnings`.

    Errors: PhysicsError where the sample would not be behind the zone plate, or the beam, of
    radius D/2 |defocus|/f there, would not fit into the array and fold back into it.
    """
    values = {"detector_distance_m": detector_distance_m, "detector_pixel_um": detector_pixel_um}
    for key, (low, high) in FZP_RANGES.items():
        drawn = float(rng.uniform(low, high))
        values[key] = drawn if given.get(key) is None else float(given[key])
    diameter, wavelength = values["diameter_um"] * 1e-6, values["wavelength_nm"] * 1e-9
    focal_length = diameter * values["outermost_zone_nm"] * 1e-9 / wavelength
    distance = focal_length + values["defocus_um"] * 1e-6
    if distance <= 0:
        raise PhysicsError(
            f"fzp: defocus_um {values['defocus_um']:g} puts the sample before the zone plate "
            f"(focal length {focal_length * 1e6:g} um)"
        )
    sample_pixel = wavelength * detector_distance_m / (N * detector_pixel_um * 1e-6)
    optics_pixel = wavelength * distance / (N * sample_pixel)

    beam_px = diameter / 2 * abs(distance - focal_length) / focal_length / sample_pixel
    if beam_px > N / 2:
        raise PhysicsError(
            f"fzp: defocus_um {values['defocus_um']:g} spreads the beam to a radius of "
            f"{beam_px:.0f} px, it must be <= N/2 = {N // 2} px: take "
            f"|defocus_um| <= {abs(values['defocus_um']) * N / 2 / beam_px:.0f}, or a larger "
            "detector_pixel_um"
        )

    offset = np.arange(N) - N // 2
    square = (offset[:, None] ** 2 + offset**2).astype(np.float64)
    r2 = square * optics_pixel**2
    open_zone = (r2 <= (diameter / 2) ** 2) & (r2 > (values["stop_fraction"] * diameter / 2) ** 2)
    curvature = np.pi / wavelength * (1 / distance - 1 / focal_length)
    field = np.where(open_zone, np.exp(1j * curvature * r2), 0)
    field = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(field)))
    field *= np.exp(1j * np.pi / (wavelength * distance) * square * sample_pixel**2)

    values |= {
        "focal_length_mm": focal_length * 1e3,
        "sample_pixel_nm": sample_pixel * 1e9,
        "optics_pixel_um": optics_pixel * 1e6,
        "warnings": [],
    }
    if N * optics_pixel < diameter:
        text = (
            f"fzp: the detector of {N} px takes in {N * optics_pixel * 1e6:.0f} um of the "
            f"{diameter * 1e6:.0f} um zone plate: the probe is that of a square aperture"
        )
        logger.warning(text)
        values["warnings"].append(text)
    return unit_power(field), values


def zernike_probe(N, rng, *, diameter_px=None, max_order=10):
    """Random complex sum of Zernike polynomials on a disk, under a Gaussian envelope.

    P = exp(-r^2 / (2 s^2)) sum_nm c_nm Z_nm(2 r / D, theta) for r <= D/2, s = (D//2) U(0.3, 0.5);
    real and imaginary part of c_nm have the standard deviation 0.5, each c_nm is 0 with
    probability 0.1, the piston is 1.

    Parameters
    ----------
    N : int
    rng : numpy generator
        Draws D (10..24, at most N), the width, real parts, imaginary parts, which are 0.
    diameter_px : int, optional
        D, px; None = as drawn.
    max_order : int
        Largest radial order n.

    Returns
    -------
    probe : complex64 (N, N), sum |P|^2 = 1
    values : dict
        D, s and the coefficients as [n, m, real, imaginary].

    Errors: ConfigError for a disk larger than the array.
    """
    low, high = ZERNIKE_DIAMETERS
    drawn = min(int(rng.integers(low, high + 1)), N)
    diameter = drawn if diameter_px is None else diameter_px
    if diameter > N:
        raise ConfigError(f"zernike: diameter_px is {diameter}, it must be <= N = {N}")
    envelope = (diameter // 2) * rng.uniform(*ZERNIKE_ENVELOPES)
    orders = [(n, m) for n in range(max_order + 1) for m in range(-n, n + 1, 2)]
    real = rng.normal(0, COEFFICIENT_STD, len(orders))
    imaginary = rng.normal(0, COEFFICIENT_STD, len(orders))
    kept = rng.random(len(orders)) >= DROPPED_FRACTION
    coefficients = np.where(kept, real + 1j * imaginary, 0)
    coefficients[0] = 1.0

    offset = np.arange(N) - (N - 1) / 2
    radius, theta = radius_map(N), np.arctan2(offset[:, None], offset)
    rho = 2 * radius / diameter
    field = sum(
        coefficient * zernike_polynomial(n, m, rho, theta)
        for (n, m), coefficient in zip(orders, coefficients, strict=True)
    )
    field = field * np.exp(-(radius**2) / (2 * envelope**2))
    values = {
        "diameter_px": diameter,
        "max_order": max_order,
        "envelope_sigma_px": envelope,
        "coefficients": [
            [n, m, c.real, c.imag] for (n, m), c in zip(orders, coefficients.tolist(), strict=True)
        ],
    }
    return unit_power(field), values


def zernike_polynomial(n, m, rho, theta):
    """Zernike polynomial of mean square 1 on the unit disk, 0 outside; float64 like `rho`.

    Z = sqrt(n+1) R_n0 (m = 0), sqrt(2(n+1)) R_n|m| cos(m theta) (m > 0) or sin(|m| theta)
    (m < 0), with R = (-1)^k rho^|m| P_k^(|m|,0)(1 - 2 rho^2), k = (n-|m|)/2, the Jacobi form,
    which does not cancel at high order (R. J. Noll, J. Opt. Soc. Am. 66, 207 (1976)).

    Parameters
    ----------
    n, m : int
        Radial order and azimuthal frequency, |m| <= n, n-m even.
    rho, theta : float arrays
        Radius in units of the disk's, angle in radians.
    """
    from scipy.special import eval_jacobi

    order = abs(m)
    k = (n - order) // 2
    inside = np.minimum(rho, 1.0)
    radial = (-1) ** k * inside**order * eval_jacobi(k, order, 0, 1 - 2 * inside**2)
    angular = np.cos(m * theta) if m >= 0 else np.sin(order * theta)
    norm = math.sqrt(n + 1 if m == 0 else 2 * (n + 1))
    return np.where(rho <= 1, norm * radial * angular, 0.0)
