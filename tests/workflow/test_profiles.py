"""What the rules ask a cluster for, and what the profiles add to it."""

import os
import re
import subprocess
from types import SimpleNamespace

import pytest
import yaml
from calcium_finished import SMALL as CALCIUM
from five_domains import CAMPAIGN, DOMAINS
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, ResourceSettings

from simlab.campaign import load_campaign
from simlab.core.plan import SNAKEMAKE_MB

EVERYTHING = {**CAMPAIGN, "calcium": {"datasets": {"tiny": CALCIUM}}}  # training pairs as well
ATTEMPTS = 1, 2, 3
CLUSTERS = "slurm", "generic"


@pytest.fixture(scope="module")
def rules(root, tmp_path_factory):
    """Rules of the workflow for a campaign of all five domains; jobs of a cluster only.

    Snakemake is asked for what its public members hide where nothing runs on a cluster.
    """
    folder = tmp_path_factory.mktemp("rules")
    (folder / "campaign.yaml").write_text(yaml.safe_dump(EVERYTHING))
    with SnakemakeApi() as api:
        planned = api.workflow(
            resource_settings=ResourceSettings(cores=2),
            config_settings=ConfigSettings(configfiles=[folder / "campaign.yaml"]),
            snakefile=root / "Snakefile",
            workdir=folder,
        )
        workflow = planned._workflow
        local = workflow._localrules
        return [rule for rule in workflow.rules if rule.name not in local and not rule.norun]


@pytest.fixture(scope="module")
def wildcards():
    (point, *_) = load_campaign(EVERYTHING, "test").calcium.datasets["tiny"].expansion.points
    return SimpleNamespace(domain="calcium", dataset="tiny", key=point.key)


def asked(rule, resource, wildcards):
    """What a rule asks for at its first, second and third attempt."""
    return [
        rule.resources[resource].evaluate(wildcards, attempt=attempt).value for attempt in ATTEMPTS
    ]


def test_every_job_asks_for_twice_the_memory_and_for_more_time_after_a_failure(rules, wildcards):
    assert {rule.name.split("_")[0] for rule in rules} == {*DOMAINS, "package", "report"}
    for rule in rules:
        first, second, third = asked(rule, "mem_mb", wildcards)
        assert first >= SNAKEMAKE_MB + 200, rule.name
        assert (second, third) == (2 * first, 4 * first), rule.name
        first, second, third = asked(rule, "runtime", wildcards)
        assert (second, third) == (2 * first, 3 * first), rule.name
        assert first >= 10, rule.name


def test_no_rule_knows_the_site(rules):
    known = {"_cores", "_nodes", "tmpdir", "mem_mb", "runtime"}
    for rule in rules:
        assert set(rule.resources) <= known, rule.name


@pytest.fixture(scope="module")
def profiles(root):
    return {
        path.parent.name: yaml.safe_load(path.read_text())
        for path in (root / "profiles").glob("*/config.yaml")
    }


def test_no_profile_applies_by_itself(profiles):
    assert set(profiles) == {"local", "slurm", "slurm-gpu", "generic"}  # none is `default`


@pytest.mark.parametrize("name", CLUSTERS)
def test_jobs_of_seconds_travel_together_on_every_cluster(rules, profiles, name):
    groups = {rule._group for rule in rules if rule._group}
    assert set(profiles[name]["group-components"]) == groups


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_cluster_repeats_goes_on_and_waits_for_its_file_system(profiles, name):
    expected = {"retries": 2, "keep-going": True, "rerun-incomplete": True, "latency-wait": 60}
    assert expected.items() <= profiles[name].items()


def test_gpus_are_asked_for_where_there_are_opencl_kernels_and_for_data_sets_named_so(
    rules, profiles, root
):
    added = profiles["slurm-gpu"]
    assert set(added) == {"set-resources", "resources", "set-resource-scopes"}
    domains = {
        path.relative_to(root / "workflow/scripts/simlab").parts[0]
        for path in (root / "workflow/scripts/simlab").rglob("*.cl")
    }
    assert {name.split("_")[0] for name in added["set-resources"]} == domains
    assert set(added["set-resources"]) <= {rule.name for rule in rules}
    for resources in added["set-resources"].values():
        (expression,) = resources.values()
        for name, number in (("lines_opencl", 1), ("lines", 0)):
            assert eval(expression, {"wildcards": SimpleNamespace(dataset=name)}) == number


def test_the_submit_command_of_any_cluster_asks_for_what_the_rules_ask(profiles):
    command = profiles["generic"]["cluster-generic-submit-cmd"]
    wanted = {"threads", "resources.mem_mb", "resources.runtime"}
    assert set(re.findall(r"\{(.*?)\}", command)) == wanted


FATES = {
    "running": ("PENDING", "RUNNING", "COMPLETING", "STAGE_OUT", "RESV_DEL_HOLD", "REVOKED", "NEW"),
    "success": ("COMPLETED",),
    "failed": ("FAILED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "CANCELLED", "PREEMPTED"),
}


@pytest.mark.parametrize(
    ("state", "fate"), [(state, fate) for fate, states in FATES.items() for state in states]
)
@pytest.mark.parametrize("source", ["scontrol", "sacct"])
def test_only_jobs_that_ended_are_told_to_have_failed(source, state, fate, root, tmp_path):
    """Jobs in states that nobody thought of would run twice at a time if they were resubmitted."""
    known = {
        "scontrol": f"echo 'JobId=7 JobName=simlab JobState={state} Reason=None'",
        "sacct": f"echo '{state} by 1000'",
    }
    unknown = {"scontrol": "echo 'slurm_load_jobs error: Invalid job id specified'; exit 1"}
    for name in ("scontrol", "sacct"):
        command = known[name] if name == source else unknown.get(name, "true")
        (tmp_path / name).write_text(f"#!/bin/sh\n{command}\n")
        (tmp_path / name).chmod(0o755)
    told = subprocess.run(
        ["sh", root / "profiles" / "generic" / "status.sh", "7"],
        env={"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == f"{fate}\n"


def test_the_page_on_clusters_names_every_profile_group_and_number_that_it_quotes(
    root, rules, profiles
):
    page = (root / "docs" / "cluster.md").read_text()
    assert all(f"profiles/{name}`" in page for name in profiles)
    for rule in profiles["slurm-gpu"]["set-resources"]:
        assert f"`{rule}`" in page
    for group, components in profiles["slurm"]["group-components"].items():
        assert re.search(rf"`{group}`[^.]* by {components}\b", page), group
    assert f"{SNAKEMAKE_MB} MB for the two processes" in page
    for key in ("latency-wait", "cores"):
        assert re.search(rf"`{key}(: |` \(){profiles['slurm'][key]}\b", page), key
