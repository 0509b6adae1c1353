"""Campaign files plan on a fresh clone; wrong ones say why, without a traceback."""

import json

import pytest
import yaml


def campaigns(root):
    return sorted((root / "config").rglob("*.yaml"))


WITH_FOLDERS = {"halo-camels-1024.yaml", "halo-peer-legacy.yaml"}
"""Campaigns that name folders of the user; tests/halo/test_plan.py plans them with stand-ins."""
WITH_FILES = {"afm-hartree.yaml"}
"""Campaigns that name grid files of the user."""


def test_every_campaign_file_plans_without_running(snakemake, root):
    for path in campaigns(root):
        if path.name not in WITH_FOLDERS | WITH_FILES:
            output = snakemake("--dry-run", "--quiet", "rules", "--configfile", path)
            assert "This was a dry-run" in output, path


@pytest.mark.parametrize("name", sorted(WITH_FOLDERS))
def test_a_campaign_without_its_folders_says_so_one_line_each(snakemake, root, name):
    path = root / "config" / "campaigns" / name
    output = snakemake("--dry-run", "--configfile", path, code=1)
    for folder in ("DMO", "Hydro", "FOF"):
        assert f"folder not found: camels/{folder}\n" in output
    assert "Traceback" not in output


def test_a_campaign_without_its_grids_names_the_missing_files(snakemake, root):
    path = root / "config" / "campaigns" / "afm-hartree.yaml"
    output = snakemake("--dry-run", "--configfile", path, code=1)
    for molecule in ("formic_acid", "benzoquinone"):
        assert f"grids.potential: the file dft/{molecule}/LOCPOT.xsf does not exist\n" in output
    assert "tips: the file dft/tip/CHGCAR.xsf does not exist\n" in output
    assert "Traceback" not in output


def test_the_default_campaign_makes_the_listed_targets(snakemake):
    output = snakemake("--dry-run")
    for name in ("lines64", "siemens64"):
        for file in ("input.npz", "simulated.h5", "checks.json", "preview.png", "manifest.json"):
            assert f"results/ptycho/{name}/{file}" in output
    assert "results/ptycho/siemens64/grouped_g2.npz" in output


def test_a_named_campaign_replaces_the_default_one(snakemake, small):
    output = snakemake("--dry-run", campaign=small)
    assert "tiny" in output
    assert "lines64" not in output


def test_numbers_on_the_command_line_are_numbers(snakemake):
    config = "ptycho={datasets: {x: {scan: {n_images: 64}, frames_per_shard: 32}}}"
    output = snakemake("--dry-run", "--config", config)
    assert "shards/00001.h5" in output
    assert "shards/00002.h5" not in output


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"ptycho": {"datasets": {}}}, "ptycho.datasets"),
        ({"ptycho": {"datasets": {"../x": {}}}}, "'../x' is not a usable name"),
        ({"ptycho": {"datasets": {"x": {"scn": {}}}}}, "unknown key, did you mean scan?"),
        ({"ptyco": {}}, "did you mean ptycho?"),
        ({"ptycho": {"datasets": {"x": {"seed": -1}}}}, "ptycho.datasets.x.seed"),
        (
            {"ptycho": {"datasets": {"x": {"object": {"kind": "file", "file": "no.npz"}}}}},
            "object.file: file not found: no.npz",
        ),
        (
            {"ptycho": {"datasets": {"x": {"scan": {"layout": "file", "file": "no.csv"}}}}},
            "scan.file: file not found: no.csv",
        ),
        ({"ptycho": {"datasets": {"x": {"scan": {"buffer": 200}}}}}, "the largest for object"),
        ({"ptycho": {"datasets": {"x": {"probe": {"N": 33}}}}}, "must be even"),
    ],
)
def test_a_bad_configuration_is_refused_in_a_dry_run(snakemake, change, expected):
    output = snakemake("--dry-run", campaign=change, code=1)
    assert expected in output
    assert "campaign.yaml" in output
    assert "Traceback" not in output


def test_a_key_given_twice_is_refused(snakemake, tmp_path):
    (tmp_path / "twice.yaml").write_text(
        "ptycho: {datasets: {x: {}}}\nptycho: {datasets: {y: {}}}\n"
    )
    output = snakemake("--dry-run", "--configfile", tmp_path / "twice.yaml", code=1)
    assert "key 'ptycho' is given twice" in output
    assert "Traceback" not in output


def test_all_problems_are_named_at_once(snakemake):
    bad = {"object": {"kind": "line"}, "detector": {"nphotons": 0}, "scan": {"n_images": 0}}
    output = snakemake("--dry-run", campaign={"ptycho": {"datasets": {"x": bad}}}, code=1)
    for key in ("object.kind", "detector.nphotons", "scan.n_images"):
        assert f"ptycho.datasets.x.{key}" in output


def test_the_schema_is_that_of_the_models(root):
    from simlab.schema import campaign_schema

    path = root / "workflow" / "schemas" / "campaign.schema.json"
    assert path.read_text() == campaign_schema(), "run `make schemas`"


def test_the_schema_accepts_the_campaign_files(root):
    import json

    from jsonschema import Draft202012Validator

    schema = json.loads((root / "workflow/schemas/campaign.schema.json").read_text())
    for path in campaigns(root):
        content = json.loads(json.dumps(yaml.safe_load(path.read_text())), parse_float=float)
        errors = [
            e
            for e in Draft202012Validator(schema).iter_errors(content)
            if "e" not in str(e.instance)  # 1.0e9 is text to YAML, a number to the models
        ]
        assert not errors, (path, errors)


def test_plan_prints_every_data_set_before_anything_runs(snakemake, small, tmp_path):
    output = snakemake("plan", campaign=small)
    assert "tiny" in output
    assert "CPU hours" in output
    assert not (tmp_path / "results").exists()


def test_planning_imports_no_heavy_packages(run, root):
    program = (
        "import sys; import simlab.ptycho, simlab.ptycho.config, simlab.campaign;"
        "heavy = {'numba', 'h5py', 'scipy', 'cv2', 'pyopencl', 'matplotlib'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    import subprocess
    import sys

    subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        cwd=root,
        env={"PYTHONPATH": str(root / "workflow" / "scripts"), "PATH": ""},
    )


def test_a_campaign_may_be_json_with_tabs_and_numbers_that_yaml_reads_as_text(
    small, snakemake, tmp_path
):
    text = json.dumps(small, indent="\t").replace("1000000.0", "1e6")
    assert "1e6" in text
    (tmp_path / "tabs.json").write_text(text)
    output = snakemake("--dry-run", "--configfile", tmp_path / "tabs.json")
    assert "results/ptycho/tiny/manifest.json" in output
    twice = text.replace("{", '{\n\t"ptycho": {},', 1)
    (tmp_path / "tabs.json").write_text(twice)
    output = snakemake("--dry-run", "--configfile", tmp_path / "tabs.json", code=1)
    assert "tabs.json: not a YAML file (key 'ptycho' is given twice)" in output
