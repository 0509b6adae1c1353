"""A flipped bit, which no time of change betrays, is found by `verify` and mended by a new run."""

import json
import os
import random
import re

import pytest
from five_domains import DOMAINS, manifests

pytestmark = pytest.mark.full

PROBLEM = re.compile(r"^ *(results/\S+): content differs .*?(?:; delete (\S+) too)?$", re.MULTILINE)


def flip_a_bit(path, chosen):
    """Change one bit of a file and neither its size nor its times."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[chosen.randrange(len(content))] ^= 1 << chosen.randrange(8)
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def files_of(directory):
    """Every published file that is not empty, of all domains."""
    for domain in DOMAINS:
        folder = directory / "results" / domain / "tiny"
        for name in json.loads((folder / "manifest.json").read_text())["files"]:
            if (folder / name).stat().st_size:
                yield folder / name


def mend(directory, report):
    """Delete what the report tells to; returns the files that it calls damaged."""
    damaged = set()
    for name, together in PROBLEM.findall(report):
        damaged.add(directory / name)
        for file in filter(None, (name, together)):
            (directory / file).unlink(missing_ok=True)
    return damaged


def one_of_each_kind(files):
    kinds = {}
    for file in files:
        kinds.setdefault((file.parts[-2], re.sub(r"\d+|[0-9a-f]{16}", "", file.name)), file)
    return set(kinds.values())


@pytest.mark.parametrize("chosen_files", [one_of_each_kind, set], ids=["kinds", "all"])
def test_verify_names_every_damaged_file_and_a_run_restores_it(
    chosen_files, run_campaign, copied, undisturbed
):
    chosen = random.Random(1)
    damaged = chosen_files(list(files_of(copied)))
    assert len(damaged) > 50
    for file in sorted(damaged):
        flip_a_bit(file, chosen)
    assert "Nothing to be done" in run_campaign(copied)
    report = run_campaign(copied, "verify", code=1)
    assert mend(copied, report) == damaged
    run_campaign(copied)
    assert "verified" in run_campaign(copied, "verify")
    assert manifests(copied) == manifests(undisturbed)


def test_one_bit_is_enough(run_campaign, copied):
    (file,) = (f for f in files_of(copied) if f.name == "00001.h5" and "ptycho" in f.parts)
    content = bytearray(file.read_bytes())
    flip_a_bit(file, random.Random(2))
    assert sum((a ^ b).bit_count() for a, b in zip(content, file.read_bytes(), strict=True)) == 1
    report = run_campaign(copied, "verify", code=1)
    assert mend(copied, report) == {file}
    assert report.count("content differs") == 1
