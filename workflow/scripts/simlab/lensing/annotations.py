"""Curves, points and outlines drawn on copies of pictures; training arrays never hold them."""

from dataclasses import dataclass

import numpy as np

from simlab.lensing.curves import critical_curve
from simlab.lensing.postprocess import (
    center_of_light,
    draw_axes,
    draw_curve,
    draw_mask,
    draw_point,
)
from simlab.lensing.region import disc

POINTS = 720
RING_OF_LIGHT, RING_OF_IMAGE = 3, 4


@dataclass(frozen=True)
class Annotations:
    """What is drawn: the outline of the mask, axes, critical curves, points of interest."""

    showmask: bool = False
    reflines: bool = False
    criticalcurves: bool = False
    annotate: bool = False


def annotated(image, case, simulation, wanted):
    """A copy of the delivered picture of a row with annotations.

    Parameters
    ----------
    image : uint8 (n, n[, 3])
    case : Case
    simulation : Simulation
    wanted : Annotations
    """
    center, xi = simulation.center, simulation.xi
    if wanted.showmask and xi is not None:
        image = draw_mask(image, xi - center, **_mask_of(case, xi))
    if wanted.reflines:
        image = draw_axes(image)
    if wanted.criticalcurves:
        image = with_curves(image, case.lens, center)
    if wanted.annotate:
        if xi is not None:
            region = case.lens.region(xi)
            image = draw_mask(image, xi - center, region=region, mask_scale=1, ring=RING_OF_IMAGE)
        image = draw_point(image, case.eta - center)
        measured = 0j if center else center_of(simulation)
        image = draw_point(image, measured, RING_OF_LIGHT)
    return image


def _mask_of(case, xi):
    """Keywords of the mask of a picture; where it has none, of the region of convergence."""
    settings = case.settings
    if settings.maskradius is not None:
        return {"mask_radius": settings.maskradius}
    is_disc = settings.mask_of(case.model) == "disc"
    region = disc(abs(xi)) if is_disc else case.lens.region(xi)
    return {"region": region, "mask_scale": settings.maskscale}


def center_of(simulation):
    """Center of light of a picture that was not centered."""
    return center_of_light(simulation.original) if simulation.original.any() else 0j


def with_curves(image, lens, center, caustic=False):
    """A copy with the critical curves of a lens, or its caustics, in a frame moved by `center`."""
    curves = critical_curve(lens, POINTS)[1 if caustic else 0]
    for curve in curves if isinstance(curves, list) else [curves]:
        if np.ptp(curve.real) + np.ptp(curve.imag) > 0:
            image = draw_curve(image, curve - center)
        else:
            image = draw_point(image, complex(curve[0]) - center)
    return image
