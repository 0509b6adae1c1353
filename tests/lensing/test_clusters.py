import numpy as np
import pytest
from lensing_reference import SINGLE_LENSES, mixed_cluster

from simlab.lensing.clusters import format_cluster, make_cluster, parse_cluster
from simlab.lensing.errors import LensError
from simlab.lensing.lenses import make_lens
from simlab.lensing.sampled import sampled_lens

POINTS = np.array([31 + 17j, -44 + 9j, 0.5 + 80j])
CELL = "SIS/-20/5/30;SIE/15/-10/25/0.5/70;PM/30/30/12"


def test_a_cluster_is_the_sum_of_its_members():
    lens = mixed_cluster()
    for method in ("potential", "deflection", "convergence", "shear"):
        total = sum(getattr(single, method)(POINTS) for single in lens.constituents)
        np.testing.assert_allclose(getattr(lens, method)(POINTS), total, rtol=1e-12)
    total = sum(single.amplitudes(POINTS, 6) for single in lens.constituents)
    np.testing.assert_allclose(lens.amplitudes(POINTS, 6), total, rtol=1e-9, atol=1e-18)


@pytest.mark.parametrize("name", SINGLE_LENSES)
def test_a_cluster_of_one_is_the_lens_itself(name):
    single = SINGLE_LENSES[name]
    lens = make_cluster([single])
    np.testing.assert_array_equal(lens.deflection(POINTS), single.deflection(POINTS))
    np.testing.assert_array_equal(lens.amplitudes(POINTS, 6), single.amplitudes(POINTS, 6))
    assert lens.is_circular == single.is_circular


def test_cells_are_read_with_their_orientations():
    lens = parse_cluster(" SIS/-20/5/3e1 ; SIE/15/-10/25/.5/70;PointMass/30/30/12;")
    assert lens == parse_cluster(CELL)
    assert [single.kind for single in lens.constituents] == ["SIS", "SIE", "PM"]
    assert lens.constituents[1].center == 15 - 10j
    assert lens.constituents[1].orientation_deg == 70


def test_shape_numbers_of_round_members_are_ignored():
    assert parse_cluster("SIS/1/2/3/0.5/70") == parse_cluster("SIS/1/2/3")


def test_lengths_of_cells_are_divided_by_the_distance_ratio():
    lens = parse_cluster(CELL, chi=0.5)
    assert lens.constituents[0].center == -40 + 10j
    assert lens.constituents[2].einstein_radius == 24


def test_cells_are_written_as_they_are_read():
    lens = parse_cluster(CELL, chi=0.3)
    assert parse_cluster(format_cluster(lens)) == lens
    assert format_cluster(parse_cluster(CELL)) == (
        "SIS/-20.0/5.0/30.0;SIE/15.0/-10.0/25.0/0.5/70.0;PM/30.0/30.0/12.0"
    )
    assert format_cluster(SINGLE_LENSES["SIS"]) == "SIS/0.0/0.0/40.0"


def test_clusters_of_clusters_are_flat():
    lens = make_cluster([parse_cluster(CELL), SINGLE_LENSES["Shear"]])
    assert len(lens.constituents) == 4
    assert lens.members.shape == (4, 8)


def test_round_members_about_one_center_make_rings():
    sheet = make_lens("Shear", kappa0=0.1)
    sis = make_lens("SIS", einstein_radius=4)
    assert make_cluster([sis, SINGLE_LENSES["PM"], sheet]).is_circular
    assert make_cluster([sis, make_lens("Shear")]).is_circular
    assert not make_cluster([sis, SINGLE_LENSES["Shear"]]).is_circular
    assert not make_cluster([sis, SINGLE_LENSES["SIE"]]).is_circular
    assert not make_cluster([sis, make_lens("SIS", einstein_radius=4, x=1)]).is_circular
    assert not make_cluster([make_lens("SIS", einstein_radius=4, x=1), sheet]).is_circular
    assert not make_cluster([sheet]).is_circular


def test_the_center_is_that_of_all_members_or_the_origin():
    there = make_lens("SIS", einstein_radius=4, x=3, y=4)
    assert make_cluster([there, SINGLE_LENSES["Shear"]]).center == 3 + 4j
    assert make_cluster([there, SINGLE_LENSES["SIS"]]).center == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "member 1 of cluster: '' is unknown, expected SIS, PM, PointMass, SIE"),
        ("SIS/1/2/3;", None),
        ("SIS/1/2/3;;PM/1/2/3", "member 2 of cluster: '' is unknown"),
        ("SIS/1/2/3;NFW/1/2/3", "member 2 of cluster: 'NFW' is unknown"),
        ("SIE/1/2/3/0.5", "member 1 of cluster: expected SIE/x/y/g/f/orientation, got 4 numbers"),
        ("SIS/1/2", "member 1 of cluster: expected SIS/x/y/g, got 2 numbers"),
        ("SIS/1/2/big", "member 1 of cluster: expected SIS/x/y/g with numbers, got 'SIS/1/2/big'"),
        ("SIS/1/2/3;PM/1/2/-3", "member 2 of cluster: einstein_radius = -3.0"),
        ("SIE/1/2/3/1.5/0", "member 1 of cluster: ratio = 1.5"),
        ("SIS/nan/2/3", "member 1 of cluster: x = nan"),
    ],
)
def test_malformed_cells_are_refused(text, message):
    if message is None:
        assert len(parse_cluster(text).constituents) == 1
        return
    with pytest.raises(LensError, match=message):
        parse_cluster(text)


def test_members_that_cannot_be_summed_or_written_are_refused():
    with pytest.raises(LensError, match="cluster without members"):
        make_cluster([])
    with pytest.raises(LensError, match="Sampled lens cannot be the member"):
        make_cluster([sampled_lens(SINGLE_LENSES["SIS"], 8)])
    with pytest.raises(LensError, match="NFW lens cannot be written"):
        format_cluster(SINGLE_LENSES["NFW"])
