"""Roulette pictures about several reference points: joined, one by one, or of their kin.

About each point xi the series is drawn inside its own region of convergence, with the offset
beta(xi) - eta, so that any point of the image plane can be a reference. Joined pictures show the
brightest of all in every pixel: this is how secondary images appear in a roulette picture.
"""

import cmath
import math

import numpy as np

from simlab.lensing.errors import LensError
from simlab.lensing.render import black_image, render_roulette
from simlab.lensing.solver import apparent_position, image_positions

FAMILY = {"-45+1": (-45, 1), "+45+1": (45, 1), "+0-1": (0, -1), "+0+2": (0, 2)}
"""Suffixes of the stem -> degrees and factor that the primary reference is turned and scaled by."""


def image_points(lens, eta):
    """Positions of all images, in the order of arrival: list of complex, px."""
    return [complex(image.x, image.y) for image in image_positions(lens, eta)]


def component_points(lens, eta, components, solver="exact"):
    """The primary apparent position turned by 2 pi j/k about the lens center: list of k complex.

    LensError for a ring, and unless `components` is at least 1.
    """
    if components < 1:
        raise LensError(f"components is {components}, at least 1 is expected")
    from_center = _primary(lens, eta, solver) - lens.center
    return [
        lens.center + from_center * cmath.exp(2j * math.pi * j / components)
        for j in range(components)
    ]


def family_points(lens, eta, solver="exact"):
    """{suffix: point} of FAMILY: the primary apparent position, turned and scaled, px."""
    from_center = _primary(lens, eta, solver) - lens.center
    return {
        suffix: lens.center + factor * from_center * cmath.exp(1j * math.radians(degrees))
        for suffix, (degrees, factor) in FAMILY.items()
    }


def picture_about(
    lens,
    source,
    eta,
    size,
    order,
    xi,
    *,
    masked=True,
    mask_scale=0.9,
    mask_radius=None,
    **how,
):
    """Roulette picture about any point.

    Parameters
    ----------
    lens : Lens
    source : Source
    eta : complex
        Source position, px.
    size : int
    order : int
        N.
    xi : complex
        Reference point, px.
    masked : bool
        Whether the series is restricted at all.
    mask_scale, mask_radius
        Only points inside the scaled region of convergence, or inside a disc, are drawn.
    **how
        `sampling`, `supersample`, `center` of `render.render_roulette`.

    Returns
    -------
    float32 or uint8 (size, size[, 3])
    """
    G = lens.amplitudes(xi, order)
    offset = complex(xi - lens.deflection(xi) - eta)
    mask_radius = mask_radius if masked else None
    region = lens.region(xi) if masked and mask_radius is None else None
    return render_roulette(
        G,
        source,
        xi,
        size,
        offset=offset,
        region=region,
        mask_scale=mask_scale,
        mask_radius=mask_radius,
        **how,
    )


def join_image(lens, source, eta, size, order, points=None, **how):
    """The brightest of the pictures about several points.

    Parameters
    ----------
    lens, source, eta, size, order, **how
        As of `picture_about`.
    points : sequence of complex, optional
        Reference points, px; by default all images of the source.
    """
    points = image_points(lens, eta) if points is None else points
    image = black_image(source, size, how.get("sampling", "analytic"))
    for xi in points:
        np.maximum(image, picture_about(lens, source, eta, size, order, xi, **how), out=image)
    return image


def secondary_images(lens, source, eta, size, order, **how):
    """The picture of every image alone, in the order of arrival; arguments as of `join_image`."""
    return [
        picture_about(lens, source, eta, size, order, xi, **how) for xi in image_points(lens, eta)
    ]


def family_images(lens, source, eta, size, order, solver="exact", **how):
    """{suffix: picture} about the points of `family_points`; arguments as of `join_image`."""
    return {
        suffix: picture_about(lens, source, eta, size, order, xi, **how)
        for suffix, xi in family_points(lens, eta, solver).items()
    }


def _primary(lens, eta, solver):
    xi = apparent_position(lens, eta, solver)
    if not cmath.isfinite(xi):
        raise LensError(f"the source at ({eta.real:g}, {eta.imag:g}) is seen as a ring")
    return complex(xi)
