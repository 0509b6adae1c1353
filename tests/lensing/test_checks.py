"""Every check of a data set fails for the defect it names, and only it; good data pass all."""

import numpy as np
import pytest
from lensing_finished import SmallDataset

from simlab.core.errors import ChecksFailedError
from simlab.core.files import read_json, write_csv

IDS = [
    *("finite", "shapes", "identity-11", "kappa-shear", "resim-equals-roulette"),
    *("roulette-vs-raytrace", "resim-vs-image", "centre-residual", "flux", "surface-brightness"),
    *("sis-homogeneity", "rows-reproducible", "statuses", "edge-flux", "splits-match"),
]


def unsampled(dataset, **wanted):
    """Number of a row with these cells that no check simulates again."""
    rows = enumerate(dataset.table())
    good = (n for n, row in rows if all(row[column] == cell for column, cell in wanted.items()))
    return next(n for n in good if n not in dataset.view.sampled)


def sampled(dataset, **wanted):
    """Number of a row with these cells that the checks simulate again."""
    table = dataset.table()
    return next(
        n
        for n in sorted(dataset.view.sampled)
        if all(table[n][column] == cell for column, cell in wanted.items())
    )


def set_to(name, value):
    """A change of an array of a shard; `value` may be a function of the old one."""

    def change(file, position):
        old = file[name][position]
        file[name][position] = value(old) if callable(value) else value

    return change


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


def test_a_wrong_offset_fails_the_identity_of_the_points(spoiled):
    number = unsampled(spoiled)
    offset = float(spoiled.table()[number]["offsetX"])
    spoiled.edit_table(number, {"offsetX": repr(offset + 1e-6)})
    assert spoiled.failed() == ["identity-11"]


def test_a_wrong_convergence_fails_the_check_of_convergence_and_shear(spoiled):
    number = unsampled(spoiled, lens="PM")
    assert float(spoiled.table()[number]["alpha[1][0]"]) == 0
    spoiled.edit_table(number, {"alpha[1][0]": "1e-4"})
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


def test_a_wrong_center_of_light_fails_the_check_of_centers(spoiled):
    spoiled.edit_shard(sampled(spoiled, lens="SIS"), set_to("center", lambda center: center + 0.2))
    assert spoiled.failed() == ["centre-residual"]


def test_a_picture_with_too_little_light_fails_the_check_of_the_flux(spoiled):
    view = spoiled.view
    for number in view.probed:
        spoiled.edit_shard(number, set_to("images", lambda image: image * 0.97))
    assert spoiled.failed() == ["flux"]


def test_a_picture_brighter_than_its_source_fails_the_check_of_brightness(spoiled):
    def flare(picture):
        picture[5, 5] = 256
        return picture

    spoiled.edit_shard(unsampled(spoiled, model="Roulette"), set_to("images", flare))
    assert spoiled.failed() == ["surface-brightness"]


def test_amplitudes_off_their_power_law_fail_the_check_of_homogeneity(spoiled):
    number = unsampled(spoiled, lens="SIS")
    old = spoiled.table()[number]["alpha[5][2]"]
    spoiled.edit_table(number, {"alpha[5][2]": nudged(old, 1.0001)})
    assert spoiled.failed() == ["sis-homogeneity"]


def test_a_changed_pixel_fails_the_check_that_rows_can_be_made_again(spoiled):
    def dim(picture):
        picture[32, 32] -= 0.25
        return picture

    spoiled.edit_shard(0, set_to("images", dim))
    assert spoiled.failed() == ["rows-reproducible"]


def test_a_changed_parameter_fails_the_check_that_rows_can_be_made_again(spoiled):
    spoiled.edit_table(0, {"luminosity": "7.0"}, name="parameters.csv")
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
    mapping = {
        "simulator": {"size": 2, "imagesize": 64, "seed": 1},
        "lens": {"einstein": 8},
        "source": {"mode": "Spherical", "sigma": 2, "position": "polar"},
        "position": {"r": 14},
        "output": {"resim": False},
    }
    dataset = SmallDataset.of(tmp_path / "plain", mapping).make()
    skipped = [row.id for row in dataset.rows().values() if row.skipped]
    assert skipped == ["resim-equals-roulette", "resim-vs-image"]
