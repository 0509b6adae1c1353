"""Processes of process-simulations: one a shard, and none that outlives the command."""

import os
import signal
import subprocess
import sys
import time

import pytest
from halo_campaign import SIM, make_shard, sample_bytes
from halo_commands import FOLDER, of_pairs, processing, published_bytes

from simlab.halo.errors import BusyError
from simlab.halo.stages.placement import Place, only_worker

PARENT = """
import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from simlab.halo.runs import _end_with
if __name__ == "__main__":
    pool = ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=_end_with, initargs=(os.getpid(),)
    )
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(time.sleep, 600)
    time.sleep(600)
"""


def test_a_shard_that_another_process_makes_is_refused_and_left_alone(tmp_path):
    place = Place(tmp_path, "train", SIM, 0, 1)
    with only_worker(place), pytest.raises(BusyError, match="another process is making it"):
        make_shard(tmp_path)
    assert sample_bytes(tmp_path) == {}
    _, made = make_shard(tmp_path)
    assert made
    assert not list(tmp_path.rglob("*.lock"))


def test_a_run_beside_another_one_deletes_nothing_of_it(halo, tmp_path, pairs, processed):
    words = processing(tmp_path, base=of_pairs(pairs))
    folder = tmp_path / FOLDER
    split = next(path.parent.parent.name for path in processed.glob("*/sim_1/shard_*.json"))
    with only_worker(Place(folder, split, 1, 0, 1)) as _:
        half = folder / split / "sim_1" / ".sim_1_halo_0_rot_0.npz.other.part"
        half.write_bytes(b"half")
        _, err = halo(*words, code=1)
        assert err.startswith("sim 1: ")
        assert "another process is making it" in err
        assert half.exists()
    half.unlink()
    halo(*words)
    assert published_bytes(folder) == published_bytes(processed)


def test_workers_end_when_their_parent_is_killed(tmp_path):
    program = tmp_path / "parent.py"
    program.write_text(PARENT)
    parent = subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True)
    worker = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 60
    while _runs(worker):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stream:
        return stream.read().rsplit(")", 1)[1].split()[0] != "Z"
