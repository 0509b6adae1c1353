"""Where compiled kernels are kept.

numba recompiles a cached function when its own source file changed, but not when only a function
it calls in another file did. The cache therefore lies in a folder named by a digest of the sources
of all kernels: changed sources never meet old machine code.
"""

import functools
import hashlib
import os
import tempfile
from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[1]


def use_kernel_cache():
    """Point numba at the cache of these sources; a cache that cannot be written is replaced.

    The base is NUMBA_CACHE_DIR, else `.cache/simlab/numba` in the home directory, else, on
    read-only file systems, a folder of its own under the system's temporary directory.
    """
    from numba import config

    config.CACHE_DIR = str(next(filter(_is_writable, _candidates())))


def _candidates():
    digest = kernel_digest()
    if os.environ.get("NUMBA_CACHE_DIR"):
        yield Path(os.environ["NUMBA_CACHE_DIR"]) / digest
    home = os.path.expanduser("~")
    yield Path(home) / ".cache" / "simlab" / "numba" / digest
    yield Path(tempfile.gettempdir()) / f"simlab-numba-{os.getuid()}" / digest
    yield Path(tempfile.mkdtemp(prefix="simlab-numba-"))


def _is_writable(folder):
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@functools.cache
def kernel_digest():
    """Digest (12 hex digits) of the sources of the kernels of all domains."""
    digest = hashlib.sha256()
    for path in sorted([*LIBRARY.glob("*/kernels.py"), *LIBRARY.glob("*/kernels/**/*.py")]):
        digest.update(path.relative_to(LIBRARY).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
