"""Rule afm_molecules: the xyz files of a data set, read, judged and put together."""

import logging
from pathlib import Path

import numpy as np

from simlab.afm.errors import AfmInputError
from simlab.afm.files.molecules import Molecule, write_molecule_table, write_molecules
from simlab.afm.files.xyz import loadXYZ
from simlab.afm.molecules import suspicions, uncharged
from simlab.afm.species import symbol_of
from simlab.core.config import published_path
from simlab.core.errors import SimlabError
from simlab.core.files import sha256_of

logger = logging.getLogger("simlab.afm")

RADII_UNKNOWN_BEYOND = 112


def collect_molecules(spec, files, npz, csv):
    """Write molecules.npz and molecules.csv of the xyz `files`.

    `spec` is that of `specs.molecules_spec`. Errors: as of `load_molecules`.
    """
    molecules, digests = load_molecules(spec, files)
    write_molecules(npz, molecules)
    write_molecule_table(csv, molecules, [published_path(file) for file in files], digests)


def load_molecules(spec, files):
    """The molecules in xyz files, judged, and the SHA-256 of the files.

    Parameters
    ----------
    spec : mapping
        charges, strict; window (Å, None along an axis with periodic images), radii; charged
        (whether charges shape the images), model_grids.
    files : list of path

    Raises
    ------
    AfmInputError
        Naming every file that cannot be used.
    """
    molecules, problems = [], []
    for file in files:
        try:
            molecules.append(read_molecule(file, spec["charges"]))
            problems += judge(file, molecules[-1], spec)
        except SimlabError as error:
            problems.append(str(error))
    digests = [sha256_of(file) for file in files if Path(file).is_file()]
    if not problems:
        problems = _repeated(files, digests)
    if problems:
        raise AfmInputError("\n".join(problems))
    if spec["charged"] and spec["charges"] != "ignore":
        text = uncharged(
            [molecule.name for molecule in molecules],
            [molecule.has_charges for molecule in molecules],
            spec["model_grids"],
        )
        if text:
            logger.warning("afm: %s", text)
    return molecules, digests


def read_molecule(file, charges):
    """The Molecule in an xyz file."""
    xyz, numbers, q, _ = loadXYZ(file, charges=charges)
    return Molecule(Path(file).stem, xyz, numbers, q, bool(np.any(q)))


def judge(file, molecule, spec):
    """What is wrong with a molecule, as texts; what is only suspicious is logged.

    With `strict` suspicious molecules are wrong ones.
    """
    heavy = sorted({int(z) for z in molecule.Z if z > RADII_UNKNOWN_BEYOND})
    if heavy and spec["radii"]:
        names = ", ".join(symbol_of(z) for z in heavy)
        return [f"afm: {file}: element {names}; descriptors know radii up to Z 112"]
    window = [np.inf if width is None else width for width in spec["window"]]
    found = suspicions(molecule.xyz, molecule.Z, window, molecule.q)
    if spec["strict"]:
        return [f"afm: {file}: {text}" for text in found]
    for text in found:
        logger.warning("afm: %s: %s", file, text)
    return []


def _repeated(files, digests):
    first, problems = {}, []
    for file, digest in zip(files, digests, strict=True):
        if digest in first:
            problems.append(
                f"afm: {file}: same content as {first[digest]}; expected every molecule once"
            )
        first.setdefault(digest, file)
    return problems
