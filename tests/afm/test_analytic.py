"""Scans against closed forms, symmetries and solutions in double precision."""

import numpy as np
import pytest
from afm_reference import molecule
from afm_scans import assert_quantiles, reference_simulator, sample, small_simulator
from scipy.optimize import root

from simlab.afm.boxes import Box, equilibrium_offset
from simlab.afm.forcefields import ForceField
from simlab.afm.frequency import hertz_weights
from simlab.afm.placement import place_molecule
from simlab.afm.scanning import NumbaEngine, ScanJob, internal_stiffness
from simlab.afm.species import getAtomsREA, loadSpecies
from simlab.afm.units import EVA2_NM

WINDOW = np.array([[2.0, 2, 5], [8, 7, 6.4]])
KR = 30.0


class PlaneField(ForceField):
    """Fz = offset + slope z, nothing else."""

    def __init__(self, box, offset, slope):
        super().__init__(box)
        self.offset, self.slope = offset, slope

    def fill(self, start, shape, columns=None, energy=True):
        out = np.zeros((*shape, 4), np.float32)
        z = self.box.origin[2] + (start[2] + np.arange(shape[2])) * self.box.steps[2, 2]
        out[..., 2] = self.offset + self.slope * z
        return out


def plane_scan(offset, slope, n):
    box = Box(np.array([-1.0, -1, -3]), np.diag([12.8, 12.8, 12.8]), (128, 128, 128))
    weights = hertz_weights(0.1, n, 30300, 1800)
    job = ScanJob(
        PlaneField(box, offset, slope), WINDOW, (6, 5, 14), equilibrium_offset((0, 0, 3)),
        internal_stiffness([0.25, 0.25, 0, KR]), np.eye(3), weights,
    )  # fmt: skip
    return NumbaEngine().scan([job])[0].df


@pytest.mark.parametrize("n", [1, 2, 5, 14])
def test_constant_force_gives_no_shift(n):
    assert np.abs(plane_scan(0.3, 0.0, n)).max() < 1e-3


@pytest.mark.parametrize("n", [2, 5, 10])
def test_a_linear_force_gives_the_same_shift_at_every_height(n):
    slope = 0.02
    df = plane_scan(0.0, slope, n)
    assert df.shape == (6, 5, 14 - n + 1)
    # The spring gives way by F/k, hence the slope along the tip's path is s/(1 - s/k).
    followed = slope / (1 - slope * EVA2_NM / KR)
    expected = -30300 / 1800 * followed * EVA2_NM * (n - 1) / (2 * n)
    np.testing.assert_allclose(df, expected, rtol=1e-3)


def solved(afmulator, xyz, REAs, charges, pixels):
    """Places of the relaxed particle by a general solver on sums over atoms in float64."""
    job = afmulator.scanner.job
    lateral, radial = job.stiffness[:3], job.stiffness[3]
    field, R = job.field, afmulator.tipR0[2]
    places = []
    for anchors in job.anchors()[tuple(pixels)]:
        displacement = job.dpos0
        for anchor in anchors:

            def force(d, anchor=anchor):
                length = np.linalg.norm(d)
                spring = lateral * (d - job.dpos0) + radial * (length - R) / length * d
                return field.at([anchor + d])[0, :3] + spring

            displacement = root(force, displacement, tol=1e-10).x
            places.append(anchor + displacement)
    return np.array(places).reshape(len(pixels[0]), -1, 3)


@pytest.mark.parametrize(("ppa", "bound"), [(10, 0.02), (20, 0.005)])
def test_relaxed_places_are_roots_of_the_balance_of_forces(ppa, bound):
    afmulator = small_simulator(pixPerAngstrome=ppa, tipR0=[0.1, 0.05, 3])
    xyz, Zs, qs = sample("bcb")
    afmulator(xyz, Zs, qs)
    pixels = np.array([[3, 6, 6, 9], [4, 5, 9, 3]])
    REAs = getAtomsREA(8, Zs, loadSpecies())
    exact = solved(afmulator, xyz, REAs, qs, pixels)
    found = afmulator.scanner.downloadPaths()[tuple(pixels)]
    assert np.abs(found - exact).max() < bound
    direct = small_simulator(pixPerAngstrome=ppa, tipR0=[0.1, 0.05, 3], mode="direct")
    direct(xyz, Zs, qs)
    np.testing.assert_allclose(direct.scanner.downloadPaths()[tuple(pixels)], exact, atol=2e-6)


def test_the_error_of_interpolation_falls_with_the_square_of_the_grid_step():
    window = {"scan_window": ((5, 5, 5), (15, 15, 6.9)), "scan_dim": (30, 30, 19), "df_steps": 10}
    exact = small_simulator(mode="direct", **window)(*sample("bcb"))
    coarse, fine = (
        small_simulator(pixPerAngstrome=ppa, **window)(*sample("bcb")) for ppa in (8, 16)
    )
    ratio = np.median(np.abs(coarse - exact)) / np.median(np.abs(fine - exact))
    assert 2.5 < ratio < 6
    assert_quantiles(fine - exact, {0.5: 5e-4})


def test_images_at_the_documented_resolution_differ_little_from_exact_sums():
    grid, direct = (reference_simulator(mode=mode)(*sample("bcb")) for mode in ("grid", "direct"))
    assert_quantiles(grid - direct, {0.5: 5e-4})
    assert_quantiles((grid - direct)[..., 0], {0.99: 0.005})
    assert_quantiles((grid - direct)[..., -1], {0.99: 0.15})


@pytest.fixture(scope="module")
def benzene():
    """Square scan over a benzene ring lying flat around the center of the window."""
    angles = np.arange(6) * np.pi / 3
    ring = np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1)
    xyz = np.concatenate([1.39 * ring, 2.48 * ring])
    Zs = np.array([6] * 6 + [1] * 6)
    qs = np.array([-0.12] * 6 + [0.12] * 6)
    afmulator = small_simulator(
        scan_window=((6, 6, 5), (14, 14, 6.9)), scan_dim=(33, 33, 19), df_steps=10
    )
    radii = getAtomsREA(8, Zs, loadSpecies())[:, 0]
    xyz = place_molecule(xyz, radii, afmulator.scan_window, 4.4)
    return afmulator, xyz, Zs, qs, afmulator(xyz, Zs, qs)


@pytest.mark.parametrize(
    "flip", [np.s_[::-1, ::-1], np.s_[::-1], np.s_[:, ::-1]], ids=["half turn", "x", "y"]
)
def test_the_image_has_the_symmetry_of_the_molecule(benzene, flip):
    df = benzene[-1]
    assert np.abs(df).max() > 1
    np.testing.assert_allclose(df[flip], df, atol=1e-3)


def test_turning_the_molecule_turns_the_image(benzene):
    afmulator, xyz, Zs, qs, df = benzene
    quarter = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    turned = afmulator(xyz, Zs, qs, rot=quarter)
    np.testing.assert_allclose(turned, np.rot90(df, axes=(0, 1)), atol=1e-3)
    np.testing.assert_allclose(
        turned, afmulator((xyz - xyz.mean(0)) @ quarter.T + xyz.mean(0), Zs, qs), atol=1e-4
    )


def test_moving_molecule_and_window_together_moves_nothing_in_the_image():
    xyz, Zs, qs = sample("camphor")
    here = small_simulator()
    shift = np.array([12, -7, 5]) * 0.1
    there = small_simulator(scan_window=here.scan_window + shift)
    np.testing.assert_allclose(there(xyz + shift, Zs, qs), here(xyz, Zs, qs), atol=2e-3)


def test_a_hydrogen_halo_is_more_attractive_far_away_than_near():
    xyz, Zs, qs = molecule("benzene")
    afmulator = small_simulator(scan_dim=(9, 9, 19), scan_window=((6, 6, 5), (14, 14, 6.9)))
    radii = getAtomsREA(8, Zs, loadSpecies())[:, 0]
    df = afmulator(place_molecule(xyz, radii, afmulator.scan_window, 4.5), Zs, qs)
    assert df[..., 0].mean() < 0
    assert df[4, 4, -1] > df[4, 4, 0]
