"""Parameters of the simulator as the values of `params.ini`, and back."""

import math

import numpy as np

from simlab.afm.errors import AfmConfigError
from simlab.afm.species import atomic_number, symbol_of

STIFFNESS = (0.25, 0.25, 30.0)
"""kx, ky, kr where the file leaves them negative, N/m."""

POINT_TIPS = {
    "s": ((1, 0, 0, 0), (0, 0, 0, 0)),
    "pz": ((10, -10, 0, 0), (0.1, -0.1, 0, 0)),
    "dz2": ((100, -200, 100, 0), (0.1, 0, -0.1, 0)),
}
"""Tip charges, e per charge of the multipole, and their heights, Å."""

OWN = {
    "fdbm_vdw_type": "fdbm_vdw_type",
    "d3_params": "d3_params",
    "lj_vdw_damp": "lj_vdw_damp",
    "df_weights": "df_weights",
    "ffModel": "ff_model",
}
"""Arguments of AFMulator by the keys of files that may lack them."""

ONE_ANCHOR = 0.25
"""Steps across an axis with one anchor, which round to 0."""

NO_LATTICE = ((0.0, 0.0, 0.0),) * 3
"""Cell vectors in a file that stand for a sample without a lattice."""


def arguments_of(values):
    """Arguments of AFMulator from the values that `files.params.read_params` gives.

    scan_dim = (round(width/step) + 1, the same for y, round(height/step)), df_steps =
    round(Amplitude/step_z) (with exact weights the amplitude), npbc = nPBC where PBC;
    `sample_lvec` is among the arguments.
    """
    lower, upper = (np.array(values[key]) for key in ("scanMin", "scanMax"))
    step = np.array(values["scanStep"])
    if step.min() <= 0:
        raise AfmConfigError(f"afm: scanStep: {step.tolist()}; expected steps > 0, Å")
    nx, ny, nz = (round(float(n)) for n in (upper - lower) / step)
    kx, ky, kr = (
        default if given < 0 else given
        for given, default in zip(values["stiffness"], STIFFNESS, strict=True)
    )
    charges, heights = _tip_charges(values)
    lattice = np.array([values[f"grid{axis}"] for axis in "ABC"])
    lvec = np.array([values[f"FFgrid{row}"] for row in ("0", "A", "B", "C")])
    automatic = bool((lvec == -1).all())
    arguments = {
        "pixPerAngstrome": _points_per_angstrom(values, lattice if automatic else lvec[1:]),
        "lvec": None if automatic else lvec,
        "scan_dim": (nx + 1, ny + 1, nz),
        "scan_window": (lower, upper),
        "iZPP": atomic_number(values["probeType"]),
        "Qs": charges,
        "QZs": heights,
        "rho": values["rho"] or ({values["tip"]: values["charge"]} if values["charge"] else None),
        "sigma": values["sigma"],
        "A_pauli": values["Apauli"],
        "B_pauli": values["Bpauli"],
        "tipR0": values["r0Probe"],
        "tipStiffness": (kx, ky, values["stiffnessZ"] or 0.0, kr),
        "npbc": values["nPBC"] if values["PBC"] else (0, 0, 0),
        "f0Cantilever": values["f0Cantilever"],
        "kCantilever": values["kCantilever"],
        "colorscale": values["colorscale"],
        "sample_lvec": None if not lattice.any() else lattice,
    }
    arguments |= {name: values[key] for key, name in OWN.items() if values[key] is not None}
    return {**arguments, **_oscillation(values)}


def _oscillation(values):
    """Steps of the oscillation; its amplitude where the weights see more than whole steps."""
    amplitude, dz = values["Amplitude"], float(values["scanStep"][2])
    steps = round(amplitude / dz)
    if values["df_weights"] == "exact" and not math.isclose(amplitude, steps * dz, rel_tol=1e-9):
        return {"amplitude": amplitude}
    return {"df_steps": steps}


def _tip_charges(values):
    """Tip charges and heights: as given, else those of the multipole."""
    if values["Qs"] is not None and values["QZs"] is not None:
        return values["Qs"], values["QZs"]
    charges, heights = POINT_TIPS.get(values["tip"], ((0, 0, 0, 0),) * 2)
    return tuple(values["charge"] * q for q in charges), heights


def _points_per_angstrom(values, cell):
    if values["pixPerAngstrome"] is not None:
        return values["pixPerAngstrome"]
    if min(values["gridN"]) > 0:
        return values["gridN"][0] / float(np.linalg.norm(cell[0]))
    return 10.0


def values_of(afmulator):
    """Values of `files.params.write_params` that `arguments_of` turns into an equal AFMulator.

    Raises AfmConfigError for a tip density that is not a sum of multipoles.
    """
    rho = afmulator.rho
    if rho is not None and not isinstance(rho, dict):
        raise AfmConfigError("afm: rho: a tip density on a grid; expected multipoles in parameters")
    lower, upper = afmulator.scan_window
    nx, ny, nz = afmulator.scan_dim
    step = (upper - lower) / [nx - 1 or ONE_ANCHOR, ny - 1 or ONE_ANCHOR, nz]
    exact = afmulator.df_weights == "exact"
    kx, ky, kz, kr = afmulator.tipStiffness.tolist()
    lattice = NO_LATTICE if afmulator.sample_lvec is None else afmulator.sample_lvec
    lvec = np.full((4, 3), -1.0) if afmulator.lvec_is_automatic else afmulator.lvec
    return {
        "probeType": symbol_of(afmulator.iZPP),
        "rho": rho,
        "sigma": afmulator.sigma,
        "Qs": _plain(afmulator.Qs),
        "QZs": _plain(afmulator.QZs),
        "stiffness": (kx, ky, kr),
        "stiffnessZ": kz,
        "r0Probe": _plain(afmulator.tipR0),
        "PBC": any(afmulator.npbc),
        "nPBC": afmulator.npbc,
        **{f"grid{axis}": _plain(row) for axis, row in zip("ABC", lattice, strict=True)},
        **{f"FFgrid{row}": _plain(v) for row, v in zip(("0", *"ABC"), lvec, strict=True)},
        "pixPerAngstrome": afmulator.pixPerAngstrome,
        "scanMin": _plain(lower),
        "scanMax": _plain(upper),
        "scanStep": _plain(step),
        "Amplitude": afmulator.amplitude if exact else afmulator.dz * afmulator.df_steps,
        "kCantilever": afmulator.kCantilever,
        "f0Cantilever": afmulator.f0Cantilever,
        "Apauli": afmulator.A_pauli,
        "Bpauli": afmulator.B_pauli,
        "colorscale": afmulator.colorscale,
        **{key: getattr(afmulator, name) for key, name in OWN.items()},
    }


def _plain(numbers):
    return tuple(float(number) for number in numbers)
