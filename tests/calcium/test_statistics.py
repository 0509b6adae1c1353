from itertools import pairwise

import numpy as np
import pytest

from simlab.calcium.statistics import MovieStatistics, frame_moments, normalization, pixel_sums
from simlab.core.errors import PhysicsError


def movie(seed=0, frames=9, shape=(5, 6), largest=255):
    return np.random.default_rng(seed).integers(0, largest + 1, (frames, *shape), dtype=np.uint8)


def content(counts, pieces=None, bit_depth=8, key="aa"):
    statistics = MovieStatistics(counts.shape[1:], counts.dtype, bit_depth)
    clean = counts.astype(np.float32) * 0.5
    edges = [0, *(pieces or []), len(counts)]
    for a, b in pairwise(edges):
        statistics.push(counts[a:b], frame_moments(clean[a:b]))
    return statistics.content(key)


def test_moments_and_percentiles_are_those_of_all_counts():
    counts = movie()
    found = content(counts)
    assert found["count"] == counts.size
    assert found["mean"] == pytest.approx(counts.mean(), rel=1e-14)
    assert found["std"] == pytest.approx(counts.std(), rel=1e-13)
    assert found["m2"] == pytest.approx(counts.var() * counts.size, rel=1e-13)
    assert (found["min"], found["max"]) == (counts.min(), counts.max())
    for name, share in (("p01", 0.001), ("p1", 0.01), ("p50", 0.5), ("p99", 0.99), ("p999", 0.999)):
        expected = np.quantile(counts, share, method="inverted_cdf")
        assert found[name] == expected, name
    assert found["zero_fraction"] == (counts == 0).mean()
    assert found["saturated_fraction"] == (counts == 255).mean()
    assert found["temporal_std_mean"] == pytest.approx(counts.std(axis=0).mean(), rel=1e-12)
    assert found["frame_mean_min"] == pytest.approx(counts.mean(axis=(1, 2)).min(), rel=1e-14)
    histogram = np.bincount(counts.ravel())
    assert found["histogram"]["counts"] == list(histogram[counts.min() :])
    assert found["clean"]["mean"] == pytest.approx(0.5 * counts.mean(), rel=1e-12)
    assert found["clean"]["frame_means"] == pytest.approx(list(0.5 * counts.mean(axis=(1, 2))))


@pytest.mark.parametrize("pieces", [[1], [1, 2, 3, 4, 5, 6, 7, 8], [4, 8]])
def test_the_cut_into_pieces_changes_no_bit(pieces):
    counts = movie()
    assert content(counts, pieces) == content(counts)
    light = counts.astype(np.float32) / 7
    assert content(light, pieces, bit_depth=None) == content(light, bit_depth=None)


def test_sums_of_pixels_may_come_from_elsewhere():
    counts = movie()
    given = MovieStatistics(counts.shape[1:], counts.dtype, 8)
    given.push(counts, sums=pixel_sums(counts))
    alone = MovieStatistics(counts.shape[1:], counts.dtype, 8)
    alone.push(counts)
    assert given.content("aa") == alone.content("aa")


def test_squares_of_16_bit_counts_do_not_overflow():
    counts = np.full((3, 2, 2), 65535, np.uint16)
    total, squares = pixel_sums(counts)
    assert (total == 3 * 65535).all()
    assert (squares == 3 * 65535**2).all()
    found = content(counts, bit_depth=16)
    assert (found["mean"], found["std"], found["temporal_std_mean"]) == (65535.0, 0.0, 0.0)


def test_a_movie_of_real_numbers_has_moments_but_no_histogram():
    light = movie().astype(np.float32) / 3
    found = content(light, bit_depth=None)
    assert found["std"] == pytest.approx(light.astype(np.float64).std(), rel=1e-12)
    assert found["temporal_std_mean"] == pytest.approx(light.std(axis=0, dtype=float).mean())
    assert found["histogram"] is found["p50"] is found["clean"] is None


def test_a_count_above_the_bit_depth_is_an_error():
    with pytest.raises(PhysicsError, match="a count of 20 is above 15"):
        content(np.full((1, 2, 2), 20, np.uint8), bit_depth=4)


def test_an_empty_movie_has_empty_statistics():
    found = content(np.zeros((0, 5, 6), np.uint8))
    assert found["count"] == 0
    assert found["mean"] is found["temporal_std_mean"] is found["histogram"] is None
    assert normalization([found])["mean"] is None


def test_merged_recordings_are_as_one():
    a, b = movie(1), movie(2, frames=4)
    merged = normalization([content(a, key="bb"), content(b, key="aa")])
    together = np.concatenate([a, b])
    assert merged["keys"] == ["aa", "bb"]
    assert merged["n_samples"] == 2
    assert merged["n_frames"] == 13
    assert merged["mean"] == pytest.approx(together.mean(), rel=1e-14)
    assert merged["std"] == pytest.approx(together.std(), rel=1e-13)
    assert merged["p99"] == np.quantile(together, 0.99, method="inverted_cdf")
    weighted = (a.std(axis=0).mean() * a.size + b.std(axis=0).mean() * b.size) / together.size
    assert merged["temporal_std_mean"] == pytest.approx(weighted, rel=1e-12)
    assert merged["clean"]["std"] == pytest.approx(0.5 * together.std(), rel=1e-6)
    assert "frame_means" not in merged["clean"]


def test_the_order_of_recordings_does_not_matter():
    a, b = content(movie(1), key="aa"), content(movie(2), key="bb")
    assert normalization([a, b]) == normalization([b, a])


def test_shapes_may_differ_but_number_types_may_not():
    a, b = content(movie(1), key="aa"), content(movie(2, shape=(3, 4)), key="bb")
    assert normalization([a, b])["shape"] == [[3, 4], [5, 6]]
    deep = content(movie(2).astype(np.uint16), bit_depth=12, key="cc")
    with pytest.raises(PhysicsError, match=r"dtype of aa is uint8, of cc uint16"):
        normalization([a, deep])
