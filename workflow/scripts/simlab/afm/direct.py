"""The relaxed probe on exact sums over the atoms in double precision, to judge simulated images.

No grid, no interpolation, no single precision: per tip position the root of
F(p) = F_atoms(p) + F_spring(p) by damped Newton steps with the analytic Jacobian.
"""

import numpy as np

from simlab.afm.boxes import equilibrium_offset
from simlab.afm.errors import AfmPhysicsError
from simlab.afm.units import EVA2_NM, KE_FORCEFIELD, R2SAFE

TOLERANCE = 1e-9
"""Largest remaining force, eV/Å."""
MAX_STEPS = 200
LARGEST_MOVE = 0.1
"""Å."""


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
    """Vertical force on the relaxed probe at every height, (m, n_z) float64 in eV/Å.

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

    Raises
    ------
    AfmPhysicsError
        If a probe does not come to rest.
    """
    anchors = np.array(anchors, np.float64)
    displacement = np.tile(equilibrium_offset(tipR0), (len(anchors), 1))
    result = np.empty((len(anchors), n_z))
    for k in range(n_z):
        displacement, force = _settled(
            anchors - [0, 0, k * dz], displacement, field, tip_stiffness, tipR0
        )
        result[:, k] = force[:, 2]
    return result


def _settled(anchors, displacement, field, tip_stiffness, tipR0):
    displacement = displacement.copy()
    for _ in range(MAX_STEPS):
        force, jacobian = field(anchors + displacement)
        spring, stiffness = spring_forces(displacement, tip_stiffness, tipR0)
        total = force + spring
        if np.abs(total).max() < TOLERANCE:
            return displacement, force
        step = -np.linalg.solve(jacobian + stiffness, total[:, :, None])[:, :, 0]
        uphill = (step * total).sum(axis=1) <= 0
        step[uphill] = 0.5 * total[uphill]
        length = np.sqrt((step**2).sum(axis=1))
        step *= np.minimum(1, LARGEST_MOVE / np.maximum(length, 1e-30))[:, None]
        displacement += step
    raise AfmPhysicsError(
        f"afm: direct check: a probe is not at rest after {MAX_STEPS} steps, the force is "
        f"{np.abs(total).max():.3g} eV/Å; expected less than {TOLERANCE:g}"
    )
