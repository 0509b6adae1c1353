"""All scales at once: equal to cutouts of the full-box map, and the same bits however it is cut."""

import numpy as np
import pytest
from halo_particles import SCALES, L, clustered, lattice, views

from simlab.core.errors import PhysicsError
from simlab.halo import multiscale
from simlab.halo.cutouts import extract_multiscale_cutouts
from simlab.halo.errors import CutoutError
from simlab.halo.projection import process_halo_with_full_periodic_tiling, project_multiscale

CENTERS = np.array([[12.3, 25.0, 31.7], [0.0, 50.0, 0.2]])


def by_full_map(particles, center, rotation, *, box=L, resolution=128, scales=SCALES, depth=None):
    """The definition: a full-box map, cutouts, block means."""
    npix = round(resolution * box / scales[0])
    field, _ = process_halo_with_full_periodic_tiling(
        *particles, center, box, npix, rotation=rotation, depth=depth
    )
    return extract_multiscale_cutouts(field, box, resolution, scales)


def assert_same_maps(ours, expected):
    for a, b in zip(ours, expected, strict=True):
        assert np.abs(a - b).max() <= 1e-6 * b.max() + 1e-6 * np.abs(b).max()
        assert np.array_equal(a > 0, b > 0)


@pytest.fixture(scope="module")
def particles():
    return clustered(60000)


@pytest.fixture(scope="module")
def rotations():
    return views(6).reshape(2, 3, 3, 3)


@pytest.fixture(scope="module")
def maps(particles, rotations):
    return project_multiscale(particles, CENTERS, rotations, threads=1)


def test_maps_equal_cutouts_of_the_full_box(particles, rotations, maps):
    assert maps.shape == (2, 3, 4, 128, 128)
    assert maps.dtype == np.float32
    for h, r in np.ndindex(2, 3):
        assert_same_maps(maps[h, r], by_full_map(particles, CENTERS[h], rotations[h, r]))


@pytest.mark.parametrize(
    "options",
    [
        {"scales": (6.25,)},
        {"scales": (6.25, 25.0)},
        {"scales": (6.25, 18.75)},
        {"scales": (6.25, 12.5, 18.75, 50.0)},
        {"scales": (50.0,)},
        {"scales": (6.25, 12.5, 25.0, 50.0), "depth": 7.3},
        {"scales": (6.25,), "depth": 50.0},
        {"scales": (6.25, 12.5, 25.0, 50.0), "resolution": 16},
        {"scales": (12.5, 25.0, 37.5), "resolution": 24},
        {"scales": (3.125, 6.25, 12.5, 25.0), "box": 25.0},
        {"scales": (10.0, 20.0), "resolution": 10, "box": 50.0},
        # 45 pixels along the box, an odd number
        {"scales": (20.0, 40.0), "resolution": 18, "box": 50.0},
    ],
)
@pytest.mark.parametrize("count", [60, 3000, 60000])
def test_other_grids_equal_cutouts_of_the_full_box(options, count, rotations):
    box = options.get("box", L)
    particles = clustered(count, box=box, seed=count)
    center = CENTERS[0] % box
    ours = project_multiscale(
        particles,
        center[None],
        rotations[:1, :1],
        box_size=box,
        target_resolution=options.get("resolution", 128),
        scales=options["scales"],
        depth=options.get("depth"),
    )
    assert_same_maps(ours[0, 0], by_full_map(particles, center, rotations[0, 0], **options))


@pytest.mark.parametrize("count", [64, 2**12, 2**15, 2**18])
def test_cells_of_every_size_keep_every_particle_once(count):
    # unrotated and centered anywhere, the cube holds every particle once
    positions, masses = clustered(count)
    maps = project_multiscale((positions, masses), CENTERS[:1], np.eye(3)[None, None])
    total = maps[0, 0, -1].sum(dtype=float) * 64
    assert total == pytest.approx(masses.sum(dtype=float), rel=1e-6)


def test_particles_on_cell_and_box_faces_are_there_once():
    positions = lattice(32) - L / 64
    turns = np.array(
        [np.eye(3), [[0, -1, 0], [1, 0, 0], [0, 0, 1]], [[0, 0, 1], [1, 0, 0], [0, 1, 0]]]
    )
    for center in (np.zeros(3), np.full(3, L / 2), np.array([L, 0, L / 4])):
        maps = project_multiscale((positions, 1.0), center[None], turns[None])
        assert np.array_equal(maps[:, :, -1].sum((2, 3)) * 64, np.full((1, 3), 32.0**3))


def test_a_particle_at_the_center_is_in_the_middle_pixels():
    maps = project_multiscale((CENTERS[:1], 64.0), CENTERS[:1], views(5)[None])[0]
    for scale, value in enumerate((64, 16, 4, 1)):
        # positions are rounded to float32: 4e-5 of a fine pixel
        assert np.allclose(maps[:, scale, 64, 64], value, rtol=2e-4)
        assert np.allclose(maps[:, scale].sum((1, 2)), value, rtol=1e-6)


def test_scales_nest(maps):
    for k in range(3):
        fine = maps[:, :, k].astype(float)
        means = fine.reshape(2, 3, 64, 2, 64, 2).mean((3, 5))
        coarse = maps[:, :, k + 1, 32:96, 32:96]
        assert np.abs(coarse - means).max() <= 1e-6 * coarse.max()


def test_threads_change_no_bit(particles, rotations, maps):
    for threads in (2, 5, None):
        assert np.array_equal(
            project_multiscale(particles, CENTERS, rotations, threads=threads), maps
        )


def test_choice_and_order_of_tasks_change_no_bit(particles, rotations, maps):
    one = project_multiscale(particles, CENTERS[1:], rotations[1:, 2:])
    assert np.array_equal(one[0, 0], maps[1, 2])
    back = project_multiscale(particles, CENTERS[::-1], rotations[::-1])
    assert np.array_equal(back[::-1], maps)


def test_chunks_may_come_from_a_generator(particles, rotations):
    positions, masses = particles
    whole = project_multiscale(particles, CENTERS, rotations, chunk_particles=17000)
    parts = ((positions[k : k + 17000], masses[k : k + 17000]) for k in range(0, 60000, 17000))
    assert np.array_equal(project_multiscale(parts, CENTERS, rotations), whole)


def test_the_size_of_chunks_only_orders_the_sums(particles, rotations, maps):
    small = project_multiscale(particles, CENTERS, rotations, chunk_particles=999)
    assert np.allclose(small, maps, rtol=1e-6, atol=1e-9)


def test_one_mass_for_all_may_be_given_in_any_form(particles, rotations):
    positions = particles[0][:5000]
    forms = (
        1.5,
        np.float64(1.5),
        np.full(5000, 1.5, np.float32),
        np.full(5000, 1.5),
        np.broadcast_to(np.float64(1.5), (5000,)),
    )
    maps = [project_multiscale((positions, form), CENTERS, rotations) for form in forms]
    for other in maps[1:]:
        assert np.array_equal(other, maps[0])


def test_positions_are_wrapped_and_rounded_first(particles, rotations):
    positions = particles[0][:3000].astype(float)
    moved = positions + L * np.random.default_rng(0).integers(-2, 3, positions.shape)
    moved[0] = L
    positions[0] = 0
    before = moved.copy()
    ours = project_multiscale((moved, 1.0), CENTERS, rotations)
    assert np.array_equal(moved, before)
    # moving by boxes costs the last bits before the rounding
    assert np.allclose(
        ours, project_multiscale((positions, 1.0), CENTERS, rotations), rtol=1e-4, atol=1e-5
    )


def test_moving_particles_and_center_together_changes_nothing():
    positions = np.round(clustered(20000)[0].astype(float) * 1024) / 1024
    rotation = views(1)[None]
    center = np.array([[3.25, 48.5, 17.0]])
    before = project_multiscale((positions, 1.0), center, rotation)
    shift = np.array([17, -2031, 640]) / 64
    after = project_multiscale((positions + shift, 1.0), center + shift, rotation)
    assert np.abs(after - before).max() <= 1e-6 * before.max()


def test_maps_add_up_over_particles(particles, rotations, maps):
    positions, masses = particles
    parts = [
        project_multiscale((positions[k::2], masses[k::2]), CENTERS, rotations) for k in (0, 1)
    ]
    assert np.allclose(parts[0] + parts[1], maps, rtol=1e-6, atol=1e-9)


def test_a_quarter_turn_of_the_view_turns_the_maps(particles, rotations):
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    pair = np.array([rotations[0, 0], turn @ rotations[0, 0]])
    a, b = project_multiscale(particles, CENTERS[:1], pair[None], scales=(6.25,))[0, :, 0]
    expected = np.roll(a.T[::-1, :], 1, axis=0)
    assert np.allclose(b[1:, 1:], expected[1:, 1:], rtol=1e-6, atol=1e-9 * a.max())


def test_a_uniform_lattice_is_flat(rotations):
    maps = project_multiscale((lattice(64), 1.0), CENTERS[:1], rotations[:1, :1], scales=(50.0,))
    blocks = maps[0, 0, 0].astype(float).reshape(16, 8, 16, 8).mean((1, 3))
    assert np.abs(blocks / blocks.mean() - 1).max() < 0.02


def test_no_particles_or_no_views_make_empty_maps(rotations):
    empty = np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
    assert not project_multiscale(empty, CENTERS, rotations).any()
    assert not project_multiscale([], CENTERS, rotations).any()
    none = project_multiscale(clustered(10), CENTERS[:0], rotations[:0])
    assert none.shape == (0, 3, 4, 128, 128)


def test_empty_chunks_are_passed_over(particles, rotations):
    empty = np.zeros((0, 3), np.float32), np.zeros(0, np.float32)
    few = tuple(array[:100] for array in particles)
    assert np.array_equal(
        project_multiscale([empty, few, empty], CENTERS, rotations),
        project_multiscale(few, CENTERS, rotations),
    )


def test_inputs_are_not_modified(particles, rotations):
    copies = tuple(array.copy() for array in particles)
    project_multiscale(particles, CENTERS, rotations)
    for array, copy in zip(particles, copies, strict=True):
        assert np.array_equal(array, copy)


def test_the_grid_of_cells_depends_on_the_chunk_alone():
    assert multiscale.cell_grid(1) == (4, 8)
    assert multiscale.cell_grid(2**22) == (32, 64)
    assert multiscale.cell_grid(10**8) == (32, 64)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"centers": np.zeros(3)}, r"centers has shape \(3,\)"),
        ({"centers": [[0, np.nan, 0]]}, r"centers\[0, 1\] is nan"),
        ({"rotations": np.eye(3)}, r"rotations has shape \(3, 3\)"),
        ({"rotations": np.ones((2, 1, 3, 3))}, r"expected \(1, R, 3, 3\)"),
        ({"rotations": -np.eye(3)[None, None]}, r"rotations\[0, 0\].*reflection"),
        ({"particles": (np.zeros((5, 2)), 1.0)}, r"positions has shape \(5, 2\)"),
        ({"particles": (np.full((1, 3), np.nan), 1.0)}, r"positions\[0, 0\] is nan"),
        ({"particles": (np.zeros((5, 3)), np.ones(4))}, r"masses has shape \(4,\)"),
        ({"particles": (np.zeros((2, 3)), [1, -1])}, r"masses\[1\] is -1"),
        ({"particles": [(np.zeros((2, 3)), [1, np.inf])]}, r"masses of chunk 0\[1\] is inf"),
        ({"mode": "all"}, "mode is 'all'"),
        ({"cic_backend": "pylians"}, "cic_backend is 'pylians'"),
        ({"depth": -1.0}, "depth"),
        ({"chunk_particles": 0}, "chunk_particles"),
        ({"threads": 0}, "threads"),
        ({"particles": (np.zeros((1, 3)), 1e39)}, "float32"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(changes, message):
    arguments = {
        "particles": (np.zeros((5, 3)), 1.0),
        "centers": np.zeros((1, 3)),
        "rotations": np.eye(3)[None, None],
    }
    with pytest.raises(PhysicsError, match=message):
        project_multiscale(**arguments | changes)


@pytest.mark.parametrize(
    "options",
    [
        {"target_resolution": 127},
        {"box_size": 25.0},
        {"scales": (6.25, 9.0)},
        {"scales": (7.0,)},
    ],
)
def test_geometry_that_does_not_fit_is_refused(options):
    with pytest.raises(CutoutError):
        project_multiscale(clustered(10), CENTERS, np.eye(3)[None, None].repeat(2, 0), **options)
