"""Scans of placed molecules end to end, against the reference at the documented tolerances."""

import numpy as np
import pytest
from afm_reference import arrays
from afm_scans import (
    NAMES,
    SCANS,
    assert_quantiles,
    periodic_simulator,
    reference_simulator,
    sample,
)

from simlab.afm.simulator import AFMulator

NEWTON_DF = {0.999: 0.05, 0.99: 0.02, 0.5: 2e-3}
FIRE_DF = {1: 0.05, 0.999: 0.01}


@pytest.fixture(scope="module")
def simulators():
    return {relax: reference_simulator(relax=relax) for relax in ("newton", "fire")}


@pytest.mark.parametrize("name", NAMES)
def test_fire_follows_the_original_program(simulators, name):
    afmulator = simulators["fire"]
    df = afmulator(*sample(name))
    assert df.shape == (40, 40, 10)
    assert df.dtype == np.float32
    assert_quantiles(df - SCANS[f"{name}_df"], FIRE_DF)
    forces = afmulator.scanner.downloadFE()
    assert_quantiles(forces[..., 2] - SCANS[f"{name}_Fz"], {1: 5e-4, 0.999: 1e-4})
    paths = afmulator.scanner.downloadPaths()[::5, ::5]
    assert_quantiles(paths - SCANS[f"{name}_path_sub"], {1: 2e-2, 0.999: 6e-3})
    assert_quantiles(forces[::5, ::5, :, 3] - SCANS[f"{name}_FE_sub"][..., 3], {1: 5e-4})
    assert afmulator.scanner.n_unconverged == 0


@pytest.mark.parametrize("name", NAMES)
def test_newton_gives_the_images_of_the_original_program(simulators, name):
    df = simulators["newton"](*sample(name))
    assert_quantiles(df - SCANS[f"{name}_df"], NEWTON_DF)
    assert simulators["newton"].scanner.n_unconverged == 0
    assert not simulators["newton"].scanner.left_box


@pytest.mark.parametrize("name", NAMES)
def test_newton_and_fire_find_the_same_places(simulators, name):
    paths = []
    for afmulator in simulators.values():
        afmulator(*sample(name))
        paths.append(afmulator.scanner.downloadPaths())
    assert_quantiles(paths[0] - paths[1], {0.999: 1.5e-2})


@pytest.mark.parametrize(("relax", "bounds"), [("newton", NEWTON_DF), ("fire", FIRE_DF)])
def test_periodic_samples_equal_the_reference(relax, bounds):
    afmulator = periodic_simulator(relax=relax)
    df = afmulator(*sample("pbc"), sample_lvec=SCANS["pbc_lattice"])
    assert_quantiles(df - SCANS["pbc_df"], bounds)


def test_the_simulator_of_the_seed_gives_the_reference_images():
    afmulator = AFMulator(
        pixPerAngstrome=10, scan_dim=(128, 128, 19), scan_window=((2, 2, 5), (18, 18, 6.9)),
        df_steps=10, npbc=(0, 0, 0), backend="numba",
    )  # fmt: skip
    expected = arrays("seed_config_bcb")
    np.testing.assert_allclose(afmulator.lvec, expected["lvec"], rtol=1e-12, atol=1e-12)
    atoms = expected["xyzq"]
    df = afmulator(atoms[:, :3], expected["Z"], atoms[:, 3])
    assert df.shape == (128, 128, 10)
    assert_quantiles(df[..., expected["df_z"]] - expected["df"], NEWTON_DF)


def test_weights_and_steps_are_those_of_the_reference(simulators):
    afmulator = simulators["newton"]
    np.testing.assert_allclose(afmulator.dfWeight, SCANS["dfWeight"], rtol=1e-6)
    assert afmulator.dz == pytest.approx(float(SCANS["dz"]), rel=1e-12)
    assert afmulator.amplitude == pytest.approx(float(SCANS["amplitude"]), rel=1e-12)
    np.testing.assert_allclose(afmulator.lvec, SCANS["lvec"], rtol=1e-12, atol=1e-12)
    afmulator.prepareFF(*sample("bcb"))
    np.testing.assert_allclose(afmulator.job().stiffness, SCANS["stiffness_eVA2"], rtol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_exact_sums_agree_but_for_the_error_of_interpolation(simulators, name):
    direct = reference_simulator(mode="direct")
    grid = simulators["newton"](*sample(name))
    difference = direct(*sample(name)) - grid
    assert_quantiles(difference, {0.5: 2e-3})
    assert_quantiles(difference[..., 0], {0.99: 0.02})


def test_a_slanted_box_gives_the_image_of_a_rectangular_one():
    afmulator = reference_simulator(pixPerAngstrome=12)
    straight = afmulator(*sample("bcb"))
    lvec = afmulator.lvec
    lvec[2, 0] += 4.0
    lvec[0, 0] -= 2.0
    lvec[3, 1] += 2.0
    slanted = reference_simulator(pixPerAngstrome=12, lvec=lvec)
    assert_quantiles(slanted(*sample("bcb")) - straight, {0.5: 1e-3, 0.99: 0.05})
