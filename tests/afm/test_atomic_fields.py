"""Force fields of atoms on grids and as sums, against the reference and closed forms."""

import numba
import numpy as np
import pytest
from afm_forcefields import reference, reference_box
from afm_reference import within
from afm_scans import NAMES, SCANS, reference_simulator, sample

from simlab.afm.boxes import Box
from simlab.afm.errors import AfmConfigError, AfmPhysicsError
from simlab.afm.forcefields import AtomicField, ForceField, periodic_images
from simlab.afm.species import getAtomsREA, loadSpecies
from simlab.afm.units import KE_FORCEFIELD

CO = {"Qs": [-10, 20, -10, 0], "QZs": [0.1, 0, -0.1, 0]}
CARBON = getAtomsREA(8, [6], loadSpecies())


def box(shape=(40, 36, 32), step=0.1, origin=(-2.0, -1.8, 1.0)):
    return Box(np.array(origin), np.diag(np.array(shape) * step), tuple(shape))


def molecule_field(**options):
    case = reference()
    return AtomicField(reference_box(), case["xyz"], case["REA"], **options)


def assert_as_reference(found, expected):
    bound = 1e-4 * np.maximum(1, np.abs(expected)) + 2e-5 * np.abs(expected)
    assert (np.abs(found - expected) <= bound).all()


@pytest.mark.parametrize("model", ["LJ", "LJ_PC"])
def test_the_grid_equals_the_reference(model):
    charged = {"charges": reference()["q"], **CO} if model == "LJ_PC" else {}
    whole = molecule_field(**charged).whole()
    assert whole.dtype == np.float32
    index = reference()["index"].astype(int)
    assert_as_reference(whole[tuple(index.T)], reference()[f"FE_{model}"])


@pytest.mark.parametrize("name", NAMES)
def test_fields_of_placed_molecules_equal_the_reference(name):
    afmulator = reference_simulator()
    afmulator.prepareFF(*sample(name))
    found = afmulator.forcefield.downloadFF(SCANS[f"{name}_grid_index"])
    assert_as_reference(found, SCANS[f"{name}_grid_FE"])


def test_one_atom_has_its_minimum_at_the_mixed_radius():
    R, eps = CARBON[0, :2]
    field = AtomicField(box(), np.zeros((1, 3)), CARBON)
    below, at, above = field.at([[0, 0, R - 1e-3], [0, 0, R], [0, 0, R + 1e-3]])
    assert at[3] == pytest.approx(-eps, rel=1e-6)
    assert below[2] > 0 > above[2]
    assert abs(at[2]) < 1e-5


def test_morse_has_the_depth_and_the_place_of_its_minimum():
    R, eps, alpha = CARBON[0, :3]
    field = AtomicField(box(), np.zeros((1, 3)), CARBON, morse=True)
    at = field.at([[0, 0, R], [0, 0, R + np.log(2) / -alpha]])
    assert at[0, 3] == pytest.approx(-eps, rel=1e-6)
    assert at[1, 3] == pytest.approx(-0.75 * eps, rel=1e-6)
    assert_as_reference(field.whole()[3, 5], field.at(points(field.box)[3, 5]))


def points(of):
    index = np.stack(np.meshgrid(*map(np.arange, of.shape), indexing="ij"), axis=-1)
    return of.origin + index @ of.steps


@pytest.mark.parametrize("morse", [False, True])
def test_forces_are_the_negative_gradient_of_the_energy(morse):
    rng = np.random.default_rng(1)
    xyz = rng.uniform(-1.5, 1.5, (5, 3))
    REAs = getAtomsREA(8, [6, 1, 7, 8, 35], loadSpecies())
    charges = rng.normal(0, 0.3, 5)
    field = AtomicField(box(), xyz, REAs, charges, morse=morse, **CO)
    places = rng.uniform([-2, -2, 3.5], [2, 2, 5], (20, 3))
    force = field.at(places)[:, :3]
    for axis in range(3):
        shift = 1e-3 * np.eye(3)[axis]
        slope = (field.at(places + shift)[:, 3] - field.at(places - shift)[:, 3]) / 2e-3
        np.testing.assert_allclose(force[:, axis], -slope, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("QZs", [CO["QZs"], [0.13, 0, -0.07, 0]])
def test_the_grid_holds_the_sums_over_atoms(QZs):
    case = reference()
    field = AtomicField(
        box((30, 20, 300), origin=(-1, -1, 4.5)), case["xyz"] - case["xyz"].mean(axis=0),
        case["REA"], case["q"], CO["Qs"], QZs,
    )  # fmt: skip
    exact = field.at(points(field.box).reshape(-1, 3)).reshape(*field.box.shape, 4)
    assert_as_reference(field.whole(), exact)


def test_a_charge_pulls_its_opposite_by_coulombs_law():
    field = AtomicField(box(), np.zeros((1, 3)), [[0.0, 0.0]], [0.4], [-1.5], [0.3])
    found = field.at([[0.0, 0.0, 2.7]])[0]
    assert found[3] == pytest.approx(-0.6 * KE_FORCEFIELD / 3.0, rel=1e-6)
    assert found[2] == pytest.approx(-0.6 * KE_FORCEFIELD / 9.0, rel=1e-6)


def test_opposite_charges_turn_only_the_electrostatic_part():
    places = np.random.default_rng(2).uniform([2, 2, 9], [12, 12, 11], (50, 3))
    plain, plus, minus = (
        molecule_field(charges=sign * reference()["q"], **CO).at(places) for sign in (0, 1, -1)
    )
    np.testing.assert_allclose(plus - plain, plain - minus, rtol=1e-9, atol=1e-12)
    assert (np.abs(plus - plain).max(axis=0) > 1e-5).all()


def test_uncharged_atoms_give_the_bits_of_no_charges():
    start, shape = (8, 8, 34), (20, 20, 10)
    plain = molecule_field().fill(start, shape)
    neutral = molecule_field(charges=np.zeros(12), **CO).fill(start, shape)
    np.testing.assert_array_equal(plain, neutral)


@pytest.mark.parametrize("QZs", [[0.25, 0, -0.25, 0], [0.1, 0, -0.1, 0]], ids=["whole", "parts"])
def test_any_part_of_the_grid_has_the_bits_of_the_whole(QZs):
    field = molecule_field(charges=reference()["q"], Qs=CO["Qs"], QZs=QZs)
    whole = field.whole()
    start, shape = (-5, 50, 40), (20, 9, 25)
    wrapped = np.ix_(
        *((s + np.arange(n)) % m for s, n, m in zip(start, shape, field.box.shape, strict=True))
    )
    np.testing.assert_array_equal(field.fill(start, shape), whole[wrapped])
    forces = field.fill(start, shape, energy=False)
    np.testing.assert_array_equal(forces[..., :3], whole[wrapped][..., :3])
    mask = np.arange(180).reshape(20, 9) % 3 == 0
    np.testing.assert_array_equal(field.fill(start, shape, mask)[mask], whole[wrapped][mask])


@pytest.mark.parametrize("QZs", [[0.25, 0, -0.25, 0], [0.1, 0, -0.1, 0]], ids=["whole", "parts"])
def test_threads_do_not_change_a_bit(QZs):
    field = molecule_field(charges=reference()["q"], Qs=CO["Qs"], QZs=QZs)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = field.whole()
        numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
        np.testing.assert_array_equal(field.whole(), one)
    finally:
        numba.set_num_threads(before)


def test_a_slanted_cell_holds_the_sums_over_atoms():
    cell = np.array([[6, 0, 0], [1, 5, 0], [0, 0.5, 4]])
    slanted = Box(np.array([-3, -2, 3.2]), cell, (24, 20, 16))
    case = reference()
    xyz = case["xyz"] - case["xyz"].mean(axis=0)
    field = AtomicField(slanted, xyz, case["REA"], case["q"], **CO)
    places = slanted.origin + np.array([[0, 0, 0], [5, 7, 3], [23, 19, 15]]) @ slanted.steps
    found = field.whole()[[0, 5, 23], [0, 7, 19], [0, 3, 15]]
    assert_as_reference(found, field.at(places))


def test_copies_start_with_the_cell_and_go_on_in_ascending_order():
    lattice = np.array([[5.0, 0, 0], [1, 6, 0], [0, 0, 9]])
    xyz = np.array([[0.0, 0, 0], [1, 1, 1]])
    images, kept = periodic_images(xyz, lattice, (1, 1, 0), np.array([6, 8]))
    cells = [(0, 0), (-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]
    expected = [xyz + i * lattice[0] + j * lattice[1] for i, j in cells]
    np.testing.assert_allclose(images, np.concatenate(expected), atol=1e-14)
    np.testing.assert_array_equal(kept, [6, 8] * 9)


@pytest.mark.parametrize("lattice", [None, 1e5 * np.eye(3)])
def test_no_lattice_and_a_huge_one_are_the_same_as_no_copies(lattice):
    case = reference()
    images, REAs = periodic_images(case["xyz"], lattice, (1, 1, 0), case["REA"])
    found = AtomicField(reference_box(), images, REAs).fill((0, 0, 34), (64, 56, 8))
    expected = molecule_field().fill((0, 0, 34), (64, 56, 8))
    assert within(found, expected, 1e-6)


def test_fields_without_sums_say_so():
    with pytest.raises(AfmPhysicsError, match="exists on its grid only"):
        ForceField(box()).at([[0, 0, 0]])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"charges": [1.0, 2.0]}, r"charges: shape \(2,\); expected \(1,\)"),
        ({"parameters": [[1.0, 2.0]], "morse": True}, "Morse needs rows"),
    ],
)
def test_unusable_arguments_are_refused(arguments, message):
    with pytest.raises(AfmConfigError, match=message):
        AtomicField(box(), np.zeros((1, 3)), **{"parameters": CARBON, **arguments})
