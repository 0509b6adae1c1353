"""Commands run where one folder is a small disk that fills up under every file they write."""

import functools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOOK = Path(__file__).parent / "fault_disk"
MOUNT = 'mkdir -p "$FULL_DISK" && mount -t tmpfs -o size="$SIZE" tmpfs "$FULL_DISK"'

TOLD = (
    r"(: |^Error: )cannot write \S+\.\w+: No space left on device$"
    r"|: not all of its \d+ frames could be written; is the disk full\?$"  # OpenCV does not know
)


@functools.cache
def namespace():
    """Command prefix after which mounts are private and vanish with the last process."""
    for prefix in (["unshare", "-m"], ["unshare", "-rm"]):
        tried = subprocess.run(
            [*prefix, "sh", "-c", MOUNT],
            env={**os.environ, "SIZE": "64k", "FULL_DISK": "/tmp"},
            capture_output=True,
            check=False,
        )
        if tried.returncode == 0:
            return prefix
    pytest.skip("neither root nor user namespaces may mount here")


def on_small_disk(script, disk, size, *, cwd, **variables):
    """Run a shell script where `disk` is an empty tmpfs of `size`; the finished process."""
    return subprocess.run(
        [*namespace(), "sh", "-c", f"{MOUNT} || exit 99\n{script}"],
        env={
            **os.environ,
            "PYTHON": sys.executable,
            "FULL_DISK": str(disk),
            "SIZE": size,
            **{key: str(value) for key, value in variables.items()},
        },
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def fill_at_every_file(report, rooms, sizes=None):
    """Variables with which Python meets a full disk at every file (`fault_disk`)."""
    variables = {
        "FULL_DISK_REPORT": report,
        "FULL_DISK_ROOM": " ".join(map(str, rooms)),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(HOOK), os.environ.get("PYTHONPATH")])),
    }
    return variables if sizes is None else {**variables, "FULL_DISK_SIZES": sizes}


def sizes_below(folder, file):
    """Write {path: bytes} of all files below `folder`, but Snakemake's own, as JSON into `file`."""
    sizes = {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".snakemake_timestamp"
    }
    file.write_text(json.dumps(sizes))
    return file


def entries_of(report):
    """What became of every file that met the full disk."""
    return [json.loads(line) for line in report.read_text().splitlines()]


def assert_clean_failure(entry):
    """One line that names a file and the cause, exit code 1, and nothing changed on the disk.

    Where a job writes several files at a time, it is one of them.
    """
    lines = entry["stderr"].splitlines()
    assert entry["code"] == 1, entry
    assert len(lines) == 1, entry
    assert re.search(TOLD, lines[0]), entry
    assert entry["left"] == [], entry
    assert entry["changed"] == [], entry
