"""A picture from roulette amplitudes alone: nothing else is known of the lens."""

import math
from dataclasses import dataclass

import numpy as np

from simlab.lensing.drawing import grid_size
from simlab.lensing.errors import LensError, RowsError
from simlab.lensing.geometry import angular_amplitudes
from simlab.lensing.postprocess import crop, translate
from simlab.lensing.region import disc
from simlab.lensing.render import black_image, render_roulette
from simlab.lensing.roulette import COLUMN, amplitudes_from, estimated_radius
from simlab.lensing.rows import chi_of, source_of
from simlab.lensing.settings import as_settings

DRAW_MODES = ("xi", "centre", "origin")
MODEL = "RouletteRegenerator"
"""Name of the model, where settings depend on it."""


@dataclass(frozen=True)
class Amplitudes:
    """What a row of a roulette table says of the lens mapping; angular, relative to the picture.

    Attributes
    ----------
    values : complex128 (N+1, N+2) or None
        None for a row without amplitudes.
    xi : complex
        Reference point, px.
    offset : complex
        Source offset at the reference point, px.
    distance : float
        Of the reference point from the origin of the frame before centering, px.
    """

    values: np.ndarray | None
    xi: complex
    offset: complex
    distance: float = 0.0

    @property
    def eta(self):
        """Source position that belongs to them, whatever the lens: xi + gamma[0, 1] - offset."""
        return self.xi + complex(self.values[0, 1]) - self.offset


def recovered(row, settings, order=None):
    """The Amplitudes of a row.

    Parameters
    ----------
    row : mapping
    settings : SimulationSettings
        `amplitude_units` and `chi_column` say what the cells mean.
    order : int, optional
        Largest m that is used; higher amplitudes are left out, missing ones are 0.
    """
    if not has_amplitudes(row):
        return Amplitudes(None, 0j, 0j)
    values = amplitudes_from(row)
    values = with_order(values, last_order(values) if order is None else order)
    xi = _point(row, "xi")
    # a table without refX is the original program's, whose offsetY is wrong
    offset = _point(row, "offset") if str(row.get("refX", "")).strip() else 0j
    distance = abs(xi + _point(row, "centre"))
    if settings.amplitude_units == "lens":
        chi = chi_of(row, settings.chi_column)
        values, xi, offset = angular_amplitudes(values, chi), xi / chi, offset / chi
        distance /= chi
    return Amplitudes(values, xi, offset, distance)


def center_of(row, settings):
    """Center of light that the picture of a row was moved by, angular, px; 0 without columns."""
    center = _point(row, "centre")
    return (
        center / chi_of(row, settings.chi_column) if settings.amplitude_units == "lens" else center
    )


def has_amplitudes(row):
    """Whether any amplitude cell of a row is filled."""
    return any(COLUMN.fullmatch(name) and str(cell).strip() for name, cell in row.items())


def last_order(amplitudes):
    """Largest m with an amplitude that is not 0, at least 1."""
    filled = np.flatnonzero(amplitudes.any(axis=1))
    return max(int(filled[-1]) if len(filled) else 0, 1)


def with_order(amplitudes, order):
    """gamma[m, s] up to m = order: cut off, or filled up with zeros."""
    values = np.zeros((order + 1, order + 2), np.complex128)
    n = min(order + 1, len(amplitudes))
    values[:n, : n + 1] = amplitudes[:n, : n + 1]
    return values


def _point(row, name):
    return complex(*(_coordinate(row, f"{name}{axis}") for axis in "XY"))


def _coordinate(row, column):
    cell = row.get(column, "")
    try:
        value = float(cell) if cell != "" else 0.0
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RowsError(f"{column} is {cell!r}, a finite number is expected")
    return value


def resimulate_row(row, settings=None, *, folder=None, order=None, drawmode="xi"):
    """Draw a picture from a row of a roulette table.

    Parameters
    ----------
    row : mapping
        With amplitude columns, the source, and `xiX`, `xiY`, `offsetX`, `offsetY`.
    settings : SimulationSettings or mapping of its keys, optional
    folder : path, optional
        That files named in the row are relative to.
    order : int, optional
        Of the series; None: all amplitudes that are there.
    drawmode : str
        "xi": overlays the picture the amplitudes were recovered from; "centre": about the
        reference point; "origin": drawn there and moved to xi by interpolation.

    Returns
    -------
    (H, W[, 3]) float32 or uint8
        Black for a row without amplitudes.
    """
    settings = as_settings(settings)
    if drawmode not in DRAW_MODES:
        raise LensError(f"drawmode is {drawmode!r}, expected {', '.join(DRAW_MODES)}")
    source = source_of(row, folder=folder, settings=settings)
    recovery = recovered(row, settings, order)
    size, cropsize = settings.imagesize, settings.cropsize
    raster = settings.sampling != "analytic" or drawmode == "origin"
    grid = size if raster else grid_size(size, cropsize)
    if recovery.values is None:
        return crop(black_image(source, grid, settings.sampling), cropsize or grid)
    image = render_roulette(
        recovery.values,
        source,
        recovery.xi if drawmode == "xi" else 0j,
        grid,
        offset=recovery.offset,
        sampling=settings.sampling,
        supersample=settings.supersample,
        **_masked(settings, recovery),
    )
    if drawmode == "origin":
        image = translate(image, -recovery.xi)
    image = crop(image, cropsize or size)
    if settings.bgcolour:
        image = np.maximum(image, image.dtype.type(settings.bgcolour))
    return image


def _masked(settings, recovery):
    """Keywords of the mask; without a lens its region is only estimated, and only if asked for."""
    radius = settings.mask_radius_of(MODEL)
    if radius is not None:
        return {"mask_radius": radius}
    if settings.mask == "region":
        radius = estimated_radius(recovery.values)
        return {"region": disc(radius), "mask_scale": settings.maskscale} if radius else {}
    if settings.mask == "disc":
        return {"region": disc(recovery.distance), "mask_scale": settings.maskscale}
    return {}
