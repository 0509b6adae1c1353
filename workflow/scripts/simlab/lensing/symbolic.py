"""Roulette amplitudes by symbolic differentiation, to check the closed forms."""

from simlab.lensing.errors import LensError
from simlab.lensing.formula_text import KINDS
from simlab.lensing.roulette import indices

HIGHEST = {"SIS": 8, "PM": 8, "SIE": 3}
"""Orders beyond which expressions become unwieldy."""


def symbolic_lines(kind, order):
    """Amplitudes as lines `m:s:ALPHA:BETA`, derived from the potential.

    gamma[0, 1] = -(psi_x + i psi_y), and each order follows from the one before:
    gamma[m+1, s+1] = (m+2)/(m+3+s) [(d_x alpha - d_y beta) + i (d_x beta + d_y alpha)], twice that
    for s = 0, and gamma[m+1, 0] = (d_x alpha + d_y beta)/2 of gamma[m, 1] (Clarkson 2016).

    Parameters
    ----------
    kind : str
        SIS, PM (PointMass) or SIE.
    order : int
        N, 0..8; for the SIE 0..3.

    Raises
    ------
    LensError
        For another lens or order.
    """
    import sympy as sp

    if kind not in KINDS:
        raise LensError(f"formulas of {kind!r}: expected {', '.join(KINDS)}")
    kind = KINDS[kind]
    if not 0 <= order <= HIGHEST[kind]:
        raise LensError(
            f"symbolic amplitudes of the {kind} to order {order}: expected 0 to {HIGHEST[kind]}"
        )
    x, y = sp.symbols("x y", real=True)
    psi = _potential(sp, kind, x, y)
    tidy = (lambda e: e) if kind == "SIE" else (lambda e: sp.factor(sp.together(e)))
    found = {(0, 1): (tidy(-sp.diff(psi, x)), tidy(-sp.diff(psi, y)))}
    for m in range(order):
        for s in range(1 - m % 2, m + 2, 2):
            alpha, beta = found[m, s]
            up = sp.Rational(m + 2, m + 3 + s) * (2 if s == 0 else 1)
            found[m + 1, s + 1] = (
                tidy(up * (sp.diff(alpha, x) - sp.diff(beta, y))),
                tidy(up * (sp.diff(beta, x) + sp.diff(alpha, y))),
            )
            if s == 1:
                found[m + 1, 0] = (tidy((sp.diff(alpha, x) + sp.diff(beta, y)) / 2), sp.Integer(0))
    return [f"{m}:{s}:{found[m, s][0]}:{found[m, s][1]}" for m, s in indices(order)]


def _potential(sp, kind, x, y):
    g = sp.Symbol("g", positive=True)
    if kind == "SIS":
        return g * sp.sqrt(x**2 + y**2)
    if kind == "PM":
        return g**2 * sp.log(x**2 + y**2) / 2
    f, p = sp.Symbol("f", positive=True), sp.Symbol("p", real=True)
    u, v = x * sp.cos(p) + y * sp.sin(p), y * sp.cos(p) - x * sp.sin(p)
    flat, r = sp.sqrt(1 - f**2), sp.sqrt(x**2 + y**2)
    arcs = v * sp.asin(flat * v / r) + u * sp.asinh(flat * u / (f * r))
    return g * sp.sqrt(f) / flat * arcs
