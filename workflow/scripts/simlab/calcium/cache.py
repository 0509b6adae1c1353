"""Recordings kept in a directory under the key of their specification."""

import os
import warnings
from pathlib import Path

from simlab.calcium.errors import RecordingFileError
from simlab.calcium.files.recordings import FORMAT_VERSION
from simlab.calcium.recording import FormatWarning, Recording
from simlab.calcium.simulation import ENGINE_VERSION, simulate
from simlab.core.errors import InputFileError

VARIABLES = ("SIMLAB_CALCIUM_CACHE", "MINISIM_CACHE")
DEFAULT_DIRECTORY = "~/.cache/minisim"


def cache_dir():
    """Directory of cached recordings; it need not exist.

    The first of $SIMLAB_CALCIUM_CACHE and $MINISIM_CACHE that is not empty, else
    ~/.cache/minisim.
    """
    chosen = (os.environ.get(name) for name in VARIABLES)
    return Path(next(filter(None, chosen), DEFAULT_DIRECTORY)).expanduser()


def cache_path(spec, root=None):
    """File of a specification below `root` (default: `cache_dir()`).

    Files of other versions of the format or of the numbers lie in other subdirectories.
    """
    root = cache_dir() if root is None else Path(root).expanduser()
    return root / f"simlab-v{FORMAT_VERSION}-e{ENGINE_VERSION}" / f"{spec.cache_key()}.h5"


def simulate_cached(spec, *, root=None):
    """The recording of a specification: loaded if it is there, else simulated and kept.

    A file that cannot be read, or is not the whole recording of this specification, is replaced
    after a FormatWarning. Two processes may make the same file at once; the last one stays.

    Parameters
    ----------
    spec : Spec
    root : path, optional
        Directory, by default `cache_dir()`; made if needed.

    Returns
    -------
    Recording
        Loaded from the file in both cases: its movie is read when it is used.
    """
    path = cache_path(spec, root)
    if path.exists():
        try:
            return _whole_recording(path, spec)
        except (InputFileError, OSError) as error:
            warnings.warn(f"simulated again, because {error}", FormatWarning, stacklevel=2)
    simulate(spec).save(path)
    return Recording.load(path, strict=True)


def _whole_recording(path, spec):
    recording = Recording.load(path, strict=True)
    if recording.spec.cache_key() != spec.cache_key():
        raise RecordingFileError(f"{path}: recording of another specification")
    if recording.until:
        raise RecordingFileError(f"{path}: recording that stopped after {recording.until}")
    return recording
