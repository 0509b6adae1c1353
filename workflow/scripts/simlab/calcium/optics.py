"""What the objective makes of cells: focal plane, blur and brightness, detectability."""

from dataclasses import dataclass

import numpy as np

from simlab.calcium.fields import sample_field_at
from simlab.calcium.footprints import FootprintStack
from simlab.calcium.kernels import footprints as kernels
from simlab.core.threads import over_items

DETECT_SNR_THRESHOLD = 3.0
"""Transient over noise of one pixel above which a cell counts as detectable."""
CANDIDATES = 96
CELLS_AT_A_TIME = 16


@dataclass(frozen=True, eq=False)
class View:
    """How n cells are seen.

    Attributes
    ----------
    sigma_px : float64 (n,)
        Standard deviation of the blur, px.
    gain : float64 (n,)
        Share of a cell's light that is collected.
    brightness : float64 (n,)
        Peak of a point source at the cell.
    in_focus : bool (n,)
    """

    sigma_px: np.ndarray
    gain: np.ndarray
    brightness: np.ndarray
    in_focus: np.ndarray


def detection_snr(peak, base, gain, read_e):
    """Signal over noise of a transient: peak G / sqrt(max(base, 0) G + read^2).

    Parameters
    ----------
    peak, base : float or array
        Height of the transient and fluorescence below it, intensity units.
    gain : float or array
        Electrons per intensity unit, G.
    read_e : float or array
        Read noise, electrons RMS.

    Returns
    -------
    float64 or array
        Where the noise is 0: infinite if there is signal, else 0.
    """
    signal = np.multiply(peak, gain, dtype=np.float64)
    noise = np.sqrt(np.maximum(base, 0.0) * np.asarray(gain, np.float64) + np.square(read_e))
    signal, noise = np.broadcast_arrays(signal, noise)
    silent = np.where(signal > 0, np.inf, 0.0)
    return np.divide(signal, noise, out=silent, where=noise > 0)[()]


def effective_depths(acquisition, centers_um):
    """Focal depth on the axis that brings each cell into focus: z + curvature shift, µm (n,)."""
    radius = np.hypot(centers_um[:, 1], centers_um[:, 2])
    return centers_um[:, 0] + acquisition.optics.focal_curvature_shift_um(radius)


def find_focus(acquisition, centers_um, emission, photon_field, sensor):
    """Depth of the focal plane on the optical axis, µm.

    "auto" without cells is 0, without traces or sensor the median effective depth, else that of
    96 depths over the range of the cells at which most cells have a detection SNR >= 3 (of equal
    ones the one with the largest sum of their signals, then the shallowest).

    Parameters
    ----------
    acquisition : Acquisition
    centers_um : (n, 3) float64
    emission : (n, T) float64 or None
        Unbleached traces.
    photon_field : (H, W) array or None
        Product of illumination and vignette; None: 1.
    sensor : Sensor or None

    Returns
    -------
    float
    """
    optics, tissue = acquisition.optics, acquisition.tissue
    if acquisition.focal_depth_in_tissue_um != "auto":
        return float(acquisition.focal_depth_in_tissue_um)
    if len(centers_um) == 0:
        return 0.0
    depths = effective_depths(acquisition, centers_um)
    if sensor is None or emission is None:
        return float(np.median(depths))
    z = centers_um[:, 0]
    sharp = optics.diffraction_sigma_um**2 + tissue.scatter_sigma_um(z) ** 2
    electrons = sensor.photons_per_unit * acquisition.image_sensor.quantum_efficiency
    full = tissue.attenuation(z) * optics.collection_efficiency * electrons
    full = full * sample_field_at(photon_field, acquisition, centers_um)
    base = emission.min(axis=1)
    peak = emission.max(axis=1) - base
    best, focus = (-1, 0.0), 0.0
    for depth in np.linspace(depths.min(), depths.max(), CANDIDATES):
        gain = full * (sharp / (sharp + (optics.na * (depths - depth)) ** 2))
        snr = detection_snr(peak, base, gain, acquisition.image_sensor.read_noise_e)
        seen = snr >= DETECT_SNR_THRESHOLD
        score = int(seen.sum()), float((peak * gain)[seen].sum())
        if score > best:
            best, focus = score, float(depth)
    return focus


def view_cells(acquisition, centers_um, focal_depth_um):
    """Blur, brightness and focus of cells (n, 3) under a focal plane: a View."""
    optics = acquisition.optics
    z = centers_um[:, 0]
    focus = focal_depth_um - (effective_depths(acquisition, centers_um) - z)
    sigma_px, brightness = acquisition.cell_optics(z, focus)
    gain = acquisition.tissue.attenuation(z) * optics.collection_efficiency
    return View(sigma_px, gain, brightness, np.abs(z - focus) <= optics.dof_um)


def blur_footprint(patch, offset, canvas_shape, sigma_px, gain):
    """Observed footprint of one cell: gain * Gaussian blur of its planted patch.

    Light that is blurred past the edge of the canvas is lost.

    Parameters
    ----------
    patch : (h, w) array
    offset : tuple of 2 int
        Row and column of its first pixel on the canvas.
    canvas_shape : tuple of 2 int
    sigma_px, gain : float

    Returns
    -------
    patch : (H, W) float32
        Grown by ceil(4 sigma) + 1 on each side, as far as the canvas goes.
    offset : tuple of 2 int
    """
    stack = FootprintStack.from_patches([patch], [offset], canvas_shape)
    blurred = blur_footprints(stack, np.array([sigma_px]), np.array([gain]))
    return blurred.patch(0), tuple(map(int, blurred.offsets[0]))


def blur_footprints(planted, sigma_px, gain):
    """`blur_footprint` of every cell of a FootprintStack; computed in float64.

    Parameters
    ----------
    planted : FootprintStack
    sigma_px, gain : (n,) float64

    Returns
    -------
    FootprintStack
        Empty footprints stay empty.
    """
    reach = (np.ceil(4 * np.asarray(sigma_px)).astype(np.int64) + 1)[:, None]
    start = np.maximum(planted.offsets - reach, 0)
    stop = np.minimum(planted.offsets + planted.shapes + reach, planted.canvas_shape)
    empty = (planted.shapes == 0).any(axis=1)
    start[empty] = stop[empty] = 0
    shapes = stop - start
    pointers = np.concatenate(([0], np.cumsum(np.prod(shapes, axis=1))))
    data = np.empty(pointers[-1], np.float32)
    inner = planted.offsets - start

    def blur(first, last):
        cells = slice(first, last)
        bounds = slice(first, last + 1)
        kernels.blur_all(
            *(planted.data, planted.pointers[bounds], planted.shapes[cells]),
            *(sigma_px[cells], gain[cells], inner[cells]),
            *(data, pointers[bounds], shapes[cells]),
        )

    over_items(blur, len(planted), CELLS_AT_A_TIME)
    return FootprintStack(
        start.astype(np.int32), shapes.astype(np.int32), data, planted.canvas_shape
    )


def resting_focus(acquisition, centers_um):
    """Focal plane for vessels where cells are not blurred, µm.

    The depth given, else the median depth of the cells, 0 without any.
    """
    if acquisition.focal_depth_in_tissue_um != "auto":
        return float(acquisition.focal_depth_in_tissue_um)
    return float(np.median(centers_um[:, 0])) if len(centers_um) else 0.0
