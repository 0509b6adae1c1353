"""A probe that is thrown far away is still on the periodic grid: no pixel is lost."""

import numpy as np
import pytest
from afm_opencl import require_device

from simlab.afm import AFMulator
from simlab.afm.placement import place_molecule
from simlab.afm.species import getAtomsREA, loadSpecies

WINDOW = ((2, 2, 5), (14, 14, 6.9))
WATERS = [
    (8, -0.834, 0.0, 0.0, 0.0),
    (1, 0.417, 0.957, 0.0, 0.0),
    (1, 0.417, -0.24, 0.927, 0.0),
    (8, -0.834, 2.9, 0.0, 0.4),
    (1, 0.417, 3.3, 0.75, 0.85),
    (1, 0.417, 3.3, -0.75, 0.85),
]
"""A pair of TIP3P molecules: Z, q, x, y, z."""


def images(backend, relax="newton", scale=1.0):
    if backend == "opencl":
        require_device()
    Zs, qs, *xyz = np.array(WATERS).T
    radii = getAtomsREA(17, Zs.astype(int), loadSpecies())[:, 0]
    xyzs = place_molecule(np.transpose(xyz), radii, WINDOW, 4.5)
    afmulator = AFMulator(
        scan_dim=(24, 24, 19),
        scan_window=WINDOW,
        iZPP=17,
        Qs=[-0.3, 0, 0, 0],
        QZs=[0, 0, 0, 0],
        npbc=(0, 0, 0),
        tipR0=[0.1, 0.2, 3.0],
        relax=relax,
        backend=backend,
    )
    return afmulator(xyzs, Zs.astype(int), scale * qs), afmulator.scanner


@pytest.mark.parametrize("backend", ["numba", "opencl"])
@pytest.mark.parametrize("relax", ["newton", "fire"])
def test_images_of_strong_charges_are_finite(backend, relax):
    found, _ = images(backend, relax, scale=3.0)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("backend", ["numba", "opencl"])
def test_pixels_done_again_have_the_bits_of_the_whole_grid(backend, monkeypatch):
    from simlab.afm import opencl_scanning, scanning

    found, scanner = images(backend, scale=3.0)
    counts = scanner.n_fallback, scanner.n_unconverged
    for module in (scanning, opencl_scanning):
        monkeypatch.setattr(module, "GROWTH", ())
    again, scanner = images(backend, scale=3.0)
    np.testing.assert_array_equal(found, again)
    assert counts == (scanner.n_fallback, scanner.n_unconverged)
