"""Command add-large-scale, axis-aligned samples: cut out of maps of the whole box."""

import logging
import shutil

import numpy as np
import pytest
from halo_commands import arguments

from simlab.core.files import read_npz, write_npz
from simlab.halo.errors import SnapshotError
from simlab.halo.files.catalogs import load_halo_catalog
from simlab.halo.files.snapshots import load_dmo_particles
from simlab.halo.stages.projections import write_projections

NPIX, RES, BOX = 128, 16, 50.0
PLANES = {"xy": (0, 1), "xz": (0, 2), "yz": (1, 2)}
SIMS = (0, 1)
HALOES = (0, 1, 4)


@pytest.fixture(scope="module")
def maps(tmp_path_factory, pairs):
    """Folder of projections of two simulations, as rule halo_projections makes them."""
    folder = tmp_path_factory.mktemp("maps")
    spec = {
        "maps": {"resolution": RES},
        "chunk_particles": 10**4,
        "allow_missing_chunks": False,
    }
    for sim in SIMS:
        files = {plane: folder / f"projections_{plane}_{sim}.npz" for plane in PLANES}
        write_projections(spec, pairs / "DMO" / f"SB35_{sim}", files)
    return folder


def old_sample(number, center=None):
    """A sample that another tool made: no large_scale, dtypes of its own."""
    rng = np.random.default_rng(number)
    sample = {
        "mystery": np.arange(3, dtype=np.int16),
        "condition": rng.random((RES, RES)).astype(np.float32),
        "target": rng.random((3, RES, RES)),
        "halo_mass": np.float32(number),
    }
    return sample if center is None else {**sample, "halo_center": np.asarray(center)}


OWN_CENTER = np.array([49.97, 0.02, 24.99], np.float32)


@pytest.fixture
def samples(tmp_path):
    """Folder of aligned samples of three haloes; of halo 4 they know their center."""
    for sim in SIMS:
        for halo in HALOES:
            for number, plane in enumerate(PLANES):
                center = OWN_CENTER if halo == 4 else None
                path = tmp_path / "samples" / f"sim_{sim}" / f"halo_{halo}_{plane}.npz"
                write_npz(path, old_sample(10 * halo + number, center), 1)
    return tmp_path / "samples"


@pytest.fixture
def command(samples, maps, pairs):
    """Command line of add-large-scale, with `changes` of its options."""

    def line(changes=None):
        options = {
            "--data_dir": samples,
            "--projected_images_dir": maps,
            "--fof_nbody_base": pairs / "FOF",
            "--target_res": RES,
            **(changes or {}),
        }
        return ["add-large-scale", *arguments(options)]

    return line


def deposited(pairs, sim, axes):
    """Cloud-in-cell map of all particles, float64, written down plainly."""
    positions, masses = load_dmo_particles(pairs / "DMO" / f"SB35_{sim}")
    p = positions[:, axes].astype(np.float64) * NPIX / BOX
    low = np.floor(p).astype(int)
    u, v = (p - low).T
    (i, j), field = low.T, np.zeros((NPIX, NPIX))
    for di, wi in ((0, 1 - u), (1, u)):
        for dj, wj in ((0, 1 - v), (1, v)):
            np.add.at(field, ((i + di) % NPIX, (j + dj) % NPIX), masses * wi * wj)
    return field


def cut(field, center, side):
    """Periodic square of `side` Mpc/h about the pixel of `center`, as means of blocks."""
    half = round(side / 2 * NPIX / BOX)
    pixel = np.floor(np.asarray(center, float) * NPIX / BOX + 1e-9).astype(int)
    rows = np.take(field, range(pixel[0] - half, pixel[0] + half), axis=0, mode="wrap")
    square = np.take(rows, range(pixel[1] - half, pixel[1] + half), axis=1, mode="wrap")
    factor = 2 * half // RES
    return square.reshape(RES, factor, RES, factor).mean(axis=(1, 3))


def center_of(pairs, sim, halo):
    if halo == 4:
        return OWN_CENTER.astype(np.float64)
    return load_halo_catalog(pairs / "FOF" / f"SB35_{sim}")["pos"][halo]


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*.npz"))}


def all_samples(samples):
    for sim in SIMS:
        for halo in HALOES:
            for plane in PLANES:
                yield sim, halo, plane, samples / f"sim_{sim}" / f"halo_{halo}_{plane}.npz"


def test_one_region_is_the_periodic_cut_of_every_plane(halo, command, samples, pairs):
    out, _ = halo(*command())
    assert out == "18 samples written, 0 skipped: no such halo in the catalog\n"
    for sim, number, plane, path in all_samples(samples):
        axes = list(PLANES[plane])
        expected = cut(deposited(pairs, sim, axes), center_of(pairs, sim, number)[axes], 12.5)
        found = read_npz(path)["large_scale"]
        assert (found.shape, found.dtype) == ((RES, RES), np.float32)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * expected.max())


def test_scales_are_stacked(halo, command, samples, pairs):
    halo(*command({"--scales": [12.5, 25, 50]}))
    for sim, number, plane, path in all_samples(samples):
        axes = list(PLANES[plane])
        field, center = deposited(pairs, sim, axes), center_of(pairs, sim, number)[axes]
        expected = np.stack([cut(field, center, side) for side in (12.5, 25, 50)])
        found = read_npz(path)["large_scale"]
        assert found.shape == (3, RES, RES)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * expected.max())


def test_one_scale_is_a_stack_of_one(halo, command, samples):
    halo(*command({"--scales": 25, "--large_region_size": 12.5}))
    found = read_npz(samples / "sim_0" / "halo_0_xy.npz")["large_scale"]
    assert found.shape == (1, RES, RES)


def test_a_halo_at_the_corner_is_wrapped(pairs):
    # without this halo the brute force above would not test the periodic cut
    center = center_of(pairs, 0, 0)
    assert np.minimum(center, BOX - center).max() < 1.0


def test_other_keys_and_their_types_are_kept(halo, command, samples):
    halo(*command())
    for number, plane in enumerate(PLANES):
        for name in (0, 4):
            found = read_npz(samples / "sim_1" / f"halo_{name}_{plane}.npz")
            expected = old_sample(10 * name + number, OWN_CENTER if name == 4 else None)
            assert set(found) == {*expected, "large_scale"}
            for key, array in expected.items():
                assert found[key].dtype == np.asarray(array).dtype, key
                np.testing.assert_array_equal(found[key], array, err_msg=key)


def test_haloes_beyond_the_catalog_are_skipped_warned_of_and_counted(
    halo, command, samples, caplog
):
    extra = samples / "sim_1" / "halo_5000_yz.npz"
    write_npz(extra, old_sample(1), 1)
    before = extra.read_bytes()
    with caplog.at_level(logging.WARNING):
        out, _ = halo(*command())
    assert out == "18 samples written, 1 skipped: no such halo in the catalog\n"
    (warning,) = [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING]
    assert str(extra) in warning
    assert "skipped" in warning
    assert extra.read_bytes() == before


def test_the_threshold_decides_which_halo_a_number_names(halo, command, samples, pairs):
    out, _ = halo(*command({"--mass_threshold": 1e15}))
    assert out == "0 samples written, 18 skipped: no such halo in the catalog\n"
    catalog = load_halo_catalog(pairs / "FOF" / "SB35_0")
    few = np.sort(catalog["mass"])[-3]
    position = catalog["pos"][catalog["mass"] > few][1]
    for plane in ("xz", "yz"):
        (samples / "sim_0" / f"halo_1_{plane}.npz").unlink()
    halo(*command({"--mass_threshold": few}))
    expected = cut(deposited(pairs, 0, [0, 1]), position[:2], 12.5)
    found = read_npz(samples / "sim_0" / "halo_1_xy.npz")["large_scale"]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6 * expected.max())


def test_a_large_scale_that_is_there_is_refused_before_anything_is_rewritten(
    halo, command, samples
):
    last = samples / "sim_1" / "halo_4_yz.npz"
    write_npz(last, {**read_npz(last), "large_scale": np.zeros((2, 2), np.float32)}, 1)
    before = contents(samples)
    _, err = halo(*command(), code=1)
    assert err == f"Error: {last}: has large_scale already, --overwrite replaces it\n"
    assert contents(samples) == before
    halo(*command(), "--overwrite")
    assert read_npz(last)["large_scale"].shape == (RES, RES)


def test_a_second_time_changes_no_byte(halo, command, samples):
    halo(*command())
    before = contents(samples)
    halo(*command(), "--overwrite")
    assert contents(samples) == before


def test_ranks_share_the_simulations(halo, command, samples):
    out, _ = halo(*command(), "--rank", 1, "--world_size", 2)
    assert out.startswith("9 samples written")
    written = {p.parent.name for p in contents(samples) if "large_scale" in read_npz(p)}
    assert written == {"sim_1"}
    halo(*command(), "--rank", 0, "--world_size", 2)
    assert all("large_scale" in read_npz(path) for path in contents(samples))


def test_samples_below_train_and_test_are_found(halo, command, samples, tmp_path):
    (tmp_path / "split" / "train").mkdir(parents=True)
    (tmp_path / "split" / "test").mkdir()
    (samples / "sim_0").rename(tmp_path / "split" / "train" / "sim_0")
    (samples / "sim_1").rename(tmp_path / "split" / "test" / "sim_1")
    out, _ = halo(*command({"--data_dir": tmp_path / "split"}))
    assert out.startswith("18 samples written")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"--large_region_size": 10}, "--large_region_size, --target_res: a cutout of 24 pixels"),
        ({"--target_res": 64}, "is not a multiple of 64"),
        ({"--scales": [12.5, 9]}, "--scales, --target_res: a cutout of 22 pixels"),
        ({"--scales": 60}, "--scales: 60 Mpc/h is larger than the box, 50 Mpc/h"),
        ({"--large_region_size": 60}, "--large_region_size: 60 Mpc/h is larger than the box"),
        ({"--large_region_size": -1}, "--large_region_size is -1"),
        ({"--target_res": 15}, "--target_res is 15, expected an even number"),
        ({"--target_res": 0}, "--target_res is 0"),
        ({"--scales": [12.5, 0]}, "--scales is 0"),
        ({"--mass_threshold": "nan"}, "--mass_threshold is nan"),
        ({"--mass_threshold": "inf"}, "--mass_threshold is inf"),
    ],
)
def test_values_that_fit_no_box_or_pixels_are_refused(halo, command, samples, changes, text):
    before = contents(samples)
    _, err = halo(*command(changes), code=2)
    assert len(err.splitlines()) == 1
    assert text in err
    assert contents(samples) == before


@pytest.mark.parametrize(
    "options", [{"--mode": "faces"}, {"--rotation_scheme": "so3"}, {"--nbody_base": "."}]
)
def test_options_of_the_other_route_are_refused(halo, command, options):
    _, err = halo(*command(options), code=2)
    assert err == f"Error: {next(iter(options))} is of no effect without --from_snapshot\n"


def test_maps_are_128_pixels_wide_unless_told(halo, command, samples, maps, tmp_path):
    field = np.random.default_rng(3).random((1024, 1024)).astype(np.float32)
    for sim in SIMS:
        for plane in PLANES:
            write_npz(tmp_path / "wide" / f"projections_{plane}_{sim}.npz", {"dm": field})
    halo(*command({"--projected_images_dir": tmp_path / "wide", "--target_res": None}))
    assert read_npz(samples / "sim_0" / "halo_0_xy.npz")["large_scale"].shape == (128, 128)


def test_a_map_that_is_missing_is_named(halo, command, tmp_path):
    (tmp_path / "none").mkdir()
    _, err = halo(*command({"--projected_images_dir": tmp_path / "none"}), code=1)
    assert err == f"Error: file not found: {tmp_path / 'none' / 'projections_xy_0.npz'}\n"


@pytest.mark.parametrize("spoil", ["missing", "not square", "truncated"])
def test_a_map_that_cannot_be_used_is_found_before_anything_is_rewritten(
    halo, command, samples, maps, tmp_path, spoil
):
    folder = shutil.copytree(maps, tmp_path / "maps")
    path = folder / "projections_xy_1.npz"
    if spoil == "missing":
        path.unlink()
    elif spoil == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        write_npz(path, {"dm": np.ones((128, 64), np.float32)})
    before = contents(samples)
    _, err = halo(*command({"--projected_images_dir": folder}), code=1)
    assert len(err.splitlines()) == 1
    assert str(path) in err
    assert contents(samples) == before


def test_a_map_is_not_made_of_another_box(pairs, tmp_path):
    spec = {
        "maps": {"resolution": RES, "box_size": 25.0, "scales": [3.125, 6.25]},
        "chunk_particles": 10**4,
        "allow_missing_chunks": False,
    }
    files = {plane: tmp_path / f"{plane}.npz" for plane in PLANES}
    with pytest.raises(SnapshotError, match=r"BoxSize.* is 50 .* and 25 in the configuration"):
        write_projections(spec, pairs / "DMO" / "SB35_0", files)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--data_dir", "--projected_images_dir", "--fof_nbody_base"])
def test_a_folder_that_is_none_is_refused(halo, command, tmp_path, option):
    _, err = halo(*command({option: tmp_path / "nowhere"}), code=2)
    assert err == f"Error: {option}: {tmp_path / 'nowhere'} is not a folder\n"


def test_a_folder_without_samples_and_a_route_without_input_are_refused(halo, command, maps):
    _, err = halo(*command({"--data_dir": maps}), code=1)
    assert "no folders sim_*" in err
    _, err = halo(*command({"--projected_images_dir": None}), code=2)
    assert err == "Error: --projected_images_dir is needed without --from_snapshot\n"
    _, err = halo(*command(), "--from_snapshot", code=2)
    assert err == "Error: --nbody_base is needed with --from_snapshot\n"
