"""Roulette amplitudes recovered from a picture, and where they belong.

The lens equation `beta(theta) = theta - a(theta)` relates the reference point xi', the center of
light c and the source position eta of a row (all angular, complex): with eta' = beta(xi') the light
seen at xi' + zeta comes from the source offset

    D(zeta) + Delta_eta,    Delta_eta = eta' - eta,

because beta(xi' + zeta) - eta = [beta(xi' + zeta) - beta(xi')] + [beta(xi') - eta]. Further,
eta' - xi' = -a(xi') is the amplitude gamma[0, 1]. For xi' = c this is
Delta_eta = (c - eta) - a(c), not c - eta: the deflection belongs to it.
"""

from dataclasses import dataclass

import numpy as np

from simlab.lensing.drawing import finite_amplitudes
from simlab.lensing.geometry import lens_plane_amplitudes
from simlab.lensing.roulette import columns_of, indices
from simlab.lensing.trust import trust_radius

POINTS = ("lens", "centre", "releta", "offset", "xi", "ref")
POINT_COLUMNS = tuple(f"{name}{axis}" for name in POINTS for axis in "XY")
NOT_LEARNED = {
    *("index", "source", "config", "nterms"),
    *("centreX", "centreY", "reletaX", "reletaY", "offsetX", "offsetY"),
}
"""Columns that networks do not learn from."""
OUTCOME_COLUMNS = (*POINT_COLUMNS, "r_conv", "trust_radius", "status")
"""Columns of the roulette table between those of the input and the amplitudes."""


@dataclass(frozen=True)
class Recovery:
    """Amplitudes at the reference point of a row; all None or 0 where there are none.

    Attributes
    ----------
    point : complex or None
        Reference point in the original frame, px.
    amplitudes : complex128 (N+1, N+2) or None
    offset : complex
        Delta_eta, px.
    r_conv, trust : float
        Smallest radius of convergence; radius inside which the truncated series is exact to
        half a pixel, px.
    """

    point: complex | None = None
    amplitudes: np.ndarray | None = None
    offset: complex = 0j
    r_conv: float = 0.0
    trust: float = 0.0

    @classmethod
    def of(cls, case, drawing, center, words):
        """Recover the amplitudes of a Case.

        Parameters
        ----------
        case : Case
        drawing : Drawing
        center : complex
            Center of light of the picture.
        words : set
            Statuses that hold; "reference-singular" is added where the series is of no use.
        """
        point = _reference_point(case.settings.reference, drawing.xi, center)
        if point is None or "ring" in words:
            return cls()
        if point == drawing.xi and drawing.amplitudes is not None:
            amplitudes = drawing.amplitudes
        else:
            amplitudes = finite_amplitudes(case, point)
        if amplitudes is None:
            words.add("reference-singular")
            return cls()
        r_conv = case.lens.region(point).inner_radius
        if r_conv < case.settings.min_convergence:
            words.add("reference-singular")
        return cls(
            point=point,
            amplitudes=amplitudes,
            offset=complex(case.beta(point) - case.eta),
            r_conv=r_conv,
            trust=trust_radius(case.lens, point, amplitudes),
        )


def _reference_point(reference, xi, center):
    if reference == "apparent":
        return xi
    return center if reference == "centre" else complex(*reference)


def columns_of_row(case, center, recovery, status):
    """All columns of the roulette table of a row: dict of text and numbers, "" for nothing.

    Points are relative to `center`, except refX, refY (original frame). In lens-plane units all
    of them are multiplied by chi.
    """
    scale = case.chi if case.settings.amplitude_units == "lens" else 1.0
    nothing = recovery.point is None
    points = {
        "lens": 0 - center,
        "centre": center,
        "releta": case.eta - center,
        "offset": None if nothing else recovery.offset,
        "xi": None if nothing else recovery.point - center,
        "ref": recovery.point,
    }
    columns = dict(case.row)
    for name in POINTS:
        value = points[name]
        columns[f"{name}X"] = "" if value is None else value.real * scale
        columns[f"{name}Y"] = "" if value is None else value.imag * scale
    columns["r_conv"] = "" if nothing else recovery.r_conv * scale
    columns["trust_radius"] = "" if nothing else recovery.trust * scale
    columns["status"] = status
    if recovery.amplitudes is not None:
        amplitudes = recovery.amplitudes
        if scale != 1.0:
            amplitudes = lens_plane_amplitudes(amplitudes, scale)
        columns.update(columns_of(amplitudes))
    return columns


def amplitude_columns(order):
    """Names of the amplitude columns up to an order: all alpha[m][s], then all beta[m][s]."""
    return [f"{name}[{m}][{s}]" for name in ("alpha", "beta") for m, s in indices(order)]


def learned(columns):
    """The columns a network learns from."""
    return [column for column in columns if column not in NOT_LEARNED]
