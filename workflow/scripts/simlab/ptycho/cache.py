"""Memoization of functions that return `RawData`: equal arguments, one simulation.

A result lies in `{cache_dir}/{cache_prefix}_{key}.npz`. The key holds the arguments with defaults
applied and numbers normalized, the function and its version, the package and the version of the
detector noise, so that nothing outdated is found. Two processes that need the same result
compute it once.
"""

import fcntl
import functools
import hashlib
import inspect
import json
import logging
import os
from collections import namedtuple
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
from pydantic import BaseModel

from simlab import __version__
from simlab.core.errors import SimlabError
from simlab.ptycho.dataset import RawData, read_dataset, write_dataset
from simlab.ptycho.metadata import NOISE_VERSION

logger = logging.getLogger("simlab.ptycho")

CacheInfo = namedtuple("CacheInfo", "hits misses entries bytes")
CONTROLS = {"use_cache": True, "cache_dir": None}


def memoize_raw_data(
    *,
    default_cache_dir,
    cache_prefix,
    exclude_keys=None,
    cache_max_bytes=None,
    cache_version=1,
    check=None,
):
    """Decorator: store the `RawData` that a function returns, and read it in later calls.

    Calls accept `use_cache` (True; False neither reads nor writes) and `cache_dir` (None = the
    default), whether or not the function has them. The wrapper has `cache_info(cache_dir=None)`
    -> (hits, misses, entries, bytes) and `cache_clear(cache_dir=None)`.

    Parameters
    ----------
    default_cache_dir : path
        Relative to the working directory of the call.
    cache_prefix : str
    exclude_keys : iterable of str, optional
        Arguments that do not influence the result.
    cache_max_bytes : int, optional
        Size limit of this prefix in a directory; the entries used longest ago are removed.
    cache_version : int
        To be raised when the function's results change.
    check : function, optional
        Called with the arguments of every call, before a result is looked for, to refuse what
        has the key of an allowed call: 1.0 for 1.

    Raises
    ------
    TypeError
        An argument that has no key, naming it; a result that is no `RawData`.
    """
    excluded = {*CONTROLS, *(exclude_keys or ())}

    def decorate(function):
        signature = inspect.signature(function)
        origin = {
            "function": f"{function.__module__}.{function.__qualname__}",
            "cache_version": cache_version,
            "noise_version": NOISE_VERSION,
            "package": __version__,
        }
        counts = {"hits": 0, "misses": 0}

        def folder_of(cache_dir):
            return Path(default_cache_dir if cache_dir is None else cache_dir)

        def entries_of(cache_dir):
            return sorted(folder_of(cache_dir).glob(f"{cache_prefix}_*.npz"))

        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            controls = {key: kwargs.get(key, default) for key, default in CONTROLS.items()}
            foreign = {key for key in CONTROLS if key not in signature.parameters}
            kwargs = {key: value for key, value in kwargs.items() if key not in foreign}
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            controls |= {key: bound.arguments[key] for key in CONTROLS if key in bound.arguments}
            if check is not None:
                check(**{k: v for k, v in bound.arguments.items() if k not in CONTROLS})
            if not controls["use_cache"]:
                return _checked(function, function(*args, **kwargs))
            arguments = {k: v for k, v in bound.arguments.items() if k not in excluded}
            folder = folder_of(controls["cache_dir"])
            path = folder / f"{cache_prefix}_{cache_key(arguments, origin)}.npz"
            raw = _load(path)
            if raw is None:
                with _made(folder), _lock(path.with_suffix(".lock")):
                    raw = _load(path)  # another process may have computed it meanwhile
                    if raw is None:
                        counts["misses"] += 1
                        raw = _checked(function, function(*args, **kwargs))
                        write_dataset(path, raw)
                        logger.info("stored %s", path)
                        _evict(entries_of(controls["cache_dir"]), path, cache_max_bytes)
                        return raw
            counts["hits"] += 1
            logger.info("loaded %s", path)
            return raw

        def cache_info(cache_dir=None):
            """(hits, misses) of this process, (entries, bytes) of the directory."""
            sizes = [path.stat().st_size for path in entries_of(cache_dir)]
            return CacheInfo(counts["hits"], counts["misses"], len(sizes), sum(sizes))

        def cache_clear(cache_dir=None):
            """Remove the stored results of this function, and forget the counts."""
            for path in entries_of(cache_dir):
                path.unlink(missing_ok=True)
            counts.update(hits=0, misses=0)

        wrapper.cache_info, wrapper.cache_clear = cache_info, cache_clear
        return wrapper

    return decorate


def _checked(function, raw):
    if not isinstance(raw, RawData):
        raise TypeError(
            f"{function.__qualname__} returned {type(raw).__name__}, a RawData is expected"
        )
    return raw


@contextmanager
def _made(folder):
    """Folders that were made for the block are removed again if it fails and leaves them empty."""
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    except BaseException:
        with suppress(OSError):
            for path in new:
                path.rmdir()
        raise


def _load(path):
    """The stored result, or None if there is none that can be read."""
    if not path.exists():
        return None
    try:
        raw = read_dataset(path)
        os.utime(path)
    except FileNotFoundError:  # evicted meanwhile
        return None
    except SimlabError as error:
        logger.warning("cache entry cannot be used and is computed again: %s", error)
        return None
    return raw


@contextmanager
def _lock(path):
    """Hold the lock file; it is removed by its last holder, so its identity is checked."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = open(path, "w")  # noqa: SIM115 - closed when the lock is released
        except FileNotFoundError:  # a process that failed has removed the folder
            continue
        except OSError as error:
            raise SimlabError(f"cannot write the cache {path.parent}: {error.strerror}") from None
        fcntl.flock(stream, fcntl.LOCK_EX)
        try:
            if os.fstat(stream.fileno()).st_ino == os.stat(path).st_ino:
                break
        except FileNotFoundError:
            pass
        stream.close()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        stream.close()


def _evict(entries, kept, limit):
    if limit is None:
        return
    sizes = {path: path.stat() for path in entries}
    total = sum(entry.st_size for entry in sizes.values())
    for path in sorted(sizes, key=lambda entry: sizes[entry].st_mtime_ns):
        if total <= limit:
            return
        if path != kept:
            path.unlink(missing_ok=True)
            total -= sizes[path].st_size
            logger.info("removed %s from the cache, the limit is %d bytes", path, limit)


def cache_key(arguments, origin):
    """SHA-256 of arguments (defaults applied) and of the function's origin, hexadecimal."""
    values = {name: _own_form(value, name) for name, value in arguments.items()}
    text = json.dumps({"arguments": values, **origin}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _own_form(value, name):
    if isinstance(value, np.ndarray):
        return {"__ndarray__": _array_hash(value, name)}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, complex):
        return {"__complex__": [value.real, value.imag]}
    if isinstance(value, bool | str | None):
        return value
    if isinstance(value, int | float):
        # 1000 and 1000.0 are one number
        return int(value) if isinstance(value, float) and value.is_integer() else value
    if isinstance(value, os.PathLike):
        return {"__path__": os.fspath(value)}
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if isinstance(value, dict):
        return {"__dict__": {str(key): _own_form(item, name) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        return [_own_form(item, name) for item in value]
    raise TypeError(
        f"argument {name!r} of type {type(value).__name__} cannot be part of a cache key; "
        "pass use_cache=False or name it in exclude_keys"
    )


def _array_hash(array, name):
    if array.dtype.hasobject:
        raise TypeError(f"argument {name!r} is an array of Python objects, which has no cache key")
    return legacy_array_hash(array)


def legacy_array_hash(array):
    """SHA-256 over dtype, shape and C-ordered bytes of an array, hexadecimal."""
    array = np.asarray(array)
    description = {
        "dtype": str(array.dtype),
        "shape": list(array.shape),
        "sha256": hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest(),
    }
    return hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()


def legacy_cache_key(arguments):
    """The peer's key of a call: SHA-256 of the sorted JSON of its arguments as given.

    Parameters
    ----------
    arguments : mapping
        Name -> value, without use_cache, cache_dir and excluded ones; omitted defaults stay out.
    """
    text = json.dumps(_legacy_form(dict(arguments)), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _legacy_form(value):
    if isinstance(value, np.ndarray):
        return {"__ndarray__": legacy_array_hash(value)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {str(key): _legacy_form(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_legacy_form(item) for item in value]
    return value
