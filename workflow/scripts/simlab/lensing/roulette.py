"""The roulette mapping of a lens, and its amplitudes as columns of tables.

Amplitudes gamma[m, s] = alpha[m][s] + i beta[m][s] are arrays G (N+1, N+2) complex128, px^(1-m); in
tables they come in the order m = 0..N, s = 1 - m%2, step 2, up to m + 1.
"""

import math
import re

import numpy as np

from simlab.lensing.errors import LensError, RowsError
from simlab.lensing.kernels import amplitudes as kernels
from simlab.lensing.kernels import roulette as mapping
from simlab.lensing.lenses import MAX_ORDER, check_order, checked_amplitudes

COLUMN = re.compile(r"(alpha|beta)\[\s*(\d+)\s*(?:\]\s*\[|,)\s*(\d+)\s*\]")


def indices(order):
    """All (m, s) up to order N, in the order of tables."""
    return [(m, s) for m in range(order + 1) for s in range(1 - m % 2, m + 2, 2)]


def amplitudes_of_rows(lenses, xi, order):
    """Amplitudes of many lenses, each about its own point.

    Parameters
    ----------
    lenses : sequence of n Lens
        Analytic ones.
    xi : sequence of n complex
        Reference points, px.
    order : int
        N, 0..200.

    Returns
    -------
    (n, N+1, N+2) complex128
        As `Lens.amplitudes` of each; px^(1-m).
    """
    order = check_order(order)
    xi = np.ascontiguousarray(xi, np.complex128)
    tables = [lens.members for lens in lenses]
    if any(table is None for table in tables):
        raise LensError("amplitudes of many rows: a sampled lens has none in closed form")
    for lens, point in zip(lenses, xi.tolist(), strict=True):
        lens.check_regular(point)
    ends = np.cumsum([0, *map(len, tables)])
    out = np.empty((len(tables), order + 1, order + 2), np.complex128)
    if tables:
        kernels.amplitudes_of_rows(np.concatenate(tables), ends[:-1], ends[1:], xi, out)
    return checked_amplitudes(out, "these points")


def scale_of(radius):
    """Power of two nearest to a radius (px) on the logarithmic scale; 1.0 for 0, inf and nan."""
    if not 0 < radius < math.inf:
        return 1.0
    return 2.0 ** round(math.log2(radius))


def _exponent_of(scale):
    fraction, exponent = math.frexp(scale)
    if fraction != 0.5:
        raise LensError(f"scale {scale} of a roulette polynomial: expected a power of two")
    return exponent - 1


def _cut(G, order):
    G = np.ascontiguousarray(G, np.complex128)
    if order is None:
        return G
    order = check_order(order)
    if order >= len(G):
        raise LensError(f"order {order}: the amplitudes end at {len(G) - 1}")
    return np.ascontiguousarray(G[: order + 1, : order + 2])


def roulette_monomials(G, scale):
    """Coefficients for `kernels.roulette.map_points`.

    Parameters
    ----------
    G : (N+1, N+2) complex128
    scale : float
        Unit of zeta, a power of two, px.

    Returns
    -------
    coefficients : (N+1, N+1) complex128
        Of zeta^a conj(zeta)^b, px, without the leading zeta.
    exponent : int
        log2 of the scale.
    """
    exponent = _exponent_of(scale)
    return mapping.monomials(_cut(G, None), exponent), exponent


def roulette_polynomial(G, scale):
    """The mapping as two real polynomials.

    D1 = sum C1[i, j] Y^i X^j and D2 = sum C2[i, j] Y^i X^j with X + i Y = zeta/scale. For |zeta| <=
    scale the rounding error grows like 2^(N/2); beyond N = 60 use `roulette_monomials`.

    Parameters
    ----------
    G : (N+1, N+2) complex128
    scale : float
        A power of two, px.

    Returns
    -------
    C1, C2 : (N+1, N+1) float64
        px; at least (2, 2), since D starts with zeta.
    """
    if len(G) < 2:
        G = np.zeros((2, 3), np.complex128)
    e, exponent = roulette_monomials(G, scale)
    C1, C2 = np.empty(e.shape), np.empty(e.shape)
    mapping.real_polynomials(e, exponent, C1, C2)
    return C1, C2


def roulette_map(G, zeta, order=None):
    """Source-plane displacement D(zeta) = beta(xi + zeta) - beta(xi) to order N.

    Parameters
    ----------
    G : (N+1, N+2) complex128
        Amplitudes about xi.
    zeta : complex or array
        Points relative to xi, px.
    order : int, optional
        Terms up to here; all by default.

    Returns
    -------
    complex128 or array
        px.
    """
    G = _cut(G, order)
    zeta = np.asarray(zeta, np.complex128)
    largest = float(np.max(np.abs(zeta), initial=0.0))
    e, exponent = roulette_monomials(G, scale_of(largest))
    out = np.empty(zeta.size, np.complex128)
    mapping.map_points(e, exponent, np.ascontiguousarray(zeta).ravel(), out)
    return out.reshape(zeta.shape)[()]


def estimated_radius(G):
    """Radius of convergence guessed from the last two orders, px.

    N/(N+1) T_(N-1)/T_N with T_m = sum_s |gamma[m, s]|/m!; None where it is unknown: N < 2, or the
    series ends before.
    """
    order = len(G) - 1
    if order < 2:
        return None
    before, last = (np.abs(G[m]).sum() for m in (order - 1, order))
    if before == 0 or last == 0:
        return None
    return float(order / (order + 1) * (before / last) * order)


def columns_of(G):
    """Amplitudes as table columns: all alpha[m][s], then all beta[m][s]."""
    order = len(G) - 1
    return {f"alpha[{m}][{s}]": float(G[m, s].real) for m, s in indices(order)} | {
        f"beta[{m}][{s}]": float(G[m, s].imag) for m, s in indices(order)
    }


def amplitudes_from(row):
    """Amplitudes of a table row.

    Parameters
    ----------
    row : mapping
        Column -> text or number; columns `alpha[m][s]`, `beta[m][s]` (also `alpha[m,s]`) are used.
        Missing and empty ones are 0.

    Returns
    -------
    (N+1, N+2) complex128
        N is the largest m among the columns, 0 without any.
    """
    found = []
    for name, cell in row.items():
        match = COLUMN.fullmatch(str(name).strip())
        if match is None:
            continue
        m, s = int(match[2]), int(match[3])
        if m > MAX_ORDER or (m + s) % 2 == 0 or s > m + 1:
            raise RowsError(f"column {name}: expected m <= {MAX_ORDER}, s <= m + 1 and m + s odd")
        found.append((m, s, 1.0 if match[1] == "alpha" else 1j, _number(name, cell)))
    order = max((m for m, *_ in found), default=0)
    G = np.zeros((order + 1, order + 2), np.complex128)
    for m, s, unit, value in found:
        G[m, s] += unit * value
    return G


def _number(name, cell):
    text = "" if cell is None else str(cell).strip()
    try:
        value = float(text) if text else 0.0
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RowsError(f"column {name} = {text}: expected a finite number")
    return value
