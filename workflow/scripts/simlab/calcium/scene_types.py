"""What a scene holds: everything of a recording except its movie.

Arrays of cells run over all N cells of the canvas, those in the margin too; arrays of maps cover
the canvas (Hc, Wc) or the field of view (H, W). What a recording lacks is None.
"""

from dataclasses import dataclass, field

import numpy as np

from simlab.calcium.footprints import FootprintStack


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of the canvas.

    Attributes
    ----------
    centers_um : float64 (N, 3)
        Depth z, y and x, µm.
    amplitude : float64 (N,) or None
        Brightness of each cell, NaN-free; None without activity.
    sigma_px, gain, brightness : float64 (N,) or None
        Blur, px; collected fraction; peak of a point source. None without optics.
    in_focus : bool (N,) or None
    planted, observed : FootprintStack
        Footprints before and after optics; `observed` is None without optics.
    C, S : float64 (N, T), uint16 (N, T), or None
        Calcium and spikes per frame.
    B : float64 (N, T) or None
        Unbleached fraction.
    emission : float32 (T, N), array or RowReader, or None
        What the movie is made of: C or the saturated emission, times B. None without composite
        or without traces.
    """

    centers_um: np.ndarray
    amplitude: np.ndarray | None
    sigma_px: np.ndarray | None
    gain: np.ndarray | None
    brightness: np.ndarray | None
    in_focus: np.ndarray | None
    planted: FootprintStack
    observed: FootprintStack | None
    C: np.ndarray | None
    S: np.ndarray | None
    B: np.ndarray | None
    emission: object | None

    def __len__(self):
        return len(self.centers_um)

    @property
    def seen(self):
        """Footprints that the movie shows: the observed ones, or the planted ones."""
        return self.planted if self.observed is None else self.observed


@dataclass(frozen=True, eq=False)
class NeuropilField:
    """K background fields: spatial float64 (K, Hc, Wc), temporal (K, T), population (T,) or None.

    `temporal` may be a RowReader; frames t0 to t1 of it are `temporal[:, t0:t1]`.
    """

    spatial: np.ndarray
    temporal: np.ndarray
    population: np.ndarray | None


@dataclass(frozen=True, eq=False)
class VesselMask:
    """Transmission of the vessels: float64 (Hc, Wc), 1 where there is none."""

    mask: np.ndarray


@dataclass(frozen=True, eq=False)
class Motion:
    """Displacement of the content, px (down, right): float64 (T, 2), array or RowReader."""

    shifts: object


@dataclass(frozen=True, eq=False)
class Fields:
    """Fields of the sensor, float64 (H, W) each, None where the step is absent or did not run."""

    illumination: np.ndarray | None = None
    vignette: np.ndarray | None = None
    leakage: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Units:
    """Cells that the ground truth keeps.

    index int32 (n,) into the cells, detectable bool (n,), vessel_overlap float64 (n,) or None.
    """

    index: np.ndarray
    detectable: np.ndarray
    vessel_overlap: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Scene:
    """One recording without its movie; `simlab.calcium.scene.build_scene` makes it.

    Attributes
    ----------
    spec : Spec
    margin : int
        Pixels of canvas around the field of view, on each side.
    n_frames : int
    cells, neuropil, vessel, motion, fields, unit
        See the classes above; neuropil, vessel and motion are None where absent.
    focal_depth_um : float or None
        None without optics.
    noise_key : uint32 (2,)
        Key of the counter noise.
    rng_state : dict
        State of the sequential generator (PCG64) after all draws of the steps.
    ext : dict of str to array
        Truth of the extensions: exposure (T,) f8, emission (N, T) f8, hot_pixels (H, W) u2,
        dropped (T,) bool.
    until : str or None
        Stage (name or kind) after which the steps stopped; None if all ran.
    """

    spec: object
    margin: int
    n_frames: int
    cells: Cells
    neuropil: NeuropilField | None
    vessel: VesselMask | None
    motion: Motion | None
    fields: Fields
    unit: Units
    focal_depth_um: float | None
    noise_key: np.ndarray
    rng_state: dict
    ext: dict = field(default_factory=dict)
    until: str | None = None

    @property
    def n_units_canvas(self):
        """Number of cells on the canvas, N."""
        return len(self.cells)

    @property
    def fov_shape(self):
        """Height and width of the sensor, px."""
        sensor = self.spec.acquisition.image_sensor
        return sensor.n_px_height, sensor.n_px_width

    @property
    def canvas_shape(self):
        """Height and width of the canvas, px."""
        height, width = self.fov_shape
        return height + 2 * self.margin, width + 2 * self.margin
