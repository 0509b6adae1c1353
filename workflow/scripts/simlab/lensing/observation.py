"""What a telescope adds to a picture: blurring, sky, photon and read noise."""

import math

import numpy as np
from scipy.ndimage import gaussian_filter

from simlab.lensing.postprocess import to_uint8

FWHM_OF_SIGMA = 2 * math.sqrt(2 * math.log(2))
REACH = 6.0
"""Standard deviations at which the PSF ends."""


def blur(image, fwhm):
    """A picture seen with a Gaussian PSF; float64, dark around it.

    Parameters
    ----------
    image : (h, w[, 3])
    fwhm : float
        Full width at half maximum, px.
    """
    return gaussian_filter(
        image.astype(np.float64),
        fwhm / FWHM_OF_SIGMA,
        mode="constant",
        truncate=REACH,
        axes=(0, 1),
    )


def observe(image, observation, rng):
    """A picture with the effects of an observation, in the order PSF, sky, Poisson, read noise.

    Parameters
    ----------
    image : float32 or uint8 (h, w[, 3])
        Gray levels.
    observation
        With attributes psf_fwhm (px), sky (gray levels), gain (photons per gray level, None = no
        photon noise), read_noise (standard deviation, gray levels).
    rng : numpy.random.Generator
        Draws the Poisson deviates of the whole picture first, then the normal ones, row by row.

    Returns
    -------
    array of the same shape and dtype
        Read noise can make float pictures negative; bytes are rounded and clipped.
    """
    seen = image.astype(np.float64)
    if observation.psf_fwhm:
        seen = blur(seen, observation.psf_fwhm)
    seen += observation.sky
    if observation.gain:
        seen = rng.poisson(np.maximum(seen, 0) * observation.gain) / observation.gain
    if observation.read_noise:
        seen += observation.read_noise * rng.standard_normal(seen.shape)
    return to_uint8(seen) if image.dtype == np.uint8 else seen.astype(np.float32)
