"""Configuration of halo maps: the only home of its defaults, units, ranges and rules."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator, model_validator

from simlab.core.config import Integer, Name, Number, Section
from simlab.halo.names import SCALES

SEED_LIMIT = 2**32
RELATIVE = 1e-9
"""Relative error up to which lengths are taken as commensurate."""

LOGARITHMS = (5, 17)
"""Masses in Msun/h that no particle has, and logarithms of masses that haloes have."""

Preset = Literal["core15", "sb35", "cosmo5"]
ColumnName = Annotated[str, Field(min_length=1, description="Column of the parameter table")]


class CatalogUnits(Section):
    """Units of a csv catalog."""

    length: Literal["Mpc/h", "kpc/h"] = Field(description="Unit of x, y, z and radius")
    mass: Literal["Msun/h", "1e10Msun/h"] = Field(description="Unit of mass")


class SyntheticSource(Section):
    """Paired simulations made by simlab: planted haloes on a truncated 2LPT field."""

    kind: Literal["synthetic"] = Field("synthetic", description="Simulations made by simlab")
    n_grid: Integer = Field(64, ge=16, le=512, description="Particles along each axis, even")
    hydro_chunks: Integer = Field(3, ge=1, le=64, description="Files of the hydro snapshot")
    dmo_chunks: Integer = Field(1, ge=1, le=64, description="Files of the DMO snapshot")
    naming: Literal["old", "new"] = Field(
        "old", description="old: snap_, fof_subhalo_tab_; new: snapshot_, groups_"
    )
    parameters: Literal["table", "sobol"] = Field(
        "table", description="Rows of parameters.file, or Sobol points inside the info table"
    )
    set: Name = Field("SB35", description="First part of the folder names, {set}_{sim}")
    snapshot: Integer = Field(90, ge=0, description="Number in the file names, %03d")

    @field_validator("n_grid")
    @classmethod
    def _even(cls, value):
        if value % 2:
            raise ValueError("must be even")
        return value


class CamelsSource(Section):
    """Snapshots and catalogs of the user, in the CAMELS layout."""

    kind: Literal["camels"] = Field("camels", description="Simulations of the user")
    nbody_base: str = Field(description="Folder of the DMO simulations, {set}_{sim}/...")
    hydro_base: str = Field(description="Folder of the hydrodynamic simulations")
    fof_nbody_base: str = Field(description="Folder of the halo catalogs of the DMO simulations")
    set: Name = Field("SB35", description="First part of the folder names, {set}_{sim}")
    snapshot: Integer = Field(90, ge=0, description="Number in the file names, %03d")
    allow_missing_chunks: bool = Field(
        False, description="Use snapshots of which chunks are lost; counted in checks.json"
    )
    exclude_wind: bool = Field(False, description="Leave out TNG wind-phase gas (type 4)")
    catalog_format: Literal["fof", "csv", "rockstar"] = Field(
        "fof", description="FOF/SUBFIND HDF5, table with x,y,z,mass, or Rockstar list"
    )
    catalog_units: CatalogUnits | None = Field(None, description="Needed by csv catalogs")

    @model_validator(mode="after")
    def _units_of_csv(self):
        if (self.catalog_format == "csv") != (self.catalog_units is not None):
            raise ValueError(
                "source.catalog_units is needed by catalog_format: csv and by no other format"
            )
        return self


Source = Annotated[SyntheticSource | CamelsSource, Field(discriminator="kind")]


class SimulationsConfig(Section):
    """Which simulations, and how they are split."""

    total: Integer = Field(1024, ge=1, le=10**6, description="Simulations the split is drawn from")
    start: Integer = Field(0, ge=0, description="First simulation that is processed")
    end: Integer | None = Field(None, ge=1, description="One past the last; null = total")
    test_fraction: Number = Field(0.1, ge=0, lt=1, description="Share of test simulations")

    @model_validator(mode="after")
    def _ordered(self):
        if not self.start < self.stop <= self.total:
            raise ValueError(
                f"needs start < end <= total, found start {self.start}, end {self.stop}, "
                f"total {self.total}"
            )
        return self

    @property
    def stop(self):
        """One past the last simulation that is processed."""
        return self.total if self.end is None else self.end


class HaloesConfig(Section):
    """Which haloes."""

    mass_threshold: Number = Field(
        1e13, ge=1, lt=1e17, description="M200c above this, Msun/h; not its logarithm"
    )
    max_per_simulation: Integer | None = Field(
        None, ge=1, description="First kept haloes in catalog order; null = all"
    )

    @field_validator("mass_threshold")
    @classmethod
    def _is_no_logarithm(cls, value):
        if LOGARITHMS[0] <= value <= LOGARITHMS[1]:
            raise ValueError(
                f"is a mass in Msun/h, not its logarithm, did you mean {10**value:.4g}?"
            )
        return value


class RotationsConfig(Section):
    """How many views of each halo."""

    number: Integer = Field(10, ge=1, le=10000, description="Rotations of each halo")
    scheme: Literal["so3", "euler_legacy"] = Field(
        "so3", description="Uniform on SO(3), or the original tool's Euler angles"
    )
    first_is_identity: bool = Field(False, description="Rotation 0 is the unrotated view")


class MapsConfig(Section):
    """Geometry of the maps."""

    box_size: Number = Field(50.0, gt=0, le=1e5, description="Side of the simulation box, Mpc/h")
    resolution: Integer = Field(128, ge=8, le=1024, description="Side of the maps, px, even")
    scales: tuple[Number, ...] = Field(
        SCALES,
        min_length=1,
        description="Sides of the maps, Mpc/h: condition and target, then large_scale",
    )
    depth: Number | None = Field(
        None, gt=0, description="Depth of the projection, Mpc/h; null = the box"
    )
    mode: Literal["exact", "faces"] = Field(
        "exact", description="All periodic images, or only the original tool's six face copies"
    )
    cic_backend: Literal["numba", "masl"] = Field(
        "numba", description="Own deposit, or MASL of Pylians"
    )

    @property
    def npix(self):
        """Side of the fine grid over the whole box, px."""
        return round(self.resolution * self.box_size / self.scales[0])

    @model_validator(mode="after")
    def _commensurate(self):
        if self.resolution % 2:
            raise ValueError(f"maps.resolution is {self.resolution}, it must be even")
        if any(scale <= 0 for scale in self.scales):
            raise ValueError(f"maps.scales {list(self.scales)} must be > 0")
        if list(self.scales) != sorted(set(self.scales)):
            raise ValueError(f"maps.scales {list(self.scales)} must ascend")
        if self.scales[-1] > self.box_size * (1 + RELATIVE):
            raise ValueError(
                f"maps.scales: {self.scales[-1]:g} Mpc/h is larger than maps.box_size "
                f"{self.box_size:g}"
            )
        npix = self.resolution * self.box_size / self.scales[0]
        if abs(npix - round(npix)) > RELATIVE * npix:
            raise ValueError(
                f"resolution * box_size / scales[0] is {npix:g} px, it must be a whole number"
            )
        if round(npix) % 2:
            raise ValueError(
                f"resolution * box_size / scales[0] is {npix:g} px, it must be even: haloes lie on "
                "the node in the middle"
            )
        for scale in self.scales:
            factor = scale / self.scales[0]
            if abs(factor - round(factor)) > RELATIVE * factor:
                raise ValueError(
                    f"maps.scales: a cutout of {self.resolution * factor:g} px ({scale:g} Mpc/h) "
                    f"is not a multiple of {self.resolution}"
                )
        if self.depth is not None and self.depth > self.box_size * (1 + RELATIVE):
            raise ValueError(
                f"maps.depth is {self.depth:g} Mpc/h, maps.box_size is {self.box_size:g}"
            )
        return self


class ParametersConfig(Section):
    """Which parameters of a simulation its samples hold."""

    file: str = Field(
        "resources/halo/CosmoAstroSeed_IllustrisTNG_L50n512_SB35_first64.txt",
        description="Table of the simulations' parameters",
    )
    columns: Preset | tuple[ColumnName, ...] = Field(
        "core15", description="core15, sb35, cosmo5 or a list of names (may be empty)"
    )
    overrides: dict[str, dict[str, Number]] = Field(
        default_factory=dict, description="{set: {column: value}} in place of the table's"
    )

    @field_validator("columns")
    @classmethod
    def _distinct(cls, value):
        names = () if isinstance(value, str) else value
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"{', '.join(repeated)} more than once")
        return value


class Constants(Section):
    """Mean and standard deviation given by the user."""

    mean: Number = Field(description="Mean of log10(x + 1)")
    std: Number = Field(gt=0, description="Standard deviation of log10(x + 1)")


ConditionSource = Annotated[
    Annotated[Literal["condition", "dm_mag"], Tag("name")] | Annotated[Constants, Tag("given")],
    Discriminator(lambda value: "given" if isinstance(value, dict | Constants) else "name"),
]


class NormalizationConfig(Section):
    """Which constants readers apply to condition and large_scale; all are always stored."""

    condition_source: ConditionSource = Field(
        "condition", description="condition | dm_mag | {mean, std}"
    )
    per_scale: bool = Field(False, description="Each large-scale map by its own constants")


class ExecutionConfig(Section):
    """How the work is cut; changes no array, but for chunk_particles, which orders the sums."""

    shards_per_simulation: Annotated[
        Annotated[Integer, Field(ge=1, le=1000)] | Literal["auto"] | None,
        AfterValidator(lambda value: None if value == "auto" else value),
    ] = Field(1, description="Jobs a simulation; null, auto = by target_seconds")
    target_seconds: Number = Field(300, gt=0, description="Length of a job with auto, seconds")
    chunk_particles: Integer = Field(
        4194304, ge=10**4, le=10**8, description="Particles that are read at a time"
    )
    memory_gb: Number = Field(4.0, gt=0.5, le=1e5, description="Memory of a job, GB")


class OutputConfig(Section):
    """What a sample holds."""

    provenance: bool = Field(
        True, description="rot_matrix, seed_key and group_index beside the six documented keys"
    )


class DatasetConfig(Section):
    """One data set of halo maps."""

    seed: Integer = Field(
        1993, ge=0, lt=SEED_LIMIT, description="Split, rotations and synthetic simulations"
    )
    source: Source = Field(description="Where the simulations come from")
    simulations: SimulationsConfig = SimulationsConfig()
    haloes: HaloesConfig = HaloesConfig()
    rotations: RotationsConfig = RotationsConfig()
    maps: MapsConfig = MapsConfig()
    parameters: ParametersConfig = ParametersConfig()
    normalization: NormalizationConfig = NormalizationConfig()
    execution: ExecutionConfig = ExecutionConfig()
    output: OutputConfig = OutputConfig()
    allow_legacy: bool = Field(
        False, description="Must be true for mode: faces or scheme: euler_legacy"
    )

    @model_validator(mode="after")
    def _legacy_on_purpose(self):
        legacy = []
        if self.maps.mode == "faces":
            legacy.append("maps.mode: faces")
        if self.rotations.scheme == "euler_legacy":
            legacy.append("rotations.scheme: euler_legacy")
        if legacy and not self.allow_legacy:
            raise ValueError(
                f"{' and '.join(legacy)} loses mass or repeats views as the original tool does, "
                "and needs allow_legacy: true"
            )
        return self


class HaloConfig(Section):
    """Section `halo` of a campaign."""

    datasets: dict[Name, DatasetConfig] = Field(min_length=1, description="Data sets by name")
