"""Consistency checks: one form for all domains, written before a failure is raised."""

from dataclasses import asdict, dataclass
from pathlib import Path

from simlab.core.errors import ChecksFailedError
from simlab.core.files import write_json

SKIPPED = "skipped: "


@dataclass(frozen=True)
class Check:
    """One consistency check of a data set.

    Attributes
    ----------
    id : str
        Short name, unique in its domain.
    what : str
        What is compared, in one sentence; begins with "skipped: " where it does not apply.
    measured, bound : number, text or None
        What was found and what is allowed; `measured` is None for a skipped check.
    unit : str
        Of both ("" = none).
    passed : bool
    worst_sample : str or int or None
        `id` in index.csv of the sample that is farthest off.
    """

    id: str
    what: str
    measured: float | str | None
    bound: float | str | None
    unit: str
    passed: bool
    worst_sample: str | int | None = None

    @property
    def skipped(self):
        """Whether the check did not apply."""
        return self.measured is None and self.what.startswith(SKIPPED)


@dataclass(frozen=True)
class Found:
    """What one check measured on one sample."""

    measured: float
    bound: float
    passed: bool

    @classmethod
    def at_most(cls, measured, bound):
        """`measured` passes unless it is above `bound`."""
        return cls(float(measured), bound, bool(measured <= bound))


@dataclass(frozen=True)
class NotHere:
    """Why a check does not apply to a sample."""

    reason: str


def skip(check_id, reason):
    """The row of a check that does not apply to this data set."""
    return Check(check_id, SKIPPED + reason, None, None, "", True)


def write_checks(path, checks):
    """Write all `checks` to `path`, or to checks.failed.json and raise if one failed.

    Snakemake deletes the outputs of a failed job, so a failing list has a name of its own; it is
    removed as soon as all pass.
    """
    path = Path(path)
    failures = path.with_name(f"{path.stem}.failed.json")
    failed = [check for check in checks if not check.passed]
    rows = [asdict(check) for check in checks]
    if failed:
        write_json(failures, rows)
        lines = ", ".join(
            f"{c.id} (measured {_short(c.measured)}, bound {_short(c.bound)})" for c in failed
        )
        raise ChecksFailedError(
            f"{len(failed)} of {len(checks)} checks failed: {lines}; see {failures}"
        )
    write_json(path, rows)
    failures.unlink(missing_ok=True)


def _short(value):
    return f"{value:.6g}" if isinstance(value, float) else str(value)
