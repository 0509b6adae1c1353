"""What the DAG knows of halo data sets, and what it refuses."""

import os
import shutil
import subprocess
import sys

import pytest
import yaml
from halo_campaign import SIM, TINY, tiny_dataset

from simlab.campaign import load_campaign
from simlab.core.config import parse_config
from simlab.core.errors import ConfigError
from simlab.halo import costs, plan, specs
from simlab.halo.config import DatasetConfig
from simlab.halo.splits import train_test_split


def synthetic(**changes):
    mapping = {"source": {"kind": "synthetic"}, "simulations": {"total": 4}}
    return parse_config(DatasetConfig, mapping | changes)


def test_records_are_the_targets_and_samples_are_not():
    dataset = synthetic(execution={"shards_per_simulation": 2})
    targets = plan.targets("x", dataset)
    assert "results/halo/x/train/sim_0/shard_00001.json" in targets
    assert not [path for path in targets if "_rot_" in path]
    assert "results/halo/x/manifest.json" in targets


def test_the_range_of_simulations_changes_no_side():
    whole = plan.splits(synthetic(simulations={"total": 40}))
    part = plan.splits(synthetic(simulations={"total": 40, "start": 10, "end": 30}))
    assert list(part) == list(range(10, 30))
    assert part.items() <= whole.items()
    assert set(whole.values()) == {"train", "test"}


def test_the_layout_of_synthetic_files_follows_the_configuration():
    source = {"kind": "synthetic", "naming": "new", "dmo_chunks": 2, "hydro_chunks": 1}
    files = plan.simulation_files(synthetic(source=source), 3)
    assert files == {
        "DMO": [f"inputs/DMO/SB35_3/snapdir_090/snapshot_090.{i}.hdf5" for i in range(2)],
        "Hydro": ["inputs/Hydro/SB35_3/snapshot_090.hdf5"],
        "FOF": ["inputs/FOF/SB35_3/groups_090.hdf5"],
    }


def test_data_sets_with_the_same_files_share_a_rule():
    other = synthetic(source={"kind": "synthetic", "hydro_chunks": 4})
    layouts = plan.simulation_layouts({"a": synthetic(), "b": other, "c": synthetic()})
    assert {suffix: names for suffix, (names, _) in layouts.items()} == {
        "": ["a", "c"],
        "_1": ["b"],
    }
    assert all("{sim}" in file for _, files in layouts.values() for file in files)


@pytest.mark.parametrize(
    "changes",
    [
        {"execution": {"shards_per_simulation": 7}},
        {"execution": {"memory_gb": 9}},
        {"simulations": {"total": 4, "start": 1, "end": 2}},
        {"normalization": {"per_scale": True}},
    ],
)
def test_what_changes_no_sample_is_not_in_the_specification(changes):
    base = specs.spec_hash(specs.samples_spec(synthetic()))
    assert specs.spec_hash(specs.samples_spec(synthetic(**changes))) == base


@pytest.mark.parametrize(
    "changes",
    [
        {"execution": {"chunk_particles": 100000}},
        {"seed": 3},
        {"simulations": {"total": 5}},
        {"maps": {"depth": 20.0}},
        {"output": {"provenance": False}},
    ],
)
def test_what_changes_a_sample_is_in_the_specification(changes):
    base = specs.spec_hash(specs.samples_spec(synthetic()))
    assert specs.spec_hash(specs.samples_spec(synthetic(**changes))) != base


def test_paths_are_not_in_the_specification(tmp_path):
    moved = tiny_dataset(parameters={"file": str(tmp_path / "other.csv")})
    assert specs.samples_spec(moved) == specs.samples_spec(tiny_dataset())
    assert str(TINY) not in str(specs.whole_spec(tiny_dataset()))


def test_haloes_are_counted_where_there_are_catalogs():
    cost = plan.estimate("x", tiny_dataset())
    assert cost.details == "1 simulations, 3 haloes (counted)"
    assert cost.samples == 6
    assert cost.jobs == 6
    few = plan.estimate("x", tiny_dataset(haloes={"max_per_simulation": 2}))
    assert few.samples == 4


def test_haloes_are_expected_where_there_are_none():
    cost = plan.estimate("nowhere", synthetic(rotations={"number": 1}))
    assert cost.details.endswith("(estimated)")
    # the fiducial expectation is 53; these four rows have higher and lower amplitudes
    assert 100 < cost.samples < 400
    assert cost.jobs == 4 + 4 + 1 + 5


def test_missing_folders_are_named_one_a_line():
    mapping = {
        "halo": {
            "datasets": {
                "x": {
                    "source": {
                        "kind": "camels",
                        "nbody_base": "no/DMO",
                        "hydro_base": "no/Hydro",
                        "fof_nbody_base": "no/FOF",
                    },
                    "simulations": {"total": 2},
                }
            }
        }
    }
    with pytest.raises(ConfigError) as caught:
        load_campaign(mapping)
    lines = str(caught.value).splitlines()
    assert [line.strip() for line in lines[1:]] == [
        f"halo.datasets.x: source.{key}: folder not found: no/{folder}"
        for key, folder in (
            ("nbody_base", "DMO"),
            ("hydro_base", "Hydro"),
            ("fof_nbody_base", "FOF"),
        )
    ]


def test_missing_simulations_are_named_a_few_and_counted():
    found = plan.problems(tiny_dataset(simulations={"total": 10}))
    assert "SB35_0" in found[0]
    assert found[-1] == "source: and 5 more simulations like these"


def test_a_table_without_the_simulation_or_the_columns_is_refused_when_planning():
    shipped = {"kind": "synthetic"}
    found = plan.problems(synthetic(source=shipped, simulations={"total": 70}))
    assert "sim 64" in found[0]
    found = plan.problems(synthetic(parameters={"columns": ["Omega0", "Omegab"]}))
    assert "Omegab" in found[0]
    overrides = {"CV": {"A_SN9": 1.0}, "SB35": {"A_SN8": 1.0}}  # those of other sets are not used
    (found,) = plan.problems(synthetic(parameters={"overrides": overrides}))
    assert found.startswith("parameters.overrides: ")
    assert "overrides of SB35 needs A_SN8" in found


def test_masl_without_pylians_is_refused_when_planning(monkeypatch):
    monkeypatch.setattr(plan, "find_spec", lambda name: None)
    found = plan.problems(synthetic(maps={"cic_backend": "masl"}))
    assert found == ["maps.cic_backend: masl needs Pylians, which is not installed: make pylians"]


def test_planning_reads_no_heavy_packages(root):
    program = (
        "import sys; import simlab.halo, simlab.halo.config, simlab.halo.plan as p;"
        "from simlab.core.config import parse_config;"
        "from simlab.halo.config import DatasetConfig;"
        "d = parse_config(DatasetConfig, {'source': {'kind': 'synthetic'},"
        " 'simulations': {'total': 3}});"
        "assert not p.problems(d); p.targets('x', d); p.records(d);"
        "heavy = {'numba', 'h5py', 'scipy', 'matplotlib'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        cwd=root,
        env={"PYTHONPATH": str(root / "workflow" / "scripts"), "PATH": ""},
    )


@pytest.fixture
def stand_in(tmp_path):
    """A tree of 1024 simulations whose files are empty, and the campaign that names it."""
    for sim in range(1024):
        for folder, file in (
            ("DMO", "snapdir_090/snap_090.0.hdf5"),
            ("Hydro", "snapdir_090/snap_090.0.hdf5"),
            ("FOF", "fof_subhalo_tab_090.hdf5"),
        ):
            path = tmp_path / "camels" / folder / f"SB35_{sim}" / file
            path.parent.mkdir(parents=True)
            path.touch()
    names = (TINY.parents[3] / "resources" / "halo").glob("CosmoAstroSeed*")
    header, row, *_ = next(names).read_text().splitlines()
    values = row.split(None, 1)[1]
    rows = [header, *(f"SB35_{sim} {values}" for sim in range(2048))]
    table = tmp_path / "camels" / "CosmoAstroSeed_IllustrisTNG_L50n512_SB35.txt"
    table.write_text("\n".join(rows) + "\n")
    return tmp_path


# A process of its own: the peak of a child begins with the memory of the process that starts it.
MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
sys.exit(code)
"""


def test_the_cluster_campaign_plans_in_seconds_without_opening_a_snapshot(stand_in, root):
    campaign = root / "config" / "campaigns" / "halo-camels-1024.yaml"
    command = [
        sys.executable,
        "-c",
        MEASURED,
        sys.executable,
        "-m",
        "snakemake",
        "halo",
        "--snakefile",
        root / "Snakefile",
    ]
    command += ["--directory", stand_in, "--dry-run", "--quiet", "rules", "--cores", "1"]
    command += ["--scheduler", "greedy", "--configfile", campaign]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=stand_in)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = dict(line.split() for line in done.stdout.splitlines() if line.startswith("halo_"))
    assert counts["halo_samples"] == "1024"
    assert sum(map(int, counts.values())) == 1029
    cpu, megabytes = map(float, done.stdout.splitlines()[-1].split())
    assert 0.5 < cpu < 10  # 6 are asked for on a quiet machine
    assert 50 < megabytes < 200  # of which Snakemake takes 127


def test_the_cost_of_the_cluster_campaign_is_estimated_from_its_table(stand_in, root, monkeypatch):
    monkeypatch.chdir(stand_in)
    mapping = yaml.safe_load((root / "config" / "campaigns" / "halo-camels-1024.yaml").read_text())
    (cost,) = load_campaign(mapping).estimates()
    assert cost.jobs == 1029
    # every row is that of SB35_0, for which 115 haloes are expected
    assert cost.details.startswith("1024 simulations, 11")
    assert cost.samples == pytest.approx(1024 * 10 * 115, rel=0.05)


def test_a_simulation_with_two_snapshots_is_refused_when_planning(tmp_path):
    shutil.copytree(TINY, tmp_path / "tree")
    single = tmp_path / "tree" / "DMO" / f"SB35_{SIM}" / "snap_090.hdf5"
    os.makedirs(single.parent / "snapdir_090")
    shutil.copy(single, single.parent / "snapdir_090" / "snap_090.0.hdf5")
    source = {
        "kind": "camels",
        "nbody_base": str(tmp_path / "tree" / "DMO"),
        "hydro_base": str(TINY / "Hydro"),
        "fof_nbody_base": str(TINY / "FOF"),
    }
    (problem,) = plan.problems(tiny_dataset(source=source))
    assert "are both there" in problem


def test_a_plan_without_test_or_training_simulations_says_so():
    few = synthetic(simulations={"total": 3, "test_fraction": 0.1})
    assert plan.estimate("x", few).notes == (
        "no test simulation: simulations.test_fraction 0.1 of total 3 is less than one",
    )
    options = {"total": 4, "test_fraction": 0.5}
    _, (test, *_) = train_test_split(4, 0.5)
    only_test = synthetic(simulations=options | {"start": test, "end": test + 1})
    assert "no training simulation among those" in plan.estimate("x", only_test).notes[0]
    assert plan.estimate("x", synthetic(simulations=options)).notes == ()
    asked = synthetic(simulations={"total": 4, "test_fraction": 0})
    assert plan.estimate("x", asked).notes == ()
    (note,) = plan.estimate(
        "x", synthetic(simulations=options, haloes={"mass_threshold": 1e16})
    ).notes
    assert note == "no halo above haloes.mass_threshold 1e+16 Msun/h is expected"


def test_synthetic_haloes_are_estimated_by_the_recipe_that_plants_them():
    """Below 1e13 Msun/h there are 200 groups in the box, whatever the mass function says."""
    once = {"rotations": {"number": 1}}
    usual = plan.estimate("x", synthetic(**once)).samples
    for threshold, groups in ((1e11, 200), (1e12, 200), (9.1e12, 0)):
        low = plan.estimate("x", synthetic(haloes={"mass_threshold": threshold}, **once))
        assert low.samples - usual == pytest.approx(4 * groups, abs=1)
    assert usual < plan.estimate("x", synthetic(haloes={"mass_threshold": 4e12}, **once)).samples


def test_no_more_haloes_are_expected_than_the_particles_of_a_run_can_make():
    source = tiny_dataset().source.model_dump() | {"fof_nbody_base": "nowhere"}
    cost = plan.estimate("x", tiny_dataset(source=source, haloes={"mass_threshold": 1.0}))
    assert cost.samples < 2 * costs.CAMELS_PARTICLES / costs.LEAST_PARTICLES
    assert cost.peak_mb < 1e5
    (note,) = [text for text in cost.notes if "mass_threshold" in text]
    assert "is below 10 of 512^3 particles in the box, 7.8e+08" in note


def test_a_box_whose_map_no_machine_holds_is_told():
    (*_, note) = plan.estimate("x", synthetic(maps={"box_size": 25e3})).notes
    assert note.startswith("maps.box_size 25000 Mpc/h is 512000 px of 6.25/128 Mpc/h wide")
