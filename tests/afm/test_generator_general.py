"""GeneratorAFMtrainer end to end against the reference, for each kind of force field."""

import functools

import numpy as np
import pytest
from afm_forcefields import REFERENCE, reference, sample_grids

from simlab.afm.densities import model_co_tip
from simlab.afm.descriptors import AuxMaps
from simlab.afm.frequency import get_simple_df_weight
from simlab.afm.general_trainer import GeneratorAFMtrainer
from simlab.afm.simulator import AFMulator

KINDS = {"LJ": "LJ", "LJ_PC": "LJ+PC", "LJ_Hartree": "LJ+Hartree", "FDBM": "FDBM"}
MAPS = ("vdwSpheres", "HeightMap", "ESMapConstant")
CO = {"Qs": [[-10, 20, -10, 0]], "QZs": [[0.1, 0, -0.1, 0]]}


@functools.cache
def expected():
    with np.load(REFERENCE.with_name("generator_general.npz"), allow_pickle=False) as arrays:
        return dict(arrays)


class Trainer(GeneratorAFMtrainer):
    """Draws distance and tilt of each sample and records what the simulator sees."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.draws = []

    def on_sample_start(self):
        self.randomize_distance(delta=0.2)
        self.randomize_tip(max_tilt=0.3)

    def on_afm_start(self):
        self.draws.append([self.distAboveActive, *self.afmulator.tipR0])


def samples(kind):
    data = reference()
    potential, density = sample_grids()
    entries = {"xyzs": data["xyz"], "Zs": data["Z"]}
    if kind != "LJ":
        entries["qs"] = data["q"] if kind == "LJ_PC" else potential
    if kind == "FDBM":
        entries["rho_sample"] = density
    return [{**entries, "rot": rot} for rot in (np.eye(3), data["rot"])]


def tips(kind):
    if kind == "LJ_PC":
        return CO
    if kind == "LJ_Hartree":
        return {"rhos": [{"dz2": -0.1}]}
    if kind == "FDBM":
        tip, delta = model_co_tip()
        return {"rhos": [tip], "rho_deltas": [delta]}
    return {}


@functools.cache
def simulated(kind, relax="newton"):
    """(X, Y, mols, windows, draws) of the two samples."""
    afmulator = AFMulator(
        pixPerAngstrome=8,
        scan_dim=(24, 20, 12),
        scan_window=((0, 0, 0), (9, 8, 1.2)),
        df_steps=5,
        npbc=(0, 0, 0),
        A_pauli=12.0,
        B_pauli=1.2 if kind == "FDBM" else 1.0,
        sigma=0.71,
        backend="numba",
        relax=relax,
    )
    window = {"scan_dim": (24, 20), "scan_window": ((0, 0), (9, 8))}
    maps = [
        AuxMaps(name, {"scanner": afmulator.scanner} if name == "HeightMap" else window)
        for name in MAPS
    ]
    state = np.random.get_state()
    np.random.seed(20240)
    try:
        trainer = Trainer(
            afmulator,
            maps,
            samples(kind),
            sim_type=KINDS[kind],
            batch_size=2,
            distAbove=2.5,
            rng="legacy",
            **tips(kind),
        )
        (batch,) = list(trainer)
    finally:
        np.random.set_state(state)
    return *batch, np.array(trainer.draws)


def quantile(values, q):
    return np.quantile(np.abs(values), q)


@pytest.mark.parametrize("kind", KINDS)
def test_draws_windows_and_geometries_are_those_of_the_reference(kind):
    _, _, mols, windows, draws = simulated(kind)
    np.testing.assert_allclose(draws, expected()[f"{kind}_rec"], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(windows, expected()[f"{kind}_sw"], rtol=1e-12, atol=1e-12)
    for k, mol in enumerate(mols):
        np.testing.assert_allclose(mol, expected()[f"{kind}_mol{k}"], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_images_relaxed_by_newton(kind):
    error = simulated(kind)[0] - expected()[f"{kind}_X"]
    assert quantile(error, 0.5) < 2e-3
    assert quantile(error, 0.99) < 0.02
    assert quantile(error, 0.999) < 0.05


@pytest.mark.parametrize("kind", ["LJ_Hartree", "FDBM"])
def test_images_of_potentials_and_densities_relaxed_as_in_the_reference(kind):
    error = simulated(kind, "fire")[0] - expected()[f"{kind}_X"]
    assert np.abs(error).max() < 0.1
    assert quantile(error, 0.999) < 0.02


@pytest.mark.parametrize("kind", ["LJ", "LJ_PC"])
def test_images_of_atoms_relaxed_as_in_the_reference(kind):
    """FIRE ends at 1e-4 eV/Å; in Hz that counts by the weights, here those of 5 steps.

    The bounds 0.05 and 0.01 Hz are those of scans with 10 steps.
    """
    error = simulated(kind, "fire")[0] - expected()[f"{kind}_X"]
    ratio = np.max(get_simple_df_weight(5, 0.1)) / np.max(get_simple_df_weight(10, 0.1))
    assert ratio == pytest.approx(2.86, abs=0.01)
    assert np.abs(error).max() < 0.05 * ratio
    assert quantile(error, 0.999) < 0.01 * ratio
    assert quantile(error, 0.5) < 2e-4


@pytest.mark.parametrize("kind", KINDS)
def test_descriptors_are_those_of_the_reference(kind):
    spheres, heights, field = np.moveaxis(simulated(kind)[1], 1, 0)
    reference_spheres, reference_heights, reference_field = np.moveaxis(
        expected()[f"{kind}_Y"], 1, 0
    )
    assert np.mean(np.abs(spheres - reference_spheres) < 5e-5) >= 0.999
    assert np.mean(np.abs(heights - reference_heights) < 2e-3) >= 0.999
    assert (np.abs(field - reference_field) <= 1e-6 + 1e-4 * np.abs(reference_field)).all()
