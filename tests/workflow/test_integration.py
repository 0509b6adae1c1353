"""The repository as other tools see it: module use, report, linters, packaging, environments."""

import json
import os
import re
import subprocess
import sys
import zipfile

import pytest
import yaml

from simlab.core.packages.croissant import DATE

CONDA_NAMES = {"opencv": "opencv-python-headless", "pocl": "pocl-binary-distribution"}


@pytest.fixture(scope="module")
def locked(root):
    """Versions in the lock file for the Python of the conda environments, by name."""
    from packaging.markers import Marker

    python = {"python_version": "3.11", "python_full_version": "3.11.7", "sys_platform": "linux"}
    versions = {}
    for line in (root / "requirements.lock").read_text().splitlines():
        match = re.match(r"([A-Za-z0-9_.-]+)==(\S+)(?: ; (.+?))? \\$", line)
        if match and (not match[3] or Marker(match[3]).evaluate(python)):
            versions[match[1].lower()] = match[2]
    return versions


def environments(root):
    return sorted((root / "envs").glob("*.yaml"))


def test_conda_environments_use_open_channels(root):
    for path in environments(root):
        assert yaml.safe_load(path.read_text())["channels"] == ["conda-forge", "nodefaults"]


def test_conda_pins_parse_and_equal_the_lock(root, locked):
    from rattler import MatchSpec

    for path in environments(root):
        for pin in yaml.safe_load(path.read_text())["dependencies"]:
            MatchSpec(pin, strict=True)
            name, version = pin.split("=")
            if name != "python":
                expected = locked[CONDA_NAMES.get(name, name)]
                assert expected == version or expected.startswith(f"{version}."), (path, pin)


def test_conda_environments_are_used_and_exist(root):
    named = set()
    for rules in (root / "workflow" / "rules").glob("*.smk"):
        named |= set(re.findall(r'"\.\./\.\./(envs/\S+\.yaml)"', rules.read_text()))
    assert named == {path.relative_to(root).as_posix() for path in environments(root)}


ONLY_PEERS = {
    "CosmoSim": "3.3.0",
    "lenstronomy": "1.14.2",
    "minisim": "1.0.3",
    "ppafm": "0.4.1",
    "reikna": "0.9.0",
}
"""Programs that ours are compared with, and what only they need."""


@pytest.mark.parametrize("domain", ["afm", "calcium", "halo", "lensing"])
def test_environments_of_peers_have_the_versions_of_the_lock(root, locked, domain):
    for line in (root / "envs" / "peers" / f"{domain}.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, version = line.split("==")
            assert {**locked, **ONLY_PEERS}[name] == version


def test_the_lock_names_no_address(root):
    assert "://" not in (root / "requirements.lock").read_text()


def test_another_workflow_can_use_this_one_as_a_module(root, tmp_path, small, snakemake):
    small["ptycho"]["datasets"]["tiny"]["grouping"] = None
    (tmp_path / "theirs.yaml").write_text("a: 1\na: 2\n")  # which we would refuse
    (tmp_path / "Snakefile").write_text(
        f"configfile: 'theirs.yaml'\n\nmodule simlab:\n    snakefile: {str(root / 'Snakefile')!r}\n"
        f"    config: {small!r}\n\n"
        "use rule * from simlab as simlab_*\n\n"
        "rule mine:\n    default_target: True\n"
        "    input: 'results/ptycho/tiny/scale.json'\n"
    )
    snakemake(snakefile=tmp_path / "Snakefile")
    assert (tmp_path / "results/ptycho/tiny/scale.json").is_file()


def test_the_catalog_snakefile_is_the_same_workflow(root, snakemake):
    output = snakemake("--dry-run", snakefile=root / "workflow" / "Snakefile")
    assert "results/ptycho/lines64/manifest.json" in output


def test_the_report_holds_previews_checks_and_statistics(copy_of, small, snakemake):
    snakemake("--report", "report.html", campaign=small, directory=copy_of)
    report = (copy_of / "report.html").read_text()
    for text in ("Previews", "Checks", "Normalization", "preview.png", "checks.html", "tiny"):
        assert text in report


def test_unit_tests_can_be_generated(repository, small, snakemake):
    workflow = {"campaign": small, "directory": repository, "snakefile": repository / "Snakefile"}
    snakemake("results/ptycho/tiny/scale.json", **workflow)
    snakemake("--generate-unit-tests", "unit", "results/ptycho/tiny/scale.json", **workflow)
    assert list((repository / "unit").rglob("*ptycho_scale*"))


def test_snakemake_finds_nothing_to_lint(snakemake):
    assert "Congratulations" in snakemake("--lint")


def test_the_wheel_holds_the_library_and_its_opencl_sources(root, tmp_path):
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--wheel-dir",
            tmp_path,
            root,
        ],
        check=True,
    )
    (wheel,) = tmp_path.glob("simlab-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "simlab/ptycho/kernels/frames.cl" in names
    assert "simlab/cli.py" in names
    assert not [name for name in names if name.startswith(("ptycho_", "tests", "plan.py"))]
    # alone, as `pip install` leaves it, the package must run a command
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    program = (
        "import simlab; from simlab.cli import main;"
        f"assert simlab.__file__.startswith({str(tmp_path)!r}), simlab.__file__;"
        "main(['ptycho', 'lines', '--output-dir', 'out', '--probe-size', '16', '--n-images', '4'])"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "installed")},
        check=True,
    )
    assert (tmp_path / "out" / "simulated_data.npz").is_file()


def test_every_rule_has_a_docstring_a_log_and_an_existing_script(root):
    for path in (root / "workflow" / "rules").glob("*.smk"):
        blocks = re.split(r"^rule ", path.read_text(), flags=re.MULTILINE)[1:]
        for block in blocks:
            name = block.split(":")[0]
            assert '"""' in block, name
            script = re.search(r'"\.\./scripts/(\S+)\.py"', block)
            if script:
                assert script[1] == name
                assert "log:" in block, name
                assert (root / "workflow" / "scripts" / f"{name}.py").is_file()
                lines = (root / "workflow" / "scripts" / f"{name}.py").read_text().splitlines()
                assert len(lines) <= 25, name


def test_dry_run_of_ten_thousand_jobs_is_cheap(small, snakemake, tmp_path):
    """About 10 000 jobs take 23 to 31 CPU s, as the machine has it; twice as much is a defect."""
    import resource

    tiny = small["ptycho"]["datasets"]["tiny"]
    tiny.update(grouping=None, split=None, frames_per_shard=1)
    tiny["scan"]["n_images"] = 5000
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = snakemake("--dry-run", "--quiet", "rules", campaign=small)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    jobs = int(re.search(r"^total\s+(\d+)", output, flags=re.MULTILINE)[1])
    assert 10_000 < jobs < 10_030
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 60


def test_citation_and_catalog_files_are_valid_yaml(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    assert citation["title"] == "simlab"
    version = re.search(r'^version = "(.+)"', (root / "pyproject.toml").read_text(), re.MULTILINE)
    assert citation["version"] == version[1]
    assert citation["date-released"] == DATE
    catalog = yaml.safe_load((root / ".snakemake-workflow-catalog.yml").read_text())
    assert catalog["usage"]["mandatory-flags"]
    assert json.dumps(catalog)
