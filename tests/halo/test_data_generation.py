"""The three consistencies that training and inference rely on, each through production code."""

import inspect
import itertools

import numpy as np
import pytest
from halo_particles import SCALES, L, clustered, views

from simlab.core.files import npz_headers, read_csv
from simlab.core.statistics import RunningMoments
from simlab.halo.config import MapsConfig
from simlab.halo.cutouts import extract_inference_cutouts, extract_multiscale_cutouts
from simlab.halo.dataset import compute_normalization_stats, iter_samples
from simlab.halo.files.stats import FILES, load_normalization_stats
from simlab.halo.projection import (
    minimum_image,
    process_halo_with_full_periodic_tiling,
    project_multiscale,
    project_particles_2d,
)
from simlab.halo.statistics import denormalize, normalize, normalize_sample

NPIX, RES = 1024, 128
PIXEL = L / NPIX
CORNERS = [(0, 0, 0), (1023, 0, 1), (1, 1023, 1022), (500, 37, 900)]
"""Grid nodes of centers: at corners of the box, and one inside."""


def relative_to_peak(found, expected):
    """Largest difference of each map, as a share of its maximum."""
    difference = np.abs(found.astype(float) - expected).max(axis=(1, 2))
    return (difference / expected.max(axis=(1, 2))).max()


def maps_about(center, positions, masses, rotation=None):
    """The maps of a sample, as a shard makes them."""
    rotation = np.eye(3) if rotation is None else rotation
    return project_multiscale((positions, masses), center[None], rotation[None, None])[0, 0]


def test_multiscale_extraction_consistency(data, finished):
    # one set of scales: configuration, both extractions, projection and records
    assert tuple(MapsConfig().scales) == SCALES
    for function in (extract_multiscale_cutouts, extract_inference_cutouts, project_multiscale):
        assert inspect.signature(function).parameters["scales"].default == SCALES
        assert inspect.signature(function).parameters["target_resolution"].default == RES
    assert tuple(finished.record()["scales"]) == SCALES
    # every sample that is listed has maps of the configured resolution
    res = finished.dataset.maps.resolution
    _, rows = read_csv(finished["index.csv"])
    assert len(rows) == 32
    for row in rows:
        shapes = {key: shape for key, (shape, _) in npz_headers(finished[row[1]]).items()}
        expected = {"condition": (res, res), "target": (3, res, res), "large_scale": (3, res, res)}
        assert expected.items() <= shapes.items()
    # block means are those of the original
    with np.load(data / "halo" / "multiscale_formula.npz") as reference:
        for key, expected in reference.items():
            n, resolution, a, b, box = (int(part.lstrip("nrabL")) for part in key.split("_"))
            i, j = np.ogrid[:n, :n]
            field = (1e9 * (1 + (i * a + j * b) % 1000)).astype(np.float32)
            maps = extract_multiscale_cutouts(field, box, resolution)
            np.testing.assert_allclose(maps, expected, rtol=1e-6)
    # training and inference make the same maps, at corners of the box too
    positions, masses = clustered(4000)
    full = project_particles_2d(positions, masses, L, NPIX)
    for node in CORNERS:
        center = np.array(node) * PIXEL
        inference = extract_inference_cutouts(full, center, L)
        assert inference.shape == (4, RES, RES)
        training, _ = process_halo_with_full_periodic_tiling(
            positions, masses, center, L, NPIX, rotation=np.eye(3)
        )
        assert relative_to_peak(extract_multiscale_cutouts(training, L), inference) < 1e-6
        assert relative_to_peak(maps_about(center, positions, masses), inference) < 1e-6
    # each map is the middle of the next one
    maps = maps_about(np.array([3.0, 49.0, 20.0]), positions, masses, views(1)[0]).astype(float)
    for fine, coarse in itertools.pairwise(maps):
        means = fine.reshape(64, 2, 64, 2).mean(axis=(1, 3))
        assert np.abs(coarse[32:96, 32:96] - means).max() < 1e-6 * means.max()


def test_normalization_consistency(data, finished, tmp_path):
    # the transform and the merge are those of the published constants
    with np.load(data / "halo" / "normalization.npz") as reference:
        x = reference["x"]
        for field in ("dm", "gas", "star", "condition"):
            pair = float(reference[f"{field}_mean"]), float(reference[f"{field}_std"])
            z = normalize(x, *pair)
            np.testing.assert_allclose(z, reference[f"{field}_norm"], atol=1e-6)
            back = denormalize(z, *pair)
            assert np.max(np.abs(back - x) / (x + 1.0)) < 1e-5
        merged = RunningMoments()
        for shard in range(6):
            part = RunningMoments()
            part.push(reference[f"shard{shard}"])
            merged.merge(part)
        assert merged.count == reference["merged_count"]
        assert merged.mean == pytest.approx(float(reference["merged_mean"]), rel=1e-12)
        assert merged.std == pytest.approx(float(reference["merged_std"]), rel=1e-12)
        big = RunningMoments()
        for shard in range(4):
            big.push(reference[f"big{shard}"])
        assert big.std == pytest.approx(float(reference["big_std"]), rel=1e-4)
    # training reads what inference computes, bit for bit, and the way back leads home
    index = finished["index.csv"]
    stats = load_normalization_stats(finished.folder)
    for raw, read in zip(iter_samples(index), iter_samples(index, stats), strict=True):
        alone = normalize_sample({k: raw[k] for k in ("condition", "large_scale")}, stats)
        np.testing.assert_array_equal(read["condition"], alone["condition"])
        np.testing.assert_array_equal(read["large_scale"], alone["large_scale"])
        for k, prefix in enumerate(("dm", "gas", "star")):
            pair = stats[f"{prefix}_mag_mean"], stats[f"{prefix}_mag_std"]
            back = denormalize(read["target"][k], *pair)
            target = raw["target"][k].astype(float)
            assert np.max(np.abs(back - target) / (target + 1)) < 1e-5
    # the constants are those of the training samples
    compute_normalization_stats(index, f"{tmp_path}/")
    for file in FILES:
        assert (tmp_path / file).read_bytes() == finished[file].read_bytes()
    logs = [
        np.log10(sample["target"].astype(float) + 1)
        for sample in iter_samples(index, split="train")
    ]
    for k, prefix in enumerate(("dm", "gas", "star")):
        values = np.array(logs)[:, k]
        assert stats[f"{prefix}_mag_mean"] == pytest.approx(values.mean(), rel=1e-12)
        assert stats[f"{prefix}_mag_std"] == pytest.approx(values.std(), rel=1e-10)


def test_periodic_boundary_handling():
    # the nearest image
    offset = minimum_image(np.array([[48.0, 48.0, 48.0]]), np.array([2.0, 2.0, 2.0]), L)
    np.testing.assert_array_equal(offset, [[-4.0, -4.0, -4.0]])
    # cutouts wrap: center pixel 10, half 64 of 1024 -> first index 970
    rows = np.repeat(np.arange(NPIX, dtype=np.float32)[:, None], NPIX, axis=1)
    expected = np.r_[970:1024, 0:74]
    for field, axis in ((rows, 0), (rows.T, 1)):
        near = np.array([10.4 * PIXEL] * 3)
        cuts = [
            extract_multiscale_cutouts(field, L, center_pix=(10, 10))[0],
            extract_inference_cutouts(field, near, L)[0],
            extract_inference_cutouts(field, near + L, L)[0],
        ]
        for cut in cuts:
            lines = cut if axis == 0 else cut.T
            np.testing.assert_array_equal(lines, np.repeat(expected[:, None], RES, axis=1))
    # a translation of particles and center, exact in binary, changes no map
    rng = np.random.default_rng(5)
    positions = (rng.integers(0, 1024 * 50, (4000, 3)) / 1024).astype(np.float32)
    masses = rng.uniform(1, 2, 4000).astype(np.float32)
    (rotation,) = views(1)
    center = rng.integers(0, 64 * 50, 3) / 64
    before = maps_about(center, positions, masses, rotation)
    for shift in (rng.integers(0, 64 * 50, 3) / 64, -center, L - 1 / 64 - center):
        moved = np.mod(positions + shift, L).astype(np.float32)
        after = maps_about(np.mod(center + shift, L), moved, masses, rotation)
        assert relative_to_peak(after, before) < 1e-6
    # training and inference agree about corners, where all maps wrap
    full = project_particles_2d(positions, masses, L, NPIX)
    for node in CORNERS[:3]:
        corner = np.array(node) * PIXEL
        inference = extract_inference_cutouts(full, corner, L)
        assert relative_to_peak(maps_about(corner, positions, masses), inference) < 1e-6
        # every particle is in the map of the whole box once
        total = 64 * inference[3].sum(dtype=float)
        assert total == pytest.approx(masses.sum(dtype=float), rel=1e-6)
    # a particle beyond each face of the box is seen on its side
    corner = np.zeros(3)
    for axis in (0, 1):
        beyond = np.zeros((1, 3))
        beyond[0, axis] = L - PIXEL
        place = [64, 64]
        place[axis] -= 1
        maps = maps_about(corner, beyond, 1.0)
        assert maps[0][tuple(place)] == pytest.approx(1, abs=1e-4)
        assert maps[0].sum() == pytest.approx(1, abs=1e-6)
