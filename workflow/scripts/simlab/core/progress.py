"""Progress of work that takes longer than a few seconds."""

import logging
import sys
import time

LINE_EVERY_S = 10.0

log = logging.getLogger("simlab.progress")


def progress(iterable, total, what, enabled=True):
    """Iterate over `iterable`, showing how far `what` is.

    A bar on a terminal, else a log line every 10 s. `total` counts the items of `iterable`
    (None: unknown).
    """
    if not enabled:
        yield from iterable
    elif sys.stderr.isatty():
        yield from _bar(iterable, total, what)
    else:
        yield from _lines(iterable, total, what)


def _bar(iterable, total, what):
    from rich.console import Console
    from rich.progress import track

    yield from track(
        iterable, description=what, total=total, console=Console(stderr=True), transient=True
    )


def _lines(iterable, total, what):
    start = last = time.monotonic()
    for done, item in enumerate(iterable, start=1):
        yield item
        now = time.monotonic()
        if now - last >= LINE_EVERY_S:
            last = now
            of = f" of {total} ({100 * done / total:.0f} %)" if total else ""
            log.info("%s: %d%s in %.0f s", what, done, of, now - start)
