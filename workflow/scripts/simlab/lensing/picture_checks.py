"""Checks of the pictures of a row; each takes a Sample and gives Found or NotHere."""

from dataclasses import replace

import numpy as np

from simlab.core.checks import Found, NotHere
from simlab.lensing.drawing import Drawing
from simlab.lensing.geometry import pixel_grid
from simlab.lensing.parameters import drawn_columns
from simlab.lensing.pictures import stored
from simlab.lensing.postprocess import center_of_light, crop, edge_flux, translate
from simlab.lensing.render import actual_image
from simlab.lensing.settings import Observation
from simlab.lensing.simulate import EDGE_FLUX
from simlab.lensing.solver import image_positions

CENTERED = 0.05
LIGHT_INSIDE = 0.002
"""Edge flux times side, px, up to which light beyond the frame does not move the center."""
FLUX = 0.01
STEADY, STEADY_MEAN = 0.1, 0.01
"""Relative change of the magnification over a source that counts as small, and of its mean."""
SHARP, SHARP_LIGHT = 0.01, 0.002
"""Change of the center of light, px, and relative change of the light by finer sampling, from
which pictures are too sharp for their pixels."""
TOO_SHARP = "pictures too sharp for their pixels"
PROBES = 8
EDGE_DARK = 1e-4
TRUSTED = 0.5
DIRECTIONS = 16
MAX_SIDE = 4096
NOT_SIMULATED = "rows that are not simulated again"


def shapes(sample):
    """Pictures whose shape, type, number or name is not what the configuration says."""
    settings, batch = sample.settings, sample.view.batch
    side = min(settings.imagesize, settings.cropsize or settings.imagesize)
    shape = (side, side) if batch.channels == 1 else (side, side, 3)
    images = sample.images
    wrong = images["images"].shape[1:] != shape
    wrong += images["images"].dtype != settings.dtype
    wrong += int(images["index"][sample.position]) != sample.number + 1
    name = images["filename"].asstr()[sample.position]
    wrong += name != str(batch.rows[sample.number].get("filename", ""))
    if sample.resim is not None:
        wrong += sample.resim["images"].shape[1:] != shape
        wrong += int(sample.resim["index"][sample.position]) != sample.number + 1
    return Found.at_most(int(wrong), 0)


def surface_brightness(sample):
    """Gray levels above the brightest of the source: a lens moves light, it makes none."""
    settings = sample.settings
    if not settings.observation.is_off:
        return NotHere("observed pictures, which have noise")
    if sample.status == "bad-parameters":
        return NotHere("rows that cannot be used")
    source = sample.case.source
    brightest = max(float(np.max(source.intensity(0j))), settings.bgcolour)
    if not source.is_analytic:
        brightest = max(brightest, float(source.raster(settings.imagesize).max()))
    rounding = 0.5 if settings.dtype == "uint8" else settings.quantum / 2 + 1e-4
    return Found.at_most(max(float(sample.image.max()) - brightest, 0.0), rounding)


def rows_reproducible(sample):
    """Cells and pictures of a row that differ when it is made again, alone."""
    if not sample.is_sampled:
        return NotHere(NOT_SIMULATED)
    view, result = sample.view, sample.again
    differing = 0
    drawn = view.drawn(sample.number)
    if drawn is not None:
        row = view.batch.rows[sample.number]
        columns = drawn_columns(view.dataset)
        differing += sum(str(drawn[name]) != str(row.get(name, "")) for name in columns)
    made = result.simulation.columns
    cells = ((name, cell) for name, cell in sample.row.items() if name != "status")
    differing += sum(str(made.get(name, "")) != cell for name, cell in cells)
    for name, picture in result.pictures.items():
        differing += not np.array_equal(sample.images[name][sample.position], picture)
    return Found.at_most(differing, 0)


def centre_residual(sample):
    """Distance of the center of light of the centered, uncropped picture from the origin, px."""
    settings = sample.settings
    if not sample.is_sampled or not settings.centred or sample.status != "ok":
        return NotHere("rows that are not centered, or not simulated again")
    if not settings.observation.is_off and settings.observation.centre_on == "observed":
        return NotHere("centers of pictures with noise")
    center = complex(*sample.images["center"][sample.position])
    original = sample.drawing.picture(0j, settings.imagesize)
    if edge_flux(original) * settings.imagesize > LIGHT_INSIDE:
        return NotHere("light beyond the frame")
    if settings.sampling == "analytic":
        if _is_sharp(sample, original):
            return NotHere(TOO_SHARP)
        picture = sample.drawing.picture(center, settings.imagesize)
    else:
        picture = translate(original, center)
    return Found.at_most(abs(center_of_light(picture)), CENTERED)


def edge_flux_status(sample):
    """Whether status clipped-edge is wrong: more than 1e-3 of the light in the outermost pixels."""
    if not sample.is_sampled:
        return NotHere(NOT_SIMULATED)
    if sample.status not in ("ok", "clipped-edge"):
        return NotHere("rows with another status")
    clipped = edge_flux(sample.again.simulation.original) > EDGE_FLUX
    return Found.at_most(clipped != (sample.status == "clipped-edge"), 0)


def resim_equals_roulette(sample):
    """Largest difference of the re-simulated from the roulette picture of a row, gray levels."""
    settings = sample.settings
    if sample.redrawn is None:
        return NotHere("re-simulations are not made (output.resim: false)")
    if not sample.is_sampled or sample.amplitudes is None or settings.reference != "apparent":
        return NotHere("rows without amplitudes at their apparent position")
    if settings.sampling != "analytic" and settings.centred:
        return NotHere("pictures centered by interpolation")
    if settings.mask is not None and settings.mask != "none":
        return NotHere("masked pictures")
    unmasked = settings.model_copy(update={"mask": "none", "observation": Observation()})
    drawing = Drawing.of(replace(sample.case, settings=unmasked, model="Roulette"), set())
    center = sample.point("centre") / sample.scale
    drawn, _ = drawing.delivered(drawing.picture(0j, settings.imagesize), center, 1)
    picture = stored(drawn, settings, sample.view.batch.channels).astype(np.float64)
    return Found.at_most(np.abs(picture - sample.redrawn).max(), 0)


def resim_vs_image(sample):
    """How far re-simulated gray levels leave what an error of 0.5 px allows, where it is trusted.

    Inside the trust radius the series misplaces light by 0.5 px at most in the source plane: the
    gray level lies between the darkest and the brightest of the source within that distance.
    """
    settings = sample.settings
    trust = float(sample.row["trust_radius"] or 0)
    if sample.redrawn is None or not sample.is_sampled or not trust > 0:
        return NotHere("rows without re-simulation, or without a trust radius")
    source = sample.case.source
    if sample.row["model"] not in ("", "Raytrace") or settings.sampling != "analytic":
        return NotHere("rows that are not ray traced analytically")
    if (
        not source.is_analytic
        or not settings.observation.is_off
        or settings.mask_of("Raytrace") != "none"
    ):
        return NotHere("pictures with noise or masks, sources that are pictures")
    side = min(settings.imagesize, settings.cropsize or settings.imagesize)
    theta = crop(pixel_grid(settings.imagesize), side)
    inside = np.abs(theta - sample.point("xi") / sample.scale) < trust / sample.scale
    center = sample.point("centre") / sample.scale
    points = theta[inside] + center
    if points.size == 0:
        return NotHere("trust radii without a pixel")
    b = points - sample.case.lens.deflection(points) - sample.case.eta
    ring = TRUSTED * np.exp(2j * np.pi * np.arange(DIRECTIONS) / DIRECTIONS)
    around = source.intensity(np.concatenate([b[None], b[None] + ring[:, None]]))
    high = np.where(np.abs(b) < TRUSTED, source.intensity(0j), around.max(axis=0))
    low = around.min(axis=0)
    slack = 1e-2 + 0.05 * (high - low) + (0.5 if settings.dtype == "uint8" else 0.0)
    levels = np.maximum(sample.redrawn, 0)[inside]
    if levels.ndim == 2:
        levels = levels[:, 0]
    excess = np.maximum(levels - high, low - levels) - slack
    if settings.bgcolour:
        excess = excess[levels > settings.bgcolour]
    return Found.at_most(max(float(excess.max(initial=0.0)), 0.0), 0)


def flux(sample):
    """Light of the picture over that of the source times the sum of |mu| of its images, from 1."""
    settings = sample.settings
    if not sample.is_probed or sample.status != "ok":
        return NotHere("rows whose images are not counted")
    case = sample.case
    drawable = case.model == "Raytrace" and settings.mask_of("Raytrace") == "none"
    plain = settings.observation.is_off and not settings.bgcolour
    if not drawable or not plain or not case.source.is_analytic or case.lens.members is None:
        return NotHere("rows with masks, noise, a background, or sampled lenses or sources")
    if edge_flux(sample.image) > EDGE_DARK:
        return NotHere("pictures with light at their edge")
    if _is_sharp(sample, sample.drawing.picture(0j, settings.imagesize)):
        return NotHere(TOO_SHARP)
    source_light, radius = _light_of(case.source)
    ring = radius * np.exp(2j * np.pi * np.arange(PROBES) / PROBES)
    middle = _magnification(case.lens, case.eta)
    around = np.array([_magnification(case.lens, case.eta + offset) for offset in ring])
    # to third order the mean over this ring is that over the source
    mean = around.mean()
    if np.abs(around / middle - 1).max() > STEADY or abs(mean / middle - 1) > STEADY_MEAN:
        return NotHere("sources that are not small")
    light = sample.image.sum(dtype=np.float64)
    return Found.at_most(abs(light / (source_light * mean) - 1), FLUX)


def _is_sharp(sample, original):
    """Whether finer sampling changes the light, or its center, of a picture."""
    settings = sample.settings
    fine = settings.model_copy(update={"supersample": 3 * settings.supersample})
    drawing = replace(sample.drawing, case=replace(sample.case, settings=fine))
    finer = drawing.picture(0j, settings.imagesize)
    moved = abs(center_of_light(finer) - center_of_light(original))
    lost = abs(finer.sum(dtype=np.float64) / original.sum(dtype=np.float64) - 1)
    return moved > SHARP or lost > SHARP_LIGHT


def _light_of(source):
    """(sum of the gray levels of the source's pixels, radius about which they lie, px)."""
    side = 2 * min(int(np.ceil(source.reach)), MAX_SIDE // 2) + 2
    levels = actual_image(source, 0j, side, "analytic").astype(np.float64)
    total = levels.sum()
    return total, float(np.sqrt((levels * np.abs(pixel_grid(side)) ** 2).sum() / total))


def _magnification(lens, eta):
    """Sum of |mu| over all images."""
    return sum(abs(image.magnification) for image in image_positions(lens, eta))
