"""Full-box maps: every periodic image in the rotated cube, checked by geometry."""

import numpy as np
import pytest
from halo_particles import L, clustered, lattice, masl_excess, views

from simlab.core.errors import PhysicsError
from simlab.halo.kernels.images import count_images
from simlab.halo.rotations import random_rotation
from simlab.halo.tiling import minimum_image, process_halo_with_full_periodic_tiling

CENTER = np.array([12.3, 49.7, 0.4])


def whole_map(positions, masses=1.0, center=CENTER, rotation=None, npix=64, **options):
    rotation = np.eye(3) if rotation is None else rotation
    return process_halo_with_full_periodic_tiling(
        positions, masses, center, L, npix, rotation=rotation, **options
    )[0]


@pytest.mark.parametrize("mode", ["exact", "faces"])
def test_full_maps_are_those_of_the_reference(data, mode):
    reference = np.load(data / "halo" / "full_map_128.npz")
    particles = np.load(data / "halo" / "halo_maps.npz")
    positions, masses = particles["pos_dm"], particles["mass_dm"]
    ours = whole_map(positions, masses, reference["center"], reference["rot"], 128, mode=mode)
    expected = reference["exact_map" if mode == "exact" else "peer_map"]
    assert masl_excess(ours, expected, masses.max()) < 1
    assert ours.sum(dtype=float) == pytest.approx(expected.sum(dtype=float), rel=1e-6)


def test_the_nearest_image_is_across_the_boundary():
    d = minimum_image(np.array([[48.0, 48, 48], [2, 30, 2]]), (2, 2, 2), L)
    assert np.array_equal(d, [[-4, -4, -4], [0, -22, 0]])
    assert d.dtype == np.float64


def test_a_particle_at_the_center_is_in_the_middle_pixel_in_any_view():
    for rotation in views(5):
        field = whole_map(CENTER[None], 3.0, rotation=rotation)
        assert field[32, 32] == pytest.approx(3, rel=1e-6)
        assert field.sum() == pytest.approx(3, rel=1e-6)


def test_separations_are_rotated_and_brightness_kept():
    a = np.array([4.0, -3.0, 5.0])
    for rotation in views(4):
        field = whole_map([CENTER, CENTER + a], 1.0, rotation=rotation, npix=512)
        x = np.indices(field.shape) * L / 512 - L / 2
        # first moments: one particle is in the middle
        assert np.allclose((x * field).sum((1, 2)), (rotation @ a)[:2], atol=1e-5)
        assert field.sum() == pytest.approx(2, rel=1e-6)


def test_unrotated_every_particle_is_there_once():
    positions, masses = clustered(20000, dtype=np.float64)
    field = whole_map(positions, masses)
    assert field.sum(dtype=float) == pytest.approx(masses.sum(dtype=float), rel=1e-6)


def test_faces_of_the_cube_belong_to_one_side():
    corner = np.array([[L / 2, L / 2, L / 2], [0, L / 2, 0]])
    assert whole_map(corner, 1.0, np.zeros(3)).sum() == 2
    assert whole_map(corner, 1.0, np.full(3, L / 2)).sum() == 2


def share_inside(r):
    """Share of the sphere of radius r that lies in the cube of side L, for L/2 <= r < 0.707 L."""
    return 1.0 if r <= L / 2 else 1.5 * L / r - 2


@pytest.mark.parametrize(
    ("d", "expected"),
    [((0.1, 0.2, 0.0), 1.0), ((0.5 * L - 1e-9, 0, 0), 2.0), ((0.4 * L, 0, 0), None)],
)
def test_the_mean_number_of_images_is_the_share_of_spheres_inside(d, expected):
    d = np.array([d])
    if expected is None:
        expected = share_inside(0.4 * L) + share_inside(0.6 * L)
        assert expected == pytest.approx(1.5)
    number = [count_images(d, rotation, L, L / 2, -1.0) for rotation in views(5000)]
    error = max(np.std(number) / np.sqrt(len(number)), 1e-12)
    assert abs(np.mean(number) - expected) <= 4 * error


def test_over_centers_and_rotations_the_total_averages_to_the_box():
    positions, masses = clustered(3000)
    rng = np.random.default_rng(5)
    totals = [
        whole_map(positions, masses, rng.uniform(0, L, 3), rotation, 4).sum(dtype=float)
        for rotation in views(200)
    ]
    error = np.std(totals) / np.sqrt(len(totals))
    assert abs(np.mean(totals) - masses.sum(dtype=float)) < 4 * error
    assert np.std(totals) > 0.01 * np.mean(totals)


def test_a_uniform_lattice_is_flat_up_to_the_corners():
    positions = lattice(64)
    field = whole_map(positions, rotation=random_rotation(3)).astype(float)
    assert np.std(field) < 0.03 * np.mean(field)
    corners = [
        field[i, j].mean() for i in (slice(8), slice(-8, None)) for j in (slice(8), slice(-8, None))
    ]
    assert np.abs(np.array(corners) / field[28:36, 28:36].mean() - 1).max() < 0.01


def test_six_face_copies_lose_mass_only_far_from_the_middle():
    positions = lattice(32)
    rotation = random_rotation(3)
    exact = whole_map(positions, rotation=rotation)
    faces = whole_map(positions, rotation=rotation, mode="faces")
    assert faces.sum() < 0.999 * exact.sum()
    assert np.array_equal(faces[18:46, 18:46], exact[18:46, 18:46])
    assert np.all(faces <= exact)


def test_a_quarter_turn_of_the_view_turns_the_map():
    positions, masses = clustered(20000)
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    rotation = random_rotation(11)
    middle = slice(512 - 64, 512 + 64)
    a = whole_map(positions, masses, rotation=rotation, npix=1024)[middle, middle]
    b = whole_map(positions, masses, rotation=turn @ rotation, npix=1024)[middle, middle]
    assert np.allclose(b[1:, 1:], np.roll(a.T[::-1, :], 1, axis=0)[1:, 1:], rtol=1e-6, atol=0)


def test_maps_add_up_and_scale_with_mass():
    positions, masses = clustered(4000)
    rotation = random_rotation(2)
    both = whole_map(positions, masses, rotation=rotation)
    parts = [whole_map(positions[k::2], masses[k::2], rotation=rotation) for k in (0, 1)]
    assert np.allclose(both, parts[0] + parts[1], rtol=1e-6)
    assert np.allclose(whole_map(positions, 2 * masses, rotation=rotation), 2 * both, rtol=1e-7)
    order = np.random.default_rng(0).permutation(len(positions))
    shuffled = whole_map(positions[order], masses[order], rotation=rotation)
    assert np.allclose(shuffled, both, rtol=1e-6)


def test_depth_leaves_a_slab():
    positions = CENTER + np.array([[1.0, 1, -4], [1, 1, -3.9], [1, 1, 4]])
    assert whole_map(positions, depth=8.0).sum() == pytest.approx(2, rel=1e-6)
    assert whole_map(positions, depth=7.9).sum() == pytest.approx(1, rel=1e-6)
    assert whole_map(positions).sum() == pytest.approx(3, rel=1e-6)


def test_an_isotropic_profile_projects_to_its_closed_form():
    # NFW: mass in a cylinder, Wright & Brainerd 2000
    concentration, r200, count = 5.0, 2.0, 200000
    rs = r200 / concentration
    rng = np.random.default_rng(1)
    x = np.linspace(0, concentration, 4001)
    m = np.log1p(x) - x / (1 + x)
    radius = rs * np.interp(rng.random(count) * m[-1], m, x)
    direction = rng.standard_normal((count, 3))
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    field = whole_map(CENTER + radius[:, None] * direction, rotation=random_rotation(9), npix=1024)
    offset = (np.indices(field.shape) - 512) * L / 1024
    inside = field[np.hypot(*offset) < 1.0].sum(dtype=float)
    # sphere truncated at r200: integrate the share of each shell inside the cylinder
    shells = 0.5 * (x[1:] + x[:-1]) * rs
    share = 1 - np.sqrt(np.maximum(0, 1 - (1.0 / np.maximum(shells, 1e-9)) ** 2))
    share[shells <= 1.0] = 1
    expected = count * np.sum(np.diff(m) * share) / m[-1]
    assert inside == pytest.approx(expected, abs=5 * np.sqrt(count * 0.25))


def test_an_odd_number_of_pixels_keeps_the_halo_between_nodes():
    field = whole_map(CENTER[None], npix=5)
    assert np.allclose(field[2:4, 2:4], 0.25)


def test_the_key_of_a_view_decides_its_rotation():
    positions, masses = clustered(100)
    first = process_halo_with_full_periodic_tiling(positions, masses, CENTER, L, 16, (3, 4))
    again = process_halo_with_full_periodic_tiling(positions, masses, CENTER, L, 16, (3, 4))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], random_rotation((3, 4)))
    legacy = process_halo_with_full_periodic_tiling(
        positions, masses, CENTER, L, 16, 3, rotation_scheme="euler_legacy"
    )
    assert np.array_equal(legacy[1], random_rotation(3, "euler_legacy"))


def test_without_a_key_the_rotation_that_was_drawn_is_returned():
    positions, masses = clustered(100)
    field, rotation = process_halo_with_full_periodic_tiling(positions, masses, CENTER, L, 16)
    assert np.array_equal(whole_map(positions, masses, rotation=rotation, npix=16), field)
    other = process_halo_with_full_periodic_tiling(positions, masses, CENTER, L, 16)[1]
    assert not np.array_equal(other, rotation)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "edges"}, "mode is 'edges'"),
        ({"depth": 0.0}, "depth is 0.0"),
        ({"depth": 51.0}, "depth is 51.0"),
        ({"rotation": np.eye(3) * 2}, "not orthogonal"),
        ({"npix": 0}, "npix is 0"),
        ({"center": (1, 2)}, "halo_center"),
        ({"center": (1, 2, np.nan)}, "halo_center"),
    ],
)
def test_views_that_make_no_sense_are_refused(options, message):
    with pytest.raises(PhysicsError, match=message):
        whole_map(np.zeros((1, 3)), **options)
