"""Reading HDF5 files of others: whatever h5py finds wrong becomes one error with the path."""

from contextlib import contextmanager

import h5py


@contextmanager
def reading_hdf5(path, error):
    """The file `path` opened for reading; `error` for anything but intact HDF5.

    Errors of the block itself pass through, those of h5py inside it do not.
    """
    try:
        file = h5py.File(path, "r")
    except OSError as problem:
        raise error(f"{path}: not an HDF5 file, or truncated ({problem})") from None
    with file:
        try:
            yield file
        except (OSError, RuntimeError, KeyError, ValueError) as problem:
            if not _raised_by_h5py(problem):
                raise
            raise error(f"{path}: damaged ({problem})") from None


def _raised_by_h5py(problem):
    """Whether an error comes from the file; h5py has no error classes of its own."""
    trace = problem.__traceback__
    while trace.tb_next is not None:
        trace = trace.tb_next
    return "h5py" in trace.tb_frame.f_code.co_filename
