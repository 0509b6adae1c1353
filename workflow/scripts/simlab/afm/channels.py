"""The channels of a data set: images by tip and slice, then descriptors."""

from dataclasses import dataclass

import numpy as np

from simlab.afm.aux_options import channel_names
from simlab.afm.statistics import axis_of


@dataclass(frozen=True)
class Channels:
    """What the arrays of a data set hold, from its configuration and its elements.

    Attributes
    ----------
    tips : list of str
    depth : int
        Images of a stack, nz'.
    z_mean : (nz',) list of float
        Mean height of each image below the top of the scan, Å.
    descriptors : list of str
        Names of the descriptor channels.
    ranges : list of (low, high)
        Closed range of each descriptor channel, infinite where there is none.
    floors : list of float
        Background of each descriptor channel.
    """

    tips: list
    depth: int
    z_mean: list
    descriptors: list
    ranges: list
    floors: list

    @property
    def df(self):
        """Number of images of a sample."""
        return len(self.tips) * self.depth

    @property
    def axes(self):
        """Histogram axes of the descriptor channels."""
        return [axis_of(bounds) for bounds in self.ranges]


def channels_of(dataset, aux_maps, elements):
    """Channels of a DatasetConfig with its descriptors `aux_maps`; `elements`: Z of all atoms."""
    simulator = dataset.simulator
    middle = (simulator.n_weights - 1) / 2
    return Channels(
        tips=[tip.name for tip in dataset.tips],
        depth=simulator.depth,
        z_mean=[(j + middle) * simulator.dz for j in range(simulator.depth)],
        descriptors=channel_names(dataset.aux_maps),
        ranges=[bounds for aux_map in aux_maps for bounds in aux_map.closed_range(elements)],
        floors=[aux_map.floor for aux_map in aux_maps for _ in range(aux_map.n_channels)],
    )


def stacked_images(X):
    """Images (n_tip nz', nx, ny) of stacks (n_tip, nx, ny, nz')."""
    return np.moveaxis(X, -1, 1).reshape(-1, *X.shape[1:3])


def stacked_maps(Y):
    """Descriptor channels (n_channels, nx, ny) float32 of a list of maps."""
    planes = [np.moveaxis(y, -1, 0) if y.ndim == 3 else y[None] for y in Y]
    return np.concatenate(planes).astype(np.float32, copy=False)
