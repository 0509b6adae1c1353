"""What a sample of a ptychography data set is, and how networks get it."""

from simlab.core.normalization import Linear, number_of, read_statistics
from simlab.core.samples import SampleFiles

OPTIONS = ()
MEASUREMENTS = ("diff3d", "diffraction")
"""Names of the patterns, by contract."""


def sources(folder, index, arrays=None):
    """(Index, SampleFiles) of the patterns of a data set, one a row."""
    return index, SampleFiles(folder, arrays)


def normalizer(dataset):
    """x_full_scale times the stored measurement: the mean sum of its squares is (N/2)^2."""
    path, content = read_statistics(dataset.folder)
    factor = number_of(path, content, "x_full_scale")
    return Linear(dict.fromkeys(MEASUREMENTS, (0.0, factor)))
