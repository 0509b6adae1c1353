"""Rows of an image or grid shared out to threads; no result depends on their number."""

import numba

from simlab.core.threads import over_items

ROWS = 8
"""Rows a thread takes at a time: few enough that no thread waits long for the last one."""


def over_rows(task, n):
    """Call `task(first, last)` for all of the rows 0 ... n - 1, as `core.threads.over_items`.

    A single thread takes all of them at once.
    """
    over_items(task, n, max(n, 1) if numba.get_num_threads() == 1 else ROWS)
