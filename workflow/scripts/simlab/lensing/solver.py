"""Where a source point is seen through a lens.

An image xi of the source eta solves xi = eta + a(xi); it is stationary in the arrival time
tau = |xi - eta|^2/2 - psi(xi) (px^2).
"""

import math
from dataclasses import dataclass

import numpy as np

from simlab.lensing.errors import LensError
from simlab.lensing.kernels import deflection, image_search, images
from simlab.lensing.kernels.fields import lens_distortion
from simlab.lensing.lenses import SIE, SIS, PointMass

CENTERED = 1e-12
"""A source closer than this (px) to the center of a circular lens is seen as a ring."""

NEARLY_ROUND = 0.9995
"""Images of an SIE with a larger axis ratio are searched by direction."""

DIRECTIONS = 4096
MOVED = 1.0
EQUAL_TIMES = 1e-9
MESH = 0.05
TRIANGLES = 250_000
MOST_IMAGES = 1000


@dataclass(frozen=True)
class LensedImage:
    """One image of a source point.

    Attributes
    ----------
    x, y : float
        Position, px.
    magnification : float
        Signed, 1/det A.
    parity : str
        "min", "saddle" or "max" of the arrival time.
    arrival_time : float
        tau, px^2.
    """

    x: float
    y: float
    magnification: float
    parity: str
    arrival_time: float


def apparent_position(lens, eta, solver="exact"):
    """The primary image of a source point.

    Parameters
    ----------
    lens : Lens
    eta : complex
        Source, px.
    solver : str
        "exact": closed forms; else the minimum of the arrival time that the descent
        xi <- eta + a(xi) from xi = eta reaches, to a residual of 1e-11 px; where it does not
        settle or ends in no minimum, and at eta = 0, the image that arrives first (of equal ones
        the one with the larger y, then the larger x). "peer": as the original program, which ends
        the descent at the first step below 0.02 px or after 201 steps.

    Returns
    -------
    complex
        px; nan+nanj if a circular lens turns the source into a ring.

    Raises
    ------
    LensError
        If there is no such image, or a sampled lens is left on the way.
    """
    eta = _finite(eta)
    if solver not in ("exact", "peer"):
        raise LensError(f"solver {solver!r}: expected exact, peer")
    if is_ring(lens, eta):
        return complex(math.nan, math.nan)
    single = lens.constituents[0] if len(lens.constituents) == 1 else lens
    if solver == "peer":
        if isinstance(lens, SIS | PointMass) and lens.center == 0:
            return _closed_images(lens, eta)[0]
        return _descend(lens, eta, 0.02, 201)[0]
    if isinstance(single, SIS | PointMass):
        return _closed_images(single, eta)[0]
    if abs(eta) >= CENTERED and abs(eta - lens.center) >= CENTERED:
        start, settled = _descend(lens, eta, 1e-3, 500)
        if settled:
            xi, outcome = images.polish(*kernel_lens(lens), eta, start, math.inf)
            moved = abs(xi - start)
            if outcome == images.CONVERGED and moved <= MOVED and _is_minimum(lens, xi):
                return complex(xi)
    return _first_image(lens, eta)


def image_positions(lens, eta):
    """All images of a source point.

    Images within 1e-6 px of a singular center, where they have no magnification, are left out, and
    those of a sampled lens beyond its grid.

    Parameters
    ----------
    lens : Lens
    eta : complex
        Source, px.

    Returns
    -------
    list of LensedImage
        Sorted by arrival time.

    Raises
    ------
    LensError
        If a circular lens turns the source into a ring.
    """
    eta = _finite(eta)
    if is_ring(lens, eta):
        raise LensError(f"the source at ({eta.real:g}, {eta.imag:g}) is seen as a ring")
    single = lens.constituents[0] if len(lens.constituents) == 1 else lens
    if isinstance(single, SIS | PointMass):
        positions = _closed_images(single, eta)
    else:
        positions = _searched_images(lens, eta)
    return sorted((_image(lens, eta, xi) for xi in positions), key=lambda one: one.arrival_time)


def is_ring(lens, eta):
    """Whether a circular lens turns a source at eta (complex, px) into a ring."""
    return bool(lens.is_circular and abs(eta - lens.center) < CENTERED)


def _finite(eta):
    try:
        eta = complex(eta)
    except TypeError:
        raise LensError(f"source position {eta!r}: a point is one complex number x + iy") from None
    if not np.isfinite(eta):
        raise LensError(f"source position ({eta.real}, {eta.imag}): expected finite numbers")
    return eta


def kernel_lens(lens):
    """(members, field, nearest) of a lens, as `kernels.images` takes them."""
    if lens.members is None:
        return np.empty((0, deflection.COLUMNS)), lens.field, lens.lookup == "nearest"
    return lens.members, images.NO_FIELD, False


def _descend(lens, eta, step, limit):
    xi, outcome = images.descend(*kernel_lens(lens), eta, step, limit)
    if outcome == images.OUTSIDE:
        raise LensError(
            f"apparent position of ({eta.real:g}, {eta.imag:g}): ({xi.real:g}, {xi.imag:g}) is "
            "outside the grid of the sampled lens"
        )
    return complex(xi), outcome == images.CONVERGED


def _is_minimum(lens, xi):
    """Whether the arrival time is smallest at an image."""
    xx, xy, yx, yy = images.jacobian(*kernel_lens(lens), xi.real, xi.imag)
    return xx * yy > xy * yx and xx + yy > 0


def _closed_images(lens, eta):
    """Images of an SIS or a point mass, the primary one first."""
    g, offset = lens.einstein_radius, eta - lens.center
    distance = abs(offset)
    direction = offset / distance
    if isinstance(lens, PointMass):
        far = distance / 2 + math.hypot(distance / 2, g)
        radii = [far, -g * (g / far)]
    else:
        radii = [distance + g]
        if distance - g < -image_search.SAME:
            radii.append(distance - g)
    return [lens.center + direction * radius for radius in radii]


def _first_image(lens, eta):
    found = [_image(lens, eta, xi) for xi in _searched_images(lens, eta)]
    if not found:
        raise LensError(f"the source at ({eta.real:g}, {eta.imag:g}) has no image")
    first = min(one.arrival_time for one in found)
    equal = [one for one in found if one.arrival_time - first <= EQUAL_TIMES * abs(first)]
    best = max(equal, key=lambda one: (round(one.y, 6), one.x))
    return complex(best.x, best.y)


def _image(lens, eta, xi):
    kappa, shear = lens.convergence(xi), lens.shear(xi)
    det = (1 - kappa) ** 2 - abs(shear) ** 2
    parity = "saddle" if det < 0 else "min" if kappa < 1 else "max"
    time = abs(xi - eta) ** 2 / 2 - float(lens.potential(xi))
    with np.errstate(divide="ignore"):
        magnification = float(np.divide(1.0, det))
    return LensedImage(xi.real, xi.imag, magnification, parity, time)


def _searched_images(lens, eta):
    single = lens.constituents[0] if len(lens.constituents) == 1 else lens
    if isinstance(single, SIE) and single.ratio > NEARLY_ROUND:
        return _images_by_direction(single, eta)
    members, field, _ = kernel_lens(lens)
    found = np.empty(MOST_IMAGES, np.complex128)
    squares = _pixel_square(len(field)) if lens.members is None else _squares(members, eta)
    count = image_search.search_images(members, field, eta, np.array(squares), found)
    return [complex(xi) for xi in found[:count]]


def _images_by_direction(lens, eta):
    """Images of an SIE, by the directions in which the lens equation has a solution.

    Its deflection a(phi) depends on the direction only, so that an image center + r e^{i phi}
    solves Im[(eta - center + a) e^{-i phi}] = 0, and r is the real part. Unlike a search in the
    plane this works next to a sphere, where the images lie all along a critical curve.
    """
    offset = eta - lens.center

    def seen(phi):
        outward = np.exp(1j * phi)
        return (offset + lens.deflection(lens.center + outward)) * outward.conj()

    step = 2 * math.pi / DIRECTIONS
    phi = step * np.arange(DIRECTIONS)
    across = seen(phi).imag
    before, after = np.roll(across, 1), np.roll(across, -1)
    turning = (across - before) * (after - across) < 0  # two solutions may lie next to it
    bend = (before - 2 * across + after)[turning]
    extrema = phi[turning] + 0.5 * step * (before - after)[turning] / bend
    phi = np.sort(np.concatenate([phi, extrema]))
    phi = np.append(phi, phi[0] + 2 * math.pi)
    positive = seen(phi).imag > 0
    [crossed] = np.nonzero(positive[1:] != positive[:-1])
    low, high, sign = phi[crossed], phi[crossed + 1], positive[crossed]
    for _ in range(60):
        middle = 0.5 * (low + high)
        same = (seen(middle).imag > 0) == sign
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    radii = seen(low).real
    positions = lens.center + radii * np.exp(1j * low)
    return [complex(xi) for xi in positions[radii > image_search.SAME]]


def _pixel_square(n):
    return [(-n / 2, 1 - n / 2, 1.0, n - 1)]


def _squares(members, eta):
    """Squares to search: (left, bottom, side of a cell, number of cells).

    One holds all images, with cells of 1/20 of the smallest Einstein radius as long as their number
    allows it; members that need smaller cells get a square of their own, six of their radii wide to
    all sides.
    """
    massive = [i for i, member in enumerate(members) if member[0] != deflection.SHEAR]
    radii = [_einstein_radius(members, i) for i in massive]
    half = _reach(members, eta)
    scale = min((radius for radius in radii if radius > 0), default=half)
    cells = min(max(math.ceil(2 * half / (MESH * scale)), 60), math.isqrt(TRIANGLES // 2))
    side = 2 * half / cells
    squares = [(-half, -half, side, cells)]
    for i, radius in zip(massive, radii, strict=True):
        if radius > 0 and MESH * radius < side * (1 - 1e-9):
            x, y = members[i, 1:3]
            squares.append((x - 6 * radius, y - 6 * radius, MESH * radius, round(12 / MESH)))
    return squares


def _reach(members, eta):
    """Half side of a square about the origin that holds all images, px."""
    kinds = members[:, 0]
    sheets, massive = members[kinds == deflection.SHEAR], members[kinds != deflection.SHEAR]
    nfw = massive[:, 0] == deflection.NFW
    strengths = np.where(nfw, 1.3 * massive[:, 3] * massive[:, 4], massive[:, 3])
    centers = np.hypot(massive[:, 1], massive[:, 2])
    reach = abs(eta) + strengths.sum() + centers.max(initial=0.0)
    stretch = np.hypot(sheets[:, 4], sheets[:, 5])
    reach += np.sum((abs(sheets[:, 3]) + stretch) * np.hypot(sheets[:, 1], sheets[:, 2]))
    shear = abs(complex(sheets[:, 4].sum(), sheets[:, 5].sum()))
    least_stretch = abs(abs(1 - sheets[:, 3].sum()) - shear)
    return float(1.5 * reach / min(1.0, max(least_stretch, 0.02)))


def _einstein_radius(members, i):
    """Einstein radius of one member, px; 0 for a halo without a noticeable one.

    That of an NFW halo is where its mean convergence makes up what the others leave of 1.
    """
    kind, x, y, strength, r_s, *_ = members[i]
    if kind != deflection.NFW:
        return strength
    others = np.delete(members, i, axis=0)
    missing = max(1 - lens_distortion(others, x, y)[0], 0.05) if len(others) else 1.0
    low, high = 1e-12, 1e6
    if 4 * strength * deflection.nfw_enclosed(low) / low**2 < missing:
        return 0.0
    for _ in range(100):
        middle = math.sqrt(low * high)
        mean = 4 * strength * deflection.nfw_enclosed(middle) / middle**2
        low, high = (middle, high) if mean > missing else (low, middle)
    return low * r_s
