import numpy as np
import pytest
from lensing_reference import SINGLE_LENSES, mixed_cluster, moved, table

from simlab.lensing.clusters import make_cluster
from simlab.lensing.curves import critical_curve, cut_curve
from simlab.lensing.lenses import make_lens
from simlab.lensing.sampled import sampled_lens


@pytest.mark.parametrize("number", range(0, 48, 5))
def test_curves_of_ellipsoids_agree_with_the_independent_values(number):
    row = {name: float(text) for name, text in table("critical_caustic")[number].items()}
    lens = make_lens(
        "SIE",
        einstein_radius=row["einstein_radius"],
        ratio=row["ratio"],
        orientation_deg=row["orientation_deg"],
    )
    curve, caustic = critical_curve(lens)
    k = round(row["phi_deg"])
    assert abs(curve[k] - complex(row["crit_x"], row["crit_y"])) < 1e-10
    assert abs(caustic[k] - complex(row["caustic_x"], row["caustic_y"])) < 1e-10


@pytest.mark.parametrize("name", ["SIS", "PM", "SIE", "flat SIE"])
def test_the_magnification_diverges_on_the_critical_curve(name):
    lens = moved(SINGLE_LENSES[name], 3 + 4j)
    curve, caustic = critical_curve(lens, 90)
    assert curve.shape == caustic.shape == (90,)
    assert np.abs(1 / lens.magnification(curve)).max() < 1e-12
    np.testing.assert_allclose(caustic, curve - lens.deflection(curve), atol=1e-12)


def test_curves_of_clusters_are_contours():
    lens = mixed_cluster()
    curves, caustics = critical_curve(lens)
    assert len(curves) == len(caustics) > 1
    for curve, caustic in zip(curves, caustics, strict=True):
        det = (1 - lens.convergence(curve)) ** 2 - np.abs(lens.shear(curve)) ** 2
        assert np.abs(det).max() < 1e-8
        np.testing.assert_array_equal(caustic, curve - lens.deflection(curve))
        assert curve[0] == curve[-1]


def test_a_contour_follows_the_closed_curve():
    sie = SINGLE_LENSES["SIE"]
    curves, _ = critical_curve(make_cluster([sie, make_lens("Shear")]))
    assert len(curves) == 1
    turned = curves[0] * np.exp(-1j * np.radians(30))
    radius = 40 * np.sqrt(0.6) / np.hypot(turned.real, 0.6 * turned.imag) * np.abs(turned)
    np.testing.assert_allclose(np.abs(turned), radius, rtol=1e-10)


def test_a_halo_has_a_tangential_and_a_radial_curve():
    lens = make_lens("NFW", kappa_s=0.5, scale_radius=60)
    curves, caustics = critical_curve(lens)
    radii = sorted(np.abs(curve).mean() for curve in curves)
    assert len(radii) == 2
    assert min(np.abs(caustic).max() for caustic in caustics) < 1e-9
    widest = max(curves, key=lambda curve: np.abs(curve).mean())
    np.testing.assert_allclose(np.abs(lens.deflection(widest)), np.abs(widest), rtol=1e-10)


def test_shear_has_no_critical_curve():
    assert critical_curve(SINGLE_LENSES["Shear"]) == ([], [])


def test_the_cut_is_the_image_of_the_center():
    lens = moved(SINGLE_LENSES["SIE"], 3 + 4j)
    cut = cut_curve(lens, 8)
    tiny = 3 + 4j + 1e-7 * np.exp(2j * np.pi * np.arange(8) / 8)
    np.testing.assert_allclose(cut, tiny - lens.deflection(tiny), atol=1e-5)


def test_curves_of_sampled_lenses_are_near_the_analytic_ones():
    curves, _ = critical_curve(sampled_lens(SINGLE_LENSES["SIE"], 160))
    widest = max(curves, key=lambda curve: np.abs(curve).mean())
    turned = widest * np.exp(-1j * np.radians(30))
    radius = 40 * np.sqrt(0.6) / np.hypot(turned.real, 0.6 * turned.imag) * np.abs(turned)
    assert np.abs(np.abs(turned) - radius).max() < 0.1
