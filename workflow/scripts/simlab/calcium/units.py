"""Which cells the ground truth keeps, and which of them can be detected."""

import numpy as np

from simlab.calcium.fields import sample_field_at
from simlab.calcium.kernels import footprints as kernels
from simlab.calcium.optics import DETECT_SNR_THRESHOLD, detection_snr


def unit_index(planted, margin, fov_shape):
    """Cells whose planted box overlaps the field of view, in order: int32 (n,)."""
    return np.flatnonzero(planted.overlaps(margin, margin, *fov_shape)).astype(np.int32)


def detectable_cells(
    acquisition, centers_um, *, emission, in_focus, brightness, photon_field, transmission, sensor
):
    """Whether the largest transient of each cell stands out of the noise of one pixel.

    Parameters
    ----------
    acquisition : Acquisition
    centers_um : (n, 3) float64
    emission : (n, T) float64 or None
        Unbleached traces; None: no cell is detectable.
    in_focus : (n,) bool or None
        Decides where there is no sensor; None: True.
    brightness : (n,) float64 or None
        Peak of a point source; None: 1.
    photon_field, transmission : (H, W) array or None
        Illumination times vignette; vessels. None: 1.
    sensor : Sensor or None

    Returns
    -------
    (n,) bool
        detection SNR >= 3 with G = brightness * field * transmission * photons * QE at the pixel
        nearest to the cell.
    """
    n = len(centers_um)
    if emission is None:
        return np.zeros(n, bool)
    if sensor is None:
        return np.ones(n, bool) if in_focus is None else in_focus.copy()
    camera = acquisition.image_sensor
    gain = np.ones(n) if brightness is None else brightness
    gain = gain * sample_field_at(photon_field, acquisition, centers_um)
    gain = gain * sample_field_at(transmission, acquisition, centers_um)
    gain = gain * (sensor.photons_per_unit * camera.quantum_efficiency)
    base = emission.min(axis=1)
    snr = detection_snr(emission.max(axis=1) - base, base, gain, camera.read_noise_e)
    return snr >= DETECT_SNR_THRESHOLD


def vessel_overlap(footprints, mask):
    """Share of each cell's light that vessels take: 1 - sum(A M) / sum(A), float64 (n,).

    Parameters
    ----------
    footprints : FootprintStack
        A, on the canvas.
    mask : (Hc, Wc) float64
        Transmission M.
    """
    whole, passed = kernels.weighted_sums(
        *(footprints.data, footprints.pointers, footprints.offsets, footprints.shapes, mask)
    )
    lost = np.zeros(len(footprints))
    np.divide(whole - passed, whole, out=lost, where=whole > 0)
    return lost
