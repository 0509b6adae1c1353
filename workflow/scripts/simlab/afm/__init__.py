"""Atomic force microscopy: stacks of frequency-shift images with image descriptors.

This package is lazy: a name is imported from its module when it is first used, so that
`import simlab.afm`, its `config` and its `plan` stay light. It is for users; the library itself
imports from the defining modules.
"""

from simlab.core.lazy import lazy_names

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

__all__, __getattr__, __dir__ = lazy_names(__name__, _MODULES)
