"""normalization.json against direct numpy over all frames, whatever the shards."""

import math
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from ptycho_campaign import small_dataset

from simlab.core.errors import SimlabError
from simlab.core.files import read_csv, read_json, read_npz
from simlab.ptycho import detector, plan, statistics
from simlab.ptycho.dataset import read_dataset
from simlab.ptycho.forward import ForwardModel
from simlab.ptycho.histogram import BINS, histogram_bins, histogram_edges, radial_rings
from simlab.ptycho.kernels import detection
from simlab.ptycho.photons import counts_of, photons_of
from simlab.ptycho.statistics import (
    frame_statistics,
    merge,
    object_statistics,
    observed_norm,
)

ACCURACY = 0.25

VARIANTS = {
    "amplitude": {},
    "all train": {"split": None},
    "uint16": {"output": {"measurement": "count_intensity", "counts_dtype": "uint16"}},
    "intensity": {"output": {"measurement": "intensity"}},
    "no noise": {"detector": {"poisson": False}},
    "dose range": {"detector": {"dose": {"range": [1e3, 1e6]}}},
    "saturation": {"detector": {"saturation": 2000, "background": 0.5}},
    "objects": {"object": {"count": 3}},
    "dim": {"detector": {"nphotons": 200}},
    "outside": {"scan": {"buffer": 2}},
}


@pytest.mark.parametrize("name", VARIANTS)
def test_normalization_is_what_numpy_finds_in_the_train_frames(tmp_path, name):
    data = small_dataset(tmp_path, VARIANTS[name])
    found, arrays = read_json(data["normalization.json"]), read_npz(data["simulated.npz"])
    train = splits(data) == "train"
    assert 0 < np.count_nonzero(train) <= 64
    measurement, n = data.dataset.output.measurement, 32
    frames = arrays["diff3d"].astype(np.float64)
    scale = arrays.get("frame_scale", np.full(64, float(arrays["intensity_scale"])))
    counts = counts_of(frames, measurement, scale)
    if data.dataset.detector.poisson:
        counts = np.rint(counts)
    own, own_counts = frames[train], counts[train]
    totals = own_counts.sum(axis=(1, 2))
    offset = np.arange(n) - n // 2
    radius = np.hypot(offset[:, None], offset)
    limit = data.dataset.detector.saturation or math.inf
    expected = {
        "format": 1,
        "split": "train",
        "n": np.count_nonzero(train),
        "n_samples": np.count_nonzero(train),
        "n_total": 64,
        "N": n,
        "measurement_domain": measurement,
        "nphotons": photons_of(data.dataset.detector),
        "intensity_scale": float(arrays["intensity_scale"]),
        "norm_Y_I": math.sqrt(
            photons_of(data.dataset.detector)
            / ((np.sqrt(counts) / scale[:, None, None]) ** 2).sum(axis=(1, 2)).mean()
        ),
        "diff3d": {
            "min": own.min(),
            "max": own.max(),
            "mean": own.mean(),
            "std": own.std(),
            "mean_frame_max": own.max(axis=(1, 2)).mean(),
            "zero_fraction": np.mean(own == 0),
        },
        "mean_sum_sq": (own**2).sum(axis=(1, 2)).mean(),
        "x_full_scale": (n / 2) / math.sqrt((own**2).sum(axis=(1, 2)).mean()),
        "mean_measured_intensity": own_counts.mean(),
        "rms_input_scale": (n / 2) / math.sqrt((own_counts**2).sum(axis=(1, 2)).mean()),
        "mean_counts": totals.mean(),
        "min_counts": totals.min(),
        "max_counts": totals.max(),
        "saturated_frame_fraction": np.mean((own_counts >= limit).any(axis=(1, 2))),
        "norm_Y_I_patch": patch_max(arrays, train).mean(),
        "radial_mean_counts": [
            own_counts[:, (radius >= ring) & (radius < ring + 1)].mean() for ring in range(n // 2)
        ],
        "object": object_over_box(arrays, train),
        **{
            key: read_json(data["positions.json"])[key]
            for key in ("n_outside", "mean_nearest_distance", "linear_overlap")
        },
    }
    percentiles = {key: found["diff3d"].pop(key) for key in ("p0_1", "p1", "p50", "p99", "p99_9")}
    assert_close(found, expected, 1e-9 if data.dataset.detector.poisson else 1e-6)
    for key, percent in zip(percentiles, (0.1, 1, 50, 99, 99.9), strict=True):
        exact = np.percentile(own, percent, method="inverted_cdf")
        assert percentiles[key] == pytest.approx(exact, rel=ACCURACY), key


def patch_max(arrays, train):
    return abs(arrays["ground_truth_patches"][train].astype(np.complex128)).max(axis=(1, 2, 3))


def splits(data):
    header, rows = read_csv(data["index.csv"])
    return np.array([row[header.index("split")] for row in rows])


def object_over_box(arrays, train):
    values = []
    objects = arrays["objectGuess"]
    for number, one in enumerate(objects if objects.ndim == 3 else objects[None]):
        here = train & (arrays["object_index"] == number)
        if not here.any():
            continue
        box = []
        for key, extent in (("ycoords", one.shape[0]), ("xcoords", one.shape[1])):
            low = math.floor(arrays[key][here].min()) - 16
            high = math.ceil(arrays[key][here].max()) + 16
            box.append(slice(max(low, 0), min(high, extent)))
        values.append(one[tuple(box)].ravel())
    values = np.concatenate(values).astype(np.complex128)
    return {
        name: {"min": v.min(), "max": v.max(), "mean": v.mean(), "std": v.std()}
        for name, v in (("amplitude", abs(values)), ("phase", np.angle(values)))
    }


def assert_close(found, expected, rel):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        if isinstance(value, dict):
            assert_close(found[key], value, rel)
        elif isinstance(value, str):
            assert found[key] == value
        else:
            assert found[key] == pytest.approx(value, rel=rel, abs=1e-12), key


def test_excluded_frames_belong_to_no_split(tmp_path):
    data = small_dataset(tmp_path, {"split": {"gap": 12}})
    labels = splits(data)
    assert set(labels) == {"train", "test", "excluded"}
    found = read_json(data["normalization.json"])
    assert (
        found["n"] == np.count_nonzero(labels == "train") < 64 - np.count_nonzero(labels == "test")
    )


@pytest.mark.parametrize("gathered", [False, True], ids=["single", "gathered"])
@pytest.mark.parametrize("variant", [{}, {"detector": {"dose": "per_pattern"}}], ids=str)
def test_the_file_does_not_depend_on_the_shards(tmp_path, monkeypatch, variant, gathered):
    monkeypatch.setattr(plan, "GATHERED_SHARDS", 6 if gathered else 7)
    whole = small_dataset(tmp_path / "whole", variant)
    shards = small_dataset(tmp_path / "shards", variant, {"frames_per_shard": 10})
    assert (
        shards["power.npz"].exists() == gathered == ("power.npz" in plan.published(shards.dataset))
    )
    assert not whole["power.npz"].exists()
    assert len(whole.sizes.shards) == 1
    assert len(shards.sizes.shards) == 7
    for name in ("normalization.json", "index.csv", "scale.json", "positions.npz"):
        assert whole[name].read_bytes() == shards[name].read_bytes(), name
    assert whole["simulated.npz"].read_bytes() == shards["simulated.npz"].read_bytes()


# Public functions


def frames_for_statistics(seed=1, side=16, frames=5):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(3, (frames, side, side)).astype(np.uint32)
    patches = (rng.normal(size=counts.shape) + 1j).astype(np.complex64)
    return np.sqrt(counts).astype(np.float32) / np.float32(7), counts, patches


def test_the_kernels_statistics_are_those_of_the_public_function():
    rng = np.random.default_rng(3)
    probe = np.exp(-np.hypot(*np.indices((24, 24)) - 12) / 4).astype(np.complex64)
    sample = (rng.uniform(0.2, 1, (60, 60)) * np.exp(1j * rng.uniform(0, 1, (60, 60)))).astype(
        np.complex64
    )
    for measurement, poisson in (("normalized_amplitude", True), ("intensity", False)):
        rules = {"saturation": 90, "background": 0.2, "poisson": poisson}
        model = ForwardModel(
            sample, probe, seed=5, nphotons=1e4, detector=rules, measurement=measurement
        )
        (block,) = model.frames(
            *rng.uniform(12, 48, (2, 9)), intensity_scale=20.0, mean_power=1.0, first_frame=0
        )
        counts = counts_of(block.diff3d, measurement, 20.0)
        counts = np.rint(counts) if poisson else counts
        ours = frame_statistics(block.diff3d, counts, block.patches, 90 * (1 - 1e-6))
        assert ours.keys() == block.statistics.keys()
        for key, values in ours.items():
            rel = 1e-12 if poisson or not key.startswith(("counts", "radial")) else 1e-6
            rel = 1e-6 if key == "patch_max" else rel
            np.testing.assert_allclose(values, block.statistics[key], rtol=rel, err_msg=key)
        np.testing.assert_array_equal(ours["histogram"], block.statistics["histogram"])
        assert ours["saturated"].sum() > 0


def test_kernel_and_numpy_put_every_value_into_the_same_bin():
    assert detector.histogram_edges is histogram_edges
    assert detection.BINS == BINS
    edges = histogram_edges()
    near = np.concatenate([edges, np.nextafter(edges, 0), np.nextafter(edges, np.inf)])
    rng = np.random.default_rng(0)
    values = np.concatenate([near, 2.0 ** rng.uniform(-45, 45, 5000), [0.0, 1e-44, 1e38]])
    single = np.concatenate([values.astype(np.float32), np.zeros(4)])[: values.size // 4 * 4]
    bins = histogram_bins(single.astype(np.float64))
    tables = detector.statistics_tables(2)
    for four, expected in zip(single.reshape(-1, 4), bins.reshape(-1, 4), strict=True):
        if not np.isfinite(four).all():
            continue
        results = detection.Results(
            True,
            np.zeros(1, np.int64),
            np.zeros((1, len(detection.SUMS))),
            np.zeros((1, 2)),
            np.zeros((1, BINS), np.int32),
        )
        rules = detection.Detector(
            False, 0.0, 0.0, math.inf, False, np.empty(0, np.uint8), detection.INTENSITY, math.inf
        )
        stored = np.zeros((1, 4), np.float32)
        counts = four.astype(np.float64)[None].copy()
        detection.record_frames(counts, np.uint64(1), 0, rules, np.ones(1), stored, tables, results)
        np.testing.assert_array_equal(stored[0], four.astype(np.float32))
        np.testing.assert_array_equal(
            results.histogram[0], np.bincount(expected, minlength=BINS), err_msg=str(four)
        )


def test_histogram_edges_are_the_nearest_doubles_to_powers_of_two():
    edges = histogram_edges()
    assert edges.shape == (256,)
    assert edges[0] == 2.0**-40
    assert edges[51] == 2.0**-24
    assert edges[255] == 2.0**40
    for i in (1, 100, 200, 254):
        # (edge 2^40)^255 = 2^(80 i), exactly in rational numbers
        target = Fraction(2) ** (80 * i)
        error = abs((Fraction(edges[i]) * 2**40) ** 255 - target)
        for other in (np.nextafter(edges[i], 0), np.nextafter(edges[i], np.inf)):
            assert error < abs((Fraction(other) * 2**40) ** 255 - target)


def test_bins_hold_zeros_ends_and_edges_where_the_page_says():
    edges = histogram_edges()
    np.testing.assert_array_equal(
        histogram_bins(np.array([0.0, 1e-30, edges[0], edges[1], edges[254], edges[255], 1e30])),
        [0, 1, 1, 2, 255, 255, 255],
    )


def test_frame_statistics_of_frames_known_by_hand():
    stored = np.zeros((1, 16, 16), np.float32)
    stored[0, 8, 8], stored[0, 8, 9], stored[0, 0, 0] = 4, 2, 1
    counts = stored**2
    found = frame_statistics(stored, counts, saturation=16)
    assert found["sum"] == 7
    assert found["sum_sq"] == 21
    assert (found["min"], found["max"], found["zeros"], found["saturated"]) == (0, 4, 253, 1)
    assert (found["counts_sum"], found["counts_sum_sq"]) == (21, 256 + 16 + 1)
    assert np.isnan(found["patch_max"])
    assert found["radial"][0, 0] == 16
    assert found["radial"][0, 1] == pytest.approx(4 / np.count_nonzero(radial_rings(16) == 1))
    assert found["radial"].shape == (1, 8)
    assert found["histogram"].sum() == 256
    assert found["histogram"][0, 0] == 253


def test_squares_of_integers_do_not_overflow():
    stored = np.full((1, 16, 16), 60000, np.uint16)
    assert frame_statistics(stored, stored)["sum_sq"] == 256 * 60000.0**2


def test_totals_do_not_depend_on_the_cut_of_the_frames():
    stored, counts, patches = frames_for_statistics(frames=40)
    train = np.arange(40) % 3 > 0
    whole = merge(frame_statistics(stored, counts, patches), train, 16)
    parts = [
        frame_statistics(stored[a:b], counts[a:b], patches[a:b])
        for a, b in ((0, 1), (1, 30), (30, 40))
    ]
    assert merge(statistics.concatenate(parts), train, 16) == whole
    assert whole["n"] == np.count_nonzero(train)
    assert whole["n_total"] == 40


def test_percentiles_are_zero_where_the_frames_are_and_follow_scales():
    stored, counts, patches = frames_for_statistics(frames=40)
    half = stored.copy()
    half[:, ::2] = 0
    found = merge(frame_statistics(half, counts, patches), np.ones(40, bool), 16)["diff3d"]
    assert found["p1"] == found["p50"] == 0
    exactly = np.zeros((1, 16, 16))
    exactly[0, :8] = 3.0
    found = merge(frame_statistics(exactly, exactly), np.ones(1, bool), 16)["diff3d"]
    assert found["zero_fraction"] == 0.5
    assert found["p50"] == 0
    assert found["p99"] == pytest.approx(3, rel=ACCURACY)


def test_dark_frames_have_no_scale_and_no_train_frames_are_an_error():
    dark = np.zeros((2, 16, 16))
    found = merge(frame_statistics(dark, dark), np.ones(2, bool), 16)
    assert found["x_full_scale"] == found["rms_input_scale"] == math.inf
    assert observed_norm([0.0, 0.0], 3.0, 1e4) == math.inf
    with pytest.raises(SimlabError, match="no training frames"):
        merge(frame_statistics(dark, dark), np.zeros(2, bool), 16)


def test_observed_norm_is_that_of_the_recorded_amplitudes():
    # A = sqrt(n)/s, hence sum A^2 = n/s^2
    assert observed_norm([100.0, 300.0], 2.0, 800.0) == pytest.approx(math.sqrt(800 / 50))
    assert observed_norm([100.0, 300.0], [1.0, 10.0], 103.0) == pytest.approx(math.sqrt(2))


def test_object_statistics_look_at_the_box_of_the_chosen_patches_only():
    sample = np.full((64, 64), 5.0, np.complex64)
    sample[8:28, 4:23] = np.exp(1j).astype(np.complex64)
    x, y = np.array([12.0, 14.5, 50.0]), np.array([16.0, 20.0, 50.0])
    found = object_statistics(sample, x, y, np.zeros(3, int), np.array([True, True, False]), 16)
    assert found["amplitude"]["max"] == pytest.approx(1)
    assert found["phase"]["mean"] == pytest.approx(1)
    sample[8, 22] = 3
    found = object_statistics(sample, x, y, np.zeros(3, int), np.array([True, True, False]), 16)
    assert found["amplitude"]["max"] == pytest.approx(3)


def test_object_statistics_without_any_pixel_are_undefined():
    far = np.array([500.0])
    found = object_statistics(
        np.ones((64, 64), np.complex64), far, far, np.zeros(1, int), np.ones(1, bool), 16
    )
    assert found == {"amplitude": None, "phase": None}


@pytest.mark.parametrize(
    "module",
    [
        "simlab.ptycho.statistics",
        "simlab.ptycho.photons",
        "simlab.ptycho.splits",
        "simlab.ptycho.histogram",
        "simlab.ptycho.stages.index",
        "simlab.ptycho.stages.scale",
        "simlab.ptycho.stages.normalization",
        "simlab.core.manifest",
    ],
)
def test_light_jobs_import_neither_numba_nor_matplotlib(root, module):
    heavy = ("numba", "matplotlib", "h5py", "scipy", "cv2", "pyopencl")
    code = f"import sys, {module}; sys.exit(', '.join(k for k in {heavy} if k in sys.modules) or 0)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=root / "workflow" / "scripts",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_drawn_dose_is_recorded_by_its_geometric_mean(tmp_path):
    data = small_dataset(tmp_path, {"detector": {"dose": {"range": [1e3, 1e6]}}})
    written = read_json(data["normalization.json"])
    photons = math.sqrt(1e3 * 1e6)
    assert read_json(data["scale.json"])["nphotons"] == written["nphotons"] == photons
    raw = read_dataset(data["simulated.h5"])
    assert raw.metadata["physics_parameters"]["nphotons"] == photons
    assert read_npz(data["simulated.npz"])["nphotons"] == photons
    for norm in (written["norm_Y_I"], raw.norm_Y_I):
        assert norm == pytest.approx(written["intensity_scale"], rel=5 / math.sqrt(64 * 1e3))
