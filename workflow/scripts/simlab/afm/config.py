"""Configuration of atomic force microscopy: its defaults, units, ranges and rules."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from simlab.afm.aux_options import AuxMapEntry, element_number
from simlab.afm.microscope_config import Matrix, Simulator, Tip
from simlab.afm.requirements import problems_of
from simlab.core.config import Integer, Name, Number, Section, Seed
from simlab.core.splits import without_aliases

GRID_FIELDS = ("LJ+Hartree", "FDBM")
MODEL_CO = "model_co"
NAMED_ROTATIONS = ("identity", "rot90", "rot180", "rot270")
SEED_MAPS = ("vdwSpheres", "AtomicDisks", "HeightMap", "Bonds", "AtomRfunc")


class Augment(Section):
    """Which orientations of each molecule."""

    rotations: Integer = Field(100, ge=1, le=100_000, description="Directions on the sphere")
    n_best: Integer = Field(
        30, ge=1, description="Directions kept, by entropy; all rotations if there are fewer"
    )
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
    eps: Number = Field(0, ge=0, lt=2, description="Width of the relative change of depths")
    alpha: Number = Field(
        0,
        ge=0,
        lt=2,
        description="Width of the relative change of Morse exponents; drawn and recorded by the "
        "streams, but no force field of a data set uses them",
    )

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
        return without_aliases(data)

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
    seconds_per_sample: Number | None = Field(
        None, gt=0, description="Time of a sample for auto, seconds; null = as the plan expects"
    )
    distAbove: Number = Field(
        4.5,
        ge=1,
        le=15,
        description="Distance of tip and molecule, Å; 4.5 is meant for generator: inverse, with "
        "general 2.6 is usual",
    )
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
    compression: Literal["gzip", "lzf", "none"] = Field(
        "gzip",
        description="Of the shards; lzf is faster, but equal values need not give equal file bytes",
    )
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
        return [element_number(item) for item in value] if isinstance(value, list) else value

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
