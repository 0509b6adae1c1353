"""Training data from any force field: the scan window is moved over a fixed sample."""

import itertools

import numpy as np

from simlab.afm.arguments import batches_of, sequence, whole
from simlab.afm.densities import TipDensity
from simlab.afm.errors import AfmConfigError
from simlab.afm.general_samples import checked_sample, checked_sim_type
from simlab.afm.loading import in_order, prefetched
from simlab.afm.placement import center_window, counted_atoms, raise_window
from simlab.afm.rotations import rotate_about
from simlab.afm.trainer_base import BatchTrainer

WITH_DENSITIES = ("LJ+Hartree", "FDBM")
"""Types of simulation whose tips can have densities."""


class GeneratorAFMtrainer(BatchTrainer):
    """Batches of image stacks and descriptors of samples given with their force fields.

    Iterating yields `(Xs, Ys, mols, sws)`: Xs float32 (b, n_tip, nx, ny, nz') in Hz; Ys float32
    (b, n_channels, nx, ny), the channels of the descriptors in their order; mols a list of (n, 5)
    float64: x, y, z (Å, rotated, not shifted), charge (e; 0 with a potential), atomic number; sws
    (b, n_tip, 2, 3) float64, the scan windows in Å.

    The scan window of each sample is centered over its rotated atoms, distAbove above the atom
    that the probe would touch first (`placement`); the force-field box follows window and tilt.

    Parameters
    ----------
    afmulator : AFMulator
        Its scan window gives the size only.
    aux_maps : list of AuxMap
        Are moved with the window.
    sample_generator : iterable of dict
        Arguments of `AFMulator.eval`: xyzs (n, 3), Zs (n,); qs: (n,) float for LJ+PC, a
        HartreePotential for LJ+Hartree and FDBM; rho_sample: ElectronDensity for FDBM; optionally
        rot (3, 3), rot_center (3,), sample_lvec (3, 3). Iterated anew in each epoch.
    sim_type : "LJ", "LJ+PC", "LJ+Hartree" or "FDBM"
        In any case.
    batch_size, distAbove, iZPPs, Qs, QZs, tipStiffnesses, tipR0s, ignore_elements
        As of InverseAFMtrainer; Qs and QZs are needed for LJ+PC.
    rhos : list of dict or TipDensity, optional
        Tip densities, one a tip: charges for LJ+Hartree (dict = multipoles), electrons for FDBM;
        the other types have none.
    rho_deltas : list of TipDensity, optional
        Changes of the electron density of the tips (FDBM).
    density_cutoff : float, optional
        Largest electron density of sample and tips, electrons/Å³ (FDBM).
    distance_reference : "bottom" or "top"
    seed, rng, sample_offset
        As of InverseAFMtrainer.
    n_loader : int
        Processes that make samples ahead; 0 = made in this one. The results are the same.

    Raises
    ------
    AfmConfigError
        A ValueError; also while iterating, for samples that lack an entry.
    """

    SAMPLE = (
        *BatchTrainer.SAMPLE,
        *("turned", "rot", "rot_center", "scan_window", "scan_dim", "df_steps", "_sample_now"),
    )

    def __init__(
        self,
        afmulator,
        aux_maps,
        sample_generator,
        sim_type="LJ",
        batch_size=30,
        distAbove=5.3,
        iZPPs=(8,),
        Qs=None,
        QZs=None,
        rhos=None,
        rho_deltas=None,
        ignore_elements=(),
        density_cutoff=None,
        *,
        tipStiffnesses=None,
        tipR0s=None,
        distance_reference="bottom",
        seed=0,
        rng="philox",
        sample_offset=0,
        n_loader=0,
    ):
        self.sim_type = checked_sim_type(sim_type)
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
        if not hasattr(sample_generator, "__iter__") or isinstance(sample_generator, dict | str):
            raise AfmConfigError(
                f"afm: sample_generator: {type(sample_generator).__name__}; expected an iterable "
                "of dicts"
            )
        self.sample_generator = sample_generator
        self.n_loader = whole("n_loader", n_loader, 0)
        self.density_cutoff = self._checked_cutoff(density_cutoff)
        self.rhos, self.rho_deltas = self._checked_densities(rhos, rho_deltas)
        self._source, self._next = None, []
        self._sample_now, self._clamped = None, (None, None)

    def _checked_cutoff(self, cutoff):
        if cutoff is None:
            return None
        if self.sim_type != "FDBM" or not cutoff > 0:
            raise AfmConfigError(
                f"afm: density_cutoff: {cutoff!r} with sim_type {self.sim_type}; expected a "
                "density > 0 with FDBM, or None"
            )
        return float(cutoff)

    def _checked_densities(self, rhos, rho_deltas):
        kind = self.sim_type
        if kind == "LJ+PC" and (self.Qs is None or self.QZs is None):
            raise AfmConfigError("afm: Qs, QZs: not given; expected both with sim_type LJ+PC")
        if (self.Qs is None) != (self.QZs is None):
            raise AfmConfigError("afm: Qs, QZs: only one is given; expected both or none")
        for name, densities in (("rhos", rhos), ("rho_deltas", rho_deltas)):
            if densities is not None and kind not in WITH_DENSITIES:
                raise AfmConfigError(
                    f"afm: {name}: given with sim_type {kind}, whose tips have charges; expected "
                    f"sim_type {' or '.join(WITH_DENSITIES)}, or None"
                )
        rhos = None if rhos is None else self._per_tip("rhos", rhos)
        rho_deltas = None if rho_deltas is None else sequence("rho_deltas", rho_deltas)
        if rho_deltas is not None and len(rho_deltas) != len(rhos or []):
            raise AfmConfigError(
                f"afm: rho_deltas: {len(rho_deltas)} entries; expected {len(rhos or [])}, as many "
                "as rhos"
            )
        if kind == "LJ+Hartree" and rhos is None and self.Qs is None:
            raise AfmConfigError(
                "afm: rhos: not given, nor Qs and QZs; expected a tip with sim_type LJ+Hartree"
            )
        if kind == "FDBM":
            for name, densities in (("rhos", rhos), ("rho_deltas", rho_deltas)):
                given = [type(rho).__name__ for rho in densities or []]
                if not given or not all(isinstance(rho, TipDensity) for rho in densities):
                    raise AfmConfigError(
                        f"afm: {name}: {given or 'not given'}; expected a TipDensity for each tip "
                        "with sim_type FDBM"
                    )
        if self.density_cutoff is not None:
            rhos = [rho.clamp(maximum=self.density_cutoff) for rho in rhos]
            rho_deltas = [rho.clamp(maximum=self.density_cutoff) for rho in rho_deltas]
        return rhos, rho_deltas

    def __len__(self):
        return batches_of(len(self.sample_generator), self.batch_size)

    def set_fdbm_parameters(self, A, B):
        """Set factor A and exponent B of the Pauli repulsion, for all samples from now on."""
        self.afmulator.set_fdbm_parameters(A, B)

    # Samples, one after the other or ahead.

    def _open(self, first):
        if self.n_loader:
            return prefetched(self.sample_generator, self.n_loader, first)
        return in_order(self.sample_generator, first)

    def _has_sample(self, index):
        if self._source is None:
            self._source = self._open(index)
        if not self._next:
            # One sample is looked at ahead: grids are large.
            self._next = list(itertools.islice(self._source, 1))
        return bool(self._next)

    def simulate(self, first, last):
        """Simulate samples first to last - 1 one by one, without `on_batch_start`.

        Yields
        ------
        Sample
        """
        kept = self._source, self._next
        self._source, self._next = self._open(first), []
        try:
            yield from super().simulate(first, last)
        finally:
            self.close()
            self._source, self._next = kept

    def _rewind(self):
        self.counter = 0
        self.close()

    def close(self):
        """End the worker processes; the next iteration begins with the first sample."""
        if hasattr(self._source, "close"):
            self._source.close()
        self._source, self._next = None, []

    # One sample.

    def _load(self):
        sample = checked_sample(self._next.pop(), self.sim_type, self.counter)
        sample["rho_sample"] = self._limited(sample["rho_sample"])
        self._sample_now = sample
        self.xyzs, self.Zs, self.qs = sample["xyzs"], sample["Zs"], sample["qs"]
        self.rot, self.rot_center = sample["rot"], sample["rot_center"]
        self.turned = self.xyzs
        if not np.array_equal(self.rot, np.eye(3)):
            self.turned = rotate_about(self.xyzs, self.rot, self.rot_center)
        self._counted = counted_atoms(self.Zs, self.ignored)
        afmulator = self.afmulator
        self.scan_window = np.array(afmulator.scan_window, np.float64)
        self.scan_dim, self.df_steps = tuple(afmulator.scan_dim), afmulator.df_steps

    def _limited(self, rho):
        """The electron density of a sample below `density_cutoff`; made once for each density."""
        if rho is None or self.density_cutoff is None:
            return rho
        if self._clamped[0] is not rho:
            self._clamped = (rho, rho.clamp(maximum=self.density_cutoff))
        return self._clamped[1]

    def randomize_df_steps(self, minimum, maximum):
        """Draw the steps of the oscillation, a whole number from minimum to maximum.

        The depth of the scan follows, so that step and number of images stay. With exact weights
        the amplitude is that of the steps.
        """
        low, high = whole("minimum", minimum, 1), whole("maximum", maximum, 1)
        if high < low:
            raise AfmConfigError(f"afm: maximum: {high}; expected at least minimum = {low}")
        draw = self.rng.randint if self._legacy else self.rng.integers
        steps = int(draw(low, high + 1))
        afmulator = self.afmulator
        nx, ny, nz = afmulator.scan_dim
        weights = len(afmulator.dfWeight)
        images = nz - weights + 1
        # The steps that the simulator has stay with their amplitude, see `setScanWindow`.
        if steps != afmulator.df_steps:
            weights = steps + 1 if afmulator.df_weights == "exact" else max(2, steps)
        depth = images + weights - 1
        self.df_steps, self.scan_dim = steps, (nx, ny, depth)
        window = self.scan_window.copy()
        window[1, 2] = window[0, 2] + afmulator.dz * depth
        self.scan_window = window

    def handle_positions(self):
        """Center the scan window, and those of the descriptors, over the rotated atoms."""
        self.scan_window = center_window(self.turned, self.scan_window, self._counted)
        for aux_map in self.aux_maps:
            aux_map.scan_window = self.scan_window[:, :2]

    def handle_distance(self):
        """Put the scan window distAboveActive above the atoms for the current probe particle."""
        self.scan_window = raise_window(
            self.turned,
            self.REAs[:, 0],
            self.scan_window,
            self.distAboveActive,
            self.distance_reference,
            self._counted,
        )

    def _set_tip(self, tip, length, stiffness):
        super()._set_tip(tip, length, stiffness)
        if self.rhos is not None:
            afmulator = self.afmulator
            afmulator.setRho(self.rhos[tip], afmulator.sigma, afmulator.B_pauli)
            if self.rho_deltas is not None:
                afmulator.setRhoDelta(self.rho_deltas[tip])

    def _set_window(self):
        self.afmulator.setScanWindow(self.scan_window, self.scan_dim, self.df_steps)
        self.afmulator.setLvec()

    def _call(self):
        """Arguments of the AFMulator."""
        names = ("rho_sample", "sample_lvec", "rot", "rot_center")
        named = {name: self._sample_now[name] for name in names}
        return (self.xyzs, self.Zs, self.qs), {**named, "REAs": self.REAs}

    def _resume(self, attributes):
        super()._resume(attributes)
        for aux_map in self.aux_maps:
            aux_map.scan_window = self.scan_window[:, :2]

    def _point_charges(self):
        return self.qs if isinstance(self.qs, np.ndarray) else np.zeros(len(self.Zs))

    def _descriptors(self):
        pot = None if isinstance(self.qs, np.ndarray) else self.qs
        xyzqs = np.column_stack([self.xyzs, self._point_charges()])
        center = {}
        if not np.array_equal(self.rot_center, self.xyzs.mean(axis=0)):
            center["rot_center"] = self.rot_center
        return [aux_map(xyzqs, self.Zs, pot, self.rot, **center) for aux_map in self.aux_maps]

    def _molecule(self):
        return np.column_stack([self.turned, self._point_charges(), self.Zs])

    def _stacked(self, samples):
        Xs = np.stack([sample.X for sample in samples])
        Ys = np.stack([_channels_first(sample.Y, Xs.shape[2:4]) for sample in samples])
        sws = np.stack([sample.scan_windows for sample in samples])
        return Xs, Ys, [sample.mol for sample in samples], sws


def _channels_first(maps, pixels):
    """All channels of the maps of one sample, (n_channels, nx, ny) float32."""
    channels = [image[None] if image.ndim == 2 else np.moveaxis(image, 2, 0) for image in maps]
    if not channels:
        return np.empty((0, *pixels), np.float32)
    if len({channel.shape[1:] for channel in channels}) > 1:
        raise AfmConfigError(
            f"afm: aux_maps: pixels {[c.shape[1:] for c in channels]}; expected the same for all"
        )
    return np.concatenate(channels)
