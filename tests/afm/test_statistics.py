"""Normalization statistics against direct ones of the arrays, and their histograms."""

import json

import numpy as np
import pytest
from afm_finished import SMALL, SmallDataset

from simlab.afm.files.shards import Shard
from simlab.afm.statistics import BINS, Axis, SampleStatistics, concatenate
from simlab.core.errors import SimlabError
from simlab.core.files import read_npz


def arrays_of(data):
    """Images, descriptors and splits of all samples."""
    parts = []
    for path in data.shards():
        with Shard(path) as shard:
            parts.append([shard.array(key) for key in ("afm", "desc", "split")])
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def test_moments_are_those_of_all_training_pixels(small_afm):
    images, maps, split = arrays_of(small_afm)
    train = split == 0
    summary = json.loads(small_afm["normalization.json"].read_text())
    assert (summary["format"], summary["split"]) == (1, "train")
    assert summary["n_samples"] == train.sum() == 6
    for j, entry in enumerate(summary["afm"]["CO"]):
        values = images[train, 0, :, :, j].astype(np.float64)
        assert entry["slice"] == j
        assert entry["z_mean"] == pytest.approx(0.2 + 0.1 * j)
        assert entry["count"] == values.size
        assert entry["mean"] == pytest.approx(values.mean(), rel=1e-12)
        assert entry["std"] == pytest.approx(values.std(), rel=1e-12)
        assert (entry["min"], entry["max"]) == (values.min(), values.max())
        for key, percent in (("p0_1", 0.1), ("p99_9", 99.9)):
            exact = np.percentile(values, percent)
            assert entry[key] == pytest.approx(exact, rel=0.03, abs=0.02)
    for k, name in enumerate(("vdwSpheres", "AtomicDisks", "HeightMap", "Bonds", "AtomRfunc")):
        values = maps[train, k].astype(np.float64)
        entry = summary["desc"][name]
        assert entry["mean"] == pytest.approx(values.mean(), rel=1e-12)
        floor = -1.5 if name == "vdwSpheres" else 0.0
        assert entry["background"] == pytest.approx((values == floor).mean(), abs=1e-15)
        assert 0 < entry["background"] < 1


def test_what_the_samples_are_made_of_is_counted(small_afm):
    summary = json.loads(small_afm["normalization.json"].read_text())["histograms"]
    with Shard(small_afm.shards()[0]) as shard:
        split = shard.array("split")
        atoms = [len(shard.molecule(k)) for k in range(6) if split[k] == 0]
    with Shard(small_afm.shards()[1]) as shard:
        split = shard.array("split")
        atoms += [len(shard.molecule(k)) for k in range(3) if split[k] == 0]
    assert sum(summary["n_atoms"].values()) == 6
    assert sum(int(n) * count for n, count in summary["n_atoms"].items()) == sum(atoms)
    assert sum(summary["Z"].values()) == sum(atoms)
    assert sum(summary["distAbove"]["counts"]) == 6
    assert sum(summary["tilt"]["counts"]) == 6


def test_an_empty_training_split_is_an_error(tmp_path):
    mapping = {**SMALL, "max_samples": 1, "split": {"val": 0.5, "test": 0.45}, "batch_size": 1}
    data = SmallDataset.of(tmp_path, {**mapping, "samples_per_shard": 1})
    data.make_inputs()
    data.make_shard("00000")

    def all_test(arrays):
        arrays["split"][:] = 2

    data.edit_npz("shards/shard_00000.stats.npz", all_test)
    with pytest.raises(SimlabError, match="the training split is empty: 1 samples, 3 molecules"):
        data.make_normalization()
    assert not data["normalization.json"].exists()


@pytest.mark.parametrize("axis", [Axis(), Axis(-1.5, 0.0)])
def test_values_fall_between_the_edges_of_their_bins(axis):
    low, high = (-1.5, 0.0) if axis.linear else (-150.0, 150.0)
    values = np.linspace(low, high, 1001)[:-1]
    bins, outside = axis.bins(values)
    assert outside == 0
    edges = axis.edges
    assert (edges[bins] <= values + 1e-12 * abs(values)).all()
    assert (values <= edges[bins + 1] + 1e-12 * abs(values)).all()


def test_values_beyond_the_axis_go_to_the_end_bins_and_are_counted():
    bins, outside = Axis().bins([-300.0, 0.0, 300.0])
    assert outside == 2
    assert bins.tolist() == [0, BINS // 2, BINS - 1]


def test_tables_of_parts_join_to_those_of_the_whole():
    rng = np.random.default_rng(1)
    whole = SampleStatistics(2, [Axis(0.0, 1.0)], [0.0])
    parts = [SampleStatistics(2, [Axis(0.0, 1.0)], [0.0]) for _ in range(2)]
    for number in range(4):
        images, maps = rng.normal(size=(2, 3, 3)), rng.random((1, 3, 3))
        for table in (whole, parts[number // 2]):
            table.push(
                images, maps, split=number % 2, excluded=False, numbers=[1, 6], draws=(4.5, 0, 0)
            )
    joined = concatenate([part.arrays(2 * k) for k, part in enumerate(parts)])
    for key, values in whole.arrays(0).items():
        np.testing.assert_array_equal(values, joined[key], err_msg=key)
    assert joined["histogram"].sum() == 2 * 3 * 9  # the samples of other splits are not counted


def test_the_files_of_a_shard_hold_moments_of_all_samples(small_afm):
    stats = read_npz(small_afm.shards("stats.npz")[0])
    assert stats["mean"].shape == (6, 8 + 5)
    assert stats["histogram"].shape == (13, BINS)
    assert stats["histogram"].dtype == np.int64
    train = (stats["split"] == 0).sum()
    assert (stats["histogram"].sum(axis=1) == train * 24 * 20).all()
