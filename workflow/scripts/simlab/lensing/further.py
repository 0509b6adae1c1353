"""Roulette pictures of a row about other reference points, centered and cropped like its own."""

from simlab.lensing.drawing import grid_size
from simlab.lensing.joins import component_points, family_images, join_image, secondary_images
from simlab.lensing.postprocess import crop, translate


def secondary_pictures(case, center):
    """The picture of every image of the source alone, in the order of arrival: list."""
    return _drawn(secondary_images, case, center)


def joined_picture(case, center, components=None):
    """The brightest of the pictures about all images, or about `components` turned points."""
    points = None
    if components is not None:
        points = component_points(case.lens, case.eta, components, case.settings.solver)
    return _drawn(join_image, case, center, points=points)


def family_pictures(case, center):
    """{suffix: picture} about the apparent position turned by 45 degrees, mirrored, doubled."""
    return _drawn(family_images, case, center, solver=case.settings.solver)


def _drawn(draw, case, center, **how):
    settings = case.settings
    size = settings.imagesize
    moved = settings.sampling == "analytic"
    if moved:
        size = grid_size(size, settings.cropsize)
    pictures = draw(
        case.lens,
        case.source,
        case.eta,
        size,
        case.order,
        center=center if moved else 0j,
        sampling=settings.sampling,
        supersample=settings.supersample,
        masked=settings.mask != "none",
        mask_scale=settings.maskscale,
        mask_radius=settings.maskradius,
        **how,
    )

    def finished(picture):
        if not moved and center != 0:
            picture = translate(picture, center)
        return crop(picture, settings.cropsize or settings.imagesize)

    if isinstance(pictures, dict):
        return {name: finished(picture) for name, picture in pictures.items()}
    return [finished(p) for p in pictures] if isinstance(pictures, list) else finished(pictures)
