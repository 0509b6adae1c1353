"""`make plan` counts the jobs that the workflow has."""

import re

from calcium_finished import ONE, SMALL

from simlab.campaign import load_campaign

CAMPAIGN = {
    "plain": {"output": {"npz": False}},
    "all": {"frames_per_shard": 10, "split": {"files": True}, "grouping": {"gridsize": 2}},
    "grid": {
        "object": {"size": 48},
        "scan": {"layout": "grid_groups"},
        "grouping": {"gridsize": 3, "K": 9},
    },
}


def test_estimated_jobs_are_those_of_a_dry_run(snakemake):
    base = {"probe": {"N": 32}, "scan": {"n_images": 24}}
    campaign = {"ptycho": {"datasets": {name: base | own for name, own in CAMPAIGN.items()}}}
    estimates = load_campaign(campaign).estimates()
    output = snakemake("--dry-run", campaign=campaign)
    found = re.findall(r"^ +wildcards: dataset=([^,\n]+)", output, flags=re.MULTILINE)
    assert {e.dataset: e.jobs for e in estimates} == {n: found.count(n) for n in CAMPAIGN}


def test_estimated_jobs_of_calcium_movies_are_those_of_a_dry_run(snakemake):
    swept = {**SMALL, "stages": ["vignette", "leakage"]}
    filmed = {**ONE, "recordings": False, "frames_per_part": 5}
    campaign = {"calcium": {"datasets": {"swept": swept, "filmed": filmed}}}
    estimates = load_campaign(campaign).estimates()
    output = snakemake("--dry-run", campaign=campaign)
    found = re.findall(r"^ +wildcards: dataset=([^,\n]+)", output, flags=re.MULTILINE)
    assert {e.dataset: e.jobs for e in estimates} == {
        name: found.count(name) for name in ("swept", "filmed")
    }
