"""The simulator of frequency-shift images: one tip, one sample, one scan."""

import logging

import numpy as np

from simlab.afm.boxes import equilibrium_offset
from simlab.afm.errors import AfmConfigError, AfmPhysicsError
from simlab.afm.files.params import read_params, write_params
from simlab.afm.model_settings import ModelSettings
from simlab.afm.parameter_files import OWN, arguments_of, values_of
from simlab.afm.prepared_field import PreparedField
from simlab.afm.probes import Probe
from simlab.afm.sample_fields import (
    TipModel,
    checked_sample,
    field_of,
    image_problems,
    require_sums,
)
from simlab.afm.scan_settings import ScanSettings
from simlab.afm.scanner import Scanner
from simlab.afm.scanning import ScanJob, engine, init_env, internal_stiffness
from simlab.afm.simulator_checks import checked_axes, checked_lattice, checked_scan, positive
from simlab.afm.slices import plot_slices
from simlab.afm.species import getAtomsREA, loadSpecies, symbol_of

__all__ = ["AFMulator", "init_env"]

logger = logging.getLogger("simlab.afm")

WINDOW_MARGIN = 0.3
"""Room that a scan window should leave to the edges of the force-field box, Å."""

DF_STEPS = 10
"""Anchors per oscillation where neither they nor an amplitude are given."""


class AFMulator(Probe, ScanSettings, ModelSettings):
    """Frequency-shift images of a sample.

    Parameters
    ----------
    pixPerAngstrome : float
        Points of the force-field grid per Å; `ff_grid_step` (Å) is its inverse.
    lvec : (4, 3), optional
        Origin and cell vectors of the force-field box, Å; automatic around the window without it.
    scan_dim : (3,) int
        Tip anchors along x, y, z.
    scan_window : (2, 3)
        Lower and upper corner of the anchors, Å.
    iZPP : int or str
        Element of the probe particle.
    QZs, Qs : (4,)
        Heights (Å) of the tip charges (e).
    rho : dict, TipDensity or None
        Charge density of the tip (with FDBM its electron density), or weights (e) of multipoles
        of width `sigma` (Å): s, px, py, pz, dz2, ...; also `tip_density_pauli`. With it Qs and
        QZs do not count, also over samples with charges: see `setRho`.
    rho_delta : TipDensity, optional
        Change of the tip's electron density (FDBM); also `tip_density_es`.
    A_pauli, B_pauli : float
        Prefactor (eV Å^(6 B - 3)) and exponent of the Pauli repulsion (FDBM).
    fdbm_vdw_type : "D3" or "LJ"
    d3_params : str or dict
        Functional, or s6, s8, a1, a2 (Bohr).
    lj_vdw_damp : -1, 0, 1, 2, 3 or 4
    df_steps : int, optional
        Anchors per oscillation, 10 without it and without `amplitude`.
    tipR0 : (3,)
        Tilt x, y and length R of the tip, Å.
    tipStiffness : (4,)
        kx, ky, kz and radial kr, N/m.
    npbc : (3,) int
        Periodic images of the sample on each side, where it has a lattice.
    f0Cantilever, kCantilever : float
        Hz, N/m.
    colorscale : str
        Of pictures.
    minimize_memory : bool
        Keep no forces after a call.
    amplitude : float, optional
        Peak-to-peak oscillation in place of df_steps, Å; both are an error.
    df_weights : "simple" or "exact"
        See `frequency`.
    backend : "auto", "numba" or "opencl"
    mode : "grid" or "direct"
        Forces interpolated on the grid, or exact sums over atoms (point charges only).
    relax : "newton" or "fire"
    tip_axes : (3, 3), optional
        Rows are the axes of a tip that does not come down along z.
    sample_lvec : (3, 3), optional
        Cell vectors of samples that bring none along, Å.
    strict : bool
        Whether disturbing periodic images, atoms outside of grids and elements with arbitrary
        parameters are errors, not warnings.
    ff_model : "LJ", "Morse" or "vdW"
        Forces of the atoms; vdW is the attraction of Lennard-Jones, damped by lj_vdw_damp.

    Raises
    ------
    AfmConfigError
        A ValueError, for every argument that cannot be used.
    """

    def __init__(
        self,
        pixPerAngstrome=10,
        lvec=None,
        scan_dim=(128, 128, 30),
        scan_window=((2, 2, 7), (18, 18, 10)),
        iZPP=8,
        QZs=(0.1, 0, -0.1, 0),
        Qs=(-10, 20, -10, 0),
        rho=None,
        sigma=0.71,
        rho_delta=None,
        A_pauli=18.0,
        B_pauli=1.0,
        fdbm_vdw_type="D3",
        d3_params="PBE",
        lj_vdw_damp=2,
        df_steps=None,
        tipR0=(0, 0, 3.0),
        tipStiffness=(0.25, 0.25, 0.0, 30.0),
        npbc=(1, 1, 0),
        f0Cantilever=30300,
        kCantilever=1800,
        colorscale="gray",
        minimize_memory=False,
        *,
        amplitude=None,
        df_weights="simple",
        backend="auto",
        mode="grid",
        relax="newton",
        tip_axes=None,
        ff_grid_step=None,
        tip_density_es=None,
        tip_density_pauli=None,
        sample_lvec=None,
        strict=False,
        ff_model="LJ",
    ):
        if ff_grid_step is not None:
            pixPerAngstrome = 1 / positive("ff_grid_step", ff_grid_step, "Å")
        self._ppa = positive("pixPerAngstrome", pixPerAngstrome, "points per Å")
        self.typeParams = loadSpecies()
        self.iZPP = iZPP
        self.npbc = npbc
        self.tipR0 = tipR0
        self.setStiffness(tipStiffness)
        self.setQs(Qs, QZs)
        self.f0Cantilever, self.kCantilever = f0Cantilever, kCantilever
        self.A_pauli = A_pauli
        self.fdbm_vdw_type, self.d3_params = fdbm_vdw_type, d3_params
        self.lj_vdw_damp, self.ff_model = lj_vdw_damp, ff_model
        self.df_weights = df_weights
        self.mode, self.relax = mode, relax
        self.colorscale = str(colorscale)
        self.minimize_memory = bool(minimize_memory)
        self.strict = bool(strict)
        self.sample_lvec = sample_lvec
        self._tip_axes = checked_axes(tip_axes)
        self.setRho(rho if tip_density_pauli is None else tip_density_pauli, sigma, B_pauli)
        self.setRhoDelta(rho_delta if tip_density_es is None else tip_density_es)
        if amplitude is not None and df_steps is not None:
            raise AfmConfigError(
                f"afm: amplitude: {amplitude} Å beside df_steps {df_steps}; expected one of them"
            )
        if amplitude is None and df_steps is None:
            df_steps = DF_STEPS
        self._scan = checked_scan(scan_window, scan_dim, df_steps, amplitude, self.df_weights)
        self.setLvec(lvec)
        self.scanner = Scanner(engine(backend))
        self.forcefield = PreparedField()
        self._job = None
        self._warned = set()

    def check_scan_window(self):
        """Warn where the scan comes closer than 0.3 Å to the end of the box, or leaves it.

        Axes with periodic images do not count.
        """
        window = self._scan.window - [0.0, 0.0, self.tipR0[2]]
        if not self._box.is_orthogonal:
            corners = np.array(np.meshgrid(*window.T, indexing="ij")).reshape(3, -1).T
            fractions = (corners - self._box.origin) @ np.linalg.inv(self._box.cell)
            spans = zip("abc", fractions.min(axis=0), fractions.max(axis=0), [1.0] * 3, strict=True)
            margins = WINDOW_MARGIN / np.linalg.norm(self._box.cell, axis=1)
        else:
            low, high = window - self._box.origin
            spans = zip("xyz", low, high, np.diag(self._box.cell), strict=True)
            margins = [WINDOW_MARGIN] * 3
        for (axis, low, high, end), margin, n in zip(spans, margins, self.npbc, strict=True):
            if n == 0 and (low < margin or high > end - margin):
                self._warn(
                    "scan_window",
                    f"the probe particle comes to the edge of the force-field box along {axis}; "
                    "expected 0.3 Å of room: change scan_window or lvec",
                )

    def _warn(self, key, text, disturbing=False):
        """One line in the log for each problem; an error in strict mode where it disturbs."""
        if self.strict and disturbing:
            raise AfmPhysicsError(f"afm: {key}: {text}")
        if (key, text) not in self._warned:
            self._warned.add((key, text))
            logger.warning("afm: %s: %s", key, text)

    def judge_elements(self, Zs):
        """Warn of atoms `Zs` and a probe particle whose parameters in `typeParams` are arbitrary.

        Once for each element; AfmPhysicsError with `strict`.
        """
        for key, elements in (("Zs", Zs), ("iZPP", [self.iZPP])):
            for Z in self.placeholders(elements):
                self._warn(
                    key,
                    f"element {symbol_of(Z)} has arbitrary Lennard-Jones parameters (2 Å, 10 meV); "
                    "expected elements with published ones, or typeParams",
                    disturbing=True,
                )

    @property
    def sample_lvec(self):
        """(3, 3) float64 or None: cell vectors of samples that bring none along, Å."""
        return None if self._sample_lvec is None else self._sample_lvec.copy()

    @sample_lvec.setter
    def sample_lvec(self, value):
        self._sample_lvec = checked_lattice(value)

    # Simulation.

    def eval(
        self,
        xyzs,
        Zs,
        qs,
        rho_sample=None,
        sample_lvec=None,
        rot=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        rot_center=None,
        REAs=None,
        X=None,
        plot_to_dir=None,
    ):
        """Frequency-shift images of a sample.

        Parameters
        ----------
        xyzs : (n, 3)
            Atoms, Å.
        Zs : (n,) int or str
            Elements.
        qs : (n,), HartreePotential or None
            Charges (e), or the potential of the sample (V); None means no charges.
        rho_sample : ElectronDensity, optional
            Selects the full-density-based model; needs a potential, rho and rho_delta.
        sample_lvec : (3, 3), optional
            Cell vectors of the sample, Å, for this call; those of the potential without it.
        rot : (3, 3), optional
            Rotation of the sample.
        rot_center : (3,), optional
            The point it turns about, Å; without it the mean of the atoms.
        REAs : (n, 4), optional
            Rows R (Å), eps (eV), alpha (1/Å), 0 of the atoms with the probe particle.
        X : float32 (nx, ny, nz'), optional
            Filled and returned.
        plot_to_dir : path, optional
            Folder for a picture of each slice.

        Returns
        -------
        (nx, ny, nz - W + 1) float32
            Hz; the first slice is the highest.

        Raises
        ------
        AfmConfigError
            For arguments of the wrong shape or kind.
        AfmPhysicsError
            For requests that cannot be computed.
        """
        self._checked_output(X)
        self.check_scan_window()
        self.prepareFF(xyzs, Zs, qs, rho_sample, sample_lvec, rot, rot_center, REAs)
        self.prepareScanner()
        X = self.evalAFM(X)
        if plot_to_dir is not None:
            plot_slices(X, plot_to_dir, self)
        return X

    __call__ = eval

    def prepareFF(
        self,
        xyzs,
        Zs,
        qs,
        rho_sample=None,
        sample_lvec=None,
        rot=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
        rot_center=None,
        REAs=None,
    ):
        """Make the force field of a sample; arguments as of `eval`."""
        lattice = self.sample_lvec if sample_lvec is None else sample_lvec
        sample = checked_sample(
            xyzs, Zs, qs, rho_sample, lattice, rot, rot_center, REAs,
            lambda numbers: getAtomsREA(self.iZPP, numbers, self.typeParams),
        )  # fmt: skip
        rho = self._density_for(sample)
        if REAs is None and (rho_sample is None or self.fdbm_vdw_type == "LJ"):
            self.judge_elements(sample.Zs)
        tip = TipModel(
            self.iZPP, self._Qs.copy(), self._QZs.copy(), rho, self._rho_delta, self.A_pauli,
            self.B_pauli, self.fdbm_vdw_type, self.d3_params, self.lj_vdw_damp, self.npbc,
            self.ff_model,
        )  # fmt: skip
        if self.mode == "direct":
            require_sums(sample, tip)
        reach = self._scan.window + equilibrium_offset(self.tipR0)
        for problem in image_problems(self._box, sample, self.npbc, *reach):
            self._warn(getattr(sample.charges, "source", "potential"), problem, disturbing=True)
        self.forcefield.field = field_of(self._box, sample, tip)

    def prepareScanner(self):
        """Put the tip over the force field that was made last."""
        self._job = self.job()

    def job(self):
        """ScanJob of the force field that was made last, for an engine."""
        if self.forcefield.field is None:
            raise AfmPhysicsError("afm: forcefield: none yet; call prepareFF first")
        return ScanJob(
            self.forcefield.field, self.scan_window, self.scan_dim, equilibrium_offset(self.tipR0),
            internal_stiffness(self._stiffness), self._tip_axes.copy(), self.dfWeight, self.relax,
            self.mode, tuple(n > 0 for n in self.npbc),
        )  # fmt: skip

    def evalAFM(self, X=None):
        """Frequency-shift images of what was prepared; X as of `eval`."""
        self._checked_output(X)
        if self._job is None:
            raise AfmPhysicsError("afm: scanner: not prepared; call prepareScanner first")
        df = self.scanner.run(self._job)
        if self.minimize_memory:
            self.scanner.forget()
        if X is None:
            return df
        X[...] = df
        return X

    def _checked_output(self, X):
        nx, ny, nz = self.scan_dim
        shape = (nx, ny, nz - len(self.dfWeight) + 1)
        if X is None:
            return
        if not isinstance(X, np.ndarray) or X.dtype != np.float32:
            found = getattr(X, "dtype", type(X).__name__)
            raise AfmConfigError(f"afm: X: {found}; expected an array of float32, {shape}")
        if X.shape != shape:
            raise AfmConfigError(f"afm: X: shape {X.shape}; expected {shape}")

    # Parameters in files.

    @classmethod
    def from_params(cls, path, **options):
        """AFMulator of the parameters in a file, see `files.params`; `options` override them."""
        arguments = arguments_of(read_params(path))
        if options.keys() & {"df_steps", "amplitude"}:
            arguments = {k: v for k, v in arguments.items() if k not in ("df_steps", "amplitude")}
        return cls(**{**arguments, **options})

    def load_params(self, path):
        """Set all parameters as in a file; what files, or this one, do not hold stays.

        Keys of the original programs that the file lacks have their defaults, our own ones stay.
        """
        values = read_params(path)
        own = {key: getattr(self, name) for key, name in OWN.items() if values[key] is None}
        names = ("mode", "relax", "strict", "minimize_memory", "rho_delta")
        kept = {name: getattr(self, name) for name in names}
        fresh = AFMulator(
            **arguments_of({**values, **own}), **kept, tip_axes=self._tip_axes, backend="numba"
        )
        fresh.scanner, fresh.forcefield = self.scanner, self.forcefield
        fresh.typeParams = self.typeParams
        self.__dict__.update(fresh.__dict__)

    def save_params(self, path):
        """Write all parameters that a file can hold; `load_params` gives them back."""
        write_params(path, values_of(self))
