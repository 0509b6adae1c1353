import numba
import numpy as np
import pytest

from simlab.calcium.footprints import FootprintStack
from simlab.calcium.optics import (
    DETECT_SNR_THRESHOLD,
    blur_footprint,
    blur_footprints,
    detection_snr,
    effective_depths,
    find_focus,
    resting_focus,
    view_cells,
)
from simlab.calcium.spec import Acquisition, ImageSensor, Optics, Sensor, Tissue


def acquisition_of(focus="auto", height=64, width=48, **optics):
    return Acquisition(
        optics=Optics(**optics),
        image_sensor=ImageSensor(n_px_height=height, n_px_width=width, pixel_pitch_um=8.0),
        focal_depth_in_tissue_um=focus,
    )


def random_cells(n, seed=0, depth=(20.0, 180.0)):
    rng = np.random.default_rng(seed)
    return rng.uniform((depth[0], -30, -24), (depth[1], 30, 24), (n, 3))


@pytest.mark.parametrize("na", [0.2, 0.45, 0.8])
@pytest.mark.parametrize("nm", [450.0, 650.0])
def test_blur_times_brightness_does_not_depend_on_the_focus(na, nm):
    cells = random_cells(50)
    acquisition = acquisition_of(na=na, emission_nm=nm)
    views = [view_cells(acquisition, cells, focus) for focus in (0.0, 80.0, 200.0)]
    areas = [view.sigma_px**2 * view.brightness for view in views]
    np.testing.assert_allclose(areas, np.broadcast_to(areas[0], (3, 50)), rtol=1e-12)


def test_no_cell_is_brighter_than_what_the_lens_collects():
    cells = random_cells(50)
    acquisition = acquisition_of(field_curvature_radius_um=300.0)
    view = view_cells(acquisition, cells, 100.0)
    full = acquisition.tissue.attenuation(cells[:, 0]) * 0.45**2
    np.testing.assert_allclose(view.gain, full, rtol=1e-12)
    assert (view.brightness <= full).all()


def test_cells_in_the_focal_plane_are_in_focus():
    acquisition = acquisition_of(focus=100.0)
    half = 1.33 * 0.525 / 0.45**2
    cells = np.array([[100.0, 3, 4], [100 + 0.99 * half, 0, 0], [100 + 1.01 * half, 0, 0]])
    view = view_cells(acquisition, cells, 100.0)
    assert view.in_focus.tolist() == [True, True, False]
    sharp = np.hypot(0.21 * 0.525 / 0.45, 0.05 * 100.0)
    assert view.sigma_px[0] == pytest.approx(sharp, rel=1e-12)


def test_a_curved_field_focuses_shallower_off_the_axis():
    acquisition = acquisition_of(field_curvature_radius_um=200.0)
    shift = 200.0 - np.sqrt(200.0**2 - 50.0**2)
    cells = np.array([[100.0 - shift, 30.0, -40.0], [100.0, 0.0, 0.0]])
    np.testing.assert_allclose(effective_depths(acquisition, cells), 100.0, rtol=1e-14)
    assert view_cells(acquisition, cells, 100.0).in_focus.all()


def test_a_given_focus_is_kept():
    cells = random_cells(5)
    assert find_focus(acquisition_of(focus=33.0), cells, None, None, Sensor()) == 33.0


def test_focus_without_cells_traces_or_sensor():
    acquisition, cells = acquisition_of(field_curvature_radius_um=100.0), random_cells(6)
    median = np.median(effective_depths(acquisition, cells))
    assert find_focus(acquisition, np.zeros((0, 3)), None, None, Sensor()) == 0.0
    assert find_focus(acquisition, cells, None, None, Sensor()) == median
    assert find_focus(acquisition, cells, np.ones((6, 9)), None, None) == median
    assert resting_focus(acquisition, cells) == np.median(cells[:, 0])
    assert resting_focus(acquisition, np.zeros((0, 3))) == 0.0
    assert resting_focus(acquisition_of(focus=12.0), cells) == 12.0


@pytest.mark.parametrize("curvature", [None, 150.0])
def test_automatic_focus_detects_most_cells(curvature):
    acquisition = acquisition_of(field_curvature_radius_um=curvature)
    cells = random_cells(40, seed=2)
    emission = 1.0 + np.random.default_rng(1).exponential(1.0, (40, 30))
    field = np.linspace(0.3, 1.0, 64 * 48).reshape(64, 48)
    sensor = Sensor(photons_per_unit=40.0)

    def score(focus):
        depths = effective_depths(acquisition, cells)
        _, brightness = acquisition.cell_optics(cells[:, 0], focus - depths + cells[:, 0])
        rows = np.rint(31.5 + cells[:, 1]).astype(int)
        columns = np.rint(23.5 + cells[:, 2]).astype(int)
        gain = brightness * field[rows.clip(0, 63), columns.clip(0, 47)] * 40.0 * 0.7
        base, peak = emission.min(1), np.ptp(emission, axis=1)
        seen = peak * gain / np.sqrt(base * gain + 4.0) >= DETECT_SNR_THRESHOLD
        return seen.sum(), (peak * gain)[seen].sum()

    depths = effective_depths(acquisition, cells)
    candidates = np.linspace(depths.min(), depths.max(), 96)
    best = max(candidates, key=score)
    assert 0 < score(best)[0] < 40
    found = find_focus(acquisition, cells, emission, field, sensor)
    assert found == pytest.approx(best, abs=1e-9)


def test_undetectable_cells_are_focused_on_at_the_shallowest():
    cells = random_cells(7)
    found = find_focus(acquisition_of(), cells, np.ones((7, 4)), None, Sensor())
    assert found == cells[:, 0].min()


def test_signal_without_noise_is_infinite_and_nothing_is_zero():
    found = detection_snr([1.0, 0.0, -1.0], [0.0, 0.0, -3.0], 2.0, 0.0)
    assert found.tolist() == [np.inf, 0.0, 0.0]
    assert detection_snr(2.0, 4.0, 9.0, 0.0) == 3.0


def test_blur_keeps_the_light_of_cells_far_from_the_edges():
    rng = np.random.default_rng(0)
    patch = rng.random((9, 7))
    for sigma in (0.3, 2.3, 6.0):
        blurred, offset = blur_footprint(patch, (60, 70), (130, 140), sigma, 0.04)
        reach = int(np.ceil(4 * sigma)) + 1
        assert offset == (60 - reach, 70 - reach)
        assert blurred.shape == (9 + 2 * reach, 7 + 2 * reach)
        assert blurred.dtype == np.float32
        total = 0.04 * patch.astype(np.float32).sum(dtype=float)
        assert blurred.sum(dtype=float) / total == pytest.approx(1.0, abs=1e-5)


def test_light_beyond_the_canvas_is_lost():
    blurred, offset = blur_footprint(np.ones((4, 4)), (0, 1), (20, 5), 3.0, 1.0)
    assert offset == (0, 0)
    assert blurred.shape == (17, 5)
    assert blurred.sum() < 16


def test_blurred_points_are_gaussians():
    sigma = 2.5
    blurred, offset = blur_footprint([[1.0]], (30, 30), (61, 61), sigma, 2.0)
    y, x = (np.arange(n) + first - 30 for n, first in zip(blurred.shape, offset, strict=True))
    kernel = np.exp(-(np.arange(-10, 11) ** 2) / (2 * sigma**2))
    profiles = [np.where(abs(c) <= 10, np.exp(-(c**2) / (2 * sigma**2)), 0.0) for c in (y, x)]
    expected = 2.0 * np.outer(*profiles) / kernel.sum() ** 2
    np.testing.assert_allclose(blurred, expected, atol=1e-8)


def test_many_cells_blur_as_each_does_alone():
    rng = np.random.default_rng(3)
    patches = [rng.random(rng.integers(1, 9, 2)) for _ in range(60)]
    patches[17] = np.zeros((0, 0))
    offsets = rng.integers(0, 30, (60, 2))
    stack = FootprintStack.from_patches(patches, offsets, (40, 40))
    sigma, gain = rng.uniform(0.2, 5.0, 60), rng.random(60)
    blurred = blur_footprints(stack, sigma, gain)
    assert blurred.shapes[17].tolist() == [0, 0]
    for i in (0, 16, 17, 18, 59):
        if patches[i].size:
            patch, offset = blur_footprint(patches[i], offsets[i], (40, 40), sigma[i], gain[i])
            np.testing.assert_array_equal(blurred.patch(i), patch)
            assert tuple(blurred.offsets[i]) == offset


def test_no_cells_blur_to_nothing():
    none = FootprintStack.empty((9, 9))
    assert len(blur_footprints(none, np.zeros(0), np.zeros(0))) == 0


def test_scatter_blurs_deep_cells_more():
    acquisition = Acquisition(tissue=Tissue(scatter_blur_per_um=0.2))
    cells = np.array([[10.0, 0, 0], [100.0, 0, 0]])
    view = view_cells(acquisition, cells, 100.0)
    diffraction, px = acquisition.optics.diffraction_sigma_um, acquisition.pixel_size_um
    assert view.sigma_px[1] * px == pytest.approx(np.hypot(diffraction, 20.0))
    assert view.sigma_px[0] * px == pytest.approx(np.sqrt(diffraction**2 + 4.0 + (0.45 * 90) ** 2))


def test_threads_do_not_change_blurred_footprints():
    rng = np.random.default_rng(4)
    patches = [rng.random((5, 6)) for _ in range(70)]
    stack = FootprintStack.from_patches(patches, rng.integers(0, 30, (70, 2)), (40, 40))
    sigma, gain = rng.uniform(0.5, 4.0, 70), rng.random(70)
    usual, found = numba.get_num_threads(), []
    for threads in (1, min(2, usual)):
        numba.set_num_threads(threads)
        found.append(blur_footprints(stack, sigma, gain).data)
    numba.set_num_threads(usual)
    np.testing.assert_array_equal(*found)
