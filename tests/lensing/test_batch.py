"""Many rows: their bits depend on nothing but the rows and the settings."""

import json
import warnings

import numba
import numpy as np
import pytest
from lensing_commands import arrays_in
from lensing_samples import row_of

from simlab.lensing.batch import Batch, without_outcome
from simlab.lensing.files.pictures import write_png
from simlab.lensing.files.shards import open_shard, read_filenames
from simlab.lensing.files.tables import write_table
from simlab.lensing.picture_shards import picture_writer
from simlab.lensing.pictures import stored
from simlab.lensing.postprocess import center_of_light, crop, quantize
from simlab.lensing.render import actual_image
from simlab.lensing.rows import source_of
from simlab.lensing.runs import checked_batch
from simlab.lensing.settings import as_settings
from simlab.lensing.simulate import simulate_row

SETTINGS = as_settings({"imagesize": 64, "cropsize": 48, "nterms": 4})
NOISY = as_settings({"imagesize": 64, "observation": {"gain": 2, "read_noise": 1}, "seed": 8})
ALL = ("actual", "apparent", "original")


def named(*rows):
    return [
        {**row, "index": n, "filename": f"image-{n:06d}.png"} for n, row in enumerate(rows, start=1)
    ]


def small(**cells):
    return row_of(**{"einsteinradius": 9, "x": 6, "y": 3, "sigma": 3, **cells})


ELLIPSE = {"lens": "SIE", "ellipseratio": 0.6, "orientation": 30}
ROWS = named(
    small(),
    small(**ELLIPSE, nterms=7),
    small(x=0, y=0),
    small(**ELLIPSE, model="Roulette"),
    small(x=900),
    small(lens="", cluster="SIS/0/3/5;SIS/0/-3/5"),
    small(lens="NFW", kappa_s=0.4, r_s=10),
)
COLORED = named(
    small(),
    small(source="Triangle", sigma=6, theta=20),
    small(source="SersicSphere"),
)


def shard(path, batch, first=0, stop=None, extras=()):
    stop = len(batch.rows) if stop is None else stop
    with picture_writer(path, batch, first, stop, extras, {}) as writer:
        for result in batch.simulations(first, stop, extras):
            writer.write(result)
    return arrays_in(path)


@pytest.fixture(autouse=True)
def threads():
    """The number of threads stays what it was."""
    before = numba.get_num_threads()
    yield
    numba.set_num_threads(before)


@pytest.mark.parametrize("settings", [SETTINGS, NOISY])
def test_bits_do_not_depend_on_threads(tmp_path, settings):
    batch = Batch(ROWS, settings)
    files = []
    for count in (1, 2):
        numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
        shard(tmp_path / f"{count}.h5", batch, extras=ALL)
        files.append((tmp_path / f"{count}.h5").read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize("settings", [SETTINGS, NOISY])
@pytest.mark.parametrize("size", [1, 3])
def test_shards_one_after_the_other_are_the_whole(tmp_path, settings, size):
    batch = Batch(ROWS, settings)
    whole = shard(tmp_path / "whole.h5", batch, extras=ALL)
    parts = [
        shard(tmp_path / f"{first}.h5", batch, first, min(first + size, len(ROWS)), ALL)
        for first in range(0, len(ROWS), size)
    ]
    for name, array in whole.items():
        np.testing.assert_array_equal(np.concatenate([part[name] for part in parts]), array)
    assert set(whole) == {
        *("images", "mask", *ALL, "index", "filename", "status", "center", "crop_center"),
        *("xi", "eta", "r_conv", "alpha", "beta"),
    }


def test_every_row_is_the_one_that_is_simulated_alone(tmp_path):
    arrays = shard(tmp_path / "shard.h5", Batch(ROWS, NOISY), extras=ALL)
    for n, row in enumerate(ROWS):
        one = simulate_row(row, NOISY, number=n + 1)
        np.testing.assert_array_equal(arrays["images"][n], quantize(one.image, 1 / 1024))
        np.testing.assert_array_equal(arrays["original"][n], quantize(one.original, 1 / 1024))
        assert complex(*arrays["center"][n]) == one.center
        assert complex(*arrays["eta"][n]) == one.eta - one.center
        if one.reference is not None:
            assert complex(*arrays["xi"][n]) == one.reference - one.center
        assert arrays["r_conv"][n] == one.r_conv
        mask = np.ones_like(one.image) if one.mask is None else one.mask
        np.testing.assert_array_equal(arrays["mask"][n], mask)
    assert arrays["index"].tolist() == [1, 2, 3, 4, 5, 6, 7]
    assert arrays["status"].tolist() == [0, 0, 2, 0, 1, 0, 0]
    for name in ("xi", "r_conv", "alpha", "beta"):
        assert not arrays[name][2].any()


def test_sources_without_lens_are_in_the_shard_too(tmp_path):
    arrays = shard(tmp_path / "shard.h5", Batch(ROWS, SETTINGS), extras=ALL)
    source = source_of(ROWS[1])
    for name, place in (("actual", 6 + 3j), ("apparent", 0j)):
        expected = crop(actual_image(source, place, 64), 48)
        np.testing.assert_array_equal(arrays[name][1], quantize(expected, 1 / 1024))
    assert arrays["original"].shape == (7, 64, 64)
    at_xi = SETTINGS.model_copy(update={"apparent_at": "xi"})
    xi = simulate_row(ROWS[1], SETTINGS).xi
    moved = shard(tmp_path / "xi.h5", Batch(ROWS, at_xi), extras=("apparent",))
    expected = crop(actual_image(source, xi, 64), 48)
    np.testing.assert_array_equal(moved["apparent"][1], quantize(expected, 1 / 1024))


def test_amplitudes_of_rows_of_lower_order_are_filled_with_0(tmp_path):
    arrays = shard(tmp_path / "shard.h5", Batch(ROWS, SETTINGS))
    assert arrays["alpha"].shape == (7, 24)
    with open_shard(tmp_path / "shard.h5") as file:
        names = json.loads(file.attrs["amplitudes"])
        assert names[:4] == ["[0][1]", "[1][0]", "[1][2]", "[2][1]"]
        assert read_filenames(file)[1] == "image-000002.png"
    beyond = [n for n, name in enumerate(names) if int(name[1]) > 4]
    assert not arrays["alpha"][0, beyond].any()
    assert arrays["alpha"][1, beyond].any()
    columns = simulate_row(ROWS[1], SETTINGS).columns
    assert [columns[f"alpha{name}"] for name in names] == arrays["alpha"][1].tolist()
    assert [columns[f"beta{name}"] for name in names] == arrays["beta"][1].tolist()


def test_shards_say_how_they_were_made(tmp_path):
    shard(tmp_path / "shard.h5", Batch(ROWS, SETTINGS))
    with open_shard(tmp_path / "shard.h5") as file:
        found = {name: file.attrs[name] for name in file.attrs}
        params = {name: file["params"][name][()] for name in file["params"]}
        given = {name: file["params_given"][name][()] for name in file["params_given"]}
        lenses = file["params/lens"].asstr()[()].tolist()
        images = file["images"]
        assert images.dtype == np.float32
        assert images.chunks == (1, 48, 48)
        np.testing.assert_array_equal(images[()] * 1024 % 1, 0)
    expected = {
        "format": "lensing-images", "imagesize": 64, "cropsize": 48, "origin_row": 24,
        "origin_col": 24, "sampling": "analytic", "supersample": 1,
        "model": "Raytrace, Roulette", "pixel_scale_arcsec": 0.04, "backend": "numba",
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    assert lenses == ["SIS", "SIE", "SIS", "SIE", "SIS", "", "NFW"]
    assert params["einsteinradius"].tolist()[:2] == [9, 9]
    assert given["nterms"].tolist() == [0, 1, 0, 0, 0, 0, 0]
    assert params["nterms"].tolist() == [0, 7, 0, 0, 0, 0, 0]


def test_one_colored_source_makes_all_pictures_colored(tmp_path):
    batch = Batch(COLORED, SETTINGS)
    assert batch.channels == 3
    arrays = shard(tmp_path / "shard.h5", batch, extras=ALL)
    assert arrays["images"].shape == (3, 48, 48, 3)
    assert arrays["original"].shape == (3, 64, 64, 3)
    gray = shard(tmp_path / "gray.h5", Batch(COLORED[:1], SETTINGS), extras=ALL)
    for name in ("images", *ALL):
        np.testing.assert_array_equal(arrays[name][0], np.stack([gray[name][0]] * 3, axis=-1))
    one = simulate_row(COLORED[1], SETTINGS)
    np.testing.assert_array_equal(arrays["images"][1], quantize(one.image, 1 / 1024))
    assert np.ptp(arrays["images"][1], axis=-1).max() > 50


@pytest.mark.parametrize(("colors", "channels"), [((), 1), ((3,), 3)])
def test_the_picture_of_a_user_decides_on_color(tmp_path, colors, channels):
    write_png(tmp_path / "galaxy.png", np.full((6, 6, *colors), 99))
    row = row_of(source="Image", sourcefile="galaxy.png")
    batch = Batch(named(row, row_of()), SETTINGS, tmp_path)
    assert batch.channels == channels
    arrays = shard(tmp_path / "shard.h5", batch)
    assert arrays["images"].shape == (2, 48, 48, *colors)


def test_bytes_are_stored_where_they_are_wanted(tmp_path):
    settings = as_settings({"imagesize": 64, "dtype": "uint8"})
    arrays = shard(tmp_path / "shard.h5", Batch(ROWS, settings))
    assert arrays["images"].dtype == np.uint8
    image = simulate_row(ROWS[0], settings).image
    np.testing.assert_array_equal(arrays["images"][0], np.floor(np.clip(image, 0, 255) + 0.5))


def test_values_without_quantum_are_stored_as_they_are():
    settings = as_settings({"imagesize": 64, "quantum": 0})
    image = simulate_row(ROWS[0], settings).image
    np.testing.assert_array_equal(stored(image, settings, 1), image)
    assert (stored(image, SETTINGS, 1) != image).any()


def test_the_shift_by_lost_light_is_told(tmp_path):
    settings = as_settings({"imagesize": 64, "cropsize": 24})
    arrays = shard(tmp_path / "shard.h5", Batch(ROWS, settings))
    for image, center in zip(arrays["images"], arrays["crop_center"], strict=True):
        assert complex(*center) == (center_of_light(image) if image.any() else 0)
    assert np.abs(arrays["crop_center"]).max() > 0.1


BAD = named(
    small(source="Sphere"),
    small(nterms=2),
    small(einsteinradius="wide", nterms=9),
)


def test_rows_that_cannot_be_used_are_black(tmp_path):
    batch = checked_batch(BAD, SETTINGS, where="rows.csv", folder=tmp_path, skip_bad=True)
    assert batch.bad == {0, 2}
    assert batch.order == 2
    arrays = shard(tmp_path / "shard.h5", batch, extras=ALL)
    assert arrays["status"].tolist() == [5, 0, 5]
    for name in ("images", *ALL):
        assert [bool(image.any()) for image in arrays[name]] == [False, True, False]
    with open_shard(tmp_path / "shard.h5") as file:
        assert file["params/einsteinradius"].asstr()[()].tolist() == ["9", "9", "wide"]
    columns = [result.simulation.columns for result in batch.simulations(0, 3)]
    assert columns[0] == {**BAD[0], "status": "bad-parameters"}
    write_table(tmp_path / "r.csv", batch.columns, columns)


def test_numbers_that_are_not_finite_are_empty_cells_in_files(tmp_path):
    rows = named(small(orientation=np.nan), small(sigma=np.inf), small(note=-np.inf))
    batch = checked_batch(rows, SETTINGS, where="rows.csv", folder=tmp_path, skip_bad=True)
    assert batch.bad == {1}
    shard(tmp_path / "shard.h5", batch)
    with open_shard(tmp_path / "shard.h5") as file:
        assert file["params/sigma"][()].tolist() == [3, 0, 3]
        assert file["params_given/sigma"][()].tolist() == [1, 0, 1]
        assert file["params_given/orientation"][()].tolist() == [0, 0, 0]
    columns = [result.simulation.columns for result in batch.simulations(0, 3)]
    assert [row.get("note", "") for row in columns] == ["", "", ""]
    write_table(tmp_path / "r.csv", batch.columns, columns)
    assert (simulate_row(rows[0], SETTINGS).image == simulate_row(small(), SETTINGS).image).all()
    assert simulate_row(rows[0], SETTINGS).columns["orientation"] == ""


def test_the_models_of_bad_rows_are_not_those_of_the_pictures(tmp_path):
    rows = named(small(), small(model="Foo"))
    batch = checked_batch(rows, SETTINGS, where="rows.csv", folder=tmp_path, skip_bad=True)
    shard(tmp_path / "shard.h5", batch)
    with open_shard(tmp_path / "shard.h5") as file:
        assert file.attrs["model"] == "Raytrace"
        assert file["params/model"].asstr()[()].tolist() == ["Raytrace", "Foo"]


def test_nothing_but_bad_rows_is_black_too(tmp_path):
    batch = checked_batch(BAD[:1], SETTINGS, where="rows.csv", folder=tmp_path, skip_bad=True)
    arrays = shard(tmp_path / "shard.h5", batch)
    assert not arrays["images"].any()
    assert arrays["status"].tolist() == [5]


def test_another_model_can_draw_all_rows():
    drawn = Batch(ROWS, SETTINGS, model="Roulette")
    assert drawn.models == ["Roulette"]
    one = simulate_row({**ROWS[0], "model": "Roulette"}, SETTINGS)
    np.testing.assert_array_equal(drawn.result(0).simulation.image, one.image)


def test_a_table_with_results_is_simulated_again_without_them(tmp_path):
    columns = simulate_row(ROWS[1], SETTINGS).columns
    assert without_outcome(columns) == ROWS[1]
    write_table(tmp_path / "roulette.csv", list(columns), [{**columns, "chi": 50}])
    with warnings.catch_warnings():  # that the table was looked at before is known
        warnings.simplefilter("error")
        batch = Batch.read(tmp_path / "roulette.csv", SETTINGS)
    again = batch.result(0).simulation.columns
    assert {name: again[name] for name in columns} == columns
