"""Every check of a data set fails for the defect it names, and only it; good data pass all."""

import json

import h5py
import numpy as np
import pytest
from lensing_finished import SMALL, SmallDataset

from simlab.core.errors import ChecksFailedError
from simlab.core.files import read_json, write_csv
from simlab.lensing import simulate
from simlab.lensing.postprocess import center_of_light

IDS = [
    *("finite", "shapes", "identity-11", "kappa-shear", "resim-equals-roulette"),
    *("roulette-vs-raytrace", "resim-vs-image", "centre-residual", "flux", "surface-brightness"),
    *("sis-homogeneity", "rows-reproducible", "statuses", "tables-agree", "pictures-not-black"),
    *("edge-flux", "splits-match"),
]


PLAIN = {
    "simulator": {"size": 2, "imagesize": 64, "seed": 1},
    "lens": {"einstein": 8},
    "source": {"mode": "Spherical", "sigma": 2, "position": "polar"},
    "position": {"r": 14},
}


def unsampled(dataset, **wanted):
    """Number of a row with these cells that no check simulates again."""
    rows = enumerate(dataset.table())
    good = (n for n, row in rows if all(row[column] == cell for column, cell in wanted.items()))
    return next(n for n in good if n not in dataset.view.sampled)


def set_to(name, value):
    """A change of an array of a shard; `value` may be a function of the old one."""

    def change(file, position):
        old = file[name][position]
        file[name][position] = value(old) if callable(value) else value

    return change


def with_amplitude(dataset, number, name, change):
    """Change alpha[m][s] of a row, `name` "[m][s]", in the table and in its shard alike."""
    column = f"alpha{name}"
    value = change(float(dataset.table()[number][column]))
    dataset.edit_table(number, {column: repr(value)})

    def edit(file, position):
        place = json.loads(file.attrs["amplitudes"]).index(name)
        file["alpha"][position, place] = value

    dataset.edit_shard(number, edit)


def with_light(dataset, number, change):
    """Change the picture of a row, and its center of light with it."""

    def edit(file, position):
        picture = change(file["images"][position])
        file["images"][position] = picture
        center = center_of_light(picture)
        file["crop_center"][position] = center.real, center.imag

    dataset.edit_shard(number, edit)


def nudged(text, factor):
    return repr(float(text) * factor)


def test_a_good_data_set_passes_every_check(small_lensing):
    rows = small_lensing.rows()
    assert list(rows) == IDS
    assert [row for row in rows.values() if not row.passed] == []
    assert [row.id for row in rows.values() if row.skipped] == []
    names = {row["id"] for row in small_lensing.table("index.csv")}
    assert {row.worst_sample for row in rows.values()} <= names


def test_amplitudes_at_the_center_of_light_pass_every_check(centered_lensing):
    rows = centered_lensing.rows()
    assert [row for row in rows.values() if not row.passed] == []
    assert [row.id for row in rows.values() if row.skipped] == ["resim-equals-roulette"]


def test_a_check_that_fails_is_written_and_named(spoiled):
    spoiled.edit_shard(0, set_to("index", 7))
    with pytest.raises(ChecksFailedError, match="shapes"):
        spoiled.check()
    failed = read_json(spoiled.path("checks.failed.json"))
    assert [row["id"] for row in failed if not row["passed"]] == ["shapes"]


def test_numbers_that_are_not_finite_fail_only_the_check_of_numbers(spoiled):
    spoiled.edit_shard(3, set_to("r_conv", np.inf))
    assert spoiled.failed() == ["finite"]


def test_a_picture_of_another_row_fails_the_check_of_shapes(spoiled):
    spoiled.edit_shard(4, set_to("filename", "image-000099.png"))
    assert spoiled.failed() == ["shapes"]


def test_another_side_than_that_of_the_pictures_fails_the_check_of_shapes(spoiled):
    spoiled.edit_shard(4, lambda file, _: file.attrs.modify("cropsize", 4000))
    assert spoiled.failed() == ["shapes"]


def test_a_wrong_offset_fails_the_identity_of_the_points(spoiled):
    number = unsampled(spoiled)
    offset = float(spoiled.table()[number]["offsetX"])
    spoiled.edit_table(number, {"offsetX": repr(offset + 1e-6)})
    assert spoiled.failed() == ["identity-11"]


def test_a_wrong_convergence_fails_the_check_of_convergence_and_shear(spoiled):
    number = unsampled(spoiled, lens="PM")
    assert float(spoiled.table()[number]["alpha[1][0]"]) == 0
    with_amplitude(spoiled, number, "[1][0]", lambda _: 1e-4)
    assert spoiled.failed() == ["kappa-shear"]


def test_a_changed_resimulation_fails_the_comparison_with_the_series(spoiled):
    corner = (slice(0, 2), slice(0, 2))

    def brighten(picture):
        picture[corner] += 3
        return picture

    spoiled.edit_shard(0, set_to("images", brighten), kind="resim")
    assert spoiled.failed() == ["resim-equals-roulette"]


def test_too_large_a_trust_radius_fails_the_comparison_of_the_mappings(spoiled):
    number = unsampled(spoiled)
    trust = spoiled.table()[number]["trust_radius"]
    spoiled.edit_table(number, {"trust_radius": nudged(trust, 1.2)})
    assert spoiled.failed() == ["roulette-vs-raytrace"]


def test_a_resimulation_that_misplaces_light_fails_the_comparison_with_the_picture(
    centered_lensing, tmp_path
):
    spoiled = centered_lensing.copy(tmp_path / "misplaced")
    spoiled.edit_shard(0, set_to("images", lambda image: np.roll(image, 2, axis=0)), "resim")
    assert spoiled.failed() == ["resim-vs-image"]


def test_a_wrong_center_of_light_fails_the_check_of_centers(tmp_path, monkeypatch):
    monkeypatch.setattr(simulate, "center_of_light", lambda image: center_of_light(image) + 0.2)
    dataset = SmallDataset.of(tmp_path / "off", PLAIN).make_checked()
    assert dataset.failed() == ["centre-residual"]


LABELS = {
    "alpha": lambda old: old * 1.1,
    "beta": lambda old: old + 1e-9,
    "xi": lambda old: old + 1,
    "eta": lambda old: old + 1,
    "center": lambda old: old + 1e-6,
    "crop_center": lambda old: old + 0.01,
    "r_conv": lambda old: old * 1.1,
    "params/x": lambda old: old + 1,
    "params/lens": b"NFW",
    "params_given/sigma": 0,
}


@pytest.mark.parametrize("name", LABELS)
def test_a_wrong_label_of_a_picture_fails_the_comparison_of_the_tables(spoiled, name):
    for number in (unsampled(spoiled), 0):
        spoiled.edit_shard(number, set_to(name, LABELS[name]))
        assert spoiled.failed() == ["tables-agree"]


CELLS = {
    "roulette.csv": ("sigma", "x", "r_conv"),
    "parameters.csv": ("einsteinradius", "theta"),
    "index.csv": ("sigma", "position", "index"),
}


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_that_differs_between_tables_fails_their_comparison(spoiled, name):
    number = unsampled(spoiled, lens="PM")
    whole = spoiled.path(name).read_bytes()
    for column in CELLS[name]:
        row = spoiled.table(name)[number]
        spoiled.edit_table(number, {column: str(float(row[column] or 0) + 1e-3)}, name=name)
        assert "tables-agree" in spoiled.failed()
        spoiled.path(name).write_bytes(whole)
    if name == "index.csv":
        spoiled.edit_table(number, {"file": "images/00009.h5"}, name=name)
        assert spoiled.failed() == ["tables-agree"]


@pytest.mark.parametrize("kind", ["images", "resim"])
def test_a_black_picture_of_a_row_with_light_fails_the_check_of_black_ones(spoiled, kind):
    number = unsampled(spoiled, model="Roulette")

    def blacken(file, position):
        file["images"][position] = 0
        file["crop_center"][position] = 0

    spoiled.edit_shard(number, blacken, kind)
    assert spoiled.failed() == ["pictures-not-black"]


def test_a_dark_row_with_light_fails_the_check_of_black_ones(spoiled):
    number = unsampled(spoiled, model="Roulette")
    for name, changes in {"roulette.csv": {}, "index.csv": {"split": "excluded"}}.items():
        spoiled.edit_table(number, {"status": "dark", **changes}, name=name)
    spoiled.edit_shard(number, set_to("status", 1))
    assert spoiled.failed() == ["pictures-not-black"]


def test_broken_files_of_any_kind_are_told_and_nothing_is_raised(spoiled):
    with h5py.File(spoiled.shards("images")[0], "r+") as file:
        del file["center"]
    found = spoiled.rows()["shapes"]
    assert not found.passed
    assert "KeyError" in found.what
    spoiled.path("index.csv").write_text("id,status\n")
    assert not spoiled.rows()["shapes"].passed
    spoiled.path("roulette.csv").write_bytes(b"\xff\xfe,a\n")
    assert not spoiled.rows()["shapes"].passed


@pytest.mark.parametrize("shard_size", [1, 12])
def test_the_checks_do_not_depend_on_the_sizes_of_shards(small_lensing, tmp_path, shard_size):
    output = {"shard_size": shard_size}
    other = SmallDataset.of(tmp_path / "other", {**SMALL, "output": output}).make_checked()
    assert other.rows() == small_lensing.rows()


def test_a_picture_with_too_little_light_fails_the_check_of_the_flux(spoiled):
    view = spoiled.view
    for number in view.probed:
        spoiled.edit_shard(number, set_to("images", lambda image: image * 0.97))
    assert spoiled.failed() == ["flux"]


def test_a_picture_brighter_than_its_source_fails_the_check_of_brightness(spoiled):
    def flare(picture):
        picture[5, 5] = 256
        return picture

    with_light(spoiled, unsampled(spoiled, model="Roulette"), flare)
    assert spoiled.failed() == ["surface-brightness"]


def test_amplitudes_off_their_power_law_fail_the_check_of_homogeneity(spoiled):
    number = unsampled(spoiled, lens="SIS")
    with_amplitude(spoiled, number, "[5][2]", lambda old: old * 1.0001)
    assert spoiled.failed() == ["sis-homogeneity"]


def test_a_changed_pixel_fails_the_check_that_rows_can_be_made_again(spoiled):
    def dim(picture):
        picture[32, 32] -= 0.25
        return picture

    spoiled.edit_shard(0, set_to("images", dim))
    assert spoiled.failed() == ["rows-reproducible"]


def test_a_changed_parameter_fails_the_check_that_rows_can_be_made_again(spoiled):
    for name in ("parameters.csv", "roulette.csv"):
        spoiled.edit_table(0, {"luminosity": "7.0"}, name=name)
    spoiled.edit_shard(0, set_to("params/luminosity", 7.0))
    spoiled.edit_shard(0, set_to("params_given/luminosity", 1))
    assert spoiled.failed() == ["rows-reproducible"]


def test_another_status_in_the_pictures_fails_the_check_of_statuses(spoiled):
    spoiled.edit_shard(unsampled(spoiled), set_to("status", 6))
    assert spoiled.failed() == ["statuses"]
    assert "12 ok" in spoiled.rows()["statuses"].what


def test_a_row_wrongly_called_clipped_fails_the_check_of_the_edge(spoiled):
    words = {"status": "clipped-edge"}
    spoiled.edit_table(0, words)
    spoiled.edit_table(0, words, name="index.csv")
    spoiled.edit_shard(0, set_to("status", 6))
    assert spoiled.failed() == ["edge-flux"]


def test_a_row_in_another_split_fails_the_check_of_the_splits(spoiled):
    split = spoiled.table("index.csv")[1]["split"]
    spoiled.edit_table(1, {"split": "test" if split != "test" else "val"}, name="index.csv")
    assert spoiled.failed() == ["splits-match"]


def test_a_missing_row_is_an_error_of_the_shapes_not_a_traceback(spoiled):
    rows = spoiled.table()
    write_csv(spoiled.path("roulette.csv"), list(rows[0]), [row.values() for row in rows[:-1]])
    found = spoiled.rows()["shapes"]
    assert not found.passed
    assert "more pictures than the table has rows" in found.what


def test_a_damaged_shard_is_told_in_the_check(spoiled):
    spoiled.shards("images")[1].write_bytes(b"nothing")
    found = spoiled.rows()["shapes"]
    assert not found.passed
    assert "not an HDF5 file" in found.what


def test_data_sets_without_resimulation_skip_what_needs_it(tmp_path):
    mapping = {**PLAIN, "output": {"resim": False}}
    dataset = SmallDataset.of(tmp_path / "plain", mapping).make()
    skipped = [row.id for row in dataset.rows().values() if row.skipped]
    assert skipped == ["resim-equals-roulette", "resim-vs-image"]
