"""Synthetic simulations as snapshots and a FOF catalog in the layout of CAMELS.

    root/DMO/{set}_{sim}/...     dark matter only; coordinates float32
    root/Hydro/{set}_{sim}/...   dark matter, gas and stars; coordinates float64, masses float32
    root/FOF/{set}_{sim}/...     catalog of the DMO run, one file

Code units are ckpc/h and 1e10 Msun/h. Equal simulations give equal bytes.
"""

from pathlib import Path

import numpy as np

from simlab.core.hdf5 import create_hdf5
from simlab.halo.files.headers import DARK_MATTER, GAS, STARS, TYPES
from simlab.halo.layout import catalog_file, simulation_folder, snapshot_files

KPC = 1e3
"""Code lengths per Mpc/h."""
MASS = 1e10
"""Msun/h per code mass."""
UNITS = {
    "UnitLength_in_cm": 3.085678e21,
    "UnitMass_in_g": 1.989e43,
    "UnitVelocity_in_cm_per_s": 1e5,
}
STARLESS = 1
"""The chunk that holds no stars, as happens in real snapshots."""


def write_simulation(
    simulation,
    root,
    sim,
    *,
    set_name="SB35",
    snapnum=90,
    dmo_chunks=1,
    hydro_chunks=3,
    naming="old",
    parameters=None,
):
    """Write a pair of runs and the catalog below `root`; returns the paths of all files.

    Parameters
    ----------
    simulation : SyntheticSimulation
        Particles and groups, as `synthesize_simulation` makes them.
    root : path
        Folder of the three trees `DMO`, `Hydro`, `FOF`.
    sim : int
        Number of the simulation.
    set_name : str
        First part of the folder's name, `{set_name}_{sim}`.
    snapnum : int
        Number of the snapshot.
    dmo_chunks : int
        Files of the DMO snapshot, of uneven length; with 1 it is a single file.
    hydro_chunks : int
        Files of the hydro snapshot, likewise.
    naming : {"old", "new"}
        `snap_`, `fof_subhalo_tab_`, or `snapshot_`, `groups_`.
    parameters : mapping or None
        Kept as attributes of a group `Parameters` of the snapshots.
    """
    folders = {
        part: simulation_folder(Path(root) / part, set_name, sim)
        for part in ("DMO", "Hydro", "FOF")
    }
    dmo = {DARK_MATTER: (simulation.pos_dmo, simulation.mass_dmo, np.float32)}
    hydro = {
        DARK_MATTER: (simulation.pos_hdm, simulation.mass_hdm, np.float64),
        GAS: (simulation.pos_gas, simulation.mass_gas, np.float64),
        STARS: (simulation.pos_star, simulation.mass_star, np.float64),
    }
    written = []
    for part, species, chunks in (("DMO", dmo, dmo_chunks), ("Hydro", hydro, hydro_chunks)):
        files = snapshot_files(folders[part], snapnum, chunks, naming)
        _write_snapshot(files, simulation, species, parameters or {})
        written += files
    catalog = catalog_file(folders["FOF"], snapnum, naming)
    _write_catalog(catalog, simulation)
    return [*written, catalog]


def _create(path):
    """A new HDF5 file that any HDF5 since 1.10 can read, and without time stamps."""
    return create_hdf5(path, libver=("earliest", "v110"))


def _write_snapshot(files, simulation, species, parameters):
    """Deal the particles of each type to the files and write them."""
    edges = {
        kind: _edges(len(positions), len(files), STARLESS if kind == STARS else None)
        for kind, (positions, *_) in species.items()
    }
    total = np.zeros(TYPES, np.uint64)
    table = np.zeros(TYPES)
    for kind, (positions, mass, _) in species.items():
        total[kind] = len(positions)
        if np.ndim(mass) == 0:
            table[kind] = mass / MASS
    for index, path in enumerate(files):
        counts = np.zeros(TYPES, np.int32)
        for kind, edge in edges.items():
            counts[kind] = edge[index + 1] - edge[index]
        with _create(path) as file:
            _write_attributes(
                file.create_group("Header"),
                {
                    **_common(simulation),
                    "MassTable": table,
                    "NumFilesPerSnapshot": np.int32(len(files)),
                    "NumPart_ThisFile": counts,
                    "NumPart_Total": (total & 0xFFFFFFFF).astype(np.uint32),
                    "NumPart_Total_HighWord": (total >> 32).astype(np.uint32),
                },
            )
            if parameters:
                _write_attributes(file.create_group("Parameters"), parameters)
            for kind, (positions, mass, dtype) in species.items():
                rows = slice(edges[kind][index], edges[kind][index + 1])
                if counts[kind]:
                    group = file.create_group(f"PartType{kind}")
                    _write(group, "Coordinates", _code_positions(positions[rows], dtype))
                    if np.ndim(mass):
                        _write(group, "Masses", np.float32(np.float64(mass[rows]) / MASS))


def _edges(count, chunks, empty=None):
    """First row of each chunk and the end; the first chunk is the longest, `empty` holds none."""
    weights = np.linspace(1.6, 0.4, chunks) if chunks > 1 else np.ones(1)
    if empty is not None and empty < chunks:
        weights[empty] = 0
    edges = np.concatenate([[0], np.cumsum(weights)]) / weights.sum() * count
    return np.rint(edges).astype(np.int64)


def _code_positions(positions, dtype):
    return (np.asarray(positions, np.float64) * KPC).astype(dtype)


def _write_catalog(path, simulation):
    groups = {key: np.asarray(values) for key, values in simulation.groups.items()}
    count = len(groups["GroupMass"])
    with _create(path) as file:
        _write_attributes(
            file.create_group("Header"),
            {
                **_common(simulation),
                "Ngroups_ThisFile": np.int32(count),
                "Ngroups_Total": np.int32(count),
                "NumFiles": np.int32(1),
            },
        )
        group = file.create_group("Group")
        for name, unit in (
            ("GroupPos", 1 / KPC),
            ("Group_M_Crit200", MASS),
            ("Group_R_Crit200", 1 / KPC),
            ("GroupMass", MASS),
        ):
            _write(group, name, (groups[name].astype(np.float64) / unit).astype(np.float32))
        _write(group, "GroupLen", groups["GroupLen"].astype(np.int32))


def _common(simulation):
    """Header attributes of snapshots and catalog: redshift 0."""
    return {
        "BoxSize": np.float64(simulation.box_size * KPC),
        "HubbleParam": np.float64(simulation.hubble),
        "Omega0": np.float64(simulation.omega0),
        "OmegaBaryon": np.float64(simulation.omega_baryon),
        "OmegaLambda": np.float64(simulation.omega_lambda),
        "Redshift": np.float64(0),
        "Time": np.float64(1),
        **{name: np.float64(value) for name, value in UNITS.items()},
    }


def _write_attributes(group, attributes):
    for name in sorted(attributes):
        group.attrs[name] = attributes[name]


def _write(group, name, array):
    group.create_dataset(name, data=array, track_times=False)
