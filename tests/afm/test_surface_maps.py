import json
import math

import numpy as np
import pytest
from afm_reference import arrays, within
from afm_trainers import seed_maps, small_afmulator

from simlab.afm.densities import HartreePotential
from simlab.afm.descriptors import AuxMaps, ESMap, ESMapConstant, HeightMap
from simlab.afm.errors import AfmConfigError, AfmPhysicsError
from simlab.afm.molecules import vdw_radii
from simlab.afm.rotations import rotate_about, rotation_matrix
from simlab.afm.simulator import AFMulator
from simlab.afm.surface_maps import surface_heights
from simlab.afm.units import KE

REFERENCE = arrays("auxmaps")
PARAMS = json.loads(str(REFERENCE["params"]))
PIXELS = {"scan_dim": PARAMS["scan_dim"], "scan_window": PARAMS["scan_window"]}
NAMES = ("bcb", "PTCDA", "camphor")
PLANE = {
    "ESMapConstant": ESMapConstant(**PIXELS),
    "ESMapConstant_cut": ESMapConstant(**PIXELS, vdW_cutoff=-2.0, Rpp=1.0, height=3.7),
}


def atoms(name):
    return REFERENCE[f"{name}_xyzq"], REFERENCE[f"{name}_Z"]


@pytest.fixture(scope="module", params=NAMES)
def scanned(request):
    """(name, scanner) after a scan of the reference."""
    afmulator = AFMulator(**PARAMS["heightmap_scan"], npbc=(0, 0, 0), backend="numba")
    xyzq, Zs = atoms(request.param)
    afmulator(xyzq[:, :3], Zs, xyzq[:, 3])
    return request.param, afmulator.scanner


@pytest.mark.parametrize("variant", ["HeightMap", "HeightMap_iso"])
def test_heights_equal_the_reference(scanned, variant):
    name, scanner = scanned
    arguments = PARAMS.get(variant, {})
    image = HeightMap(scanner, **arguments)(*atoms(name))
    assert image.dtype == np.float32
    assert within(image, REFERENCE[f"{name}_{variant}"], 2e-3, 0.999)


def test_heights_follow_from_the_raw_surface_of_the_reference():
    for name in NAMES:
        depth = REFERENCE[f"{name}_ziso_raw"].astype(np.float64) * 0.1
        heights, missed = surface_heights(depth, -2.0)
        assert not missed
        assert within(heights, REFERENCE[f"{name}_HeightMap"], 1e-4)


def test_field_on_the_surface_equals_the_reference(scanned):
    name, scanner = scanned
    image, expected = ESMap(scanner, frame="box")(*atoms(name)), REFERENCE[f"{name}_ESMap"]
    assert image.shape == expected.shape
    close = np.abs(image - expected) <= 2e-3 + 0.01 * np.abs(expected)
    assert close.mean() >= 0.99
    assert (image[..., 0][image[..., 1] == 0] == 0).all()


def test_field_on_the_surface_is_that_of_coulomb_where_the_probe_is(scanned):
    name, scanner = scanned
    xyzq, Zs = atoms(name)
    image = ESMap(scanner)(xyzq, Zs)
    zeta = scanner.downloadZiso(0.1, 100)
    scan = PARAMS["heightmap_scan"]
    x0, y0, length = scan["tipR0"]
    down = math.sqrt(length**2 - x0**2 - y0**2)
    shown = np.argwhere(image[..., 1] > 0)
    for i, j in shown[:: len(shown) // 20]:
        anchor = np.array([2 + i * 16 / 55, 2 + j * 16 / 47, 6.9])
        offset = np.array([x0, y0, -down - 0.1 * float(zeta[i, j])])
        d = anchor + offset - xyzq[:, :3]
        expected = KE * (xyzq[:, 3] * d[:, 2] / ((d**2).sum(axis=1) + 1e-4) ** 1.5).sum()
        assert image[i, j, 0] == pytest.approx(expected, rel=1e-5, abs=1e-7)


def test_the_frame_of_the_field_is_one_of_two(scanned):
    with pytest.raises(AfmConfigError, match="sample, box"):
        ESMap(scanned[1], frame="world")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("variant", PLANE)
def test_field_in_a_plane_equals_the_reference(name, variant):
    image, expected = PLANE[variant](*atoms(name)), REFERENCE[f"{name}_{variant}"]
    assert image.dtype == np.float32
    assert (np.abs(image - expected) <= 1e-6 + 1e-4 * np.abs(expected)).all()


def test_heights_are_cut_below_the_highest_point():
    depth = np.array([[1.0, 2.0, 3.5], [-0.1, 2.9, 3.0]])
    heights, missed = surface_heights(depth, -2.0)
    assert not missed
    np.testing.assert_allclose(heights, [[2, 1, 0], [0, 0.1, 0]], atol=1e-12)


def test_shallow_surfaces_begin_at_their_lowest_point():
    heights, _ = surface_heights(np.array([[1.0, 1.5, -0.1]]), -2.0)
    np.testing.assert_allclose(heights, [[0.5, 0, 0]], atol=1e-12)


def test_no_surface_gives_zeros():
    heights, missed = surface_heights(np.full((2, 3), -0.1), -2.0)
    assert missed
    assert not heights.any()


@pytest.mark.parametrize("kind", [HeightMap, ESMap])
def test_maps_of_the_surface_need_a_scan_first(kind):
    aux_map = kind(small_afmulator().scanner)
    with pytest.raises(AfmPhysicsError, match="call the AFMulator first"):
        aux_map(*atoms("bcb"))


def test_other_pixels_than_those_of_the_scan_are_refused(scanned):
    name, scanner = scanned
    wrong = AuxMaps("HeightMap", {"scanner": scanner, "scan_dim": (10, 12)})
    with pytest.raises(AfmConfigError, match=r"\(10, 12\)"):
        wrong(*atoms(name))
    right = AuxMaps("HeightMap", {"scanner": scanner, **PIXELS})
    assert right(*atoms(name)).shape == (56, 48)


def test_a_point_charge_gives_the_field_of_coulomb():
    plane = ESMapConstant((5, 3), ((-2, -1), (2, 1)), height=2.0)
    image = plane([[0.0, 0, 7, 0.5]], [6])
    x, y = np.meshgrid(np.linspace(-2, 2, 5), np.linspace(-1, 1, 3), indexing="ij")
    expected = KE * 0.5 * 2.0 / (x**2 + y**2 + 4) ** 1.5
    np.testing.assert_allclose(image, expected, rtol=1e-6)


def test_the_cutoff_clears_what_lies_beside_the_molecule():
    free = ESMapConstant((41, 41), ((-5, -5), (5, 5)))([[0.0, 0, 0, 1]], [6])
    cut = ESMapConstant((41, 41), ((-5, -5), (5, 5)), vdW_cutoff=-1.0, Rpp=0.0)
    image = cut([[0.0, 0, 0, 1]], [6])
    x, radius = np.linspace(-5, 5, 41), vdw_radii([6])[0]
    # The sphere is shown down to 1 Å below its top.
    shown = np.hypot(*np.meshgrid(x, x)) < math.sqrt(radius**2 - (radius - 1) ** 2)
    assert 20 < shown.sum() < 500
    assert np.array_equal(image[shown], free[shown])
    assert not image[~shown].any()


@pytest.fixture(scope="module")
def potential():
    """cos(kx x) cos(kz z) with period 12 Å on a grid of 0.1 Å."""
    k = 2 * math.pi / 12
    x = np.arange(120) * 0.1
    array = np.cos(k * x)[:, None, None] * np.ones(8)[:, None] * np.cos(k * x)
    return HartreePotential(array, [[0, 0, 0], [12, 0, 0], [0, 12, 0], [0, 0, 12]])


def test_the_field_of_a_potential_is_its_negative_slope(potential):
    k = 2 * math.pi / 12
    plane = ESMapConstant((9, 3), ((2, 1), (10, 5)), height=4.0)
    image = plane([[5.0, 5, -2, 0], [6, 5, -3, 0]], [6, 6], potential)
    expected = np.cos(k * np.linspace(2, 10, 9)) * k * math.sin(k * 2)
    # Linear interpolation on 0.1 Å: the relative error is (0.1 k)² / 8.
    np.testing.assert_allclose(image, np.repeat(expected[:, None], 3, axis=1), atol=5e-4)


def test_a_potential_turns_with_its_molecule(potential):
    k = 2 * math.pi / 12
    xyzq = np.array([[5.0, 5, -2, 0], [6, 5, -3, 0], [6, 4, -1, 0]])
    turn = rotation_matrix((0.3, 1, 0.2), 0.8)
    for center in (None, np.array([2.0, 7, 1])):
        fixed = xyzq[:, :3].mean(axis=0) if center is None else center
        plane = ESMapConstant((4, 3), ((2, 1), (7, 5)), height=3.0)
        image = plane(xyzq, [6, 6, 6], potential, turn, center)
        top = rotate_about(xyzq[:, :3], turn, center)[:, 2].max()
        x, y = np.meshgrid(np.linspace(2, 7, 4), np.linspace(1, 5, 3), indexing="ij")
        points = np.column_stack([x.ravel(), y.ravel(), np.full(x.size, top + 3.0)])
        px, _, pz = ((points - fixed) @ turn + fixed).T
        gradient = np.column_stack(
            [-k * np.sin(k * px) * np.cos(k * pz), 0 * px, -k * np.cos(k * px) * np.sin(k * pz)]
        )
        expected = -(gradient @ turn.T)[:, 2].reshape(x.shape)
        np.testing.assert_allclose(image, expected, atol=2e-3)


def test_the_five_descriptors_of_the_seed_equal_the_reference():
    expected = arrays("seed_config_bcb")
    afmulator = AFMulator(
        pixPerAngstrome=10,
        scan_dim=(128, 128, 19),
        scan_window=((2.0, 2.0, 5.0), (18.0, 18.0, 6.9)),
        df_steps=10,
        npbc=(0, 0, 0),
        backend="numba",
    )
    xyzq, Zs = expected["xyzq"], expected["Z"]
    afmulator(xyzq[:, :3], Zs, xyzq[:, 3])
    limits = ((5e-5, 0.999), (1e-5, 1), (2e-3, 0.999), (1e-5, 1), (1e-5, 1))
    for k, (aux_map, (limit, share)) in enumerate(zip(seed_maps(afmulator), limits, strict=True)):
        assert within(aux_map(xyzq, Zs), expected[f"Y{k}"], limit, share)


def test_the_field_on_the_surface_needs_point_charges(scanned, potential):
    with pytest.raises(AfmConfigError, match="ESMapConstant"):
        ESMap(scanned[1])(*atoms(scanned[0]), potential)
