"""Ptychography: far-field diffraction patterns of known objects, with ground truth.

This package is lazy: a name is imported from its module when it is first used, so that
`import simlab.ptycho`, its `config` and its `plan` stay light. It is for users; the library
itself imports from the defining modules.
"""

from simlab.core.lazy import lazy_names

_MODULES = {
    "objects": ("sim_object_image", "make_object", "make_lines_object", "tanh_phase"),
    "probes": ("get_default_probe", "make_probe", "legacy_probe_mask", "normalize_probe"),
    "scans": ("scan_positions",),
    "patches": ("extract_patches",),
    "photons": ("counts_of",),
    "diffraction": ("propagate", "frame_power", "photon_scale", "sample_counts"),
    "simulation": ("simulate", "simulate_nongrid_raw_data"),
    "grid": ("grid_groups", "simulate_grid"),
    "dataset": ("RawData", "read_dataset", "write_dataset", "split_raw_data_by_axis"),
    "contract": ("validate_dataset",),
    "cache": ("memoize_raw_data", "legacy_cache_key", "legacy_array_hash"),
    "statistics": ("frame_statistics", "merge"),
    "metadata": (
        "create_metadata",
        "save_with_metadata",
        "load_with_metadata",
        "validate_parameters",
        "add_transformation_record",
        "get_nphotons",
        "merge_metadata",
    ),
}

__all__, __getattr__, __dir__ = lazy_names(__name__, _MODULES)
