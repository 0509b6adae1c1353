"""Samples that cannot be computed: what a shard holds of them, and who leaves them out."""

import numpy as np
import pytest
from afm_finished import GENERAL, SMALL, SmallDataset

from simlab.afm import flags
from simlab.afm.errors import AfmPhysicsError
from simlab.afm.files.shards import Shard
from simlab.afm.runs import contents, generate
from simlab.afm.simulator import AFMulator
from simlab.afm.trainer_samples import Sample

ONE = {
    **SMALL,
    "molecules": SMALL["molecules"][:1],
    "aux_maps": ["vdwSpheres"],
    "split": {"val": 0.0, "test": 0.0},
    "batch_size": 3,
    "samples_per_shard": 3,
}
FIXED = {"distance": 0.0, "tilt": 0.0}
TIPS = [{"name": "CO"}, {"name": "Xe", "iZPP": "Xe", "tipR0z": 3.7, "Qs": [0.3, 0, 0, 0]}]


def spoil(monkeypatch, value, number=2):
    """Let the images of scan `number` have one pixel of `value`; an error is raised instead."""
    evaluate, calls = AFMulator.__call__, []

    def spoiled(self, *args, **kwargs):
        calls.append(1)
        images = evaluate(self, *args, **kwargs)
        if len(calls) == number:
            if isinstance(value, Exception):
                raise value
            images[3, 4, 1] = value
        return images

    monkeypatch.setattr(AFMulator, "__call__", spoiled)


def made(folder, mapping):
    data = SmallDataset.of(folder, mapping)
    data.make_inputs()
    data.make_shard("00000")
    return data


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_an_error_that_names_the_sample(tmp_path, monkeypatch, value):
    spoil(monkeypatch, value)
    with pytest.raises(AfmPhysicsError, match=r"sample 1: 1 values of .* are not finite"):
        made(tmp_path, ONE)


def test_with_on_error_flag_it_is_a_failed_row(tmp_path, monkeypatch):
    spoil(monkeypatch, np.nan)
    data = made(tmp_path, {**ONE, "on_error": "flag"})
    with Shard(data.shards()[0]) as shard:
        assert ((shard.array("flags") & flags.FAILED) > 0).tolist() == [False, True, False]
        assert np.isnan(shard.array("afm", 1)).all()
        assert np.isfinite(shard.array("afm", 2)).all()


def test_the_command_generate_writes_no_such_batch(tmp_path, monkeypatch):
    spoil(monkeypatch, np.nan)
    data = SmallDataset.of(tmp_path, ONE)
    with pytest.raises(AfmPhysicsError, match="sample 1"):
        list(generate(data.dataset, tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_large_shifts_are_seen_beside_values_that_are_not_finite():
    images = np.zeros((1, 4, 4, 2), np.float32)
    images[0, 0, 0] = np.nan, 300
    sample = Sample(
        X=images, Y=[], mol=np.array([[5.0, 5, 0, 0, 6]]), n_fallback=0, n_unconverged=0,
        scan_windows=np.array([[[0.0, 0, 5], [10, 10, 6]]]), distAbove=np.ones(1),
        tipR0=np.ones((1, 3)), df_steps=np.ones(1, int), left_box=False, height_missed=False,
    )  # fmt: skip
    assert flags.flags_of_sample(sample) == flags.LARGE_DF
    assert flags.not_finite(sample) == 1


@pytest.mark.parametrize(
    "mapping",
    [{**ONE, "tips": TIPS}, {**ONE, "sim_type": "LJ"}, GENERAL | {"tips": TIPS}],
    ids=["inverse", "without charges", "general"],
)
def test_a_failed_sample_lies_where_the_good_one_would(mapping, tmp_path, monkeypatch):
    mapping = {**mapping, "randomize": FIXED, "max_samples": 2}
    good = made(tmp_path / "good", mapping)
    # The first scan of the second sample.
    spoil(monkeypatch, AfmPhysicsError("afm: no"), number=1 + len(mapping.get("tips", [1])))
    failed = made(tmp_path / "failed", {**mapping, "on_error": "flag"})
    with Shard(good.shards()[0]) as one, Shard(failed.shards()[0]) as other:
        assert int(other.array("flags", 1)) == int(one.array("flags", 1)) | flags.FAILED
        np.testing.assert_allclose(other.molecule(1), one.molecule(1), atol=1e-12)
        for key in ("scan_window", "distAbove", "tipR0", "df_steps"):
            np.testing.assert_allclose(other.array(key, 1), one.array(key, 1), atol=1e-12)


def test_batches_tell_which_samples_failed(tmp_path, monkeypatch, afm):
    spoil(monkeypatch, AfmPhysicsError("afm: no"))
    data = made(tmp_path, {**ONE, "on_error": "flag"})
    with Shard(data.shards()[0]) as shard:
        expected = shard.array("flags")
    afm("export", data.shards()[0], "-o", tmp_path / "out", "--batch-size", 2)
    found = [np.load(tmp_path / f"out/batch_{k}.npz")["flags"] for k in range(2)]
    assert [array.dtype for array in found] == [np.uint32, np.uint32]
    np.testing.assert_array_equal(np.concatenate(found), expected)
    assert found[0][1] & flags.FAILED


def test_inspect_names_no_failed_sample_among_the_largest_shifts(tmp_path, monkeypatch):
    spoil(monkeypatch, AfmPhysicsError("afm: no"))
    data = made(tmp_path, {**ONE, "on_error": "flag"})
    lines = [line for line in contents(data.shards()[0]) if "largest" in line]
    assert len(lines) == 2
    assert not any("nan" in line or line.endswith("sample 1") for line in lines)


def test_shards_of_different_data_sets_are_not_exported_together(tmp_path, small_afm, afm):
    other = made(tmp_path, ONE).shards()[0]
    _, err = afm("export", small_afm.shards()[0], other, "-o", tmp_path / "out", code=1)
    assert str(other) in err
    assert "desc (1, 24, 20)" in err
    assert f"expected those of {small_afm.shards()[0]}" in err
    assert "desc (5, 24, 20)" in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_the_amplitude_of_exact_weights_is_recorded_as_given(tmp_path):
    simulator = {**SMALL["simulator"], "df_weights": "exact", "amplitude": 0.85}
    del simulator["df_steps"]
    data = made(tmp_path, {**ONE, "simulator": simulator, "max_samples": 1})
    with Shard(data.shards()[0]) as shard:
        assert shard.attributes["amplitude"] == pytest.approx(0.85, rel=1e-12)
