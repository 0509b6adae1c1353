"""Chunks of particles in order of cells."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from halo_particles import L, clustered

from simlab.halo.multiscale import SortedParticles


def cells_of(positions, rows, cells):
    """Number of the cell of each particle: columns along z, rows x rows of them."""
    x, y, z = positions.astype(float).T
    i, j = (np.minimum((c * rows / L).astype(int), rows - 1) for c in (x, y))
    return (i * rows + j) * cells + np.minimum((z * cells / L).astype(int), cells - 1)


@pytest.mark.parametrize("count", [1, 2, 777, 100000])
def test_particles_are_ordered_by_cell_and_equals_keep_their_order(count):
    positions, _ = clustered(count)
    masses = np.arange(count, dtype=np.float32)
    sorted_ = SortedParticles(positions, masses, L, None)
    cell = cells_of(positions, sorted_.rows, sorted_.cells)
    order = np.argsort(cell, kind="stable")
    for axis in range(3):
        assert np.array_equal(sorted_.arrays[axis][:count], positions[order, axis])
    if count > 1:
        assert np.array_equal(sorted_.arrays[3][:count], order)
    number = sorted_.rows**2 * sorted_.cells
    assert np.array_equal(sorted_.starts, np.searchsorted(cell[order], np.arange(number + 1)))


def test_the_last_number_below_the_box_is_in_the_last_cell():
    edge = np.nextafter(np.float32(L), np.float32(0))
    positions = np.array([[edge, edge, edge], [0, 0, 0]], np.float32)
    sorted_ = SortedParticles(positions, np.ones(1), L, None)
    assert sorted_.starts[-2:].tolist() == [1, 2]
    assert sorted_.arrays[0][:2].tolist() == [0, edge]


def test_one_mass_for_all_is_not_copied():
    positions, _ = clustered(1000)
    sorted_ = SortedParticles(positions, np.full(1, 2.5), L, None)
    assert sorted_.mass == 2.5
    assert len(sorted_.arrays[3]) == 0


def test_threads_change_no_order():
    positions, masses = clustered(50000)
    one = SortedParticles(positions, masses, L, None)
    with ThreadPoolExecutor(3) as pool:
        three = SortedParticles(positions, masses, L, pool)
    for a, b in zip((*one.arrays, one.starts), (*three.arrays, three.starts), strict=True):
        assert np.array_equal(a, b)
