"""Rule halo_samples: what a job that was killed or runs again takes over."""

import json
import shutil

import h5py
import numpy as np
import pytest
from halo_campaign import TINY, make_shard, sample_bytes, tiny_dataset, tiny_inputs

from simlab.core.errors import SimlabError
from simlab.halo.files.records import read_record
from simlab.halo.stages import samples as stage
from simlab.halo.stages.finished import FinishedHaloes


def test_a_second_run_does_nothing(tmp_path):
    place, made = make_shard(tmp_path)
    assert made
    before = place.record.read_bytes()
    assert make_shard(tmp_path)[1] is False
    assert place.record.read_bytes() == before


def test_a_killed_job_goes_on_after_the_haloes_it_finished(tmp_path, monkeypatch):
    written = []
    original = stage.write_sample

    def failing(path, sample):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path.name)
        original(path, sample)

    monkeypatch.setattr(stage, "write_sample", failing)
    with pytest.raises(KeyboardInterrupt):
        make_shard(tmp_path)
    assert not list(tmp_path.rglob("shard_*.json"))
    monkeypatch.setattr(
        stage, "write_sample", lambda p, s: (written.append(p.name), original(p, s))
    )
    place, _ = make_shard(tmp_path)
    assert written[3:] == [f"sim_7_halo_{halo}_rot_{rot}.npz" for halo in (1, 2) for rot in (0, 1)]
    assert not list(place.record.parent.glob(".shard_*"))
    make_shard(tmp_path / "fresh")
    assert sample_bytes(tmp_path / "fresh") == {
        name: content
        for name, content in sample_bytes(tmp_path).items()
        if not name.startswith("fresh")
    }


def interrupted(folder, monkeypatch, after=4, **options):
    """Run a shard that is killed after `after` samples."""
    original, written = stage.write_sample, []

    def failing(path, sample):
        if len(written) == after:
            raise KeyboardInterrupt
        written.append(path)
        original(path, sample)

    with monkeypatch.context() as patch:
        patch.setattr(stage, "write_sample", failing)
        with pytest.raises(KeyboardInterrupt):
            make_shard(folder, **options)
    return written


@pytest.mark.parametrize("change", ["spec", "code", "truncated", "bits"])
def test_a_halo_is_made_again_if_anything_behind_it_changed(tmp_path, monkeypatch, change):
    written = interrupted(tmp_path, monkeypatch)
    dataset, code = tiny_dataset(), "code"
    if change == "spec":
        dataset = tiny_dataset(rotations={"number": 2, "first_is_identity": True})
    elif change == "code":
        code = "newer"
    elif change == "truncated":
        written[0].write_bytes(written[0].read_bytes()[:-9])
    else:
        content = bytearray(written[0].read_bytes())
        content[500] ^= 1
        written[0].write_bytes(content)
    make_shard(tmp_path, dataset, code=code)
    make_shard(tmp_path / "fresh", dataset, code=code)
    assert sample_bytes(tmp_path / "fresh/train") == sample_bytes(tmp_path / "train")


@pytest.fixture
def edited(tmp_path):
    """(inputs, function that changes the mass and place of the group in the middle)."""
    root = tmp_path / "tree"
    shutil.copytree(TINY, root)

    def edit():
        (path,) = (root / "FOF").rglob("*.hdf5")
        with h5py.File(path, "r+") as file:
            masses = file["Group/Group_M_Crit200"]
            inner = np.flatnonzero(masses[1:-1] > 1000)[0] + 1
            masses[inner] *= 1.5
            file["Group/GroupPos"][inner, 0] += 1000

    return tiny_inputs(root), edit


def test_another_mass_or_place_inside_the_catalog_makes_the_samples_again(tmp_path, edited):
    inputs, edit = edited
    old = read_record(make_shard(tmp_path / "a", inputs=inputs)[0].record)
    edit()
    place, made = make_shard(tmp_path / "a", inputs=inputs)
    assert made
    new = read_record(place.record)
    assert new["fingerprints"] == old["fingerprints"]
    assert new["haloes"] != old["haloes"]
    make_shard(tmp_path / "b", inputs=inputs)
    assert sample_bytes(tmp_path / "a") == sample_bytes(tmp_path / "b")


def test_a_killed_job_believes_nothing_of_another_catalog(tmp_path, edited, monkeypatch):
    inputs, edit = edited
    interrupted(tmp_path / "a", monkeypatch, after=5, inputs=inputs)
    edit()
    make_shard(tmp_path / "a", inputs=inputs)
    make_shard(tmp_path / "b", inputs=inputs)
    assert sample_bytes(tmp_path / "a") == sample_bytes(tmp_path / "b")


def test_a_halo_is_finished_when_all_its_rotations_are(tmp_path, monkeypatch):
    monkeypatch.setattr(stage, "views_per_pass", lambda *_: 3)
    interrupted(tmp_path, monkeypatch, after=3)
    (progress,) = tmp_path.rglob(".shard_*.progress.json")
    _, *haloes = progress.read_text().splitlines()
    assert [json.loads(line)[0] for line in haloes] == [0]
    place, _ = make_shard(tmp_path)
    assert [(e["halo_idx"], e["rot"]) for e in read_record(place.record)["samples"]] == [
        (halo, rot) for halo in range(3) for rot in range(2)
    ]


def test_a_progress_file_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    finished = FinishedHaloes(tmp_path / ".shard_00000.progress.json", {})
    finished.add(0, [], {})
    (tmp_path / ".shard_00000.progress.json").unlink()
    (tmp_path / ".shard_00000.progress.json").mkdir()
    with pytest.raises(SimlabError, match=r"cannot write .*progress\.json: Is a directory"):
        finished.add(1, [], {})


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "{",
        lambda text: "",
        lambda text: text[:-40],
        lambda text: text.replace("[0,[{", "[0,{[", 1),
        lambda text: text.splitlines()[0] + "\n7\n[1]\n[1,2]\n",
    ],
)
def test_a_progress_file_that_is_damaged_is_not_believed(tmp_path, monkeypatch, damage):
    interrupted(tmp_path, monkeypatch)
    progress = next(tmp_path.rglob(".shard_*.progress.json"))
    _, *haloes = progress.read_text().splitlines()
    assert [json.loads(line)[0] for line in haloes] == [0, 1]
    progress.write_text(damage(progress.read_text()))
    place, made = make_shard(tmp_path)
    assert made
    assert len(read_record(place.record)["samples"]) == 6
