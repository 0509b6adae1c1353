"""Items shared out to threads; no result depends on the number of threads."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import numba


def over_items(task, n, step):
    """Call `task(first, last)` for ranges of at most `step` items that cover 0 ... n - 1.

    The work is done by numba.get_num_threads() threads. `task` must release the interpreter's
    lock and write its own items only. Threads live as long as the call: processes that fork
    later are not disturbed.
    """
    helpers = min(numba.get_num_threads(), -(-n // step)) - 1
    starts = iter(range(0, n, step))  # shared: taking the next one is atomic
    failures = []

    def work():
        try:
            for first in starts:
                task(first, min(first + step, n))
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


def in_order(task, items, ahead=2):
    """Yield `task(item)` for each of `items`, in their order.

    The work is done by numba.get_num_threads() threads, at most `ahead` results a thread before
    their turn; with one thread, by the caller. `task` should release the interpreter's lock.
    """
    threads = numba.get_num_threads()
    if threads == 1:
        yield from map(task, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        waiting = deque()
        try:
            for item in items:
                waiting.append(pool.submit(task, item))
                if len(waiting) >= threads * ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
