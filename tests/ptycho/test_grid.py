"""The legacy grid mode against what the peer made."""

import json
from pathlib import Path

import numpy as np
import pytest

from simlab.core.errors import ConfigError, InputFileError
from simlab.ptycho.diffraction import extract_patches
from simlab.ptycho.grid import grid_groups, group_geometry, simulate_grid
from simlab.ptycho.objects import tanh_phase

DATA = Path(__file__).parents[1] / "data" / "ptycho"


@pytest.fixture(params=["grid_mode", "grid_mode_g1"])
def reference(request):
    with np.load(DATA / f"{request.param}.npz") as file:
        arrays = dict(file)
    params = json.loads(str(arrays["params"]))
    arrays["geometry"] = {key: params[key] for key in ("N", "gridsize", "offset", "outer_offset")}
    return arrays


def simulated(reference, **options):
    return simulate_grid(
        reference["object_amp"],
        reference["probe"],
        nphotons=1e6,
        **reference["geometry"],
        **options,
    )


def flat(groups):
    return np.moveaxis(groups, -1, 1).reshape(-1, *groups.shape[1:3])


def test_groups_equal_the_reference(reference):
    groups = grid_groups(reference["object_amp"], **reference["geometry"])
    np.testing.assert_array_equal(groups["coords_offsets"], reference["coords_offsets"])
    assert groups["norm_Y_I"] == pytest.approx(float(reference["norm_Y_I"]), rel=1e-6)
    before_probe = reference["I_pre_probe"]
    np.testing.assert_allclose(
        flat(groups["patches"])[: len(before_probe)], before_probe, rtol=1e-6
    )
    assert groups["patches"].dtype == np.float32


def test_the_simulation_equals_the_reference_up_to_its_noise(reference):
    result = simulated(reference, poisson=False)
    scale = result["intensity_scale"]
    assert scale == pytest.approx(float(reference["intensity_scale"]), rel=1e-5)
    rate = (result["X"][:6].astype(float) * scale) ** 2
    counts = (reference["X"].astype(float) * float(reference["intensity_scale"])) ** 2
    bright = rate > 5
    z = (counts - rate)[bright] / np.sqrt(rate[bright])
    assert abs(z.mean()) < 5 / np.sqrt(z.size)
    assert abs(z.var() - 1) < 5 * np.sqrt(2.2 / z.size)


def test_noise_belongs_to_the_seed(reference):
    first, again = simulated(reference, seed=3), simulated(reference, seed=3)
    np.testing.assert_array_equal(first["X"], again["X"])
    assert np.any(simulated(reference, seed=4)["X"] != first["X"])
    counts = (first["X"].astype(float) * first["intensity_scale"]) ** 2
    assert np.all(np.abs(counts - np.rint(counts)) <= 4e-7 * np.maximum(counts, 1))


def test_truth_is_the_divided_amplitude_with_the_phase_of_the_undivided_one(reference):
    result = simulated(reference)
    np.testing.assert_allclose(np.abs(result["Y"]), result["patches"], rtol=1e-6)
    phase = tanh_phase(reference["object_amp"])
    corner = result["top_left"][3, -1]
    n = reference["geometry"]["N"]
    window = phase[corner[0] : corner[0] + n, corner[1] : corner[1] + n]
    np.testing.assert_allclose(np.angle(result["Y"][3, :, :, -1]), window, atol=2e-6)
    real = simulated(reference, phase="zero")
    assert not real["Y"].imag.any()


def test_patch_centers_and_offsets_meet_in_the_center_of_the_group():
    top_left, offsets = group_geometry((60, 70), 16, 3, 5, 9)
    assert top_left.shape == (((60 - 26) // 4 + 1) * ((70 - 26) // 4 + 1), 9, 2)
    centers = top_left[..., ::-1] + 8 + np.moveaxis(offsets[:, 0], 1, 2)  # (x, y)
    np.testing.assert_array_equal(centers, np.broadcast_to(centers[:, :1], centers.shape))
    assert top_left.max(axis=(0, 1)).tolist() == [32 + 10, 44 + 10]
    np.testing.assert_array_equal(top_left[0, :4], [[0, 0], [0, 5], [0, 10], [5, 0]])
    np.testing.assert_array_equal(top_left[1, 0], [0, 4])  # groups row by row


def test_a_flat_list_at_the_patch_centers_holds_the_same_patches():
    amplitude = np.random.default_rng(0).uniform(0.5, 1, (40, 40))
    groups = grid_groups(amplitude, 16, gridsize=2, offset=3, outer_offset=12)
    y, x = groups["top_left"].reshape(-1, 2).T + 8.0
    patches = extract_patches(amplitude / groups["norm_Y_I"], x, y, 16)
    np.testing.assert_allclose(flat(groups["patches"]), patches.real, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"N": 64}, ConfigError, r"\(40, 40\).*68"),
        ({"outer_offset": 1}, ConfigError, "outer_offset // 2 is 0"),
        ({"gridsize": 0}, ConfigError, "gridsize is 0"),
        ({"amplitude": np.ones((2, 40, 40))}, InputFileError, "2-D"),
        ({"amplitude": np.ones((40, 40), complex)}, InputFileError, "real"),
        ({"amplitude": np.zeros((40, 40))}, InputFileError, "> 0"),
    ],
)
def test_unusable_geometries_are_named(options, error, text):
    values = {"N": 16, "gridsize": 2, "offset": 4, "outer_offset": 8, **options}
    amplitude = values.pop("amplitude", np.ones((40, 40)))
    with pytest.raises(error, match=text):
        grid_groups(amplitude, values.pop("N"), **values)


def test_probe_and_phase_must_fit():
    geometry = {"N": 16, "gridsize": 1, "offset": 4, "outer_offset": 8}
    with pytest.raises(InputFileError, match=r"\(8, 8\).*16"):
        simulate_grid(np.ones((40, 40)), np.ones((8, 8)), **geometry)
    with pytest.raises(ConfigError, match=r"sawtooth.*tanh"):
        simulate_grid(np.ones((40, 40)), np.ones((16, 16)), phase="sawtooth", **geometry)
