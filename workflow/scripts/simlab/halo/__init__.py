"""Halo maps: paired dark-matter and hydrodynamic simulations as multi-scale training samples.

This package is lazy: a name is imported from its module when it is first used, so that
`import simlab.halo`, its `config` and its `plan` stay light. It is for users; the library itself
imports from the defining modules.
"""

from simlab.core.lazy import lazy_names

_MODULES = {
    "files.snapshots": ("load_dmo_particles", "load_hydro_particles", "iter_particles"),
    "files.catalogs": ("load_halos", "load_halo_catalog"),
    "parameters": ("load_parameters",),
    "projection": (
        "minimum_image",
        "cic_deposit",
        "project_particles_2d",
        "process_halo_with_full_periodic_tiling",
        "project_multiscale",
    ),
    "rotations": ("random_rotation",),
    "cutouts": ("extract_multiscale_cutouts", "extract_inference_cutouts"),
    "statistics": ("normalize", "denormalize", "normalize_sample", "RunningMoments"),
    "dataset": ("compute_normalization_stats", "iter_samples"),
    "files.stats": ("load_normalization_stats",),
    "splits": ("train_test_split",),
    "synthetic": ("synthesize_simulation",),
    "files.writer": ("write_simulation",),
}

__all__, __getattr__, __dir__ = lazy_names(__name__, _MODULES)
