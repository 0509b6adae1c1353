"""Image descriptors by name."""

from simlab.afm.auxmap import AuxMap
from simlab.afm.errors import AfmConfigError
from simlab.afm.geometry_maps import (
    AtomicDisks,
    AtomRfunc,
    Bonds,
    DiskOcclusion,
    Lorentz,
    MultiMapSpheres,
    MultiMapSpheresElements,
    SphereCaps,
    SpheresType,
    vdwSpheres,
)
from simlab.afm.surface_maps import ESMap, ESMapConstant, HeightMap
from simlab.core.config import nearest

__all__ = [
    "AtomRfunc",
    "AtomicDisks",
    "AuxMap",
    "AuxMaps",
    "Bonds",
    "DiskOcclusion",
    "ESMap",
    "ESMapConstant",
    "HeightMap",
    "Lorentz",
    "MultiMapSpheres",
    "MultiMapSpheresElements",
    "SphereCaps",
    "SpheresType",
    "aux_map_dict",
    "vdwSpheres",
]

aux_map_dict = {
    kind.__name__: kind
    for kind in (
        vdwSpheres,
        AtomicDisks,
        HeightMap,
        ESMap,
        ESMapConstant,
        MultiMapSpheres,
        MultiMapSpheresElements,
        SpheresType,
        Bonds,
        AtomRfunc,
        Lorentz,
        SphereCaps,
        DiskOcclusion,
    )
}
"""Name -> class of every descriptor."""


def AuxMaps(name, kwargs=None):
    """The descriptor `name` made with the arguments `kwargs` (mapping).

    AfmConfigError, a ValueError, for a name that is not in `aux_map_dict`.
    """
    if name not in aux_map_dict:
        raise AfmConfigError(
            f"afm: aux_maps: {name!r}{nearest(name, aux_map_dict)}; expected one of "
            f"{', '.join(aux_map_dict)}"
        )
    try:
        return aux_map_dict[name](**(kwargs or {}))
    except TypeError as error:
        raise AfmConfigError(f"afm: aux_maps: {name}: {error}") from None
