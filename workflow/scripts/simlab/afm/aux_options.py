"""Arguments of the image descriptors as configuration: names, defaults and ranges, no numerics."""

from typing import Annotated, Literal

from pydantic import Field, create_model, field_validator, model_serializer, model_validator

from simlab.afm.errors import AfmInputError
from simlab.afm.species import atomic_number
from simlab.core.config import Integer, Number, Section

Depth = Annotated[Number, Field(lt=0)]
"""A lower bound below the top of the molecule, Å."""

ElementList = list[str | Integer]


def element_number(value):
    """Atomic number of a symbol or number; ValueError, as validators want it, for others."""
    try:
        return atomic_number(value)
    except AfmInputError as error:
        raise ValueError(str(error)) from None


class Spheres(Section):
    """vdwSpheres: surface of the van der Waals spheres, seen from above."""

    zmin: Depth = Field(-1.5, description="Lowest height shown, Å, below the top")
    Rpp: Number = Field(-0.5, description="Added to every radius, Å")


class Disks(Section):
    """AtomicDisks: cones with the covalent radius."""

    zmin: Depth = Field(-1.2, description="Depth at which a disk has faded, Å")
    zmax_s: Depth = Field(-1.2, description="Depth at which a deeper sphere is hidden, Å")
    Rpp: Number = Field(-0.5, description="Added to every radius, Å")
    diskMode: Literal["sphere", "center"] = Field("sphere", description="What depth is measured to")


class Height(Section):
    """HeightMap: where the rigid probe meets a repulsive force."""

    zmin: Depth = Field(-2.0, description="Lowest height shown, Å, below the top")
    iso: Number = Field(0.1, gt=0, description="Vertical force at the surface, eV/Å")


class Electrostatic(Section):
    """ESMap: vertical field on the surface of HeightMap, and the surface."""

    zmin: Depth = Field(-2.0, description="Lowest height shown, Å, below the top")
    iso: Number = Field(0.1, gt=0, description="Vertical force at the surface, eV/Å")


class ElectrostaticConstant(Section):
    """ESMapConstant: vertical field in a plane above the molecule."""

    height: Number = Field(4.0, description="Of the plane above the topmost atom, Å")
    vdW_cutoff: Depth | None = Field(
        None, description="Depth below the top beyond which the map is 0, Å; null = nowhere"
    )
    Rpp: Number = Field(0.5, description="Added to the radii that vdW_cutoff looks at, Å")


class Channels(Section):
    """MultiMapSpheres: vdwSpheres by size of the atom."""

    zmin: Depth = Field(-1.5, description="Lowest height shown, Å, below the top")
    Rpp: Number = Field(-0.5, description="Added to every radius, Å")
    nChan: Integer = Field(3, ge=1, le=118, description="Channels")
    Rmin: Number = Field(1.4, description="Radius at which the first channel begins, Å")
    Rstep: Number = Field(0.3, gt=0, description="Width of a channel in radius, Å")
    bOccl: Literal[0, 1] = Field(0, description="1 = a channel shows only what is on top")

    @property
    def n_channels(self):
        """Channels of the map."""
        return self.nChan


class ElementChannels(Section):
    """MultiMapSpheresElements: vdwSpheres by element."""

    zmin: Depth = Field(-1.5, description="Lowest height shown, Å, below the top")
    Rpp: Number = Field(-0.5, description="Added to every radius, Å")
    bOccl: Literal[0, 1] = Field(0, description="1 = a channel shows only what is on top")
    elems: list[ElementList] = Field(
        [["H"], ["N", "O", "F"], ["C", "Si", "P", "S", "Cl", "Br"]],
        min_length=1,
        description="Elements of each channel, symbols or atomic numbers",
    )

    @field_validator("elems")
    @classmethod
    def _known(cls, value):
        for elements in value:
            for element in elements:
                element_number(element)
        return value

    @property
    def n_channels(self):
        """Channels of the map."""
        return len(self.elems)


class TypeChannels(Section):
    """SpheresType: vdwSpheres by a list of types, one an atomic number."""

    zmin: Depth = Field(-1.5, description="Lowest height shown, Å, below the top")
    Rpp: Number = Field(-0.5, description="Added to every radius, Å")
    bOccl: Literal[0, 1] = Field(0, description="1 = a channel shows only what is on top")
    nChan: Integer = Field(3, ge=1, le=118, description="Channels")
    types: dict[str, Integer] = Field(
        description="Element -> channel from 0; -1 = not shown; others are not shown"
    )

    @field_validator("types")
    @classmethod
    def _known_types(cls, value, info):
        channels = info.data.get("nChan", 118)
        for element, channel in value.items():
            element_number(element)
            if not -1 <= channel < channels:
                raise ValueError(
                    f"{element} has channel {channel}, it must be -1 to {channels - 1} (nChan - 1)"
                )
        return value

    @property
    def n_channels(self):
        """Channels of the map."""
        return self.nChan


class _Radial(Section):
    zmin: Depth = Field(-1.5, description="Depth at which the profile has faded, Å")
    Rfunc: list[Number] | None = Field(
        None, min_length=4, max_length=128, description="Samples of the profile; null = exp(-5 r)"
    )
    Rmax: Number = Field(10.0, gt=0, description="Distance beyond which nothing is drawn, Å")
    drStep: Number = Field(0.1, gt=0, description="Distance of the samples of Rfunc, Å")

    @model_validator(mode="after")
    def _long_enough(self):
        if self.Rfunc is not None and len(self.Rfunc) * self.drStep < self.Rmax + 3 * self.drStep:
            raise ValueError(
                f"Rfunc reaches {len(self.Rfunc) * self.drStep:g} Å, it must reach Rmax + 3 drStep "
                f"= {self.Rmax + 3 * self.drStep:g} Å"
            )
        return self


class BondLines(_Radial):
    """Bonds: bonds as lines that fade with depth."""

    ellipticity: Number = Field(0.5, ge=0, description="Weight of the distance along the bond")


class AtomProfiles(_Radial):
    """AtomRfunc: atoms as radial profiles that fade with depth."""


class Lorentzians(Section):
    """Lorentz: sum of Lorentzians of the distance to the atoms."""

    A: Number = Field(1.0, description="Height times squared width, Å²")
    w: Number = Field(0.1, gt=0, description="Width, Å")


class Caps(Section):
    """SphereCaps: vdwSpheres without their flanks."""

    zmin: Depth = Field(-1.5, description="Lowest height shown, Å, below the top")
    Rpp: Number = Field(-0.5, description="Added to every radius, Å")
    tgMax: Number = Field(0.5, gt=0, description="In-plane distance over radius where caps end")
    tgWidth: Number = Field(0.1, gt=0, description="Width of the fading before tgMax")


class Occlusion(Section):
    """DiskOcclusion: disks hidden by what lies above them."""

    zmin: Depth = Field(-1.2, description="Depth at which a disk has faded, Å")
    zmargin: Number = Field(0.2, gt=0, description="Height over which hiding sets in, Å")
    Rpp: Number = Field(-0.5, description="Added to every radius, Å")


AUX_OPTIONS = {
    "vdwSpheres": Spheres,
    "AtomicDisks": Disks,
    "HeightMap": Height,
    "ESMap": Electrostatic,
    "ESMapConstant": ElectrostaticConstant,
    "MultiMapSpheres": Channels,
    "MultiMapSpheresElements": ElementChannels,
    "SpheresType": TypeChannels,
    "Bonds": BondLines,
    "AtomRfunc": AtomProfiles,
    "Lorentz": Lorentzians,
    "SphereCaps": Caps,
    "DiskOcclusion": Occlusion,
}
"""Name of a descriptor -> model of its arguments; constructors have the same defaults."""

WITHOUT_RADII = ("HeightMap", "ESMap", "ESMapConstant", "Lorentz")
NEED_SCANNER = ("HeightMap", "ESMap")
FIXED_CHANNELS = {"ESMap": 2}


class _Entry(Section):
    """One descriptor with its arguments: exactly one field is set."""

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data):
        if isinstance(data, str):
            return {data: {}}
        if isinstance(data, dict):
            if len(data) != 1:
                raise ValueError("a name or {name: {arguments}} is expected")
            return {name: {} if given is None else given for name, given in data.items()}
        return data

    @property
    def name(self):
        """Name of the descriptor."""
        return next(name for name in AUX_OPTIONS if getattr(self, name) is not None)

    @property
    def options(self):
        """Its arguments as a model."""
        return getattr(self, self.name)

    @property
    def arguments(self):
        """Its arguments as a dict."""
        return self.options.model_dump()

    @property
    def needs_scanner(self):
        """Whether it looks at the force field of the last scan."""
        return self.name in NEED_SCANNER

    @property
    def needs_radii(self):
        """Whether it draws atoms with their radii."""
        cut_off = getattr(self.options, "vdW_cutoff", None) is not None
        return cut_off or self.name not in WITHOUT_RADII

    @model_serializer
    def _short(self):
        return {self.name: self.options.model_dump(mode="json")}


AuxMapEntry = create_model(
    "AuxMapEntry",
    __base__=_Entry,
    **{
        name: (model | None, Field(None, description=model.__doc__.split(": ", 1)[1]))
        for name, model in AUX_OPTIONS.items()
    },
)


def channel_names(entries):
    """Names of the descriptor channels of `aux_maps`, in the order of the files.

    The channels of one descriptor are numbered after a slash; a descriptor that is named again,
    with other arguments, is `Name.2`.
    """
    names, seen = [], {}
    for entry in entries:
        seen[entry.name] = number = seen.get(entry.name, 0) + 1
        label = entry.name if number == 1 else f"{entry.name}.{number}"
        count = FIXED_CHANNELS.get(entry.name) or getattr(entry.options, "n_channels", None)
        names += [label] if count is None else [f"{label}/{k}" for k in range(count)]
    return names
