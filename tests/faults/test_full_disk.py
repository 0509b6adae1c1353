"""A full disk leaves what was there, no half file, and one line that says so; at every writer."""

import json

import pytest
import yaml
from afm_commands import PARAMETERS
from calcium_finished import SPEC
from fault_helpers_disk import (
    HOOK,
    assert_clean_failure,
    entries_of,
    fill_at_every_file,
    on_small_disk,
    sizes_below,
)
from five_domains import WHOLE, manifests
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


LONG_WRITE = """
import sys
import numpy as np
from simlab.core.errors import SimlabError
from simlab.core.hdf5 import create_hdf5

begun = 0
try:
    with create_hdf5(sys.argv[1]) as file:
        file.create_dataset("x", (1 << 15, 8192), "f8", chunks=(1, 8192))
        for row in range(1 << 15):
            begun += 1
            file["x"][row] = row
except SimlabError as error:
    print(begun)
    sys.exit(f"Error: {error}")
"""


def test_a_long_write_ends_soon_after_the_disk_is_full(tmp_path):
    """It has 2 GiB to write, of which 2 MiB fit; as much again may wait in caches."""
    (tmp_path / "long.py").write_text(LONG_WRITE)
    done = on_small_disk(
        '"$PYTHON" long.py "$FULL_DISK/a.h5"; code=$?; ls -A "$FULL_DISK"; exit $code',
        tmp_path / "disk", "2m", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    (told,) = done.stderr.splitlines()
    assert told == f"Error: cannot write {tmp_path}/disk/a.h5: No space left on device"
    assert 16 < int(done.stdout) < 64


RUN = (
    '"$PYTHON" -m snakemake --snakefile "$SNAKEFILE" --configfile campaign.yaml --cores 1 '
    "--scheduler greedy --rerun-incomplete"
)


@pytest.fixture(scope="module")
def undisturbed(root, tmp_path_factory):
    """Folder of a small campaign of all domains that nothing went wrong with."""
    return run_campaign(root, tmp_path_factory.mktemp("undisturbed"), WHOLE)


@pytest.mark.full
def test_no_job_of_a_campaign_leaves_anything_on_a_full_disk(undisturbed, root, tmp_path):
    (tmp_path / "campaign.yaml").write_text(yaml.safe_dump(WHOLE))
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


@pytest.mark.full
def test_a_campaign_goes_on_where_the_disk_was_full_once_there_is_room(undisturbed, root, tmp_path):
    (tmp_path / "campaign.yaml").write_text(yaml.safe_dump({"ptycho": WHOLE["ptycho"]}))
    done = on_small_disk(
        f'{RUN}\necho "first run: $?"\nls -AR results > after\n'
        f'mount -o remount,size=50m "$FULL_DISK"\n{RUN} && cp results/ptycho/tiny/manifest.json .',
        tmp_path / "results", "600k", cwd=tmp_path, SNAKEFILE=root / "Snakefile",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "first run: 1" in done.stdout
    told = [line for line in done.stderr.splitlines() if "No space left on device" in line]
    assert told
    assert all(": cannot write results/ptycho/tiny/" in line for line in told)
    assert ".part" not in (tmp_path / "after").read_text()
    assert (tmp_path / "manifest.json").read_bytes() == manifests(undisturbed)["ptycho"]


COMMANDS = {
    "afm": 'afm simulate -i "$ROOT/resources/afm/molecules/formic_acid.xyz" -o out --df --force',
    "calcium": "calcium simulate spec.json -o movie.h5",
    "video": "calcium video spec.json movie.avi --no-progress",
    "lensing": "lensing datagen -i rows.csv -D png --out s.h5 -o r.csv -Z 64",
    "ptycho": "ptycho lines --output-dir out --n-images 8 --force",
}
INPUTS = {
    "afm": {"params.ini": PARAMETERS},
    "calcium": {"spec.json": json.dumps(SPEC)},
    "video": {"spec.json": json.dumps(SPEC)},
    "lensing": {
        "rows.csv": "index,filename,lens,source,einsteinradius,x,y,sigma\n"
        "1,a.png,SIS,Spherical,9,6,3,3\n"
    },
    "ptycho": {},
}


@pytest.mark.full
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_keeps_what_it_would_have_replaced_on_a_full_disk(name, root, tmp_path):
    for file, text in INPUTS[name].items():
        (tmp_path / file).write_text(text)
    report = tmp_path / "report"
    command = f'"$PYTHON" -m simlab.cli {COMMANDS[name]}'
    done = on_small_disk(
        f'cp -r params.ini spec.json rows.csv "$FULL_DISK" 2> none\ncd "$FULL_DISK"\n'
        f"{command} && {command} && ls -AR",
        tmp_path / "disk", "60m", cwd=tmp_path, ROOT=root, **fill_at_every_file(report, (0,)),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert ".part" not in done.stdout
    entries = entries_of(report)
    assert len(entries) >= 2
    for entry in entries:
        assert_clean_failure(entry)
        assert entry["stderr"].startswith("Error: ")
