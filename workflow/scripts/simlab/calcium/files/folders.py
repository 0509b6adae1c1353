"""Folders that appear complete, or not at all."""

import os
import shutil
import uuid
from contextlib import contextmanager, suppress
from pathlib import Path

from simlab.core.errors import SimlabError


@contextmanager
def atomic_folder(path):
    """Yield a temporary sibling of `path`; rename it onto `path` if the block succeeds.

    What the block writes there may be a folder or a file; what was at `path` is replaced. A block
    that fails leaves `path` as it was. SimlabError if the path cannot be written.
    """
    path = Path(path)
    mark = uuid.uuid4().hex[:8]
    part, old = (
        path.with_name(f".{path.stem}.{mark}.{what}{path.suffix}") for what in ("part", "old")
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        if path.exists():
            os.replace(path, old)
        os.replace(part, path)
    except OSError as error:
        if isinstance(error, SimlabError):
            raise
        raise SimlabError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if old.exists() and not path.exists():
            os.replace(old, path)
        _discard(part)
        _discard(old)


def _discard(path):
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):
        path.unlink(missing_ok=True)
