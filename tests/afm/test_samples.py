"""Shards: the same bits in every grouping, what they record, samples that cannot be computed."""

import json
import logging

import h5py
import numba
import numpy as np
import pytest
from afm_finished import GENERAL, HARTREE, SMALL, SmallDataset

from simlab.afm import flags
from simlab.afm.files.molecules import read_molecules
from simlab.afm.files.shards import Shard
from simlab.afm.production import trainer_of
from simlab.afm.trainers import InverseAFMtrainer
from simlab.core.errors import SimlabError
from simlab.core.files import read_csv, read_npz, sha256_of

PER_SAMPLE = ("afm", "desc", "scan_window", "distAbove", "tipR0", "rot", "split", "flags")
ONE_MOLECULE = {
    **SMALL,
    "molecules": SMALL["molecules"][:1],
    "aux_maps": ["vdwSpheres"],
    "split": {"val": 0.0, "test": 0.0},
    "batch_size": 1,
    "samples_per_shard": 3,
    "export": "none",
}


def rows_of(data):
    """Arrays of all shards of a data set, joined."""
    joined = {key: [] for key in PER_SAMPLE}
    molecules = []
    for path in data.shards():
        with Shard(path) as shard:
            for key, parts in joined.items():
                parts.append(shard.array(key))
            molecules += [shard.molecule(k) for k in range(len(shard))]
    return {key: np.concatenate(parts) for key, parts in joined.items()}, molecules


def assert_same_samples(one, other):
    (arrays, molecules), (others, other_molecules) = rows_of(one), rows_of(other)
    for key, values in arrays.items():
        np.testing.assert_array_equal(values, others[key], err_msg=key)
    for mine, theirs in zip(molecules, other_molecules, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("per_shard", [2, 4, 10])
def test_shards_of_every_size_hold_the_same_samples(small_afm, tmp_path, per_shard):
    other = SmallDataset.of(tmp_path, {**SMALL, "samples_per_shard": per_shard}).make()
    assert_same_samples(small_afm, other)
    for name in ("normalization.json", "plan.npz"):
        assert small_afm[name].read_bytes() == other[name].read_bytes(), name
    changes = [
        [cell for column, cell in zip(header, row, strict=True) if column not in PLACES]
        for header, rows in (read_csv(small_afm["index.csv"]), read_csv(other["index.csv"]))
        for row in rows
    ]
    assert changes[:9] == changes[9:]


PLACES = ("file", "position")


def test_threads_do_not_change_a_byte(small_afm, tmp_path):
    other = SmallDataset.of(tmp_path, SMALL)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(2)
        other.make()
    finally:
        numba.set_num_threads(before)
    for mine, theirs in zip(small_afm.shards(), other.shards(), strict=True):
        assert sha256_of(mine) == sha256_of(theirs)


def test_a_shard_can_be_made_again_alone_to_the_byte(spoilable):
    path = spoilable.shards()[1]
    before = path.read_bytes()
    path.unlink()
    spoilable.make_shard("00001")
    assert path.read_bytes() == before


def test_the_first_samples_do_not_depend_on_how_many_follow(small_afm, tmp_path):
    other = SmallDataset.of(tmp_path, {**SMALL, "max_samples": 4}).make()
    whole, _ = rows_of(small_afm)
    part, _ = rows_of(other)
    np.testing.assert_array_equal(whole["afm"][:4], part["afm"])


def test_a_script_with_the_same_seed_gives_the_bits_of_the_shards(small_afm, root):
    """The published example: the trainer reads, turns and shuffles by itself."""
    from simlab.afm import AFMulator, AuxMaps, sphereTangentSpace

    class ExampleTrainer(InverseAFMtrainer):
        def on_sample_start(self):
            self.randomize_distance(delta=0.2)
            self.randomize_tip(max_tilt=0.3)

    simulator = SMALL["simulator"]
    afmulator = AFMulator(
        pixPerAngstrome=simulator["pixPerAngstrome"],
        scan_dim=simulator["scan_dim"],
        scan_window=simulator["scan_window"],
        df_steps=simulator["df_steps"],
        npbc=(0, 0, 0),
        backend="numba",
    )
    names = ["vdwSpheres", "AtomicDisks", "HeightMap", "Bonds", "AtomRfunc"]
    size = {"scan_dim": (24, 20), "scan_window": ((3, 3), (15, 13))}
    aux_maps = [
        AuxMaps(name, {**size, **({"scanner": afmulator.scanner} if name == "HeightMap" else {})})
        for name in names
    ]
    trainer = ExampleTrainer(
        afmulator,
        aux_maps,
        [root / path for path in SMALL["molecules"]],
        batch_size=2,
        distAbove=4.5,
        seed=SMALL["seed"],
    )
    trainer.augment_with_rotations_entropy(sphereTangentSpace(n=20), 3)
    trainer.shuffle_molecules()
    arrays, molecules = rows_of(small_afm)
    count = 0
    for Xs, Ys, mols in trainer:
        size = len(mols)
        np.testing.assert_array_equal(Xs[0], arrays["afm"][count : count + size, 0])
        np.testing.assert_array_equal(np.stack(Ys, axis=1), arrays["desc"][count : count + size])
        for mine, stored in zip(mols, molecules[count : count + size], strict=True):
            np.testing.assert_array_equal(mine, stored)
        count += size
    assert count == 9


def test_a_shard_records_how_it_was_made(small_afm):
    with Shard(small_afm.shards()[0]) as shard:
        found = shard.attributes
        assert found["format"] == "afm-shard"
        assert found["format_version"] == 1
        assert (found["backend"], found["seed"], found["code"]) == ("numba", 11, "code")
        assert found["desc_channels"] == [
            "vdwSpheres", "AtomicDisks", "HeightMap", "Bonds", "AtomRfunc",
        ]  # fmt: skip
        assert found["dz"] == pytest.approx(0.1)
        assert found["amplitude"] == pytest.approx(0.5)
        np.testing.assert_allclose(found["z_mean"], [0.2 + 0.1 * j for j in range(8)])
        assert found["spec"]["augment"]["n_best"] == 3
        for key in ("samples_per_shard", "target_seconds", "seconds_per_sample", "export"):
            assert key not in found["spec"]
        assert shard.file["afm"].chunks == (1, 1, 24, 20, 8)
        assert shard.file["afm"].compression == "gzip"
        assert json.loads(shard.file.attrs["tips"])[0]["iZPP"] == 8


def test_batches_have_the_layout_of_the_original_script(small_afm):
    small_afm.finish("small")
    arrays, molecules = rows_of(small_afm)
    for batch in range(5):
        first, last = 2 * batch, min(2 * batch + 2, 9)
        with np.load(small_afm[f"batches/batch_{batch}.npz"], allow_pickle=True) as found:
            np.testing.assert_array_equal(
                found["afm"], np.moveaxis(arrays["afm"][first:last], 0, 1)
            )
            np.testing.assert_array_equal(
                found["desc"], np.moveaxis(arrays["desc"][first:last], 0, 1)
            )
            assert found["mols"].dtype == object
            ptr = found["mols_ptr"]
            for k, mol in enumerate(found["mols"]):
                np.testing.assert_array_equal(mol, molecules[first + k])
                np.testing.assert_array_equal(found["mols_data"][ptr[k] : ptr[k + 1]], mol)


def break_second_sample(monkeypatch):
    """Let the simulator give up at the second sample."""
    from simlab.afm.errors import AfmPhysicsError
    from simlab.afm.simulator import AFMulator

    evaluate = AFMulator.eval
    calls = []

    def failing(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise AfmPhysicsError("afm: something cannot be computed")
        return evaluate(self, *args, **kwargs)

    monkeypatch.setattr(AFMulator, "eval", failing)
    monkeypatch.setattr(AFMulator, "__call__", failing)


def test_a_sample_that_cannot_be_computed_stops_the_job(tmp_path, monkeypatch):
    data = SmallDataset.of(tmp_path, ONE_MOLECULE)
    data.make_inputs()
    break_second_sample(monkeypatch)
    with pytest.raises(SimlabError, match="cannot be computed"):
        data.make_shard("00000")
    assert not data.shards()[0].exists()


def test_with_on_error_flag_it_is_kept_as_nan_and_left_out(tmp_path, monkeypatch, caplog):
    data = SmallDataset.of(tmp_path, {**ONE_MOLECULE, "on_error": "flag"})
    data.make_inputs()
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        break_second_sample(patch)
        data.make_shard("00000")
    assert "sample 1 cannot be simulated" in caplog.text
    arrays, _ = rows_of(data)
    assert (arrays["flags"] & flags.FAILED).tolist() == [0, flags.FAILED, 0]
    assert np.isnan(arrays["afm"][1]).all()
    assert np.isfinite(arrays["afm"][[0, 2]]).all()
    data.make_normalization()
    data.make_index()
    header, rows = read_csv(data["index.csv"])
    assert [row[header.index("split")] for row in rows] == ["train", "excluded", "train"]
    summary = json.loads(data["normalization.json"].read_text())
    assert summary["n_samples"] == 2
    assert summary["afm"]["CO"][0]["count"] == 2 * 24 * 20


def test_suspicious_geometries_are_marked(tmp_path, root):
    lines = ["3", "", "C 0 0 0", "C 0.2 0 0", "Po 14 0 0"]
    (tmp_path / "odd.xyz").write_text("\n".join(lines))
    data = SmallDataset.of(
        tmp_path / "data",
        {**ONE_MOLECULE, "molecules": [str(tmp_path / "odd.xyz")], "augment": {"method": "none"}},
    )
    data.make_inputs()
    data.make_shard("00000")
    marked = int(rows_of(data)[0]["flags"][0])
    expected = flags.PLACEHOLDER_ELEMENT | flags.OUTSIDE_WINDOW | flags.CLOSE_ATOMS
    assert marked & expected == expected


def test_strict_makes_them_errors(tmp_path):
    lines = ["2", "", "C 0 0 0", "C 0.2 0 0"]
    (tmp_path / "odd.xyz").write_text("\n".join(lines))
    mapping = {**ONE_MOLECULE, "molecules": [str(tmp_path / "odd.xyz")], "strict": True}
    data = SmallDataset.of(tmp_path / "data", mapping)
    with pytest.raises(SimlabError, match=r"odd\.xyz: 1 pairs of atoms are closer than 0\.4 Å"):
        data.make_inputs()
    assert not data["molecules.npz"].exists()


@pytest.mark.parametrize("mapping", [GENERAL, HARTREE], ids=["PC", "Hartree"])
def test_samples_of_the_general_generator_do_not_depend_on_shards(mapping, tmp_path):
    one = SmallDataset.of(tmp_path / "one", {**mapping, "samples_per_shard": 6}).make()
    two = SmallDataset.of(tmp_path / "two", {**mapping, "samples_per_shard": 2}).make()
    assert_same_samples(one, two)


def test_random_oscillations_keep_step_and_number_of_images(tmp_path):
    mapping = {**GENERAL, "randomize": {"df_steps": [3, 7]}, "max_samples": 4}
    data = SmallDataset.of(tmp_path, mapping).make()
    arrays, _ = rows_of(data)
    with h5py.File(data.shards()[0]) as file:
        steps = file["df_steps"][:, 0]
    assert len(set(steps.tolist())) > 1
    assert arrays["afm"].shape[-1] == 8
    heights = np.diff(arrays["scan_window"][:, 0, :, 2], axis=1)[:, 0]
    np.testing.assert_allclose(heights, 0.1 * (8 + steps - 1), rtol=1e-12)
    assert data.failing() == set()


def test_one_sample_can_be_made_alone(small_afm):
    plan = read_npz(small_afm["plan.npz"])
    rows = {key: values[7:8] for key, values in plan.items()}
    molecules = read_molecules(small_afm["molecules.npz"])
    trainer = trainer_of(small_afm.dataset, molecules, rows, sample_offset=7)
    [sample] = trainer.simulate(0, 1)
    np.testing.assert_array_equal(sample.X, rows_of(small_afm)[0]["afm"][7])
