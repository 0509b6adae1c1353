"""Descriptors drawn by an OpenCL device against those of the CPU."""

import numpy as np
import pytest
from afm_opencl import device, require_device
from afm_reference import arrays

from simlab.afm.descriptors import (
    AtomicDisks,
    AtomRfunc,
    Bonds,
    DiskOcclusion,
    ESMapConstant,
    Lorentz,
    MultiMapSpheres,
    MultiMapSpheresElements,
    SphereCaps,
    SpheresType,
    vdwSpheres,
)
from simlab.afm.kernels import maps
from simlab.afm.kernels.opencl_maps import Maps

REFERENCE = arrays("auxmaps")
NAMES = ("bcb", "PTCDA", "camphor")
ELEMENTS = (("H",), ("N", "O", "F"), ("C", "Si", "P", "S", "Cl", "Br"))
SPHERES = {
    "vdwSpheres": (vdwSpheres, {}),
    "MultiMapSpheres": (MultiMapSpheres, {"bOccl": 1}),
    "MultiMapSpheresElements": (MultiMapSpheresElements, {"elems": ELEMENTS}),
    "SpheresType": (SpheresType, {"types": {"C": 0, "O": 2}}),
    "SphereCaps": (SphereCaps, {}),
}
SMOOTH = {
    "AtomicDisks": (AtomicDisks, {}),
    "Bonds": (Bonds, {}),
    "Bonds, slanted": (Bonds, {"ellipticity": 0.3, "zmin": -1}),
    "Bonds, round": (Bonds, {"ellipticity": 0.0}),
    "AtomRfunc": (AtomRfunc, {}),
}


@pytest.fixture(scope="module")
def on_device():
    require_device()
    return Maps(device())


@pytest.fixture(params=[(100, 100), (33, 17), (1, 5)], ids=str)
def pixels(request):
    return {"scan_dim": request.param, "scan_window": ((-8, -7), (8, 9))}


def both(kind, options, name, on_device, pixels):
    """The map of a reference molecule drawn by the CPU and by the device."""
    atoms, Zs = REFERENCE[f"{name}_xyzq"].copy(), REFERENCE[f"{name}_Z"]
    atoms[:, :2] -= atoms[:, :2].mean(axis=0)
    aux_map = kind(**pixels, **options)
    on_cpu = aux_map(atoms, Zs)
    aux_map.maps = on_device
    return on_cpu, aux_map(atoms, Zs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", SPHERES)
def test_spheres_equal_but_for_flipped_rims(on_device, pixels, kind, name):
    expected, found = both(*SPHERES[kind], name, on_device, pixels)
    assert found.dtype == np.float32
    outliers = np.abs(found - expected) > 5e-5
    assert outliers.sum() <= max(1, 1e-3 * outliers.size)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", SMOOTH)
def test_disks_and_profiles_equal_those_of_the_cpu(on_device, pixels, kind, name):
    expected, found = both(*SMOOTH[kind], name, on_device, pixels)
    assert (np.abs(found - expected) <= 1e-5 * np.maximum(1, expected)).all()


@pytest.mark.parametrize("kind", [ESMapConstant, Lorentz, DiskOcclusion])
@pytest.mark.parametrize("name", NAMES)
def test_fields_and_occlusion_equal_those_of_the_cpu(on_device, pixels, kind, name):
    expected, found = both(kind, {}, name, on_device, pixels)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 + 1e-5 * expected.max())


def test_the_field_is_taken_at_the_height_of_each_pixel(on_device):
    xs, ys = np.linspace(3, 9, 13), np.linspace(-2, 4, 11)
    rng = np.random.default_rng(0)
    zs = 20 + rng.random((13, 11))
    atoms = np.column_stack([rng.uniform(3, 9, 7), rng.uniform(-2, 4, 7), np.full((7, 2), 17.0)])
    expected, found = np.zeros((2, 13, 11), np.float32)
    maps.vertical_field(xs, ys, zs, atoms, 14.4, 1e-4, expected)
    on_device.vertical_field(xs, ys, zs, atoms, 14.4, 1e-4, found)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_molecules_without_bonds_give_zeros(on_device):
    out = np.zeros((5, 4), np.float32)
    axes = np.linspace(0, 4, 5), np.linspace(0, 3, 4)
    on_device.bond_profiles(*axes, np.empty((0, 6)), -1.5, 0.5, np.ones(104), 0.1, 3.0, out)
    assert (out == 0).all()
