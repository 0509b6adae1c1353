import inspect
import json
import math

import numpy as np
import pytest
from afm_reference import arrays, within

from simlab.afm.aux_options import AUX_OPTIONS
from simlab.afm.descriptors import (
    AtomicDisks,
    AtomRfunc,
    AuxMaps,
    Bonds,
    DiskOcclusion,
    Lorentz,
    MultiMapSpheres,
    MultiMapSpheresElements,
    SphereCaps,
    SpheresType,
    aux_map_dict,
    vdwSpheres,
)
from simlab.afm.errors import AfmConfigError, AfmInputError
from simlab.afm.molecules import covalent_radii, vdw_radii
from simlab.afm.rotations import rotate_about, rotation_matrix

REFERENCE = arrays("auxmaps")
PARAMS = json.loads(str(REFERENCE["params"]))
PIXELS = {"scan_dim": PARAMS["scan_dim"], "scan_window": PARAMS["scan_window"]}
NAMES = ("bcb", "PTCDA", "camphor")
CARBON = np.array([[0.0, 0, 0, 0]])

SURFACES = {
    "vdwSpheres": vdwSpheres(**PIXELS),
    "vdwSpheres_z2_R0": vdwSpheres(**PIXELS, zmin=-2, Rpp=0),
    "MultiMapSpheres": MultiMapSpheres(**PIXELS),
    "MultiMapSpheres_occl": MultiMapSpheres(**PIXELS, bOccl=1),
    "MultiMapSpheresElements": MultiMapSpheresElements(**PIXELS, elems=PARAMS["elems"]),
}
SMOOTH = {
    "AtomicDisks": AtomicDisks(**PIXELS),
    "AtomicDisks_center": AtomicDisks(**PIXELS, diskMode="center"),
    "Bonds": Bonds(**PIXELS),
    "Bonds_e03": Bonds(**PIXELS, ellipticity=0.3, zmin=-1),
    "AtomRfunc": AtomRfunc(**PIXELS),
}


def atoms(name):
    return REFERENCE[f"{name}_xyzq"], REFERENCE[f"{name}_Z"]


def centered(kind, **arguments):
    """A map with a pixel at the origin."""
    return kind((41, 31), ((-4, -3), (4, 3)), **arguments)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("variant", SURFACES)
def test_sphere_maps_equal_the_reference(name, variant):
    image, expected = SURFACES[variant](*atoms(name)), REFERENCE[f"{name}_{variant}"]
    assert image.dtype == np.float32
    assert image.shape == expected.shape
    assert within(image, expected, 5e-5, 0.999)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("variant", SMOOTH)
def test_disks_bonds_and_profiles_equal_the_reference(name, variant):
    image = SMOOTH[variant](*atoms(name))
    assert image.dtype == np.float32
    assert within(image, REFERENCE[f"{name}_{variant}"], 1e-5)


def test_a_rotation_in_the_call_equals_the_reference():
    image = vdwSpheres(**PIXELS)(*atoms("bcb"), rot=REFERENCE["rot"])
    assert within(image, REFERENCE["rot_vdwSpheres"], 5e-5, 0.999)


@pytest.mark.parametrize("kind", [vdwSpheres, AtomicDisks, Bonds, AtomRfunc, Lorentz, SphereCaps])
def test_a_rotation_in_the_call_is_that_of_the_atoms(kind):
    xyzq, Zs = atoms("camphor")
    turn = rotation_matrix((1, 2, -1), 0.9)
    for center in (None, np.array([9.0, 8, 0])):
        turned = xyzq.copy()
        turned[:, :3] = rotate_about(xyzq[:, :3], turn, center)
        aux_map = kind(**PIXELS)
        image = aux_map(xyzq, Zs, rot=turn, rot_center=center)
        np.testing.assert_allclose(image, aux_map(turned, Zs), atol=1e-6)


@pytest.mark.parametrize("name", sorted(set(AUX_OPTIONS) - {"HeightMap", "ESMap", "SpheresType"}))
def test_default_arguments_are_those_of_the_configuration(name):
    default = AUX_OPTIONS[name]().model_dump()
    aux_map = AuxMaps(name, {})
    for key, value in default.items():
        assert getattr(aux_map, key) == value
    signature = inspect.signature(aux_map_dict[name]).parameters
    assert list(signature)[:2] == ["scan_dim", "scan_window"]
    assert aux_map.scan_dim == (128, 128)
    assert aux_map.scan_window.tolist() == [[-8, -8], [8, 8]]


def test_every_configured_descriptor_has_a_class():
    assert set(AUX_OPTIONS) == set(aux_map_dict)


def test_the_top_of_the_top_atom_has_height_zero():
    image = centered(vdwSpheres)(CARBON, [6])
    assert image.max() == image[20, 15] == 0
    radius = vdw_radii([6])[0] - 0.5
    x = np.linspace(-4, 4, 41)
    expected = np.sqrt(np.maximum(radius**2 - x**2, 0)) - radius
    seen = np.abs(x) < radius
    np.testing.assert_allclose(image[seen, 15], np.maximum(expected[seen], -1.5), rtol=0, atol=1e-6)
    assert (image[~seen, 15] == -1.5).all()


def test_the_integral_of_a_disk_is_that_of_a_cone():
    n, half = 401, 2.0
    pixel = (2 * half / (n - 1)) ** 2
    c = covalent_radii([6])[0]
    for depth in (0.0, 0.4):
        # The first atom lies outside the map and sets the top.
        xyzq = np.array([[20.0, 0, 0, 0], [0, 0, -depth, 0]])
        image = AtomicDisks((n, n), ((-half, -half), (half, half)))(xyzq, [6, 6])
        cone = math.pi * c**2 / 3 * (1 - depth / 1.2)
        assert image.sum() * pixel == pytest.approx(cone, rel=1e-3)


def test_disks_below_zmin_vanish():
    xyzq = np.array([[20.0, 0, 0, 0], [0, 0, -1.21, 0]])
    assert not centered(AtomicDisks)(xyzq, [6, 6]).any()


def test_a_flat_bond_is_an_exponential_of_the_distance_across_it():
    image = centered(Bonds, ellipticity=0.0)(np.array([[-0.7, 0, 0, 0], [0.7, 0, 0, 0]]), [6, 6])
    y = np.abs(np.linspace(-3, 3, 31))
    # The spline's slopes are centered differences of steps of 0.1 Å.
    np.testing.assert_allclose(image[20], np.exp(-5 * y), atol=2e-6)
    np.testing.assert_allclose(image, np.broadcast_to(image[20], image.shape), atol=1e-6)


def test_profiles_between_their_nodes_are_a_hermite_spline():
    aux_map = AtomRfunc((2001, 2), ((0, 0), (0.2, 1)))
    image = aux_map(CARBON, [6])[:, 0]
    weight = 1 + (vdw_radii([6])[0] - 1.4) / 1.5
    # |f - exp(-5 r)| of the spline is largest between the first nodes.
    exact = weight * np.exp(-5 * np.linspace(0, 0.2, 2001))
    assert np.abs(image - exact).max() < 4e-3
    assert image[0] == pytest.approx(weight)
    assert image[1000] == pytest.approx(exact[1000])


def test_vertical_bonds_and_lone_atoms_draw_nothing():
    assert not centered(Bonds)(np.array([[0, 0, 0, 0], [0, 0, 1.4, 0]]), [6, 6]).any()
    assert not centered(Bonds)(CARBON, [6]).any()


def test_a_custom_profile_is_drawn_through_its_nodes():
    samples = np.linspace(1.5, 0.5, 16)
    image = centered(AtomRfunc, Rfunc=samples, Rmax=1.0)(CARBON, [6])
    weight = 1 + (vdw_radii([6])[0] - 1.4) / 1.5
    # Pixels are 0.2 Å apart, nodes 0.1 Å, node 1 is at 0; a line has no curvature to miss.
    expected = [weight * (samples[1] - (samples[0] - samples[1]) * 2 * k) for k in range(5)]
    np.testing.assert_allclose(image[20:25, 15], expected, rtol=1e-6)
    assert image[26, 15] == 0


def test_cropping_profiles_loses_less_than_a_millionth():
    xyzq, Zs = atoms("PTCDA")
    for kind in (Bonds, AtomRfunc):
        aux_map = kind(**PIXELS)
        cropped = aux_map(xyzq, Zs)
        aux_map._reach = aux_map.Rmax
        assert np.abs(aux_map(xyzq, Zs) - cropped).max() < 2e-7


def test_channels_by_size_are_clipped_to_the_first_and_last():
    Zs = np.array([1, 6, 53])
    xyzq = np.column_stack([np.array([-3.0, 0, 3]), np.zeros((3, 3))])
    aux_map = centered(MultiMapSpheres, zmin=-4, nChan=2, Rmin=1.5, Rstep=0.2)
    image = aux_map(xyzq, Zs)
    assert image.shape == (41, 31, 2)
    assert aux_map.channel_names == ("MultiMapSpheres/0", "MultiMapSpheres/1")
    whole = centered(vdwSpheres, zmin=-4)(xyzq, Zs)
    assert np.array_equal(image.max(axis=2), whole)
    assert image[5, 15, 0] > -4
    assert image[35, 15, 1] == whole.max()
    assert image[5, 15, 1] == -4


def test_occlusion_keeps_only_what_is_on_top():
    xyzq, Zs = atoms("PTCDA")
    free = MultiMapSpheres(**PIXELS)(xyzq, Zs)
    image = MultiMapSpheres(**PIXELS, bOccl=1)(xyzq, Zs)
    top = free.max(axis=2)
    hidden = free < top[..., None] - 0.02
    assert np.array_equal(image[~hidden], free[~hidden])
    assert (image[hidden] == -1.5).all()


def test_channels_by_element_take_symbols_and_numbers():
    xyzq, Zs = atoms("bcb")
    named = MultiMapSpheresElements(**PIXELS, elems=[["H", "C"], [17, "Br"]])
    image = named(xyzq, Zs)
    assert image.shape == (56, 48, 2)
    assert named.n_channels == 2
    typed = SpheresType(**PIXELS, nChan=2, types={"C": 0, "H": 0, "Cl": 1, "35": 1})
    assert np.array_equal(typed(xyzq, Zs), image)


def test_an_element_in_no_channel_is_refused_by_name():
    with pytest.raises(RuntimeError, match="I ") as error:
        MultiMapSpheresElements(**PIXELS)(CARBON, [53])
    assert "MultiMapSpheresElements" in str(error.value)


def test_types_that_are_not_listed_are_not_shown():
    aux_map = centered(SpheresType, types={6: 1, "H": -1})
    image = aux_map(np.array([[0.0, 0, 0, 0], [3, 0, 0, 0], [-3, 0, 0, 0]]), [6, 1, 8])
    assert (image[..., [0, 2]] == -1.5).all()
    shown = np.abs(np.linspace(-4, 4, 41)) < vdw_radii([6])[0] - 0.5
    assert (image[shown, 15, 1] > -1.5).all()
    assert (image[~shown, :, 1] == -1.5).all()


def test_caps_are_spheres_in_the_middle_and_nothing_at_their_flanks():
    spheres, caps = centered(vdwSpheres), centered(SphereCaps)
    height, cap = spheres(CARBON, [6])[:, 15], caps(CARBON, [6])[:, 15]
    share = np.abs(np.linspace(-4, 4, 41)) / (vdw_radii([6])[0] - 0.5)
    inner, outer = share <= 0.4, share >= 0.5
    assert np.array_equal(cap[inner], height[inner])
    assert (cap[outer] == -1.5).all()
    assert inner.sum() > 2


def test_disks_hide_each_other_where_the_higher_one_wins_by_the_margin():
    single = centered(DiskOcclusion)(CARBON, [6])
    c = covalent_radii([6])[0]
    x = np.abs(np.linspace(-4, 4, 41))
    np.testing.assert_allclose(single[:, 15], np.maximum(1 - x / (2 * c), 0), atol=1e-6)
    # An atom 1 Å below another is hidden by it.
    pair = centered(DiskOcclusion)(np.array([[0, 0, 0, 0], [0, 0, -1, 0.0]]), [6, 6])
    np.testing.assert_allclose(pair, single, atol=1e-6)


def test_a_lorentzian_has_its_height_and_width():
    image = centered(Lorentz, A=2.0, w=0.2)(CARBON, [6])
    assert image[20, 15] == pytest.approx(2 / 0.04)
    assert image[21, 15] == pytest.approx(2 / 0.08)


@pytest.mark.parametrize("name", NAMES)
def test_maps_stay_in_their_closed_range(name):
    xyzq, Zs = atoms(name)
    for aux_map in (*SURFACES.values(), *SMOOTH.values(), SphereCaps(**PIXELS)):
        image = aux_map(xyzq, Zs)
        image = image.reshape(*image.shape[:2], -1)
        ranges = aux_map.closed_range(Zs)
        assert len(ranges) == aux_map.n_channels == image.shape[2] == len(aux_map.channel_names)
        for k, (low, high) in enumerate(ranges):
            assert low - 1e-4 <= image[..., k].min()
            assert image[..., k].max() <= high + 1e-4
        assert image.min() == pytest.approx(aux_map.floor, abs=1e-6)


def test_iodine_rises_above_one_as_its_range_says():
    ((low, high),) = AtomRfunc().closed_range([53, 6])
    assert (low, high) == (0, pytest.approx(1 + (vdw_radii([53])[0] - 1.4) / 1.5))
    assert centered(AtomRfunc)(CARBON, [53]).max() == pytest.approx(high)


def test_moving_the_window_moves_the_pixels():
    aux_map = centered(vdwSpheres)
    image = aux_map(CARBON, [6])
    aux_map.scan_window = [[6, 7, 0], [14, 13, 2]]
    moved = aux_map(np.array([[10.0, 10, -50, 0]]), [6])
    np.testing.assert_allclose(moved, image, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "arguments", "found"),
    [
        ("vdwspheres", {}, "did you mean vdwSpheres"),
        ("vdwSpheres", {"zmax": 1}, "zmax"),
        ("vdwSpheres", {"zmin": 1.5}, "zmin"),
        ("vdwSpheres", {"zmin": 0}, "zmin"),
        ("vdwSpheres", {"Rpp": math.nan}, "Rpp"),
        ("vdwSpheres", {"scan_dim": (10,)}, "scan_dim"),
        ("vdwSpheres", {"scan_dim": (10, 0)}, "scan_dim"),
        ("vdwSpheres", {"scan_dim": (10, 2.5)}, "scan_dim"),
        ("vdwSpheres", {"scan_dim": 10}, "scan_dim"),
        ("vdwSpheres", {"scan_window": ((0, 0), (1, 0))}, "scan_window"),
        ("vdwSpheres", {"scan_window": ((0, 0), (1, math.inf))}, "scan_window"),
        ("vdwSpheres", {"scan_window": (0, 1)}, "scan_window"),
        ("vdwSpheres", {"scan_window": "wide"}, "scan_window"),
        ("AtomicDisks", {"diskMode": "spheres"}, "diskMode.*did you mean sphere"),
        ("MultiMapSpheres", {"nChan": 0}, "nChan"),
        ("MultiMapSpheres", {"Rstep": 0}, "Rstep"),
        ("MultiMapSpheres", {"bOccl": 2}, "bOccl"),
        ("MultiMapSpheresElements", {"elems": []}, "elems"),
        ("Bonds", {"ellipticity": -1}, "ellipticity"),
        ("Bonds", {"Rfunc": [1.0] * 20}, "Rfunc reaches 2 Å"),
        ("Bonds", {"Rfunc": [1.0] * 129, "Rmax": 1}, "Rfunc"),
        ("AtomRfunc", {"drStep": 0}, "drStep"),
        ("Lorentz", {"w": 0}, "w"),
        ("SpheresType", {}, "types"),
        ("HeightMap", {"scanner": "none"}, "scanner"),
        ("HeightMap", {}, "scanner"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(name, arguments, found):
    with pytest.raises(AfmConfigError, match=found) as error:
        AuxMaps(name, arguments)
    assert isinstance(error.value, ValueError)
    assert str(error.value).startswith("afm: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("xyzqs", "Zs", "found"),
    [
        (np.zeros((2, 3)), [6, 6], "shapes"),
        (np.zeros((2, 4)), [6], "shapes"),
        (np.zeros((0, 4)), [], "shapes"),
        (np.full((1, 4), np.nan), [6], "finite"),
        (np.zeros((1, 4)), [6.5], "whole"),
        ("abcd", [6], "numbers|shapes"),
    ],
)
def test_atoms_that_cannot_be_drawn_are_refused(xyzqs, Zs, found):
    with pytest.raises(AfmConfigError, match=found):
        vdwSpheres()(xyzqs, Zs)


def test_atoms_without_known_radius_are_refused():
    with pytest.raises(AfmInputError, match="112"):
        vdwSpheres()(CARBON, [115])
    with pytest.raises(AfmConfigError, match="rot"):
        vdwSpheres()(CARBON, [6], rot=np.ones((3, 3)))


def test_maps_change_no_argument():
    xyzq, Zs = np.array([[0.0] * 4, [1.0] * 4]), np.array([6, 8])
    window = np.array([[-4.0, -3], [4, 3]])
    aux_map = vdwSpheres((5, 5), window)
    aux_map(xyzq, Zs, rot=rotation_matrix((1, 0, 0), 1))
    window += 1
    aux_map.scan_window[:] = 0
    assert aux_map.scan_window.tolist() == [[-4, -3], [4, 3]]
    assert xyzq.tolist() == [[0, 0, 0, 0], [1, 1, 1, 1]]
