"""Statistics files of the original pipeline, which hold fewer constants."""

import inspect

import numpy as np
import pytest

from simlab.core.files import read_npz, write_npz
from simlab.halo import load_normalization_stats
from simlab.halo.errors import StatisticsError
from simlab.halo.files.stats import FILES, reader_of
from simlab.halo.statistics import normalize, normalize_sample

PUBLISHED = {"dm": (9.9154, 0.46796), "gas": (9.1773, 0.41041), "star": (6.9959, 1.10035)}


@pytest.fixture
def original(tmp_path):
    """Files with the keys of the original pipeline and no other."""
    for file, (key, (mean, std)) in zip(FILES, PUBLISHED.items(), strict=True):
        arrays = {f"{key}_mag_mean": mean, f"{key}_mag_std": std, "epsilon": 1e-8}
        write_npz(tmp_path / file, {name: np.float64(value) for name, value in arrays.items()})
    return tmp_path


def test_constants_of_the_targets_are_read(original):
    stats = load_normalization_stats(original)
    expected = {f"{key}_mag_mean": mean for key, (mean, _) in PUBLISHED.items()}
    expected |= {f"{key}_mag_std": std for key, (_, std) in PUBLISHED.items()}
    assert stats == expected | {"epsilon": 1e-8}
    target = np.random.default_rng(1).random((3, 4, 4)) * 1e9
    np.testing.assert_array_equal(
        normalize(target[0], stats["dm_mag_mean"], stats["dm_mag_std"]),
        normalize(target[0], *PUBLISHED["dm"]),
    )


def test_constants_that_are_missing_are_named_when_they_are_needed(original):
    stats = load_normalization_stats(original)
    lacking = "condition_mean, condition_std, large_scale_mean, large_scale_std"
    with pytest.raises(StatisticsError, match=f"no constants condition: .* hold no {lacking}"):
        normalize_sample({"condition": np.ones((4, 4))}, stats)
    with pytest.raises(StatisticsError, match=str(original)):
        stats["large_scale"]


def test_a_choice_of_constants_is_made_up_where_the_files_name_none(finished, tmp_path):
    for file in FILES:
        arrays = read_npz(finished[file])
        for key in ("condition_source", "condition_given", "per_scale"):
            del arrays[key]
        write_npz(tmp_path / file, arrays)
    stats = load_normalization_stats(tmp_path)
    assert stats["condition"] == (stats["condition_mean"], stats["condition_std"])
    assert reader_of(tmp_path) is None
    assert reader_of(tmp_path / "nowhere") is None
    assert reader_of(finished.folder) == {"condition_source": "condition", "per_scale": False}


def test_the_parameter_has_its_published_name():
    assert list(inspect.signature(load_normalization_stats).parameters) == ["dir"]
