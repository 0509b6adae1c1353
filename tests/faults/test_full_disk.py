"""A full disk leaves what was there, no half file, and one line that says so; at every writer."""

import json

import pytest
import yaml
from fault_helpers_disk import (
    HOOK,
    assert_clean_failure,
    entries_of,
    fill_at_every_file,
    on_small_disk,
    sizes_below,
)
from five_domains import CAMPAIGN, manifests
from workflow_jobs import run_campaign

CORE = ("a.txt", "a.json", "a.csv", "a.npz", "deflated.npz", "a.h5", "checks.json",
        "statistics.html", "manifest.json")  # fmt: skip
WRITE = '"$PYTHON" "$WRITERS" "$FULL_DISK" "$PWD/job.log"'


def test_no_kind_of_file_is_left_half_or_lost_on_a_full_disk(tmp_path, run):
    (tmp_path / "whole").mkdir()
    run_once = on_small_disk(
        f'{WRITE} && cp "$FULL_DISK"/* whole', tmp_path / "disk", "20m", cwd=tmp_path,
        WRITERS=HOOK / "writers.py",
    )  # fmt: skip
    assert run_once.returncode == 0, run_once.stderr
    sizes = sizes_below(tmp_path / "whole", tmp_path / "sizes.json")
    report = tmp_path / "report"
    done = on_small_disk(
        f'{WRITE} && cmp "$FULL_DISK/a.h5" whole/a.h5', tmp_path / "disk", "20m", cwd=tmp_path,
        WRITERS=HOOK / "writers.py", **fill_at_every_file(report, (0, 0.4, 0.95), sizes),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    entries = entries_of(report)
    for entry in entries:
        assert_clean_failure(entry)
    for existed in (False, True):
        assert {entry["file"] for entry in entries if entry["existed"] == existed} == set(CORE)


RUN = (
    '"$PYTHON" -m snakemake --snakefile "$SNAKEFILE" --configfile campaign.yaml --cores 1 '
    "--scheduler greedy --rerun-incomplete"
)


@pytest.fixture(scope="module")
def undisturbed(root, tmp_path_factory):
    """Folder of a small campaign of all domains that nothing went wrong with."""
    return run_campaign(root, tmp_path_factory.mktemp("undisturbed"), CAMPAIGN)


@pytest.mark.full
def test_no_job_of_a_campaign_leaves_anything_on_a_full_disk(undisturbed, root, tmp_path):
    (tmp_path / "campaign.yaml").write_text(yaml.safe_dump(CAMPAIGN))
    sizes = sizes_below(undisturbed / "results", tmp_path / "sizes.json")
    report = tmp_path / "report"
    done = on_small_disk(
        f"{RUN} && mkdir kept && cp -r results kept", tmp_path / "results", "100m", cwd=tmp_path,
        SNAKEFILE=root / "Snakefile", **fill_at_every_file(report, (0, 0.6), sizes),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    entries = entries_of(report)
    for entry in entries:
        assert_clean_failure(entry)
    assert manifests(tmp_path / "kept") == manifests(undisturbed)
    met = {entry["file"] for entry in entries}
    assert met.issuperset(name for name in json.loads(sizes.read_text()))
