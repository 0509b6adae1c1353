"""All images of a source point: search in triangles, and close to singular centers.

A lens is a pair (members, field) as in `images`.
"""

import math

import numpy as np
from numba import njit

from simlab.lensing.kernels.deflection import PM, SHEAR, SIE, lens_deflection, member_deflection
from simlab.lensing.kernels.images import (
    BILINEAR,
    CONVERGED,
    NO_FIELD,
    RESIDUAL,
    STALLED,
    jacobian,
    polish,
    ray,
)

jit = njit(cache=True, nogil=True, error_model="numpy")

SAME = 1e-6
FINEST = 1e-3
NEAR_CRITICAL = 0.25
STACK = 256


@jit
def trace(members, field, z):
    """Source point beta of z, and det A there."""
    ax, ay, _ = ray(members, field, BILINEAR, z.real, z.imag)
    xx, xy, yx, yy = jacobian(members, field, BILINEAR, z.real, z.imag)
    return z - complex(ax, ay), xx * yy - xy * yx


@jit
def keep(members, field, found, count, xi):
    """Append an image unless it is known or within 1e-6 px of a singular center.

    Next to a critical curve, images of the same parity that the residual cannot tell apart are the
    same.
    """
    for i in range(members.shape[0]):
        if members[i, 0] <= SIE and abs(xi - complex(members[i, 1], members[i, 2])) < SAME:
            return
    _, det = trace(members, field, xi)
    for j in range(count[0]):
        _, other = trace(members, field, found[j])
        blur = 10.0 * RESIDUAL / min(abs(det), abs(other)) if det * other > 0 else 0.0
        if abs(found[j] - xi) < max(SAME, blur):
            return
    if count[0] < found.size:
        found[count[0]] = xi
        count[0] += 1


@jit
def cross(a, b):
    return a.real * b.imag - a.imag * b.real


@jit
def judge(beta, det, eta):
    """Whether a traced triangle contains eta, and whether it must be looked at more closely.

    The latter holds near a critical curve (det A changes much over the corners) if eta lies in the
    bounding box of the traced corners, widened by half of its size on all sides.
    """
    first = cross(beta[1] - beta[0], eta - beta[0])
    second = cross(beta[2] - beta[1], eta - beta[1])
    third = cross(beta[0] - beta[2], eta - beta[2])
    contains = (first >= 0 and second >= 0 and third >= 0) or (
        first <= 0 and second <= 0 and third <= 0
    )
    smallest = min(abs(det[0]), abs(det[1]), abs(det[2]))
    largest = max(abs(det[0]), abs(det[1]), abs(det[2]))
    same_sign = (det[0] > 0) == (det[1] > 0) and (det[1] > 0) == (det[2] > 0)
    if same_sign and smallest > NEAR_CRITICAL * largest:
        return contains, False
    left = min(beta[0].real, beta[1].real, beta[2].real)
    right = max(beta[0].real, beta[1].real, beta[2].real)
    low = min(beta[0].imag, beta[1].imag, beta[2].imag)
    high = max(beta[0].imag, beta[1].imag, beta[2].imag)
    margin = 0.5 * max(right - left, high - low)
    near = left - margin <= eta.real <= right + margin and low - margin <= eta.imag <= high + margin
    return contains, near


@jit
def search_triangle(members, field, eta, corners, beta, det, found, count):
    """Images in one triangle, by splitting it where needed.

    Parameters
    ----------
    corners, beta : (256, 3) complex128
        Stack of triangles and of their traced corners; row 0 is the one to search.
    det : (256, 3) float64
        det A at the corners.
    found : (k,) complex128
        Images; the first `count` are known, others are appended.
    count : (1,) int64
    """
    top = 1
    while top > 0:
        top -= 1
        a = corners[top, 0]
        b = corners[top, 1]
        c = corners[top, 2]
        contains, closely = judge(beta[top], det[top], eta)
        if not contains and not closely:
            continue
        size = max(abs(b - a), abs(c - b), abs(a - c))
        if not closely or size < FINEST:
            if not contains:
                continue
            area = cross(beta[top, 1] - beta[top, 0], beta[top, 2] - beta[top, 0])
            start = (a + b + c) / 3.0
            if area != 0.0:
                u = cross(eta - beta[top, 0], beta[top, 2] - beta[top, 0]) / area
                v = cross(beta[top, 1] - beta[top, 0], eta - beta[top, 0]) / area
                start = a + (b - a) * u + (c - a) * v
            xi, outcome = polish(members, field, BILINEAR, eta, start, 2.0 * size)
            if outcome == CONVERGED:
                keep(members, field, found, count, xi)
                if abs(xi - start) < 2.0 * size:
                    continue
            if size < FINEST:
                continue
        if top + 4 > STACK:
            continue
        beta_a, beta_b, beta_c = beta[top, 0], beta[top, 1], beta[top, 2]
        det_a, det_b, det_c = det[top, 0], det[top, 1], det[top, 2]
        ab = 0.5 * (a + b)
        bc = 0.5 * (b + c)
        ca = 0.5 * (c + a)
        beta_ab, det_ab = trace(members, field, ab)
        beta_bc, det_bc = trace(members, field, bc)
        beta_ca, det_ca = trace(members, field, ca)
        corners[top, 0], corners[top, 1], corners[top, 2] = a, ab, ca
        beta[top, 0], beta[top, 1], beta[top, 2] = beta_a, beta_ab, beta_ca
        det[top, 0], det[top, 1], det[top, 2] = det_a, det_ab, det_ca
        top += 1
        corners[top, 0], corners[top, 1], corners[top, 2] = ab, b, bc
        beta[top, 0], beta[top, 1], beta[top, 2] = beta_ab, beta_b, beta_bc
        det[top, 0], det[top, 1], det[top, 2] = det_ab, det_b, det_bc
        top += 1
        corners[top, 0], corners[top, 1], corners[top, 2] = ca, bc, c
        beta[top, 0], beta[top, 1], beta[top, 2] = beta_ca, beta_bc, beta_c
        det[top, 0], det[top, 1], det[top, 2] = det_ca, det_bc, det_c
        top += 1
        corners[top, 0], corners[top, 1], corners[top, 2] = ab, bc, ca
        beta[top, 0], beta[top, 1], beta[top, 2] = beta_ab, beta_bc, beta_ca
        det[top, 0], det[top, 1], det[top, 2] = det_ab, det_bc, det_ca
        top += 1


@jit
def search_square(members, field, eta, corner, side, cells, found, count):
    """Images in a square of `cells` x `cells` cells of two triangles each.

    Parameters
    ----------
    corner : complex128
        Lower left corner, px.
    side : float64
        Of a cell, px.
    """
    corners = np.empty((STACK, 3), np.complex128)
    beta = np.empty((STACK, 3), np.complex128)
    det = np.empty((STACK, 3))
    lower = np.empty(cells + 1, np.complex128)
    upper = np.empty(cells + 1, np.complex128)
    det_lower = np.empty(cells + 1)
    det_upper = np.empty(cells + 1)
    for row in range(cells + 1):
        for column in range(cells + 1):
            z = corner + complex(column * side, row * side)
            upper[column], det_upper[column] = trace(members, field, z)
        for column in range(cells if row > 0 else 0):
            z = corner + complex(column * side, (row - 1) * side)
            for half in range(2):
                corners[0, 0] = z
                beta[0, 0] = lower[column]
                det[0, 0] = det_lower[column]
                corners[0, 1 + half] = z + complex(side, side)
                beta[0, 1 + half] = upper[column + 1]
                det[0, 1 + half] = det_upper[column + 1]
                if half == 0:
                    corners[0, 2] = z + complex(0.0, side)
                    beta[0, 2] = upper[column]
                    det[0, 2] = det_upper[column]
                else:
                    corners[0, 1] = z + complex(side, 0.0)
                    beta[0, 1] = lower[column + 1]
                    det[0, 1] = det_lower[column + 1]
                search_triangle(members, field, eta, corners, beta, det, found, count)
        lower, upper = upper, lower
        det_lower, det_upper = det_upper, det_lower


@jit
def rest_deflection(members, i, x, y):
    """Deflection of all members but i."""
    ax, ay = 0.0, 0.0
    for j in range(members.shape[0]):
        if j != i:
            bx, by = member_deflection(members, j, x, y)
            ax += bx
            ay += by
    return complex(ax, ay)


@jit
def polish_about(members, field, eta, center, r, phi):
    """Newton's method in polar coordinates about a center, in which an isothermal cusp is smooth.

    Returns
    -------
    complex128, int
        xi and how it ended.
    """
    shrunk = 0
    for _ in range(60):
        c = math.cos(phi)
        s = math.sin(phi)
        xi = center + complex(r * c, r * s)
        ax, ay = lens_deflection(members, xi.real, xi.imag)
        residual = xi - complex(ax, ay) - eta
        if abs(residual) < max(RESIDUAL, 1e-15 * (abs(xi) + abs(eta))):
            return xi, CONVERGED
        xx, xy, yx, yy = jacobian(members, field, BILINEAR, xi.real, xi.imag)
        outward = complex(xx * c + xy * s, yx * c + yy * s)
        along = complex((xy * c - xx * s) * r, (yy * c - yx * s) * r)
        area = cross(outward, along)
        dr = cross(residual, along) / area
        dphi = cross(outward, residual) / area
        if not abs(dr) + abs(dphi) < 1e100:
            break
        phi -= min(max(dphi, -0.3), 0.3)
        if dr >= r:
            r *= 0.1
            shrunk += 1
            if shrunk > 8:
                break
        else:
            r -= dr
    return complex(0.0, 0.0), STALLED


@jit
def search_center(members, field, i, eta, found, count):
    """Faint images close to the singular center of member i.

    The image of a point mass is nearly that of the mass alone with the source that the other
    members leave. Those of an isothermal lens lie in the direction in which the edge of the
    cut, -a(e^{i phi}), passes eta.
    """
    g = members[i, 3]
    x, y = members[i, 1], members[i, 2]
    center = complex(x, y)
    offset = eta - center + rest_deflection(members, i, x, y)
    if members[i, 0] == PM:
        length = abs(offset)
        if length > 0.0:
            distance = g * g / (0.5 * length + math.sqrt(0.25 * length * length + g * g))
            start = center - offset / length * distance
            xi, outcome = polish(members, field, BILINEAR, eta, start, 0.5 * distance)
            if outcome == CONVERGED:
                keep(members, field, found, count, xi)
        return
    samples = 256
    gap = np.empty(samples)
    tiny = 1e-6 * g
    for k in range(samples):
        phi = 2.0 * math.pi * k / samples
        ax, ay = member_deflection(members, i, x + math.cos(phi), y + math.sin(phi))
        gap[k] = abs(offset + complex(ax, ay))
    for k in range(samples):
        lowest = gap[k] <= gap[k - 1] and gap[k] <= gap[(k + 1) % samples]
        if lowest and gap[k] < 0.2 * g:
            xi, outcome = polish_about(
                members, field, eta, center, tiny, 2.0 * math.pi * k / samples
            )
            if outcome == CONVERGED:
                keep(members, field, found, count, xi)


@jit
def search_images(members, field, eta, squares, found):
    """All images in given squares and close to singular centers.

    Parameters
    ----------
    eta : complex128
    squares : (k, 4) float64
        Lower left corner x, y, side of a cell (px) and number of cells along a side.
    found : (n,) complex128
        Filled with images, px.

    Returns
    -------
    int
        Number of images.
    """
    count = np.zeros(1, np.int64)
    for k in range(squares.shape[0]):
        corner = complex(squares[k, 0], squares[k, 1])
        search_square(members, field, eta, corner, squares[k, 2], int(squares[k, 3]), found, count)
    for i in range(members.shape[0]):
        if members[i, 0] < SHEAR:
            search_center(members, field, i, eta, found, count)
    return count[0]


def warm():
    members = np.zeros((1, 8))
    members[0, 3] = 1.0
    squares = np.array([[-2.0, -2.0, 1.0, 4.0]])
    search_images(members, NO_FIELD, 0.5 + 0.1j, squares, np.empty(9, np.complex128))
