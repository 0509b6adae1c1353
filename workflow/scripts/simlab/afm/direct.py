"""The relaxed probe on exact sums over the atoms in double precision, to judge simulated images.

No grid, no interpolation, no single precision: per tip position the root of
F(p) = F_atoms(p) + F_spring(p) by Newton steps with the analytic Jacobian. The forces are
conservative, so steps go downhill along every axis of the curvature and stop before they climb;
what still does not come to rest begins again with damped dynamics.
"""

import numpy as np

from simlab.afm.boxes import equilibrium_offset
from simlab.afm.units import EVA2_NM, KE_FORCEFIELD, R2SAFE

TOLERANCE = 1e-9
"""Largest remaining force, eV/Å."""
MAX_STEPS = 200
LARGEST_MOVE = 0.1
"""Å."""
JUMP = 0.2
"""Change of the displacement from one height to the next, 0.1 Å lower, that no stable place
follows, Å."""
FLATTEST = 1e-6
"""Smallest curvature that a step believes in, eV/Å^2."""
FIRE_STEPS = 2000
FIRE_TOLERANCE = 1e-5
"""eV/Å."""
DT, DT_MIN, DAMP = 0.5, 0.02, 0.1
"""Time steps, for which force is acceleration, and mixing of the damped dynamics."""


def atomic_forces(points, atoms, c6c12, charges, Qs, QZs):
    """Lennard-Jones and Coulomb force on the probe, and its Jacobian.

    F = sum_a (12 C12/s^14 - 6 C6/s^8) d + sum_k,a Qs_k KE q_a d_k/s_k^3 with d = p - r_a,
    d_k = d + QZs_k z and s^2 = d^2 + 1e-6 Å^2.

    Parameters
    ----------
    points : (m, 3)
        Å.
    atoms : (n, 3)
        Å.
    c6c12 : (n, 2)
        eV Å^6, eV Å^12.
    charges : (n,)
        e.
    Qs, QZs : (4,)
        e, Å.

    Returns
    -------
    (m, 3), (m, 3, 3) float64
        eV/Å, eV/Å^2.
    """
    d = points[:, None] - atoms
    s2 = (d**2).sum(axis=2) + R2SAFE
    i2 = 1 / s2
    i6 = i2**3
    c6, c12 = c6c12.T
    radial = (12 * c12 * i6 - 6 * c6) * i6 * i2
    slope = (48 * c6 - 168 * c12 * i6) * i6 * i2 * i2
    force, jacobian = _summed(d, radial, slope)
    for charge, height in zip(Qs, QZs, strict=True):
        if charge == 0:
            continue
        shifted = d + np.array([0.0, 0.0, height])
        inverse = 1 / ((shifted**2).sum(axis=2) + R2SAFE)
        radial = charge * KE_FORCEFIELD * charges * inverse**1.5
        more, bent = _summed(shifted, radial, -3 * radial * inverse)
        force += more
        jacobian += bent
    return force, jacobian


def _summed(d, radial, slope):
    """Sums of radial d and of its derivative radial 1 + slope d d^T."""
    force = np.einsum("ma,mai->mi", radial, d)
    jacobian = np.einsum("ma,mai,maj->mij", slope, d, d)
    jacobian += radial.sum(axis=1)[:, None, None] * np.eye(3)
    return force, jacobian


def spring_forces(displacement, tip_stiffness, tipR0):
    """Force of the tip on the probe at `displacement` (m, 3) from the anchor, and its Jacobian."""
    kx, ky, kz, kr = -np.asarray(tip_stiffness, np.float64) / EVA2_NM
    lateral, radius = np.array([kx, ky, kz]), float(tipR0[2])
    length = np.sqrt((displacement**2).sum(axis=1))
    stretch = kr * (length - radius) / length
    force = lateral * (displacement - equilibrium_offset(tipR0)) + stretch[:, None] * displacement
    outer = np.einsum("mi,mj->mij", displacement, displacement)
    jacobian = outer * (kr * radius / length**3)[:, None, None]
    jacobian += np.diag(lateral) + stretch[:, None, None] * np.eye(3)
    return force, jacobian


def relaxed_forces(anchors, dz, n_z, field, tip_stiffness, tipR0):
    """Vertical force on the relaxed probe at every height, and where it is.

    Nothing is raised. A probe that does not come to rest has NaN from that height downwards. Where
    one jumps to another stable place, the height of the jump hangs on the smallest errors: it has
    NaN from the height before the jump downwards.

    Parameters
    ----------
    anchors : (m, 3)
        Topmost tip positions, Å.
    dz : float
        Step downwards, Å.
    n_z : int
    field : callable
        (m, 3) points -> force (m, 3) and Jacobian (m, 3, 3).
    tip_stiffness : (4,)
        kx, ky, kz, kr in N/m.
    tipR0 : (3,)
        Å.

    Returns
    -------
    forces : (m, n_z) float64
        eV/Å.
    places : (m, n_z, 3) float64
        Å.
    settled : (m,) bool
        Whether the probe came to rest at every height, or jumped before.
    """
    anchors = np.array(anchors, np.float64)
    displacement = np.tile(equilibrium_offset(tipR0), (len(anchors), 1))
    forces = np.full((len(anchors), n_z), np.nan)
    places = np.full((len(anchors), n_z, 3), np.nan)
    alive, lost = np.arange(len(anchors)), np.zeros(len(anchors), bool)
    for k in range(n_z):
        if not alive.size:
            break
        here, before = anchors[alive] - [0, 0, k * dz], displacement
        displacement, force, settled = _settled(here, before, field, tip_stiffness, tipR0)
        lost[alive[~settled]] = True
        jumped = settled & (np.abs(displacement - before).max(axis=1) > JUMP * max(1, dz / 0.1))
        if k:
            forces[alive[jumped], k - 1] = np.nan
            settled &= ~jumped
        alive, displacement = alive[settled], displacement[settled]
        forces[alive, k] = force[settled, 2]
        places[alive, k] = here[settled] + displacement
    return forces, places, ~lost


def interpolation_errors(places, field, step):
    """What linear interpolation on a grid may change the vertical force by, (m, n_z), eV/Å.

    h^2/8 sum_i |d^2 Fz/dx_i^2| at `places` (m, n_z, 3), by differences over the grid step h.
    """
    flat = places.reshape(-1, 3)
    middle = field(flat)[0][:, 2]
    total = np.zeros(len(flat))
    for shift in step * np.eye(3):
        total += np.abs(field(flat + shift)[0][:, 2] - 2 * middle + field(flat - shift)[0][:, 2])
    return (total / 8).reshape(places.shape[:2])


def _settled(anchors, start, field, tip_stiffness, tipR0):
    """(displacement, force of the field, whether it is at rest) of every probe."""
    place, force = start.copy(), np.full_like(start, np.nan)
    settled = np.zeros(len(start), bool)

    def forces(rows, displacement):
        found, jacobian = field(anchors[rows] + displacement)
        spring, stiffness = spring_forces(displacement, tip_stiffness, tipR0)
        return found, found + spring, jacobian + stiffness

    for attempt in (_descend, _fire_and_descend):
        rows = np.flatnonzero(~settled)
        if not rows.size:
            break
        place[rows], force[rows], settled[rows] = attempt(rows, start[rows], forces)
    return place, force, settled


def _descend(rows, displacement, forces):
    """Newton steps that never climb; each probe by itself, those at rest stay."""
    displacement = displacement.copy()
    found, total, jacobian = forces(rows, displacement)
    reach = np.full(len(rows), LARGEST_MOVE)
    for _ in range(MAX_STEPS):
        # NaN is at rest nowhere and moves nowhere.
        active = np.flatnonzero(np.abs(total).max(axis=1) >= TOLERANCE)
        if not active.size:
            break
        step = _downhill(total[active], jacobian[active], reach[active])
        trial = displacement[active] + step
        new = forces(rows[active], trial)
        power, left = (step * total[active]).sum(axis=1), (step * new[1]).sum(axis=1)
        good = (left >= -0.5 * power) & np.isfinite(new[1]).all(axis=1)
        length = np.sqrt((step**2).sum(axis=1))
        reach[active] = np.where(good, np.minimum(LARGEST_MOVE, 2 * reach[active]), length / 4)
        taken = active[good]
        displacement[taken] = trial[good]
        for mine, theirs in zip((found, total, jacobian), new, strict=True):
            mine[taken] = theirs[good]
    return displacement, found, np.abs(total).max(axis=1) < TOLERANCE


def _downhill(total, jacobian, reach):
    """Newton steps along the axes of the curvature, each in the direction of the force."""
    usable = np.isfinite(jacobian).all(axis=(1, 2))
    symmetric = np.where(usable[:, None, None], jacobian + jacobian.swapaxes(1, 2), np.eye(3)) / 2
    curvature, axes = np.linalg.eigh(symmetric)
    along = np.einsum("mij,mi->mj", axes, total) / np.maximum(np.abs(curvature), FLATTEST)
    step = np.einsum("mij,mj->mi", axes, along)
    length = np.sqrt((step**2).sum(axis=1))
    return step * np.minimum(1, reach / np.maximum(length, 1e-30))[:, None]


def _fire_and_descend(rows, displacement, forces):
    """Damped dynamics (FIRE; Bitzek et al., Phys. Rev. Lett. 97, 170201 (2006)), then Newton."""
    displacement = displacement.copy()
    velocity = np.zeros_like(displacement)
    dt, damp = np.full(len(rows), DT), np.full(len(rows), DAMP)
    for _ in range(FIRE_STEPS):
        total = forces(rows, displacement)[1]
        size = np.sqrt((total**2).sum(axis=1))
        if not (size >= FIRE_TOLERANCE).any():
            break
        uphill = (velocity * total).sum(axis=1) < 0
        speed = np.sqrt((velocity**2).sum(axis=1))
        turn = (damp * speed / np.maximum(size, 1e-30))[:, None]
        velocity = np.where(uphill[:, None], 0, (1 - damp)[:, None] * velocity + turn * total)
        dt = np.where(uphill, np.maximum(DT_MIN, dt / 2), np.minimum(DT, 1.1 * dt))
        damp = np.where(uphill, DAMP, 0.99 * damp)
        velocity += dt[:, None] * total
        move = dt[:, None] * velocity
        length = np.sqrt((move**2).sum(axis=1))
        displacement += move * np.minimum(1, LARGEST_MOVE / np.maximum(length, 1e-30))[:, None]
    return _descend(rows, displacement, forces)
