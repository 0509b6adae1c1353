"""Roulette amplitudes in closed form, as text.

Variables are x, y (point relative to the lens) and g (Einstein radius), in px, and for the SIE
f (axis ratio) and p (orientation in radians).
"""

from fractions import Fraction
from math import comb, factorial

from simlab.lensing.errors import LensError
from simlab.lensing.expressions import parse
from simlab.lensing.lenses import check_order
from simlab.lensing.roulette import indices
from simlab.lensing.sie_formulas import frame_polynomials

KINDS = {"SIS": "SIS", "PM": "PM", "PointMass": "PM", "SIE": "SIE"}
ROUND = frozenset("xyg")
ELLIPTIC = ROUND | frozenset("fp")
SIE_TEXT_ORDER = 5
"""Up to here amplitudes of the SIE are written as text; polynomials (JSON) have no limit."""

U, V = "(x*cos(p) + y*sin(p))", "(y*cos(p) - x*sin(p))"


def formula_lines(kind, order):
    """Amplitudes of a lens as lines `m:s:ALPHA:BETA`, sorted by (m, s).

    Parameters
    ----------
    kind : str
        SIS, PM (PointMass) or SIE.
    order : int
        N, 0..200; for the SIE 0..5.

    Raises
    ------
    LensError
        For another lens or order.
    """
    kind, order = checked_kind(kind, order)
    if kind == "SIE":
        if order > SIE_TEXT_ORDER:
            raise LensError(
                f"SIE to order {order}: formulas are written up to {SIE_TEXT_ORDER}; polynomials "
                "(JSON) have no limit"
            )
        return list(_sie_lines(order))
    return [_round_line(kind, m, s) for m, s in indices(order)]


def formula_table(kind, order):
    """Amplitudes of a lens as a mapping for JSON: format, lens, order, form, amplitudes.

    Amplitudes of an SIS or point mass have their exact `constant`. Those of an SIE have the `terms`
    [i, j, k, real, imaginary] of P = sum (real + i imaginary) u^i v^j f^k, that with m = 0 the
    expressions `alpha` and `beta`.
    """
    kind, order = checked_kind(kind, order)
    if kind == "SIE":
        polynomials = frame_polynomials(order)
        form = (
            "gamma = e^(i s p) g sqrt(f)/2 P(u, v, f) Q^(-(2m-1)/2) R^(-2m if s = m+1 else 0), "
            "u + i v = (x + i y) e^(-i p), Q = u^2 + f^2 v^2, R^2 = x^2 + y^2; m >= 1"
        )
        _, _, alpha, beta = next(_sie_lines(0)).split(":")
        entries = [{"m": 0, "s": 1, "alpha": alpha, "beta": beta}] + [
            {"m": m, "s": s, "terms": [[*powers, *map(str, c)] for powers, c in sorted(P.items())]}
            for (m, s), P in polynomials.items()
        ]
    else:
        power = "g" if kind == "SIS" else "g^2"
        decay = "R^(-m)" if kind == "SIS" else "R^(-m-1)"
        form = f"gamma = constant {power} {decay} e^(i s phi), x + i y = R e^(i phi)"
        entries = [
            {"m": m, "s": s, "constant": str(constant_of(kind, m, s))} for m, s in indices(order)
        ]
    return {"format": 1, "lens": kind, "order": order, "form": form, "amplitudes": entries}


def potential_gradient(lines):
    """psi_x and psi_y as text, from the amplitude of order 0 among the lines."""
    texts = next(line for line in lines if line.startswith("0:1:")).split(":")[2:]
    return tuple(_negated(text) for text in texts)


def _negated(text):
    if text.startswith("-") and parse(text, ELLIPTIC).is_product:
        return text[1:]
    return f"-({text})"


def checked_kind(kind, order):
    """Name of a lens without alias, and the order; LensError for others."""
    if kind not in KINDS:
        raise LensError(f"formulas of {kind!r}: expected {', '.join(KINDS)}")
    return KINDS[kind], check_order(order)


def constant_of(kind, m, s):
    """Exact c of gamma = c g R^{-m} e^{i s phi} (SIS), c g^2 R^{-m-1} e^{i s phi} (PM)."""
    if kind == "PM":
        return Fraction((-1) ** (m + 1) * factorial(m)) if s == m + 1 else Fraction(0)
    p, q = (m + 1 - s) // 2, (m + 1 + s) // 2
    constant = -2 * comb(m + 1, p) * _falling(p) * _falling(q)
    return constant if s else constant / 2


def _falling(k):
    """Falling factorial 1/2 (1/2 - 1) ... of k factors."""
    product = Fraction(1)
    for j in range(k):
        product *= Fraction(1, 2) - j
    return product


def _round_line(kind, m, s):
    constant = constant_of(kind, m, s)
    exponent = Fraction(m + s, 2) if kind == "SIS" else Fraction(m + s + 1, 2)
    root = _power_text("(x**2 + y**2)", exponent)
    strength = "g" if kind == "SIS" else "g**2"
    parts = []
    for start in (0, 1):
        terms = [(comb(s, k) * (-1) ** (k // 2), s - k, k) for k in range(start, s + 1, 2)]
        if not terms or constant == 0:
            parts.append("0")
            continue
        factor = constant
        if len(terms) == 1:
            ((coefficient, *powers),) = terms
            factor, terms = constant * coefficient, [(1, *powers)]
        polynomial = " ".join(_signed_term(place, *term) for place, term in enumerate(terms))
        head = _head(factor.numerator) + strength
        if polynomial != "1":
            head += f"*({polynomial})" if len(terms) > 1 else f"*{polynomial}"
        parts.append(f"{head}/{_head(factor.denominator, root)}")
    return f"{m}:{s}:{parts[0]}:{parts[1]}"


def _head(number, root=None):
    """`number*` before a factor; with a root, number and root as one divisor."""
    if root is not None:
        return root if number == 1 else f"({number}*{root})"
    return {1: "", -1: "-"}.get(number, f"{number}*")


def _signed_term(place, coefficient, i, j):
    factors = [name if n == 1 else f"{name}**{n}" for name, n in (("x", i), ("y", j)) if n]
    size = abs(coefficient)
    text = "*".join(factors if size == 1 and factors else [str(size), *factors])
    if place == 0:
        return text
    return f"{'-' if coefficient < 0 else '+'} {text}"


def _power_text(base, exponent):
    if exponent == Fraction(1, 2):
        return f"sqrt{base}"
    if exponent == 1:
        return base
    text = str(exponent)
    return f"{base}**{text}" if exponent.denominator == 1 else f"{base}**({text})"


def _sie_lines(order):
    flat = "sqrt(1 - f**2)"
    along = f"asinh({flat}*{U}/(f*sqrt(x**2 + y**2)))"
    across = f"asin({flat}*{V}/sqrt(x**2 + y**2))"
    head = f"-g*sqrt(f)/{flat}"
    yield f"0:1:{head}*(cos(p)*{along} - sin(p)*{across}):{head}*(sin(p)*{along} + cos(p)*{across})"
    for (m, s), polynomial in frame_polynomials(order).items():
        root = _power_text(f"({U}**2 + f**2*{V}**2)", Fraction(2 * m - 1, 2))
        divisor = f"(2*{root}*(x**2 + y**2)**{m})" if s == m + 1 else f"(2*{root})"
        re, im = (_frame_text(polynomial, part) for part in (0, 1))
        if s == 0:
            yield f"{m}:0:g*sqrt(f)*{re}/{divisor}:0"
            continue
        c, d = f"cos({s}*p)", f"sin({s}*p)"
        yield (
            f"{m}:{s}:g*sqrt(f)*({c}*{re} - {d}*{im})/{divisor}"
            f":g*sqrt(f)*({d}*{re} + {c}*{im})/{divisor}"
        )


def _frame_text(polynomial, part):
    terms = []
    for (i, j, k), coefficient in sorted(polynomial.items()):
        if coefficient[part]:
            factors = [f"({coefficient[part]})"]
            factors += [f"{name}**{n}" for name, n in ((U, i), (V, j), ("f", k)) if n]
            terms.append("*".join(factors))
    return f"({' + '.join(terms)})" if terms else "0"
