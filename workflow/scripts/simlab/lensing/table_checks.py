"""Checks of the numbers of a row; each takes a Sample and gives Found or NotHere."""

import math
from functools import lru_cache

import numpy as np
from scipy.special import gammaln

from simlab.core.checks import Found, NotHere
from simlab.core.splits import SPLITS
from simlab.lensing.lenses import SIS
from simlab.lensing.recovery import OUTCOME_COLUMNS
from simlab.lensing.roulette import indices, roulette_map
from simlab.lensing.status import EXCLUDED

IDENTITY = 1e-10
DERIVATIVE = 1e-6
STEP = 1e-3
"""Of finite differences, in radii of convergence."""
HOMOGENEITY = 1e-9
TRUSTED = 0.5
ROUNDING = 1e-6
DIRECTIONS, RADII = 64, 16
LABELS = ("center", "crop_center", "xi", "eta", "r_conv")
AMPLITUDES = ("alpha", "beta")
EPSILON = float(np.finfo(np.float64).eps)
ROUNDINGS = 8
"""Of the largest number in an identity that its two sides may differ by."""
NOISE = 1e-8
"""Rounding of finite differences from which on they tell nothing."""
NO_AMPLITUDES = "rows without amplitudes"
NOT_EXACT = "sampled lenses, whose amplitudes are not exact"
NEAREST = "potentials looked up at the nearest pixel"


def finite(sample):
    """Values of pictures, arrays and cells that are not finite."""
    wrong = int(np.count_nonzero(~np.isfinite(sample.image)))
    if sample.redrawn is not None:
        wrong += int(np.count_nonzero(~np.isfinite(sample.redrawn)))
    for name in LABELS:
        wrong += int(np.count_nonzero(~np.isfinite(sample.labels[name][sample.position])))
    for name in AMPLITUDES:
        wrong += int(np.count_nonzero(~np.isfinite(sample.images[name][sample.position])))
    for column in (*OUTCOME_COLUMNS, *sample.view.amplitude_columns):
        cell = sample.row[column]
        if cell and column != "status":
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
    if not sample.is_exact:
        return NotHere(NOT_EXACT)
    eta, center = sample.case.eta * sample.scale, sample.point("centre")
    reference, deflection = sample.point("ref"), complex(sample.amplitudes[0, 1])
    offset = sample.point("offset")
    worst = max(
        abs(reference + deflection - offset - eta),
        abs(sample.point("xi") - (reference - center)),
        abs(sample.point("releta") - (eta - center)),
        abs(sample.point("lens") + center),
    )
    largest = max(abs(reference), abs(deflection), abs(offset), abs(eta), abs(center))
    return Found.at_most(worst, IDENTITY + ROUNDINGS * EPSILON * largest)


def kappa_shear(sample):
    """Largest difference of gamma[1, 0], gamma[1, 2] from -kappa, -shear, relative to 1 + both."""
    G = sample.amplitudes
    if G is None:
        return NotHere(NO_AMPLITUDES)
    if sample.order < 1:
        return NotHere("series of order 0")
    lens = sample.case.lens
    if not sample.is_exact:
        return NotHere(NOT_EXACT)
    xi = sample.point("ref") / sample.scale
    step = STEP * float(sample.row["r_conv"]) / sample.scale
    if not EPSILON * (abs(xi) + abs(lens.deflection(xi))) < NOISE * step:
        return NotHere("reference points too close to the center of a lens")
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
    if is_nearest(sample):
        return NotHere(NEAREST)
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
    with p = (m+1-s)/2, q = (m+1+s)/2 and the falling factorial ff, whatever the point is. Both
    sides are divided by m!, which is beyond double precision for high m.
    """
    lens = sample.case.lens
    if not isinstance(lens, SIS) or sample.amplitudes is None or lens.center != 0:
        return NotHere("other lenses than SIS alone, or no amplitudes")
    xi, G = sample.point("ref"), sample.amplitudes
    g = lens.einstein_radius * sample.scale
    m, s = np.arange(len(G))[:, None], np.arange(len(G) + 1)
    powers = np.exp(m * math.log(abs(xi)) - gammaln(m + 1.0)) * (xi / abs(xi)) ** -s
    wanted = _sis_constants(len(G) - 1)
    off = np.abs(G * powers / g - wanted).max(axis=1) / np.abs(wanted).max(axis=1)
    return Found.at_most(off.max(), HOMOGENEITY)


@lru_cache(maxsize=32)
def _sis_constants(order):
    """The constants of `sis_homogeneity` over m!: float64 (N+1, N+2)."""
    constants = np.zeros((order + 1, order + 2))
    # binomial(1/2, k) = ff(1/2, k)/k!
    halves = np.cumprod([1.0, *((1.5 - k) / k for k in range(1, order + 2))])
    for m, s in indices(order):
        p, q = (m + 1 - s) // 2, (m + 1 + s) // 2
        constants[m, s] = -(1 if s == 0 else 2) * (m + 1) * halves[p] * halves[q]
    return constants


def is_nearest(sample):
    """Whether the lens of a row is a potential looked up at the nearest pixel."""
    return not sample.is_exact and sample.settings.lookup == "nearest"


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
