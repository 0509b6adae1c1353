"""Roulette amplitudes with any number of digits (needs mpmath)."""

from simlab.lensing.errors import LensError
from simlab.lensing.formula_text import checked_kind, constant_of
from simlab.lensing.roulette import indices
from simlab.lensing.sie_formulas import sie_numbers


def exact_amplitudes(kind, order, point, digits=17):
    """Amplitudes of a lens at one point.

    Parameters
    ----------
    kind : str
        SIS, PM (PointMass) or SIE.
    order : int
    point : sequence of numbers or their digits
        x, y, g, for the SIE also f and p.
    digits : int

    Returns
    -------
    dict
        (m, s) -> (alpha, beta), mpmath numbers.
    """
    import mpmath

    kind, order = checked_kind(kind, order)
    names = "xygfp" if kind == "SIE" else "xyg"
    if len(point) != len(names):
        raise LensError(f"{kind} at {len(point)} numbers: expected {','.join(names)}")
    with mpmath.workdps(digits + 20 + order // 2):
        values = dict(zip(names, (mpmath.mpf(str(number)) for number in point), strict=True))
        _check_point(kind, values)
        if kind == "SIE":
            found = sie_numbers(**values, order=order, context=mpmath)
        else:
            z = mpmath.mpc(values["x"], values["y"])
            found = {
                (m, s): _round_number(kind, m, s, z, values["g"], mpmath) for m, s in indices(order)
            }
        return {key: (mpmath.re(value), mpmath.im(value)) for key, value in found.items()}


def _round_number(kind, m, s, z, g, context):
    constant = constant_of(kind, m, s)
    if constant == 0:
        return context.mpc(0)
    strength, decay = (g, m) if kind == "SIS" else (g * g, m + 1)
    rational = context.mpf(constant.numerator) / constant.denominator
    return rational * strength * abs(z) ** -(decay + s) * z**s


def _check_point(kind, values):
    if values["x"] == values["y"] == 0:
        raise LensError(f"{kind} at its center: it has no amplitudes there")
    if not values["g"] > 0:
        raise LensError(f"g = {values['g']}: expected a number > 0")
    if kind == "SIE" and not 0 < values["f"] < 1:
        raise LensError(f"f = {values['f']}: expected a number in (0, 1)")
