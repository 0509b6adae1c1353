"""The report in a real browser: its sections are there and its scripts run without an error."""

import re
import shutil
import subprocess

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(CHROMIUM is None, reason="not installed: chromium"),
]


def test_the_report_opens_with_its_sections_and_no_console_error(
    copy_of, small, snakemake, tmp_path
):
    snakemake("--report", "report.html", campaign=small, directory=copy_of)
    done = subprocess.run(
        [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr"),
            *("--virtual-time-budget=5000", "--dump-dom", f"file://{copy_of / 'report.html'}"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    body = done.stdout[done.stdout.index("<body") :]
    visible = re.sub(r"<script.*?</script>", "", body, flags=re.DOTALL)
    for section in ("Checks", "Previews", "Normalization"):
        assert section in visible
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    assert not [line for line in console if "rror" in line], console
