"""Image descriptors: one kernel a kind, each atom or bond drawn only where it can be seen.

Pixels are the outer product of two equidistant rising axes `xs` (nx,) and `ys` (ny,), float64, Å.
Maps are float32 and are drawn into `out`, which the caller fills with the background. Atoms are
taken in the order given. Arithmetic is float64: the boxes leave so little to do that float32
would not be faster.
"""

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def span(axis, center, reach):
    """Range [first, last) of the indices of `axis` within `reach` of `center`, or a few more."""
    n = axis.size
    if n < 2 or not reach < 1e6:
        return 0, n
    step = (axis[n - 1] - axis[0]) / (n - 1)
    first = math.floor((center - reach - axis[0]) / step)
    last = math.ceil((center + reach - axis[0]) / step) + 1
    return int(max(0.0, min(first, n))), int(max(0.0, min(last, n)))


@njit(cache=True, nogil=True, error_model="numpy")
def spheres(xs, ys, atoms, channels, out):
    """Highest point of spheres over each pixel: out = max(out, z + sqrt(r² - rho²)), rho <= r.

    Parameters
    ----------
    atoms : (n, 4) float64
        x, y, height z of the center, radius r, Å.
    channels : (n,) int64
        Into which channel an atom is drawn; beyond the channels of `out` = none.
    out : (nx, ny, c) float32
    """
    for a in range(atoms.shape[0]):
        k = channels[a]
        x, y, z, r = atoms[a]
        if k < 0 or k >= out.shape[2] or not r > 0:
            continue
        i0, i1 = span(xs, x, r)
        j0, j1 = span(ys, y, r)
        for i in range(i0, i1):
            rest = r * r - (xs[i] - x) ** 2
            for j in range(j0, j1):
                h2 = rest - (ys[j] - y) ** 2
                if h2 >= 0.0:
                    value = np.float32(z + math.sqrt(h2))
                    if value > out[i, j, k]:
                        out[i, j, k] = value


@njit(cache=True, nogil=True, error_model="numpy")
def caps(xs, ys, atoms, floor, end, width, out):
    """Spheres that fade into `floor` before rho = end r.

    With t = rho / r: out = max(out, floor + (z + sqrt(r² - rho²) - floor) (1 - S(t))), S the
    smoothstep from end - width to end.

    Parameters
    ----------
    atoms : (n, 4) float64
        As for `spheres`.
    out : (nx, ny) float32
    """
    for a in range(atoms.shape[0]):
        x, y, z, r = atoms[a]
        if not r > 0:
            continue
        i0, i1 = span(xs, x, min(r, end * r))
        j0, j1 = span(ys, y, min(r, end * r))
        for i in range(i0, i1):
            for j in range(j0, j1):
                rho2 = (xs[i] - x) ** 2 + (ys[j] - y) ** 2
                if rho2 > r * r:
                    continue
                s = min(max((math.sqrt(rho2) / r - (end - width)) / width, 0.0), 1.0)
                shown = 1.0 - s * s * (3.0 - 2.0 * s)
                value = np.float32(floor + (z + math.sqrt(r * r - rho2) - floor) * shown)
                if value > out[i, j]:
                    out[i, j] = value


@njit(cache=True, nogil=True, error_model="numpy")
def disks(xs, ys, atoms, out):
    """Sum of cones: out += w (1 - rho / c) where rho < c.

    Parameters
    ----------
    atoms : (n, 4) float64
        x, y, weight w, radius c in Å.
    out : (nx, ny) float32
    """
    for a in range(atoms.shape[0]):
        x, y, w, c = atoms[a]
        i0, i1 = span(xs, x, c)
        j0, j1 = span(ys, y, c)
        for i in range(i0, i1):
            for j in range(j0, j1):
                rho = math.sqrt((xs[i] - x) ** 2 + (ys[j] - y) ** 2)
                if rho < c:
                    out[i, j] += np.float32(w * (1.0 - rho / c))


@njit(cache=True, nogil=True, error_model="numpy")
def occluded_disks(xs, ys, atoms, floor, margin, dzmax, out):
    """Sum of cones of radius 2 c, hidden where another atom is higher by `margin`.

    h_a = 2 r_a - rho² / r_a² - depth_a; occl = 1 - (max(floor, h) - h_a) / margin;
    out += occl (1 - depth_a / dzmax) (1 - rho / 2 c_a) where occl > 0 and rho < 2 c_a.

    Parameters
    ----------
    atoms : (n, 5) float64
        x, y, depth, radius r, covalent radius c, Å.
    out : (nx, ny) float32
    """
    n = atoms.shape[0]
    heights, distances = np.empty(n), np.empty(n)
    for i in range(xs.size):
        for j in range(ys.size):
            top = floor
            for a in range(n):
                x, y, depth, r, _ = atoms[a]
                rho2 = (xs[i] - x) ** 2 + (ys[j] - y) ** 2
                distances[a] = math.sqrt(rho2)
                heights[a] = 2.0 * r - rho2 / (r * r) - depth
                top = max(top, heights[a])
            for a in range(n):
                depth, c = atoms[a, 2], atoms[a, 4]
                shown = 1.0 - (top - heights[a]) / margin
                if shown > 0.0 and distances[a] < 2.0 * c and depth < dzmax:
                    cone = 1.0 - distances[a] / (2.0 * c)
                    out[i, j] += np.float32((1.0 - depth / dzmax) * cone * shown)


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def profile(samples, u):
    """Cubic Hermite spline through `samples` (m,): node k + 1 is at u = k."""
    i = int(u)
    s = u - i
    y0, y1, y2, y3 = samples[i], samples[i + 1], samples[i + 2], samples[i + 3]
    left, right = 0.5 * (y2 - y0), 0.5 * (y3 - y1)
    return (
        (1.0 + s * s * (2.0 * s - 3.0)) * y1
        + s * s * (3.0 - 2.0 * s) * y2
        + s * (1.0 - s) * ((1.0 - s) * left - s * right)
    )


@njit(cache=True, nogil=True, error_model="numpy")
def atom_profiles(xs, ys, atoms, samples, step, reach, out):
    """Strongest profile: out = max(out, w f(rho)) where rho < reach.

    Parameters
    ----------
    atoms : (n, 3) float64
        x, y in Å, weight w.
    samples : (m,) float64
        f at distances (k - 1) step, Å; (m - 3) step >= reach.
    out : (nx, ny) float32
    """
    for a in range(atoms.shape[0]):
        x, y, w = atoms[a]
        i0, i1 = span(xs, x, reach)
        j0, j1 = span(ys, y, reach)
        for i in range(i0, i1):
            for j in range(j0, j1):
                rho = math.sqrt((xs[i] - x) ** 2 + (ys[j] - y) ** 2)
                if rho < reach:
                    value = np.float32(w * profile(samples, rho / step))
                    if value > out[i, j]:
                        out[i, j] = value


@njit(cache=True, nogil=True, error_model="numpy")
def bond_profiles(xs, ys, bonds, zmin, ellipticity, samples, step, reach, out):
    """Strongest bond: out = max(out, f(r) max((zmin - z) / zmin, 0)) where r < reach, z > zmin.

    With c the distance from p1 along the in-plane direction and d the one across it,
    r² = d² + (ellipticity (c - L/2))² and z = z1 + (z2 - z1) c / L. Bonds with L = 0 are skipped.

    Parameters
    ----------
    bonds : (n, 6) float64
        x1, y1, z1, x2, y2, z2; heights relative to the topmost atom, Å.
    samples, step, reach
        As for `atom_profiles`.
    out : (nx, ny) float32
    """
    for b in range(bonds.shape[0]):
        x1, y1, z1, x2, y2, z2 = bonds[b]
        length = math.sqrt((x2 - x1) ** 2 + (y2 - y1) ** 2)
        if not length > 0.0:
            continue
        ex, ey, slope = (x2 - x1) / length, (y2 - y1) / length, (z2 - z1) / length
        along = reach / ellipticity if ellipticity > 0.0 else math.inf
        i0, i1 = span(xs, 0.5 * (x1 + x2), math.sqrt((along * ex) ** 2 + (reach * ey) ** 2))
        j0, j1 = span(ys, 0.5 * (y1 + y2), math.sqrt((along * ey) ** 2 + (reach * ex) ** 2))
        for i in range(i0, i1):
            dx = xs[i] - x1
            for j in range(j0, j1):
                dy = ys[j] - y1
                c = dx * ex + dy * ey
                across = dy * ex - dx * ey
                shifted = ellipticity * (c - 0.5 * length)
                z = z1 + slope * c
                r2 = across * across + shifted * shifted
                if r2 < reach * reach and z > zmin:
                    depth = max((zmin - z) / zmin, 0.0)
                    value = np.float32(depth * profile(samples, math.sqrt(r2) / step))
                    if value > out[i, j]:
                        out[i, j] = value


@njit(cache=True, nogil=True, error_model="numpy")
def vertical_field(xs, ys, zs, atoms, factor, soft, out):
    """Vertical field of point charges: out = factor sum of q (z - z_a) / (d² + soft)^(3/2).

    Parameters
    ----------
    zs : (nx, ny) float64
        Height at which the field is taken over each pixel, Å.
    atoms : (n, 4) float64
        x, y, z in Å, charge q in e.
    out : (nx, ny) float32
    """
    n = atoms.shape[0]
    for i in range(xs.size):
        for j in range(ys.size):
            total = 0.0
            for a in range(n):
                dz = zs[i, j] - atoms[a, 2]
                d2 = (xs[i] - atoms[a, 0]) ** 2 + (ys[j] - atoms[a, 1]) ** 2 + dz * dz + soft
                total += atoms[a, 3] * dz / (d2 * math.sqrt(d2))
            out[i, j] = np.float32(factor * total)


@njit(cache=True, nogil=True, error_model="numpy")
def lorentzians(xs, ys, atoms, amplitude, width, out):
    """Sum of amplitude / (rho² + depth² + width²) over atoms (n, 3) = x, y, depth, Å."""
    n = atoms.shape[0]
    for i in range(xs.size):
        for j in range(ys.size):
            total = 0.0
            for a in range(n):
                x, y, depth = atoms[a]
                rho2 = (xs[i] - x) ** 2 + (ys[j] - y) ** 2
                total += amplitude / (rho2 + depth * depth + width * width)
            out[i, j] = np.float32(total)


def warm():
    """Compile for the types that the library uses."""
    axis, out = np.linspace(0.0, 1.0, 2), np.zeros((2, 2), np.float32)
    samples = np.ones(8)
    spheres(axis, axis, np.ones((1, 4)), np.zeros(1, np.int64), np.zeros((2, 2, 1), np.float32))
    caps(axis, axis, np.ones((1, 4)), -1.0, 0.5, 0.1, out)
    disks(axis, axis, np.ones((1, 4)), out)
    occluded_disks(axis, axis, np.ones((1, 5)), -1.0, 0.2, 1.0, out)
    atom_profiles(axis, axis, np.ones((1, 3)), samples, 0.1, 0.5, out)
    bond_profiles(axis, axis, np.eye(1, 6), -1.0, 0.5, samples, 0.1, 0.5, out)
    vertical_field(axis, axis, np.zeros((2, 2)), np.ones((1, 4)), 1.0, 1e-6, out)
    lorentzians(axis, axis, np.ones((1, 3)), 1.0, 0.1, out)
