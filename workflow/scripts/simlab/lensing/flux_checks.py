"""Check of the light of a picture; it takes a Sample and gives Found or NotHere."""

import math

import numpy as np

from simlab.core.checks import Found, NotHere
from simlab.lensing.picture_checks import TOO_SHARP, is_sharp
from simlab.lensing.postprocess import edge_flux
from simlab.lensing.profiles import faint_radius
from simlab.lensing.solver import image_positions

FLUX = 0.01
STEADY, STEADY_MEAN = 0.1, 0.01
"""Relative change of the magnification over a source that counts as small, and of its mean."""
PROBES = 8
EDGE_DARK = 1e-4
FAR = 1.75
"""Radii of the source at which its magnification is looked at too."""
WINGS = 0.002
"""Fraction of the light that may be too faint to be stored."""
CORE = 0.05
"""Fraction of the light of a cusp that may be in one pixel."""
MARGIN = 3.0
"""px between the edge of the frame and images."""
STEPS = 2000
NEAR_EDGE = "pictures with an image at their edge"


def flux(sample):
    """Light of the picture over that of the source times the sum of |mu| of its images, from 1."""
    settings = sample.settings
    if not sample.is_probed or sample.status != "ok":
        return NotHere("rows whose images are not counted")
    case = sample.case
    drawable = case.model == "Raytrace" and settings.mask_of("Raytrace") == "none"
    plain = settings.observation.is_off and not settings.bgcolour
    if not drawable or not plain or not sample.is_exact:
        return NotHere("rows with masks, noise, a background, or sampled lenses")
    if settings.sampling != "analytic" or settings.dtype == "uint8":
        return NotHere("pictures of bytes")
    if not case.source.is_analytic or len(case.source.profiles) != 1:
        return NotHere("sources that are pictures or constellations")
    image = sample.image
    if not image.any() or edge_flux(image) > EDGE_DARK:
        return NotHere("pictures with light at their edge")
    light = Light.of(case.source.profiles[0])
    border = image.copy()
    border[1:-1, 1:-1] = 0
    if light.below(max(settings.quantum, float(border.max()))) > WINGS:
        return NotHere("sources with faint wings")
    center = complex(*sample.labels["center"][sample.position])
    cusp = case.source.profiles[0, 8] < 0.5
    if (cusp and light.within(0.5 / settings.supersample) > CORE) or is_sharp(sample, center):
        return NotHere(TOO_SHARP)
    turns = np.exp(2j * np.pi * np.arange(PROBES) / PROBES)
    half = len(image) / 2 - MARGIN
    offsets = [0j, *(light.radius * turns), *(FAR * light.radius * turns)]
    found = [_magnification(case.lens, case.eta + offset, center, half) for offset in offsets]
    if None in found:
        return NotHere(NEAR_EDGE)
    middle, around, far = found[0], np.array(found[1 : PROBES + 1]), np.array(found[PROBES + 1 :])
    # to third order the mean over the inner ring is that over the source
    change, far_change = around.mean() / middle - 1, far.mean() / middle - 1
    if (
        np.abs(around / middle - 1).max() > STEADY
        or abs(change) > STEADY_MEAN
        or abs(far_change - FAR**2 * change) > STEADY_MEAN
    ):
        return NotHere("sources that are not small")
    total = image.sum(dtype=np.float64) / (1 if image.ndim == 2 else 3)
    return Found.at_most(abs(total / (light.total * around.mean()) - 1), FLUX)


class Light:
    """The light of one profile, from integrals over its ellipses.

    Attributes
    ----------
    total : float
        Gray levels times px^2.
    radius : float
        Root of the mean square distance from the center, px.
    """

    def __init__(self, u, levels, axes):
        self._levels, self._axes = levels, axes
        weights = 2 * math.pi * axes[0] * axes[1] * levels * u**2  # du = u dlog(u)
        parts = (weights[1:] + weights[:-1]) / 2 * np.diff(np.log(u))
        inner = math.pi * axes[0] * axes[1] * levels[0] * u[0] ** 2
        self._u, self._sums = u, inner + np.concatenate([[0.0], np.cumsum(parts)])
        self.total = float(self._sums[-1])
        squares = ((u[1:] + u[:-1]) / 2) ** 2
        self.radius = math.sqrt((parts * squares).sum() / self.total * (axes**2).sum() / 2)

    @classmethod
    def of(cls, profile):
        """Light of a row of `kernels.sources`."""
        peak, rate, power, ceiling = profile[6:]
        axes = 1 / np.linalg.svd(profile[2:6].reshape(2, 2))[1]
        last = faint_radius(peak * 1e6, rate, power, math.inf)
        u = np.geomspace(last * 1e-8, last, STEPS)
        return cls(u, np.minimum(peak * np.exp(-rate * u ** (2 * power)), ceiling), axes)

    def below(self, level):
        """Fraction of the light that is fainter than a gray level."""
        bright = int(np.searchsorted(-self._levels, -level, side="right"))
        return 1 - float(self._sums[bright - 1]) / self.total if bright else 1.0

    def within(self, distance):
        """Fraction of the light within a distance, px, of the center."""
        u = distance / math.sqrt(self._axes[0] * self._axes[1])
        return float(np.interp(u, self._u, self._sums)) / self.total


def _magnification(lens, eta, center, half):
    """Sum of |mu| over the images inside the frame; None if one is at its edge.

    The frame is a square about `center`; `half` is the distance of its edge, less the margin.
    """
    total = 0.0
    for image in image_positions(lens, eta):
        across = complex(image.x, image.y) - center
        distance = max(abs(across.real), abs(across.imag))
        if half < distance < half + 2 * MARGIN:
            return None
        if distance <= half:
            total += abs(image.magnification)
    return total if total > 0 else None
