"""Pictures of lensed sources, by ray tracing or from roulette amplitudes.

The point theta of a pixel (`geometry`), moved by `center`, sees the source plane at

    b = theta - a(theta) - eta                    ray tracing
    b = D(theta - xi) + offset                    roulette series about xi

and has the surface brightness S(b) of the source. Sampling "analytic" evaluates S at b (sources
that are pictures are interpolated bilinearly); "bilinear" interpolates a raster of the source;
"floor" takes the raster's pixel as the original program does, half a pixel off.
"""

import cmath
import math

import numpy as np

from simlab.lensing.errors import LensError, LensingConfigError
from simlab.lensing.geometry import column_abscissas, row_ordinates
from simlab.lensing.kernels import deflection, rays
from simlab.lensing.kernels import render as kernels
from simlab.lensing.kernels.opencl import View, open_raytracer
from simlab.lensing.kernels.series import row_intervals
from simlab.lensing.kernels.sources import pick
from simlab.lensing.rasters import shift
from simlab.lensing.roulette import (
    estimated_radius,
    roulette_monomials,
    roulette_polynomial,
    scale_of,
)

BACKENDS = ("numba", "opencl")
SAMPLINGS = ("analytic", "bilinear", "floor")
POLYNOMIAL_ORDER = 60
"""Up to here polynomials in X and Y are exact to 1e-9 px; their rounding errors grow like 2^(N/2).
Beyond, polynomials in zeta are evaluated."""
BLOCK = 1 << 16
"""Points that are mapped at a time where the source is not evaluated in the same pass."""
NOTHING = np.zeros((0, deflection.COLUMNS))
"""The lens that does not deflect."""


def render_raytrace(
    lens,
    source,
    eta,
    size,
    *,
    sampling="analytic",
    supersample=1,
    center=0j,
    out=None,
    backend="numba",
):
    """Ray-traced picture.

    Parameters
    ----------
    lens : Lens
    source : Source
    eta : complex
        Position of the source, px.
    size : int
        Rows and columns n.
    sampling : "analytic", "bilinear" or "floor"
    supersample : odd int
        k: a pixel is the mean of k x k sub-points.
    center : complex
        The grid is theta + center, px.
    out : float32 (n, n), optional
        Written and returned in place of a new array, for gray analytic pictures.
    backend : "numba" or "opencl"
        As of `render_batch`.

    Returns
    -------
    float32 (n, n) or, for colored sources, (n, n, 3); uint8 for "floor"
        Gray levels; pixels at the center of a singular lens are 0, as are those below 1e-12.
    """
    if backend != "numba":
        views = [(lens, source, eta, center)]
        (image,) = render_batch(
            views, size, sampling=sampling, supersample=supersample, backend=backend
        )
        return image
    eta, center = _finite("eta", eta), _finite("center", center)
    return _picture(_RayTracing(lens, eta), source, size, center, sampling, supersample, out=out)


def render_batch(views, size, *, sampling="analytic", supersample=1, backend="opencl"):
    """Ray-traced pictures of many views.

    Parameters
    ----------
    views : sequence of (lens, source, eta, center)
    size, sampling, supersample
        As of `render_raytrace`.
    backend : "numba" or "opencl"
        "opencl" draws all views that `can_use_opencl` on the device, equal to 1e-5 px, the others
        as numba does.

    Returns
    -------
    list of arrays
        As of `render_raytrace`.

    Raises
    ------
    SimlabError
        Where there is no OpenCL device; lists the platforms.
    """
    if backend not in BACKENDS:
        raise LensingConfigError(f"backend is {backend!r}, expected {' or '.join(BACKENDS)}")
    images = [None] * len(views)
    if backend == "opencl":
        numbers = [k for k, view in enumerate(views) if can_use_opencl(view[0], view[1], sampling)]
        for k in numbers:
            _check(size, sampling, supersample, views[k][1])
        device = open_raytracer()
        scenes = [_scene(*views[k]) for k in numbers]
        drawn = device.raytrace(scenes, size, supersample) if scenes else ()
        for k, image in zip(numbers, drawn, strict=True):
            images[k] = image
    for k, (lens, source, eta, center) in enumerate(views):
        if images[k] is None:
            images[k] = render_raytrace(
                lens, source, eta, size, sampling=sampling, supersample=supersample, center=center
            )
    return images


def can_use_opencl(lens, source, sampling="analytic"):
    """Whether the OpenCL backend draws this: analytic sampling, source and lens."""
    return sampling == "analytic" and source.is_analytic and lens.members is not None


def _scene(lens, source, eta, center):
    eta, center = _finite("eta", eta), _finite("center", center)
    return View(lens.members, source.profiles, source.ceiling, eta, center)


def _finite(name, point):
    try:
        point = complex(point)
    except TypeError:
        raise LensError(f"{name} is {point!r}, a point is one complex number x + iy") from None
    if not cmath.isfinite(point):
        raise LensError(f"{name} is ({point.real}, {point.imag}), finite numbers are expected")
    return point


def render_roulette(
    G,
    source,
    xi,
    size,
    *,
    offset=0j,
    sampling="analytic",
    supersample=1,
    center=0j,
    region=None,
    mask_scale=0.9,
    mask_radius=None,
    out=None,
):
    """Picture from roulette amplitudes about xi.

    Parameters
    ----------
    G : complex128 (N+1, N+2)
        Amplitudes gamma[m, s].
    xi : complex
        Reference point, px.
    offset : complex
        beta(xi) - eta, px: 0 where xi is an apparent position of the source.
    region : Region, optional
        Only pixels with zeta/mask_scale in it are drawn.
    mask_radius : float, optional
        Only pixels with |zeta| <= mask_radius (px) are drawn; wins over `region`.
    source, size
        As of `render_raytrace`.
    sampling : str
        Likewise.
    supersample : int
        Likewise.
    center : complex
        Likewise, px.
    out : array, optional
        Likewise.

    Returns
    -------
    array
        As of `render_raytrace`; pixels outside the mask are 0.
    """
    _check(size, sampling, supersample, source)
    shifted = _finite("xi", xi) - _finite("center", center)
    window = _window(shifted, size, region, mask_scale, mask_radius)
    mapping = _Series(G, _finite("offset", offset), size)
    return _picture(mapping, source, size, -shifted, sampling, supersample, window, out)


def actual_image(source, eta, size, sampling="analytic", *, center=0j):
    """The source at eta without a lens; same shapes and dtypes as `render_raytrace`.

    "floor" shifts the raster by interpolation, as the original program does.
    """
    eta, center = _finite("eta", eta), _finite("center", center)
    if sampling == "floor":
        _check(size, sampling, 1, source)
        moved = eta - center
        return shift(source.raster(size), moved.real, -moved.imag)
    return _picture(_RayTracing(None, eta), source, size, center, sampling, 1)


def black_image(source, size, sampling="analytic"):
    """A picture without light, as `render_raytrace` would return it."""
    shape = (size, size) if source.channels == 1 else (size, size, source.channels)
    return np.zeros(shape, np.uint8 if sampling == "floor" else np.float32)


def region_mask(xi, size, *, center=0j, region=None, mask_scale=0.9, mask_radius=None):
    """Pixels that `render_roulette` draws with these arguments: bool (size, size)."""
    shifted = complex(xi) - complex(center)
    window = _window(shifted, size, region, mask_scale, mask_radius)
    if window is None:
        return np.ones((size, size), np.bool_)
    columns = np.arange(size)
    return (columns >= window[0][:, None]) & (columns < window[1][:, None])


def _window(xi, size, region, mask_scale, mask_radius):
    """(first, end) columns of every row inside the mask: int64 (size,); None for all."""
    if mask_radius is not None:
        bound = np.nextafter(float(mask_radius) ** 2, math.inf)  # the edge itself is inside
        forms, scale = np.array([[1.0, 0.0, 1.0, bound]]), 1.0
    elif region is not None:
        if not mask_scale > 0:
            raise LensingConfigError(f"mask_scale is {mask_scale}, a number above 0 is expected")
        forms, scale = region.forms, float(mask_scale)
    else:
        return None
    first, end = np.empty(size, np.int64), np.empty(size, np.int64)
    xs, ys = column_abscissas(size) - xi.real, row_ordinates(size) - xi.imag
    row_intervals(forms, scale, xs, ys, first, end)
    return first, end


class _RayTracing:
    """b = theta - a(theta) - eta; without a lens b = theta - eta."""

    last_pixel = True
    """Whether "floor" takes indices of exactly n - 1."""

    def __init__(self, lens, eta):
        self.lens, self.eta = lens, eta
        self.members = NOTHING if lens is None else lens.members

    @property
    def is_fused(self):
        """Whether `draw` can draw."""
        return self.members is not None

    def draw(self, source, xs, ys, window, out):
        """Gray picture of an analytic source into out, float32 (n, n)."""
        kernels.raytrace(
            self.members, source.profiles, source.ceiling, self.eta.real, self.eta.imag,
            xs, ys, out,
        )  # fmt: skip

    def points(self, xs, ys):
        """b at xs (n,), ys (m,): float64 (m, n), (m, n)."""
        bx, by = np.empty((ys.size, xs.size)), np.empty((ys.size, xs.size))
        if self.members is not None:
            rays.trace(self.members, xs, ys, bx, by)
        else:
            theta = xs[None, :] + 1j * ys[:, None]
            deflected, covered = self.lens.deflection_where_covered(theta)
            beta = np.where(covered, theta - deflected, np.nan)
            bx[:], by[:] = beta.real, beta.imag
        bx -= self.eta.real
        by -= self.eta.imag
        return bx, by


class _Series:
    """b = D(zeta) + offset."""

    last_pixel = False
    is_fused = True

    def __init__(self, G, offset, size):
        self.offset = offset
        G = np.asarray(G, np.complex128)
        if not np.isfinite(G).all():
            raise LensError("roulette amplitudes of a picture must be finite numbers")
        radius = estimated_radius(G)
        scale = scale_of(size / 2 if radius is None else radius)
        self.exponent = int(math.log2(scale))
        self.c_1 = self.c_2 = np.zeros((0, 0))
        self.monomials = np.zeros((0, 0), np.complex128)
        if len(G) - 1 <= POLYNOMIAL_ORDER:
            self.c_1, self.c_2 = roulette_polynomial(G, scale)
        else:
            self.monomials, _ = roulette_monomials(G, scale)

    @property
    def coefficients(self):
        """What the kernels need."""
        return self.c_1, self.c_2, self.monomials, self.exponent

    def draw(self, source, xs, ys, window, out):
        """Gray picture of an analytic source into out, float32 (n, n)."""
        n = xs.shape[1]
        first, end = window or (np.zeros(n, np.int64), np.full(n, n))
        kernels.series(
            *self.coefficients, source.profiles, source.ceiling, self.offset, xs, ys,
            first, end, out,
        )  # fmt: skip

    def points(self, xs, ys):
        """b at zeta of xs (n,), ys (m,): float64 (m, n), (m, n)."""
        bx, by = np.empty((ys.size, xs.size)), np.empty((ys.size, xs.size))
        kernels.map_grid(*self.coefficients, xs, ys, bx, by)
        bx += self.offset.real
        by += self.offset.imag
        return bx, by


def _picture(mapping, source, size, moved, sampling, supersample, window=None, out=None):
    _check(size, sampling, supersample, source)
    steps = (np.arange(supersample) - (supersample - 1) / 2) / supersample
    xs = column_abscissas(size) + moved.real + steps[:, None]
    ys = row_ordinates(size) + moved.imag - steps[:, None]
    if sampling == "analytic" and source.is_analytic and mapping.is_fused:
        image = np.empty((size, size), np.float32) if out is None else out
        mapping.draw(source, xs, ys, window, image)
        return image
    image = black_image(source, size, sampling)
    look_up = _lookup(source, size, sampling, mapping.last_pixel)
    rows = max(1, BLOCK // size)
    for first in range(0, size, rows):
        block = slice(first, min(first + rows, size))
        total = sum(
            look_up(*(b.ravel() for b in mapping.points(x, y[block]))) for y in ys for x in xs
        )
        values = total if supersample == 1 else total / supersample**2
        image[block] = values.reshape(image[block].shape)
    if sampling != "floor":
        image[~(image > kernels.DARK)] = 0
    if window is not None:
        columns = np.arange(size)
        image[(columns < window[0][:, None]) | (columns >= window[1][:, None])] = 0
    return image


def _lookup(source, size, sampling, last_pixel):
    """Function of bx, by (k,) that returns brightness (k, channels)."""
    if sampling == "floor":
        raster = np.ascontiguousarray(source.raster(size).reshape(size, size, -1))

        def picked(bx, by):
            values = np.empty((bx.size, raster.shape[2]), np.uint8)
            pick(raster, size / 2, last_pixel, bx, by, values)
            return values

        return picked
    if sampling == "bilinear" and source.is_analytic:
        return source.float_raster(size).at
    return source.at


def _check(size, sampling, supersample, source):
    if size < 1:
        raise LensError(f"a picture of {size} px, a number above 0 is expected")
    if sampling not in SAMPLINGS:
        raise LensingConfigError(f"sampling is {sampling!r}, expected {', '.join(SAMPLINGS)}")
    if supersample < 1 or supersample % 2 == 0:
        raise LensingConfigError(f"supersample is {supersample}, an odd number is expected")
    if sampling == "floor" and supersample != 1:
        raise LensingConfigError(
            f"supersample is {supersample}, but floor sampling has no sub-points"
        )
    source.check_size(size)
