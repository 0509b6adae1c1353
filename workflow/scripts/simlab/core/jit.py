"""Where compiled kernels are kept, and that a machine type compiles them once.

numba recompiles a cached function when its own source file changed, but not when only a function
it calls in another file did; and two processes that add different entries of one function at the
same time can leave one's machine code under the other's key. The cache therefore lies in a folder
named by a digest of the sources of all kernels and by the processor, and is written under a lock.
"""

import fcntl
import functools
import hashlib
import logging
import os
import shutil
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[1]
_kernels = {}
_lost = []  # errors of entries that could not be kept


def use_kernel_cache(domain, warm):
    """Point numba at the cache of these sources and this processor; called on import of kernels.

    The base is NUMBA_CACHE_DIR, else `.cache/simlab/numba` in the home directory, else, on file
    systems that are read-only or know no locks, the user's own folder under the system's temporary
    directory. Compiled kernels in a folder that cannot be used are copied to the one that is.

    Parameters
    ----------
    domain : str
    warm : function
        Compiles every kernel of the domain.
    """
    from numba import config
    from numba.core.caching import IndexDataCacheFile

    _kernels[domain] = warm
    config.CACHE_DIR = str(used_folder())
    if not hasattr(IndexDataCacheFile.save, "__wrapped__"):
        IndexDataCacheFile.save = _one_at_a_time(IndexDataCacheFile.save)


def compile_missing():
    """Compile all kernels of the imported domains, where no process of this machine type has yet.

    Others that ask meanwhile wait. What could not be kept is compiled again by the next.
    """
    if not _kernels:
        return
    from numba import config

    folder = Path(config.CACHE_DIR)
    for domain, warm in _kernels.items():
        # numba finds entries by the place of the sources: each copy of the repository compiles
        done = folder / f"{domain}-{_digest(str(LIBRARY).encode())}.compiled"
        if done.exists():
            continue
        with ExitStack() as stack:
            try:
                stack.enter_context(_locked(folder / f"{domain}.lock"))
            except OSError:  # the folder was removed meanwhile: each compiles what it needs
                continue
            if not done.exists():
                warm()
                if not _lost:
                    done.touch()


def _one_at_a_time(save):
    @functools.wraps(save)
    def locked_save(cache_file, key, data):
        try:
            with _locked(Path(cache_file._index_path).with_name("lock")):
                save(cache_file, key, data)
        except OSError as error:
            if not _lost:
                logging.getLogger(__name__).warning(
                    "compiled kernels are not kept: %s (%s)",
                    error.strerror or error,
                    error.filename,
                )
            _lost.append(error)

    return locked_save


@contextmanager
def _locked(path):
    with open(path, "a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


@functools.cache
def used_folder():
    """`cache_folder` of this process."""
    return cache_folder()


def cache_folder():
    """Folder of the compiled kernels; filled from a like one that can only be read."""
    name = f"{kernel_digest()}-{machine_type()}"
    folders = [base / name for base in _bases()]
    for number, folder in enumerate(folders):
        if _is_usable(folder):
            for unwritable in filter(Path.is_dir, folders[:number]):
                _fill(folder, unwritable)
            return folder
    return Path(tempfile.mkdtemp(prefix="simlab-numba-"))


def _bases():
    if os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(os.environ["NUMBA_CACHE_DIR"])
    yield Path(os.path.expanduser("~")) / ".cache" / "simlab" / "numba"
    yield _own_temporary()


def _own_temporary():
    return Path(tempfile.gettempdir()) / f"simlab-numba-{os.getuid()}"


def _is_usable(folder):
    """Whether `folder` can be written and locked; a temporary one also is no trap of others."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.parent == _own_temporary():
            if folder.parent.is_symlink() or folder.parent.stat().st_uid != os.getuid():
                return False
            folder.parent.chmod(0o700)
        with tempfile.TemporaryFile(dir=folder) as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
        return True
    except OSError:
        return False


def _fill(folder, source):
    """Copy compiled kernels into the empty `folder`, which appears filled or stays empty."""
    if any(folder.iterdir()):
        return
    part = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        for file in source.rglob("*.*"):
            target = part / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        os.rename(part, folder)
    except OSError:  # another process was first, or the disk is full: then it is compiled
        shutil.rmtree(part, ignore_errors=True)


@functools.cache
def kernel_digest():
    """Digest (12 hex digits) of the sources of the kernels of all domains."""
    digest = hashlib.sha256()
    for path in sorted([*LIBRARY.glob("*/kernels.py"), *LIBRARY.glob("*/kernels/**/*.py")]):
        digest.update(path.relative_to(LIBRARY).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def machine_type():
    """Name of the processor that kernels are compiled for, with a digest of its features."""
    from llvmlite import binding
    from numba import config

    name = config.CPU_NAME or binding.get_host_cpu_name()
    features = config.CPU_FEATURES
    if features is None:
        features = binding.get_host_cpu_features().flatten()
    return f"{name}-{_digest(features.encode())}"


def _digest(content):
    return hashlib.sha256(content).hexdigest()[:8]
