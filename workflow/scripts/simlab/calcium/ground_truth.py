"""The ground truth of a recording."""

from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import numpy as np

from simlab.calcium.errors import RecordingFileError
from simlab.calcium.files.recordings import Truth
from simlab.calcium.footprints import FootprintStack
from simlab.calcium.optics import blur_footprints

PER_UNIT = (
    *("C", "S", "centers_um", "amplitude_per_cell", "in_focus", "detectable"),
    *("observed_sigma_px", "observed_gain", "bleaching"),
)
WHOLE = (
    *("shifts", "illumination", "vignette", "leakage", "vasculature_mask"),
    *("vessel_overlap_fraction", "neuropil_spatial", "neuropil_temporal", "neuropil_population"),
)
ALWAYS = PER_UNIT[:6]
ARRAYS = (*PER_UNIT, *WHOLE)
"""Arrays of the ground truth in the order of the file."""


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """What made a recording; n units (cells whose planted box overlaps the field of view).

    Attributes
    ----------
    planted : FootprintStack
        Footprints before optics, on the canvas.
    fov_offset, fov_shape : tuple of 2 int
        Place of the field of view on the canvas, and its size, px.
    C, S : float64 (n, T)
        Calcium trace and spikes per frame; zeros without activity.
    centers_um : float64 (n, 3)
        Depth, y, x, µm.
    amplitude_per_cell : float64 (n,)
        Brightness; NaN without activity.
    in_focus, detectable : bool (n,)
    observed_sigma_px, observed_gain : float64 (n,) or None
        Blur, px, and collected fraction of each unit; None without optics.
    bleaching : float64 (n, T) or None
        Unbleached fraction.
    shifts : float64 (T, 2) or None
        Displacement of the content, px (down, right).
    illumination, vignette, leakage, vasculature_mask : float64 (H, W) or None
    vessel_overlap_fraction : float64 (n,) or None
        Share of each unit's light that vessels take.
    neuropil_spatial, neuropil_temporal, neuropil_population : float64 (K, H, W), (K, T), (T,)
        Background; None where absent.
    focal_depth_um : float or None
    ext : dict of str to array
        Truth of the extensions: exposure (T,), emission (n, T), hot_pixels (H, W), dropped (T,).
    """

    planted: FootprintStack
    fov_offset: tuple
    fov_shape: tuple
    C: np.ndarray
    S: np.ndarray
    centers_um: np.ndarray
    amplitude_per_cell: np.ndarray
    in_focus: np.ndarray
    detectable: np.ndarray
    observed_sigma_px: np.ndarray | None = None
    observed_gain: np.ndarray | None = None
    bleaching: np.ndarray | None = None
    shifts: np.ndarray | None = None
    illumination: np.ndarray | None = None
    vignette: np.ndarray | None = None
    leakage: np.ndarray | None = None
    vasculature_mask: np.ndarray | None = None
    vessel_overlap_fraction: np.ndarray | None = None
    neuropil_spatial: np.ndarray | None = None
    neuropil_temporal: np.ndarray | None = None
    neuropil_population: np.ndarray | None = None
    focal_depth_um: float | None = None
    ext: dict = field(default_factory=dict)

    @property
    def n_units(self):
        """Number of units."""
        return len(self.centers_um)

    @property
    def depth_um(self):
        """Depth of each unit below the surface, µm (n,)."""
        return self.centers_um[:, 0]

    @cached_property
    def A_observed_sparse(self):
        """Footprints after optics on the canvas: FootprintStack; the planted ones without."""
        if self.observed_sigma_px is None:
            return self.planted
        return blur_footprints(self.planted, self.observed_sigma_px, self.observed_gain)

    @cached_property
    def A_planted(self):
        """Footprints before optics in the field of view, float32 (n, H, W)."""
        return self._in_view(self.planted).to_dense()

    @cached_property
    def A_observed(self):
        """Footprints after optics in the field of view, float32 (n, H, W)."""
        return self._in_view(self.A_observed_sparse).to_dense()

    def A_csr(self):
        """Footprints after optics in the field of view, scipy CSR float32 (n, H * W)."""
        return self._in_view(self.A_observed_sparse).to_csr()

    def _in_view(self, stack):
        return stack.crop(*self.fov_offset, *self.fov_shape)

    def detectable_subset(self):
        """The ground truth of the detectable units only."""
        kept = self.detectable
        units = {
            name: getattr(self, name)[kept]
            for name in (*PER_UNIT, "vessel_overlap_fraction")
            if getattr(self, name) is not None
        }
        ext = {
            name: values[kept] if name == "emission" else values
            for name, values in self.ext.items()
        }
        return replace(self, planted=self.planted.select(kept), ext=ext, **units)

    def content(self):
        """The ground truth as a recording file holds it: files.recordings.Truth."""
        planted = self.planted
        return Truth(
            arrays={name: getattr(self, name) for name in self.present},
            planted={
                "offsets": planted.offsets,
                "shapes": planted.shapes,
                "data": planted.data,
                "canvas_shape": planted.canvas_shape,
                "fov_offset": self.fov_offset,
                "fov_shape": self.fov_shape,
            },
            ext=self.ext,
            focal_depth_um=self.focal_depth_um,
        )

    @property
    def present(self):
        """Names of the arrays that are there, in the order of the file."""
        return [name for name in ARRAYS if getattr(self, name) is not None]

    @classmethod
    def from_content(cls, truth):
        """The ground truth in a files.recordings.Truth; RecordingFileError if it is not whole."""
        absent = [name for name in ALWAYS if name not in truth.arrays]
        if absent:
            raise RecordingFileError(f"the ground truth lacks {', '.join(absent)}")
        planted = dict(truth.planted)
        offset, shape = planted.pop("fov_offset"), planted.pop("fov_shape")
        known = {f.name for f in fields(cls)}
        return cls(
            planted=FootprintStack(**planted),
            fov_offset=offset,
            fov_shape=shape,
            **{name: values for name, values in truth.arrays.items() if name in known},
            ext=dict(truth.ext),
            focal_depth_um=None if truth.focal_depth_um is None else float(truth.focal_depth_um),
        )
