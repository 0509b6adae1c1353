import os
import shutil
import subprocess
import sys

import pytest
import yaml
from afm_finished import SMALL as SMALL_AFM
from afm_finished import SmallDataset as SmallAfmDataset
from calcium_finished import SMALL as SMALL_CALCIUM
from calcium_finished import SmallDataset as SmallCalciumDataset
from halo_finished import SmallDataset
from lensing_finished import SMALL as SMALL_LENSING
from lensing_finished import SmallDataset as SmallLensingDataset

from simlab.core.config import parse_config
from simlab.halo import plan as halo_plan
from simlab.halo import specs as halo_specs
from simlab.halo.config import DatasetConfig as HaloDatasetConfig
from simlab.halo.stages.checks import write_dataset_checks
from simlab.halo.stages.manifest import write_dataset_manifest
from simlab.halo.stages.preview import draw_preview

SMALL = {
    "ptycho": {
        "datasets": {
            "tiny": {
                "object": {"size": 80},
                "probe": {"N": 32},
                "scan": {"n_images": 21},
                "detector": {"nphotons": 1e6},
                "split": {"axis": "y", "fraction": 0.8, "files": True},
                "grouping": {"gridsize": 2, "K": 4},
            }
        }
    }
}

SMALL_HALO = {
    "source": {"kind": "synthetic", "n_grid": 16},
    "simulations": {"total": 3, "test_fraction": 0.34},
    "haloes": {"max_per_simulation": 4},
    "rotations": {"number": 2},
    "maps": {"resolution": 16},
}


@pytest.fixture
def small():
    """A campaign of one small data set, as a mapping that a test may change."""
    return yaml.safe_load(yaml.safe_dump(SMALL))


@pytest.fixture
def snakemake(root, tmp_path):
    """Run Snakemake on the repository's Snakefile in a temporary directory."""

    def start(*args, campaign=None, directory=tmp_path, snakefile=None, code=0, env=None):
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            snakefile or root / "Snakefile",
        ]
        command += ["--directory", directory, "--cores", "2", "--scheduler", "greedy"]
        command += map(str, args)
        if campaign is not None:
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "campaign.yaml").write_text(yaml.safe_dump(campaign))
            command += ["--configfile", directory / "campaign.yaml"]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env={**os.environ, **(env or {})},
            cwd=directory,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    return start


@pytest.fixture(scope="session")
def finished(root, tmp_path_factory):
    """Folder of the small campaign, run once for all tests that only look at it."""
    directory = tmp_path_factory.mktemp("finished")
    (directory / "campaign.yaml").write_text(yaml.safe_dump(SMALL))
    subprocess.run(
        [
            *(sys.executable, "-m", "snakemake", "--snakefile", root / "Snakefile"),
            *("--directory", directory, "--cores", "2", "--scheduler", "greedy"),
            *("--configfile", directory / "campaign.yaml"),
        ],
        check=True,
        capture_output=True,
        cwd=directory,
    )
    return directory


@pytest.fixture(scope="session")
def finished_halo(tmp_path_factory):
    """Folder of a small data set of halo maps with every file, made by the workflow's stages."""
    folder = tmp_path_factory.mktemp("finished_halo") / "camels64"
    dataset = parse_config(HaloDatasetConfig, SMALL_HALO)
    small = SmallDataset(folder, dataset, folder / "inputs")
    small.make_inputs()
    small.make_samples()
    small.finish()
    whole = halo_specs.whole_spec(dataset)
    pages = folder / "checks.json", folder / "checks.html"
    write_dataset_checks(whole, small.records, folder, small.table, *pages)
    draw_preview(halo_specs.preview_spec(dataset), folder, folder / "preview.png")
    files = [folder / name for name in halo_plan.published(dataset) if name != "statistics.html"]
    write_dataset_manifest(whole, "code", files, folder / "manifest.json")
    return folder


@pytest.fixture(scope="session")
def finished_afm(tmp_path_factory):
    """Folder of a small AFM data set with every file, made by the workflow's stages."""
    folder = tmp_path_factory.mktemp("finished_afm") / "seed_co"
    SmallAfmDataset.of(folder, SMALL_AFM).make().finish("seed_co")
    return folder


@pytest.fixture(scope="session")
def finished_calcium(tmp_path_factory):
    """Folder of a small data set of calcium movies, made by the workflow's stages."""
    folder = tmp_path_factory.mktemp("finished_calcium") / "aperture_sweep"
    return SmallCalciumDataset.of(folder, SMALL_CALCIUM).make().folder


@pytest.fixture(scope="session")
def finished_lensing(tmp_path_factory):
    """Folder of a small data set of lensed pictures with every product, made by the stages."""
    folder = tmp_path_factory.mktemp("finished_lensing") / "roulette-mixed"
    return SmallLensingDataset.of(folder, SMALL_LENSING).make().folder


@pytest.fixture
def copy_of(finished, tmp_path):
    """A copy of the finished campaign that a test may damage."""
    return shutil.copytree(finished, tmp_path / "copy")


@pytest.fixture
def repository(root, tmp_path):
    """A copy of the repository whose code a test may change."""
    ignore = shutil.ignore_patterns(".*", "results", "logs", "__pycache__", "tests", "*.egg-info")
    return shutil.copytree(root, tmp_path / "repository", ignore=ignore)


@pytest.fixture(scope="session")
def clone_to(root):
    """Function that copies the tracked files into a folder, with this environment as .venv."""

    def clone(folder):
        target = folder / "simlab"
        files = subprocess.run(
            ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=True
        ).stdout.split("\0")
        for name in filter(None, files):
            if (root / name).is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, target / name)
        (target / ".venv").symlink_to(sys.prefix)
        return target

    return clone
