"""Reading ahead: the next item is made in a thread while the present one is used."""

from concurrent.futures import ThreadPoolExecutor

END = object()


def prefetched(iterable):
    """Yield the items of `iterable`, each of which a thread makes while the one before is used.

    Exactly one item is made ahead. An exception of the source is raised in its place. When the
    consumer stops early, the thread ends and the source, if it is a generator, is closed. Nothing
    starts before the first item is asked for.
    """
    source = iter(iterable)
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as reader:
        try:
            ahead = reader.submit(next, source, END)
            while (item := ahead.result()) is not END:
                ahead = reader.submit(next, source, END)
                yield item
        finally:
            # In the same thread, so after an item that is still being made.
            close = getattr(source, "close", None)
            if close is not None:
                reader.submit(close).result()
