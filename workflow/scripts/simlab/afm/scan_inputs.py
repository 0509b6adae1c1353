"""Samples and tips of the command `simulate`, as the files of other programs give them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simlab.afm.config import MODEL_CO
from simlab.afm.densities import ElectronDensity, HartreePotential, TipDensity, model_co_tip
from simlab.afm.errors import AfmConfigError, AfmInputError
from simlab.afm.files.grids import read_grid
from simlab.afm.files.xyz import loadXYZ, parse_lattice

FORMATS = ("xyz", "cube", "xsf", "npz")
SUFFIXES = {".xyz": "xyz", ".cube": "cube", ".cub": "cube", ".xsf": "xsf", ".npz": "npz"}


@dataclass(frozen=True, eq=False)
class ScannedSample:
    """A sample as `AFMulator.prepareFF` takes it.

    Attributes
    ----------
    xyzs : (n, 3) float64
        Å.
    Zs : (n,) int32
    qs : (n,) float64, e, or HartreePotential
    rho_sample : ElectronDensity or None
    sample_lvec : (3, 3) float64 or None
        Cell vectors that the file brings along, Å.
    """

    xyzs: np.ndarray
    Zs: np.ndarray
    qs: object
    rho_sample: object
    sample_lvec: np.ndarray | None

    @property
    def has_potential(self):
        """Whether the electrostatics comes from a grid."""
        return not isinstance(self.qs, np.ndarray)


def format_of(file, form=None):
    """xyz, cube, xsf or npz: as given, or by the suffix of a file."""
    found = SUFFIXES.get(Path(file).suffix.lower()) if form is None else form
    if found not in FORMATS:
        raise AfmConfigError(
            f"afm: {file}: {'suffix' if form is None else 'input_format'} "
            f"{Path(file).suffix if form is None else form!r}; expected one of {', '.join(FORMATS)}"
        )
    return found


def read_sample(file, form=None, *, charges, potential_scale, density=None, density_cutoff=None):
    """The ScannedSample of an xyz file (charges) or of a Hartree potential with atoms.

    Parameters
    ----------
    file : path
    form : str, optional
        One of FORMATS in place of the suffix.
    charges : "check", "ignore" or "trust"
        As of `loadXYZ`.
    potential_scale : float
        Factor of the potential to V: -1 for the energy of an electron in eV.
    density : path, optional
        Electron density of the sample, on the points of the potential.
    density_cutoff : float, optional
        Largest density, electrons/Å³.

    Raises
    ------
    AfmInputError, AfmConfigError
    """
    form = format_of(file, form)
    if form == "xyz":
        if density is not None:
            raise AfmConfigError(
                f"afm: --density: {density} beside the atoms of {file}; expected a Hartree "
                "potential as --input"
            )
        xyzs, Zs, qs, comment = loadXYZ(file, charges=charges)
        return ScannedSample(xyzs, Zs, qs, None, parse_lattice(comment))
    array, lvec, xyzs, Zs = read_grid(file, "potential", potential_scale, form)
    if len(xyzs) == 0:
        raise AfmInputError(
            f"afm: {file}: a grid without atoms; expected those of the sample, in Å, beside it"
        )
    potential = HartreePotential(array, lvec, source=Path(file).as_posix())
    electrons = None
    if density is not None:
        electrons = _limited(ElectronDensity.from_file(density)[0], density_cutoff)
    return ScannedSample(xyzs, Zs, potential, electrons, np.array(lvec[1:]))


def read_tip(density, delta, *, Rcore, density_cutoff, with_sample_density):
    """Densities of a tip: what a scan without the sample's density needs, or one with it.

    Parameters
    ----------
    density : path or "model_co"
        Electron density of the tip, the tip at the origin.
    delta : path, optional
        Change of its electron density; without it `density` less cores of width Rcore (Å) at the
        atoms of its file, which hold the valence electrons.
    Rcore : float
    density_cutoff : float or None
        electrons/Å³.
    with_sample_density : bool

    Returns
    -------
    rho, rho_delta : TipDensity
        Electron density and its change; without a density of the sample the charge density, which
        is -change, and None.

    Raises
    ------
    AfmInputError, AfmConfigError
    """
    if str(density) == MODEL_CO:
        electrons, change = model_co_tip()
    else:
        electrons, xyzs, Zs = TipDensity.from_file(density)
        change = None
    if delta is not None:
        change, _, _ = TipDensity.from_file(delta)
    elif change is None:
        if len(xyzs) == 0:
            raise AfmInputError(
                f"afm: {density}: a tip density without atoms, whose cores would make it neutral; "
                "expected atoms, or --tip_delta_dens"
            )
        change = electrons.subCores(xyzs, Zs, Rcore)
    if with_sample_density:
        return _limited(electrons, density_cutoff), _limited(change, density_cutoff)
    return TipDensity(-change.array, change.lvec, change.source), None


def _limited(density, cutoff):
    return density if cutoff is None else density.clamp(maximum=cutoff)
