"""Small snapshots, catalogs and simulations for the tests of files of halo maps."""

from types import SimpleNamespace

import h5py
import numpy as np

MASS_TABLE = (0, 500, 0, 0, 0, 0)


def positions(count, *, seed=0, side=50000, dtype=np.float32):
    """Random coordinates in code units, (count, 3)."""
    return (np.random.default_rng(seed).random((count, 3)) * side).astype(dtype)


def snapshot_file(path, types=None, *, total=None, chunks=1, parameters=None, drop=(), **header):
    """Write one file: `types` = {type: {dataset: array}}; `header` adds or replaces attributes.

    Counts and total are those of `types` unless given; attributes in `drop` are left out.
    """
    types = {1: {"Coordinates": positions(10)}} if types is None else types
    counts = [0] * 6
    for kind, columns in types.items():
        counts[kind] = len(next(iter(columns.values())))
    total = counts if total is None else total
    attributes = {
        "BoxSize": 50000.0,
        "MassTable": np.array(MASS_TABLE, np.float64),
        "NumPart_ThisFile": np.array(counts, np.int32),
        "NumPart_Total": np.array(total, np.uint32),
        "NumPart_Total_HighWord": np.zeros(6, np.uint32),
        "NumFilesPerSnapshot": np.int32(chunks),
        "Omega0": 0.3,
        **header,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        group = file.create_group("Header")
        for name, value in attributes.items():
            if name not in drop:
                group.attrs[name] = value
        for name, value in (parameters or {}).items():
            file.require_group("Parameters").attrs[name] = value
        for kind, columns in types.items():
            for name, array in columns.items():
                file[f"PartType{kind}/{name}"] = array
    return path


def chunked_snapshot(folder, parts, *, stem="snap_090", **header):
    """Write chunks 0, 1, ... of one snapshot; `parts` = list of `types`."""
    total = [0] * 6
    for types in parts:
        for kind, columns in types.items():
            total[kind] += len(next(iter(columns.values())))
    return [
        snapshot_file(
            folder / f"{stem}.{index}.hdf5", types, total=total, chunks=len(parts), **header
        )
        for index, types in enumerate(parts)
    ]


def dark(count, seed=0):
    """Datasets of dark matter whose masses are in the MassTable."""
    return {"Coordinates": positions(count, seed=seed)}


def heavy(count, seed=0):
    """Datasets of particles with masses of their own."""
    return {**dark(count, seed), "Masses": np.arange(1, count + 1, dtype=np.float32)}


def catalog_file(path, masses, *, total=None, files=1, parameters=None, drop=(), **header):
    """Write one file of a FOF catalog with groups of these M200c, 1e10 Msun/h."""
    masses = np.asarray(masses, np.float32)
    count = len(masses)
    columns = {
        "GroupPos": positions(count, seed=count),
        "Group_M_Crit200": masses,
        "Group_R_Crit200": np.full(count, 400, np.float32),
        "GroupMass": masses * np.float32(1.15),
    }
    attributes = {
        "BoxSize": 50000.0,
        "Ngroups_ThisFile": np.int32(count),
        "Ngroups_Total": np.int32(count if total is None else total),
        "NumFiles": np.int32(files),
        "Omega0": 0.3,
        **header,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        group = file.create_group("Header")
        for name, value in attributes.items():
            if name not in drop:
                group.attrs[name] = value
        for name, value in (parameters or {}).items():
            file.require_group("Parameters").attrs[name] = value
        for name, array in columns.items():
            if count and name not in drop:
                file[f"Group/{name}"] = array
    return path


def simulation(count=500, stars=40, seed=1):
    """What the writer reads of a SyntheticSimulation; nothing in it is physics."""
    rng = np.random.default_rng(seed)
    groups = {
        "GroupPos": (rng.random((6, 3)) * 50).astype(np.float32),
        "Group_M_Crit200": np.array([9, 2, 4, 1, 0.5, 0], np.float32) * np.float32(1e13),
        "Group_R_Crit200": np.linspace(0.7, 0.1, 6, dtype=np.float32),
        "GroupMass": np.array([10, 5, 4, 1.2, 0.6, 0.1], np.float32) * np.float32(1e13),
        "GroupLen": np.arange(60, 0, -10, dtype=np.int32),
    }
    return SimpleNamespace(
        pos_dmo=(rng.random((count, 3)) * 50).astype(np.float32),
        mass_dmo=4.95e12,
        pos_hdm=rng.random((count, 3)) * 50,
        mass_hdm=4.1e12,
        pos_gas=rng.random((count - stars, 3)) * 50,
        mass_gas=(rng.random(count - stars) * 1e12).astype(np.float32),
        pos_star=rng.random((stars, 3)) * 50,
        mass_star=(rng.random(stars) * 1e11).astype(np.float32),
        groups=groups,
        box_size=50.0,
        omega0=0.31,
        omega_baryon=0.05,
        omega_lambda=0.69,
        hubble=0.68,
        seed=seed,
        sim=3,
    )
