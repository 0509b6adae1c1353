"""Ptychography: far-field diffraction patterns of known objects, with ground truth.

This package is lazy: a name is imported from its module when it is first used, so that
`import simlab.ptycho`, its `config` and its `plan` stay light. It is for users; the library
itself imports from the defining modules.
"""

from importlib import import_module

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
