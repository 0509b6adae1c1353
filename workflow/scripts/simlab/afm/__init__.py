"""Atomic force microscopy: stacks of frequency-shift images with image descriptors.

This package is lazy: a name is imported from its module when it is first used, so that
`import simlab.afm`, its `config` and its `plan` stay light. It is for users; the library itself
imports from the defining modules.
"""

from importlib import import_module

_MODULES = {
    "simulator": ("AFMulator", "init_env"),
    "trainers": ("InverseAFMtrainer",),
    "general_trainer": ("GeneratorAFMtrainer",),
    "descriptors": ("AuxMaps", "aux_map_dict"),
    "geometry_maps": (
        "vdwSpheres",
        "AtomicDisks",
        "Bonds",
        "AtomRfunc",
        "MultiMapSpheres",
        "MultiMapSpheresElements",
        "SpheresType",
        "SphereCaps",
        "DiskOcclusion",
        "Lorentz",
    ),
    "surface_maps": ("HeightMap", "ESMap", "ESMapConstant"),
    "densities": (
        "HartreePotential",
        "ElectronDensity",
        "TipDensity",
        "MultipoleTipDensity",
    ),
    "poisson": ("hartree_from_density",),
    "rotations": ("sphereTangentSpace", "direction_entropy", "sort_rotations_by_entropy"),
    "placement": ("uniform_disk",),
    "molecules": ("findBonds_",),
    "files.xyz": ("loadXYZ", "saveXYZ"),
    "boxes": ("get_lvec",),
    "frequency": ("get_simple_df_weight", "get_df_weight"),
    "species": ("loadSpecies", "getAtomsREA", "REA2LJ"),
    "dispersion": ("d3_coefficients",),
    "dataset": ("load_dataset", "AfmDataset"),
    "kernels": ("warm",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *__all__])
