"""The plan counts the jobs that the workflow has, by rule, and says what does not suit."""

import re
from collections import Counter

import pytest
import yaml
from afm_finished import SMALL as SMALL_AFM
from calcium_finished import ONE, SMALL
from five_domains import CAMPAIGN
from lensing_finished import SMALL as SMALL_LENSING

from simlab.campaign import load_campaign

PTYCHO = {"probe": {"N": 32}, "scan": {"n_images": 24}}
GRIDS = {
    "molecules": ["resources/afm/molecules/formic_acid.xyz"],
    "generator": "general",
    "rotations": ["identity"],
    "sim_type": "LJ+Hartree",
    "grids": {"source": "model"},
}
CAMPAIGNS = {
    "five": CAMPAIGN,
    "ptycho": {
        "plain": PTYCHO | {"output": {"npz": False}},
        "all": PTYCHO
        | {"frames_per_shard": 10, "split": {"files": True}, "grouping": {"gridsize": 2}},
        "grid": PTYCHO
        | {
            "object": {"size": 48},
            "scan": {"layout": "grid_groups"},
            "grouping": {"gridsize": 3, "K": 9},
        },
    },
    "afm": {"batched": SMALL_AFM, "grids": GRIDS},
    "halo": {
        "cut": CAMPAIGN["halo"]["datasets"]["tiny"] | {"execution": {"shards_per_simulation": 3}},
    },
    "calcium": {
        "swept": {**SMALL, "stages": ["vignette", "leakage"]},
        "filmed": {**ONE, "recordings": False, "frames_per_part": 5},
        "cut": {**ONE, "frames_per_part": "auto", "target_seconds": 0.001},
    },
    "lensing": {
        "all": SMALL_LENSING,
        "plain": {"simulator": {"size": 9}, "output": {"resim": False, "shard_size": 2}},
    },
}


def campaign_of(name):
    content = CAMPAIGNS[name]
    return content if name == "five" else {name: {"datasets": content}}


def rules_and_datasets(output):
    rule = None
    for line in output.splitlines():
        words = line.split()
        if words[:1] in (["rule"], ["localrule"]):
            rule = words[1].rstrip(":")
        elif words[:1] == ["wildcards:"] and words[1].startswith("dataset="):
            yield rule, words[1].removeprefix("dataset=").rstrip(",")


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_estimated_jobs_are_those_of_a_dry_run(snakemake, name):
    campaign = campaign_of(name)
    estimates = load_campaign(campaign).estimates()
    planned = Counter()
    for estimate in estimates:
        for step in estimate.steps:
            planned[step.rule, estimate.dataset] += step.jobs
    output = snakemake("--dry-run", campaign=campaign)
    assert planned == Counter(rules_and_datasets(output))


def test_shards_of_a_campaign_follow_from_the_time_of_a_job(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    campaigns = {
        "ptycho": {"frames_per_shard": "auto", "scan": {"n_images": 500_000}},
        "afm": {
            "molecules": ["resources/afm/molecules/*.xyz"],
            "augment": {"rotations": 1000, "n_best": 500},
        },
        "halo": {
            "source": {"kind": "synthetic", "n_grid": 256, "parameters": "sobol"},
            "simulations": {"total": 2, "test_fraction": 0.5},
            "rotations": {"number": 10},
            "execution": {"shards_per_simulation": "auto"},
        },
        "calcium": {
            "preset": {"scope": "miniscope_v4", "region": "ca1", "duration_s": 6000.0},
            "frames_per_part": "auto",
        },
        "lensing": {
            "simulator": {"size": 100_000, "imagesize": 128, "nterms": 30, "model": ["Roulette"]},
            "output": {"shard_size": "auto"},
        },
    }
    for domain, dataset in campaigns.items():
        counts = []
        for seconds in (1, 2, 1e9):
            timed = {"target_seconds": seconds}
            if domain == "afm":
                timed["seconds_per_sample"] = 0.05
            if domain in ("halo", "lensing"):
                part = {"halo": "execution", "lensing": "output"}[domain]
                timed = {part: dataset[part] | timed}
            campaign = {domain: {"datasets": {"x": dataset | timed}}}
            (estimate,) = load_campaign(campaign).estimates()
            counts.append(estimate.shards)
        short, long, endless = counts
        assert short > 1.8 * long > 1.8, domain
        assert endless < long, domain


def test_the_plan_warns_of_short_jobs(snakemake):
    campaign = {"ptycho": {"datasets": {"short": PTYCHO | {"frames_per_shard": 4}}}}
    output = snakemake("plan", campaign=campaign)
    assert re.search(
        r"ptycho\.datasets\.short: 6 jobs of ptycho_diffraction work .* s each, under a minute; "
        r"on a cluster let frames_per_shard make 6 times larger ones",
        output,
    )


def test_the_plan_warns_of_jobs_over_the_time_limit(run, tmp_path):
    long = PTYCHO | {"scan": {"n_images": 10**7}, "frames_per_shard": 10**7}
    (tmp_path / "campaign.yaml").write_text(yaml.safe_dump({"ptycho": {"datasets": {"x": long}}}))
    done = run("simlab.cli", "plan", "campaign.yaml", "--time-limit", "1", cwd=tmp_path)
    assert re.search(
        r"ptycho\.datasets\.x: a job of ptycho_diffraction works 0:\d\d:\d\d, over its time limit "
        r"of 0:01:00; let frames_per_shard make smaller ones",
        done.stdout,
    )
    assert "time limit" not in run("simlab.cli", "plan", "campaign.yaml", cwd=tmp_path).stdout


def test_the_slots_of_a_plan_are_the_jobs_at_a_time(run, tmp_path):
    (tmp_path / "campaign.yaml").write_text(yaml.safe_dump({"ptycho": {"datasets": {"x": PTYCHO}}}))
    one = run("simlab.cli", "plan", "campaign.yaml", "--slots", "1", cwd=tmp_path).stdout
    ten = run("simlab.cli", "plan", "campaign.yaml", "--slots", "10", cwd=tmp_path).stdout
    assert "1 at a time" in one.splitlines()[0]
    assert "10 at a time" in ten.splitlines()[0]
    refused = run("simlab.cli", "plan", "campaign.yaml", "--slots", "0", cwd=tmp_path, code=2)
    assert "--slots" in refused.stderr
