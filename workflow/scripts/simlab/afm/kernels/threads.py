"""Rows of an image or grid shared out to threads; no result depends on their number."""

from threading import Thread

import numba

ROWS = 8
"""Rows a thread takes at a time: few enough that no thread waits long for the last one."""


def over_rows(task, n):
    """Call `task(first, last)` for all of the rows 0 ... n - 1, on numba.get_num_threads() threads.

    `task` must release the interpreter's lock and write its own rows only. Threads live as long as
    the call: processes that fork later are not disturbed.
    """
    helpers = min(numba.get_num_threads(), -(-n // ROWS)) - 1
    if helpers < 1:
        task(0, n)
        return
    starts = iter(range(0, n, ROWS))  # shared: taking the next one is atomic
    failures = []

    def work():
        try:
            for first in starts:
                task(first, min(first + ROWS, n))
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=work) for _ in range(helpers)]
    for thread in threads:
        thread.start()
    work()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
