import threading
import time

import pytest

from simlab.halo.streaming import prefetched


def test_items_come_in_order_and_none_is_lost():
    assert list(prefetched(range(100))) == list(range(100))
    assert list(prefetched([])) == []


def test_items_are_made_in_another_thread_exactly_one_ahead():
    made, threads = [], set()

    def source():
        for item in range(5):
            threads.add(threading.get_ident())
            made.append(item)
            yield item

    stream = prefetched(source())
    assert made == []
    for item in stream:
        deadline = time.monotonic() + 10
        while len(made) < min(item + 2, 5) and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.02)
        assert made == list(range(min(item + 2, 5)))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_an_exception_of_the_source_comes_in_its_place():
    def source():
        yield 1
        yield 2
        raise OSError("disk gone")

    stream = prefetched(source())
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(OSError, match="disk gone"):
        next(stream)


def test_stopping_early_ends_the_thread_and_closes_the_source():
    closed = []

    def source():
        try:
            yield from range(1000)
        finally:
            closed.append(threading.current_thread().name)

    before = threading.active_count()
    stream = prefetched(source())
    assert next(stream) == 0
    assert threading.active_count() == before + 1
    stream.close()
    assert threading.active_count() == before
    assert len(closed) == 1
    assert closed[0].startswith("prefetch")


def test_an_error_of_the_consumer_ends_the_thread():
    before = threading.active_count()
    stream = prefetched(iter(range(10)))
    with pytest.raises(ZeroDivisionError):
        for item in stream:
            1 / item
    stream.close()
    assert threading.active_count() == before
