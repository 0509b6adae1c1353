"""D3 dispersion: coefficients, functionals, the sums on a grid."""

import numpy as np
import pytest
from afm_forcefields import reference

from simlab.afm.boxes import Box
from simlab.afm.dispersion import (
    coordination_numbers,
    d3_coefficients,
    d3_parameters,
    d3_tables,
    functionals,
)
from simlab.afm.errors import AfmConfigError, AfmInputError
from simlab.afm.grid_fields import D3Field, DampedVdwField

OXYGEN = 8
CARBON = 6
PBE = {"s6": 1.0, "s8": 0.7875, "a1": 0.4289, "a2": 4.4407}
BOHR = 0.5291772109217


def test_coefficients_are_those_of_the_reference():
    data = reference()
    found = d3_coefficients(data["xyz"], data["Z"], int(data["iZPP"]))
    np.testing.assert_allclose(found, data["d3_coeff_PBE"], rtol=1e-6)


def test_there_are_39_functionals_and_a_mapping_serves_as_well():
    assert len(functionals()) == 39
    assert d3_parameters("PBE") == d3_parameters(PBE) == (1.0, 0.7875, 0.4289, 4.4407)
    for name in functionals():
        assert len(d3_parameters(name)) == 4


def test_atoms_like_a_reference_system_have_its_coefficient():
    """A lone oxygen atom has coordination number 0, the first reference system of oxygen."""
    found = d3_coefficients([[0.0, 0, 0]], [OXYGEN], OXYGEN)[0, 0]
    weights = np.exp(-4 * np.clip(d3_tables().reference_cn[OXYGEN - 1][:3], 0, None) ** 2)
    table = d3_tables().c6(OXYGEN - 1, OXYGEN - 1)[:3, :3]
    assert found == pytest.approx((np.outer(weights, weights) * table).sum() / weights.sum() ** 2)
    assert found == pytest.approx(table[0, 0], rel=0.02)


def test_far_from_all_reference_systems_the_last_one_counts():
    """An atom with more neighbors than exp can tell apart: its weights are all 0."""
    directions = np.random.default_rng(0).normal(size=(80, 3))
    shell = 1.0 * directions / np.linalg.norm(directions, axis=1)[:, None]
    xyzs = np.vstack([np.zeros(3), shell])
    Zs = np.full(81, CARBON)
    assert coordination_numbers(xyzs, Zs)[0] > 70
    found = d3_coefficients(xyzs, Zs, OXYGEN)[0, 0]
    weights = np.exp(-4 * d3_tables().reference_cn[OXYGEN - 1][:3] ** 2)
    last = d3_tables().c6(CARBON - 1, OXYGEN - 1)[4, :3]
    assert found == pytest.approx((weights * last).sum() / weights.sum(), rel=1e-12)


def test_coefficients_of_a_pair_do_not_depend_on_who_is_the_probe():
    tables = d3_tables()
    np.testing.assert_array_equal(tables.c6(5, 7), tables.c6(7, 5).T)
    assert tables.c6(0, 93)[0, 0] > 0


def test_radii_and_c8_follow_from_the_pair():
    c6, c8, r6, r8 = d3_coefficients([[0.0, 0, 0]], [CARBON], OXYGEN)[0]
    r4r2 = d3_tables().r4r2
    ratio = 3 * r4r2[CARBON - 1] * r4r2[OXYGEN - 1]
    radius = PBE["a1"] * np.sqrt(ratio) + PBE["a2"] * BOHR
    assert c8 / c6 == pytest.approx(PBE["s8"] * ratio)
    assert (r6, r8) == pytest.approx((radius**6, radius**8))


def test_neighbors_across_the_cell_count_only_with_periodic_images():
    xyzs, Zs, lattice = [[0.0, 0, 0]], [CARBON], 1.4 * np.eye(3)
    assert coordination_numbers(np.array(xyzs), Zs)[0] == 0
    along_x = coordination_numbers(np.array(xyzs), Zs, lattice, (1, 0, 0))[0]
    assert along_x == pytest.approx(2, abs=0.1)
    lone = d3_coefficients(xyzs, Zs, OXYGEN)[0, 0]
    assert d3_coefficients(xyzs, Zs, OXYGEN, npbc=(1, 0, 0))[0, 0] == lone
    assert d3_coefficients(xyzs, Zs, OXYGEN, "PBE", lattice, (1, 0, 0))[0, 0] < 0.9 * lone


# --- on a grid ------------------------------------------------------------------------------


def line_over_an_atom(make, z_points=1600, length=40.0):
    """Distances and field on the z axis above an atom in the corner of a box."""
    box = Box.from_lvec(np.vstack([np.zeros(3), length * np.eye(3)]), z_points / length)
    field = make(box, np.zeros((1, 3)))
    return length / z_points * np.arange(z_points), field.fill((0, 0, 0), (1, 1, z_points))[0, 0]


def d3_line():
    return line_over_an_atom(
        lambda box, xyzs: D3Field(box, xyzs, d3_coefficients(xyzs, [CARBON], OXYGEN))
    )


def test_dispersion_weakens_monotonically_with_distance_and_ends_at_20():
    r, line = d3_line()
    inside = r <= 20
    assert (np.diff(line[inside, 3][::8]) > 0).all()
    assert (line[inside, 3] < 0).all()
    assert (line[~inside] == 0).all()


def test_dispersion_tends_to_the_sixth_power():
    """E -> -s6 C6/r^6; the eighth power is still s8 C8/(s6 C6 r^2) at 15 Å."""
    r, line = d3_line()
    c6, c8, *_ = d3_coefficients([[0.0, 0, 0]], [CARBON], OXYGEN)[0]
    far = (r > 15) & (r < 20)
    leading = -c6 / r[far] ** 6
    np.testing.assert_allclose(line[far, 3], leading, rtol=0.06)
    np.testing.assert_allclose(line[far, 3], leading - c8 / r[far] ** 8, rtol=2e-3)


@pytest.mark.parametrize("damp", ["D3", -1, 1, 2, 3, 4])
def test_forces_are_slopes_of_the_energies(damp):
    REA = np.array([[3.6, 0.01, 0, 0]])
    r, line = (
        d3_line()
        if damp == "D3"
        else line_over_an_atom(lambda box, xyzs: DampedVdwField(box, xyzs, REA, damp))
    )
    energy = line[:, 3].astype(np.float64)
    slope = -(energy[2:] - energy[:-2]) / (r[2:] - r[:-2])
    checked = (r[1:-1] > 2.5) & (r[1:-1] < 8) & (np.abs(r[1:-1] - 3.6) > 0.05)
    np.testing.assert_allclose(line[1:-1][checked, 2], slope[checked], rtol=0.005, atol=1e-4)


@pytest.mark.parametrize("damp", [1, 2, 3, 4])
def test_damping_leaves_the_attraction_far_away(damp):
    REA = np.array([[3.6, 0.01, 0, 0]])
    r, line = line_over_an_atom(lambda box, xyzs: DampedVdwField(box, xyzs, REA, damp))
    far = (r > 7) & (r < 30)
    np.testing.assert_allclose(line[far, 3], -0.02 * (3.6 / r[far]) ** 6, rtol=2e-3)
    assert np.isfinite(line).all()


def test_the_shifted_attraction_has_a_force_and_no_energy():
    REA = np.array([[3.6, 0.01, 0, 0]])
    r, line = line_over_an_atom(lambda box, xyzs: DampedVdwField(box, xyzs, REA, 0))
    c6 = 0.02 * 3.6**6
    assert (line[:, 3] == 0).all()
    np.testing.assert_allclose(line[:, 2], -6 * c6 * r / (r**8 + 180 * c6), rtol=1e-5, atol=1e-12)


# --- bad input ------------------------------------------------------------------------------


def test_an_unknown_functional_names_the_nearest():
    with pytest.raises(AfmConfigError, match=r"unknown functional 'b3lyb', did you mean B3LYP\?"):
        d3_parameters("b3lyb")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"s6": 1.0, "s8": 1.0, "a1": 1.0}, "keys s6, s8, a1; expected s6, s8, a1, a2"),
        ({**PBE, "a3": 1.0}, "keys s6, s8, a1, a2, a3; expected"),
        ({**PBE, "a2": "4"}, "a2 '4'; expected a number"),
        ({**PBE, "a2": float("nan")}, "a2 nan; expected a number"),
        (4, "4; expected the name of a functional or a mapping"),
    ],
)
def test_unfit_parameters_are_refused(params, words):
    with pytest.raises(AfmConfigError, match=words):
        d3_parameters(params)


def test_elements_without_dispersion_data_are_refused():
    with pytest.raises(AfmInputError, match=r"element Am: no D3 data; expected .* 1 to 94"):
        d3_coefficients([[0.0, 0, 0]], [95], OXYGEN)
    with pytest.raises(AfmInputError, match="element Uuo"):
        d3_coefficients([[0.0, 0, 0]], [6], 118)


def test_as_many_elements_as_atoms_are_needed():
    with pytest.raises(AfmConfigError, match="2 elements; expected one for 1 atoms"):
        d3_coefficients([[0.0, 0, 0]], [6, 6], OXYGEN)
