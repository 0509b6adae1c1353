"""Linear power, halo abundance and NFW profile against an independent calculation."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from simlab.core.errors import PhysicsError
from simlab.halo.cosmology import (
    RHO_CRIT,
    Cosmology,
    cumulative_counts,
    halo_count,
    mass_function,
    nfw_mass,
    nfw_radius,
    radius_200,
)

REFERENCE = json.loads(
    (Path(__file__).parents[1] / "data/halo/cosmology_reference.json").read_text()
)


def cosmology_of(row):
    return Cosmology(row["Omega_m"], row["Omega_b"], row["h"], row["n_s"], row["sigma8"])


@pytest.fixture(params=sorted(REFERENCE))
def row(request):
    return REFERENCE[request.param]


def test_transfer_function_and_power_equal_the_reference(row):
    cosmology = cosmology_of(row)
    k = np.array(row["k_h_per_Mpc"])

    np.testing.assert_allclose(cosmology.transfer(k), row["T_nowiggle"], rtol=1e-12)
    np.testing.assert_allclose(cosmology.power(k), row["P_linear_Mpc3_h3"], rtol=1e-6)


def test_sigma_of_a_mass_equals_the_reference(row):
    masses = np.array([float(mass) for mass in row["sigma_M"]])

    sigma = cosmology_of(row).sigma(masses)

    np.testing.assert_allclose(sigma, list(row["sigma_M"].values()), rtol=1e-6)


def test_sigma_of_the_mass_in_eight_mpc_spheres_is_sigma8(row):
    cosmology = cosmology_of(row)

    mass = 4 / 3 * math.pi * 8**3 * cosmology.mean_density

    assert cosmology.sigma(mass) == pytest.approx(row["sigma8"], rel=1e-12)


def test_slope_of_sigma_is_its_derivative(row):
    cosmology = cosmology_of(row)
    mass = np.array([1e10, 1e13, 1e15])

    _, slope = cosmology.sigma_and_slope(mass)

    difference = np.log(cosmology.sigma(mass * 1.001) / cosmology.sigma(mass / 1.001))
    np.testing.assert_allclose(slope, difference / (2 * math.log(1.001)), rtol=1e-5)


@pytest.mark.parametrize(("threshold", "tolerance"), [(1e13, 1e-4), (3e13, 0.011), (1e14, 1e-4)])
def test_halo_counts_equal_the_reference(row, threshold, tolerance):
    expected = {
        float(key[1:]): count for key, count in row["N_halo_ST_50Mpc"].items()
    }  # its count above 3e13 starts at the next node of its mass grid

    assert halo_count(cosmology_of(row), threshold, 50.0) == pytest.approx(
        expected[threshold], rel=tolerance
    )


def test_halo_count_is_the_integral_of_the_mass_function(row):
    cosmology = cosmology_of(row)

    integral, _ = quad(
        lambda log_mass: mass_function(cosmology, math.exp(log_mass)),
        math.log(3e13),
        math.log(1e17),
        epsrel=1e-10,
    )

    assert halo_count(cosmology, 3e13, 50.0) == pytest.approx(integral * 50.0**3, rel=1e-5)


def test_halo_count_agrees_with_pylians():
    fiducial = REFERENCE["fiducial"]

    assert halo_count(cosmology_of(fiducial), 1e13, 50.0) == pytest.approx(
        fiducial["N_ST_pylians_gt1e13"], rel=2e-3
    )


def test_halo_count_grows_with_the_volume():
    cosmology = cosmology_of(REFERENCE["fiducial"])

    assert halo_count(cosmology, 1e13, 25.0) * 8 == pytest.approx(halo_count(cosmology, 1e13, 50.0))


def test_table_of_counts_equals_halo_count(row):
    cosmology = cosmology_of(row)

    mass, counts = cumulative_counts(cosmology, 1e13, 50.0)

    for i in (0, 300, 700):
        assert counts[i] == pytest.approx(halo_count(cosmology, mass[i], 50.0), rel=5e-4)


def test_truncation_radius_leaves_unit_variance(row):
    cosmology = cosmology_of(row)

    radius = cosmology.truncation_radius()

    assert radius == pytest.approx(row["R_trunc_Mpc_h"], abs=1e-3)
    variance, _ = quad(
        lambda log_k: (
            math.exp(3 * log_k - (math.exp(log_k) * radius) ** 2)
            * cosmology.power(math.exp(log_k))
            / (2 * math.pi**2)
        ),
        math.log(1e-5),
        math.log(1e2),
        limit=200,
    )
    assert variance == pytest.approx(1, rel=1e-6)


def test_truncation_radius_has_a_lower_bound():
    assert Cosmology(0.3, 0.05, 0.7, 0.96, 0.1).truncation_radius() == 0.1


def test_radius_holds_two_hundred_times_the_critical_density(row):
    for mass, radius in row["r200c_Mpc_h"].items():
        assert radius_200(float(mass)) == pytest.approx(radius, rel=1e-12)
    assert 4 / 3 * math.pi * radius_200(1e14) ** 3 * 200 * RHO_CRIT == pytest.approx(1e14)


@pytest.mark.parametrize("concentration", [3.0, 7.5, 20.0])
def test_nfw_radius_inverts_the_mass_profile(concentration):
    share = np.array([1e-12, 1e-9, 1e-8, 1e-4, 0.1, 0.5, 0.999, 1.0])

    radius = nfw_radius(share, concentration)

    enclosed = nfw_mass(radius * concentration) / nfw_mass(concentration)
    np.testing.assert_allclose(enclosed[3:], share[3:], rtol=1e-11)
    np.testing.assert_allclose(
        (radius * concentration)[:3], np.sqrt(2 * share[:3] * nfw_mass(concentration)), rtol=3e-4
    )
    assert radius[-1] == pytest.approx(1, rel=1e-12)
    assert nfw_radius(0.0, concentration) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("omega_m", 0.0),
        ("omega_m", math.nan),
        ("omega_b", -0.01),
        ("omega_b", 0.3),
        ("h", 67.11),
        ("n_s", math.inf),
        ("sigma8", -0.8),
    ],
)
def test_impossible_cosmologies_are_refused_by_name(field, value):
    fiducial = {"omega_m": 0.3, "omega_b": 0.049, "h": 0.67, "n_s": 0.96, "sigma8": 0.8}

    with pytest.raises(PhysicsError, match=rf"{field} is {value}"):
        Cosmology(**{**fiducial, field: value})


@pytest.mark.parametrize(("threshold", "box"), [(0.0, 50.0), (math.nan, 50.0), (1e13, -1.0)])
def test_impossible_counts_are_refused(threshold, box):
    with pytest.raises(PhysicsError, match=r"mass_threshold is|box_size is"):
        halo_count(Cosmology(0.3, 0.049, 0.67, 0.96, 0.8), threshold, box)
