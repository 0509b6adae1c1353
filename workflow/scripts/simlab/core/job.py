"""What every `script:` job does around its work: logging, threads, a readable failure."""

import logging
import os
import resource
import sys
import time
import warnings
from contextlib import contextmanager

from simlab.core.errors import SimlabError
from simlab.core.jit import compile_missing


class JobLog:
    """The log of a job, which can also speak to the terminal that Snakemake runs on."""

    def __init__(self, logger, terminal):
        self._logger, self._terminal = logger, terminal
        self.info, self.warning = logger.info, logger.warning
        self.exception = logger.exception

    def say(self, text):
        """Print `text` on the terminal as well."""
        self._logger.info("%s", text)
        print(text, file=self._terminal, flush=True)


class TerminalWarnings(logging.Handler):
    """Prints every warning on the terminal, each text once.

    Parameters
    ----------
    terminal : text stream
    name : str
        Of the job, the beginning of the line.
    """

    def __init__(self, terminal, name):
        super().__init__(logging.WARNING)
        self._terminal, self._name, self._printed = terminal, name, set()

    def emit(self, record):
        """Print the first line of a warning; failures have a line of their own."""
        if record.levelno == logging.WARNING:
            self.tell(record.getMessage())

    def tell(self, text):
        """Print the first line of `text`, unless it was printed before."""
        text = text.splitlines()[0]
        if text not in self._printed:
            self._printed.add(text)
            print(f"{self._name}: warning: {text}", file=self._terminal, flush=True)


@contextmanager
def _warnings_on(terminal, name):
    library, handler = logging.getLogger("simlab"), TerminalWarnings(terminal, name)
    library.addHandler(handler)
    to_log = warnings.showwarning

    def show(message, category, *where):
        if issubclass(category, UserWarning):
            handler.tell(str(message))
        to_log(message, category, *where)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = to_log
        library.removeHandler(handler)


@contextmanager
def job(snakemake):
    """Send the job's output to its log file, limit numba's threads, say in one line how it failed.

    What simlab warns of is printed on the terminal too.

    Kernels that the script imported and nobody compiled on this type of machine are compiled first.

    Snakemake already exports OMP_NUM_THREADS and the like from the rule's `threads`.
    The log is line buffered, so the last line before a kill or a time-out is on disk.
    """
    if "numba" in sys.modules:
        import numba

        # numba refuses more threads than the CPUs it found, e.g. on a smaller node
        numba.set_num_threads(min(snakemake.threads, numba.config.NUMBA_NUM_THREADS))
    terminal = sys.stderr
    with open(snakemake.log[0], "w", buffering=1) as stream:
        sys.stdout = sys.stderr = stream
        logging.basicConfig(
            stream=stream, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
        )
        log = JobLog(logging.getLogger(snakemake.rule), terminal)
        wildcards = " ".join(f"{k}={v}" for k, v in snakemake.wildcards.items())
        name = f"{snakemake.rule} {wildcards}".rstrip()
        log.info(
            "start %s %s slurm_job=%s threads=%s",
            snakemake.rule,
            wildcards,
            os.environ.get("SLURM_JOB_ID", "-"),
            snakemake.threads,
        )
        start = time.perf_counter()
        try:
            compile_missing()
            with _warnings_on(terminal, name):
                yield log
        except SimlabError as error:
            log.exception("failed after %.1f s", time.perf_counter() - start)
            print(f"{name}: {error}", file=terminal, flush=True)
            raise SystemExit(1) from None
        except BaseException as error:
            log.exception("failed after %.1f s", time.perf_counter() - start)
            text = f"{type(error).__name__}: {error}".splitlines()[0]
            print(f"{name}: {text} (traceback in {snakemake.log[0]})", file=terminal, flush=True)
            raise SystemExit(1) from None
        log.info("done in %.1f s, %.2f CPU s, %.0f MB", time.perf_counter() - start, *_used())


def _used():
    """CPU seconds of this process from its start and of its children, and the most memory, MB."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = sum(used.ru_utime + used.ru_stime for used in usage)
    return seconds, max(used.ru_maxrss for used in usage) * 1024 / 1e6
