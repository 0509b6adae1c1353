"""The molecules of a data set in one file: molecules.npz, and molecules.csv for people."""

from dataclasses import dataclass

import numpy as np

from simlab.afm.errors import AfmInputError
from simlab.afm.species import symbol_of
from simlab.core.files import read_npz, write_csv, write_npz

KEYS = {
    "names": ("U", 1),
    "ptr": ("iu", 1),
    "xyz": ("f", 2),
    "Z": ("iu", 1),
    "q": ("f", 1),
    "has_charges": ("b", 1),
}
"""Kinds of type and number of axes of the arrays."""
COLUMNS = ["name", "file", "n_atoms", "formula", "has_charges", "sum_q", "sha256"]


@dataclass(frozen=True)
class Molecule:
    """A geometry as read.

    Attributes
    ----------
    name : str
    xyz : (n, 3) float64
        Å.
    Z : (n,) int32
    q : (n,) float64
        e.
    has_charges : bool
        Whether the file says anything about charges.
    """

    name: str
    xyz: np.ndarray
    Z: np.ndarray
    q: np.ndarray
    has_charges: bool

    @property
    def rows(self):
        """(n, 5) float64: x, y, z, q, Z."""
        return np.column_stack([self.xyz, self.q, self.Z]).astype(np.float64)


def write_molecules(path, molecules):
    """Write molecules.npz: names, ptr int64 (n_mol+1), xyz, Z, q of all atoms, has_charges."""
    counts = [len(molecule.Z) for molecule in molecules]
    write_npz(
        path,
        {
            "names": np.array([molecule.name for molecule in molecules]),
            "ptr": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            "xyz": np.concatenate([molecule.xyz for molecule in molecules]),
            "Z": np.concatenate([molecule.Z for molecule in molecules]).astype(np.int32),
            "q": np.concatenate([molecule.q for molecule in molecules]),
            "has_charges": np.array([molecule.has_charges for molecule in molecules]),
        },
    )


def read_molecules(path):
    """List of Molecule of a molecules.npz; AfmInputError where the arrays do not fit."""
    arrays = read_npz(path, KEYS)
    for key, (kinds, ndim) in KEYS.items():
        array = arrays[key]
        if array.dtype.kind not in kinds or array.ndim != ndim:
            raise AfmInputError(
                f"afm: {path}: {key} is {array.dtype} of shape {array.shape}; expected {ndim} axes "
                f"of {'text' if kinds == 'U' else 'numbers'}"
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise AfmInputError(f"afm: {path}: {key} is not finite; expected numbers")
    ptr, atoms, count = arrays["ptr"], len(arrays["Z"]), len(arrays["names"])
    if len(ptr) != count + 1 or len(arrays["has_charges"]) != count or len(arrays["q"]) != atoms:
        raise AfmInputError(
            f"afm: {path}: {count} names, ptr of {len(ptr)}, {len(arrays['has_charges'])} marks "
            f"of charges, {atoms} atoms with {len(arrays['q'])} charges; expected them to fit"
        )
    if (
        (np.diff(ptr) < 0).any()
        or ptr[0] != 0
        or ptr[-1] != atoms
        or arrays["xyz"].shape != (atoms, 3)
    ):
        raise AfmInputError(
            f"afm: {path}: ptr ends at {ptr[-1]}, xyz has shape {arrays['xyz'].shape}; expected "
            f"both to fit the {atoms} atoms of Z"
        )
    return [
        Molecule(
            str(name),
            arrays["xyz"][first:last],
            arrays["Z"][first:last],
            arrays["q"][first:last],
            bool(charged),
        )
        for name, first, last, charged in zip(
            arrays["names"], ptr[:-1], ptr[1:], arrays["has_charges"], strict=True
        )
    ]


def write_molecule_table(path, molecules, files, digests):
    """Write molecules.csv, one row a molecule; `digests`: SHA-256 of the files."""
    write_csv(
        path,
        COLUMNS,
        [
            (
                molecule.name,
                file,
                len(molecule.Z),
                formula(molecule.Z),
                str(molecule.has_charges).lower(),
                float(molecule.q.sum()),
                digest,
            )
            for molecule, file, digest in zip(molecules, files, digests, strict=True)
        ],
    )


def formula(numbers):
    """Sum formula in Hill order: C, H, then by symbol."""
    symbols, counts = np.unique([symbol_of(z) for z in numbers], return_counts=True)
    found = dict(zip(symbols.tolist(), counts.tolist(), strict=True))
    first = [symbol for symbol in ("C", "H") if "C" in found and symbol in found]
    order = [*first, *(symbol for symbol in found if symbol not in first)]
    return "".join(symbol + (str(found[symbol]) if found[symbol] > 1 else "") for symbol in order)
