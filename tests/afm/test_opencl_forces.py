"""Force fields on an OpenCL device against the CPU and the reference."""

import numpy as np
import pytest
from afm_forcefields import (
    assert_close,
    lj_field,
    reference,
    reference_box,
    sample_grids,
    turned_atoms,
)
from afm_opencl import filled, require_device

from simlab.afm.boxes import Box
from simlab.afm.densities import MultipoleTipDensity, model_co_tip
from simlab.afm.dispersion import d3_coefficients
from simlab.afm.forcefields import AtomicField, ForceField
from simlab.afm.grid_fields import (
    DAMPINGS,
    D3Field,
    DampedVdwField,
    fdbm_field,
    hartree_density_field,
    hartree_point_field,
)

pytestmark = pytest.mark.usefixtures("opencl")


@pytest.fixture
def opencl():
    require_device()


def atoms(**options):
    data = reference()
    arguments = {"charges": data["q"], "Qs": data["Qs"], "QZs": data["QZs"], **options}
    box = arguments.pop("box", None) or reference_box()
    return AtomicField(box, data["xyz"], arguments.pop("parameters", data["cLJ"]), **arguments)


def slanted_box():
    lvec = np.array(reference()["lvec"])
    lvec[2, 0] += 3.0
    lvec[3, 1] -= 2.0
    return Box.from_lvec(lvec, 4)


def point_tip(turned):
    xyzs, center = turned_atoms()
    options = {"rot": reference()["rot"], "rot_center": center} if turned else {}
    base = lj_field(reference_box(), xyzs if turned else None)
    Qs, QZs = [0.3, -0.1, 0.0, 0.2], [0.25, -0.31, 0, 0.1]
    return hartree_point_field(reference_box(), sample_grids()[0], base, Qs, QZs, **options)


def density_tip():
    tip = MultipoleTipDensity({"dz2": -0.1}, 0.71)
    return hartree_density_field(reference_box(), sample_grids()[0], tip, lj_field(reference_box()))


def d3():
    data = reference()
    coefficients = d3_coefficients(data["xyz"], data["Z"], int(data["iZPP"]))
    return D3Field(reference_box(), data["xyz"], coefficients)


def fdbm():
    return fdbm_field(reference_box(), *sample_grids(), *model_co_tip(), d3())


def damped(damp):
    data = reference()
    return DampedVdwField(reference_box(), data["xyz"], data["REA"], damp)


class ConstantField(ForceField):
    """A field that knows no parts."""

    def fill(self, start, shape, columns=None, energy=True):
        return np.broadcast_to(np.float32([0.1, -0.2, 0.3, 0.4]), (*shape, 4)).copy()


FIELDS = {
    "LJ": lambda: lj_field(reference_box()),
    "LJ+PC": lambda: atoms(QZs=[0.25, 0, -0.25, 0]),
    "LJ+PC between steps": atoms,
    "LJ+PC far apart": lambda: atoms(Qs=[-1, 1, 0, 0], QZs=[2.5, -2.0, 0, 0]),
    "Morse": lambda: atoms(parameters=reference()["REA"], morse=True),
    "slanted": lambda: atoms(box=slanted_box()),
    "Hartree, point tip": lambda: point_tip(False),
    "Hartree, point tip, turned": lambda: point_tip(True),
    "Hartree, density tip": density_tip,
    "D3": d3,
    "FDBM": fdbm,
    "no parts": lambda: ConstantField(reference_box()),
    **{f"damped {damp}": lambda damp=damp: damped(damp) for damp in DAMPINGS},
}
REGIONS = {
    "inside": ((10, 12, 20), (33, 17, 19)),
    "over all borders": ((-5, 50, 40), (13, 9, 21)),
    "one point": ((3, 4, 5), (1, 1, 1)),
    "long columns": ((20, 20, -7), (2, 3, 90)),
}


def assert_equal_fields(found, expected):
    """Section 15 of the specification: 1e-4 max(1, |F|) + 2e-5 |F|."""
    size = np.abs(expected).max(axis=-1, keepdims=True)
    excess = np.abs(found - expected) / (1e-4 * np.maximum(1, size) + 2e-5 * size)
    assert excess.max() <= 1
    assert np.isfinite(found).all()


@pytest.mark.parametrize("name", FIELDS)
def test_fields_equal_those_of_the_cpu(name):
    field = FIELDS[name]()
    for start, shape in REGIONS.values():
        (found,) = filled([field], start, shape)
        assert_equal_fields(found, field.fill(np.array(start), shape))


@pytest.mark.parametrize("name", ["LJ+PC", "slanted", "D3", "FDBM", "Hartree, point tip, turned"])
def test_columns_that_are_not_wanted_are_left_alone(name):
    field = FIELDS[name]()
    start, shape = REGIONS["inside"]
    columns = np.random.default_rng(0).random(shape[:2]) < 0.3
    (found,) = filled([field], start, shape, columns)
    assert_equal_fields(found[columns], field.fill(np.array(start), shape)[columns])
    assert (found[~columns] == 7).all()


def test_a_field_is_the_same_alone_and_among_others():
    fields = [make() for name, make in FIELDS.items() if name != "slanted"]
    start, shape = (7, 9, 30), (19, 11, 27)
    together = filled(fields, start, shape)
    for field, found in zip(fields, together, strict=True):
        np.testing.assert_array_equal(found, filled([field], start, shape)[0])


@pytest.mark.parametrize("name", ["LJ", "LJ+PC", "LJ+PC between steps"])
def test_a_point_has_the_same_bits_in_every_region(name):
    field = FIELDS[name]()
    (whole,) = filled([field], (0, 0, 0), (20, 18, 48))
    (part,) = filled([field], (5, 3, 13), (4, 7, 9))
    np.testing.assert_array_equal(part, whole[5:9, 3:10, 13:22])


def test_energies_are_left_out_where_they_are_not_wanted():
    start, shape = REGIONS["inside"]
    field = FIELDS["LJ+PC"]()
    (with_energy,) = filled([field], start, shape)
    (without,) = filled([field], start, shape, energy=False)
    np.testing.assert_array_equal(without[..., :3], with_energy[..., :3])
    assert (without[..., 3] == 0).all()


@pytest.mark.parametrize(("name", "field"), [("FE_LJ", "LJ"), ("FE_LJ_PC", "LJ+PC between steps")])
def test_atoms_give_the_field_of_the_reference(name, field):
    (found,) = filled([FIELDS[field]()], (0, 0, 0), reference_box().shape)
    index = tuple(reference()["index"].T.astype(int))
    assert_close(found[index], name, 1e-4, 2e-5, floor=1.0)


def test_densities_give_the_field_of_the_reference():
    (found,) = filled([fdbm()], (0, 0, 0), reference_box().shape)
    index = tuple(reference()["index"].T.astype(int))
    assert_close(found[index], "FE_FDBM_D3_PBE_A18.0_B1.0", 1e-4, 1e-4)
