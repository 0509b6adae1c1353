"""Samples prepared ahead by worker processes, handed over in shared memory, in order."""

import contextlib
import itertools
import multiprocessing
import pickle
import queue
import time
from multiprocessing import shared_memory

from simlab.afm.errors import AfmConfigError, AfmPhysicsError

POLL_S = 0.1
GRACE_S = 5.0
END, FAILURE, SAMPLE = "end", "failure", "sample"


def is_indexable(samples):
    """Whether samples can be asked for by their number."""
    return hasattr(samples, "__getitem__") and hasattr(samples, "__len__")


def in_order(samples, first=0):
    """Samples of an iterable from number `first` on, made in this process when asked for."""
    if is_indexable(samples):
        return (samples[k] for k in range(first, len(samples)))
    return itertools.islice(iter(samples), first, None)


def prefetched(samples, n_loader, first=0):
    """Samples of an iterable from number `first` on, made ahead by worker processes.

    At most 2 n_loader samples wait. Numbered samples (`samples[k]`, `len`) are shared out among
    the workers, other iterables have one. Workers end when the iteration ends or is closed, and
    when this process ends. An error of a worker is raised here at its sample.

    Parameters
    ----------
    samples : iterable
        Must be picklable.
    n_loader : int
        Workers, >= 1.
    first : int

    Yields
    ------
    The samples, in their order.
    """
    shared_out = is_indexable(samples)
    n_workers = n_loader if shared_out else 1
    room = 2 if shared_out else 2 * n_loader
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    queues = [context.Queue(room) for _ in range(n_workers)]
    workers = [
        context.Process(
            target=_produce,
            args=(samples, first + k, n_workers if shared_out else None, queues[k], stop),
            daemon=True,
        )
        for k in range(n_workers)
    ]
    try:
        _start(workers)
        for k in itertools.count():
            kind, content = _received(queues[k % n_workers], workers[k % n_workers])
            if kind == END:
                return
            if kind == FAILURE:
                raise content
            yield content
    finally:
        stop.set()
        _end(workers, queues)


def _start(workers):
    try:
        for worker in workers:
            worker.start()
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise AfmConfigError(
            f"afm: sample_generator: cannot be sent to worker processes ({error}); expected a "
            "picklable object, or n_loader=0"
        ) from None


def _received(waiting, worker):
    while True:
        try:
            message = waiting.get(timeout=POLL_S)
            break
        except queue.Empty:
            if not worker.is_alive() and waiting.empty():
                raise AfmPhysicsError(
                    f"afm: sample_generator: a worker process ended with exit status "
                    f"{worker.exitcode} before its last sample; expected it to go on"
                ) from None
    kind, content, *block = message
    if kind == SAMPLE:
        return SAMPLE, _unpacked(content, *block)
    return kind, pickle.loads(content) if kind == FAILURE else None


def _end(workers, queues):
    """Wait until the workers ended, freeing what they still sent; then make them."""
    deadline = time.monotonic() + GRACE_S
    started = [worker for worker in workers if worker.pid is not None]
    while any(worker.is_alive() for worker in started) and time.monotonic() < deadline:
        for waiting in queues:
            _drain(waiting)
        time.sleep(POLL_S / 10)
    for worker in started:
        worker.terminate()
        worker.join()
    for waiting in queues:
        _drain(waiting)
        waiting.close()


def _drain(waiting):
    with contextlib.suppress(queue.Empty):
        while True:
            kind, _, *block = waiting.get_nowait()
            if kind == SAMPLE and block[0] is not None:
                memory = shared_memory.SharedMemory(block[0])
                memory.close()
                memory.unlink()


def _unpacked(content, name, sizes):
    """A sample from its pickle and the shared block with the bytes of its arrays."""
    if name is None:
        return pickle.loads(content)
    memory = shared_memory.SharedMemory(name)
    buffers, start = [], 0
    try:
        for size in sizes:
            buffers.append(bytearray(memory.buf[start : start + size]))
            start += size
    finally:
        memory.close()
        memory.unlink()
    return pickle.loads(content, buffers=buffers)


def _packed(sample):
    """(pickle, name of a shared block, sizes in it) of a sample."""
    buffers = []
    content = pickle.dumps(sample, protocol=5, buffer_callback=buffers.append)
    views = [buffer.raw() for buffer in buffers]
    sizes = [view.nbytes for view in views]
    if not sum(sizes):
        return pickle.dumps(sample), None, []
    memory = shared_memory.SharedMemory(create=True, size=sum(sizes))
    start = 0
    for view in views:
        memory.buf[start : start + view.nbytes] = view
        start += view.nbytes
    memory.close()
    return content, memory.name, sizes


def _produce(samples, first, step, waiting, stop):
    """Body of a worker: samples first, first + step, ...; all from `first` on without a step."""
    parent = multiprocessing.parent_process()

    def send(message):
        while not stop.is_set() and parent.is_alive():
            with contextlib.suppress(queue.Full):
                waiting.put(message, timeout=POLL_S)
                return True
        return False

    try:
        if step is None:
            made = itertools.islice(iter(samples), first, None)
        else:
            made = (samples[k] for k in range(first, len(samples), step))
        for sample in made:
            message = (SAMPLE, *_packed(sample))
            if not send(message):
                _discard(message)
                return
        send((END, None))
    except Exception as error:
        send((FAILURE, _sendable(error)))
    finally:
        # While the parent lives it empties the queue, so that no block of memory is forgotten.
        if not parent.is_alive():
            waiting.cancel_join_thread()


def _discard(message):
    if message[2] is not None:
        memory = shared_memory.SharedMemory(message[2])
        memory.close()
        memory.unlink()


def _sendable(error):
    try:
        content = pickle.dumps(error)
        pickle.loads(content)
    except Exception:
        content = pickle.dumps(AfmPhysicsError(f"{type(error).__name__}: {error}"))
    return content
