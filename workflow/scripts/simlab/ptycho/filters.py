"""Image operations shared by objects and probes."""

import numpy as np


def gaussian_blur(image, sigma):
    """Separable Gaussian filter G_sigma, float64.

    Edge samples are repeated (d c b a | a b c d | d c b a), the kernel ends at radius
    int(4 sigma + 0.5), its weights exp(-k^2 / (2 sigma^2)) sum to 1.

    Parameters
    ----------
    image : float (H, W)
    sigma : float
        px; 0 leaves the image as it is.
    """
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(np.asarray(image, np.float64), sigma, mode="reflect", truncate=4.0)


def rescaled(image, low=0.0, high=1.0):
    """`image` mapped linearly from [min, max] to [low, high]; a flat one to their middle."""
    least, largest = image.min(), image.max()
    if least == largest:
        return np.full_like(image, (low + high) / 2)
    return low + (image - least) * ((high - low) / (largest - least))


def radius_map(side):
    """Distance of every pixel from the center ((side-1)/2, (side-1)/2), float64, px."""
    offset = np.arange(side) - (side - 1) / 2
    return np.hypot(offset[:, None], offset)
