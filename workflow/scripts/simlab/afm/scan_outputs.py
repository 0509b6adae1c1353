"""Files that the command `simulate` leaves in a folder.

| file | content |
|---|---|
| `df.npz` | `df` float32 (nx, ny, n), Hz, highest slice first; `z_mean` (n,): mean tip height, Å |
| `df_00.png`, ... | pictures of the slices |
| `Fz.npz`, `energy.npz` | force on the tip, eV/Å, and energy, eV: float32 (nx, ny, nz); `z` (nz,) |
| `PPpos.npz` | `PPpos` float32 (nx, ny, nz, 3): places of the probe particle, Å; `z` |
| `simulation.ini` | all parameters, as `--params` reads them |
| `simulation.json` | inputs with SHA-256, options, results of the relaxation, versions, files |

The npz files also hold `scan_window` (2, 3) and `lvec` (4, 3): the first point and the vectors from
it to the end of each axis, one step behind the last point, Å. npy files hold the array alone; xsf
files hold the grid from the lowest slice up with the atoms, the places as three files.
"""

import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simlab.afm.errors import AfmConfigError
from simlab.afm.files.params import write_params
from simlab.afm.files.xsf import write_xsf
from simlab.afm.slices import plot_slices, slice_heights
from simlab.core.errors import SimlabError
from simlab.core.files import read_json, write_json, write_npz

STACK_FORMATS = ("npz", "npy", "xsf")
RECORD = "simulation.json"
PARAMETERS = "simulation.ini"
SAME = ("inputs", "options", "parameters")
"""Entries of the record in which a folder's old and new content must agree."""


@dataclass(frozen=True)
class Wanted:
    """What is written.

    Attributes
    ----------
    form : "npz", "npy" or "xsf"
    stack, pictures : bool
        Frequency shift as a file, and as pictures.
    force, energy, positions : bool
    atoms, colorbar : bool
        In pictures.
    """

    form: str = "npz"
    stack: bool = True
    pictures: bool = True
    force: bool = False
    energy: bool = False
    positions: bool = False
    atoms: bool = False
    colorbar: bool = False


def require_free(folder, record, force):
    """Raise AfmConfigError where a folder holds results that are not those of `record`."""
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise AfmConfigError(f"afm: --output: {folder} is a file; expected a folder")
    if force or not folder.is_dir():
        return
    old = _old_record(folder)
    if old is None:
        strangers = [name for name in _names(Wanted(), folder) if (folder / name).exists()]
        if strangers:
            raise AfmConfigError(
                f"afm: --output: {folder / strangers[0]} exists without {RECORD}; expected another "
                "folder, or --force"
            )
    elif any(old.get(key) != record[key] for key in SAME):
        raise AfmConfigError(
            f"afm: --output: {folder / RECORD} tells of other inputs or parameters; expected "
            "another folder, or --force"
        )


def _names(wanted, folder):
    stacks = [f"{name}.{form}" for name in ("df", "Fz", "energy") for form in STACK_FORMATS]
    return [*stacks, PARAMETERS, *sorted(path.name for path in folder.glob("df_[0-9][0-9].png"))]


def _old_record(folder):
    try:
        record = read_json(folder / RECORD)
    except SimlabError:
        return None
    return record if isinstance(record, dict) else None


def write_outputs(folder, scan, wanted, record):
    """Write a scan into a folder: all of its files, or none.

    What an earlier run left there and this one does not write again is removed.

    Parameters
    ----------
    folder : path
    scan : scan_series.Scan
    wanted : Wanted
    record : mapping
        Content of simulation.json; `parameters` of simulation.ini.
    """
    folder = Path(folder)
    old = _old_record(folder) if folder.is_dir() else None
    part = folder / f".simulate-{uuid.uuid4().hex[:8]}.part"
    try:
        part.mkdir(parents=True)
    except OSError as error:
        raise SimlabError(f"cannot write {folder}: {error.strerror or error}") from None
    try:
        _write_stacks(part, scan, wanted)
        if wanted.pictures:
            atoms = (scan.xyzs, scan.Zs) if wanted.atoms else None
            plot_slices(scan.df, part, scan.afmulator, atoms=atoms, colorbar=wanted.colorbar)
        write_params(part / PARAMETERS, record["parameters"])
        files = sorted(path.name for path in part.iterdir())
        write_json(part / RECORD, {**record, "files": [*files, RECORD]})
        for name in [*files, RECORD]:
            (part / name).replace(folder / name)
        for name in set((old or {}).get("files", [])) - {*files, RECORD}:
            if Path(name).name == name:
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        if isinstance(error, SimlabError):
            raise
        raise SimlabError(f"cannot write {folder}: {error.strerror or error}") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_stacks(part, scan, wanted):
    afmulator = scan.afmulator
    upper, dz = afmulator.scan_window[1, 2], afmulator.dz
    heights = upper - dz * np.arange(afmulator.scan_dim[2])
    if wanted.stack:
        _write_stack(part, "df", scan.df, "z_mean", slice_heights(afmulator), scan, wanted.form)
    if wanted.force:
        _write_stack(part, "Fz", scan.forces[..., 2], "z", heights, scan, wanted.form)
    if wanted.energy:
        _write_stack(part, "energy", scan.forces[..., 3], "z", heights, scan, wanted.form)
    if wanted.positions and wanted.form == "xsf":
        for axis, name in enumerate("xyz"):
            values = scan.paths[..., axis]
            _write_stack(part, f"PPpos_{name}", values, "z", heights, scan, wanted.form)
    elif wanted.positions:
        _write_stack(part, "PPpos", scan.paths, "z", heights, scan, wanted.form)


def _write_stack(part, name, values, z_name, heights, scan, form):
    window, shape = scan.afmulator.scan_window, values.shape[:3]
    steps = (window[1] - window[0]) / [max(1, shape[0] - 1), max(1, shape[1] - 1), 1]
    steps[2] = -scan.afmulator.dz
    first = np.array([*window[0, :2], heights[0]])
    lvec = np.vstack([first, np.diag(steps * shape)])
    values = np.ascontiguousarray(values, np.float32)
    if form == "npy":
        np.save(part / f"{name}.npy", values, allow_pickle=False)
    elif form == "npz":
        arrays = {name: values, z_name: heights, "scan_window": window, "lvec": lvec}
        write_npz(part / f"{name}.npz", arrays)
    else:
        lvec[0, 2], lvec[3, 2] = heights[-1], -lvec[3, 2]
        write_xsf(part / f"{name}.xsf", values[:, :, ::-1], lvec, scan.xyzs, scan.Zs)
