"""Formula files of roulette amplitudes: written from closed forms, read, evaluated.

Variables are x, y (point relative to the lens) and g (Einstein radius), in px, and for the SIE
f (axis ratio) and p (orientation in radians).
"""

from dataclasses import dataclass
from math import radians
from pathlib import Path

import numpy as np

from simlab.core.files import write_json
from simlab.lensing.errors import LensError, RowsError
from simlab.lensing.expressions import (
    FUNCTIONS,
    LONG_FUNCTIONS,
    ExpressionError,
    long_number,
    parse,
)
from simlab.lensing.files.formulas import read_formula_lines, write_formula_lines, write_tex
from simlab.lensing.formula_text import ELLIPTIC, ROUND, formula_lines, formula_table
from simlab.lensing.lenses import MAX_ORDER

LONG_ORDER = 50
EXACT_DIGITS = 100


def write_formulas(path, kind, order):
    """Write the amplitudes of a lens: lines, or in a `.json` file the table of `formula_table`."""
    if Path(path).suffix == ".json":
        write_json(path, formula_table(kind, order))
    else:
        write_formula_lines(path, formula_lines(kind, order))


def write_formulas_tex(path, lines, title):
    """Write lines `m:s:ALPHA:BETA` as a LaTeX document."""
    equations = []
    for line in lines:
        m, s, *texts = line.split(":")
        for name, text in zip((r"\alpha", r"\beta"), texts, strict=True):
            equations.append((f"{name}^{{{m}}}_{{{s}}}", parse(text, ELLIPTIC).latex()))
    write_tex(path, title, equations)


@dataclass(frozen=True)
class Formulas:
    """Amplitudes read from a formula file.

    Attributes
    ----------
    expressions : dict
        (m, s) -> (alpha, beta), Expressions; what is missing is 0.
    """

    expressions: dict

    @property
    def order(self):
        """Largest m."""
        return max(m for m, _ in self.expressions)

    @property
    def is_elliptic(self):
        """Whether axis ratio or orientation occur."""
        return any(pair.names - ROUND for both in self.expressions.values() for pair in both)

    def amplitudes(self, xi, *, einstein_radius, ratio=None, orientation_deg=None):
        """Values of the formulas.

        The monomials of expanded powers cancel like 2^(N/2): they are summed with the widest float
        of the machine, beyond order 50 with as many digits as it takes (slow, needs mpmath).

        Parameters
        ----------
        xi : complex or array
            Reference points relative to the lens, px.
        einstein_radius : float
            px.
        ratio, orientation_deg : float, optional
            Of an SIE.

        Returns
        -------
        complex128 (..., N+1, N+2)
            gamma[m, s], px^(1-m).

        Raises
        ------
        LensError
            If a parameter is missing, or a value is not finite.
        """
        if self.is_elliptic and (ratio is None or orientation_deg is None):
            raise LensError("these formulas need the axis ratio and the orientation of an SIE")
        xi = np.asarray(xi, np.complex128)
        values = {"x": xi.real, "y": xi.imag, "g": einstein_radius}
        if self.is_elliptic:
            values |= {"f": ratio, "p": radians(orientation_deg)}
        evaluate = _long_values if self.order <= LONG_ORDER else _exact_values
        G = np.zeros((*xi.shape, self.order + 1, self.order + 2), np.complex128)
        for (m, s), both in self.expressions.items():
            G.real[..., m, s], G.imag[..., m, s] = (evaluate(one, values) for one in both)
        if not np.isfinite(G).all():
            raise LensError(
                f"formulas at {xi}: not finite; the point or the parameters are singular"
            )
        return G


def _long_values(expression, values):
    values = {name: np.asarray(value, np.longdouble)[()] for name, value in values.items()}
    with np.errstate(all="ignore"):
        return expression.evaluate(values, long_number, LONG_FUNCTIONS)


def _exact_values(expression, values):
    import mpmath

    functions = {name: getattr(mpmath, name) for name in FUNCTIONS}
    names = sorted(values)
    points = np.broadcast_arrays(*(np.asarray(values[name], np.float64) for name in names))
    out = np.empty(points[0].size)
    with mpmath.workdps(EXACT_DIGITS):
        for k, point in enumerate(zip(*(array.ravel() for array in points), strict=True)):
            numbers = {name: mpmath.mpf(float(v)) for name, v in zip(names, point, strict=True)}
            try:
                out[k] = float(mpmath.re(expression.evaluate(numbers, mpmath.mpf, functions)))
            except (ZeroDivisionError, OverflowError):
                out[k] = np.nan
    return out.reshape(points[0].shape)


def read_formulas(path):
    """Formulas of a file of lines `m:s:ALPHA:BETA`, in any order.

    Raises
    ------
    RowsError
        Naming file and line, for what is no such line, an amplitude that does not exist or occurs
        twice, and expressions with anything but arithmetic.
    """
    expressions = {}
    for number, m, s, *texts in read_formula_lines(path):
        where = f"{path}, line {number}"
        if m > MAX_ORDER or s > m + 1 or (m + s) % 2 == 0:
            raise RowsError(
                f"{where}: no amplitude {m}:{s}; expected m <= {MAX_ORDER}, s <= m + 1, m + s odd"
            )
        if (m, s) in expressions:
            raise RowsError(f"{where}: amplitude {m}:{s} occurs twice")
        try:
            expressions[m, s] = tuple(parse(text, ELLIPTIC) for text in texts)
        except ExpressionError as problem:
            raise RowsError(f"{where}: {problem}") from None
    return Formulas(expressions)


def check_formulas(formulas, lens, order):
    """LensError where formulas do not reach an order, or are for other lenses than `lens`."""
    if order > formulas.order:
        raise LensError(f"order {order}: the formulas end at {formulas.order}")
    wanted = ("SIE",) if formulas.is_elliptic else ("SIS", "PM")
    for single in lens.constituents:
        if single.kind not in ("Shear", *wanted):
            kinds = " or ".join(wanted)
            raise LensError(f"lens {single.kind}: by their variables, the formulas are for {kinds}")


def formula_amplitudes(formulas, lens, xi, order):
    """Amplitudes of a lens by formulas in place of its closed forms.

    Parameters
    ----------
    formulas : Formulas
    lens : Lens
        Of members of the kind that the formulas are for; shear is added as it is.
    xi : complex
        Reference point, px.
    order : int
        N; at most that of the formulas.

    Returns
    -------
    complex128 (N+1, N+2)
    """
    check_formulas(formulas, lens, order)
    total = np.zeros((order + 1, order + 2), np.complex128)
    for single in lens.constituents:
        if single.kind == "Shear":
            total += single.amplitudes(xi, order)
            continue
        single.check_regular(xi)
        G = formulas.amplitudes(
            xi - single.center,
            einstein_radius=single.einstein_radius,
            ratio=getattr(single, "ratio", None),
            orientation_deg=getattr(single, "orientation_deg", None),
        )
        total += G[: order + 1, : order + 2]
    return total
