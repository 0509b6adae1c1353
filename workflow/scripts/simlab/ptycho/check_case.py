"""The subject of the checks: a data set, what it was made from, and values worth computing once."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from simlab.core.random import generator
from simlab.ptycho.config import DatasetConfig
from simlab.ptycho.forward import ForwardModel
from simlab.ptycho.photons import counts_of
from simlab.ptycho.statistics import frame_statistics

PATCHES = "ground_truth_patches"
PICKED = 16
READ_PIXELS = 1 << 22
INTEGER_BOUND = 4e-7
"""Relative error of counts that follow from amplitudes of single precision."""


@dataclass(frozen=True)
class Case:
    """A data set and what it was made from.

    Attributes
    ----------
    dataset : DatasetConfig
    objects : complex64 (H, W) or (K, H, W)
    probe : complex64 (N, N) or (P, N, N)
    positions, report, scales, normalization : dict
        Content of positions.npz, positions.json, scale.json, normalization.json.
    splits : (M,) str
    frames : source of per-frame arrays
        diff3d and, if stored, ground_truth_patches, frame_scale; see `files.shards.FrameFiles`.
    mask : uint8 (N, N) or None
        The user's detector mask.
    file_problems : list of str
        What is wrong with simulated.h5: data contract, content of the files it was made from.
    measured : dict or None
        diffraction, xcoords, ycoords of the source file, if it holds measured frames, and domain,
        what its floating-point frames are.
    """

    dataset: DatasetConfig
    objects: np.ndarray
    probe: np.ndarray
    positions: dict
    report: dict
    scales: dict
    normalization: dict
    splits: np.ndarray
    frames: object
    mask: np.ndarray | None
    file_problems: list
    measured: dict | None

    @property
    def side(self):
        """Side N of probe and patterns, px."""
        return self.probe.shape[-1]

    @property
    def count(self):
        """Number of frames M."""
        return len(self.positions["xcoords"])

    @cached_property
    def model(self):
        """The forward model that made the frames, on the CPU."""
        return self.model_for(self.objects, self.probe)

    def model_for(self, objects, probe):
        """The forward model of other objects and probe with the same settings."""
        return ForwardModel(
            objects,
            probe,
            seed=self.dataset.seed,
            nphotons=self.dataset.detector.nphotons,
            detector=self.dataset.detector,
            mask=self.mask,
            subpixel=self.dataset.subpixel,
            measurement=self.dataset.output.measurement,
            counts_dtype=self.dataset.output.counts_dtype,
            fft=self.dataset.fft,
        )

    @cached_property
    def picked(self):
        """Sorted frames that single-frame checks look at, (min(16, M),)."""
        rng = generator(self.dataset.seed, "ptycho.checks", 0)
        return np.sort(rng.choice(self.count, min(PICKED, self.count), replace=False))

    def where(self, rows):
        """x, y, object_index of `rows`."""
        keys = ("xcoords", "ycoords", "object_index")
        return [self.positions[key][rows] for key in keys]

    def scale_of(self, rows):
        """Factor from amplitude to sqrt(counts) of `rows`, float64 (m,)."""
        if "frame_scale" in self.frames.keys:
            return self.frames.read("frame_scale")[rows]
        return np.full(len(rows), self.scales["intensity_scale"])

    def counts_of(self, stored, rows):
        """Counts of stored frames `stored` of `rows`, float64."""
        return counts_of(stored, self.dataset.output.measurement, self.scale_of(rows))

    @cached_property
    def stored_picked(self):
        """Stored measurement of the picked frames, (m, N, N)."""
        return self.take("diff3d", self.picked)

    def take(self, key, rows):
        """Rows of a per-frame array."""
        return self.frames.take(key, rows)

    @cached_property
    def expected_picked(self):
        """Noise-free intensity A^2 of the picked frames, float64 (m, N, N)."""
        x, y, index = self.where(self.picked)
        return self.model.expected(x, y, index)

    @property
    def valid(self):
        """Pixels that neither beamstop nor mask hides, bool (N, N)."""
        mask = self.model.detector_mask
        return np.ones((self.side, self.side), bool) if mask is None else mask.astype(bool)

    def blocks(self, count):
        """(first, stop) of blocks of `count` frames that fit into memory."""
        step = max(1, READ_PIXELS // self.side**2)
        return [(first, min(first + step, count)) for first in range(0, count, step)]

    @cached_property
    def frame_values(self):
        """Per-frame statistics and largest deviation from whole counts, read from the file."""
        parts, deviations = [], []
        detector = self.dataset.detector
        for first, stop in self.blocks(self.count):
            rows = np.arange(first, stop)
            stored = self.frames.read("diff3d", first, stop)
            counts = self.counts_of(stored, rows)
            whole = np.rint(counts)
            deviations.append(_worst(np.abs(counts - whole) / np.maximum(whole, 1)))
            patches = self.frames.read(PATCHES, first, stop)[..., 0] if self.stored else None
            exact = whole if detector.poisson else counts
            limit = detector.saturation
            if limit is not None:  # what amplitudes of single precision tell apart
                limit *= 1 - INTEGER_BOUND
            parts.append(frame_statistics(stored, exact, patches, limit))
        values = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        scale = self.scale_of(np.arange(self.count))
        return {**values, "deviation": np.concatenate(deviations), "frame_scale": scale}

    @property
    def stored(self):
        """Whether the ground-truth patches are stored."""
        return PATCHES in self.frames.keys


def _worst(values):
    return values.reshape(len(values), -1).max(axis=1)
