"""Probes against the reference data, closed forms and optics."""

import logging
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.random import default_rng
from scipy.special import erf, j1

from simlab.core.config import parse_config
from simlab.core.errors import (
    ConfigError,
    InputFileError,
    MissingFileError,
    MissingKeyError,
    PhysicsError,
)
from simlab.core.files import read_npz, write_npz
from simlab.ptycho import params
from simlab.ptycho.config import ProbeConfig
from simlab.ptycho.kernels.unwrapping import unwrap
from simlab.ptycho.physical_probes import (
    FZP_RANGES,
    fzp_probe,
    gaussian_probe,
    unit_power,
    zernike_polynomial,
    zernike_probe,
)
from simlab.ptycho.probe_transforms import transform_probe
from simlab.ptycho.probes import (
    as_probe,
    build_probe,
    circular_mask,
    get_default_probe,
    incoherent_modes,
    legacy_probe_mask,
    make_probe,
    normalize_probe,
)

DATA = Path(__file__).parents[1] / "data" / "ptycho"


def build(seed=42, source=None, **keys):
    return build_probe(parse_config(ProbeConfig, keys), seed, source)


def power(probe):
    return np.sum(np.abs(probe.astype(np.complex128)) ** 2)


# --- default probe, masks, scaling ----------------------------------------------------------


@pytest.mark.parametrize(("side", "scale"), [(32, 0.7), (64, 0.7), (128, 0.7), (64, 0.4)])
def test_default_probe_equals_the_peers_to_rounding(side, scale):
    expected = read_npz(DATA / "probes.npz")[f"probe_N{side}_scale{scale}"]
    probe = get_default_probe(side, scale=scale)
    assert probe.dtype == np.float64
    np.testing.assert_allclose(probe, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("side", "scale", "count"),
    [(32, 0.7, 88), (64, 0.7, 376), (128, 0.7, 1500), (64, 0.4, 1152), (96, 1.0, 408)],
)
def test_default_probe_covers_the_stated_number_of_pixels(side, scale, count):
    probe = get_default_probe(side, scale=scale)
    assert np.count_nonzero(probe > 0.5) == count
    assert probe.max() == pytest.approx(1, abs=2e-6)
    assert probe.min() >= 1e-9
    disk = 2 * np.pi * np.log(2) * (side / (scale * np.pi**2)) ** 2
    assert count == pytest.approx(disk, rel=0.06)


def test_default_probe_is_symmetric_and_comes_in_two_formats():
    probe = get_default_probe(64, scale=0.7)
    for other in (probe.T, probe[::-1], probe[:, ::-1]):
        np.testing.assert_allclose(probe, other, rtol=1e-12)
    single = get_default_probe(64, "c64", 0.7)
    assert single.dtype == np.complex64
    np.testing.assert_array_equal(single, probe.astype(np.complex64))


def test_default_probe_reads_the_compatibility_dictionary_only_without_a_scale():
    with params.scope(default_probe_scale=0.4):
        np.testing.assert_array_equal(get_default_probe(64), get_default_probe(64, scale=0.4))
        assert np.count_nonzero(get_default_probe(64, scale=0.7) > 0.5) == 376
        assert np.count_nonzero(make_probe(64) != get_default_probe(64, "c64", 0.7)) == 0
    np.testing.assert_array_equal(get_default_probe(64), get_default_probe(64, scale=0.7))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((64, "torch", 0.7), "fmt is 'torch', valid: np, c64"),
        ((65, "np", 0.7), "even"),
        ((8, "np", 0.7), r"16\.\.1024"),
        ((64, "np", 0), r"scale is 0, it must be > 0 and <= 4"),
        ((64, "np", 4.1), r"scale is 4\.1"),
        ((64, "np", float("nan")), "scale is nan"),
    ],
)
def test_unusable_arguments_of_the_default_probe_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        get_default_probe(*arguments)


def test_default_probe_warns_where_the_disk_does_not_fit(caplog):
    get_default_probe(64, scale=0.7)
    assert not caplog.records
    get_default_probe(64, scale=0.25)
    assert "radius 30.54 px" in caplog.text


def test_legacy_mask_equals_the_peers():
    np.testing.assert_array_equal(legacy_probe_mask(64), read_npz(DATA / "probes.npz")["mask_N64"])
    assert legacy_probe_mask(64).dtype == bool


@pytest.mark.parametrize("side", [48, 64])
def test_circular_masks_follow_their_formulas(side):
    rows, cols = np.indices((side, side)) - side // 2 + 0.5
    rho = np.sqrt(rows**2 + cols**2)
    np.testing.assert_array_equal(circular_mask(side, 20), rho < 10)
    soft = circular_mask(side, 20, 1.5)
    np.testing.assert_allclose(soft, 0.5 * (1 - erf((rho - 10) / (np.sqrt(2) * 1.5))), atol=1e-15)
    np.testing.assert_allclose(circular_mask(side, 20, 1e-6), circular_mask(side, 20), atol=1e-12)


@pytest.mark.parametrize("scale", [4.0, 10.0])
def test_normalized_probe_equals_the_peers(scale):
    expected = read_npz(DATA / "probes.npz")[f"set_probe_N64_scale{scale}"]
    made = normalize_probe(get_default_probe(64, scale=0.7), scale)
    assert made.dtype == np.complex64
    np.testing.assert_allclose(made, expected, rtol=2e-7)


def test_normalized_probe_has_the_mean_asked_for_whatever_its_scale():
    probe = zernike_probe(64, default_rng(1))[0]
    made = normalize_probe(probe * 37, 4.0)
    assert np.mean(np.abs(legacy_probe_mask(64) * made)) == pytest.approx(0.25, rel=1e-6)
    np.testing.assert_allclose(made, normalize_probe(probe, 4.0), rtol=1e-5, atol=1e-7)
    modes = incoherent_modes(probe, 3, None, default_rng(2))
    both = normalize_probe(modes, 2.0)
    total = np.sqrt(np.sum(np.abs(both) ** 2, axis=0))
    assert np.mean(legacy_probe_mask(64) * total) == pytest.approx(0.5, rel=1e-6)


def test_probe_outside_the_norms_mask_has_no_energy():
    probe = 1.0 - legacy_probe_mask(64)
    with pytest.raises(PhysicsError, match="no energy"):
        normalize_probe(probe)
    with pytest.raises(ConfigError, match="probe_scale is 0"):
        normalize_probe(probe, 0)


def test_unit_power_is_one_over_all_modes():
    modes = incoherent_modes(get_default_probe(64, scale=0.7), 3, None, default_rng(2))
    assert power(unit_power(modes)) == pytest.approx(1, rel=1e-6)
    with pytest.raises(PhysicsError, match="no energy"):
        unit_power(np.zeros((4, 4)))


# --- probes from files ----------------------------------------------------------------------


def test_probe_of_a_file_is_read(tmp_path):
    probe = zernike_probe(64, default_rng(1))[0]
    write_npz(tmp_path / "p.npz", {"probeGuess": probe[None], "objectGuess": np.ones(3)})
    for mode in ("custom", "integration"):
        np.testing.assert_array_equal(make_probe(64, mode=mode, path=tmp_path / "p.npz"), probe)


def test_probe_files_that_cannot_be_used_are_named(tmp_path):
    path = tmp_path / "p.npz"
    write_npz(path, {"probe": np.ones((64, 64))})
    with pytest.raises(ConfigError, match="'custom' needs a path"):
        make_probe(64, mode="custom")
    with pytest.raises(ConfigError, match="'measured', valid: idealized, custom, integration"):
        make_probe(64, mode="measured")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz"):
        make_probe(64, mode="custom", path=tmp_path / "nowhere.npz")
    with pytest.raises(MissingFileError):
        make_probe(64, mode="custom", path=tmp_path / "nowhere.npz")
    with pytest.raises(KeyError, match=r"p\.npz.*probeGuess"):
        make_probe(64, mode="custom", path=path)
    with pytest.raises(MissingKeyError, match="found \\['probe'\\]"):
        make_probe(64, mode="custom", path=path)
    write_npz(path, {"probeGuess": np.ones((32, 32), np.complex64)})
    with pytest.raises(ValueError, match=r"\(32, 32\), expected \(64, 64\)"):
        make_probe(64, mode="custom", path=path)


@pytest.mark.parametrize("shape", [(32, 32), (32, 32, 1), (1, 32, 32)])
def test_probe_loses_its_axes_of_length_one(shape):
    assert as_probe(np.ones(shape, complex), "p").shape == (32, 32)


@pytest.mark.parametrize(
    ("array", "error", "message"),
    [
        (np.ones((32, 34), complex), InputFileError, r"p: shape \(32, 34\) is not square"),
        (np.ones(32, complex), InputFileError, r"p: shape \(32,\)"),
        (np.ones((33, 33), complex), InputFileError, "p: side is 33 px, it must be even"),
        (np.ones((8, 8), complex), InputFileError, r"even and 16\.\.1024"),
        (np.full((32, 32), np.nan), InputFileError, "p: 1024 of 1024 entries are not finite"),
        (np.zeros((32, 32), complex), PhysicsError, "p: the probe has no energy"),
    ],
)
def test_unusable_probes_are_named(array, error, message):
    with pytest.raises(error, match=message):
        as_probe(array, "p")


def test_modes_are_kept_and_real_probes_warn(caplog):
    assert as_probe(np.ones((3, 32, 32), complex), "p").shape == (3, 32, 32)
    assert not caplog.records
    made = as_probe(np.ones((32, 32), np.float32), "p")
    assert made.dtype == np.complex64
    assert "p is real" in caplog.text


# --- transforms -----------------------------------------------------------------------------


@pytest.mark.parametrize("op", ["pad", "pad_preserve"])
def test_padding_surrounds_with_zeros_and_cropping_undoes_it(op):
    probe = zernike_probe(64, default_rng(1))[0]
    padded, steps = transform_probe(probe, f"{op}:98")
    assert padded.shape == (98, 98)
    np.testing.assert_array_equal(padded[17:81, 17:81], probe)
    assert power(padded) == power(probe)
    np.testing.assert_array_equal(transform_probe(probe, f"{op}:98|crop:64")[0], probe)
    assert steps == [{"op": op, "value": 98.0, "side_before": 64, "side_after": 98}]


def test_interpolation_hits_a_smooth_wave_between_its_samples():
    def wave(side):
        t = np.linspace(0, 1, side)
        return np.cos(np.pi * 3 * t)[:, None] * np.cos(np.pi * 2 * t) * (1 + 0.5j)

    made, _ = transform_probe(wave(32), "interp:100")
    np.testing.assert_allclose(made, wave(100), atol=1e-4)
    np.testing.assert_allclose(made[[0, 0, -1], [0, -1, -1]], wave(100)[[0, 0, -1], [0, -1, -1]])


def test_smoothing_keeps_flat_phases_and_blurs_the_amplitude_alone():
    probe = get_default_probe(64, scale=0.7)
    made, _ = transform_probe(probe * np.exp(0.4j), "smooth:2")
    np.testing.assert_allclose(np.angle(made), 0.4, atol=1e-5)
    assert np.abs(made).sum() == pytest.approx(probe.sum(), rel=1e-5)
    assert np.abs(made).max() < probe.max()


def test_smoothing_keeps_a_wrapped_phase_ramp():
    # three turns across the array: blurring the wrapped phase would destroy it at every jump
    ramp = 6 * np.pi * np.arange(64) / 64
    probe = gaussian_probe(64, sigma_px=20) * np.exp(1j * ramp)
    made, _ = transform_probe(probe, "smooth:2")
    inside = made[8:-8, 8:-8] * np.exp(-1j * ramp[8:-8])
    np.testing.assert_allclose(np.angle(inside), 0, atol=1e-5)


def test_extrapolation_continues_a_quadratic_phase():
    side, a, b = 32, 0.02, 0.7
    offset = np.arange(64) - 31.5
    phase = a * (offset[:, None] ** 2 + offset**2) + b
    inner = np.s_[16:48, 16:48]
    amplitude = np.abs(gaussian_probe(side, sigma_px=12))
    made, steps = transform_probe(amplitude * np.exp(1j * phase[inner]), "pad_extrapolate:64")
    np.testing.assert_allclose(
        made, np.pad(amplitude, 16, mode="edge") * np.exp(1j * phase), atol=1e-4
    )
    assert steps[0]["phase_fit"][0]["a"] == pytest.approx(a, rel=1e-5)


def test_extrapolated_phase_is_a_fit_everywhere():
    noisy = np.exp(1j * default_rng(0).normal(0, 0.1, (32, 32)))
    made, steps = transform_probe(noisy, "pad_extrapolate:48")
    offset = np.arange(48) - 23.5
    fit = steps[0]["phase_fit"][0]
    expected = fit["a"] * (offset[:, None] ** 2 + offset**2) + fit["b"]
    np.testing.assert_allclose(np.angle(made), expected, atol=1e-5)


def test_steps_run_in_order_on_every_mode():
    modes = incoherent_modes(get_default_probe(32, scale=0.7), 2, None, default_rng(2))
    made, steps = transform_probe(modes, " smooth:1 | pad:48|crop:40")
    assert made.shape == (2, 40, 40)
    assert made.dtype == np.complex64
    assert [s["op"] for s in steps] == ["smooth", "pad", "crop"]
    assert [s["side_after"] for s in steps] == [32, 48, 40]
    for index in range(2):
        single = transform_probe(modes[index], "smooth:1|pad:48|crop:40")[0]
        np.testing.assert_array_equal(made[index], single)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("blur:2", r"'blur:2': unknown operation .*known: smooth, pad"),
        ("smooth:2||pad:64", "unknown operation"),
        ("pad:32", "pad:32: smaller than the probe's side 48"),
        ("pad_extrapolate:32", "pad_extrapolate:32: smaller"),
        ("crop:64", "crop:64: larger than the probe's side 48"),
        ("smooth", "smooth needs a number > 0"),
        ("pad:64.5", "pad needs a number > 0, whole pixels"),
    ],
)
def test_impossible_transforms_are_named(text, message):
    with pytest.raises(ConfigError, match=message):
        transform_probe(np.ones((48, 48), complex), text)


def test_probe_to_transform_must_be_square():
    with pytest.raises(InputFileError, match=r"\(48, 40\) is not square"):
        transform_probe(np.ones((48, 40), complex), "smooth:1")


def test_unwrapping_recovers_a_steep_phase_around_dark_noise():
    offset = np.arange(64) - 31.5
    r2 = offset[:, None] ** 2 + offset**2
    phase = 0.03 * r2
    amplitude = np.where((np.abs(offset - 5) < 4)[:, None] & (np.abs(offset) < 20), 1e-9, 1.0)
    dark = amplitude < 1e-3
    noise = np.where(dark, default_rng(0).uniform(-np.pi, np.pi, (64, 64)), 0)
    found = unwrap(np.angle(np.exp(1j * (phase + noise))), amplitude)
    turns = (found - phase)[~dark] / (2 * np.pi)
    np.testing.assert_allclose(turns, np.round(turns[0]), atol=1e-12)


# --- incoherent modes -----------------------------------------------------------------------


@pytest.mark.parametrize("powers", [None, [5, 3, 1, 1]])
def test_modes_are_orthogonal_with_the_powers_asked_for(powers):
    probe = zernike_probe(64, default_rng(1), diameter_px=24)[0] * 7
    modes = incoherent_modes(probe, 4, powers, default_rng(3)).astype(np.complex128)
    flat = modes.reshape(4, -1)
    gram = flat.conj() @ flat.T
    expected = 0.75 ** np.arange(4) if powers is None else np.array(powers)
    expected = expected / expected.sum() * power(probe)
    np.testing.assert_allclose(np.diagonal(gram).real, expected, rtol=1e-6)
    np.testing.assert_allclose(gram - np.diag(np.diagonal(gram)), 0, atol=1e-6 * expected[0])
    scale = np.sqrt(expected[0] / power(probe))
    np.testing.assert_allclose(modes[0], probe * scale, atol=1e-6 * np.abs(probe).max())


def test_second_mode_is_the_first_tilted_copy_made_orthogonal():
    probe = get_default_probe(32, scale=0.7)
    a, b = default_rng(5).uniform(-1, 1, 2)
    t = np.linspace(-1, 1, 32)
    copy = probe * np.exp(1j * np.pi * (a * t[None, :] + b * t[:, None]))
    rest = copy - probe * np.vdot(probe, copy) / np.vdot(probe, probe)
    rest *= np.sqrt(0.75 / 1.75 * power(probe) / power(rest))
    modes = incoherent_modes(probe, 2, None, default_rng(5))
    np.testing.assert_allclose(modes[1], rest, atol=1e-6)


def test_impossible_modes_are_refused():
    probe = get_default_probe(32, scale=0.7)
    with pytest.raises(ConfigError, match=r"modes\.powers"):
        incoherent_modes(probe, 2, [1.0], default_rng(0))
    with pytest.raises(ConfigError, match=r"modes\.powers"):
        incoherent_modes(probe, 2, [1.0, 0.0], default_rng(0))
    with pytest.raises(PhysicsError, match="no energy"):
        incoherent_modes(0 * probe, 2, None, default_rng(0))
    point = np.zeros((32, 32))
    point[16, 16] = 1
    with pytest.raises(PhysicsError, match="2 modes cannot be made"):
        incoherent_modes(point, 2, None, default_rng(0))


# --- physical probes ------------------------------------------------------------------------


def test_gaussian_probe_has_its_width_and_curvature():
    made = gaussian_probe(64, sigma_px=6.0, defocus=1.5)
    offset = np.arange(64) - 31.5
    r2 = offset[:, None] ** 2 + offset**2
    np.testing.assert_allclose(np.abs(made), np.exp(-r2 / 72), rtol=1e-5)
    bright = np.abs(made) > 1e-3
    twist = made * np.exp(-1.5j * r2 / 36)
    np.testing.assert_allclose(np.angle(twist[bright]), 0, atol=1e-5)
    np.testing.assert_allclose(
        np.abs(gaussian_probe(64)), np.exp(-r2 / (2 * 8.0**2)), rtol=1e-5, atol=1e-12
    )


GIVEN = {
    "diameter_um": 160.0,
    "outermost_zone_nm": 40.0,
    "stop_fraction": 0.15,
    "wavelength_nm": 0.14,
    "defocus_um": 200.0,
}


def test_zone_plate_has_its_focal_length_and_pixels():
    probe, values = fzp_probe(128, default_rng(1), **GIVEN)
    assert values["focal_length_mm"] == pytest.approx(160e-6 * 40e-9 / 0.14e-9 * 1e3)
    assert values["sample_pixel_nm"] == pytest.approx(0.14 * 1.9 / (128 * 75e-6))
    distance = values["focal_length_mm"] * 1e3 + 200
    assert values["optics_pixel_um"] == pytest.approx(
        0.14e-3 * distance / (128 * values["sample_pixel_nm"] * 1e-3)
    )
    assert {k: values[k] for k in GIVEN} == GIVEN
    assert power(probe) == pytest.approx(1, rel=1e-6)


def test_zone_plate_light_comes_evenly_from_its_open_zone_and_none_is_lost():
    # the transform undone: constant modulus on the annulus, nothing elsewhere
    probe, values = fzp_probe(256, default_rng(1), **GIVEN)
    offset = np.arange(256) - 128
    square = offset[:, None] ** 2 + offset**2
    wavelength = 0.14e-9
    distance = values["focal_length_mm"] * 1e-3 + 200e-6
    chirp = np.exp(
        -1j * np.pi / (wavelength * distance) * square * (values["sample_pixel_nm"] * 1e-9) ** 2
    )
    field = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(probe * chirp), norm="ortho"))
    r = np.sqrt(square) * values["optics_pixel_um"]
    open_zone = (r <= 80) & (r > 12)
    assert power(field) == pytest.approx(1, rel=1e-6)
    np.testing.assert_allclose(np.abs(field), open_zone / np.sqrt(open_zone.sum()), atol=1e-7)
    # what is left of lens and propagation is the defocus: pi r^2 / lambda (1/z - 1/f)
    residue = np.pi / wavelength * (1 / distance - 1 / (values["focal_length_mm"] * 1e-3))
    flat = field * np.exp(-1j * residue * (r * 1e-6) ** 2)
    np.testing.assert_allclose(np.angle(flat[open_zone]), np.angle(flat[128, 150]), atol=1e-3)


def test_zone_plate_without_stop_focuses_to_the_airy_spot():
    # in focus: 2 J1(v)/v with v = pi D r / (lambda f) = pi r / dr, first zero at 1.22 dr
    probe, values = fzp_probe(
        512, default_rng(1), **{**GIVEN, "stop_fraction": 0.0, "defocus_um": 0.0}
    )
    r = np.abs(np.arange(512) - 256) * values["sample_pixel_nm"]
    row = np.abs(probe[256]) / np.abs(probe[256, 256])
    v = np.pi * r / 40.0
    airy = np.ones_like(v)
    airy[v > 0] = np.abs(2 * j1(v[v > 0]) / v[v > 0])
    np.testing.assert_allclose(row[r < 150], airy[r < 150], atol=0.01)
    assert np.argmin(row[256:264]) == round(1.22 * 40 / values["sample_pixel_nm"])


def test_defocused_zone_plate_lights_the_shadow_of_its_aperture():
    probe, values = fzp_probe(
        256, default_rng(1), **{**GIVEN, "stop_fraction": 0.5, "defocus_um": 400.0}
    )
    offset = np.arange(256) - 128
    r = np.hypot(offset[:, None], offset) * values["sample_pixel_nm"] * 1e-3
    cone = 80 * 400 / (values["focal_length_mm"] * 1e3)
    assert np.sum(np.abs(probe[r < 1.1 * cone]) ** 2) > 0.9
    inside = np.abs(probe[r < 0.4 * cone]) ** 2
    lit = np.abs(probe[(r > 0.6 * cone) & (r < 0.9 * cone)]) ** 2
    assert inside.mean() < 0.2 * lit.mean()  # the shadow of the stop


def test_zone_plate_values_are_drawn_in_their_ranges_and_independently_of_what_is_given():
    drawn = [fzp_probe(128, default_rng(s))[1] for s in range(40)]
    for key, (low, high) in FZP_RANGES.items():
        values = [d[key] for d in drawn]
        assert low <= min(values) < low + 0.25 * (high - low)
        assert high - 0.25 * (high - low) < max(values) <= high
    partly = fzp_probe(128, default_rng(3), diameter_um=100.0, defocus_um=None)[1]
    assert partly["diameter_um"] == 100
    assert partly["defocus_um"] == drawn[3]["defocus_um"]


def test_zone_plate_too_large_for_the_detector_warns(caplog):
    _, values = fzp_probe(64, default_rng(1), **GIVEN)
    assert "160 um zone plate" in values["warnings"][0]
    assert "160 um zone plate" in caplog.text
    with pytest.raises(PhysicsError, match="before the zone plate"):
        fzp_probe(64, default_rng(1), **{**GIVEN, "defocus_um": -1e5})


@pytest.mark.parametrize("sign", [1, -1])
def test_a_beam_that_would_fold_into_the_array_is_refused_with_the_largest_defocus(sign):
    with pytest.raises(PhysicsError, match=r"radius of \d+ px.*N/2 = 64 px") as caught:
        fzp_probe(128, default_rng(1), **{**GIVEN, "defocus_um": sign * 2000.0})
    limit = float(re.search(r"<= (\d+), or", str(caught.value))[1])
    inside = {**GIVEN, "defocus_um": sign * (limit - 1)}
    probe, _ = fzp_probe(128, default_rng(1), **inside)
    edge = np.ones((128, 128), bool)
    edge[1:-1, 1:-1] = False
    assert np.sum(np.abs(probe[edge]) ** 2) < 0.02
    with pytest.raises(PhysicsError, match="spreads the beam"):
        fzp_probe(128, default_rng(1), **{**GIVEN, "defocus_um": sign * (limit + 2)})


def test_probes_of_optics_by_one_name_are_those_of_configurations():
    made = make_probe(128, mode="fzp", seed=5, defocus_um=200.0)
    expected = build(5, kind="fzp", N=128, params={"defocus_um": 200.0})[0]
    np.testing.assert_array_equal(made, expected)
    with pytest.raises(ConfigError, match=r"defocus_mm.*defocus_um"):
        make_probe(128, mode="fzp", defocus_mm=0.2)
    with pytest.raises(ConfigError, match="defocus_um"):
        make_probe(128, defocus_um=200.0)


def test_zernike_polynomials_are_orthonormal_on_the_disk():
    nodes, weights = np.polynomial.legendre.leggauss(40)
    rho, weights = (nodes + 1) / 2, weights / 2
    theta = 2 * np.pi * np.arange(48) / 48
    orders = [(n, m) for n in range(11) for m in range(-n, n + 1, 2)]
    values = np.stack([zernike_polynomial(n, m, rho[:, None], theta) for n, m in orders])
    products = np.einsum("aij,bij,i,i->ab", values, values, rho, weights) * 2 / 48
    np.testing.assert_allclose(products, np.eye(66), atol=1e-12)


def test_zernike_polynomials_are_the_known_ones():
    rho, theta = np.linspace(0, 1, 30), np.full(30, 0.3)
    known = {
        (0, 0): 1 + 0 * rho,
        (1, 1): 2 * rho * np.cos(0.3),
        (1, -1): 2 * rho * np.sin(0.3),
        (2, 0): np.sqrt(3) * (2 * rho**2 - 1),
        (3, 1): np.sqrt(8) * (3 * rho**3 - 2 * rho) * np.cos(0.3),
        (4, 0): np.sqrt(5) * (6 * rho**4 - 6 * rho**2 + 1),
        (4, -2): np.sqrt(10) * (4 * rho**4 - 3 * rho**2) * np.sin(0.6),
    }
    for (n, m), expected in known.items():
        np.testing.assert_allclose(zernike_polynomial(n, m, rho, theta), expected, atol=1e-13)
    assert zernike_polynomial(4, 0, np.array([1.01]), np.array([0.0])) == 0


def test_zernike_probe_is_its_recorded_sum():
    probe, values = zernike_probe(64, default_rng(2), diameter_px=20)
    offset = np.arange(64) - 31.5
    r, theta = np.hypot(offset[:, None], offset), np.arctan2(offset[:, None], offset)
    field = sum(
        complex(re, im) * zernike_polynomial(n, m, r / 10, theta)
        for n, m, re, im in values["coefficients"]
    ) * np.exp(-(r**2) / (2 * values["envelope_sigma_px"] ** 2))
    np.testing.assert_allclose(probe, field / np.sqrt(power(field)), atol=1e-6)
    assert not probe[r > 10].any()
    assert power(probe) == pytest.approx(1, rel=1e-6)


def test_zernike_draws_have_the_stated_distributions():
    drawn = [zernike_probe(32, default_rng(s))[1] for s in range(60)]
    diameters = {d["diameter_px"] for d in drawn}
    assert min(diameters) == 10
    assert max(diameters) == 24
    for d in drawn:
        assert 0.3 <= d["envelope_sigma_px"] / (d["diameter_px"] // 2) <= 0.5
        assert d["coefficients"][0] == [0, 0, 1.0, 0.0]
    rest = np.array([d["coefficients"][1:] for d in drawn])[..., 2:].reshape(-1, 2)
    zero = (rest == 0).all(axis=1)
    assert zero.mean() == pytest.approx(0.1, abs=5 * np.sqrt(0.09 / len(rest)))
    np.testing.assert_allclose(rest[~zero].std(axis=0), 0.5, rtol=0.05)
    np.testing.assert_allclose(rest[~zero].mean(axis=0), 0, atol=0.05)


def test_zernike_disk_larger_than_the_array_is_refused():
    assert zernike_probe(16, default_rng(8))[1]["diameter_px"] <= 16
    with pytest.raises(ConfigError, match="diameter_px is 40, it must be <= N = 32"):
        zernike_probe(32, default_rng(0), diameter_px=40)


# --- build_probe ----------------------------------------------------------------------------


def test_default_configuration_gives_the_default_probe():
    probe, record = build()
    np.testing.assert_array_equal(probe, get_default_probe(64, "c64", 0.7))
    assert record["kind"] == "default"
    assert record["scale"] == 0.7
    assert record["shape"] == [64, 64]
    assert record["mode_power"] == [pytest.approx(power(probe), rel=1e-6)]


@pytest.mark.parametrize("kind", ["fzp", "zernike"])
def test_drawn_probe_belongs_to_the_seed_and_touches_no_global_state(kind):
    state = np.random.get_state()[1].copy()
    first, record = build(5, kind=kind, N=128)
    np.testing.assert_array_equal(first, build(5, kind=kind, N=128)[0])
    assert not np.array_equal(first, build(6, kind=kind, N=128)[0])
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert record["seed"] == 5
    drawn = "defocus_um" if kind == "fzp" else "diameter_px"
    assert record["values"][drawn] > 0


def test_steps_come_in_their_order():
    probe, record = build(
        source_N=48,
        transform="pad:64",
        mask_diameter=16,
        mask_sigma=1,
        normalization_scale=4,
        modes={"count": 2},
    )
    expected = transform_probe(get_default_probe(48, "c64", 0.7), "pad:64")[0]
    expected = normalize_probe(expected * circular_mask(64, 16, 1), 4)
    assert probe.shape == (2, 64, 64)
    share = 1 / 1.75
    np.testing.assert_allclose(probe[0], expected * np.sqrt(share), atol=1e-5)
    assert list(record)[2:] == [
        "scale",
        "transform",
        "mask",
        "normalization",
        "seed",
        "shape",
        "mode_power",
    ]
    np.testing.assert_allclose(
        record["mode_power"], [power(expected) * share, power(expected) * (1 - share)], rtol=1e-5
    )


def test_probe_of_a_file_is_built():
    source = zernike_probe(48, default_rng(1))[0]
    probe, record = build(
        kind="file", file="/somewhere/p.npz", N=64, transform="pad:64", source=source[..., None]
    )
    np.testing.assert_array_equal(probe[8:56, 8:56], source)
    assert record["file"] == "p.npz"
    modes = np.stack([source, source])
    assert build(kind="file", file="p.npz", source=modes)[0].shape == (2, 48, 48)


def test_probe_files_that_do_not_fit_the_configuration_are_named():
    wave = np.ones((48, 48), complex)
    with pytest.raises(InputFileError, match=r"p\.npz.*\(48, 48\), probe\.N asks for \(64, 64\)"):
        build(kind="file", file="p.npz", N=64, source=wave)
    with pytest.raises(ConfigError, match=r"modes\.count is 2, but p\.npz has 3 modes itself"):
        build(kind="file", file="p.npz", modes={"count": 2}, source=np.stack([wave] * 3))
    with pytest.raises(InputFileError, match="even"):
        build(kind="file", file="p.npz", source=np.ones((49, 49), complex))
    assert build(kind="file", file="p.npz", transform="crop:48", source=np.ones((49, 49), complex))
    with pytest.raises(PhysicsError, match=r"p\.npz.*no energy"):
        build(kind="file", file="p.npz", source=0 * wave)
    ring = np.where(circular_mask(48, 20) > 0, 0, wave)
    with pytest.raises(PhysicsError, match="no energy"):
        build(kind="file", file="p.npz", mask_diameter=20, source=ring)


def test_real_probe_of_a_file_leaves_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        _, record = build(kind="file", file="p.npz", source=np.ones((48, 48)))
    assert "p.npz: probeGuess is real" in record["warnings"][0]
    assert caplog.text.count("is real") == 1
