"""Where the time of a simulation goes."""

import time
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass

from simlab.core.files import write_json


@dataclass
class Span:
    """Time spent in one phase.

    Attributes
    ----------
    name : str
    domain : str or None
        cell, tissue, motion or sensor; None for phases of no domain.
    seconds : float
        Wall time of all calls.
    calls : int
    """

    name: str
    domain: str | None = None
    seconds: float = 0.0
    calls: int = 0


class PerfTracker:
    """Wall time per phase. `spans` maps names to Span, in the order they were first seen."""

    def __init__(self):
        self.spans = {}

    @contextmanager
    def measure(self, name, domain=None):
        """Add the time of the block to phase `name`, also if the block raises."""
        span = self.spans.setdefault(name, Span(name, domain))
        start = time.perf_counter()
        try:
            yield
        finally:
            span.seconds += time.perf_counter() - start
            span.calls += 1

    def total_seconds(self):
        """Wall time of all phases; they never overlap."""
        return sum(span.seconds for span in self.spans.values())

    def report(self):
        """A table of all phases, the slowest first, as text."""
        if not self.spans:
            return "no spans recorded"
        total = self.total_seconds()
        rows = [
            (span.name, span.domain or "-", span.calls, span.seconds)
            for span in sorted(self.spans.values(), key=lambda span: -span.seconds)
        ]
        rows.append(("total", "", sum(row[2] for row in rows), total))
        width = max(len(row[0]) for row in rows)
        lines = [f"{'phase':<{width}} {'domain':<6} {'calls':>7} {'seconds':>9} {'%':>5}"]
        for name, domain, calls, seconds in rows:
            share = 100 * seconds / total if total else 0.0
            lines.append(f"{name:<{width}} {domain:<6} {calls:>7} {seconds:>9.3f} {share:>5.1f}")
        return "\n".join(lines)

    __str__ = report

    def to_json(self, path):
        """Write all phases in the order they were first seen: seconds, calls and domain."""
        spans = [asdict(span) for span in self.spans.values()]
        write_json(path, {"format": 1, "total_seconds": self.total_seconds(), "spans": spans})


def measure(perf, name, *, domain=None):
    """Context manager that adds the time of its block to `name` of `perf`; nothing for None."""
    return nullcontext() if perf is None else perf.measure(name, domain)
