"""Gravitational lensing: pictures of lensed galaxies with physical and roulette parameters.

This package is lazy: a name is imported from its module when it is first used, so that
`import simlab.lensing`, its `config` and its `plan` stay light. It is for users; the library
itself imports from the defining modules.
"""

from simlab.core.lazy import lazy_names

_MODULES = {
    "lenses": ("Lens", "make_lens"),
    "clusters": ("make_cluster", "parse_cluster", "format_cluster"),
    "sampled": ("sampled_lens",),
    "files.potentials": ("load_potential",),
    "region": ("Region",),
    "trust": ("trust_radius",),
    "solver": ("apparent_position", "image_positions", "LensedImage"),
    "curves": ("critical_curve", "cut_curve"),
    "sources": ("make_source", "make_constellation", "parse_constellation"),
    "source_kinds": ("Source",),
    "roulette": (
        "roulette_map",
        "roulette_polynomial",
        "columns_of",
        "amplitudes_from",
        "estimated_radius",
    ),
    "render": ("render_raytrace", "render_roulette", "actual_image"),
    "joins": ("join_image", "secondary_images", "family_images"),
    "postprocess": (
        "center_of_light",
        "center_image",
        "crop",
        "draw_axes",
        "quantize",
        "to_uint8",
    ),
    "observation": ("observe",),
    "config": ("DatasetConfig", "LensingConfig", "load_config"),
    "settings": ("SimulationSettings",),
    "parameters": ("draw_rows",),
    "rows": ("read_rows",),
    "validation": ("validate_rows",),
    "simulate": ("simulate_row", "Simulation"),
    "resimulation": ("resimulate_row",),
    "comparison": ("compare_pair", "masked_norms", "compare_sets"),
    "formulas": ("formula_lines", "write_formulas", "read_formulas", "Formulas"),
    "errors": ("LensingConfigError", "RowsError", "LensError", "LensingWarning"),
}

__all__, __getattr__, __dir__ = lazy_names(__name__, _MODULES)
