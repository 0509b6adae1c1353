"""A thread that works on the latest request only."""

import logging
import threading

log = logging.getLogger("simlab.lensing.explorer")


class LatestWins:
    """Works on one request at a time; a newer one replaces the one that waits.

    Parameters
    ----------
    work : callable
        request -> iterable of results. Between two results the rest is given up if a newer request
        waits.
    deliver : callable
        Called in the thread with (request, result) for each; an exception of `work` is a result.
    """

    def __init__(self, work, deliver):
        self._work, self._deliver = work, deliver
        self._changed = threading.Condition()
        self._waiting, self._closed = [], False
        self._thread = threading.Thread(target=self._run, name="explorer", daemon=True)
        self._thread.start()

    def submit(self, request):
        """Ask for `request`; never waits."""
        with self._changed:
            self._waiting = [request]
            self._changed.notify()

    def close(self):
        """End the thread after the result it is computing."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    @property
    def is_superseded(self):
        """Whether a newer request waits, or nobody listens any more."""
        return self._closed or bool(self._waiting)

    def _run(self):
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self.is_superseded)
                if self._closed:
                    return
                request = self._waiting.pop()
            try:
                for result in self._work(request):
                    self._deliver(request, result)
                    if self.is_superseded:
                        break
            except Exception as error:
                # a thread that ended would leave a page that never answers again
                log.debug("request failed", exc_info=True)
                self._deliver(request, error)
