"""Statistics of pictures and amplitudes against closed forms; independent of shards."""

import math

import numpy as np
import pytest

from simlab.core.files import read_json, read_npz
from simlab.lensing.lenses import make_lens
from simlab.lensing.roulette import columns_of
from simlab.lensing.statistics import (
    PictureStatistics,
    normalization,
    picture_summary,
    scaled_columns,
    summary_of,
)

ROWS = {"train": 4, "val": 0, "test": 0, "excluded": 0}


@pytest.fixture
def pictures():
    rng = np.random.default_rng(3)
    return (rng.gamma(0.3, 40.0, (4, 30, 31)) - 1).astype(np.float32)


def arrays_of(pictures, first=1):
    statistics = PictureStatistics(1 if pictures.ndim == 3 else 3)
    for number, picture in enumerate(pictures, start=first):
        statistics.push(number, picture)
    return statistics.arrays()


def test_moments_and_range_are_those_of_all_pixels(pictures):
    summary = picture_summary([arrays_of(pictures)])
    values = pictures.astype(np.float64)
    assert summary["mean"] == [pytest.approx(values.mean(), rel=1e-14)]
    assert summary["std"] == [pytest.approx(values.std(), rel=1e-14)]
    assert (summary["min"], summary["max"]) == ([values.min()], [values.max()])


@pytest.mark.parametrize("percent", [0.1, 1, 50, 99, 99.9])
def test_percentiles_are_right_to_the_width_of_a_bin(pictures, percent):
    name = f"p{percent:g}".replace(".", "_")
    [found] = picture_summary([arrays_of(pictures)])[name]
    wanted = np.percentile(pictures, percent, method="inverted_cdf")
    assert abs(found - wanted) < 4e-4 * (1 + abs(wanted))


def test_shards_and_their_order_change_no_bit(pictures):
    whole = picture_summary([arrays_of(pictures)])
    parts = [arrays_of(pictures[:1]), arrays_of(pictures[1:], first=2)]
    assert picture_summary(parts) == whole
    assert picture_summary(parts[::-1]) == whole


def test_colors_are_told_apart(pictures):
    colored = np.stack([pictures, 2 * pictures, 3 * pictures], axis=-1)
    summary = picture_summary([arrays_of(colored)])
    assert summary["max"] == [pytest.approx(k * float(pictures.max()), rel=1e-6) for k in (1, 2, 3)]


def test_a_shard_without_training_rows_adds_nothing(pictures):
    empty = PictureStatistics(1).arrays()
    assert picture_summary([empty, arrays_of(pictures)]) == picture_summary([arrays_of(pictures)])
    assert picture_summary([empty])["mean"] == [None]


def test_a_summary_is_that_of_the_values():
    values = [4.0, 1.0, 2.0, 10.0, 3.0]
    found = summary_of(values)
    assert found["mean"] == 4.0
    assert found["std"] == pytest.approx(np.std(values), rel=1e-15)
    assert (found["min"], found["max"], found["median"], found["mad"]) == (1.0, 10.0, 3.0, 1.0)
    assert found["scale"] == pytest.approx(1.4826, abs=1e-4)


def test_the_scale_of_constant_and_of_mostly_constant_values_can_be_divided_by():
    assert summary_of([2.0, 2.0, 2.0])["scale"] == 1.0
    assert summary_of([0.0, 0.0, 0.0, 8.0])["scale"] == pytest.approx(math.sqrt(12.0))
    assert set(summary_of([]).values()) == {None}


@pytest.mark.parametrize("size", [1e-250, 1e-120, 1e120, 1e290])
def test_columns_whose_squares_are_no_numbers_are_summarized_as_others(size):
    values = [-3.0, 1.0, 4.0, 10.0]
    found, wanted = summary_of([size * value for value in values]), summary_of(values)
    for name in wanted:
        assert found[name] == pytest.approx(size * wanted[name], rel=1e-14)
    assert summary_of([size] * 4)["scale"] == 1.0


def test_a_statistic_that_is_no_number_is_null():
    found = summary_of([-1.7e308, 1.7e308, -1.7e308, 1.7e308])
    assert found["max"] == 1.7e308
    assert found["scale"] is None
    assert set(summary_of([1.0, math.inf]).values()) == {None}


def test_amplitudes_of_order_200_are_scaled_and_summarized():
    columns = {"alpha[200][1]": [1e-163, -3e-163], "beta[200][1]": [2e130, -4e150]}
    with_far_references = scaled_columns(columns, 4000.0)["alpha[200][1]"]
    exponent = 199 * math.log(4000.0) - math.lgamma(201) + math.log(1e-163)
    assert with_far_references[0] == pytest.approx(math.exp(exponent), rel=1e-11)
    content = normalization([arrays_of(np.ones((1, 9, 9), np.float32))], columns, [90.0], ROWS)
    assert content["amplitudes"]["beta[200][1]"]["max"] == 2e130
    assert content["amplitudes"]["beta[200][1]"]["std"] == pytest.approx(2e150, rel=1e-14)


def test_scaled_amplitudes_of_a_sis_do_not_depend_on_its_size():
    """gamma[m, s] ~ g R^-m: with r0 = R and divided by g/R they are pure numbers."""
    found = []
    for g, radius in ((10.0, 30.0), (25.0, 80.0)):
        G = make_lens("SIS", einstein_radius=g).amplitudes(radius * np.exp(0.7j), 12)
        columns = {name: [value] for name, value in columns_of(G).items()}
        scaled = scaled_columns(columns, radius)
        found.append({name: value * radius / g for name, [value] in scaled.items()})
    assert found[0] == pytest.approx(found[1], rel=1e-12, abs=1e-15)
    largest = max(abs(value) for name, value in found[0].items() if "[12]" in name)
    assert 1e-3 < largest < 1  # raw ones fall to 1e-9


def test_the_unit_of_length_is_the_median_radius_of_convergence():
    content = normalization([arrays_of(np.ones((1, 4, 4)))], {}, [5.0, 9.0, 7.0], ROWS)
    assert content["r0"] == 7.0
    assert content["n_samples"] == 4
    assert content["rows"] == ROWS


def test_a_data_set_without_training_rows_has_no_statistics():
    empty = PictureStatistics(1).arrays()
    content = normalization([empty], {"alpha[1][0]": []}, [], {**ROWS, "train": 0})
    assert content["r0"] is None
    assert content["amplitudes"]["alpha[1][0]"]["mean"] is None


def test_only_training_rows_are_counted(small_lensing):
    content = read_json(small_lensing.path("normalization.json"))
    train = [row for row in small_lensing.table("index.csv") if row["split"] == "train"]
    assert content["n_samples"] == len(train) == content["rows"]["train"] == 6
    counted = [read_npz(path)["index"] for path in small_lensing.shards("statistics", "npz")]
    assert np.concatenate(counted).tolist() == [int(row["index"]) for row in train]
    table = {row["index"]: row for row in small_lensing.table()}
    values = [float(table[row["index"]]["alpha[2][1]"]) for row in train]
    found = content["amplitudes"]["alpha[2][1]"]
    assert found["mean"] == pytest.approx(np.mean(values), rel=1e-14)
    assert found["median"] == np.median(values)
