"""What a sample of a lensing data set is, and how networks get it."""

import re

import numpy as np

from simlab.core.errors import ConfigError
from simlab.core.normalization import Linear, number_of, read_statistics, standard
from simlab.core.samples import SampleFiles

OPTIONS = ()
PICTURES = ("images", "original", "actual", "apparent")
"""Arrays in gray levels."""
LABEL = re.compile(r"(alpha|beta)\[(\d+)\]\[(\d+)\]")


def sources(folder, index, arrays=None):
    """(Index, SampleFiles) of the pictures of a data set, one row of the table each."""
    return index, SampleFiles(folder, arrays)


class Normalizer(Linear):
    """As `Linear`, but amplitudes become asinh(z), float32.

    The median and the scale of most rows leave z of up to 1e8 in the others: amplitudes go as
    R^-m with the distance R from the lens, so that those of high orders differ most between rows.

    Parameters
    ----------
    constants : mapping of str to (shift, factor)
        Of pictures, as of `Linear`.
    amplitudes : mapping of str to (shift, factor)
        Of alpha and beta.
    """

    def __init__(self, constants, amplitudes):
        super().__init__(constants)
        self.amplitudes = dict(amplitudes)

    def __call__(self, sample):
        """The sample with z, or asinh(z), in place of x."""
        return self._compressed(
            super().__call__(sample),
            lambda x, shift, factor: np.arcsinh((np.float64(x) - shift) * factor).astype("f4"),
        )

    def inverse(self, sample):
        """x, float64, of those arrays of a sample or batch."""
        return self._compressed(
            super().inverse(sample),
            lambda z, shift, factor: np.sinh(np.float64(z)) / factor + shift,
        )

    def _compressed(self, sample, function):
        return {
            name: function(values, *self.amplitudes[name]) if name in self.amplitudes else values
            for name, values in sample.items()
        }


def normalizer(dataset):
    """Pictures by mean and standard deviation, amplitudes as asinh((x - median)/scale)."""
    path, content = read_statistics(dataset.folder)
    images = content.get("images")
    channels = len(images.get("mean") or ()) if isinstance(images, dict) else 0
    mean, std = (
        [number_of(path, content, "images", name, k) for k in range(max(channels, 1))]
        for name in ("mean", "std")
    )
    if channels == 1:
        (mean,), (std,) = mean, std
    constants = dict.fromkeys(PICTURES, standard(mean, std))
    return Normalizer(constants, _amplitudes(dataset, path, content))


def _amplitudes(dataset, path, content):
    """{alpha, beta: (shift, factor)}, in the order of the shards: by m, then s."""
    labels = sorted(
        (match[1], int(match[2]), int(match[3]))
        for match in map(LABEL.fullmatch, content.get("amplitudes", ()))
        if match
    )
    if dataset.arrays is not None and not {"alpha", "beta"} & set(dataset.arrays):
        return {}
    if labels and dataset.manifest["spec"]["simulator"].get("amplitude_units") == "lens":
        raise ConfigError(
            f"{path}: amplitudes are in lens-plane units (amplitude_units: lens), those of the "
            "samples are angular; they cannot be normalized, choose `arrays` without them"
        )
    constants = {}
    for name in ("alpha", "beta"):
        own = [f"{kind}[{m}][{s}]" for kind, m, s in labels if kind == name]
        median, scale = (
            [number_of(path, content, "amplitudes", label, what) for label in own]
            for what in ("median", "scale")
        )
        if own:
            constants[name] = standard(median, scale)
    return constants
