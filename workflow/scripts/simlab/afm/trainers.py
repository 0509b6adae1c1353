"""Training data from geometries: the molecule is moved under a fixed scan window."""

import logging
import random

import numpy as np

from simlab.afm.arguments import batches_of
from simlab.afm.errors import AfmConfigError
from simlab.afm.files.xyz import loadXYZ
from simlab.afm.molecules import suspicions
from simlab.afm.placement import center_molecule, counted_atoms, lower_molecule
from simlab.afm.rotations import check_rotation, entropy_order, rotate
from simlab.afm.simulator_checks import checked_lattice
from simlab.afm.species import element_table
from simlab.afm.trainer_base import BatchTrainer
from simlab.afm.trainer_samples import Sample
from simlab.core.random import generator

logger = logging.getLogger("simlab.afm")

__all__ = ["InverseAFMtrainer", "Sample"]


class InverseAFMtrainer(BatchTrainer):
    """Batches of image stacks and descriptors of molecules, for training the inverse problem.

    Iterating yields `(Xs, Ys, mols)`: Xs a list of float32 (b, nx, ny, nz') in Hz, one a tip; Ys a
    list of float32 (b, nx, ny) or (b, nx, ny, c), one a descriptor; mols (b,) object array of
    (n, 5) float64: x, y, z (Å), charge (e), atomic number, as placed for the last tip. The last
    batch may be smaller; `len` counts batches.

    Each sample is centered under the scan window and lowered such that the atom that the probe
    would touch first is distAbove below the top of the window (`placement`). The force-field box
    is the one of the AFMulator.

    Parameters
    ----------
    afmulator : AFMulator
    aux_maps : list of AuxMap
    paths : list of path
        xyz files.
    batch_size : int
    distAbove : float
        Å.
    iZPPs : list of int
        Atomic numbers of the probe particles, one a tip.
    Qs, QZs : list of (4,) float
        Charges of each tip (e) and their heights over the probe particle (Å).
    molecules : list of (n, 5) float, optional
        x, y, z, q, Z in place of `paths`, which is then empty.
    tipStiffnesses : list of (4,) float or None, optional
        N/m; None = that of the AFMulator.
    tipR0s : list of float or None, optional
        Length tipR0.z of each tip, Å; None = that of the AFMulator.
    distance_reference : "top" or "bottom"
        Side of the scan window that distAbove is measured from.
    ignore_elements : list
        Elements that placement does not look at.
    sample_lvec : (3, 3) float, optional
        Lattice of all samples, Å.
    charges : "check", "ignore" or "trust"
        As of `loadXYZ`.
    seed, sample_offset : int
        Sample k draws from stream "afm.sample" of seed, index sample_offset + k.
    rng : "philox" or "legacy"
        legacy draws from the global generators of random and numpy, as the original program.

    Raises
    ------
    AfmConfigError
        Lists of different lengths and other arguments that cannot be used; a ValueError.
    AfmInputError
        Files that cannot be read; what is only suspicious (`molecules.suspicions`) is logged.
    """

    def __init__(
        self,
        afmulator,
        aux_maps,
        paths,
        batch_size=30,
        distAbove=5.3,
        iZPPs=(8,),
        Qs=((-10, 20, -10, 0),),
        QZs=((0.1, 0, -0.1, 0),),
        *,
        molecules=None,
        tipStiffnesses=None,
        tipR0s=None,
        distance_reference="top",
        ignore_elements=(),
        sample_lvec=None,
        charges="check",
        seed=0,
        rng="philox",
        sample_offset=0,
    ):
        super().__init__(
            afmulator,
            aux_maps,
            batch_size,
            distAbove,
            iZPPs,
            Qs,
            QZs,
            tipStiffnesses=tipStiffnesses,
            tipR0s=tipR0s,
            distance_reference=distance_reference,
            ignore_elements=ignore_elements,
            seed=seed,
            rng=rng,
            sample_offset=sample_offset,
        )
        if isinstance(paths, str | bytes):
            raise AfmConfigError(f"afm: paths: {paths!r}; expected a list of files")
        self.paths = list(paths)
        if bool(self.paths) == (molecules is not None):
            raise AfmConfigError(
                f"afm: paths, molecules: {len(self.paths)} files and "
                f"{'no' if molecules is None else len(molecules)} molecules; expected either"
            )
        self.sample_lvec = checked_lattice(sample_lvec)
        if molecules is None:
            window = np.ptp(np.array(afmulator.scan_window, np.float64), axis=0)[:2]
            self.molecules = [_read(path, charges, window) for path in self.paths]
        else:
            self.molecules = [_checked(rows, k) for k, rows in enumerate(molecules)]

    def __len__(self):
        return batches_of(len(self.molecules), self.batch_size)

    def _has_sample(self, index):
        return index < len(self.molecules)

    # The list of molecules.

    def augment_with_rotations(self, rotations):
        """Replace each molecule by all its rotations (m, 3, 3) about the coordinates' origin."""
        rotations = [check_rotation(rotation, "rotations") for rotation in rotations]
        self.molecules = [
            _turned(rows, rotation) for rows in self.molecules for rotation in rotations
        ]

    def augment_with_rotations_entropy(self, rotations, n_best_rotations=30):
        """Replace each molecule by the rotations that show the most atoms close to the top plane.

        Of rotations (m, 3, 3) the `n_best_rotations` of largest `direction_entropy` are kept, in
        falling order.
        """
        rotations = np.array([check_rotation(rotation, "rotations") for rotation in rotations])
        turned = []
        for rows in self.molecules:
            order, _ = entropy_order(rows[:, :3], rotations)
            turned += [_turned(rows, rotations[k]) for k in order[:n_best_rotations]]
        self.molecules = turned

    def shuffle_molecules(self):
        """Put the molecules in random order: stream "afm.plan", or `random.shuffle` (legacy)."""
        if self._legacy:
            random.shuffle(self.molecules)
        else:
            order = generator(self.seed, "afm.plan", 0).permutation(len(self.molecules))
            self.molecules = [self.molecules[k] for k in order]

    # One sample.

    def _load(self):
        rows = self.molecules[self.counter]
        self.xyzs, self.qs = rows[:, :3].copy(), rows[:, 3].copy()
        self.Zs = rows[:, 4].astype(np.int32)
        self._counted = counted_atoms(self.Zs, self.ignored)

    def handle_positions(self):
        """Center the atoms under the scan window."""
        self.xyzs = center_molecule(self.xyzs, self.afmulator.scan_window, self._counted)

    def handle_distance(self):
        """Lower the atoms to distAboveActive for the current probe particle."""
        self.xyzs = lower_molecule(
            self.xyzs,
            self.REAs[:, 0],
            self.afmulator.scan_window,
            self.distAboveActive,
            self.distance_reference,
            self._counted,
        )

    def _set_window(self):
        """The window stays."""

    def _call(self):
        """Arguments of the AFMulator."""
        named = {"sample_lvec": self.sample_lvec, "REAs": self.REAs}
        return (self.xyzs, self.Zs, self.qs), named

    def _descriptors(self):
        xyzqs = np.column_stack([self.xyzs, self.qs])
        return [aux_map(xyzqs, self.Zs) for aux_map in self.aux_maps]

    def _molecule(self):
        return np.column_stack([self.xyzs, self.qs, self.Zs])

    def _stacked(self, samples):
        Xs = [np.stack([s.X[tip] for s in samples]) for tip in range(len(self.iZPPs))]
        Ys = [np.stack([s.Y[k] for s in samples]) for k in range(len(self.aux_maps))]
        # Assigned one by one: numpy would merge molecules of equal size into one array.
        mols = np.empty(len(samples), object)
        for k, sample in enumerate(samples):
            mols[k] = sample.mol
        return Xs, Ys, mols


def _read(path, charges, window):
    xyzs, Zs, qs, _ = loadXYZ(path, charges)
    for text in suspicions(xyzs, Zs, window):
        logger.warning("afm: %s: %s", path, text)
    return np.column_stack([xyzs, qs, Zs])


def _checked(rows, index):
    try:
        rows = np.array(rows, np.float64)
    except (TypeError, ValueError):
        rows = np.empty(0)
    usable = rows.ndim == 2 and rows.shape[1:] == (5,) and len(rows) and np.isfinite(rows).all()
    if not usable:
        raise AfmConfigError(
            f"afm: molecules: entry {index} of shape {rows.shape}; expected finite rows x, y, z, "
            "q, Z of at least one atom"
        )
    last = len(element_table().symbols)
    for Z in rows[:, 4].tolist():
        if not (1 <= Z <= last and Z.is_integer()):
            raise AfmConfigError(
                f"afm: molecules: entry {index}: Z {Z:g}; expected atomic numbers 1 to {last}"
            )
    return rows


def _turned(rows, rotation):
    turned = rows.copy()
    turned[:, :3] = rotate(rows[:, :3], rotation)
    return turned
