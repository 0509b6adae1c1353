"""Recordings beside those of the original program, in its own environment."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from calcium_specs import quiet_spec

from simlab.calcium import simulate, with_overrides

pytestmark = pytest.mark.peers

PYTHON = Path(os.environ.get("PEERS_VENV", "../peers-venv")) / "calcium" / "bin" / "python"
PROGRAM = """
import sys, json, warnings
warnings.simplefilter("ignore")
import numpy as np
import minisim as ms
spec = ms.Spec.model_validate_json(open(sys.argv[1]).read())
recording = ms.simulate(spec)
truth = recording.ground_truth
names = ("C", "S", "centers_um", "amplitude_per_cell", "detectable", "in_focus", "shifts",
         "bleaching", "illumination", "vignette", "leakage", "vasculature_mask",
         "neuropil_temporal", "neuropil_population")
found = {name: getattr(truth, name) for name in names}
arrays = {name: np.asarray(values) for name, values in found.items() if values is not None}
np.savez(sys.argv[2], observed=np.asarray(recording.observed), key=spec.cache_key(),
         A=np.asarray(truth.A_observed), **arrays)
"""
SENSOR = {"n_px_height": 52, "n_px_width": 60, "pixel_pitch_um": 8.0}
CELLS = {"kind": "place_neurons", "density_per_mm3": 90000.0, "soma_radius_um": 5.0}
CASES = {
    "ten_bits_blue": {
        "acquisition": {
            "optics": {"na": 0.5, "emission_nm": 460.0, "field_curvature_radius_um": 900.0},
            "image_sensor": {**SENSOR, "bit_depth": 10, "gain_adu_per_e": 0.6},
            "tissue": {"scatter_mfp_emission_um": 60.0, "scatter_blur_per_um": 0.02},
            "duration_s": 1.0,
            "focal_depth_in_tissue_um": 70.0,
        },
        "steps": [
            {**CELLS, "morphology": "cytosolic", "depth_range_um": [40.0, 110.0]},
            {"kind": "cell_activity", "trace_noise": 0.2, "brightness_cv": 0.0},
            {"kind": "optics"},
            {"kind": "composite"},
            {"kind": "neuropil", "n_components": 5, "spatial_sigma_um": 9.0},
            {"kind": "leakage", "profile": "uniform", "level": 0.2},
            {"kind": "sensor", "photons_per_unit": 400.0},
        ],
    },
    "strides_along_x": {
        "acquisition": {"image_sensor": SENSOR, "fps": 33.0, "duration_s": 1.0},
        "steps": [
            {"kind": "place_neurons", "populations": [
                {"density_per_mm3": 60000.0, "soma_radius_um": 4.0, "min_distance_um": 8.0},
                {"density_per_mm3": 30000.0, "soma_radius_um": 6.0, "depth_range_um": [80.0, 90.0],
                 "morphology": "cytosolic", "irregularity": 0.0},
            ]},
            {"kind": "cell_activity", "tau_decay_s": 1.1, "spike_sim_hz": 200.0},
            {"kind": "bleaching", "bleach_susceptibility": 0.001},
            {"kind": "optics"},
            {"kind": "composite"},
            {"kind": "vasculature", "enabled": True,
             "layers": [{"root_radius_um": 5.0, "tortuosity_deg": 20.0, "branch_prob": 0.4}]},
            {"kind": "brain_motion", "locomotion_axis": "x", "motion_amplitude_um": 2.0,
             "max_shift_um": 2.5, "locomotion_fraction": 0.8},
            {"kind": "vignette", "falloff": 0.3, "exponent": 1.5, "center_offset_um": [3.0, 5.0]},
            {"kind": "sensor", "photons_per_unit": 250.0},
        ],
    },
    "without_sensor": {
        "acquisition": {"image_sensor": SENSOR, "duration_s": 0.5},
        "steps": [CELLS, {"kind": "cell_activity"}, {"kind": "optics"}, {"kind": "composite"},
                  {"kind": "neuropil", "n_components": 1, "population_coupling": 0.0}],
    },
}  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("seed", [5, 17])
def test_recordings_are_those_of_the_original(root, tmp_path, name, seed):
    python = root / PYTHON
    if not python.exists():
        pytest.skip(f"{python} is missing: make peers")
    mapping = {**CASES[name], "seed": seed}
    case, made = tmp_path / "spec.json", tmp_path / "made.npz"
    case.write_text(json.dumps(mapping))
    subprocess.run([python, "-c", PROGRAM, case, made], check=True)
    with np.load(made) as archive:
        theirs = dict(archive)
    spec = quiet_spec(mapping)
    assert theirs["key"] == spec.cache_key()
    ours = simulate(with_overrides(spec, {"ext.sensor_noise": "sequential"}))
    truth = ours.ground_truth
    for what in ("S", "detectable", "in_focus"):
        np.testing.assert_array_equal(getattr(truth, what), theirs[what], err_msg=what)
    np.testing.assert_allclose(truth.A_observed, theirs["A"], rtol=2e-6, atol=2e-7)
    for what in set(theirs) - {"S", "detectable", "in_focus", "A", "observed", "key"}:
        np.testing.assert_allclose(
            getattr(truth, what), theirs[what], rtol=1e-9, atol=1e-12, err_msg=what
        )
    if spec.step("sensor") is None:
        largest = np.abs(theirs["observed"]).max()
        np.testing.assert_allclose(ours.observed, theirs["observed"], rtol=0, atol=1e-5 * largest)
        return
    off = np.abs(ours.observed - theirs["observed"])
    assert (off > 0).mean() <= 1e-4
    assert off.max() <= 1
