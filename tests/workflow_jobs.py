"""Whole campaigns run by Snakemake, and which rules a run executed."""

import re
import socket
import subprocess
import sys

import yaml


def run_campaign(root, directory, campaign):
    """Run a campaign, a mapping, in `directory`."""
    (directory / "campaign.yaml").write_text(yaml.safe_dump(campaign))
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


def jobs_of(output):
    """Rules that a run executed or a dry run would."""
    return {
        line.split()[1].rstrip(":")
        for line in output.splitlines()
        if line.strip().startswith(("rule ", "localrule "))  # those of a group are indented
    }


def temporary_names(content):
    """Parts HOST-PID- of temporary names in the bytes of a file; a host alone may be chance."""
    return re.findall(re.escape(socket.gethostname().encode()) + rb"-\d+-", content)
