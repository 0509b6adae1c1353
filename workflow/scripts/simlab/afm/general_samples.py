"""Samples of the trainer of any force field: what they hold, what they lack."""

import numpy as np

from simlab.afm.densities import ElectronDensity, HartreePotential
from simlab.afm.errors import AfmConfigError
from simlab.afm.rotations import check_rotation
from simlab.afm.simulator_checks import numbers
from simlab.afm.species import atomic_number
from simlab.core.config import nearest

SIM_TYPES = ("LJ", "LJ+PC", "LJ+Hartree", "FDBM")
ENTRIES = ("xyzs", "Zs", "qs", "rho_sample", "rot", "sample_lvec", "rot_center")
"""What a sample may hold."""

NEEDED = {
    "LJ": ("xyzs", "Zs"),
    "LJ+PC": ("xyzs", "Zs", "qs"),
    "LJ+Hartree": ("xyzs", "Zs", "qs"),
    "FDBM": ("xyzs", "Zs", "qs", "rho_sample"),
}


def checked_sample(entries, sim_type, number):
    """The entries of a sample, complete and checked.

    Parameters
    ----------
    entries : dict
        See `ENTRIES`; not modified.
    sim_type : str
        One of SIM_TYPES.
    number : int
        Of the sample, for messages.

    Returns
    -------
    dict
        xyzs (n, 3) float64, Zs (n,) int32, qs (n,) float64 or HartreePotential, rho_sample
        (None unless FDBM), rot (3, 3), rot_center (3,), sample_lvec or None.

    Raises
    ------
    AfmConfigError
        Unknown, missing or unsuitable entries.
    """
    where = f"afm: sample {number}"
    if not isinstance(entries, dict):
        raise AfmConfigError(f"{where}: {type(entries).__name__}; expected a dict")
    for name in entries:
        if name not in ENTRIES:
            raise AfmConfigError(
                f"{where}: unknown entry {name!r}{nearest(name, ENTRIES)}; expected only "
                f"{', '.join(ENTRIES)}"
            )
    for name in NEEDED[sim_type]:
        if entries.get(name) is None:
            raise AfmConfigError(f"{where}: no entry {name}; expected one with sim_type {sim_type}")
    xyzs = numbers(f"sample {number}: xyzs", entries["xyzs"], "(n, 3) finite numbers, Å")
    elements = np.asarray(entries["Zs"]).reshape(-1).tolist()
    Zs = np.array([atomic_number(element) for element in elements], np.int32)
    if xyzs.ndim != 2 or xyzs.shape[1] != 3 or Zs.shape != xyzs.shape[:1] or not len(xyzs):
        raise AfmConfigError(
            f"{where}: xyzs and Zs of shapes {xyzs.shape} and {Zs.shape}; expected (n, 3) and (n,)"
        )
    if not np.isfinite(xyzs).all():
        raise AfmConfigError(f"{where}: xyzs: not all finite; expected (n, 3) finite numbers, Å")
    rot, center = entries.get("rot"), entries.get("rot_center")
    rho = entries.get("rho_sample")
    if sim_type == "FDBM" and not isinstance(rho, ElectronDensity):
        raise AfmConfigError(
            f"{where}: rho_sample: {type(rho).__name__}; expected an ElectronDensity with "
            "sim_type FDBM"
        )
    return {
        "xyzs": xyzs,
        "Zs": Zs,
        "qs": _checked_charges(entries.get("qs"), len(Zs), sim_type, where),
        "rho_sample": rho if sim_type == "FDBM" else None,
        "rot": np.eye(3) if rot is None else check_rotation(rot),
        "rot_center": xyzs.mean(axis=0) if center is None else np.array(center, np.float64),
        "sample_lvec": entries.get("sample_lvec"),
    }


def _checked_charges(qs, n_atoms, sim_type, where):
    if sim_type == "LJ":
        return np.zeros(n_atoms)
    if sim_type == "LJ+PC":
        if isinstance(qs, np.ndarray | list | tuple) and np.shape(qs) == (n_atoms,):
            return np.array(qs, np.float64)
        expected = f"{n_atoms} point charges"
    else:
        if isinstance(qs, HartreePotential):
            return qs
        expected = "a HartreePotential"
    raise AfmConfigError(
        f"{where}: qs: {type(qs).__name__} of shape {np.shape(qs)}; expected {expected} with "
        f"sim_type {sim_type}"
    )


def checked_sim_type(name):
    """`name` as spelled in SIM_TYPES, whatever its case; AfmConfigError for others."""
    known = {kind.lower(): kind for kind in SIM_TYPES}
    if not isinstance(name, str) or name.lower() not in known:
        raise AfmConfigError(
            f"afm: sim_type: {name!r}{nearest(name, SIM_TYPES)}; expected one of "
            f"{', '.join(SIM_TYPES)}"
        )
    return known[name.lower()]
