"""Checks 7-16: invariants of the far field, on small noise-free cases with the data set's probe.

Each check takes `amplitude(objects, probe, x, y)`, which simulates noise-free amplitudes
(m, N, N), so that it judges whatever forward model it is given.
"""

import numpy as np

from simlab.core.checks import Check, skip
from simlab.ptycho.objects import make_object
from simlab.ptycho.photons import photon_scale

ANGLE = 0.7
FACTOR = 2.5
SHIFT = (3, 5)
MARGIN = 16
"""Object around the patches, px: more than the guard band of Fourier interpolation and SHIFT."""
CYCLES = (2, -3)
AIRY_FIRST_ZERO = 0.6098
"""First zero of J1(2 pi a q)/q in units of 1/a: 3.8317/(2 pi)."""


def physics_checks(probe, amplitude, power):
    """All rows for a probe complex64 (N, N) or (P, N, N).

    `power(objects, probe, x, y)` gives the power of the exit waves, float64 (m,).
    """
    n = probe.shape[-1]
    sample = star(n + 2 * MARGIN)
    where = np.array([n // 2 + 14.0]), np.array([n // 2 + 17.0])
    modes = probe if probe.ndim == 3 else probe[None]
    return [
        translation(sample, probe, where, amplitude),
        flat_object(modes, amplitude),
        global_phase(sample, probe, where, amplitude),
        scaling(sample, probe, where, amplitude, power),
        conjugate_symmetry(sample, modes, where, amplitude),
        phase_ramp(sample, probe, where, amplitude),
        gaussian_probe(n, amplitude),
        airy(n, amplitude),
        mode_sum(sample, modes, where, amplitude),
        conjugation(sample, probe, where, amplitude),
    ]


def star(side):
    """A complex object without symmetry: stars of 10 and 7 spokes in modulus and phase."""
    modulus, phase = (make_object("siemens_star", side, spokes=k).real for k in (10, 7))
    return (modulus * np.exp(1j * (1 - phase))).astype(np.complex64)


def translation(sample, probe, where, amplitude):
    """Moving object and position together by whole pixels leaves the frame as it is."""
    rows, columns = SHIFT
    moved = np.roll(sample, SHIFT, axis=(0, 1))
    before = amplitude(sample, probe, *where)
    after = amplitude(moved, probe, where[0] + columns, where[1] + rows)
    return _relative("translation", "object and position shifted together", after, before, 1e-6)


def flat_object(modes, amplitude):
    """O = 1 gives the probe's own far field sqrt(sum_k |FFT P_k|^2)/N at every position."""
    n = modes.shape[-1]
    flat = np.ones((n + 2 * MARGIN, n + 2 * MARGIN), np.complex64)
    x = n // 2 + MARGIN + np.array([0.0, 0.5, -3.75])
    frames = amplitude(flat, modes, x, x[::-1].copy())
    field = np.fft.fft2(modes.astype(np.complex128))
    expected = np.fft.fftshift(np.sqrt(np.sum(np.abs(field) ** 2, axis=0)) / n)
    return _relative("flat_object", "O = 1 against |FFT P|/N", frames, expected[None], 5e-7)


def global_phase(sample, probe, where, amplitude):
    """A constant phase of the object does not show."""
    turned = (sample * np.exp(1j * ANGLE)).astype(np.complex64)
    before, after = amplitude(sample, probe, *where), amplitude(turned, probe, *where)
    return _relative("global_phase", "O exp(ia) against O", after, before, 1e-6)


def scaling(sample, probe, where, amplitude, power):
    """O a scales the amplitude by |a| and the photon scale by 1/|a|."""
    larger = (sample * FACTOR).astype(np.complex64)
    before, after = amplitude(sample, probe, *where), amplitude(larger, probe, *where)
    worst = float(np.abs(after - FACTOR * before).max() / (FACTOR * before.max()))
    scales = [photon_scale(power(o, probe, *where), 1e6) for o in (sample, larger)]
    worst = max(worst, abs(scales[1] * FACTOR / scales[0] - 1))
    return _row("scaling", "O a: amplitude by |a|, intensity_scale by 1/|a|", worst, 1e-6)


def conjugate_symmetry(sample, modes, where, amplitude):
    """Real object and real probe: A(-u) = A(u)."""
    if len(modes) > 1:
        return skip("conjugate_symmetry", f"the probe has {len(modes)} modes")
    if np.any(modes.imag):
        return skip("conjugate_symmetry", "the probe is complex")
    frame = amplitude(np.abs(sample).astype(np.complex64), modes, *where)
    return _relative(
        "conjugate_symmetry", "A(-u) against A(u), real O and P", rotated(frame), frame, 1e-6
    )


def phase_ramp(sample, probe, where, amplitude):
    """A linear phase of k cycles per N px shifts the pattern by k pixels."""
    n = probe.shape[-1]
    rows, columns = np.indices(sample.shape)
    ramp = np.exp(2j * np.pi * (CYCLES[0] * rows + CYCLES[1] * columns) / n)
    tilted = (sample * ramp).astype(np.complex64)
    expected = np.roll(amplitude(sample, probe, *where), CYCLES, axis=(1, 2))
    return _relative(
        "phase_ramp",
        f"pattern shifted by {CYCLES} px",
        amplitude(tilted, probe, *where),
        expected,
        1e-6,
    )


def gaussian_probe(n, amplitude):
    """A Gaussian probe of std w has a Gaussian far field of std N/(2 pi w) px."""
    if n / 10 <= 2:
        return skip("gaussian_probe", f"N = {n} is too small for a Gaussian of 2 px to N/10")
    width = max(n / 12, (2 + n / 10) / 2)
    offset = np.arange(n) - n // 2
    gauss = np.exp(-(offset[:, None] ** 2 + offset**2) / (2 * width**2)).astype(np.complex64)
    frame = _on_flat(gauss, amplitude)
    expected = n / (2 * np.pi * width)
    near = abs(offset) < 6 * expected  # rounding noise farther out would weigh in with its square
    central, offset = frame[n // 2, near], offset[near]
    std = np.sqrt(np.sum(central * offset**2) / np.sum(central))
    peak = np.sum(np.abs(gauss), dtype=np.float64) / n
    worst = max(abs(std / expected - 1), abs(frame[n // 2, n // 2] / peak - 1))
    return _row("gaussian_probe", "width N/(2 pi w) and height sum|P|/N", float(worst), 1e-3)


def airy(n, amplitude):
    """A disk of radius a has its first dark ring at 0.61 N/a px."""
    radius = n / 8
    if radius < 8:
        return skip("airy", f"N = {n} is too small for an aperture of 8 px radius")
    offset = np.arange(n) - n // 2
    distance = np.hypot(offset[:, None], offset)
    aperture = distance < radius
    frame = _on_flat(aperture.astype(np.complex64), amplitude)
    rings = np.rint(distance).astype(np.int64).ravel()
    pixels = np.bincount(rings)
    mean = np.bincount(rings, frame.ravel()) / pixels
    centers = np.bincount(rings, distance.ravel()) / pixels
    dark = next(r for r in range(1, n // 2) if mean[r - 1] > mean[r] <= mean[r + 1])
    measured = _vertex(centers[dark - 1 : dark + 2], mean[dark - 1 : dark + 2])
    expected = AIRY_FIRST_ZERO * n / np.sqrt(np.count_nonzero(aperture) / np.pi)
    return _row("airy", "radius of the first dark ring", float(abs(measured - expected)), 0.5, "px")


def mode_sum(sample, modes, where, amplitude):
    """The intensity of several modes is the sum of their intensities."""
    if len(modes) == 1:
        return skip("modes", "the probe has one mode")
    together = amplitude(sample, modes, *where) ** 2
    alone = sum(amplitude(sample, mode, *where) ** 2 for mode in modes)
    return _relative("modes", "intensity against the sum over modes", together, alone, 1e-6)


def conjugation(sample, probe, where, amplitude):
    """O* and P* turn the pattern by 180 degrees about zero frequency."""
    frame = amplitude(sample, probe, *where)
    mirrored = amplitude(sample.conj(), probe.conj(), *where)
    return _relative(
        "conjugation", "O*, P* against the rotated pattern", mirrored, rotated(frame), 1e-6
    )


def rotated(frames):
    """Frames (m, N, N) rotated by 180 degrees about [N//2, N//2], N even, cyclic."""
    return np.roll(frames[:, ::-1, ::-1], 1, axis=(1, 2))


def _on_flat(probe, amplitude):
    n = probe.shape[-1]
    center = np.array([n / 2])
    return amplitude(np.ones((n, n), np.complex64), probe, center, center)[0].astype(np.float64)


def _vertex(x, y):
    a, b, _ = np.polyfit(x, y, 2)
    return -b / (2 * a)


def _relative(check_id, what, found, expected, bound):
    worst = np.abs(found - expected).max() / np.abs(expected).max()
    return _row(check_id, f"{what}, largest difference / maximum", float(worst), bound)


def _row(check_id, what, measured, bound, unit=""):
    return Check(check_id, what, measured, bound, unit, bool(measured <= bound))
