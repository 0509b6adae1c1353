import math

import numpy as np
import pytest
from afm_reference import HELPERS, molecule

from simlab.afm.errors import AfmConfigError
from simlab.afm.placement import (
    center_molecule,
    counted_atoms,
    lower_molecule,
    place_molecule,
    place_window,
    touching_atom,
    uniform_disk,
)
from simlab.afm.species import getAtomsREA, loadSpecies
from simlab.core.random import generator

WINDOW = np.array([[2.0, 2, 5], [18, 18, 6.9]])
TIGHT = {"rtol": 1e-12, "atol": 1e-12}


@pytest.mark.parametrize("case", HELPERS["placement"], ids=lambda c: f"{c['molecule']}{c['iZPP']}")
def test_placed_molecules_equal_the_reference(case):
    xyz, Zs, _ = molecule(case["molecule"])
    radii = getAtomsREA(case["iZPP"], Zs, loadSpecies())[:, 0]
    placed = place_molecule(xyz, radii, case["scan_window"], case["distAbove"])
    np.testing.assert_allclose(placed[0], case["xyz_first_atom"], **TIGHT)
    assert placed[:, 2].max() == pytest.approx(case["z_max"], rel=1e-12)


def test_the_example_of_the_module_is_right():
    radii = getAtomsREA(8, [6], loadSpecies())[:, 0]
    assert place_molecule([[0, 0, 0]], radii, WINDOW, 4.5)[0, 2] == pytest.approx(-1.17, abs=0.005)


def test_distance_from_top_and_bottom_differ_by_the_depth_of_the_window():
    xyz = np.array([[0.0, 0, 0], [1, 2, 0.5], [2, 2, -1]])
    radii = np.array([1.0, 0.4, 2.1])
    placed = place_molecule(xyz, radii, WINDOW, 4.5, "top")
    np.testing.assert_allclose(
        placed, place_molecule(xyz, radii, WINDOW, 4.5 - 1.9, "bottom"), **TIGHT
    )
    # The touching atom is the third: -1 + 2.1 beats 0 + 1 and 0.5 + 0.4.
    assert placed[2, 2] == pytest.approx(6.9 - 4.5 - 2.1, rel=1e-12)
    np.testing.assert_allclose(placed[:, :2].mean(axis=0), [10, 10], **TIGHT)
    np.testing.assert_allclose(placed - placed[0], xyz - xyz[0], **TIGHT)


def test_the_window_over_a_molecule_is_the_molecule_under_the_window():
    rng = np.random.default_rng(4)
    xyz, radii = rng.normal(size=(6, 3)), 1 + rng.random(6)
    for reference in ("top", "bottom"):
        window = place_window(xyz, radii, WINDOW, 3.0, reference)
        np.testing.assert_allclose(window[1] - window[0], WINDOW[1] - WINDOW[0], **TIGHT)
        placed = place_molecule(xyz, radii, WINDOW, 3.0, reference)
        np.testing.assert_allclose(window - xyz[0], WINDOW - placed[0], **TIGHT)


def test_window_bottom_is_the_distance_above_the_touching_height():
    window = place_window([[1.0, 2, 3]], [1.5], WINDOW, 2.5)
    assert window[0, 2] == pytest.approx(3 + 1.5 + 2.5)
    assert window[1, 2] == pytest.approx(7 + 1.9)


def test_ignored_elements_count_neither_for_mean_nor_height():
    xyz = np.array([[0.0, 0, 0], [2, 2, 0], [50, 50, 9]])
    radii = np.ones(3)
    counted = counted_atoms([6, 6, 1], {1})
    placed = place_molecule(xyz, radii, WINDOW, 4.0, counted=counted)
    np.testing.assert_allclose(placed[:2, :2].mean(axis=0), [10, 10], **TIGHT)
    assert placed[0, 2] == pytest.approx(6.9 - 4 - 1)
    window = place_window(xyz, radii, WINDOW, 4.0, counted=counted)
    np.testing.assert_allclose(window[:, :2].mean(axis=0), [1, 1], **TIGHT)


def test_a_molecule_of_ignored_elements_only_is_refused():
    with pytest.raises(AfmConfigError, match="ignore_elements"):
        counted_atoms([1, 1], {1, 6})


def test_the_first_of_equally_high_atoms_touches():
    assert touching_atom([1.0, 2, 2, 0], [1, 1, 1, 3]) == 1


def test_placing_changes_no_argument():
    xyz, radii = np.ones((2, 3)), np.ones(2)
    for change in (center_molecule(xyz, WINDOW), lower_molecule(xyz, radii, WINDOW, 4)):
        change += 1
    place_window(xyz, radii, WINDOW, 4)
    assert (xyz == 1).all()
    assert WINDOW[0].tolist() == [2, 2, 5]


def test_unknown_reference_is_refused():
    with pytest.raises(AfmConfigError, match="top, bottom"):
        place_molecule(np.ones((1, 3)), [1], WINDOW, 4, "middle")


def test_points_of_the_disk_equal_the_reference():
    legacy = np.random.RandomState(HELPERS["disk"]["seed"])
    points = [uniform_disk(legacy) for _ in HELPERS["disk"]["xy"]]
    np.testing.assert_allclose(points, HELPERS["disk"]["xy"], **TIGHT)


def test_points_of_the_disk_are_uniform_in_area():
    rng = generator(7, "afm.sample", 0)
    points = np.array([uniform_disk(rng) for _ in range(20000)])
    squares = (points**2).sum(axis=1)
    # r² is uniform in [0, 1]: mean 1/2, variance 1/12.
    assert abs(squares.mean() - 0.5) < 5 * math.sqrt(1 / 12 / len(points))
    assert squares.max() <= 1
    assert np.abs(points.mean(axis=0)).max() < 5 * 0.5 / math.sqrt(len(points))
