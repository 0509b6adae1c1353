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
from simlab.core.plan import plan_report

PTYCHO = {"probe": {"N": 32}, "scan": {"n_images": 24}}
GRIDS = {
    "molecules": ["resources/afm/molecules/formic_acid.xyz"],
    "generator": "general",
    "rotations": ["identity"],
    "sim_type": "LJ+Hartree",
    "grids": {"source": "model"},
}
LARGE = {
    "ptycho": {
        "probe": {"N": 128},
        "scan": {"n_images": 10_000_000},
        "frames_per_shard": 10_000_000,
    },
    "afm": {
        "molecules": ["resources/afm/molecules/*.xyz"],
        "augment": {"rotations": 100_000, "n_best": 100_000},
        "samples_per_shard": 200_000,
    },
    "halo": {
        "source": {"kind": "synthetic", "parameters": "sobol"},
        "simulations": {"total": 2, "test_fraction": 0.5},
        "rotations": {"number": 10_000},
    },
    "calcium": {
        "preset": {"scope": "miniscope_v4", "region": "ca1", "duration_s": 10_000.0},
        "sweep": {"axes": {"seed": [1, 2, 3, 4, 5]}},
    },
}
CAMPAIGNS = {
    "five": CAMPAIGN,
    "large": {domain: {"datasets": {"large": dataset}} for domain, dataset in LARGE.items()},
    "many": {
        "ptycho": {
            "datasets": {"x": {"scan": {"n_images": 1001}, "frames_per_shard": 1}},
        },
    },
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
WHOLE = "five", "large", "many"
"""Campaigns of several domains."""


def campaign_of(name):
    content = CAMPAIGNS[name]
    return content if name in WHOLE else {name: {"datasets": content}}


def jobs_of(output):
    """(rule, data set, MB, minutes) of the jobs of a dry run; 0 where a rule asks for nothing."""
    rule = dataset = None
    for line in output.splitlines():
        words = line.split()
        if words[:1] in (["rule"], ["localrule"]):
            rule, dataset = words[1].rstrip(":"), None
        elif words[:1] == ["wildcards:"] and words[1].startswith("dataset="):
            dataset = words[1].removeprefix("dataset=").rstrip(",")
        elif words[:1] == ["resources:"] and dataset:
            asked = dict(re.findall(r"\b(mem_mb|runtime)=(\d+)", line))
            yield rule, dataset, int(asked.get("mem_mb", 0)), int(asked.get("runtime", 0))


def most_of(jobs):
    """{(rule, data set): largest (MB, minutes)}."""
    most = {}
    for rule, dataset, megabytes, minutes in jobs:
        known = most.get((rule, dataset), (0, 0))
        most[rule, dataset] = max(known[0], megabytes), max(known[1], minutes)
    return most


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.full] * (name == "many")) for name in CAMPAIGNS]
)
def test_estimated_jobs_and_what_they_ask_for_are_those_of_a_dry_run(snakemake, name):
    campaign = campaign_of(name)
    steps = [(step, e.dataset) for e in load_campaign(campaign).estimates() for step in e.steps]
    planned = Counter()
    for step, dataset in steps:
        planned[step.rule, dataset] += step.jobs
    jobs = list(jobs_of(snakemake("--dry-run", campaign=campaign)))
    assert planned == Counter((rule, dataset) for rule, dataset, *_ in jobs)
    asked = most_of((step.rule, dataset, step.megabytes, step.minutes) for step, dataset in steps)
    assert asked == most_of(jobs)


def test_time_limits_of_jobs_that_read_a_whole_data_set_grow_with_it():
    limits = {}
    for estimate in load_campaign(CAMPAIGNS["large"]).estimates():
        for step in estimate.steps:
            limits[step.rule] = step.minutes
            assert step.cpu_seconds <= 60 * step.minutes or not step.minutes, step.rule
    assert limits["ptycho_checks"] == limits["ptycho_dataset"] == limits["ptycho_npz"] > 60
    assert limits["afm_checks"] > 60
    assert limits["halo_checks"] > 120
    assert limits["calcium_checks"] > 60


def test_recordings_of_a_sweep_cost_their_own_mean():
    """A short recording is whole, a long one in parts."""
    lengths = {"axes": {"acquisition.duration_s": [1.0, 40.0]}}
    cut = {**ONE, "frames_per_part": 100, "sweep": lengths}
    (estimate,) = load_campaign({"calcium": {"datasets": {"x": cut}}}).estimates()
    rules = [step.rule for step in estimate.steps]
    assert rules[1:5] == ["calcium_recording", "calcium_scene", "calcium_part", "calcium_recording"]
    _, whole, _, part, assembled = estimate.steps[:5]
    assert whole.cpu_seconds < 0.4 * part.jobs * part.cpu_seconds  # the mean of all is over half
    assert 0 < assembled.cpu_seconds < part.jobs * part.cpu_seconds
    costs = {step.rule: step.cpu_seconds for step in estimate.steps}
    assert costs["calcium_checks"] > costs["calcium_manifest"] > 0


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
    (line,) = re.findall(r"ptycho\.datasets\.short: .*", output)
    assert re.fullmatch(
        r"ptycho\.datasets\.short: 6 jobs of ptycho_diffraction work .* s each, under a minute; "
        r"on a cluster let frames_per_shard make 6 times larger ones",
        line,
    )


@pytest.mark.parametrize(
    ("domain", "dataset", "expected"),
    [
        ("ptycho", {"probe": {"N": 512}, "scan": {"n_images": 4096}, "frames_per_shard": 1024},
         "8 jobs of ptycho_power, ptycho_diffraction work under a minute each; on a cluster let "
         "several travel in a group"),
        ("ptycho", {"probe": {"N": 512}, "scan": {"n_images": 4096}, "frames_per_shard": 256},
         "16 jobs of ptycho_diffraction work .* let frames_per_shard make 4 times larger ones"),
        ("calcium", {**ONE, "frames_per_part": 5, "sweep": {"axes": {"seed": [1, 2, 3]}}},
         r"(?P<jobs>\d+) jobs of calcium_part .* let frames_per_part make (?P<each>\d+) times"),
        ("halo", CAMPAIGN["halo"]["datasets"]["tiny"] | {"execution": {"shards_per_simulation": 3}},
         r"jobs of halo_samples work .* let execution.shards_per_simulation make 3 times"),
    ],
)  # fmt: skip
def test_the_plan_advises_nothing_that_cannot_be(domain, dataset, expected):
    campaign = load_campaign({domain: {"datasets": {"x": dataset}}})
    found = re.search(expected, plan_report(campaign.estimates(), slots=2))
    assert found
    if "jobs" in found.groupdict():
        assert int(found["jobs"]) == 3 * int(found["each"])


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
