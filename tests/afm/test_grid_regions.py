"""Regions of grid-based force fields, threads, bad input."""

import numba
import numpy as np
import pytest
from afm_forcefields import lj_field, reference, reference_box, sample_grids, turned_atoms

from simlab.afm.boxes import Box
from simlab.afm.densities import ElectronDensity, MultipoleTipDensity, model_co_tip
from simlab.afm.dispersion import d3_coefficients
from simlab.afm.errors import AfmConfigError, AfmInputError, AfmPhysicsError
from simlab.afm.grid_fields import (
    D3Field,
    DampedVdwField,
    EnergyGridField,
    fdbm_field,
    hartree_density_field,
    hartree_point_field,
)

# --- regions --------------------------------------------------------------------------------


def all_fields():
    data, box = reference(), reference_box()
    potential, density = sample_grids()
    xyzs, center = turned_atoms()
    coefficients = d3_coefficients(data["xyz"], data["Z"], 8)
    yield "D3", D3Field(box, data["xyz"], coefficients)
    yield "damped", DampedVdwField(box, data["xyz"], data["REA"])
    yield "energy", EnergyGridField(box, density.array.copy(), D3Field(box, xyzs, coefficients))
    yield "points", hartree_point_field(box, potential, lj_field(box), [-3, 4], [0.1, -0.3])
    yield (
        "turned points",
        hartree_point_field(box, potential, None, [2.0], [0.6], data["rot"], center),
    )


@pytest.mark.parametrize("index", range(5))
def test_a_region_holds_the_values_of_the_whole_box(index):
    _, field = list(all_fields())[index]
    whole, shape = field.whole(), field.box.shape
    for start, size in (
        ((3, 4, 5), (7, 9, 11)),
        ((-3, 50, 40), (9, 12, 20)),
        ((60, -8, -60), (5,) * 3),
    ):
        wrapped = [np.arange(a, a + n) % m for a, n, m in zip(start, size, shape, strict=True)]
        np.testing.assert_array_equal(field.fill(start, size), whole[np.ix_(*wrapped)])


@pytest.mark.parametrize("index", range(5))
def test_columns_that_are_asked_for_hold_the_same_values(index):
    _, field = list(all_fields())[index]
    columns = np.zeros((6, 8), bool)
    columns[1::2, ::3] = True
    region = ((20, 20, 20), (6, 8, 10))
    np.testing.assert_array_equal(
        field.fill(*region, columns=columns)[columns], field.fill(*region)[columns]
    )


def test_grid_fields_have_no_direct_sums():
    _, field = next(all_fields())
    with pytest.raises(AfmPhysicsError, match="mode: direct"):
        field.at(np.zeros((1, 3)))


def every_value():
    data, box = reference(), reference_box()
    xyzs, center = turned_atoms()
    tip, delta = model_co_tip()
    turn = {"rot": data["rot"], "rot_center": center}
    base = DampedVdwField(box, xyzs, data["REA"])
    grids, tips = sample_grids(), (tip.power_positive(1.2), delta)
    yield fdbm_field(box, *grids, *tips, base, 12.0, 1.2, **turn).whole()
    yield hartree_density_field(box, grids[0], delta, lj_field(box), **turn).whole()
    yield hartree_point_field(box, grids[0], None, [1.0], [0.3], **turn).whole()


def test_two_threads_compute_the_same_bits_as_one():
    threads = numba.get_num_threads()
    results = []
    try:
        for n in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
            numba.set_num_threads(n)
            results.append(list(every_value()))
    finally:
        numba.set_num_threads(threads)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


# --- bad input ------------------------------------------------------------------------------


def test_potential_and_density_of_different_shape_are_refused():
    box, (potential, density) = reference_box(), sample_grids()
    tip, delta = model_co_tip()
    short = ElectronDensity(density.array[:-1], density.lvec, "CHGCAR.xsf")
    with pytest.raises(
        AfmInputError, match=r"CHGCAR\.xsf: shape \(63, 56, 48\); expected \(64, 56, 48\)"
    ):
        fdbm_field(box, potential, short, tip, delta, None)
    moved = ElectronDensity(density.array, density.lvec + 0.1, "CHGCAR.xsf")
    with pytest.raises(AfmInputError, match=r"CHGCAR\.xsf: origin and cell \[\[0\.1.*expected"):
        fdbm_field(box, potential, moved, tip, delta, None)


def test_a_density_without_electrons_is_refused():
    box, (potential, density) = reference_box(), sample_grids()
    tip, delta = model_co_tip()
    negative = ElectronDensity(-density.array, density.lvec, "rho.npz")
    for B in (1.0, 1.2):
        with pytest.raises(AfmInputError, match=r"rho\.npz: sum of the density -.*positive"):
            fdbm_field(box, potential, negative, tip, delta, None, 18, B)


def test_slanted_boxes_are_refused():
    lvec = np.array([[0, 0, 0], [8.0, 0, 0], [1.0, 8, 0], [0, 0, 8]])
    box = Box.from_lvec(lvec, 4)
    tip = MultipoleTipDensity({"s": 1.0})
    with pytest.raises(AfmPhysicsError, match="expected a rectangular box"):
        hartree_density_field(box, sample_grids()[0], tip, None)


def test_what_is_no_rotation_is_refused():
    box, potential = reference_box(), sample_grids()[0]
    for matrix in (2 * np.eye(3), np.diag([-1.0, 1, 1])):
        with pytest.raises(AfmConfigError, match=r"rot: .*expected a \(3, 3\) rotation matrix"):
            hartree_point_field(box, potential, None, [1.0], [0.0], rot=matrix)


def test_tip_charges_need_as_many_heights():
    box, potential = reference_box(), sample_grids()[0]
    with pytest.raises(AfmConfigError, match=r"shapes \(2,\) and \(1,\)"):
        hartree_point_field(box, potential, None, [1.0, 2.0], [0.0])


def test_an_unknown_damping_is_refused():
    data = reference()
    with pytest.raises(AfmConfigError, match="lj_vdw_damp: 5; expected one of"):
        DampedVdwField(reference_box(), data["xyz"], data["REA"], 5)
