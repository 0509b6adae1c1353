"""Scans of one sample under parameters of a file, for ranges of tip charge, stiffness, amplitude.

What the original programs do one after another with grids on disk between them, in one go.
"""

import itertools
import logging
import math
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from simlab.afm.config import MODEL_CO
from simlab.afm.densities import MULTIPOLES
from simlab.afm.errors import AfmConfigError, AfmInputError, AfmPhysicsError
from simlab.afm.files.params import KEYS, read_params
from simlab.afm.molecules import suspicions
from simlab.afm.parameter_files import arguments_of, values_of
from simlab.afm.sample_fields import FF_MODELS
from simlab.afm.scan_inputs import read_sample, read_tip
from simlab.afm.scan_outputs import STACK_FORMATS, Wanted, require_free, write_outputs
from simlab.afm.scanner import lost_values
from simlab.afm.simulator import AFMulator
from simlab.afm.slices import require_color_map
from simlab.afm.stages.molecules import published_path
from simlab.core.files import sha256_of
from simlab.core.progress import progress
from simlab.core.provenance import package_versions

logger = logging.getLogger("simlab.afm")

DEFAULT_FILES = ("params.ini", "params.toml")
FILES = ("input", "density", "tip_dens", "tip_delta_dens")
MAX_SCANS = 1000


@dataclass(frozen=True, kw_only=True)
class Series:
    """What to scan, named as the options of the command.

    Attributes
    ----------
    input : path
        xyz file, or Hartree potential with atoms.
    output : path
        Folder.
    input_format : str or None
    params : path or None
        None: params.ini or params.toml of the working directory if there is one, else defaults.
    klat, krange : float, or (first, last, n), N/m
    charge, qrange : float, or (first, last, n), e
    Amplitude, arange : float, or (first, last, n), Å
    tip : str or None
        Multipole of the tip.
    sigma : float or None
        Its width, Å.
    Rcore : float
        Å; as of `scan_inputs.read_tip`.
    Apauli, Bpauli : float or None
    density, tip_dens, tip_delta_dens : path or None
        Electron densities.
    density_cutoff : float or None
        electrons/Å³.
    noPBC : bool
    ffModel : str or None
    charges : "check", "ignore" or "trust"
    potential_scale : float
    relax, backend : str
    force : bool
        Replace results of other inputs and parameters.
    wanted : Wanted
    """

    input: Path
    output: Path
    input_format: str | None = None
    params: Path | None = None
    klat: float | None = None
    krange: tuple | None = None
    charge: float | None = None
    qrange: tuple | None = None
    Amplitude: float | None = None
    arange: tuple | None = None
    tip: str | None = None
    sigma: float | None = None
    Rcore: float = 0.7
    Apauli: float | None = None
    Bpauli: float | None = None
    density: Path | None = None
    tip_dens: str | None = None
    tip_delta_dens: Path | None = None
    density_cutoff: float | None = None
    noPBC: bool = False
    ffModel: str | None = None
    charges: str = "check"
    potential_scale: float = -1.0
    relax: str = "newton"
    backend: str = "numba"
    force: bool = False
    wanted: Wanted = field(default_factory=Wanted)


@dataclass(frozen=True, eq=False)
class Scan:
    """A finished scan.

    Attributes
    ----------
    afmulator : AFMulator
    df : (nx, ny, n) float32
        Hz.
    forces : (nx, ny, nz, 4) float32 or None
        Force (eV/Å) and energy (eV) at the relaxed probe particle.
    paths : (nx, ny, nz, 3) float32 or None
        Its places, Å.
    xyzs, Zs : (n, 3), (n,)
    """

    afmulator: AFMulator
    df: np.ndarray
    forces: np.ndarray | None
    paths: np.ndarray | None
    xyzs: np.ndarray
    Zs: np.ndarray


def run_series(series):
    """Do all scans of a Series and write their folders, see `scan_outputs`.

    Everything is checked, and all of it read, before the first scan.

    Yields
    ------
    (folder, Scan) when the folder is written.

    Raises
    ------
    AfmConfigError, AfmInputError, AfmPhysicsError
    """
    _check(series)
    values = _parameters(series)
    steps = list(_steps(series, values))
    sample = read_sample(
        series.input,
        series.input_format,
        charges=series.charges,
        potential_scale=series.potential_scale,
        density=series.density,
        density_cutoff=series.density_cutoff,
    )
    _judge(series.input, sample)
    if not sample.has_potential and not sample.qs.any() and any(map(_is_charged, steps)):
        logger.warning(
            "afm: %s: no charges; no electrostatic force acts on the tip: expected a column of "
            "charges", series.input,
        )  # fmt: skip
    if series.tip_dens is not None and not (sample.has_potential or sample.qs.any()):
        raise AfmConfigError(
            f"afm: --tip_dens: {series.tip_dens} over {series.input}, which has no charges; "
            "expected charges, or a Hartree potential"
        )
    tip = _tip(series)
    common = _record(series)
    planned = []
    for folder, charge, changed in steps:
        with _parameters_named(series):
            arguments = arguments_of(changed)
            afmulator = AFMulator(**arguments, relax=series.relax, backend=series.backend)
        parameters = values_of(afmulator)
        if tip is not None or parameters["rho"] is not None:
            parameters.update(Qs=None, QZs=None)  # a density acts in their place
        if tip is not None:
            afmulator.setRho(tip[0], afmulator.sigma, afmulator.B_pauli)
            afmulator.setRhoDelta(tip[1])
        engine = afmulator.scanner.engine.description
        record = {**common, "engine": engine, "parameters": _as_json(parameters)}
        require_free(folder, record, series.force)
        planned.append((folder, charge, afmulator, record))
    if series.wanted.pictures:
        require_color_map(planned[0][2].colorscale)
    return _scans(series, sample, planned)


def _scans(series, sample, planned):
    charge_now, forcefield = None, None
    for folder, charge, afmulator, record in progress(
        planned, len(planned), "scans", len(planned) > 1
    ):
        if forcefield is not None and charge == charge_now:
            afmulator.forcefield = forcefield
        else:
            afmulator.prepareFF(
                sample.xyzs, sample.Zs, sample.qs, sample.rho_sample, sample.sample_lvec
            )
            charge_now, forcefield = charge, afmulator.forcefield
        scan = _scan(afmulator, sample, series.wanted)
        scanner = afmulator.scanner
        results = {
            "points": math.prod(afmulator.scan_dim),
            "n_fallback": scanner.n_fallback,
            "n_unconverged": scanner.n_unconverged,
            "left_box": scanner.left_box,
        }
        write_outputs(folder, scan, series.wanted, {**record, "results": results})
        yield folder, scan


def _scan(afmulator, sample, wanted):
    afmulator.check_scan_window()
    afmulator.prepareScanner()
    df = afmulator.evalAFM()
    scanner = afmulator.scanner
    problem = lost_values(scanner.result)
    if problem:
        raise AfmPhysicsError(f"afm: df: {problem}")
    forces = paths = None
    if wanted.force or wanted.energy or wanted.positions:
        forces, paths = scanner.engine.relaxed(scanner.job)
    return Scan(afmulator, df, forces, paths, sample.xyzs, sample.Zs)


def _judge(file, sample):
    """Log what is suspicious about a geometry; one wider than the scan is not, here."""
    qs = None if sample.has_potential else sample.qs
    for text in suspicions(sample.xyzs, sample.Zs, (np.inf, np.inf), qs):
        logger.warning("afm: %s: %s", file, text)


def _check(series):
    """Raise AfmConfigError for options that do not go together."""
    for one, other in (
        *(("klat", "krange"), ("charge", "qrange"), ("Amplitude", "arange")),
        *(("tip_dens", name) for name in ("charge", "qrange", "tip", "sigma")),
    ):
        if getattr(series, one) is not None and getattr(series, other) is not None:
            raise AfmConfigError(f"afm: --{one}, --{other}: both given; expected one of them")
    if series.density is not None and series.tip_dens is None:
        raise AfmConfigError(
            "afm: --density: without --tip_dens; expected the density of the tip as well"
        )
    for name in ("tip_delta_dens", "density_cutoff"):
        if getattr(series, name) is not None and series.tip_dens is None:
            raise AfmConfigError(f"afm: --{name}: without --tip_dens; expected both")
    if series.wanted.form not in STACK_FORMATS:
        raise AfmConfigError(
            f"afm: --output_format: {series.wanted.form!r}; expected one of "
            f"{', '.join(STACK_FORMATS)}"
        )
    if series.ffModel is not None and series.ffModel not in FF_MODELS:
        raise AfmConfigError(
            f"afm: --ffModel: {series.ffModel!r}; expected one of {', '.join(FF_MODELS)}"
        )
    if series.density is not None and series.ffModel not in (None, "vdW"):
        raise AfmConfigError(
            f"afm: --ffModel: {series.ffModel} with --density; expected vdW (damped), or nothing "
            "for the dispersion of the parameters: densities repel by themselves"
        )
    if series.tip is not None and series.tip not in MULTIPOLES:
        raise AfmConfigError(f"afm: --tip: {series.tip!r}; expected one of {', '.join(MULTIPOLES)}")
    cutoff = series.density_cutoff
    if cutoff is not None and not 0 < cutoff < math.inf:
        raise AfmConfigError(f"afm: --density_cutoff: {cutoff}; expected a density > 0, e/Å³")


def _parameter_file(series):
    if series.params is not None:
        return series.params
    return next((Path(name) for name in DEFAULT_FILES if Path(name).is_file()), None)


@contextmanager
def _parameters_named(series):
    """Errors of values within the block name the file of the parameters too."""
    try:
        yield
    except (AfmConfigError, AfmInputError) as error:
        path = _parameter_file(series)
        raise type(error)(f"{error} (parameters of {path})" if path else str(error)) from None


def _parameters(series):
    """Values of the parameter file with the options that do not vary on top."""
    path = _parameter_file(series)
    defaults = {name: key.default for name, key in KEYS.items()}
    values = defaults if path is None else read_params(path)
    given = {
        "sigma": series.sigma,
        "Apauli": series.Apauli,
        "Bpauli": series.Bpauli,
        "tip": series.tip,
        "PBC": False if series.noPBC else None,
        "ffModel": series.ffModel if series.density is None else "LJ",
        "fdbm_vdw_type": "LJ" if series.density is not None and series.ffModel else None,
    }
    values.update({name: value for name, value in given.items() if value is not None})
    if series.tip_dens is not None:
        values.update(charge=0.0, rho=None)
    if any(given is not None for given in (series.charge, series.qrange, series.tip)):
        values.update(Qs=None, QZs=None, rho=None)
    return values


def _steps(series, values):
    """(folder, charge, values) of each scan; scans of equal charges follow each other."""
    ranges = (series.qrange, series.krange, series.arange)
    charges = _values("qrange", series.qrange, series.charge, values["charge"])
    constants = _values("krange", series.krange, series.klat, None)
    amplitudes = _values("arange", series.arange, series.Amplitude, values["Amplitude"])
    if len(charges) * len(constants) * len(amplitudes) > MAX_SCANS:
        raise AfmConfigError(
            f"afm: --qrange, --krange, --arange: {len(charges)} x {len(constants)} x "
            f"{len(amplitudes)} scans; expected at most {MAX_SCANS}"
        )
    seen = set()
    for q, k, A in itertools.product(charges, constants, amplitudes):
        changed = {**values, "charge": q, "Amplitude": A}
        if k is not None:
            changed["stiffness"] = (k, k, values["stiffness"][2])
        folder = Path(series.output)
        if any(given is not None for given in ranges):
            kx = arguments_of(changed)["tipStiffness"][0]
            folder = folder / f"Q{round(q, 2) + 0.0:.2f}K{kx:.2f}" / f"Amp{A:.2f}"
        if folder in seen:
            raise AfmConfigError(
                f"afm: --qrange, --krange, --arange: two scans would go to {folder}; expected "
                "steps of at least 0.01"
            )
        seen.add(folder)
        yield folder, q, changed


def _is_charged(step):
    """Whether the tip of a scan has charges."""
    _, charge, values = step
    return bool(charge or values["rho"] or any(values["Qs"] or ()))


def _values(name, bounds, single, default):
    """Values of a range, or the one of an option, or the default."""
    if bounds is None:
        values = [default if single is None else single]
    else:
        first, last, n = bounds
        if not 1 <= n <= MAX_SCANS:
            raise AfmConfigError(f"afm: --{name}: {n} values; expected 1 to {MAX_SCANS}")
        values = np.linspace(first, last, n).tolist()
    for value in values:
        if value is not None and not math.isfinite(value):
            raise AfmConfigError(f"afm: --{name}: {value}; expected finite numbers")
        if name == "krange" and value is not None and value < 0:
            raise AfmConfigError(f"afm: --klat, --krange: {value}; expected stiffnesses >= 0, N/m")
    return values


def _tip(series):
    if series.tip_dens is None:
        return None
    return read_tip(
        series.tip_dens,
        series.tip_delta_dens,
        Rcore=series.Rcore,
        density_cutoff=series.density_cutoff,
        with_sample_density=series.density is not None,
    )


def _record(series):
    """Inputs and options that the parameters do not hold."""
    files = {name: getattr(series, name) for name in FILES}
    named = {name: file for name, file in files.items() if file not in (None, MODEL_CO)}
    options = {
        "charges": series.charges,
        "potential_scale": series.potential_scale,
        "Rcore": series.Rcore,
        "model_tip": series.tip_dens == MODEL_CO,
        "density_cutoff": series.density_cutoff,
        "relax": series.relax,
    }
    return {
        "format": 1,
        "inputs": {
            name: {"file": published_path(file), "sha256": sha256_of(file)}
            for name, file in named.items()
        },
        "options": options,
        "versions": package_versions(),
    }


def _as_json(values):
    """Values as they come back from a JSON file."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }
