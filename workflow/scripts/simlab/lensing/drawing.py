"""How the picture of a row is drawn: centered, cropped, masked, observed."""

from dataclasses import dataclass

import numpy as np

from simlab.core.random import generator
from simlab.lensing.cases import RAY_TRACED, Case
from simlab.lensing.errors import LensError
from simlab.lensing.geometry import crop_bounds
from simlab.lensing.observation import observe
from simlab.lensing.postprocess import crop, translate
from simlab.lensing.region import disc, numerical_radius
from simlab.lensing.render import black_image, region_mask, render_raytrace, render_roulette
from simlab.lensing.solver import apparent_position


@dataclass(frozen=True)
class Drawing:
    """How the picture of a case is drawn: ray tracing, or a series about its apparent position.

    Attributes
    ----------
    case : Case
    xi : complex or None
        Apparent position; None for a ring, or where the solver failed.
    amplitudes : complex128 (N+1, N+2) or None
        Of the series, for roulette models.
    region : Region or None
        That the picture is restricted to.
    """

    case: Case
    xi: complex | None
    amplitudes: np.ndarray | None = None
    region: object = None

    @classmethod
    def of(cls, case, words):
        """The Drawing of a case; statuses that hold are added to the set `words`."""
        settings = case.settings
        xi = _apparent_position(case, words)
        kind = settings.mask_of(case.model)
        region = amplitudes = None
        if xi is not None and kind != "none" and settings.maskradius is None:
            region = case.lens.region(xi) if kind == "region" else disc(abs(xi))
        if xi is not None and case.is_roulette:
            amplitudes = finite_amplitudes(case, xi)
        if amplitudes is not None and kind == "region" and region is not None:
            radius = numerical_radius(region, case.order, abs(amplitudes[0, 1]))
            region = region.cut(radius / settings.maskscale)
        return cls(case, xi, amplitudes, region)

    @property
    def masked(self):
        """Keywords of the mask of `render` functions."""
        settings, model = self.case.settings, self.case.model
        if settings.mask_of(model) == "none":
            return {}
        radius = settings.mask_radius_of(model)
        if radius is not None:
            return {"mask_radius": radius}
        return {"region": self.region, "mask_scale": settings.maskscale}

    def picture(self, center, size):
        """The picture (size, size[, 3]) on the pixel grid moved by `center`."""
        case, settings = self.case, self.case.settings
        sampling = {"sampling": settings.sampling, "supersample": settings.supersample}
        if case.is_roulette and self.amplitudes is None:
            return black_image(case.source, size, settings.sampling)
        if case.model in RAY_TRACED:
            image = render_raytrace(
                case.lens,
                case.source,
                case.eta,
                size,
                center=center,
                backend=settings.backend,
                **sampling,
            )
            mask = self.mask(center, size)
            if mask is not None:
                image[~mask] = 0
            return image
        offset = case.beta(self.xi) - case.eta
        return render_roulette(
            self.amplitudes,
            case.source,
            self.xi - center,
            size,
            offset=offset,
            **sampling,
            **self.masked,
        )

    def mask(self, center, size):
        """Where the picture is drawn: bool (size, size), or None for all of it."""
        masked = self.masked
        if not masked or self.xi is None:
            return None
        return region_mask(self.xi - center, size, **masked)

    def delivered(self, original, center, number):
        """(picture, mask) centered, cropped, observed, on the background of the settings."""
        settings = self.case.settings
        size, cropsize = settings.imagesize, settings.cropsize
        if center == 0:
            image, mask = original, self.mask(0j, size)
        elif settings.sampling != "analytic":
            image, mask = translate(original, center), translated_mask(self.mask(0j, size), center)
        else:
            if settings.observation.is_off:  # nothing beyond the crop matters
                size = grid_size(size, cropsize)
            image, mask = self.picture(center, size), self.mask(center, size)
        if not settings.observation.is_off:
            image = observed(image, settings, number)
        image = crop(image, cropsize or size)
        mask = None if mask is None else crop(mask, cropsize or size)
        if settings.bgcolour:
            image = np.maximum(image, image.dtype.type(settings.bgcolour))
        return image, mask


def observed(image, settings, number):
    """A picture as the telescope of `settings` sees that of row `number`."""
    stream = generator(settings.seed, "lensing.noise", number)
    return observe(image, settings.observation, stream)


def grid_size(size, cropsize):
    """Side of the smallest grid whose crop to `cropsize` is that of the grid of side `size`.

    Where size - cropsize is odd their pixels differ by half a pixel, so that it is `size`.
    """
    first, end = crop_bounds(size, cropsize)
    side = end - first
    return side if (size - side) % 2 == 0 else size


def _apparent_position(case, words):
    try:
        xi = apparent_position(case.lens, case.eta, solver=case.settings.solver)
    except LensError:
        words.add("solver")
        return None
    if not np.isfinite(xi):
        words.add("ring")
        return None
    return complex(xi)


def finite_amplitudes(case, point):
    """Amplitudes of a case at a point; None where the lens has none (a singular center)."""
    try:
        amplitudes = case.amplitudes(point)
    except LensError:
        return None
    return amplitudes if np.isfinite(amplitudes).all() else None


def translated_mask(mask, center):
    """A mask moved like its picture: pixels at least half of which were drawn."""
    if mask is None:
        return None
    return translate(mask.astype(np.float32), center) >= 0.5
