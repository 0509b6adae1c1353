"""What the DAG is told of a data set: targets, shards, what each rule depends on, cost."""

import os
import subprocess
import sys

import pytest
from lensing_finished import SMALL

from simlab.core.config import parse_config
from simlab.core.yaml_files import read_yaml
from simlab.lensing import plan, specs
from simlab.lensing.config import DatasetConfig, LensingConfig
from simlab.lensing.settings import SimulationSettings

HEAVY = ("numba", "h5py", "scipy", "cv2", "pyopencl", "matplotlib", "panel", "bokeh", "pandas")
ROWS = "index,filename,lens,source,einsteinradius,sigma,x,y\n" + "".join(
    f"{n},picture-{n}.png,SIS,Spherical,9,3,{n},4\n" for n in range(1, 8)
)


def dataset(**sections):
    return parse_config(DatasetConfig, {**SMALL, **sections})


@pytest.fixture
def table(tmp_path, monkeypatch):
    """A data set of the seven rows of a user's table."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.csv").write_text(ROWS)
    mapping = {"simulator": {"parameters": "rows.csv"}, "output": {"shard_size": 3}}
    return parse_config(DatasetConfig, mapping)


def test_rows_are_cut_into_ranges(table):
    small = dataset()
    assert [plan.rows_of(small, name) for name in plan.shards(small)] == [(0, 5), (5, 10), (10, 12)]
    assert [plan.rows_of(table, name) for name in plan.shards(table)] == [(0, 3), (3, 6), (6, 7)]


def test_a_table_is_counted_again_when_it_changes(table, tmp_path):
    assert plan.size_of(table) == 7
    (tmp_path / "rows.csv").write_text("\n".join(ROWS.splitlines()[:3]) + "\n")
    os.utime(tmp_path / "rows.csv", ns=(1, 1))
    assert plan.size_of(table) == 2


def test_targets_are_all_files_that_are_published():
    files = plan.targets("small", dataset())
    assert len(files) == len(set(files))
    folder = "results/lensing/small"
    assert f"{folder}/images/00002.h5" in files
    assert f"{folder}/roulette_images/00000.h5" in files
    assert f"{folder}/png/00001" in files
    assert f"{folder}/compare/images__resim.json" in files
    assert f"{folder}/formulas/SIS3.txt" in files
    assert files[-1] == f"{folder}/manifest.json"


def test_products_that_are_not_asked_for_are_not_planned():
    files = " ".join(plan.targets("plain", dataset(output={"resim": False})))
    for name in ("resim", "roulette_images", "png", "compare", "formulas"):
        assert f"/{name}/" not in files
    assert plan.files_of("plain", dataset(output={"resim": False}), "resim") == []


def test_jobs_are_those_that_snakemake_counts(snakemake_counts):
    counts, expected = snakemake_counts(SMALL)
    assert sum(counts.values()) == expected


@pytest.fixture
def snakemake_counts(root, tmp_path):
    """Function: jobs by rule of a dry run of a data set, without targets; jobs of its estimate."""
    import yaml

    def count(mapping):
        path = tmp_path / "campaign.yaml"
        path.write_text(yaml.safe_dump({"lensing": {"datasets": {"small": mapping}}}))
        words = ("--snakefile", root / "Snakefile", "--dry-run", "--quiet", "rules", "all")
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "1", *words, "--configfile", path],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        lines = (line.split() for line in (done.stdout + done.stderr).splitlines())
        counts = {
            words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdigit()
        }
        rules = {name: n for name, n in counts.items() if name.startswith("lensing_")}
        return rules, plan.estimate("small", parse_config(DatasetConfig, mapping)).jobs

    return count


def test_estimates_grow_with_rows_pixels_and_order():
    def cost(**simulator):
        return plan.estimate("x", dataset(simulator={**SMALL["simulator"], **simulator}))

    base = cost()
    assert base.samples == 12
    assert cost(size=12000).cpu_seconds > 5 * base.cpu_seconds
    assert cost(size=1200).bytes == pytest.approx(100 * base.bytes, rel=1e-5)
    assert cost(imagesize=512).cpu_seconds > base.cpu_seconds
    assert cost(nterms=100).cpu_seconds > base.cpu_seconds
    assert cost(imagesize=2048).peak_mb > base.peak_mb


def test_memory_and_time_of_jobs_are_bounded_below():
    assert plan.megabytes(dataset()) >= 400
    assert plan.minutes(dataset()) >= 15
    assert plan.comparison_minutes(dataset()) >= 20
    assert plan.table_megabytes(dataset()) >= 500
    large = dataset(simulator={**SMALL["simulator"], "imagesize": 2048})
    assert plan.comparison_megabytes(large) > plan.comparison_megabytes(dataset()) + 200
    assert plan.preview_megabytes(large) > 1200


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        (
            {"source": {"mode": "Image", "file": "none.png"}},
            "source.file: file not found: none.png",
        ),
        ({"simulator": {"parameters": "none.csv"}}, "file not found: none.csv"),
    ],
)
def test_files_that_are_missing_are_told_when_the_dag_is_built(sections, expected):
    mapping = {**sections}
    [problem] = plan.problems(parse_config(DatasetConfig, mapping))
    assert expected in problem


def test_a_table_without_rows_is_told_when_the_dag_is_built(table, tmp_path):
    (tmp_path / "rows.csv").write_text(ROWS.splitlines()[0] + "\n")
    os.utime(tmp_path / "rows.csv", ns=(2, 2))
    [problem] = plan.problems(table)
    assert "rows.csv" in problem


def test_counts_of_splits_must_fit_the_table(table):
    wrong = parse_config(
        DatasetConfig,
        {"simulator": {"parameters": "rows.csv"}, "splits": {"train": 5, "val": 1, "test": 2}},
    )
    [problem] = plan.problems(wrong)
    assert "8" in problem
    assert "7" in problem


def test_what_a_rule_depends_on_makes_the_same_data_set_again(table):
    for config in (dataset(), table):
        again = specs.dataset_from(specs.dataset_spec(config))
        assert again.settings() == config.settings()
        assert again.size == config.size
        assert specs.dataset_from(specs.parameters_spec(config)).lens == config.lens
        settings = specs.settings_from(specs.images_spec(config))
        assert settings == config.settings()
        assert isinstance(settings, SimulationSettings)


def test_shard_sizes_are_in_no_specification():
    small, other = dataset(), dataset(output={**SMALL["output"], "shard_size": 7})
    for spec in (specs.images_spec, specs.dataset_spec, specs.tables_spec, specs.parameters_spec):
        assert spec(small) == spec(other)


def test_a_table_in_the_resources_plans_from_any_folder(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = read_yaml(root / "config" / "config.yaml")["lensing"]
    config = parse_config(LensingConfig, content)
    assert plan.size_of(config.datasets["sie-table"]) == 60
    assert plan.problems(config.datasets["sie-table"]) == []


@pytest.mark.parametrize("module", ["config", "plan", "specs", "settings"])
def test_planning_loads_nothing_heavy(root, module):
    code = (
        f"import simlab.lensing, simlab.lensing.{module}, sys; "
        f"sys.exit(', '.join(set({HEAVY}) & set(sys.modules)) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root / "workflow" / "scripts",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("place", ["", "pictures/", "{here}/pictures/"])
def test_pictures_are_found_wherever_the_configuration_names_them(place, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture = place.format(here=tmp_path) + "galaxy.png"
    named = dataset(source={"mode": "Image", "file": picture})
    (tmp_path / picture).parent.mkdir(exist_ok=True)
    (tmp_path / picture).write_bytes(b"")
    assert (tmp_path / plan.picture_folder(named) / picture).samefile(tmp_path / picture)
