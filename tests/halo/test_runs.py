"""Command process-simulations at work: resuming, failing, starting again."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from halo_campaign import sample_bytes
from halo_commands import FOLDER, PUBLISHED, files_in, of_pairs, processing, published_bytes

from simlab.core.errors import SimlabError
from simlab.core.files import read_json
from simlab.halo import runs
from simlab.halo.stages import samples as stage


@pytest.fixture
def own_pairs(pairs, tmp_path):
    """A copy of the simulations that a test may damage."""
    return shutil.copytree(pairs, tmp_path / "pairs")


@pytest.fixture
def again(processed, tmp_path):
    """A copy of the finished data set; (root for --output_base_root, its folder)."""
    root = tmp_path / "again"
    return root, shutil.copytree(processed, root / FOLDER)


@pytest.fixture
def written(monkeypatch):
    """Names of the samples that are written from now on."""
    names, original = [], stage.write_sample
    monkeypatch.setattr(
        stage, "write_sample", lambda path, s: (names.append(path.name), original(path, s))
    )
    return names


def truncate(path):
    path.write_bytes(path.read_bytes()[:-2000])


def hydro_chunk(pairs, sim, chunk=1):
    return pairs / "Hydro" / f"SB35_{sim}" / "snapdir_090" / f"snap_090.{chunk}.hdf5"


def of_sim(files, sim):
    return {name: content for name, content in files.items() if f"/sim_{sim}/" in name}


def but_sim(files, sim):
    return {name: content for name, content in files.items() if f"/sim_{sim}/" not in name}


def test_a_run_writes_the_tree_and_ends_with_index_and_statistics(processed):
    files = files_in(processed)
    splits = read_json(processed / "split.json")
    expected = {
        f"{split}/sim_{sim}/sim_{sim}_halo_{halo}_rot_{rot}.npz"
        for split in ("train", "test")
        for sim in splits[split]
        for halo in range(3)
        for rot in range(2)
    }
    assert {name for name in files if "_rot_" in name} == expected
    assert len(splits["test"]) == 1
    assert not (processed / "logs").exists()
    assert not [name for name in files if ".part" in name or "progress" in name]


def test_a_second_run_does_nothing(halo, again, pairs, written):
    root, folder = again
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("sim_*/*")}
    halo(*processing(root, base=of_pairs(pairs)))
    assert written == []
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("sim_*/*")} == before


def test_a_sample_that_is_gone_is_made_again_as_it_was(halo, again, processed, pairs):
    root, folder = again
    next(folder.rglob("sim_1_halo_2_rot_1.npz")).unlink()
    halo(*processing(root, base=of_pairs(pairs)))
    assert published_bytes(folder) == published_bytes(processed)


def test_overwrite_makes_everything_again(halo, again, processed, pairs, written):
    root, folder = again
    halo(*processing(root, base=of_pairs(pairs)), "--overwrite")
    assert len(written) == 18
    assert published_bytes(folder) == published_bytes(processed)


def test_a_killed_run_goes_on_to_the_same_bytes(halo, tmp_path, processed, pairs):
    words = processing(tmp_path, base=of_pairs(pairs))
    program = (
        "import time\n"
        "from simlab.cli import main\n"
        "from simlab.halo.stages import samples\n"
        "write = samples.write_sample\n"
        "samples.write_sample = lambda *a: (time.sleep(0.2), write(*a))\n"
        f"main(['halo', *{words!r}])\n"
    )
    run = subprocess.Popen([sys.executable, "-c", program])
    folder, deadline = tmp_path / FOLDER, time.monotonic() + 120
    while not list(folder.rglob(".shard_*.progress.json")):
        assert time.monotonic() < deadline
        assert run.poll() is None
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.wait()
    kept = {path: path.stat().st_mtime_ns for path in folder.rglob("*_halo_0_rot_*.npz")}
    assert len(kept) == 2
    assert not (folder / "index.csv").exists()
    halo(*words)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert published_bytes(folder) == published_bytes(processed)


def test_a_failing_simulation_leaves_one_line_and_its_log(halo, tmp_path, own_pairs, processed):
    bad = hydro_chunk(own_pairs, 1)
    truncate(bad)
    words = processing(tmp_path, base=of_pairs(own_pairs))
    _, err = halo(*words, code=1)
    (line,) = err.splitlines()
    assert line.startswith("sim 1: ")
    assert str(bad) in line
    folder = tmp_path / FOLDER
    assert [name for name in files_in(folder) if "sim_1" in name] == ["logs/sim_1.log"]
    log = (folder / "logs" / "sim_1.log").read_text()
    assert "Traceback" in log
    assert "SnapshotError" in log
    assert sample_bytes(folder) == but_sim(sample_bytes(processed), 1)
    assert not (folder / "index.csv").exists()


def test_the_next_run_makes_what_failed(halo, tmp_path, own_pairs, pairs, processed):
    truncate(hydro_chunk(own_pairs, 1))
    words = processing(tmp_path / "out", base=of_pairs(own_pairs))
    halo(*words, code=1)
    shutil.copy(hydro_chunk(pairs, 1), hydro_chunk(own_pairs, 1))
    halo(*words)
    folder = tmp_path / "out" / FOLDER
    assert published_bytes(folder) == published_bytes(processed)
    assert files_in(folder / "logs") == []


def test_a_simulation_that_is_missing_fails_alone(halo, tmp_path, own_pairs, processed):
    shutil.rmtree(own_pairs / "DMO" / "SB35_2")
    _, err = halo(*processing(tmp_path / "out", base=of_pairs(own_pairs)), code=1)
    (line,) = err.splitlines()
    assert line.startswith("sim 2: snapshot not found")
    assert sample_bytes(tmp_path / "out" / FOLDER) == but_sim(sample_bytes(processed), 2)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            SimlabError("cannot write x: No space left on device"),
            "sim {}: cannot write x: No space",
        ),
        (MemoryError("of a\nkind"), "sim {}: MemoryError: of a kind (traceback in "),
    ],
)
def test_nothing_is_left_of_a_simulation_that_fails_half_way(
    halo, tmp_path, pairs, monkeypatch, error, text, processed
):
    original = stage.write_sample

    def failing(path, sample):
        if path.name == "sim_1_halo_1_rot_1.npz":
            path.with_name(f".{path.name}.host-1-x.part").touch()
            raise error
        original(path, sample)

    monkeypatch.setattr(stage, "write_sample", failing)
    _, err = halo(*processing(tmp_path, base=of_pairs(pairs)), code=1)
    (line,) = err.splitlines()
    assert line.startswith(text.format(1))
    folder = tmp_path / FOLDER
    assert not list(folder.glob("*/sim_1"))
    assert sample_bytes(folder) == but_sim(sample_bytes(processed), 1)


@pytest.fixture
def failing_halo(monkeypatch):
    """Writing a sample of halo 1 of simulation 1 fails."""
    original = stage.write_sample

    def failing(path, sample):
        if path.name.startswith("sim_1_halo_1"):
            raise SimlabError("no space")
        original(path, sample)

    monkeypatch.setattr(stage, "write_sample", failing)


def test_nothing_is_left_of_shards_that_were_made_before_the_one_that_fails(
    halo, tmp_path, pairs, failing_halo
):
    words = processing(tmp_path, {"--n_shards": 2}, of_pairs(pairs))
    halo(*words, code=1)
    folder = tmp_path / FOLDER
    assert not list(folder.glob("*/sim_1"))
    assert len(list(folder.rglob("shard_*.json"))) == 4


def test_shards_that_were_whole_before_survive_the_failure_of_another(
    halo, tmp_path, pairs, failing_halo
):
    words = processing(tmp_path, {"--n_shards": 2}, of_pairs(pairs))
    halo(*words, "--shard", 0)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*/sim_1/*")}
    assert len(before) == 5
    halo(*words, code=1)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*/sim_1/*")} == before


def test_a_file_in_place_of_the_logs_is_told_in_one_line(halo, tmp_path, pairs):
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "logs").write_text("mine")
    _, err = halo(*processing(tmp_path, base=of_pairs(pairs)), code=1)
    lines = err.splitlines()
    assert [line.split(": ")[0] for line in lines] == ["sim 0", "sim 1", "sim 2"]
    assert all("logs/sim_" in line for line in lines)
    assert (tmp_path / FOLDER / "logs").read_text() == "mine"


def test_what_cannot_be_deleted_after_a_failure_is_told_in_the_same_line(
    halo, tmp_path, pairs, failing_halo, monkeypatch
):
    def refused(place):
        raise PermissionError(13, "Permission denied", str(place.record))

    monkeypatch.setattr(runs, "discard", refused)
    _, err = halo(*processing(tmp_path, base=of_pairs(pairs)), code=1)
    (line,) = err.splitlines()
    assert line.startswith("sim 1: no space; cannot delete what it made: ")


def test_samples_of_the_same_settings_survive_a_later_failure(halo, again, own_pairs, processed):
    root, folder = again
    truncate(hydro_chunk(own_pairs, 1))
    halo(*processing(root, base=of_pairs(own_pairs)), code=1)
    assert published_bytes(folder) == published_bytes(processed)


def test_samples_of_other_settings_do_not(halo, again, own_pairs):
    root, folder = again
    truncate(hydro_chunk(own_pairs, 1))
    halo(*processing(root, {"--seed": 5}, of_pairs(own_pairs)), code=1)
    assert of_sim(sample_bytes(folder), 1) == {}
    assert not set(PUBLISHED) & set(files_in(folder))
    assert len(sample_bytes(folder)) == 12


def test_two_processes_write_the_same_bytes(halo, tmp_path, pairs, processed):
    halo(*processing(tmp_path, base=of_pairs(pairs)), "--cores", 2)
    assert published_bytes(tmp_path / FOLDER) == published_bytes(processed)


def test_processes_that_are_killed_fail_their_simulations(tmp_path, pairs):
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if '--multiprocessing-fork' in sys.orig_argv:\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    library = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    words = processing(tmp_path / "out", {"--cores": 2}, of_pairs(pairs))
    done = subprocess.run(
        [sys.executable, "-m", "simlab.cli", "halo", *words],
        env={**os.environ, "PYTHONPATH": library},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("sim ")]
    assert [line.split(":")[0] for line in lines] == ["sim 0", "sim 1", "sim 2"]
    assert all("a process was killed" in line for line in lines)
    assert "Traceback" not in done.stderr


# Synthetic simulations


ONE = {"--total_sims": 1, "--test_frac": 0, "--max_haloes": 2}


def test_synthetic_simulations_of_other_settings_are_made_again(halo, tmp_path, monkeypatch):
    made, original = [], runs.write_pair
    monkeypatch.setattr(runs, "write_pair", lambda *args: (made.append(args[2]), original(*args)))
    halo(*processing(tmp_path / "a", ONE))
    first = published_bytes(tmp_path / "a" / FOLDER)
    halo(*processing(tmp_path / "a", ONE))
    assert made == [0]
    halo(*processing(tmp_path / "a", {**ONE, "--n_grid": 18}))
    halo(*processing(tmp_path / "b", {**ONE, "--n_grid": 18}))
    second = published_bytes(tmp_path / "a" / FOLDER)
    assert second == published_bytes(tmp_path / "b" / FOLDER)
    assert second != first
    halo(*processing(tmp_path / "a", ONE))
    assert published_bytes(tmp_path / "a" / FOLDER) == first
    assert made == [0] * 4
    halo(*processing(tmp_path / "a", ONE), "--overwrite")
    assert made == [0] * 5


def test_a_synthetic_simulation_that_was_interrupted_is_made_again(halo, tmp_path):
    halo(*processing(tmp_path, ONE))
    folder = tmp_path / FOLDER
    before = published_bytes(folder)
    chunk = hydro_chunk(folder / "inputs", 0)
    content = chunk.read_bytes()
    chunk.unlink()
    halo(*processing(tmp_path, ONE))
    assert chunk.read_bytes() == content
    assert published_bytes(folder) == before
