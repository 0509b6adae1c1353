"""Real runs of the campaign of all five domains, and one that nothing disturbed."""

import os
import subprocess
import sys

import pytest
import yaml
from five_domains import CAMPAIGN


@pytest.fixture(scope="session")
def start_campaign(root):
    """Function that starts Snakemake on the campaign in a directory, in a session of its own."""

    def start(directory, *words, **options):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "campaign.yaml").write_text(yaml.safe_dump(CAMPAIGN))
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "snakemake", *words),
                *("--snakefile", root / "Snakefile", "--directory", directory),
                *("--workflow-profile", root / "profiles" / "local", "--cores", "2"),
                *("--configfile", directory / "campaign.yaml"),
            ],
            cwd=directory,
            env=os.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            **options,
        )

    return start


@pytest.fixture(scope="session")
def run_campaign(start_campaign):
    """Function that runs it to its end; returns what it printed."""

    def run(directory, *words, code=0):
        process = start_campaign(directory, *words)
        output, _ = process.communicate()
        assert process.returncode == code, output
        return output

    return run


@pytest.fixture(scope="session")
def undisturbed(run_campaign, tmp_path_factory):
    """Directory of a finished campaign."""
    directory = tmp_path_factory.mktemp("undisturbed")
    run_campaign(directory)
    return directory


@pytest.fixture
def copied(undisturbed, tmp_path):
    """A copy of it, times of change included, that a test may damage."""
    directory = tmp_path / "copied"
    subprocess.run(["cp", "--archive", undisturbed, directory], check=True)
    return directory
