"""Closed forms of the models, the extension block, what a specification tells of itself."""

import json
import math

import numpy as np
import pytest
from calcium_specs import small
from pydantic import ValidationError

from simlab.calcium import spec as spec_module
from simlab.calcium.spec import (
    STEP_CLASSES,
    STEP_DOMAINS,
    STEP_ORDER,
    Acquisition,
    BrainMotion,
    Extensions,
    ImageSensor,
    Optics,
    Spec,
    Tissue,
)


def test_specifications_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Spec(steps=[]).seed = 3


def test_peak_light_times_area_does_not_depend_on_the_focus():
    acquisition = Acquisition()
    depths = np.linspace(0.0, 200.0, 21)
    sigma, brightness = acquisition.cell_optics(depths, depths)
    for focus in (0.0, 70.0, 200.0):
        defocused, dimmed = acquisition.cell_optics(depths, focus)
        np.testing.assert_allclose(defocused**2 * dimmed, sigma**2 * brightness, rtol=1e-12)
    optics, tissue = acquisition.optics, acquisition.tissue
    limit = tissue.attenuation(depths) * optics.collection_efficiency
    np.testing.assert_allclose(brightness, limit, rtol=1e-12)
    assert np.all(dimmed <= limit)


def test_scalars_give_scalars():
    sigma, brightness = Acquisition().cell_optics(50.0, 60)
    assert np.ndim(sigma) == np.ndim(brightness) == 0
    assert np.ndim(Optics().focal_curvature_shift_um(3.0)) == 0


def test_attenuation_is_that_of_both_ways():
    tissue = Tissue(scatter_mfp_excitation_um=300.0, scatter_mfp_emission_um=150.0)
    expected = math.exp(-80.0 / 300.0) * math.exp(-80.0 / 150.0)
    assert tissue.attenuation(80.0) == pytest.approx(expected, rel=1e-12)


def test_a_curved_focus_is_a_sphere():
    radius = 400.0
    optics = Optics(field_curvature_radius_um=radius)
    r = np.array([0.0, 30.0, 399.0, 400.0, 1e6])
    shift = optics.focal_curvature_shift_um(r)
    np.testing.assert_allclose((radius - shift) ** 2 + np.minimum(r, radius) ** 2, radius**2)
    np.testing.assert_array_equal(Optics().focal_curvature_shift_um(r), 0.0)


def test_the_depth_of_field_can_be_given():
    assert Optics(depth_of_field_um=7).dof_um == 7.0
    assert Optics(na=0.3).dof_um == pytest.approx(7.7583333333, rel=1e-9)
    assert not hasattr(Optics(), "depth_of_field")


def test_frames_at_half_are_rounded_to_even():
    assert [Acquisition(fps=1.0, duration_s=d).n_frames for d in (0.5, 1.5, 2.5)] == [0, 2, 2]


def test_the_optical_axis_is_the_center_of_every_grid():
    acquisition = Acquisition()
    px = acquisition.pixel_size_um
    for shape in ((5, 8), (256, 256)):
        center = (shape[0] - 1) / 2, (shape[1] - 1) / 2
        assert acquisition.um_to_index(0.0, 0.0, shape) == center
        row, column = acquisition.um_to_index(2 * px, -3 * px, shape)
        assert (row, column) == pytest.approx((center[0] + 2, center[1] - 3))


def test_lengths_and_times_become_pixels_and_frames():
    acquisition = Acquisition(fps=30.0)
    assert acquisition.um_to_px(0.75) == pytest.approx(2.0)
    assert acquisition.s_to_frame(0.5) == 15.0


def test_without_light_and_read_noise_nothing_is_counted():
    chip = ImageSensor(read_noise_e=0.0)
    counts = chip.photons_to_counts(np.array([[-3.0, 0.0]]), np.random.default_rng(0))
    np.testing.assert_array_equal(counts, 0)


def test_counts_have_mean_and_variance_of_shot_and_read_noise():
    chip = ImageSensor(bit_depth=16, gain_adu_per_e=1.5, quantum_efficiency=0.5, read_noise_e=3.0)
    n, lam = 200_000, 50.0
    counts = chip.photons_to_counts(np.full(n, lam / 0.5), np.random.default_rng(1)).astype(float)
    variance = 1.5**2 * (lam + 9.0) + 1 / 12
    assert abs(counts.mean() - (1.5 * lam - 0.5)) < 5 * math.sqrt(variance / n)
    assert abs(counts.var() / variance - 1) < 5 * math.sqrt(2 / n)


@pytest.mark.parametrize(
    ("bits", "dtype", "top"), [(1, "u1", 1), (8, "u1", 255), (9, "u2", 511), (16, "u2", 65535)]
)
def test_bright_light_saturates(bits, dtype, top):
    chip = ImageSensor(bit_depth=bits)
    counts = chip.photons_to_counts(np.full(3, 1e7), np.random.default_rng(0))
    assert counts.dtype == chip.count_dtype == np.dtype(dtype)
    np.testing.assert_array_equal(counts, top)
    assert chip.max_count == top


@pytest.mark.parametrize(
    ("motion", "margin"),
    [
        ({}, 16),
        ({"max_shift_um": 14.2, "motion_amplitude_um": 3.0}, 16),
        ({"trajectory_um": [[0.0, -2.5], [1.0, 0.0]]}, 4),
        ({"trajectory_um": [[0.0, 0.0], [0.0, 0.0]]}, 0),
    ],
)
def test_the_margin_holds_the_largest_shift(motion, margin):
    spec = small({"kind": "brain_motion", **motion}, frames=2)
    assert spec.margin_px == margin
    assert spec.canvas_shape == (32 + 2 * margin, 40 + 2 * margin)
    assert spec.fov_shape == (32, 40)
    assert small("sensor").margin_px == 0


def test_composite_has_two_names():
    spec = small("sensor", "composite", "place_neurons")
    assert spec.stage_names == ["place_neurons", "cells_only", "sensor"]
    assert spec.step("composite").kind == "composite"
    assert spec.step("leakage") is None


def test_cells_alone_make_no_movie():
    assert not small("place_neurons", "optics").has_movie()
    spec = small("place_neurons", "optics", "vasculature", "sensor")
    assert spec.has_movie()
    assert [spec.has_movie(until=s) for s in spec.stage_names] == [False, False, True, True]


def test_the_number_of_cells_follows_density_and_volume():
    cells = {"kind": "place_neurons", "density_per_mm3": 1e6, "depth_range_um": [10.0, 60.0]}
    assert small(cells, n_px=(40, 50)).n_cells() == 100
    thin = {**cells, "depth_range_um": [10.0, 10.0], "soma_radius_um": 5.0}
    assert small(thin, n_px=(40, 50)).n_cells() == 20
    both = [{"positions_um": [[1.0, 0.0, 0.0]]}, {"density_per_mm3": 1e6}]
    assert small({"kind": "place_neurons", "populations": both}, n_px=(40, 50)).n_cells() == 401
    assert small("sensor").n_cells() == 0


def test_every_step_has_a_domain():
    assert [STEP_DOMAINS[kind] for kind in STEP_ORDER] == (
        ["cell"] * 4 + ["tissue"] * 3 + ["motion"] + ["sensor"] * 4
    )
    assert len(STEP_CLASSES) == 12


def test_every_field_says_what_it_means():
    models = [getattr(spec_module, name) for name in spec_module.__all__]
    models = [m for m in models if isinstance(m, type) and hasattr(m, "model_fields")]
    silent = [
        f"{model.__name__}.{name}"
        for model in models
        for name, field in model.model_fields.items()
        if not field.description
    ]
    assert len(models) > 20
    assert silent == []


def test_extensions_equal_to_their_defaults_leave_the_key_alone():
    plain = small("sensor")
    spec = small("sensor", ext={"sensor_noise": "counter", "segments": []})
    assert spec.ext is None
    assert spec == plain
    assert spec.cache_key() == plain.cache_key()
    assert '"ext"' not in spec.model_dump_json()
    assert "ext" not in spec.model_dump()
    assert spec.extensions == Extensions()


def test_the_json_holds_only_extensions_that_are_on():
    ext = {
        "dropped_frames": {},
        "saturation": {"half": 4},
        "shot_noise": "poisson",
        "hot_pixels": None,
        "segments": [{"start_frame": 2, "gap_s": 3}],
    }
    spec = small("sensor", ext=ext)
    text = spec.model_dump_json()
    assert text.endswith(
        '"ext":{"shot_noise":"poisson","saturation":{"hill":1.0,"half":4.0},'
        '"segments":[{"start_frame":2,"gap_s":3.0,"exposure":1.0}],'
        '"dropped_frames":{"fraction":0.01,"fill":"repeat"}}}'
    )
    assert Spec.model_validate_json(text) == spec
    assert spec.cache_key() != small("sensor").cache_key()


def test_whole_numbers_given_for_lengths_become_floats():
    assert json.loads(BrainMotion(max_shift_um=20).model_dump_json())["max_shift_um"] == 20.0
    assert '"max_shift_um":20.0' in BrainMotion(max_shift_um=20).model_dump_json()
