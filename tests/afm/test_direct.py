"""The exact probe that images are judged by: comes to rest, or says that it does not."""

import functools

import numpy as np
import pytest
from afm_finished import SMALL, SmallDataset

from simlab.afm import direct, physics_checks
from simlab.afm.boxes import equilibrium_offset
from simlab.afm.physics_checks import check_direct
from simlab.afm.species import REA2LJ, getAtomsREA, loadSpecies
from simlab.afm.stages.checks import case_of

CLOSE = {
    **SMALL,
    "molecules": [
        f"resources/afm/molecules/{name}.xyz"
        for name in ("glucose", "carbazole", "caffeine", "PTCDA")
    ],
    "simulator": {"scan_dim": [32, 32, 19]},
    "distAbove": 3.5,
    "aux_maps": ["vdwSpheres", "HeightMap"],
    "augment": {"rotations": 40, "n_best": 3},
    "split": {"val": 0.0, "test": 0.0},
    "batch_size": 1,
    "samples_per_shard": 1,
    "export": "none",
}
STIFFNESS, TIP = [0.25, 0.25, 0.0, 30.0], [0.0, 0.0, 3.0]


@pytest.fixture(scope="module")
def close(tmp_path_factory):
    """A data set in which the probe comes close to the atoms."""
    return SmallDataset.of(tmp_path_factory.mktemp("close") / "close", CLOSE).make()


def checked(data):
    return check_direct(case_of(data.check_spec, data.check_files))


def test_good_images_close_to_the_molecule_pass_every_check(close):
    rows = close.rows()
    assert [row for row in rows.values() if not row.passed] == []
    assert 0.05 < rows["afm.direct"].measured < 1
    assert "left out" not in rows["afm.direct"].what


def test_images_that_are_off_by_a_twentieth_are_found_there(close, tmp_path):
    data = close.copy_to(tmp_path / "close")
    for shard in range(len(data.shards())):
        data.edit(lambda file: file["afm"].__setitem__(..., 1.05 * file["afm"][...]), shard)
    assert not checked(data).passed


def test_images_that_are_not_finite_are_found(close, tmp_path):
    data = close.copy_to(tmp_path / "close")
    data.edit(lambda file: file["afm"].__setitem__((..., 0), np.nan))
    found = checked(data)
    assert (found.passed, found.measured) == (False, np.inf)


def without(count):
    """`relaxed_forces` whose first `count` pixels do not come to rest."""

    def relaxed(*args):
        forces, places, settled = direct.relaxed_forces(*args)
        forces[:count], places[:count], settled[:count] = np.nan, np.nan, False
        return forces, places, settled

    return relaxed


def test_pixels_that_do_not_come_to_rest_are_counted_and_left_out(small_afm, monkeypatch):
    monkeypatch.setattr(physics_checks, "relaxed_forces", without(3))
    found = checked(small_afm)
    assert found.passed
    assert 0 < found.measured < 1
    assert "; 6 pixels left out whose exact probe does not come to rest" in found.what


def test_a_sample_with_too_many_of_them_is_not_judged(small_afm, monkeypatch):
    monkeypatch.setattr(physics_checks, "relaxed_forces", without(7))
    found = checked(small_afm)
    assert found.skipped
    assert "14 pixels left out" in found.what
    assert "2 samples not judged" in found.what


def test_bounds_follow_the_weights_of_the_frequency_shift(small_afm):
    case = case_of(small_afm.check_spec, small_afm.check_files)
    with physics_checks.Shard(small_afm.shards()[0]) as shard:
        exact = physics_checks.direct_images(case, shard, *physics_checks.chosen(case, 0))
    images = exact.df + 0.02
    exact = exact._replace(errors=np.zeros_like(exact.errors))
    assert physics_checks._largest_ratio(images, exact, 1.0) == pytest.approx(4)
    assert physics_checks._largest_ratio(images, exact, 2.0) == pytest.approx(2)
    # 5 steps of 0.1 Å weigh more than 10: the same forces are a larger shift.
    assert exact.weight > 1.5 * physics_checks.REFERENCE_WEIGHT


def carbon():
    """The field of one carbon atom at the origin."""
    c6c12 = REA2LJ(getAtomsREA(8, np.array([6]), loadSpecies()))
    none = np.zeros(4)
    return functools.partial(
        direct.atomic_forces, atoms=np.zeros((1, 3)), c6c12=c6c12, charges=np.zeros(1), Qs=none,
        QZs=none,
    )  # fmt: skip


@pytest.mark.parametrize("begin", ["_descend", "_fire_and_descend"])
def test_the_probe_rests_where_the_whole_force_is_zero(begin):
    anchors = np.array([[0.3, 0.1, 6.0], [1.5, 0.2, 5.6], [0.0, 0.0, 6.5]])

    def forces(rows, displacement):
        found, jacobian = carbon()(anchors[rows] + displacement)
        spring, stiffness = direct.spring_forces(displacement, STIFFNESS, TIP)
        return found, found + spring, jacobian + stiffness

    start = np.tile(equilibrium_offset(TIP), (3, 1)) + 0.2
    rows = np.arange(3)
    place, _, settled = getattr(direct, begin)(rows, start, forces)
    assert settled.all()
    _, total, jacobian = forces(rows, place)
    assert np.abs(total).max() < direct.TOLERANCE
    # At rest, not balanced: every direction leads back.
    assert (np.linalg.eigvalsh(jacobian)[1:] < 0).all()


def test_a_probe_that_finds_no_rest_is_told_and_nothing_is_raised():
    def field(points):
        force, jacobian = carbon()(points)
        force[points[:, 0] > 1] = np.nan
        return force, jacobian

    anchors = [[0.5, 0, 7], [2.0, 0, 7]]
    forces, places, settled = direct.relaxed_forces(anchors, 0.1, 4, field, STIFFNESS, TIP)
    assert settled.tolist() == [True, False]
    assert np.isfinite(forces[0]).all()
    assert np.isnan(forces[1]).all()
    assert np.isnan(places[1]).all()


def test_nothing_is_judged_from_the_height_before_a_jump():
    def field(points):
        """A constant force to the side below z = 3.75 Å."""
        force = np.zeros_like(points)
        force[points[:, 2] < 3.75, 0] = 0.005
        return force, np.zeros((len(points), 3, 3))

    forces, places, settled = direct.relaxed_forces([[0, 0, 7.0]], 0.1, 6, field, STIFFNESS, TIP)
    assert settled.all()
    assert np.isfinite(forces[0]).tolist() == [True, True, False, False, False, False]
    np.testing.assert_allclose(places[0, :2, 2], [4.0, 3.9])


def test_the_error_of_interpolation_is_that_of_the_curvature():
    def field(points):
        force = np.zeros_like(points)
        force[:, 2] = 3 * points[:, 0] ** 2 - 5 * points[:, 2] ** 2 + points[:, 1]
        return force, None

    places = np.random.default_rng(1).random((4, 2, 3))
    errors = direct.interpolation_errors(places, field, 0.2)
    np.testing.assert_allclose(errors, np.full((4, 2), 0.2**2 / 8 * (6 + 10)))
