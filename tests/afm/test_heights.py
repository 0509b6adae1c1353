"""Strokes of the height map: which of those that leave the box say something about a sample."""

import numpy as np
import pytest
from afm_opencl import require_device

from simlab.afm.descriptors import HeightMap
from simlab.afm.simulator import AFMulator

WINDOW = ((2.0, 2.0, 5.0), (10.0, 10.0, 6.9))


def heights(atoms, *, backend="numba", zmin=-3.0, bottom=None):
    """(height map, whether the sample is marked) over helium atoms (n, 3)."""
    atoms = np.array(atoms, np.float64)
    afmulator = AFMulator(
        pixPerAngstrome=8, scan_dim=(16, 16, 19), scan_window=WINDOW, npbc=(0, 0, 0),
        backend=backend,
    )  # fmt: skip
    if bottom is not None:
        afmulator.setLvec([[-2, -2, bottom], [16, 0, 0], [0, 16, 0], [0, 0, 10]])
    Zs = np.full(len(atoms), 2)
    afmulator(atoms, Zs, np.zeros(len(atoms)))
    assert not afmulator.scanner.left_box
    image = HeightMap(afmulator.scanner, zmin=zmin)(np.column_stack([atoms, 0 * Zs]), Zs)
    return image, afmulator.scanner.left_box


ONE = [[6.0, 6.0, -1.0]]
STAIRS = [[4.5, 6.0, -1.0], [8.0, 6.0, -3.5]]


@pytest.mark.parametrize("backend", ["numba", "opencl"])
@pytest.mark.parametrize("zmin", [-2.0, -3.0, -6.0])
def test_strokes_beside_a_small_molecule_do_not_mark_it(zmin, backend):
    if backend == "opencl":
        require_device()
    image, left = heights(ONE, zmin=zmin, backend=backend)
    assert image.max() > 0.1
    assert not left


def test_a_surface_below_the_box_marks_the_sample():
    whole, left = heights(STAIRS, zmin=-4.0)
    assert not left
    cut, left = heights(STAIRS, zmin=-4.0, bottom=0.5)
    assert left
    # The flanks and the lower atom are lost.
    assert np.count_nonzero(cut) < np.count_nonzero(whole)


def test_a_surface_below_the_lowest_height_shown_does_not():
    image, left = heights(STAIRS, zmin=-0.5, bottom=0.5)
    assert image.max() == pytest.approx(0.5, abs=0.01)
    assert not left
