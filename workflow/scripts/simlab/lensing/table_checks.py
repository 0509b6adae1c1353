"""Checks of the numbers of a row; each takes a Sample and gives Found or NotHere."""

import math

import numpy as np

from simlab.core.checks import Found, NotHere
from simlab.core.splits import SPLITS
from simlab.lensing.lenses import SIS
from simlab.lensing.recovery import OUTCOME_COLUMNS
from simlab.lensing.roulette import COLUMN, indices, roulette_map
from simlab.lensing.status import EXCLUDED

IDENTITY = 1e-10
DERIVATIVE = 1e-6
STEP = 1e-3
"""Of finite differences, in radii of convergence."""
HOMOGENEITY = 1e-9
TRUSTED = 0.5
ROUNDING = 1e-6
DIRECTIONS, RADII = 64, 16
ARRAYS = ("center", "crop_center", "xi", "eta", "r_conv", "alpha", "beta")
NO_AMPLITUDES = "rows without amplitudes"


def finite(sample):
    """Values of pictures, arrays and cells that are not finite."""
    wrong = int(np.count_nonzero(~np.isfinite(sample.image)))
    if sample.redrawn is not None:
        wrong += int(np.count_nonzero(~np.isfinite(sample.redrawn)))
    for name in ARRAYS:
        wrong += int(np.count_nonzero(~np.isfinite(sample.images[name][sample.position])))
    for column, cell in sample.row.items():
        if cell and column != "status" and (column in OUTCOME_COLUMNS or COLUMN.fullmatch(column)):
            wrong += not _is_finite(cell)
    return Found.at_most(wrong, 0)


def _is_finite(cell):
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def identity(sample):
    """Largest violation of the relations between the points of a row, px."""
    if sample.amplitudes is None:
        return NotHere(NO_AMPLITUDES)
    if sample.case.lens.members is None:
        return NotHere("sampled lenses, whose amplitudes are not exact")
    eta, center = sample.case.eta * sample.scale, sample.point("centre")
    reference = sample.point("ref")
    worst = max(
        abs(reference + sample.amplitudes[0, 1] - sample.point("offset") - eta),
        abs(sample.point("xi") - (reference - center)),
        abs(sample.point("releta") - (eta - center)),
        abs(sample.point("lens") + center),
    )
    return Found.at_most(worst, IDENTITY)


def kappa_shear(sample):
    """Largest difference of gamma[1, 0], gamma[1, 2] from -kappa, -shear, relative to 1 + both."""
    G = sample.amplitudes
    if G is None:
        return NotHere(NO_AMPLITUDES)
    lens = sample.case.lens
    if lens.members is None:
        return NotHere("sampled lenses, whose amplitudes are not exact")
    xi = sample.point("ref") / sample.scale
    step = STEP * float(sample.row["r_conv"]) / sample.scale
    along, across = (_derivative(lens, xi, step * unit) / step for unit in (1, 1j))
    kappa = (along.real + across.imag) / 2
    shear = complex((along.real - across.imag) / 2, (along.imag + across.real) / 2)
    off = max(abs(G[1, 0] + kappa), abs(G[1, 2] + shear))
    return Found.at_most(off / (1 + abs(kappa) + abs(shear)), DERIVATIVE)


def _derivative(lens, xi, step):
    """step times the derivative of the deflection along `step`, to fourth order."""
    a = lens.deflection(xi + step * np.array([-2, -1, 1, 2]))
    return (a[0] - 8 * a[1] + 8 * a[2] - a[3]) / 12


def roulette_vs_raytrace(sample):
    """Largest error of the stored series inside the stored trust radius, px."""
    if sample.amplitudes is None or not float(sample.row["trust_radius"] or 0) > 0:
        return NotHere("rows without amplitudes, or without a trust radius")
    lens, scale = sample.case.lens, sample.scale
    trust = float(sample.row["trust_radius"]) / scale
    G = sample.amplitudes
    if scale != 1:
        G = G * scale ** (np.arange(len(G)) - 1.0)[:, None]
    phi = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    zeta = trust * np.linspace(0, 1, RADII)[1:, None] * np.exp(1j * phi)
    xi = sample.point("ref") / scale
    exact = zeta - (lens.deflection(xi + zeta) - lens.deflection(xi))
    worst = float(np.abs(roulette_map(G, zeta) - exact).max())
    return Found.at_most(worst, TRUSTED + ROUNDING)


def sis_homogeneity(sample):
    """Largest difference of amplitudes of a SIS from its powers of the distance, relative.

    gamma[m, s] R^m exp(-i s phi) / g = -2 C(m+1, p) ff(1/2, p) ff(1/2, q), half of it for s = 0,
    with p = (m+1-s)/2, q = (m+1+s)/2 and the falling factorial ff, whatever the point is.
    """
    lens = sample.case.lens
    if not isinstance(lens, SIS) or sample.amplitudes is None or lens.center != 0:
        return NotHere("other lenses than SIS alone, or no amplitudes")
    xi, G = sample.point("ref"), sample.amplitudes
    g = lens.einstein_radius * sample.scale
    worst = 0.0
    for m in range(len(G)):
        largest, off = 0.0, 0.0
        for m_, s in indices(len(G) - 1):
            if m_ == m:
                wanted = _sis_constant(m, s)
                turned = G[m, s] * abs(xi) ** m * (xi / abs(xi)) ** -s / g
                largest, off = max(largest, abs(wanted)), max(off, abs(turned - wanted))
        worst = max(worst, off / largest)
    return Found.at_most(worst, HOMOGENEITY)


def _sis_constant(m, s):
    p, q = (m + 1 - s) // 2, (m + 1 + s) // 2
    value = -2 * math.comb(m + 1, p) * _falling(0.5, p) * _falling(0.5, q)
    return value / 2 if s == 0 else value


def _falling(a, k):
    return math.prod(a - i for i in range(k))


def statuses(sample):
    """Whether the words of a row's status differ between table, pictures and index."""
    words = {sample.status, sample.stored_status, sample.view.index[sample.number]["status"]}
    return Found.at_most(len(words) - 1, 0)


def splits_match(sample):
    """Whether index.csv has a row in another split than the permutation of the data set."""
    wanted = SPLITS[sample.view.split[sample.number]]
    if sample.status in EXCLUDED:
        wanted = "excluded"
    return Found.at_most(sample.view.index[sample.number]["split"] != wanted, 0)
