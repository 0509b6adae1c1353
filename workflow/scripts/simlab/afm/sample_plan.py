"""The order of the samples: which molecule, which orientation, which split."""

import math

import numpy as np

from simlab.afm.rotations import entropy_order, rotation_matrix, sphereTangentSpace
from simlab.afm.splits import split_labels
from simlab.core.random import generator

NAMED_ANGLES = {"identity": 0, "rot90": 90, "rot180": 180, "rot270": 270}


def orientations(xyz, augment, rotations):
    """Rotations of one molecule in the order of their number, and their entropies.

    Parameters
    ----------
    xyz : (n, 3) float64
        As read, Å.
    augment : mapping or None
        rotations, n_best, method; None takes `rotations`.
    rotations : list or None
        Names and 3 x 3 matrices.

    Returns
    -------
    (m, 3, 3), (m,) float64
    """
    if augment is None:
        matrices = np.array([_matrix(rotation) for rotation in rotations])
    elif augment["method"] == "none":
        matrices = np.eye(3)[None]
    else:
        matrices = sphereTangentSpace(augment["rotations"])
    order, values = entropy_order(xyz, matrices)
    if augment is not None and augment["method"] == "entropy":
        best = order[: augment["n_best"]]
        matrices, values = matrices[best], values[best]
    return matrices, values


def _matrix(rotation):
    if isinstance(rotation, str):
        quarter = NAMED_ANGLES[rotation] // 90
        return np.rint(rotation_matrix((0, 0, 1), quarter * math.pi / 2))
    return np.asarray(rotation, np.float64)


def sample_order(seed, n_molecules, n_rot, shuffle):
    """Place of each sample in the list of molecules and, within them, orientations, (N,) int64."""
    count = n_molecules * n_rot
    if not shuffle:
        return np.arange(count)
    return generator(seed, "afm.plan", 0).permutation(count)


def plan_samples(spec, geometries):
    """Arrays of plan.npz.

    Parameters
    ----------
    spec : mapping
        seed, augment, rotations, split, samples.
    geometries : list of (n, 3) float64
        Molecules as read, Å.

    Returns
    -------
    dict
        mol_id, rot_id int32, rot float64 (N, 3, 3), entropy float64, split int8; row s is sample s.
    """
    oriented = [orientations(xyz, spec["augment"], spec["rotations"]) for xyz in geometries]
    n_rot = len(oriented[0][0])
    shuffle = spec["augment"] is not None and spec["augment"]["shuffle"]
    order = sample_order(spec["seed"], len(geometries), n_rot, shuffle)[: spec["samples"]]
    mol_id, rot_id = np.divmod(order, n_rot)
    return {
        "mol_id": mol_id.astype(np.int32),
        "rot_id": rot_id.astype(np.int32),
        "rot": np.array([oriented[m][0][r] for m, r in zip(mol_id, rot_id, strict=True)]),
        "entropy": np.array([oriented[m][1][r] for m, r in zip(mol_id, rot_id, strict=True)]),
        "split": split_labels(spec["seed"], spec["split"], len(geometries), mol_id),
    }
