"""Maps beside those of the original tool and of an independent tiling with MASL."""

import numpy as np
import pytest
from halo_particles import L, masl_excess

from simlab.halo.files.catalogs import load_halos
from simlab.halo.files.snapshots import load_dmo_particles, load_hydro_particles
from simlab.halo.projection import process_halo_with_full_periodic_tiling, project_multiscale
from simlab.halo.rotations import legacy_seed, random_rotation, rotation_key

CASES = [(0, 3), (1, 8), (2, 21)]
SPECIES = ("hdm", "gas", "star")
FACTORS = (1, 2, 4, 8)


@pytest.fixture(scope="module")
def reference(data):
    return dict(np.load(data / "halo" / "halo_maps.npz"))


def species_of(reference, name):
    return reference[f"pos_{name}"], reference[f"mass_{name}"]


@pytest.mark.parametrize(("mode", "key"), [("exact", "exact"), ("faces", "peer")])
@pytest.mark.parametrize(("center", "seed"), CASES)
def test_dmo_maps_are_those_of_the_reference(reference, center, seed, mode, key):
    rotation = random_rotation(seed, "euler_legacy")
    assert np.abs(rotation - reference[f"c{center}_s{seed}_rot"]).max() < 1e-12
    particles = species_of(reference, "dm")
    view = reference["centers"][center][None], rotation[None, None]
    maps = project_multiscale(particles, *view, mode=mode)[0, 0]
    expected = reference[f"c{center}_s{seed}_dm_{key}_ms"]
    heaviest = particles[1].max() * (1e-3 / 6e-4 if mode == "faces" else 1)
    assert masl_excess(maps, expected, heaviest, FACTORS) < 1


@pytest.mark.parametrize("species", SPECIES)
@pytest.mark.parametrize(("center", "seed"), CASES)
def test_target_maps_are_the_same_in_both_modes(reference, center, seed, species):
    particles = species_of(reference, species)
    rotation = reference[f"c{center}_s{seed}_rot"]
    view = reference["centers"][center][None], rotation[None, None]
    (ours,) = project_multiscale(particles, *view, scales=(6.25,))[0, 0]
    for key in ("peer", "exact"):
        expected = reference[f"c{center}_s{seed}_{species}_{key}_cut"]
        assert masl_excess(ours, expected, particles[1].max()) < 1


@pytest.mark.parametrize("species", ["dm", *SPECIES])
@pytest.mark.parametrize(("mode", "key"), [("exact", "exact"), ("faces", "peer")])
def test_total_masses_are_those_of_the_reference(reference, species, mode, key):
    for center, seed in CASES:
        field, _ = process_halo_with_full_periodic_tiling(
            *species_of(reference, species),
            reference["centers"][center],
            rotation=reference[f"c{center}_s{seed}_rot"],
            mode=mode,
        )
        total = float(reference[f"c{center}_s{seed}_{species}_{key}_total"])
        assert field.sum(dtype=float) == pytest.approx(total, rel=1e-6)


@pytest.fixture(scope="module")
def tiny(data):
    """Particles of the miniature simulations, by species, and halo centers."""
    folder = data / "halo" / "camels_tiny"
    hydro = load_hydro_particles(folder / "Hydro" / "SB35_7")
    particles = {
        "dmo": load_dmo_particles(folder / "DMO" / "SB35_7"),
        "hdm": hydro[:2],
        "gas": hydro[2:4],
        "star": hydro[4:],
    }
    return particles, load_halos(folder / "FOF" / "SB35_7")[0]


def sample(particles, center, rotation, mode):
    """(4 DMO maps, 3 target maps) as a sample holds them."""
    view = center[None], rotation[None, None]
    dmo = project_multiscale(particles["dmo"], *view, mode=mode)[0, 0]
    targets = [
        project_multiscale(particles[s], *view, scales=(6.25,), mode=mode)[0, 0, 0] for s in SPECIES
    ]
    return dmo, targets


def assert_same_sample(ours, expected_dmo, expected_targets, particles, allowed=1):
    heaviest = {name: pair[1].max() * allowed for name, pair in particles.items()}
    assert masl_excess(ours[0], expected_dmo, heaviest["dmo"], FACTORS) < 1
    for species, mine, theirs in zip(SPECIES, ours[1], expected_targets, strict=True):
        assert masl_excess(mine, theirs, heaviest[species]) < 1
        assert mine.sum(dtype=float) == pytest.approx(theirs.sum(dtype=float), rel=1e-5)


@pytest.mark.parametrize("halo", range(3))
@pytest.mark.parametrize("rot", range(2))
def test_legacy_samples_are_those_of_the_original(tiny, data, halo, rot):
    particles, centers = tiny
    path = data / "halo" / "camels_tiny" / "peer_samples" / f"sim_7_halo_{halo}_rot_{rot}.npz"
    with np.load(path) as peer:
        assert np.allclose(peer["halo_center"], centers[halo], rtol=1e-6)
        dmo = np.concatenate([peer["condition"][None], peer["large_scale"]])
        rotation = random_rotation(legacy_seed(7, halo, rot), "euler_legacy")
        ours = sample(particles, centers[halo], rotation, "faces")
        # the original works on float32 positions: 1e-3 particle masses
        assert_same_sample(ours, dmo, peer["target"], particles, allowed=1e-3 / 6e-4)


@pytest.mark.parametrize("view", ["h0_r0_euler", "h1_r1_euler", "h2_r0_euler", "h0_r0_so3"])
def test_samples_with_every_image_are_those_of_the_reference(tiny, data, view):
    particles, centers = tiny
    with np.load(data / "halo" / "camels_tiny" / "exact_samples.npz") as exact:
        halo = int(view[1])
        if view.endswith("so3"):
            rotation = random_rotation(rotation_key(1993, 7, halo, 0))
            assert np.abs(rotation - exact[f"{view}_rot"]).max() < 1e-12
        rotation = exact[f"{view}_rot"]
        dmo = np.concatenate([exact[f"{view}_condition"][None], exact[f"{view}_large_scale"]])
        ours = sample(particles, centers[halo], rotation, "exact")
        assert_same_sample(ours, dmo, exact[f"{view}_target"], particles)


def test_offsets_are_taken_in_the_type_of_the_file_in_faces_mode():
    # between both numbers is less than a step of float32, 3.8e-6 near 50
    positions = np.array([[49.99999, 1, 1]], np.float32)
    center = np.array([49.999987, 1, 1])

    def middle(mode):
        options = {"rotation": np.eye(3), "mode": mode}
        return process_halo_with_full_periodic_tiling(positions, 1.0, center, **options)[0][
            512, 512
        ]

    assert middle("faces") == 1
    assert middle("exact") == pytest.approx(1 - (float(positions[0, 0]) - center[0]) * 1024 / L)
    assert middle("exact") < 1
