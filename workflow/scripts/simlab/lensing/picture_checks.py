"""Checks of the pictures of a row; each takes a Sample and gives Found or NotHere."""

from dataclasses import replace

import numpy as np
from scipy.ndimage import binary_erosion

from simlab.core.checks import Found, NotHere
from simlab.lensing.geometry import pixel_grid
from simlab.lensing.parameters import drawn_columns
from simlab.lensing.pictures import stored
from simlab.lensing.postprocess import center_of_light, edge_flux, gray_of, translate
from simlab.lensing.profiles import BRIGHTEST, FAINT, faint_radius
from simlab.lensing.simulate import EDGE_FLUX
from simlab.lensing.table_checks import NEAREST, is_nearest

CENTERED = 0.05
LIGHT_INSIDE = 0.002
"""Edge flux times side, px, up to which light beyond the frame does not move the center."""
STRAY = 0.02
"""How far, px, light that not both frames hold, or at a mask's edge, may pull the center."""
SHARP, SHARP_LIGHT = 0.01, 0.002
"""Change of the center of light, px, and relative change of the light by finer sampling, from
which pictures are too sharp for their pixels."""
TOO_SHARP = "pictures too sharp for their pixels"
NOT_SIMULATED = "rows that are not simulated again"


def shapes(sample):
    """Pictures whose shape, type, number, name or side is not what the configuration says."""
    settings, batch = sample.settings, sample.view.batch
    side = settings.side
    shape = (side, side) if batch.channels == 1 else (side, side, 3)
    images = sample.images
    wrong = images["images"].shape[1:] != shape
    wrong += images["images"].dtype != settings.dtype
    wrong += images.attrs["cropsize"] != side
    wrong += int(sample.labels["index"][sample.position]) != sample.number + 1
    name = sample.labels["filename"][sample.position]
    wrong += name != str(batch.rows[sample.number].get("filename", ""))
    if sample.resim is not None:
        wrong += sample.resim["images"].shape[1:] != shape
        wrong += int(sample.resim["index"][sample.position]) != sample.number + 1
    return Found.at_most(int(wrong), 0)


def background(settings):
    """Smallest value of a picture as it is stored."""
    level = np.full((1, 1), settings.bgcolour, np.float32)
    return float(stored(level, settings, 1)[0, 0])


def surface_brightness(sample):
    """Gray levels above the brightest of the source: a lens moves light, it makes none."""
    settings = sample.settings
    if not settings.observation.is_off:
        return NotHere("observed pictures, which have noise")
    if sample.status == "bad-parameters":
        return NotHere("rows that cannot be used")
    source = sample.case.source
    brightest = max(_brightest(source), background(settings))
    if settings.sampling != "analytic" and brightest < BRIGHTEST:  # rasters are rounded
        brightest = max(brightest, float(source.raster(settings.imagesize).max()))
    rounding = 0.5 if settings.dtype == "uint8" else settings.quantum / 2 + 1e-4
    return Found.at_most(max(float(sample.image.max()) - brightest, 0.0), rounding)


def _brightest(source):
    """Gray level that no sum of the parts of a source exceeds where they overlap."""
    profiles = source.profiles
    peaks = list(np.minimum(profiles[:, 6], profiles[:, 9]))
    reaches = [
        faint_radius(*profile[6:]) / np.linalg.svd(profile[2:6].reshape(2, 2))[1].min()
        for profile in profiles
    ]
    places = [complex(*profile[:2]) for profile in profiles]
    for texture in source.textures:
        peaks.append(float(texture.values.max(initial=0.0)))
        rows, columns = texture.values.shape[:2]
        reaches.append((rows + columns + 2) / np.hypot(*texture.frame[2:4]))
        places.append(complex(*texture.frame[:2]))
    peaks, reaches, places = np.array(peaks), np.array(reaches), np.array(places)
    near = np.abs(places[:, None] - places) < reaches[:, None] + reaches
    np.fill_diagonal(near, True)
    return min(float((near @ peaks).max()) + FAINT * (len(peaks) - 1), source.ceiling)


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
    if is_nearest(sample):
        return NotHere(NEAREST)
    center = complex(*sample.labels["center"][sample.position])
    drawing, size = sample.drawing, settings.imagesize
    original = drawing.picture(0j, size)
    if edge_flux(original) * size > LIGHT_INSIDE:
        return NotHere("light beyond the frame")
    if settings.sampling != "analytic":
        return Found.at_most(abs(center_of_light(translate(original, center))), CENTERED)
    moved = drawing.picture(center, size)
    lost = _moment(original, _outside(size, -center)) + _moment(moved, _outside(size, center))
    if lost > STRAY:
        return NotHere("light beyond the frame")
    if any(
        _at_mask(drawing, picture, at) > STRAY for picture, at in ((original, 0j), (moved, center))
    ):
        return NotHere("light at the edge of a mask")
    if is_sharp(sample, 0j) or is_sharp(sample, center):
        return NotHere(TOO_SHARP)
    return Found.at_most(abs(center_of_light(moved)), CENTERED)


def _outside(size, shift):
    """Pixels that a frame moved by -shift does not hold: bool (size, size)."""
    theta = pixel_grid(size) + shift
    return np.maximum(np.abs(theta.real), np.abs(theta.imag)) > size / 2 - 1


def _at_mask(drawing, picture, center):
    """How far the light within a pixel of the edge of its mask pulls the center of a picture."""
    mask = drawing.mask(center, len(picture))
    if mask is None:
        return 0.0
    return _moment(picture, mask & ~binary_erosion(mask, np.ones((3, 3)), border_value=1))


def _moment(picture, where):
    """Light in some pixels times their distance, over the light of the picture, px."""
    light = gray_of(picture)
    distances = np.abs(pixel_grid(len(picture))[where])
    return float((light[where] * distances).sum() / light.sum()) if light.any() else 0.0


def is_sharp(sample, center):
    """Whether finer sampling changes the light, or its center, of the picture about `center`."""
    settings = sample.settings
    plain = sample.drawing.picture(center, settings.imagesize)
    fine = settings.model_copy(update={"supersample": 3 * settings.supersample})
    drawing = replace(sample.drawing, case=replace(sample.case, settings=fine))
    finer = drawing.picture(center, settings.imagesize)
    if not plain.any():
        return True
    moved = abs(center_of_light(finer) - center_of_light(plain))
    lost = abs(finer.sum(dtype=np.float64) / plain.sum(dtype=np.float64) - 1)
    return moved > SHARP or lost > SHARP_LIGHT


def edge_flux_status(sample):
    """Whether status clipped-edge is wrong: more than 1e-3 of the light in the outermost pixels."""
    if not sample.is_sampled:
        return NotHere(NOT_SIMULATED)
    if sample.status not in ("ok", "clipped-edge"):
        return NotHere("rows with another status")
    clipped = edge_flux(sample.again.simulation.original) > EDGE_FLUX
    return Found.at_most(clipped != (sample.status == "clipped-edge"), 0)
