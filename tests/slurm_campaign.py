"""Campaigns as jobs of the private cluster: how they start, what the accounting tells of them."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import NamedTuple

import psutil
import yaml

FIELDS = "JobID,JobName,State,ReqMem,TimelimitRaw,ReqTRES,Comment,WorkDir"
# memory and time for rules without their own; the site's names
SITE = (
    *("--default-resources", "slurm_account=lab", "slurm_partition=long"),
    *("mem_mb=600", "runtime=10"),
)
QUICK_STATUS = (
    *("--slurm-init-seconds-before-status-checks", "2"),
    *("--seconds-between-status-checks", "2"),
)


class Job(NamedTuple):
    """A job of the cluster as its accounting has it; `minutes` is the time it asked for."""

    id: str
    name: str
    state: str
    megabytes: int
    minutes: int
    tres: str
    what: str


def jobs_in(directory, environment):
    """All jobs that were submitted from `directory`, oldest first."""
    rows = subprocess.run(
        ["sacct", "-X", "-n", "-P", "--units=M", "-S", "now-1hour", "-o", FIELDS],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    jobs = []
    for row in rows:
        number, name, state, memory, minutes, tres, what, where = row.split("|")
        if where == str(directory):
            megabytes = int(memory.rstrip("M"))
            jobs.append(Job(number, name, state.split()[0], megabytes, int(minutes), tres, what))
    return jobs


class SlurmCampaign:
    """A campaign in a folder of its own, started again and again by the command of the profile."""

    def __init__(self, root, directory, campaign, environment):
        """Write `campaign`, a mapping, where `directory` says; `environment` is the cluster's."""
        self.root, self.directory, self.environment = root, directory, environment
        (directory / "campaign.yaml").write_text(yaml.safe_dump(campaign))

    def command(self, *words, profiles=("slurm",), options=(*QUICK_STATUS, *SITE)):
        """Command line of Snakemake: targets first, then options."""
        folders = [self.root / "profiles" / name for name in profiles]
        line = [
            *(sys.executable, "-m", "snakemake", *words),
            *("--snakefile", self.root / "Snakefile", "--directory", self.directory),
            *(word for folder in folders for word in ("--profile", folder)),
            *("--configfile", self.directory / "campaign.yaml", *options),
            *("--cores", "2"),  # of the only node
        ]
        return list(map(str, line))

    def run(self, *words, code=0, environment=None, **how):
        """What Snakemake printed, after it ended with `code`."""
        done = subprocess.run(
            self.command(*words, **how),
            cwd=self.directory,
            env=environment or self.environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self, *words, **how):
        """The running process, which Ctrl-C reaches even where tests run in the background."""
        return subprocess.Popen(
            self.command(*words, **how),
            cwd=self.directory,
            env=self.environment,
            stdout=open(self.directory / "started.log", "w"),
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )

    @property
    def started_log(self):
        """What the process of `start` has printed."""
        return (self.directory / "started.log").read_text()

    @property
    def jobs(self):
        """All jobs of this campaign, oldest first."""
        return jobs_in(self.directory, self.environment)

    def jobs_of(self, what):
        """Jobs whose comment names `what`."""
        return [job for job in self.jobs if what in job.what]

    def freeze(self, rule):
        """Stop a script of a job as a file system that does not answer would, for good."""
        stopped = wait_until(lambda: self._script_of(rule), f"a script of {rule}")
        stopped.suspend()
        return stopped

    def _script_of(self, rule):
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                its = any(word.endswith(f".{rule}.py") for word in process.cmdline())
                if its and process.cwd() == str(self.directory):
                    return process
        return None

    def active_jobs(self):
        """Ids of the jobs that wait or run."""
        return [job.id for job in self.jobs if job.state in ("PENDING", "RUNNING")]

    def used_megabytes(self, job):
        """Most memory of a job: that of Snakemake, and of the largest step beside it."""
        steps = subprocess.run(
            ["sacct", "-n", "-P", "--units=M", "-j", job.id, "-o", "JobID,MaxRSS"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        used = {name: float(size.rstrip("M") or 0) for name, size in (s.split("|") for s in steps)}
        return used[f"{job.id}.batch"] + max(used.values())

    def results(self, domain, name="tiny"):
        """Folder of a data set."""
        return self.directory / "results" / domain / name

    def unfinished(self):
        """Temporary files that a killed or cancelled job left."""
        return sorted(self.directory.glob("results/**/.*.part"))


def wait_until(found, what, seconds=240):
    """The first true value of `found()`."""
    deadline = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.1)
    return value


def bytes_of(folder):
    """{file: bytes} of a data set of halo maps, without the records, which tell run times."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json" and not path.match("shard_*.json")
    }


def of_cluster(home):
    """Environment in which sbatch, squeue and sacct talk to the cluster in `home`.

    Jobs keep compiled Python in a folder of the cluster: where Python is told to write none,
    each would compile the library and Snakemake's plugins again.
    """
    environment = {
        **os.environ,
        "SLURM_CONF": f"{home}/etc/slurm.conf",
        "PATH": f"{home}/bin:{os.environ['PATH']}",
        "PYTHONPYCACHEPREFIX": f"{home}/pycache",
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment
