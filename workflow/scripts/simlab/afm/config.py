"""Configuration of atomic force microscopy: its defaults, units, ranges and rules."""

import json
from functools import cache
from importlib.resources import files
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from simlab.afm.aux_options import AuxMapEntry
from simlab.afm.errors import AfmInputError
from simlab.afm.requirements import problems_of
from simlab.afm.species import atomic_number
from simlab.core.config import Integer, Name, Number, Section, Seed, nearest

GRID_FIELDS = ("LJ+Hartree", "FDBM")
MODEL_CO = "model_co"
MULTIPOLES = ("s", "px", "py", "pz", "dx2", "dy2", "dz2", "dxy", "dxz", "dyz")
NAMED_ROTATIONS = ("identity", "rot90", "rot180", "rot270")
AXES = "xyz"
SEED_MAPS = ("vdwSpheres", "AtomicDisks", "HeightMap", "Bonds", "AtomRfunc")

Vector = tuple[Number, Number, Number]
Matrix = tuple[Vector, Vector, Vector]
FourCharges = Annotated[list[Number], Field(min_length=4, max_length=4)]
Stiffness = Annotated[list[Number], Field(min_length=4, max_length=4)]


def _element(value):
    try:
        return atomic_number(value)
    except AfmInputError as error:
        raise ValueError(str(error)) from None


def _checked_stiffness(value):
    if value is not None and (min(value) < 0 or value[3] <= 0):
        raise ValueError("kx, ky, kz must be >= 0 and kr > 0")
    return value


@cache
def functionals():
    """Names of the functionals with D3 parameters."""
    text = files(__package__).joinpath("data/d3_bj_params.json").read_text(encoding="utf-8")
    return tuple(json.loads(text))


class DispersionParameters(Section):
    """Becke-Johnson parameters of a functional that is not in the table."""

    s6: Number = Field(1.0, description="Scale of C6")
    s8: Number = Field(description="Scale of C8")
    a1: Number = Field(description="Damping")
    a2: Number = Field(description="Damping, Bohr")


class Simulator(Section):
    """The microscope: grid, scan, cantilever, probe particle."""

    pixPerAngstrome: Number = Field(
        10, ge=4, le=40, description="Force-field grid points per Å; or ff_grid_step, Å"
    )
    scan_dim: tuple[Integer, Integer, Integer] = Field(
        (128, 128, 19), description="Tip positions along x, y, z; 2 to 2048 each"
    )
    scan_window: tuple[Vector, Vector] = Field(
        ((2, 2, 5), (18, 18, 6.9)),
        description="Lower and upper corner of the tip positions, Å; with generator: general only "
        "its size counts",
    )
    df_steps: Integer | None = Field(
        None, ge=1, description="Tip positions of one oscillation; null = 10, or from amplitude"
    )
    amplitude: Number | None = Field(
        None, gt=0, description="Peak-to-peak oscillation in place of df_steps, Å"
    )
    df_weights: Literal["simple", "exact"] = Field(
        "simple", description="Force to frequency shift: midpoint sum, or exact for linear pieces"
    )
    npbc: tuple[Integer, Integer, Integer] = Field(
        (0, 0, 0), description="Periodic images on either side, 0 to 5; needs a lattice"
    )
    sample_lvec: Matrix | None = Field(None, description="Lattice vectors of the sample, Å")
    tipR0: Vector = Field((0, 0, 3), description="Equilibrium x, y and length of the probe, Å")
    tipStiffness: Stiffness = Field(
        [0.25, 0.25, 0, 30], description="kx, ky, kz and radial kr, N/m"
    )
    f0Cantilever: Number = Field(30300, gt=0, description="Resonance frequency, Hz")
    kCantilever: Number = Field(1800, gt=0, description="Stiffness of the cantilever, N/m")
    A_pauli: Number = Field(18, ge=0, description="Scale of the Pauli overlap (FDBM)")
    B_pauli: Number = Field(1, gt=0, description="Exponent of the Pauli overlap (FDBM)")
    fdbm_vdw_type: Literal["D3", "LJ"] = Field("D3", description="Dispersion of FDBM")
    d3_params: str | DispersionParameters = Field(
        "PBE", description="Functional, or its s6, s8, a1, a2"
    )
    lj_vdw_damp: Integer = Field(2, ge=-1, le=4, description="Damping with fdbm_vdw_type: LJ")
    sigma: Number = Field(0.71, gt=0, description="Width of a multipole tip density, Å")

    @model_validator(mode="before")
    @classmethod
    def _grid_step(cls, data):
        if isinstance(data, dict) and "ff_grid_step" in data:
            if "pixPerAngstrome" in data:
                raise ValueError("pixPerAngstrome and ff_grid_step are the same, give one of them")
            data = dict(data)
            step = float(data.pop("ff_grid_step"))
            if not step > 0:
                raise ValueError(f"ff_grid_step is {step:g}, it must be > 0 Å")
            data["pixPerAngstrome"] = 1 / step
        return data

    @field_validator("scan_dim")
    @classmethod
    def _dims(cls, value):
        if min(value) < 2 or max(value) > 2048:
            raise ValueError("each must be 2 to 2048")
        return value

    @field_validator("scan_window")
    @classmethod
    def _window(cls, value):
        for axis, low, high in zip(AXES, *value, strict=True):
            if not low < high:
                raise ValueError(f"{axis} runs from {low:g} to {high:g}, it must grow")
        return value

    @field_validator("npbc")
    @classmethod
    def _images(cls, value):
        if min(value) < 0 or max(value) > 5:
            raise ValueError("each must be 0 to 5")
        return value

    @field_validator("tipStiffness")
    @classmethod
    def _stiffness(cls, value):
        return _checked_stiffness(value)

    @field_validator("tipR0")
    @classmethod
    def _length(cls, value):
        x, y, length = value
        if length <= 0 or x * x + y * y >= length * length:
            raise ValueError("the length must be > 0 and larger than the tilt sqrt(x^2 + y^2)")
        return value

    @field_validator("d3_params")
    @classmethod
    def _functional(cls, value):
        if isinstance(value, str) and value not in functionals():
            raise ValueError(
                f"unknown functional{nearest(value, functionals())} "
                f"(known: {', '.join(functionals())})"
            )
        return value

    @model_validator(mode="after")
    def _oscillation(self):
        if self.amplitude is not None and self.df_steps is not None:
            raise ValueError("df_steps and amplitude are exclusive, give one of them")
        if not 1 <= self.steps <= self.scan_dim[2]:
            given = "df_steps" if self.amplitude is None else f"amplitude {self.amplitude:g} Å"
            raise ValueError(
                f"{given} takes {self.steps} tip positions, scan_dim has {self.scan_dim[2]} along z"
            )
        if self.depth < 1:
            raise ValueError(f"no image is left of {self.scan_dim[2]} tip positions along z")
        return self

    @property
    def dz(self):
        """Distance of tip positions along z, Å."""
        return (self.scan_window[1][2] - self.scan_window[0][2]) / self.scan_dim[2]

    @property
    def steps(self):
        """Tip positions of one oscillation, df_steps."""
        if self.amplitude is None:
            return 10 if self.df_steps is None else self.df_steps
        return round(self.amplitude / self.dz)

    @property
    def n_weights(self):
        """Length of the df weights: two at least."""
        if self.df_weights == "exact":
            amplitude = self.amplitude or self.dz * self.steps
            return -int(-(amplitude / self.dz - 1e-9) // 1) + 1
        return max(2, self.steps)

    @property
    def depth(self):
        """Frequency-shift images of a stack."""
        return self.scan_dim[2] - self.n_weights + 1

    @property
    def size(self):
        """Size of the scan window, Å (3,)."""
        low, high = self.scan_window
        return tuple(b - a for a, b in zip(low, high, strict=True))


class Tip(Section):
    """One probe particle."""

    name: Name = Field("CO", description="Name in the files")
    iZPP: Integer = Field(8, description="Element of the probe particle, symbol or number")
    QZs: FourCharges = Field(
        [0.1, 0, -0.1, 0], description="Heights of the tip charges over the probe particle, Å"
    )
    Qs: FourCharges = Field([-10, 20, -10, 0], description="Tip charges, e")
    tipStiffness: Stiffness | None = Field(
        None, description="kx, ky, kz, kr of this tip, N/m; null = of simulator"
    )
    tipR0z: Number | None = Field(
        None, gt=0, description="Length of this probe, Å; null = of simulator"
    )
    multipole: dict[str, Number] | None = Field(
        None, description="Charges of a multipole tip density, e (LJ+Hartree)"
    )
    tip_density: str | None = Field(
        None,
        description="Density of the tip: cube, xsf or npz file, or model_co; charges with "
        "LJ+Hartree, electrons with FDBM",
    )
    tip_delta_density: str | None = Field(
        None,
        description="Change of the electron density of the tip: cube, xsf or npz file, or model_co",
    )

    @field_validator("iZPP", mode="before")
    @classmethod
    def _probe_element(cls, value):
        return _element(value)

    @field_validator("tipStiffness")
    @classmethod
    def _stiffness(cls, value):
        return _checked_stiffness(value)

    @field_validator("multipole")
    @classmethod
    def _multipole(cls, value):
        for name in value or ():
            if name not in MULTIPOLES:
                raise ValueError(f"unknown multipole {name!r} (known: {', '.join(MULTIPOLES)})")
        return value


class Augment(Section):
    """Which orientations of each molecule."""

    rotations: Integer = Field(100, ge=1, le=100_000, description="Directions on the sphere")
    n_best: Integer = Field(30, ge=1, description="Directions kept, by entropy")
    method: Literal["entropy", "all", "none"] = Field(
        "entropy", description="entropy = the n_best; all; none = as read"
    )
    shuffle: bool = Field(True, description="Shuffle molecules and orientations")


class Randomize(Section):
    """What is drawn for every sample."""

    distance: Number = Field(0.2, ge=0, description="Half width of distAbove, Å")
    tilt: Number = Field(0.3, ge=0, description="Largest tilt of the probe, Å")
    df_steps: tuple[Integer, Integer] | None = Field(
        None, description="[min, max] of df_steps (generator: general)"
    )
    q: Number = Field(0, ge=0, description="Width of the change of charges, e")
    R: Number = Field(0, ge=0, description="Width of the change of radii, Å")
    eps: Number = Field(0, ge=0, description="Width of the relative change of depths")
    alpha: Number = Field(0, ge=0, description="Width of the relative change of Morse exponents")

    @field_validator("df_steps")
    @classmethod
    def _ordered(cls, value):
        if value is not None and not 1 <= value[0] <= value[1]:
            raise ValueError("needs 1 <= min <= max")
        return value


class Split(Section):
    """Training, validation and test samples."""

    val: Number = Field(0.1, ge=0, lt=1, description="Fraction for validation")
    test: Number = Field(0.1, ge=0, lt=1, description="Fraction for testing")
    by: Literal["molecule", "sample"] = Field("molecule", description="What is dealt")

    @model_validator(mode="before")
    @classmethod
    def _validation(cls, data):
        if isinstance(data, dict) and "validation" in data:
            if "val" in data:
                raise ValueError("val and validation are the same, give one of them")
            data = {("val" if key == "validation" else key): v for key, v in data.items()}
        return data

    @model_validator(mode="after")
    def _room(self):
        if self.val + self.test >= 1:
            raise ValueError(f"val + test is {self.val + self.test:g}, nothing is left to train")
        return self


class ModelGrids(Section):
    """Gaussian densities and screened charges in place of calculated grids."""

    source: Literal["model"] = Field("model", description="Made of the atoms")


class FileGrids(Section):
    """Calculated grids; `{molecule}` in a path is the name of the molecule."""

    source: Literal["files"] = Field("files", description="Read from files")
    potential: str = Field(description="Hartree potential: cube, xsf or npz file")
    density: str | None = Field(None, description="Electron density: cube, xsf or npz file (FDBM)")
    potential_scale: Number = Field(
        -1.0, description="Factor to volts; -1 for the potential energy of an electron in eV"
    )


Grids = Annotated[ModelGrids | FileGrids, Field(discriminator="source")]
Rotation = Literal[NAMED_ROTATIONS] | Matrix


class DatasetConfig(Section):
    """One AFM data set; `{}` is the published example."""

    seed: Seed = Field(0, description="Seed of all random streams of this data set")
    molecules: list[str] = Field(
        ["resources/afm/molecules/*.xyz"], min_length=1, description="xyz files, as globs"
    )
    charges: Literal["check", "ignore", "trust"] = Field(
        "check", description="Charge columns that cannot be: an error, zeros, or believed"
    )
    max_samples: Integer | None = Field(None, ge=1, description="First so many samples of the plan")
    generator: Literal["inverse", "general"] = Field(
        "inverse", description="Molecules under a fixed window, or windows over fixed molecules"
    )
    sim_type: Literal["LJ", "LJ+PC", "LJ+Hartree", "FDBM"] = Field(
        "LJ+PC", description="Force field"
    )
    simulator: Simulator = Field(default_factory=Simulator)
    aux_maps: list[AuxMapEntry] = Field(
        list(SEED_MAPS),
        validate_default=True,
        min_length=1,
        description="Image descriptors: names or {name: {arguments}}",
    )
    tips: list[Tip] = Field(default_factory=lambda: [Tip()], min_length=1)
    grids: Grids | None = Field(
        None, description="Potentials and densities; needed by LJ+Hartree and FDBM"
    )
    batch_size: Integer = Field(20, ge=1, description="Samples of a batch; never changes one")
    samples_per_shard: Integer | Literal["auto"] = Field(
        "auto", description="Multiple of batch_size; auto = by target_seconds; never changes one"
    )
    target_seconds: Number = Field(300, gt=0, description="Length of a job with auto, seconds")
    seconds_per_sample: Number = Field(0.3, gt=0, description="Time of a sample for auto, seconds")
    distAbove: Number = Field(4.5, ge=1, le=15, description="Distance of tip and molecule, Å")
    distance_reference: Literal["top", "bottom"] | None = Field(
        None,
        description="End of the scan that distAbove is measured from; null = top with generator: "
        "inverse, bottom with general",
    )
    ignore_elements: list[Integer] = Field(
        [], description="Elements left out of the placement, symbols or numbers"
    )
    density_cutoff: Number | None = Field(
        None, gt=0, description="Largest electron density, e/Å³ (FDBM)"
    )
    augment: Augment | None = Field(
        None, validate_default=True, description="Orientations; with generator: inverse"
    )
    rotations: list[Rotation] | None = Field(
        None,
        validate_default=True,
        description="Orientations with generator: general: identity, rot90, rot180, rot270 about "
        "z, or matrices",
    )
    randomize: Randomize = Field(default_factory=Randomize)
    split: Split = Field(default_factory=Split)
    relax: Literal["newton", "fire"] = Field("newton", description="How the probe finds its place")
    backend: Literal["numba", "opencl"] = Field("numba", description="Who computes")
    strict: bool = Field(
        False, description="Placeholder elements, close contacts, wide molecules are errors"
    )
    on_error: Literal["fail", "flag"] = Field(
        "fail", description="A sample that cannot be computed stops the job, or is flagged"
    )
    compression: Literal["lzf", "gzip", "none"] = Field("lzf", description="Of the shards")
    export: Literal["none", "batches"] = Field(
        "none", description="Also write batch_{ib}.npz as the original script"
    )

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, data):
        if not isinstance(data, dict):
            return data
        if "splits" in data:
            if "split" in data:
                raise ValueError("split and splits are the same key, give one of them")
            data = {("split" if key == "splits" else key): v for key, v in data.items()}
        if data.get("samples_per_shard", "auto") is None:
            data = {**data, "samples_per_shard": "auto"}
        return data

    @field_validator("ignore_elements", mode="before")
    @classmethod
    def _elements(cls, value):
        return [_element(item) for item in value] if isinstance(value, list) else value

    @field_validator("augment", mode="before")
    @classmethod
    def _augmented(cls, value, info):
        if info.data.get("generator") == "inverse":
            return {} if value is None else value
        if value is not None:
            raise ValueError("generator: general takes rotations, not augment")
        return None

    @field_validator("rotations", mode="before")
    @classmethod
    def _oriented(cls, value, info):
        if info.data.get("generator") == "general":
            return ["identity"] if value is None else value
        if value is not None:
            raise ValueError("generator: inverse takes augment, not rotations")
        return None

    @field_validator("rotations")
    @classmethod
    def _orthogonal(cls, value):
        for matrix in value or ():
            if not isinstance(matrix, str) and not _is_rotation(matrix):
                raise ValueError("a matrix must be a rotation: orthonormal rows, determinant 1")
        if value is not None and not value:
            raise ValueError("at least one orientation is needed")
        return value

    @model_validator(mode="after")
    def _consistent(self):
        problems = problems_of(self)
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def reference(self):
        """End of the scan that distAbove is measured from."""
        return self.distance_reference or ("top" if self.generator == "inverse" else "bottom")

    @property
    def n_rotations(self):
        """Orientations of each molecule."""
        if self.augment is None:
            return len(self.rotations)
        counts = {
            "none": 1,
            "all": self.augment.rotations,
            "entropy": min(self.augment.n_best, self.augment.rotations),
        }
        return counts[self.augment.method]


def _is_rotation(matrix):
    import numpy as np

    matrix = np.asarray(matrix, np.float64)
    close = np.abs(matrix @ matrix.T - np.eye(3)).max() < 1e-6
    return bool(close and np.linalg.det(matrix) > 0)


class AfmConfig(Section):
    """AFM data sets by name."""

    datasets: dict[Name, DatasetConfig] = Field(min_length=1, description="Data sets by name")
