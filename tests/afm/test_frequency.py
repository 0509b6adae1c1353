import numpy as np
import pytest
from afm_reference import HELPERS
from scipy.integrate import quad

from simlab.afm.errors import AfmConfigError
from simlab.afm.frequency import get_df_weight, get_simple_df_weight, hertz_weights
from simlab.afm.units import EVA2_NM

F0, K = 30300, 1800


def numbers(name):
    return [float(part[2:] if part.startswith("dz") else part[1:]) for part in name.split("_")]


@pytest.mark.parametrize("name", HELPERS["df_weights"])
def test_simple_weights_equal_the_reference(name):
    n, dz = numbers(name)
    np.testing.assert_allclose(
        get_simple_df_weight(int(n), dz), HELPERS["df_weights"][name], rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("name", HELPERS["df_weights_exact"])
def test_exact_weights_equal_the_reference(name):
    A, dz = numbers(name)
    np.testing.assert_allclose(
        get_df_weight(A, dz), HELPERS["df_weights_exact"][name], rtol=1e-12, atol=1e-12
    )


def test_one_step_uses_two_forces():
    np.testing.assert_array_equal(get_simple_df_weight(1, 0.1), get_simple_df_weight(2, 0.1))


@pytest.mark.parametrize("kind", ["simple", "exact"])
@pytest.mark.parametrize("n", [2, 5, 10, 16])
def test_constant_force_gives_no_shift(kind, n):
    assert abs(hertz_weights(0.1, n, F0, K, kind).sum()) < 1e-10


@pytest.mark.parametrize("n", [2, 3, 10, 31])
def test_a_linear_force_gives_its_slope_as_exact_weights_promise(n):
    dz, slope = 0.07, 0.13
    heights = -dz * np.arange(n + 1)
    shift = (slope * heights) @ hertz_weights(dz, n, F0, K, "exact")
    assert shift == pytest.approx(-F0 / (2 * K) * slope * EVA2_NM, rel=1e-12)


@pytest.mark.parametrize("n", [2, 3, 10, 31])
def test_a_linear_force_gives_simple_weights_their_discretization_factor(n):
    dz, slope = 0.07, 0.13
    w = get_simple_df_weight(n, dz)
    heights = -dz * np.arange(n)
    shift = (slope * heights) @ hertz_weights(dz, n, F0, K)
    factor = (np.arange(n) * dz * w).sum()
    assert shift == pytest.approx(-F0 / K * slope * EVA2_NM * factor, rel=1e-12)
    assert factor == pytest.approx((n - 1) / (2 * n), rel=1e-12)  # 1/2 for many steps


def test_exact_weights_integrate_the_formula_of_giessibl():
    dz, A = 0.1, 0.6
    heights = dz * np.arange(7)[::-1]
    forces = np.exp(-3 * heights) - 0.2 * heights
    a, middle = A / 2, heights[0] - A / 2

    def integrand(angle):  # u = a sin(angle) removes the poles
        u = a * np.sin(angle)
        return np.interp(middle + u, heights[::-1], forces[::-1]) * u

    kinks = np.arcsin(np.clip((heights - middle) / a, -1, 1))
    integral = sum(
        quad(integrand, low, high)[0] for low, high in zip(kinks[1:], kinks[:-1], strict=True)
    )
    expected = -F0 / (np.pi * K * a**2) * integral * EVA2_NM
    shift = forces @ hertz_weights(dz, 6, F0, K, "exact", A)
    assert shift == pytest.approx(expected, rel=1e-8)


def test_unknown_weights_are_refused():
    with pytest.raises(AfmConfigError, match="'sine'; expected simple or exact"):
        hertz_weights(0.1, 10, F0, K, "sine")
