"""Simulations of the user through the workflow: catalogs, failures, kills, and mixed campaigns."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from halo_campaign import sample_bytes
from halo_commands import FOLDER, call, of_pairs, processing

from simlab.core.files import read_npz
from simlab.halo.files.catalogs import load_halo_catalog
from simlab.halo.files.records import read_record

KEPT = 3
MAPS = {"haloes": {"max_per_simulation": KEPT}, "rotations": {"number": 2}}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """Folders DMO, Hydro, FOF of three tiny simulations and their table; not to be changed."""
    root = tmp_path_factory.mktemp("pairs")
    assert call("synthesize", "-o", root, "-n", 3, "--n_grid", 16) == 0
    return root


def dataset(pairs, sims=3, **changes):
    """Configuration of a data set of `pairs`; `changes` of the source."""
    source = {
        "kind": "camels",
        "nbody_base": str(pairs / "DMO"),
        "hydro_base": str(pairs / "Hydro"),
        "fof_nbody_base": str(pairs / "FOF"),
        **changes,
    }
    return {
        "source": source,
        "simulations": {"total": sims, "test_fraction": 0.34 if sims > 1 else 0},
        "parameters": {"file": str(pairs / "params.csv")},
        "maps": {"resolution": 16},
        **MAPS,
    }


def campaign_of(**datasets):
    return {"halo": {"datasets": datasets}}


def data_set(directory, name):
    return Path(directory) / "results" / "halo" / name


def records(directory, name):
    return sorted(data_set(directory, name).glob("*/sim_*/shard_*.json"))


def table_of_haloes(pairs, sim):
    """(x, y, z, mass, radius) of all groups, Mpc/h and Msun/h, as text without loss."""
    found = load_halo_catalog(pairs / "FOF" / f"SB35_{sim}", 1.0)
    columns = [*found["pos"].T, found["mass"], found["r200"]]
    return [[repr(float(value)) for value in row] for row in zip(*columns, strict=True)]


def test_other_catalogs_of_the_same_haloes_give_the_same_samples(snakemake, tmp_path, pairs):
    rows = table_of_haloes(pairs, 0)
    for folder in (tmp_path / "csv" / "SB35_0", tmp_path / "rockstar" / "SB35_0"):
        folder.mkdir(parents=True)
    with open(tmp_path / "csv" / "SB35_0" / "haloes.csv", "w", newline="") as stream:
        csv.writer(stream).writerows([["x", "y", "z", "mass", "radius"], *rows])
    lines = ["#id x y z m200c r200c", "#Box size: 50.0 Mpc/h"]
    for number, (x, y, z, mass, radius) in enumerate(rows):
        lines.append(f"{number} {x} {y} {z} {mass} {float(radius) * 1000!r}")
    (tmp_path / "rockstar" / "SB35_0" / "out_90.list").write_text("\n".join(lines) + "\n")
    units = {"length": "Mpc/h", "mass": "Msun/h"}
    campaign = campaign_of(
        fof=dataset(pairs, 1),
        csv=dataset(
            pairs,
            1,
            fof_nbody_base=str(tmp_path / "csv"),
            catalog_format="csv",
            catalog_units=units,
        ),
        rockstar=dataset(
            pairs, 1, fof_nbody_base=str(tmp_path / "rockstar"), catalog_format="rockstar"
        ),
    )
    snakemake("--until", "halo_samples", campaign=campaign)
    expected = sample_bytes(data_set(tmp_path, "fof"))
    assert len(expected) == 6
    for name in ("csv", "rockstar"):
        assert sample_bytes(data_set(tmp_path, name)) == expected
        (record,) = map(read_record, records(tmp_path, name))
        assert record["omega0"]["catalog"] is None


def test_a_simulation_that_fails_is_told_in_one_line_and_the_others_finish(
    snakemake, tmp_path, pairs
):
    own = shutil.copytree(pairs, tmp_path / "pairs")
    chunk = own / "Hydro" / "SB35_1" / "snapdir_090" / "snap_090.1.hdf5"
    chunk.write_bytes(chunk.read_bytes()[:-3000])
    campaign = campaign_of(three=dataset(own))
    words = ("--until", "halo_samples")
    output = snakemake("--keep-going", *words, campaign=campaign, code=1)
    (line,) = [text for text in output.splitlines() if text.startswith("halo_samples dataset=")]
    assert "sim=1 shard=00000: " in line
    assert str(chunk) in line
    assert "Traceback" not in output
    assert {path.parent.name for path in records(tmp_path, "three")} == {"sim_0", "sim_2"}
    (log,) = tmp_path.glob("logs/halo_samples/three/*_1_00000.log")
    assert "Traceback" in log.read_text()
    assert "SnapshotError" in log.read_text()
    assert not list(data_set(tmp_path, "three").glob("*/sim_1/*.npz"))

    shutil.copy(pairs / chunk.relative_to(own), chunk)
    output = snakemake(*words, campaign=campaign)
    assert output.count("rule halo_samples:") == 1
    assert {path.parent.name for path in records(tmp_path, "three")} == {"sim_0", "sim_1", "sim_2"}


def test_a_job_that_is_killed_goes_on_to_the_same_bytes(root, snakemake, tmp_path, pairs):
    one = dataset(pairs, 1)
    one |= {"haloes": {}, "rotations": {"number": 5}}
    campaign = campaign_of(one=one)
    (tmp_path / "campaign.yaml").write_text(yaml.safe_dump(campaign))
    run = subprocess.Popen(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", root / "Snakefile"),
            *("--directory", tmp_path, "--cores", "1", "--until", "halo_samples"),
            *("--configfile", tmp_path / "campaign.yaml"),
        ],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    deadline = time.monotonic() + 120
    folder = data_set(tmp_path, "one")
    while not list(folder.rglob(".shard_00000.progress.json")):
        assert time.monotonic() < deadline
        assert run.poll() is None
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert records(tmp_path, "one") == []
    kept = {path: path.stat().st_mtime_ns for path in folder.rglob("*_halo_0_rot_*.npz")}
    assert len(kept) == 5
    snakemake("--unlock", campaign=campaign)
    snakemake("--rerun-incomplete", "--until", "halo_samples", campaign=campaign)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept

    changes = {"--total_sims": 1, "--test_frac": 0, "--max_haloes": None, "--num_rotations": 5}
    assert call(*processing(tmp_path / "fresh", changes, of_pairs(pairs))) == 0
    expected = sample_bytes(tmp_path / "fresh" / FOLDER)
    assert len(expected) > 100
    assert sample_bytes(folder) == expected
    assert not list(folder.rglob(".*"))


def test_data_sets_with_other_files_and_odd_names_share_a_campaign(snakemake, tmp_path):
    def synthetic(**source):
        return {
            "source": {"kind": "synthetic", "n_grid": 16, **source},
            "simulations": {"total": 1, "test_fraction": 0},
            "maps": {"resolution": 16},
            **MAPS,
        }

    names = {"a.b+c": {"hydro_chunks": 1}, "a": {"hydro_chunks": 4, "naming": "new"}}
    datasets = {name: synthetic(**source) for name, source in names.items()}
    snakemake("--until", "halo_samples", campaign=campaign_of(**datasets))
    first, second = (data_set(tmp_path, name) for name in names)
    assert (first / "inputs/Hydro/SB35_0/snap_090.hdf5").is_file()
    assert len(list((second / "inputs/Hydro/SB35_0/snapdir_090").glob("snapshot_090.*"))) == 4
    found, other = sample_bytes(first), sample_bytes(second)
    assert found.keys() == other.keys()
    assert len(found) == 6
    for name in found:  # sums over chunks are taken in another order
        one, two = read_npz(first / name), read_npz(second / name)
        assert list(one) == list(two)
        for key in one:
            np.testing.assert_allclose(one[key], two[key], rtol=1e-5, err_msg=key)
