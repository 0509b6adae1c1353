"""Kinds of sources: surface brightness as a function of the point, and as a raster."""

import math
from dataclasses import dataclass

import numpy as np

from simlab.lensing import rasters
from simlab.lensing.errors import RowsError
from simlab.lensing.kernels.sources import COLUMNS, add_texture, shade
from simlab.lensing.profiles import BRIGHTEST, GAUSSIAN, faint_radius, gaussian_raster


@dataclass(frozen=True, eq=False)
class Texture:
    """A picture in the source plane.

    Attributes
    ----------
    values : float64 (h, w, channels)
    frame : float64 (8,)
        Place of the picture, see `kernels.sources.add_texture`.
    """

    values: np.ndarray
    frame: np.ndarray

    def moved(self, x, y):
        """The same picture moved by (x, y) px."""
        return Texture(self.values, self.frame + np.array([x, y, 0, 0, 0, 0, 0, 0.0]))

    def at(self, bx, by):
        """Brightness at points with coordinates (n,): float64 (n, channels)."""
        total = np.zeros((bx.size, self.values.shape[2]))
        add_texture(self.values, self.frame, bx, by, total)
        return total


class Source:
    """A source; `make_source`, `make_constellation` and `parse_constellation` make them.

    Attributes
    ----------
    kind : str
    profiles : float64 (k, 10)
        Analytic parts, see `kernels.sources`.
    textures : tuple of Texture
        Parts that are pictures.
    ceiling : float
        Largest sum of all parts; inf where it needs no limit.
    reach : float
        Distance from the origin beyond which the intensity is below 1e-3, px.
    """

    def __init__(self, kind, profiles=(), textures=(), ceiling=math.inf, reach=0.0):
        self.kind = kind
        self.profiles = np.array(profiles, np.float64).reshape(-1, COLUMNS)
        self.textures = tuple(textures)
        self.ceiling = float(ceiling)
        self.reach = float(reach)

    @property
    def channels(self):
        """1 for gray sources, 3 (B, G, R) where a part has color."""
        return max([1, *(texture.values.shape[2] for texture in self.textures)])

    @property
    def is_analytic(self):
        """Whether the intensity is a closed expression; else it is interpolated in pictures."""
        return not self.textures

    def intensity(self, b):
        """Surface brightness at offsets from the center.

        Parameters
        ----------
        b : complex array of any shape
            px; undefined ones (NaN) are dark.

        Returns
        -------
        float64 of that shape, with a last axis of 3 for colored sources
            Gray levels.
        """
        b = np.asarray(b, np.complex128)
        values = self.at(b.real.ravel(), b.imag.ravel())
        return values.reshape(b.shape if self.channels == 1 else (*b.shape, 3))[()]

    def at(self, bx, by):
        """Surface brightness at points with coordinates (n,): float64 (n, channels)."""
        bx, by = np.ascontiguousarray(bx), np.ascontiguousarray(by)
        gray = np.empty(bx.size)
        shade(self.profiles, math.inf if self.textures else self.ceiling, bx, by, gray)
        if not self.textures:
            return gray[:, None]
        total = np.repeat(gray[:, None], self.channels, axis=1)
        for texture in self.textures:
            add_texture(texture.values, texture.frame, bx, by, total)
        return np.minimum(total, self.ceiling, out=total)

    def raster(self, size):
        """The source as the original program draws it: uint8 (size, size[, 3])."""
        self.check_size(size)
        return self._drawn(size)

    def float_raster(self, size):
        """Intensity at the points of the raster's pixels: Texture of float64 (size, size, c)."""
        x, y = (axis.ravel() for axis in np.broadcast_arrays(*rasters.raster_axes(size)))
        values = self.at(x, y).reshape(size, size, -1)
        return Texture(values, np.array([0, 0, 1, 0, 0, 1, size // 2, size // 2], np.float64))

    def check_size(self, size):
        """RowsError where the source does not fit into pictures of `size` pixels."""

    def _drawn(self, size):
        raise NotImplementedError

    def __repr__(self):
        return f"<Source {self.kind}, reach {self.reach:.4g} px>"


class EllipticalSource(Source):
    """A Gaussian or Sersic profile on concentric ellipses."""

    def __init__(self, kind, sigmas, theta_deg, sersic=None):
        self.sigmas, self.theta_deg, self.sersic = sigmas, theta_deg, sersic
        along_p, along_q = sigmas if sersic is None else sersic.semi_axes(*sigmas)
        theta = math.radians(theta_deg)
        c, s = math.cos(theta), math.sin(theta)
        form = [c / along_p, s / along_p, -s / along_q, c / along_q]
        tail = GAUSSIAN if sersic is None else sersic.profile(*sigmas)
        super().__init__(
            kind,
            [[0.0, 0.0, *form, *tail]],
            reach=max(along_p, along_q) * faint_radius(*tail),
        )

    def _drawn(self, size):
        x, y = rasters.raster_axes(size)
        values = gaussian_raster(x, -y, *self.sigmas)
        if self.sersic is not None:
            values = self.sersic.raster(x, -y, *self.sigmas)
        drawn = rasters.to_bytes(values)
        return rasters.rotate(drawn, self.theta_deg) if self.is_rotated else drawn

    @property
    def is_rotated(self):
        """Whether the raster is turned after drawing; spheres are not."""
        return self.kind in ("Ellipsoid", "SersicEllipsoid")


class TriangleSource(Source):
    """Three colored lines of thickness 3 px between points at distance sigma."""

    def __init__(self, sigma, theta_deg):
        self.sigma, self.theta_deg = sigma, theta_deg
        half = math.ceil(sigma) + 3
        values = rasters.triangle(sigma, 2 * half + 1).astype(np.float64)
        texture = Texture(values, _frame(half, half, theta_deg))
        super().__init__("Triangle", textures=[texture], reach=_reach_of(texture))

    def _drawn(self, size):
        return rasters.rotate(rasters.triangle(self.sigma, size), self.theta_deg)


class PictureSource(Source):
    """A user's picture, its pixel (h//2, w//2) at the center."""

    def __init__(self, path, picture, scale, theta_deg):
        self.path, self.picture = str(path), picture
        self.scale, self.theta_deg = scale, theta_deg
        height, width, _ = picture.shape
        frame = _frame(height // 2, width // 2, theta_deg, scale)
        texture = Texture(picture, frame)
        super().__init__("Image", textures=[texture], reach=_reach_of(texture))

    def check_size(self, size):
        """RowsError where the picture is larger than `size` pixels."""
        height, width = (self.scale * side for side in self.picture.shape[:2])
        if max(height, width) > size:
            raise RowsError(
                f"{self.path}: source picture of {width:g} x {height:g} px, at most {size} x "
                f"{size} (imagesize) are expected"
            )

    def _drawn(self, size):
        if self.scale == 1:
            drawn = rasters.paste(rasters.to_bytes(self.picture), size)
            drawn = drawn[:, :, 0] if self.channels == 1 else drawn
            return rasters.rotate(drawn, self.theta_deg) if self.theta_deg else drawn
        drawn = rasters.to_bytes(self.float_raster(size).values)
        return drawn[:, :, 0] if self.channels == 1 else drawn


def _frame(row, column, theta_deg, scale=1.0):
    theta = math.radians(theta_deg)
    c, s = math.cos(theta) / scale, math.sin(theta) / scale
    return np.array([0.0, 0.0, c, s, -s, c, row, column])


def _reach_of(texture):
    scale = 1 / math.hypot(*texture.frame[2:4])
    return scale * math.hypot(*(side / 2 + 1 for side in texture.values.shape[:2]))


class Constellation(Source):
    """Sum of sources at shifted places.

    Attributes
    ----------
    members : tuple of (Source, complex)
        Sources and the places of their centers, px, y up.
    """

    def __init__(self, members, clip=True):
        self.members = tuple((source, complex(place)) for source, place in members)
        profiles = [row for source, place in self.members for row in _moved(source, place)]
        textures = [
            texture.moved(place.real, place.imag)
            for source, place in self.members
            for texture in source.textures
        ]
        super().__init__(
            "Constellation",
            profiles,
            textures,
            ceiling=BRIGHTEST if clip else math.inf,
            reach=max(abs(place) + source.reach for source, place in self.members),
        )

    def check_size(self, size):
        """RowsError where a picture is larger than `size` pixels."""
        for source, _ in self.members:
            source.check_size(size)

    def _drawn(self, size):
        total = np.zeros((size, size, self.channels), np.int64)
        for source, place in self.members:
            drawn = rasters.shift(source.raster(size), place.real, -place.imag)
            total += drawn.reshape(size, size, -1)
        drawn = np.minimum(total, 255).astype(np.uint8)
        return drawn[:, :, 0] if self.channels == 1 else drawn


def _moved(source, place):
    rows = source.profiles.copy()
    rows[:, 0] += place.real
    rows[:, 1] += place.imag
    return rows
