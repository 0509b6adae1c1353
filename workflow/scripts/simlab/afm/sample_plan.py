"""The order of the samples: which molecule, which orientation, which split."""

import math

import numpy as np

from simlab.afm.rotations import entropy_order, rotation_matrix, sphereTangentSpace
from simlab.core.random import generator
from simlab.core.splits import SPLITS

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


def split_labels(seed, split, n_molecules, molecule_of_sample):
    """Split of each sample, (N,) int8 with the numbers of `core.dataset.SPLITS`.

    Of a permutation of the molecules (`by: molecule`) or samples, the first floor(test n) test,
    the next floor(val n) validate, the others train.
    """
    by_molecule = split["by"] == "molecule"
    count = n_molecules if by_molecule else len(molecule_of_sample)
    order = generator(seed, "afm.split", 0).permutation(count)
    n_test, n_val = math.floor(split["test"] * count), math.floor(split["val"] * count)
    labels = np.full(count, SPLITS.index("train"), np.int8)
    labels[order[:n_test]] = SPLITS.index("test")
    labels[order[n_test : n_test + n_val]] = SPLITS.index("val")
    return labels[molecule_of_sample] if by_molecule else labels


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
