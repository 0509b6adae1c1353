"""Invariants of synthetic pairs of simulations, with real CAMELS parameters."""

import hashlib
import math
from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest

from simlab.core.errors import PhysicsError
from simlab.halo.cosmology import RHO_CRIT, Cosmology, halo_count
from simlab.halo.hydro import Feedback
from simlab.halo.overdensity import neighbor_tree, spherical_overdensity, within
from simlab.halo.parameters import ParameterTable
from simlab.halo.planting import offsets
from simlab.halo.profiles import norm
from simlab.halo.projection import project_multiscale
from simlab.halo.rotations import random_rotation
from simlab.halo.synthetic import float32_positions, synthesize_simulation

TABLE = ParameterTable("resources/halo/CosmoAstroSeed_IllustrisTNG_L50n512_SB35_first64.txt")


def synthesize(sim, n_grid=32, box_size=50.0, seed=1993, **changes):
    return synthesize_simulation(
        {**TABLE.row(sim), **changes}, n_grid=n_grid, box_size=box_size, seed=seed, sim=sim
    )


def cosmology_of(sim):
    row = TABLE.row(sim)
    return Cosmology(
        row["Omega0"], row["OmegaBaryon"], row["HubbleParam"], row["n_s"], row["sigma8"]
    )


def digest(simulation):
    content = hashlib.sha256()
    for field in fields(simulation):
        value = getattr(simulation, field.name)
        parts = value.values() if isinstance(value, dict) else [value]
        for part in parts:
            content.update(np.ascontiguousarray(part).tobytes())
    return content.hexdigest()


def enclosed(positions, masses, simulation):
    """Mass of a species inside R200c of every halo above 1e13."""
    tree = neighbor_tree(positions, simulation.box_size)
    groups = simulation.groups
    return np.array(
        [
            np.broadcast_to(masses, len(positions))[within(tree, center, radius)[0]].sum(
                dtype=float
            )
            for center, radius, mass in zip(
                groups["GroupPos"].astype(float),
                groups["Group_R_Crit200"],
                groups["Group_M_Crit200"],
                strict=True,
            )
            if mass > 1e13
        ]
    )


def gas_fractions(simulation):
    """M200c of the haloes above 1e13, and the share of gas in the mass inside R200c."""
    gas, stars, dark_matter = (
        enclosed(positions, masses, simulation)
        for positions, masses in (
            (simulation.pos_gas, simulation.mass_gas),
            (simulation.pos_star, simulation.mass_star),
            (simulation.pos_hdm, simulation.mass_hdm),
        )
    )
    mass = simulation.groups["Group_M_Crit200"]
    return mass[mass > 1e13], gas / (gas + stars + dark_matter)


@pytest.fixture(scope="module")
def simulation():
    return synthesize(2, n_grid=64)


CASES = [
    (0, 32, 50.0),  # most matter, many haloes
    (1, 16, 50.0),
    (2, 64, 50.0),
    (3, 32, 25.0),
    (6, 32, 50.0),
    (9, 32, 50.0),  # least matter, few haloes
]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "sim{}_n{}_L{:g}".format(*case))
def any_simulation(request):
    return synthesize(*request.param)


def test_hydrodynamic_run_has_the_mass_of_the_dark_matter_run(any_simulation):
    s = any_simulation

    dark_matter = s.mass_hdm * len(s.pos_hdm)
    baryons = s.mass_gas.sum(dtype=float) + s.mass_star.sum(dtype=float)

    total = s.mass_dmo * len(s.pos_dmo)
    assert dark_matter + baryons == pytest.approx(total, rel=1e-6)
    assert baryons / total == pytest.approx(s.omega_baryon / s.omega0, rel=1e-6)
    assert total == pytest.approx(s.omega0 * RHO_CRIT * s.box_size**3, rel=1e-12)
    assert len(s.pos_gas) + len(s.pos_star) == len(s.pos_hdm) == len(s.pos_dmo)


def test_positions_are_inside_the_box_in_the_types_of_camels(any_simulation):
    s = any_simulation

    assert s.pos_dmo.dtype == np.float32
    assert {s.pos_hdm.dtype, s.pos_gas.dtype, s.pos_star.dtype} == {np.dtype(np.float64)}
    assert s.mass_gas.dtype == s.mass_star.dtype == np.float32
    for positions in (s.pos_dmo, s.pos_hdm, s.pos_gas, s.pos_star, s.groups["GroupPos"]):
        assert positions.ndim == 2
        assert (positions >= 0).all()
        assert (positions < s.box_size).all()
    assert len(s.pos_star) > 0
    assert (s.mass_star > 0).all()


def test_catalog_holds_what_is_measured_in_the_particles(any_simulation):
    s = any_simulation
    groups = s.groups

    for i in range(0, len(groups["GroupMass"]), 7):
        distance = norm(offsets(s.pos_dmo, groups["GroupPos"][i].astype(float), s.box_size))
        mass, radius = spherical_overdensity(distance[distance < s.box_size / 2], s.mass_dmo)
        assert groups["Group_M_Crit200"][i] == pytest.approx(mass, rel=1e-6)
        assert groups["Group_R_Crit200"][i] == pytest.approx(radius, rel=1e-6)
        density = mass / (4 / 3 * math.pi * radius**3)
        assert density == pytest.approx(200 * RHO_CRIT, rel=1e-9)


def test_catalog_is_ordered_by_fof_mass_and_not_by_m200(any_simulation):
    groups = any_simulation.groups
    mass = groups["Group_M_Crit200"]

    assert (np.diff(groups["GroupMass"]) <= 0).all()
    assert (np.diff(mass) > 0).any()
    assert mass[0] == mass.max()
    assert groups["GroupLen"].dtype == np.int32
    assert (groups["GroupLen"] >= 1).all()
    ratio = groups["GroupMass"] / mass
    assert np.exp(np.log(ratio).mean()) == pytest.approx(1.15, abs=0.5 / math.sqrt(mass.size))


def test_halo_0_lies_at_a_corner_of_the_box(any_simulation):
    s = any_simulation

    corner = offsets(s.groups["GroupPos"][:1], np.zeros(3), s.box_size)

    assert norm(corner)[0] < 0.5


def test_threshold_of_1e13_cuts_through_the_catalog(simulation):
    above = simulation.groups["Group_M_Crit200"] > 1e13

    assert 100 < np.count_nonzero(~above) <= 200
    assert np.flatnonzero(above).max() > np.flatnonzero(~above).min()


@pytest.mark.parametrize("sim", range(10))
def test_number_of_haloes_is_that_of_the_mass_function(sim):
    groups = synthesize(sim, n_grid=32).groups

    found = np.count_nonzero(groups["Group_M_Crit200"] > 1e13)

    expected = halo_count(cosmology_of(sim), 1e13, 50.0)
    assert abs(found - expected) < 4 * math.sqrt(expected)


def test_gas_fraction_of_haloes_rises_with_mass(simulation):
    mass, fraction = gas_fractions(simulation)

    edges = [1e13, 2e13, 6e13, 1e16]
    means = [fraction[(mass > low) & (mass <= high)].mean() for low, high in pairwise(edges)]
    assert means == sorted(means)
    assert means[2] > 1.3 * means[0]
    assert means[2] < simulation.omega_baryon / simulation.omega0


def test_gas_fraction_of_haloes_falls_with_the_energy_of_agn(simulation):
    means = [
        gas_fractions(synthesize(2, n_grid=32, RadioFeedbackFactor=a_agn1))[1].mean()
        for a_agn1 in (0.25, 1.0, 4.0)
    ]

    assert means[0] > 1.1 * means[1] > 1.2 * means[2]


def test_stars_are_concentrated_and_gas_is_more_extended_than_dark_matter(simulation):
    s = simulation
    radii = {}
    for name in ("dmo", "gas", "star"):
        positions = getattr(s, f"pos_{name}")
        tree = neighbor_tree(positions, s.box_size)
        radii[name] = [
            np.median(within(tree, center, radius)[1]) / radius
            for center, radius, mass in zip(
                s.groups["GroupPos"].astype(float),
                s.groups["Group_R_Crit200"],
                s.groups["Group_M_Crit200"],
                strict=True,
            )
            if mass > 1e13
        ]

    assert max(radii["star"]) < 0.1
    assert np.mean(radii["gas"]) > np.mean(radii["dmo"])


def test_dark_matter_expands_with_agn_and_only_near_haloes():
    weak, strong = (synthesize(2, RadioFeedbackFactor=a_agn1) for a_agn1 in (0.25, 4.0))

    np.testing.assert_array_equal(weak.pos_dmo, strong.pos_dmo)
    center, radius = (weak.groups[key][0] for key in ("GroupPos", "Group_R_Crit200"))
    distance = norm(offsets(weak.pos_dmo, center.astype(float), 50.0)) / radius
    for run, a_agn1 in ((weak, 0.25), (strong, 4.0)):
        after = norm(offsets(run.pos_hdm, center.astype(float), 50.0)) / radius
        near = (distance < 1) & (distance > 0.01)
        scale = 1 + 0.1 * (math.sqrt(a_agn1) - 0.6) * np.exp(-((distance[near] / 0.4) ** 2))
        scale -= 0.05 * np.exp(-((distance[near] / 0.05) ** 2))
        np.testing.assert_allclose(after[near] / distance[near], scale, rtol=1e-4)
    far = np.ones(len(distance), dtype=bool)
    for center, radius in zip(weak.groups["GroupPos"], weak.groups["Group_R_Crit200"], strict=True):
        far &= norm(offsets(weak.pos_dmo, center.astype(float), 50.0)) > 2.1 * radius
    assert far.any()
    np.testing.assert_array_equal(strong.pos_hdm[far], strong.pos_dmo[far])


def test_same_seed_gives_the_same_bits_and_another_simulation_does_not():
    reference = digest(synthesize(5, n_grid=16))

    assert digest(synthesize(5, n_grid=16)) == reference
    assert digest(synthesize(5, n_grid=16, seed=1994)) != reference
    other = synthesize_simulation(TABLE.row(5), n_grid=16, seed=1993, sim=6)
    assert digest(replace(other, sim=5)) != reference


def test_mean_condition_map_peaks_in_the_middle(simulation):
    groups = simulation.groups
    kept = np.flatnonzero(groups["Group_M_Crit200"] > 1e13)[::2]
    rotations = np.array(
        [[random_rotation((1993, 2, int(i), rot)) for rot in range(3)] for i in kept]
    )

    maps = project_multiscale(
        (simulation.pos_dmo, simulation.mass_dmo),
        groups["GroupPos"][kept].astype(float),
        rotations,
        scales=(6.25,),
    )

    mean = maps[:, :, 0].mean(axis=(0, 1))
    peak = np.unravel_index(mean.argmax(), mean.shape)
    assert np.abs(np.array(peak) - 64).max() <= 1
    assert mean.max() > 10 * np.median(mean)


def test_float32_positions_that_round_to_the_side_become_zero():
    positions = float32_positions(np.array([[50 - 1e-9, 49.9, 0.0]]), 50.0)

    assert positions.dtype == np.float32
    np.testing.assert_array_equal(positions, np.float32([[0, 49.9, 0]]))


def test_feedback_follows_its_closed_forms():
    fiducial = Feedback(1.0, 1.0, 1.0, 1.0)

    assert fiducial.bound_gas_fraction(10**13.3) == pytest.approx(0.5)
    assert fiducial.star_fraction(1e13) == pytest.approx(0.12)
    assert fiducial.star_fraction(1e6) == 0.4
    assert fiducial.star_fraction(1e20) == 0.01
    assert fiducial.ejection_radius == pytest.approx(3)
    assert fiducial.gas_core == pytest.approx(0.12)
    strong = Feedback(2.0, 4.0, 1.5, 2.0)
    critical = 10**13.3 * 2 * 2**0.25
    assert strong.bound_gas_fraction(1e14) == pytest.approx(1 / (1 + (critical / 1e14) ** 1.2))
    assert strong.star_fraction(1e14) == pytest.approx(0.12 * 10**-0.25 * 2**-0.3 * 1.5**-0.2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Omega0": 0.1, "OmegaBaryon": 0.069}, "Omega0 is 0.1, expected at least 0.1235"),
        ({"sigma8": math.nan}, "sigma8 is nan"),
        ({"HubbleParam": 67.0}, "h is 67.0"),
        ({"RadioFeedbackFactor": 0.0}, "A_AGN1 is 0.0"),
        ({"n_grid": 33}, "n_grid is 33"),
        ({"n_grid": 4}, "n_grid is 4"),
        ({"box_size": -50.0}, "box_size is -50.0"),
        ({"box_size": 2.0}, "box_size is 2 Mpc/h"),
        ({"box_size": 5.0}, "box_size is 5 Mpc/h"),
    ],
)
def test_impossible_parameters_are_refused_by_name(changes, message):
    with pytest.raises(PhysicsError, match=message):
        synthesize(2, **changes)


def test_missing_parameters_are_named():
    row = TABLE.row(2)
    for name in ("sigma8", "WindEnergyIn1e51erg"):
        del row[name]

    with pytest.raises(PhysicsError, match="parameters without sigma8, WindEnergyIn1e51erg"):
        synthesize_simulation(row, n_grid=16, seed=0, sim=0)
