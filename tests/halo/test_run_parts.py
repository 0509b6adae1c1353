"""Command process-simulations in parts: ranks, shards, other cuts, and index afterwards."""

import shutil
import subprocess
import sys

import pytest
from halo_commands import FOLDER, PUBLISHED, files_in, of_pairs, processing, published_bytes

from simlab.core.files import read_json, write_json

RANKS = 3
LAUNCHERS = {
    "OpenMPI": ({"OMPI_COMM_WORLD_SIZE": "3"}, "OMPI_COMM_WORLD_RANK", ()),
    "PMI": ({"PMI_SIZE": "3"}, "PMI_RANK", ()),
    "PMIx": ({}, "PMIX_RANK", ("--world_size", 3)),
    "srun": ({"SLURM_NTASKS": "3", "SLURM_STEP_ID": "0"}, "SLURM_PROCID", ()),
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_ranks_and_index_make_what_one_process_makes(
    halo, tmp_path, pairs, processed, monkeypatch, launcher
):
    variables, name, options = LAUNCHERS[launcher]
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    folder = tmp_path / FOLDER
    for rank in range(RANKS):
        monkeypatch.setenv(name, str(rank))
        out, _ = halo(*processing(tmp_path, base=of_pairs(pairs)), *options)
        assert out == f"rank {rank} of 3 done; afterwards: simlab halo index {folder}\n"
        assert len(list(folder.glob("*/sim_*"))) == rank + 1
    assert not set(PUBLISHED) & set(files_in(folder))
    out, _ = halo("index", folder)
    assert out == f"Wrote {folder}: index.csv, statistics, 3 shard records of 3 simulations of 3\n"
    assert published_bytes(folder) == published_bytes(processed)


def test_ranks_at_the_same_time_make_what_one_process_makes(tmp_path, halo, pairs, processed):
    words = processing(tmp_path, base=of_pairs(pairs))
    command = [sys.executable, "-m", "simlab.cli", "halo", *words, "--world_size", str(RANKS)]
    started = [
        subprocess.Popen([*command, "--rank", str(rank)], stdout=subprocess.DEVNULL)
        for rank in range(RANKS)
    ]
    assert [process.wait() for process in started] == [0] * RANKS
    halo("index", tmp_path / FOLDER)
    assert published_bytes(tmp_path / FOLDER) == published_bytes(processed)


def test_options_win_over_the_launcher(halo, tmp_path, pairs, monkeypatch):
    monkeypatch.setenv("OMPI_COMM_WORLD_RANK", "0")
    monkeypatch.setenv("OMPI_COMM_WORLD_SIZE", "2")
    words = processing(tmp_path, base=of_pairs(pairs))
    out, _ = halo(*words, "--rank", 2, "--world_size", 3)
    assert out.startswith("rank 2 of 3 done")
    assert [path.name for path in (tmp_path / FOLDER).glob("*/sim_*")] == ["sim_2"]


def test_a_launcher_that_tells_nonsense_is_refused(halo, tmp_path, pairs, monkeypatch):
    monkeypatch.setenv("PMI_RANK", "first")
    monkeypatch.setenv("PMI_SIZE", "3")
    _, err = halo(*processing(tmp_path, base=of_pairs(pairs)), code=2)
    assert "PMI_RANK is 'first'" in err
    assert files_in(tmp_path) == []


def test_a_batch_script_itself_is_one_process(halo, tmp_path, pairs, monkeypatch):
    monkeypatch.setenv("SLURM_PROCID", "0")
    monkeypatch.setenv("SLURM_NTASKS", "3")
    monkeypatch.delenv("SLURM_STEP_ID", raising=False)
    out, _ = halo(*processing(tmp_path, base=of_pairs(pairs)))
    assert out.startswith("Wrote ")


def test_shards_and_index_make_what_one_process_makes(halo, tmp_path, pairs, processed):
    words = processing(tmp_path, {"--n_shards": 2}, of_pairs(pairs))
    folder = tmp_path / FOLDER
    halo(*words, "--shard", 1)
    assert {path.stem.split("_")[3] for path in folder.rglob("*_rot_*.npz")} == {"1"}
    _, err = halo("index", folder, code=1)
    assert "lacks shards [0] of 2" in err
    assert len(err.splitlines()) == 1
    halo(*words, "--shard", 0)
    halo("index", folder)
    assert published_bytes(folder) == published_bytes(processed)


@pytest.fixture
def again(processed, tmp_path):
    """A copy of the finished data set; (root for --output_base_root, its folder)."""
    root = tmp_path / "again"
    return root, shutil.copytree(processed, root / FOLDER)


def test_another_number_of_shards_leaves_no_records_behind(halo, again, pairs, processed):
    root, folder = again
    for shards in (3, 2, 1):
        halo(*processing(root, {"--n_shards": shards}, of_pairs(pairs)))
        assert len(list(folder.rglob("shard_*.json"))) == 3 * shards
        assert published_bytes(folder) == published_bytes(processed)


def test_a_simulation_that_changes_sides_leaves_nothing_on_the_old_one(halo, again, pairs):
    root, folder = again
    assert list(folder.glob("test/sim_*"))
    halo(*processing(root, {"--test_frac": 0}, of_pairs(pairs)))
    assert not list(folder.glob("test/*"))
    halo(*processing(root.parent / "fresh", {"--test_frac": 0}, of_pairs(pairs)))
    assert published_bytes(folder) == published_bytes(root.parent / "fresh" / FOLDER)


def test_a_range_of_simulations_is_added_to_what_is_there(halo, tmp_path, pairs, processed):
    base = of_pairs(pairs)
    folder = tmp_path / FOLDER
    halo(*processing(tmp_path, {"--start_sim": 1, "--end_sim": 3}, base))
    assert not list(folder.glob("*/sim_0"))
    assert read_json(folder / "split.json") == read_json(processed / "split.json")
    halo(*processing(tmp_path, {"--start_sim": 0, "--end_sim": 1}, base))
    assert published_bytes(folder) == published_bytes(processed)


def test_samples_of_other_settings_are_not_mixed_in(halo, again, pairs):
    root, folder = again
    words = processing(root, {"--seed": 4, "--start_sim": 1}, of_pairs(pairs))
    _, err = halo(*words, code=1)
    (line,) = err.splitlines()
    assert "made with different settings" in line
    assert "/sim_0/shard_00000.json and " in line
    assert not set(PUBLISHED) & set(files_in(folder))


def test_memory_that_is_too_little_for_one_view_is_refused(halo, tmp_path, pairs):
    _, err = halo(*processing(tmp_path, {"--memory_gb": 0.51}, of_pairs(pairs)), code=2)
    assert err.startswith("Error: --memory_gb: 0.51 is too little, one view at a time needs 0.71 ")
    assert files_in(tmp_path) == []


def test_index_names_a_folder_without_records_and_a_record_that_is_none(halo, tmp_path, again):
    _, err = halo("index", tmp_path / "nowhere", code=1)
    assert "no shard records" in err
    record = next(again[1].rglob("shard_00000.json"))
    write_json(record, {"schema_version": 7})
    _, err = halo("index", again[1], code=1)
    assert f"{record}: not a shard record of version 1" in err
