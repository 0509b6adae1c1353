"""Shards in the compatibility mode beside the original's samples; exact ones beside others."""

import numpy as np
import pytest
from halo_campaign import SIM, TINY, make_shard, tiny_dataset
from halo_particles import masl_excess

from simlab.core.files import read_npz
from simlab.halo.files.records import read_record
from simlab.halo.files.snapshots import load_dmo_particles, load_hydro_particles
from simlab.halo.views import view

FACTORS = (2, 4, 8)
"""Fine pixels along a pixel of each large_scale map."""
SPECIES = ("hdm", "gas", "star")
SINGLE_PRECISION = 1e-3 / 6e-4
"""The original works on float32 positions: 1e-3 particle masses a pixel in place of 6e-4."""
VIEWS = [(halo, rot) for halo in range(3) for rot in range(2)]


@pytest.fixture(scope="module")
def heaviest():
    """Largest particle mass of each species, Msun/h."""
    hydro = load_hydro_particles(TINY / "Hydro" / f"SB35_{SIM}")
    masses = {"dmo": load_dmo_particles(TINY / "DMO" / f"SB35_{SIM}")[1]}
    masses |= dict(zip(SPECIES, hydro[1::2], strict=True))
    return {name: float(np.max(values)) for name, values in masses.items()}


def shard(folder, scheme, mode):
    """(folder, record) of the miniature simulation at 128 px."""
    dataset = tiny_dataset(
        maps={"mode": mode},
        rotations={"number": 2, "scheme": scheme},
        parameters={"file": str(TINY / "param_df.csv"), "columns": "sb35"},
        allow_legacy=scheme == "euler_legacy",
    )
    place, _ = make_shard(folder, dataset)
    return folder, read_record(place.record)


@pytest.fixture(scope="module")
def legacy(tmp_path_factory):
    return shard(tmp_path_factory.mktemp("legacy"), "euler_legacy", "faces")


@pytest.fixture(scope="module")
def exact(tmp_path_factory):
    folder = tmp_path_factory.mktemp("exact")
    return {
        "euler": shard(folder / "euler", "euler_legacy", "exact"),
        "so3": shard(folder / "so3", "so3", "exact"),
    }


def sample_of(made, halo, rot):
    return read_npz(made[0] / "train" / f"sim_{SIM}" / f"sim_{SIM}_halo_{halo}_rot_{rot}.npz")


def assert_same_maps(ours, theirs, heaviest, allowed=1.0):
    """Every map within rounding of single precision; totals to 1e-5."""
    limit = {name: mass * allowed for name, mass in heaviest.items()}
    assert masl_excess(ours["condition"], theirs["condition"], limit["dmo"]) < 1
    assert masl_excess(ours["large_scale"], theirs["large_scale"], limit["dmo"], FACTORS) < 1
    for k, species in enumerate(SPECIES):
        assert masl_excess(ours["target"][k], theirs["target"][k], limit[species]) < 1
    for key in ("condition", "large_scale", "target"):
        assert ours[key].shape == theirs[key].shape
        found, expected = (maps[key].sum(axis=(-2, -1), dtype=float) for maps in (ours, theirs))
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        assert (expected > 0).all()


@pytest.mark.parametrize(("halo", "rot"), VIEWS)
def test_the_compatibility_mode_writes_the_samples_of_the_original(legacy, heaviest, halo, rot):
    ours = sample_of(legacy, halo, rot)
    theirs = read_npz(TINY / "peer_samples" / f"sim_{SIM}_halo_{halo}_rot_{rot}.npz")
    assert set(theirs) <= set(ours)
    assert_same_maps(ours, theirs, heaviest, SINGLE_PRECISION)
    np.testing.assert_array_equal(ours["params"], theirs["params"])
    assert ours["params"].shape == (35,)
    assert float(ours["halo_mass"]) == pytest.approx(float(theirs["halo_mass"]), rel=1e-6)
    np.testing.assert_allclose(ours["halo_center"], theirs["halo_center"], rtol=1e-6)
    assert ours["seed_key"].tolist() == [SIM * 1000 + halo * 100 + rot]


def test_the_original_writes_as_many_samples(legacy):
    names = {path.name for path in (TINY / "peer_samples").glob("*.npz")}
    assert {entry["file"].rsplit("/", 1)[-1] for entry in legacy[1]["samples"]} == names


def test_the_original_counts_kept_haloes_and_so3_rows_of_the_catalog():
    where = {"seed": 1993, "sim": SIM, "halo_idx": 2, "group_index": 5, "rot": 1}
    assert view(**where, scheme="euler_legacy")[1] == (7201,)
    assert view(**where)[1] == (1993, SIM, 5, 1)


def test_only_the_map_of_the_whole_box_differs_between_the_modes(legacy, exact, heaviest):
    lost = []
    for halo, rot in VIEWS:
        faces, every = (sample_of(made, halo, rot) for made in (legacy, exact["euler"]))
        for key in ("condition", "target"):
            assert np.abs(faces[key] - every[key]).max() < SINGLE_PRECISION * heaviest["dmo"]
        whole = [float(maps["large_scale"][2].sum(dtype=float)) for maps in (faces, every)]
        near = [maps["large_scale"][:2].sum(dtype=float) for maps in (faces, every)]
        assert near[0] == pytest.approx(near[1], rel=1e-5)
        lost.append(1 - whole[0] / whole[1])
    assert min(lost) > -1e-6
    assert max(lost) > 0.005


@pytest.mark.parametrize(("halo", "rot"), VIEWS)
def test_samples_with_every_image_are_those_of_an_independent_tiling(exact, heaviest, halo, rot):
    reference = read_npz(TINY / "exact_samples.npz")
    for scheme, made in exact.items():
        name = f"h{halo}_r{rot}_{scheme}"
        if f"{name}_rot" not in reference:
            assert (scheme, rot) == ("so3", 1)
            continue
        ours = sample_of(made, halo, rot)
        keys = ("condition", "large_scale", "target")
        theirs = {key: reference[f"{name}_{key}"] for key in keys}
        np.testing.assert_allclose(ours["rot_matrix"], reference[f"{name}_rot"], atol=1e-12)
        assert_same_maps(ours, theirs, heaviest)
        assert float(ours["halo_mass"]) == pytest.approx(float(reference["halo_mass"][halo]))
        np.testing.assert_allclose(ours["halo_center"], reference["halo_center"][halo], rtol=1e-6)
