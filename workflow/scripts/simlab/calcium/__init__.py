"""One-photon calcium movies: a typed specification in, sensor counts and exact ground truth out.

This package is lazy: a name is imported from its module when it is first used, so that
`import simlab.calcium`, its `config` and its `plan` stay light. It is for users; the library
itself imports from the defining modules.
"""

from simlab.core.lazy import lazy_names

_MODULES = {
    "spec": (
        "Spec",
        "SpecWarning",
        "Acquisition",
        "Optics",
        "ImageSensor",
        "Tissue",
        "Output",
        "Extensions",
        "StepSpec",
        "AnyStep",
        "PlaceNeurons",
        "NeuronPopulation",
        "CellActivity",
        "Bleaching",
        "CellOptics",
        "Composite",
        "Neuropil",
        "Vasculature",
        "VesselLayer",
        "BrainMotion",
        "IlluminationProfile",
        "Vignette",
        "Leakage",
        "Sensor",
    ),
    "config": ("load_spec",),
    "presets": ("build_spec", "Scope", "Region"),
    "sweeps": ("sweep", "zipped", "sample", "with_overrides", "SweptSpec"),
    "simulation": ("simulate", "ENGINE_VERSION"),
    "scene": ("build_scene",),
    "render": ("render_frames", "iter_frames"),
    "recording": ("Recording", "GroundTruth", "FormatWarning"),
    "scene_types": ("Scene",),
    "footprints": ("FootprintStack",),
    "cache": ("simulate_cached", "cache_dir", "cache_path"),
    "video": ("simulate_video", "write_miniscope_folder"),
    "perf": ("PerfTracker", "measure"),
    "metrics": (
        "hungarian_match",
        "Match",
        "trace_pearson",
        "activity_similarity",
        "ActivityScore",
        "shift_rmse",
        "global_shift_from_trajectories",
        "field_pearson",
        "footprint_mask",
        "footprint_roi_trace",
    ),
    "testing": ("make_recording", "score", "Estimate", "Report"),
    "optics": ("detection_snr", "DETECT_SNR_THRESHOLD"),
    "fields": ("sample_field_at",),
    "dataset": ("load_training", "TrainingPairs"),
    "kernels": ("warm",),
}

__all__, __getattr__, __dir__ = lazy_names(
    __name__, _MODULES, submodules=("presets", "metrics", "testing")
)
