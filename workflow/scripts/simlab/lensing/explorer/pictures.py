"""What the explorer shows for a state, computed by the functions that make data sets."""

import csv
import io
import warnings
from dataclasses import dataclass, replace

import cv2
import numpy as np

from simlab.core.errors import SimlabError
from simlab.lensing.cases import case_of
from simlab.lensing.curves import critical_curve
from simlab.lensing.drawing import Drawing
from simlab.lensing.errors import LensError, LensingWarning
from simlab.lensing.joins import component_points, image_points, join_image
from simlab.lensing.postprocess import (
    center_of_light,
    draw_axes,
    draw_curve,
    draw_mask,
    draw_point,
    to_uint8,
)
from simlab.lensing.render import actual_image, region_mask, render_raytrace, render_roulette
from simlab.lensing.solver import image_positions
from simlab.lensing.status import status_of

CURVE_POINTS = 720
CURVE_COLOR = (60, 160, 255)
MARKER_RADIUS = 4
MARKERS = {"light": (80, 220, 80), "apparent": (255, 200, 60), "actual": (80, 120, 255)}
"""Colors (B, G, R) of the centers of light, apparent and actual positions."""
MASK_SCALE = 0.9
PNG_LEVEL = 1
GRAY = 127.5


@dataclass(frozen=True)
class Pictures:
    """The two pictures of a state.

    Attributes
    ----------
    actual, distorted : bytes
        PNG files, with overlays, at the display resolution.
    plain : uint8 (n, n[, 3])
        The distorted picture without overlays, as files hold it.
    status : str
        Of the row, one of `status.STATUSES`.
    """

    actual: bytes
    distorted: bytes
    plain: np.ndarray
    status: str


@dataclass(frozen=True)
class Residual:
    """Roulette minus ray trace.

    Attributes
    ----------
    png : bytes
        From black, -maximum, to white, +maximum; gray where they agree and outside the region.
    maximum, rms : float
        Largest |difference| and root of its mean square inside the region of convergence, scaled
        by 0.9, gray levels.
    """

    png: bytes
    maximum: float
    rms: float


@dataclass(frozen=True)
class Details:
    """The tables of a state, and the residual if it is asked for.

    Attributes
    ----------
    images : list of LensedImage
    amplitudes : complex128 (N+1, N+2) or None
        At the apparent position.
    xi : complex or None
        Apparent position, px.
    r_conv : float
        Smallest radius of convergence about it, px; 0 without one.
    residual : Residual or None
    notes : tuple of str
        What could not be computed, and why.
    """

    images: list
    amplitudes: np.ndarray | None
    xi: complex | None
    r_conv: float
    residual: Residual | None
    notes: tuple


def explore(state):
    """Pictures, then Details of a state.

    Raises
    ------
    SimlabError
        For a state that has no meaning.
    """
    case = case_of(state.row(), state.settings())
    words = set()
    drawing = Drawing.of(case, words)
    yield _pictures(state, case, drawing, words)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", LensingWarning)
        details = _details(state, case, drawing)
    notes = dict.fromkeys(str(warning.message) for warning in told)
    yield replace(details, notes=(*details.notes, *notes))


def plain_picture(state):
    """The distorted picture of a state, uint8, as `simulate_row` draws its row."""
    case = case_of(state.row(), state.settings())
    drawing = Drawing.of(case, set())
    return _delivered(drawing, _original(state, case, drawing))


def png_bytes(image):
    """A uint8 picture as a PNG file."""
    done, encoded = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, PNG_LEVEL])
    if not done:
        raise LensError(f"a picture of shape {image.shape} cannot be encoded")
    return encoded.tobytes()


def _original(state, case, drawing):
    """The distorted picture without background."""
    if state.applies("join") and state.join != "none":
        return _joined(state, case)
    return drawing.picture(0j, state.imagesize)


def _delivered(drawing, original):
    return to_uint8(drawing.delivered(original, 0j, 1)[0])


def _joined(state, case):
    """The brightest of several roulette pictures, or that about one of the images alone."""
    points = image_points(case.lens, case.eta)
    if state.join == "components":
        points = component_points(case.lens, case.eta, state.components)
    elif state.join == "secondary":
        if state.components > len(points):
            raise LensError(f"there is no image {state.components}, the source has {len(points)}")
        points = [points[state.components - 1]]
    return join_image(case.lens, case.source, case.eta, state.imagesize, case.order, points)


def _pictures(state, case, drawing, words):
    original = _original(state, case, drawing)
    plain = _delivered(drawing, original)
    actual = to_uint8(actual_image(case.source, case.eta, state.imagesize))
    if not original.any():
        words = words | {"dark"}
    curves = _curves(case) if state.critical else ([], [])
    distorted = _with_curves(plain, curves[0])
    actual = _with_curves(actual, curves[1])
    if state.reflines:
        distorted, actual = draw_axes(distorted), draw_axes(actual)
    if state.showmask and drawing.xi is not None:
        region = case.lens.region(drawing.xi)
        distorted = draw_mask(distorted, drawing.xi, region=region, mask_scale=MASK_SCALE)
    if state.marker:
        actual = _marked(actual, case.eta, "actual")
        distorted = _marked(distorted, center_of_light(original), "light")
        if drawing.xi is not None:
            distorted = _marked(distorted, drawing.xi, "apparent")
    return Pictures(
        actual=png_bytes(_displayed(actual, state)),
        distorted=png_bytes(_displayed(distorted, state)),
        plain=plain,
        status=status_of(words),
    )


def _displayed(image, state):
    if state.resolution == image.shape[0]:
        return image
    method = cv2.INTER_AREA if state.resolution < image.shape[0] else cv2.INTER_NEAREST
    return cv2.resize(image, (state.resolution, state.resolution), interpolation=method)


def _colored(image):
    return np.repeat(image[:, :, None], 3, axis=2) if image.ndim == 2 else image


def _marked(image, point, what):
    return draw_point(_colored(image), point, MARKER_RADIUS, MARKERS[what])


def _curves(case):
    curve, caustic = critical_curve(case.lens, CURVE_POINTS)
    return (curve, caustic) if isinstance(curve, list) else ([curve], [caustic])


def _with_curves(image, curves):
    for curve in curves:
        image = draw_curve(_colored(image), curve, CURVE_COLOR, closed=False)
    return image


def _details(state, case, drawing):
    notes, images, amplitudes, r_conv, residual = [], [], None, 0.0, None
    try:
        images = image_positions(case.lens, case.eta)
    except SimlabError as error:
        notes.append(str(error))
    xi = drawing.xi
    if xi is None:
        notes.append("there is no apparent position, hence no amplitudes")
    else:
        try:
            amplitudes = case.amplitudes(xi)
            r_conv = min(float(case.lens.region(xi).inner_radius), float(np.finfo(float).max))
            if state.residual:
                residual = _residual(state, case, xi, amplitudes)
        except SimlabError as error:
            notes.append(str(error))
    return Details(images, amplitudes, xi, r_conv, residual, tuple(notes))


def _residual(state, case, xi, amplitudes):
    size = state.imagesize
    masked = {"region": case.lens.region(xi), "mask_scale": MASK_SCALE}
    offset = case.beta(xi) - case.eta
    roulette = render_roulette(amplitudes, case.source, xi, size, offset=offset, **masked)
    traced = render_raytrace(case.lens, case.source, case.eta, size)
    inside = region_mask(xi, size, **masked)
    traced[~inside] = 0
    difference = roulette.astype(np.float64) - traced
    maximum = float(np.abs(difference).max())
    shown = to_uint8(GRAY + GRAY * difference / max(maximum, 1e-300))
    return Residual(
        png=png_bytes(_displayed(shown, state)),
        maximum=maximum,
        rms=float(np.sqrt(np.mean(difference[inside] ** 2))) if inside.any() else 0.0,
    )


def amplitude_rows(amplitudes):
    """[(m, s, alpha, beta)] of amplitudes G[m, s], in the order of the tables."""
    return [
        (m, s, float(amplitudes[m, s].real), float(amplitudes[m, s].imag))
        for m in range(len(amplitudes))
        for s in range(1 - m % 2, m + 2, 2)
    ]


def amplitude_csv(amplitudes):
    """The same as the text of a CSV file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("m", "s", "alpha", "beta"))
    writer.writerows(amplitude_rows(amplitudes))
    return text.getvalue()
