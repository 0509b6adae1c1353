"""The simulator, descriptors and trainer that a data set's configuration stands for."""

from collections import OrderedDict

import numpy as np

from simlab.afm.config import MODEL_CO
from simlab.afm.datagrid import MODEL_POTENTIAL
from simlab.afm.densities import (
    ElectronDensity,
    HartreePotential,
    TipDensity,
    model_co_tip,
)
from simlab.afm.descriptors import AuxMaps
from simlab.afm.errors import AfmInputError
from simlab.afm.general_trainer import GeneratorAFMtrainer
from simlab.afm.plan import files_of_molecule
from simlab.afm.rotations import rotate
from simlab.afm.simulator import AFMulator
from simlab.afm.trainers import InverseAFMtrainer
from simlab.core.config import user_path

POINT_TIPS = ("LJ+PC", "LJ+Hartree")


def afmulator_of(dataset):
    """The AFMulator of a DatasetConfig."""
    simulator = dataset.simulator
    d3 = simulator.d3_params
    return AFMulator(
        pixPerAngstrome=simulator.pixPerAngstrome,
        scan_dim=simulator.scan_dim,
        scan_window=simulator.scan_window,
        A_pauli=simulator.A_pauli,
        B_pauli=simulator.B_pauli,
        sigma=simulator.sigma,
        fdbm_vdw_type=simulator.fdbm_vdw_type,
        d3_params=d3 if isinstance(d3, str) else d3.model_dump(),
        lj_vdw_damp=simulator.lj_vdw_damp,
        df_steps=simulator.steps if simulator.amplitude is None else None,
        amplitude=simulator.amplitude,
        df_weights=simulator.df_weights,
        tipR0=simulator.tipR0,
        tipStiffness=simulator.tipStiffness,
        npbc=simulator.npbc,
        f0Cantilever=simulator.f0Cantilever,
        kCantilever=simulator.kCantilever,
        relax=dataset.relax,
        backend=dataset.backend,
        strict=dataset.strict,
    )


def aux_maps_of(dataset, afmulator):
    """The descriptors of a DatasetConfig, over the pixels of the scan."""
    window = [corner[:2] for corner in dataset.simulator.scan_window]
    maps = []
    for entry in dataset.aux_maps:
        arguments = {**entry.arguments, "scan_window": window}
        arguments["scan_dim"] = dataset.simulator.scan_dim[:2]
        if entry.needs_scanner:
            arguments["scanner"] = afmulator.scanner
        maps.append(AuxMaps(entry.name, arguments))
    return maps


class _Randomizing:
    """Callbacks that draw what the configuration asks for."""

    def on_sample_start(self):
        """Draw distance, tilt and oscillation, in the documented order."""
        randomize = self.dataset.randomize
        if randomize.distance > 0:
            self.randomize_distance(randomize.distance)
        if randomize.tilt > 0:
            self.randomize_tip(randomize.tilt)
        if randomize.df_steps is not None:
            self.randomize_df_steps(*randomize.df_steps)

    def on_afm_start(self):
        """Draw the parameters of the atoms."""
        randomize = self.dataset.randomize
        widths = (randomize.q, randomize.R, randomize.eps, randomize.alpha)
        if any(widths):
            self.randomize_mol_parameters(*widths)


class InverseProduction(_Randomizing, InverseAFMtrainer):
    """The trainer of `generator: inverse`."""


class GeneralProduction(_Randomizing, GeneratorAFMtrainer):
    """The trainer of `generator: general`."""


def trainer_of(dataset, molecules, rows, *, sample_offset=0, grids=None, rng="philox"):
    """A trainer whose samples are the `rows` of a plan.

    Parameters
    ----------
    dataset : DatasetConfig
    molecules : list of files.molecules.Molecule
        All molecules of the data set.
    rows : mapping
        mol_id (m,), rot (m, 3, 3).
    sample_offset : int
        Sample id of the first row.
    grids : callable, optional
        Name of a molecule -> arrays `potential`, `lvec` and `density` (FDBM).
    rng : "philox" or "legacy"

    Returns
    -------
    InverseProduction or GeneralProduction
    """
    afmulator = afmulator_of(dataset)
    if dataset.generator == "inverse":
        trainer = _inverse(dataset, afmulator, molecules, rows, sample_offset, rng)
    else:
        trainer = _general(dataset, afmulator, molecules, rows, sample_offset, grids, rng)
    trainer.dataset = dataset
    return trainer


def _common(dataset, sample_offset, rng):
    return {
        "batch_size": dataset.batch_size,
        "distAbove": dataset.distAbove,
        "iZPPs": [tip.iZPP for tip in dataset.tips],
        "tipStiffnesses": [tip.tipStiffness for tip in dataset.tips],
        "tipR0s": [tip.tipR0z for tip in dataset.tips],
        "distance_reference": dataset.reference,
        "seed": dataset.seed,
        "sample_offset": sample_offset,
        "rng": rng,
    }


def _inverse(dataset, afmulator, molecules, rows, sample_offset, rng):
    charged = dataset.sim_type == "LJ+PC"
    return InverseProduction(
        afmulator,
        aux_maps_of(dataset, afmulator),
        [],
        Qs=[tip.Qs for tip in dataset.tips],
        QZs=[tip.QZs for tip in dataset.tips],
        molecules=[
            oriented(molecules[m], rot, charged)
            for m, rot in zip(rows["mol_id"], rows["rot"], strict=True)
        ],
        sample_lvec=dataset.simulator.sample_lvec,
        ignore_elements=dataset.ignore_elements,
        **_common(dataset, sample_offset, rng),
    )


def oriented(molecule, rot, charged=True):
    """Rows x, y, z, q, Z (n, 5) of a molecule turned about the origin of its coordinates."""
    rows = molecule.rows
    rows[:, :3] = rotate(rows[:, :3], rot)
    if not charged:
        rows[:, 3] = 0
    return rows


def _general(dataset, afmulator, molecules, rows, sample_offset, grids, rng):
    charges = dataset.sim_type in POINT_TIPS
    rhos, rho_deltas = tip_densities_of(dataset)
    return GeneralProduction(
        afmulator,
        aux_maps_of(dataset, afmulator),
        SampleDicts(dataset, molecules, rows, grids),
        sim_type=dataset.sim_type,
        Qs=[tip.Qs for tip in dataset.tips] if charges else None,
        QZs=[tip.QZs for tip in dataset.tips] if charges else None,
        rhos=rhos,
        rho_deltas=rho_deltas,
        ignore_elements=dataset.ignore_elements,
        density_cutoff=dataset.density_cutoff,
        **_common(dataset, sample_offset, rng),
    )


def tip_densities_of(dataset):
    """(rhos, rho_deltas) of the tips, lists or None.

    With LJ+Hartree a change of the electron density becomes charges by its sign.
    """
    if dataset.sim_type == "FDBM":
        pairs = [_fdbm_tip(tip) for tip in dataset.tips]
        return [rho for rho, _ in pairs], [delta for _, delta in pairs]
    if dataset.sim_type == "LJ+Hartree":
        rhos = [_hartree_tip(tip) for tip in dataset.tips]
        return (rhos if any(rho is not None for rho in rhos) else None), None
    return None, None


def _fdbm_tip(tip):
    if tip.tip_density == MODEL_CO:
        rho, delta = model_co_tip()
        if tip.tip_delta_density in (None, MODEL_CO):
            return rho, delta
        return rho, _tip_file(tip.tip_delta_density)
    rho = _tip_file(tip.tip_density)
    if tip.tip_delta_density == MODEL_CO:
        return rho, model_co_tip()[1]
    return rho, _tip_file(tip.tip_delta_density)


def _hartree_tip(tip):
    if tip.multipole is not None:
        return dict(tip.multipole)
    if tip.tip_density is not None:
        return _tip_file(tip.tip_density)
    if tip.tip_delta_density == MODEL_CO:
        delta = model_co_tip()[1]
        return TipDensity(-delta.array, delta.lvec)
    return None if tip.tip_delta_density is None else _tip_file(tip.tip_delta_density, scale=-1.0)


def _tip_file(path, scale=1.0):
    return TipDensity.from_file(user_path(path), scale=scale)[0]


class SampleDicts:
    """Samples of `GeneratorAFMtrainer` in the order of the plan, as dicts; made when asked for.

    The grids of the last molecules stay in memory: neighbors in the plan share them.
    """

    KEPT = 2

    def __init__(self, dataset, molecules, rows, grids):
        self._dataset, self._molecules, self._rows, self._grids = dataset, molecules, rows, grids
        self._cache = OrderedDict()

    def __len__(self):
        return len(self._rows["mol_id"])

    def __iter__(self):
        return (self[k] for k in range(len(self)))

    def __getitem__(self, k):
        if not 0 <= k < len(self):
            raise IndexError(k)
        molecule = self._molecules[self._rows["mol_id"][k]]
        sample = {"xyzs": molecule.xyz, "Zs": molecule.Z, "rot": self._rows["rot"][k]}
        lattice = self._dataset.simulator.sample_lvec
        if lattice is not None:
            sample["sample_lvec"] = np.array(lattice)
        if self._dataset.sim_type == "LJ+PC":
            sample["qs"] = molecule.q
        elif self._dataset.sim_type != "LJ":
            sample.update(self._grids_of(molecule.name))
        return sample

    def _grids_of(self, name):
        if name not in self._cache:
            arrays = self._grids(name)
            made = self._dataset.grids.source == "model"
            source = MODEL_POTENTIAL if made else f"potential of {name}"
            found = {"qs": HartreePotential(arrays["potential"], arrays["lvec"], source)}
            if self._dataset.sim_type == "FDBM":
                found["rho_sample"] = ElectronDensity(arrays["density"], arrays["lvec"])
            self._cache[name] = found
            while len(self._cache) > self.KEPT:
                self._cache.popitem(last=False)
        return self._cache[name]


def user_grids(grids, molecule, with_density):
    """Potential and density of a molecule from the user's files: arrays by name, and `lvec`.

    `grids` is a mapping with the keys of `config.FileGrids`. Raises AfmInputError where the two do
    not have the same shape and cell.
    """
    files = files_of_molecule(grids, molecule, with_density)
    potential, _, _ = HartreePotential.from_file(files["potential"], scale=grids["potential_scale"])
    arrays = {"potential": potential.array, "lvec": potential.lvec}
    if with_density:
        density, _, _ = ElectronDensity.from_file(files["density"])
        if density.shape != potential.shape or not np.allclose(
            density.lvec, potential.lvec, atol=1e-3
        ):
            raise AfmInputError(
                f"afm: {files['density']}: shape {density.shape}, cell {density.lvec.tolist()}; "
                f"expected those of {files['potential']}: {potential.shape}, "
                f"{potential.lvec.tolist()}"
            )
        arrays["density"] = density.array
    return arrays
