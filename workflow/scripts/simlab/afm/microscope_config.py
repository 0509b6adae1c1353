"""Configuration of the microscope and its tips: defaults, units, ranges and rules."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from simlab.afm.aux_options import element_number
from simlab.afm.dispersion import functionals
from simlab.core.config import Integer, Name, Number, Section, nearest

MULTIPOLES = ("s", "px", "py", "pz", "dx2", "dy2", "dz2", "dxy", "dxz", "dyz")
AXES = "xyz"
STIFFEST = 1000.0
"""Of the springs of a tip, N/m."""
SMALLEST_SCAN = 2.0
"""Width of a scan that an atom in its middle has room in, Å."""

Vector = tuple[Number, Number, Number]
Matrix = tuple[Vector, Vector, Vector]
FourCharges = Annotated[
    list[Number],
    Field(min_length=1, max_length=4),
    AfterValidator(lambda values: [*values, 0, 0, 0][:4]),
]
Stiffness = Annotated[list[Number], Field(min_length=4, max_length=4)]


def _checked_stiffness(value):
    if value is not None and (min(value) < 0 or value[3] <= 0):
        raise ValueError("kx, ky, kz must be >= 0 and kr > 0")
    if value is not None and max(value) > STIFFEST:
        raise ValueError(
            f"{max(value):g} N/m is too stiff for the probe particle to come to rest, at most "
            f"{STIFFEST:g} N/m are possible: is it in mN/m?"
        )
    return value


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
        "simple",
        description="Force to frequency shift: midpoint sum as in the original program, 1/df_steps "
        "too small, or exact for linear pieces, to compare with experiments",
    )
    npbc: tuple[Integer, Integer, Integer] = Field(
        (0, 0, 0), description="Periodic images on either side, 0 to 5; needs a lattice"
    )
    sample_lvec: Matrix | None = Field(None, description="Lattice vectors of the sample, Å")
    tipR0: Vector = Field((0, 0, 3), description="Equilibrium x, y and length of the probe, Å")
    tipStiffness: Stiffness = Field(
        [0.25, 0.25, 0, 30], description="kx, ky, kz and radial kr, N/m; at most 1000"
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
            if axis != "z" and high - low < SMALLEST_SCAN:
                raise ValueError(
                    f"{high - low:g} Å along {axis}, at least {SMALLEST_SCAN:g} Å are needed: is "
                    "it in nm?"
                )
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
    def periodic_axes(self):
        """Whether periodic images go on along x and y, (2,) bool."""
        if self.sample_lvec is None:  # then the grids of the samples are their cells
            return tuple(n > 0 for n in self.npbc[:2])
        repeated = [row for row, n in zip(self.sample_lvec, self.npbc, strict=True) if n > 0]
        return tuple(any(abs(row[axis]) > 1e-6 for row in repeated) for axis in (0, 1))

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
        [0.1, 0, -0.1, 0],
        description="Heights of up to four tip charges over the probe particle, Å",
    )
    Qs: FourCharges = Field(
        [-10, 20, -10, 0], description="Up to four tip charges, e; as many as QZs"
    )
    tipStiffness: Stiffness | None = Field(
        None, description="kx, ky, kz, kr of this tip, N/m; null = of simulator"
    )
    tipR0z: Number | None = Field(
        None, gt=0, description="Length of this probe, Å; null = of simulator"
    )
    multipole: dict[str, Number] | None = Field(
        None,
        description="Weights of the Gaussian multipoles of a tip density, e (LJ+Hartree): that of "
        "s is its charge, the moments of the others grow with sigma",
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
        return element_number(value)

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
