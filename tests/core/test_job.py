"""What a job says on the terminal."""

import logging
import sys
import time
from types import SimpleNamespace

import pytest

from simlab.core.costs import DONE
from simlab.core.errors import ConfigError
from simlab.core.job import job


@pytest.fixture
def snakemake(tmp_path, monkeypatch):
    """A job, and streams that are put back after it."""
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    return SimpleNamespace(
        log=[tmp_path / "job.log"], threads=1, rule="afm_shard", wildcards={"dataset": "one"}
    )


def test_a_warning_is_printed_once_on_the_terminal_and_other_lines_are_not(snakemake, capsys):
    library = logging.getLogger("simlab.afm")
    with job(snakemake) as log:
        library.warning("charges add up to %.1f e", 0.1)
        library.warning("charges add up to %.1f e", 0.1)
        library.info("sample 1 of 2")
        log.info("wrote a file")
    library.warning("after the job")
    assert capsys.readouterr().err == ("afm_shard dataset=one: warning: charges add up to 0.1 e\n")


def test_a_failure_is_one_line(snakemake, capsys):
    with pytest.raises(SystemExit), job(snakemake):
        raise ConfigError("scan_dim is 0, expected a whole number above 0")
    assert capsys.readouterr().err == (
        "afm_shard dataset=one: scan_dim is 0, expected a whole number above 0\n"
    )


def test_the_log_ends_with_what_the_process_used(snakemake, monkeypatch):
    monkeypatch.setattr(logging.root, "handlers", [])
    spent = time.process_time()
    with job(snakemake):
        sum(range(3_000_000))
    ((cpu, megabytes),) = DONE.findall(snakemake.log[0].read_text())
    assert float(cpu) >= spent - 0.1
    assert 20 < float(megabytes) < 20_000
