"""What a sample of a halo data set is, and how networks get it."""

from simlab.core.samples import SampleFiles
from simlab.halo.files.stats import load_normalization_stats
from simlab.halo.statistics import MAPS, denormalize, map_constants, normalize_sample

OPTIONS = ()


def sources(folder, index, arrays=None):
    """(Index, SampleFiles) of the maps of a data set, one halo in one orientation a row."""
    return index, SampleFiles(folder, arrays)


def normalizer(dataset):
    """z = (log10(x + 1) - mean) / std of the maps, by the data set's statistics files."""
    return MapNormalizer(load_normalization_stats(dataset.folder))


class MapNormalizer:
    """`statistics.normalize_sample` with constants, and its inverse.

    Parameters
    ----------
    stats : dict
        Of `load_normalization_stats`.
    """

    def __init__(self, stats):
        self.stats = stats

    def __call__(self, sample):
        """The sample with z of its maps, float32."""
        return normalize_sample(sample, self.stats)

    def inverse(self, sample):
        """Maps in Msun/h a fine pixel, float64; also of predictions, whatever axes come first."""
        return {
            name: denormalize(values, *map_constants(self.stats, name)) if name in MAPS else values
            for name, values in sample.items()
        }
