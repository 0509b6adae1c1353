"""Checks of re-simulated pictures; each takes a Sample and gives Found or NotHere."""

from dataclasses import replace

import numpy as np

from simlab.core.checks import Found, NotHere
from simlab.lensing.drawing import Drawing
from simlab.lensing.geometry import pixel_grid
from simlab.lensing.picture_checks import background
from simlab.lensing.pictures import stored
from simlab.lensing.postprocess import crop
from simlab.lensing.resimulation import MODEL
from simlab.lensing.settings import Observation

TRUSTED = 0.5
WELL_INSIDE = 0.9
"""Of the trust radius, which is measured in 64 directions: between them errors may be larger."""
DIRECTIONS = 16
SCALED = 1e-2
"""Gray levels that pictures from amplitudes in lens-plane units may differ by."""


def resim_equals_roulette(sample):
    """Largest difference of the re-simulated from the roulette picture of a row, gray levels."""
    settings = sample.settings
    if sample.redrawn is None:
        return NotHere("re-simulations are not made (output.resim: false)")
    if not sample.is_sampled or sample.amplitudes is None or settings.reference != "apparent":
        return NotHere("rows without amplitudes at their apparent position")
    if settings.sampling != "analytic" and settings.centred:
        return NotHere("pictures centered by interpolation")
    radius = settings.mask_radius_of(MODEL)
    if settings.mask not in (None, "none") and radius is None:
        return NotHere("pictures masked by regions, which the table does not hold")
    changes = {"mask": "none" if radius is None else "disc", "observation": Observation()}
    alike = settings.model_copy(update=changes)
    drawing = Drawing.of(replace(sample.case, settings=alike, model="Roulette"), set())
    center = sample.point("centre") / sample.scale
    drawn, _ = drawing.delivered(drawing.picture(0j, settings.imagesize), center, 1)
    picture = stored(drawn, settings, sample.view.batch.channels).astype(np.float64)
    bound = 0.0
    if sample.scale != 1:  # amplitudes lose a bit on their way through the lens plane
        bound = max(settings.quantum, SCALED, 1.0 if settings.dtype == "uint8" else 0.0)
    return Found.at_most(np.abs(picture - sample.redrawn).max(), bound)


def resim_vs_image(sample):
    """How far re-simulated gray levels leave what an error of 0.5 px allows, where it is trusted.

    Inside 0.9 of the trust radius the series misplaces light by 0.5 px at most in the source plane:
    the gray level lies between the darkest and the brightest of the source within that distance.
    """
    settings = sample.settings
    trust = float(sample.row["trust_radius"] or 0)
    if sample.redrawn is None or not sample.is_sampled or not trust > 0:
        return NotHere("rows without re-simulation, or without a trust radius")
    source = sample.case.source
    if sample.row["model"] not in ("", "Raytrace") or settings.sampling != "analytic":
        return NotHere("rows that are not ray traced analytically")
    if (
        len(source.profiles) != 1
        or not source.is_analytic
        or not settings.observation.is_off
        or settings.mask_of("Raytrace") != "none"
        or settings.mask_radius_of(MODEL) is not None
    ):
        return NotHere("pictures with noise or masks, sources that are pictures or constellations")
    if settings.supersample > 1:
        return NotHere("pixels that are means of several points")
    side = min(settings.imagesize, settings.cropsize or settings.imagesize)
    theta = crop(pixel_grid(settings.imagesize), side)
    inside = np.abs(theta - sample.point("xi") / sample.scale) < WELL_INSIDE * trust / sample.scale
    center = sample.point("centre") / sample.scale
    points = theta[inside] + center
    if points.size == 0:
        return NotHere("trust radii without a pixel")
    b = points - sample.case.lens.deflection(points) - sample.case.eta
    ring = TRUSTED * np.exp(2j * np.pi * np.arange(DIRECTIONS) / DIRECTIONS)
    around = source.intensity(np.concatenate([b[None], b[None] + ring[:, None]]))
    high = np.where(np.abs(b) < TRUSTED, source.intensity(0j), around.max(axis=0))
    low = around.min(axis=0)
    rounding = 0.5 if settings.dtype == "uint8" else settings.quantum / 2
    slack = 1e-2 + 0.05 * (high - low) + rounding
    levels = np.maximum(sample.redrawn, 0)[inside]
    if levels.ndim == 2:
        levels = levels[:, 0]
    excess = np.maximum(levels - high, low - levels) - slack
    if settings.bgcolour:
        excess = excess[levels > background(settings)]
    return Found.at_most(max(float(excess.max(initial=0.0)), 0.0), 0)
