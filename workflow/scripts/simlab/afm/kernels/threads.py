"""Rows of an image or grid shared out to threads; no result depends on their number."""

from concurrent.futures import ThreadPoolExecutor

import numba

ROWS = 8
"""Rows a thread takes at a time: few enough that no thread waits long for the last one."""


def over_rows(task, n):
    """Call `task(first, last)` for all of the rows 0 ... n - 1, on numba.get_num_threads() threads.

    `task` must release the interpreter's lock and write its own rows only.
    """
    threads = numba.get_num_threads()
    if threads == 1 or n <= ROWS:
        task(0, n)
        return
    bounds = [(first, min(first + ROWS, n)) for first in range(0, n, ROWS)]
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(task, *rows) for rows in bounds]:
            done.result()
