"""What a sample of a data set of calcium movies is, and how networks get it."""

from simlab.core.normalization import Linear, number_of, read_statistics, standard
from simlab.core.samples import SampleFiles

OPTIONS = ()


def sources(folder, index, arrays=None):
    """(Index, SampleFiles) of the recordings of a data set, one a row."""
    return index, SampleFiles(folder, arrays)


def normalizer(dataset):
    """Counts, and intensities before digitization, by mean and standard deviation."""
    path, content = read_statistics(dataset.folder)
    counts = standard(*(number_of(path, content, name) for name in ("mean", "std")))
    constants = {"observed": counts, "noisy": counts}
    if content.get("clean"):
        constants["clean"] = standard(
            *(number_of(path, content, "clean", name) for name in ("mean", "std"))
        )
    return Linear(constants)
