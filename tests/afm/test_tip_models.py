"""Which forces of the atoms act on the tip, and which tip they and the charges meet."""

import numpy as np
import pytest
from afm_reference import molecule
from afm_scans import sample
from afm_scans import small_simulator as scans_simulator
from scipy.special import erf

from simlab.afm.densities import gaussian_potential, model_grids
from simlab.afm.errors import AfmPhysicsError
from simlab.afm.grid_fields import DampedVdwField
from simlab.afm.species import getAtomsREA, loadSpecies
from simlab.afm.units import KE, KE_FORCEFIELD

ONE = (np.array([[10.0, 10.0, 0.0]]), np.array([6]))
CO = ((-10, 20, -10, 0), (0.1, 0, -0.1, 0))


def small_simulator(**options):
    return scans_simulator(**{"pixPerAngstrome": 5, **options})


def formic_acid():
    """The shipped molecule, which has no charges, with some."""
    xyz, Zs, _ = molecule("formic_acid")
    return xyz, Zs, np.where(Zs == 8, -0.4, 0.8 / (len(Zs) - 2))


def field(afmulator, *atoms):
    afmulator.prepareFF(*atoms)
    return afmulator.forcefield.downloadFF()


def radii(afmulator):
    """Distances of the grid points from the atom of ONE."""
    box = afmulator.box
    axes = [
        o + d * np.arange(n)
        for o, d, n in zip(box.origin, np.diag(box.steps), box.shape, strict=True)
    ]
    x, y, z = np.meshgrid(*axes, indexing="ij", sparse=True)
    (cx, cy, cz) = ONE[0][0]
    return np.sqrt((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2)


def test_morse_forces_are_those_of_the_closed_form():
    afmulator = small_simulator(ff_model="Morse", pixPerAngstrome=4)
    found = field(afmulator, *ONE, None)
    R, eps, alpha = getAtomsREA(8, ONE[1], loadSpecies())[0, :3]
    r = radii(afmulator)
    near = (r > 1.5) & (r < 9)
    e = np.exp(alpha * (r - R))
    np.testing.assert_allclose(found[..., 3][near], (eps * e * (e - 2))[near], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("damp", [-1, 2])
def test_the_attraction_alone_has_the_charges_beside_it(damp):
    afmulator = small_simulator(
        ff_model="vdW", lj_vdw_damp=damp, Qs=(0.5, 0, 0, 0), QZs=(0, 0, 0, 0), pixPerAngstrome=4
    )
    found = field(afmulator, *ONE, [-0.3])
    REAs = getAtomsREA(8, ONE[1], loadSpecies())
    attraction = DampedVdwField(afmulator.box, ONE[0], REAs, damp).whole()[..., 3]
    r = radii(afmulator)
    coulomb = -0.15 * KE_FORCEFIELD / r
    near = r > 1.5
    np.testing.assert_allclose(found[..., 3][near], (attraction + coulomb)[near], rtol=1e-4)
    assert (attraction[near] < 0).all()


def test_each_model_gives_other_images():
    images = [small_simulator(ff_model=model)(*sample("bcb")) for model in ("LJ", "Morse", "vdW")]
    assert np.isfinite(images).all()
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(images[one] - images[other]).max() > 0.1


@pytest.mark.parametrize(
    "options", [{"ff_model": "Morse"}, {"ff_model": "vdW"}, {"rho": {"dz2": -0.4}}], ids=str
)
def test_opencl_devices_know_every_model(options):
    numba, device = (
        small_simulator(**options, backend=backend)(*sample("bcb"))
        for backend in ("numba", "opencl")
    )
    assert np.quantile(np.abs(numba - device), 0.999) < 0.05


def test_charges_under_a_density_act_as_gaussians_on_gaussians():
    sigma, q = 0.7, 0.4
    afmulator = small_simulator(rho={"s": 0.2}, sigma=sigma, pixPerAngstrome=5)
    plain = field(afmulator, *ONE, None)
    energy = field(afmulator, *ONE, [q])[..., 3] - plain[..., 3]
    r = radii(afmulator)
    width = np.sqrt(2 * (sigma**2 + 0.6**2))
    expected = 0.2 * q * KE * erf(r / width) / r
    inside = tuple(slice(15, -15) for _ in range(3))  # beyond it the box repeats
    near = (r > 2.0)[inside]
    np.testing.assert_allclose(energy[inside][near], expected[inside][near], rtol=2e-3)


def test_charges_and_their_model_potential_give_the_same_images_under_a_density():
    xyz, Zs, qs = formic_acid()
    window = xyz.mean(axis=0) + np.array([[-2, -2, 5], [2, 2, 6.2]])
    options = {
        "rho": {"dz2": -0.1}, "pixPerAngstrome": 8, "scan_dim": (9, 8, 12), "npbc": (0, 0, 0),
        "scan_window": window, "df_steps": 5,
    }  # fmt: skip
    potential, _ = model_grids(xyz, Zs, qs)
    found = small_simulator(**options)(xyz, Zs, qs)
    expected = small_simulator(**options)(xyz, Zs, potential)
    plain = small_simulator(**options)(xyz, Zs, None)
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=0.02)
    assert np.abs(found - plain).max() > 0.5


def test_the_gaussian_potential_is_that_of_the_model_grids():
    xyz, Zs, qs = formic_acid()
    expected, _ = model_grids(xyz, Zs, qs)
    afmulator = small_simulator(lvec=expected.lvec, pixPerAngstrome=5)
    found = gaussian_potential(afmulator.box, xyz, qs)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found.array, expected.array, rtol=1e-6, atol=1e-6)


def test_charges_see_the_tip_that_was_set_last():
    points = small_simulator(Qs=CO[0], QZs=CO[1])(*sample("bcb"))
    afmulator = small_simulator(Qs=CO[0], QZs=CO[1], rho={"dz2": -0.4})
    cloud = afmulator(*sample("bcb"))
    assert np.abs(cloud - points).max() > 0.05
    afmulator.setQs(*CO)
    np.testing.assert_array_equal(afmulator(*sample("bcb")), points)
    afmulator.setRho({"dz2": -0.4})
    np.testing.assert_array_equal(afmulator(*sample("bcb")), cloud)
    afmulator.setRho(None)
    np.testing.assert_array_equal(afmulator(*sample("bcb")), points)


def test_a_density_over_an_uncharged_sample_changes_nothing():
    xyz, Zs, _ = sample("bcb")
    plain, cloud = small_simulator(), small_simulator(rho={"dz2": -0.4})
    np.testing.assert_array_equal(cloud(xyz, Zs, None), plain(xyz, Zs, None))


@pytest.mark.parametrize(
    "options", [{"rho": {"s": 0.1}}, {"ff_model": "vdW"}], ids=["density", "vdW"]
)
def test_what_needs_a_grid_is_refused_without_one(options):
    with pytest.raises(AfmPhysicsError, match="mode: direct; expected grid"):
        small_simulator(mode="direct", **options)(*sample("bcb"))


def test_morse_forces_can_be_summed_without_a_grid():
    options = {"ff_model": "Morse", "scan_dim": (6, 5, 14), "pixPerAngstrome": 10}
    grid, direct = (small_simulator(**options, mode=m)(*sample("bcb")) for m in ("grid", "direct"))
    assert np.median(np.abs(grid - direct)) < 0.005


def test_a_slanted_box_is_refused_for_charges_under_a_density():
    slanted = [[0, 0, -4], [22, 0, 0], [5, 22, 0], [0, 0, 16]]
    with pytest.raises(AfmPhysicsError, match=r"lvec: .*expected a rectangular box"):
        small_simulator(rho={"s": 0.1}, lvec=slanted)(*sample("bcb"))


def test_morse_is_refused_with_a_density_of_the_sample():
    xyz, Zs, qs = formic_acid()
    potential, density = model_grids(xyz, Zs, qs)
    from simlab.afm.densities import model_co_tip

    rho, delta = model_co_tip()
    afmulator = small_simulator(rho=rho, rho_delta=delta, ff_model="Morse")
    with pytest.raises(AfmPhysicsError, match="ff_model: Morse; expected LJ"):
        afmulator(xyz, Zs, potential, rho_sample=density)
