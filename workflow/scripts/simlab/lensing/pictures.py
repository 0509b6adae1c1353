"""Pictures of a row as files hold them: quantized, all with the same number of channels."""

import numpy as np

from simlab.lensing.postprocess import crop, quantize, to_uint8
from simlab.lensing.render import actual_image


def stored(image, settings, channels):
    """A picture as it is stored: float32 multiples of the quantum, or uint8; (H, W[, 3])."""
    if settings.dtype == "uint8":
        image = to_uint8(image) if image.dtype != np.uint8 else image
    elif image.dtype == np.uint8:
        image = image.astype(np.float32)
    else:
        image = quantize(image, settings.quantum)
    if channels == 3 and image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    return image


def unlensed(case, simulation, name):
    """Picture `actual` (the source at its position) or `apparent` of a row, cropped."""
    settings = case.settings
    place = case.eta
    if name == "apparent":
        place = simulation.xi if settings.apparent_at == "xi" and simulation.xi else 0j
    image = actual_image(case.source, place, settings.imagesize, settings.sampling)
    return crop(image, settings.cropsize or settings.imagesize)


def stored_pictures(case, simulation, extras, settings, channels):
    """{"images" and each of `extras`: picture}; black ones for a row without Case."""
    pictures = {"images": simulation.image}
    for name in extras:
        if name == "original":
            pictures[name] = simulation.original
        elif case is None:
            pictures[name] = np.zeros_like(simulation.image)
        else:
            pictures[name] = unlensed(case, simulation, name)
    return {name: stored(image, settings, channels) for name, image in pictures.items()}
