"""Command process-simulations under a real mpirun, without mpi4py."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from halo_campaign import sample_bytes
from halo_commands import FOLDER, of_pairs, processing, published_bytes

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(not shutil.which("mpirun"), reason="not installed: mpirun"),
]

MPIRUN = ("mpirun", "--allow-run-as-root", "--oversubscribe")
"""The options are OpenMPI's, for a container and for more ranks than cores."""


KEEP_OTHERS = ("--mca", "orte_abort_on_non_zero_status", "0")
"""Without it mpirun ends all ranks as soon as one has finished with exit code 1; with it mpirun
itself always ends with 0.
"""


def mpirun(ranks, words, options=()):
    """Finished process of `simlab halo ...` in `ranks` ranks."""
    return subprocess.run(
        [*MPIRUN, *options, "-n", str(ranks), sys.executable, "-m", "simlab.cli", "halo", *words],
        env={**os.environ, "NUMBA_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_four_ranks_make_what_one_process_makes(halo, tmp_path, pairs, processed):
    # one rank more than simulations: it has nothing to do
    done = mpirun(4, processing(tmp_path, base=of_pairs(pairs)))
    assert done.returncode == 0, done.stdout + done.stderr
    told = sorted(re.findall(r"rank \d of .*", done.stdout))
    folder = tmp_path / FOLDER
    assert told == [
        f"rank {rank} of 4 done; afterwards: simlab halo index {folder}" for rank in range(4)
    ]
    halo("index", folder)
    assert published_bytes(folder) == published_bytes(processed)


def test_a_simulation_that_fails_in_its_rank_is_told_and_the_others_are_kept(
    halo, tmp_path, pairs, processed
):
    own = shutil.copytree(pairs, tmp_path / "pairs")
    chunk = own / "Hydro" / "SB35_2" / "snapdir_090" / "snap_090.0.hdf5"
    chunk.write_bytes(chunk.read_bytes()[:3000])
    words = processing(tmp_path / "out", base=of_pairs(own))
    assert mpirun(3, words).returncode == 1
    done = mpirun(3, words, KEEP_OTHERS)
    (line,) = [text for text in done.stderr.splitlines() if text.startswith("sim ")]
    assert line.startswith("sim 2: ")
    assert str(chunk) in line
    folder = tmp_path / "out" / FOLDER
    expected = sample_bytes(processed)
    assert sample_bytes(folder) == {
        name: content for name, content in expected.items() if "/sim_2/" not in name
    }
    shutil.copy(pairs / chunk.relative_to(own), chunk)
    assert mpirun(3, words).returncode == 0
    halo("index", folder)
    assert published_bytes(folder) == published_bytes(processed)
