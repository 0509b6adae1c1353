"""C7 sees every constant that is not that of the training samples, and files that are lost."""

from collections import Counter

import numpy as np
import pytest

from simlab.core.errors import ChecksFailedError
from simlab.core.files import read_json, read_npz
from simlab.halo import specs
from simlab.halo.dataset import compute_normalization_stats
from simlab.halo.stages.checks import write_dataset_checks
from simlab.halo.statistics_checks import StatisticsFiles, flat, standard_error

NAMES = ("dark_matter", "gas", "stellar")
FILES = {name: f"{name}_normalization_stats.npz" for name in NAMES}


def failures(data):
    """The row of C7, which must be the only one that fails."""
    rows = data.rows()
    assert {row.id for row in rows.values() if not row.passed} == {"C7"}
    return rows["C7"]


def changed(value):
    """`value` of the smallest difference, of any type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return value + "0" if len(value) < 64 else "0" * 64
    if isinstance(value, list):
        return [*value[:-1], changed(value[-1])]
    return value + 1 if isinstance(value, int) else float(np.nextafter(value, np.inf))


UNUSED = {"schema_version", "condition_given"}
"""Keys of the files that are no constants of this data set."""


def test_c7_sees_every_number_of_the_statistics_files(finished):
    """The smallest change of any of them; the files themselves stay."""
    case = finished.case()
    good = case.stats_files
    seen = set()
    for file, content in good.items():
        for place in flat(content):
            if place in UNUSED:
                continue
            case.stats_files = good | {file: spoiled(content, place)}
            row = c7(case, finished)
            assert not row.passed, (file, place)
            assert (row.measured, row.what.split(": ", 1)[1]) == (
                1,
                f"{file}: {place} is not that of the records",
            )
            seen.add(place)
    assert {"fields.gas.std", "parameters.mean", "halo_mass.log10_mean", "occupied_fraction"} < seen
    assert {"count", "n_samples", "large_scale_std", "per_scale", "fields.stellar.unit"} < seen
    case.stats_files = good
    assert c7(case, finished).passed


def spoiled(content, place):
    """Nested dicts of which one value is changed; a place is dotted, names may have dots too."""
    if place in content:
        return content | {place: changed(content[place])}
    key = next(key for key in content if place.startswith(f"{key}."))
    return content | {key: spoiled(content[key], place.removeprefix(f"{key}."))}


def c7(case, data):
    """The row of C7 alone, without samples that are read again."""
    check = StatisticsFiles(case)
    for number in range(len(data.records)):
        check.see_record(data.record(number))
    return check.row()


def enlarge(key, factor):
    def spoil(arrays):
        arrays[key] = arrays[key] * factor

    return spoil


def test_c7_sees_standard_deviations_that_are_wrong_everywhere(spoilable):
    """All files agree with each other, and the means are right."""
    for name, key in zip(NAMES, ("dm", "gas", "star"), strict=True):
        spoilable.edit_arrays(enlarge(f"{key}_mag_std", 3.0), FILES[name])
    for key in ("condition_std", "large_scale_std"):
        spoilable.edit_arrays(enlarge(key, 3.0), FILES["dark_matter"])

    def spoil(content):
        for field in content["fields"].values():
            field["std"] *= 3

    spoilable.edit_json(spoil, "normalization.json")
    row = failures(spoilable)
    assert row.measured == 3 + 2 + 7


def test_c7_sees_numbers_of_samples_that_are_wrong_everywhere(spoilable):
    for file in FILES.values():
        spoilable.edit_arrays(lambda arrays: arrays.update(n_samples=np.int64(1)), file)
    spoilable.edit_json(lambda content: content.update(n_samples=1), "normalization.json")
    assert failures(spoilable).measured == 4


def test_c7_sees_constants_that_an_earlier_threshold_gave(spoilable):
    """Constants that were not made again after one training simulation was."""

    def drop_a_halo(record):
        (*record["haloes"], last) = record["haloes"]
        record["samples"] = [e for e in record["samples"] if e["halo_idx"] != last["halo_idx"]]

    spoilable.edit_record(drop_a_halo, 1)
    spoilable.make_index()
    assert "n_samples is not that of the records" in failures(spoilable).what


@pytest.mark.parametrize("channel", ["condition", "large_scale_25", "gas", "stellar"])
def test_c7_sees_moments_that_are_not_those_of_the_pixels(spoilable, channel):
    """Records whose moments are off, and constants made of them."""

    def shift(record):
        for entry in record["samples"]:
            part = entry["moments"][channel]
            for place in (1, 3, 4):
                part[place] = (float.fromhex(part[place]) + 3.0).hex()

    for number in range(len(spoilable.records)):
        spoilable.edit_record(shift, number)
    spoilable.make_normalization()
    assert f"{channel}: mean off by" in failures(spoilable).what


def test_c7_names_moments_of_unknown_maps(spoilable):
    def rename(record):
        for entry in record["samples"]:
            entry["moments"]["large_scale_100"] = entry["moments"].pop("large_scale_50")

    spoilable.edit_record(rename, 2)
    sim = spoilable.record(2)["sim"]
    assert f"sim {sim} has moments of large_scale_100" in failures(spoilable).what


def test_c7_says_that_no_constants_can_be_computed(spoilable):
    def flatten(record):
        for entry in record["samples"]:
            pixels, *_ = entry["moments"]["gas"]
            entry["moments"]["gas"] = [pixels, *[(0.0).hex()] * 4]

    for number in range(len(spoilable.records)):
        spoilable.edit_record(flatten, number)
    row = failures(spoilable)
    assert "cannot be computed again: channel gas: std is 0" in row.what


def test_the_standard_error_is_that_of_drawn_views_whatever_the_haloes_have_in_common():
    """Two haloes of equal means tell no more than their views do, many haloes alike no less."""
    rng = np.random.default_rng(4)
    for haloes, spread in ((2, 0.0), (2, 0.2), (30, 0.2)):
        centers = spread * rng.standard_normal(haloes)
        views = centers[:, None] + 0.1 * rng.standard_normal((haloes, 12))
        views += centers[:, None] - views.mean(axis=1, keepdims=True)  # the means as chosen
        ratios = []
        for _ in range(300):
            chosen = np.sort(rng.choice(views.size, 10, replace=False)) // 12
            drawn = {h: rng.choice(views[h], n) for h, n in Counter(chosen.tolist()).items()}
            error = np.mean([np.mean(own) for own in drawn.values()]) - views.mean()
            allowed = standard_error(views.tolist(), [len(own) for own in drawn.values()])
            ratios.append(error / allowed)
        assert 0.1 < np.std(ratios) < 1.3
        assert np.max(np.abs(ratios)) < 5


@pytest.mark.parametrize("damage", ["missing", "truncated"])
@pytest.mark.parametrize("file", [*FILES.values(), "normalization.json"])
def test_c7_names_a_file_that_is_lost_or_damaged(spoilable, file, damage):
    path = spoilable[file]
    content = path.read_bytes()
    path.unlink()
    if damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    row = failures(spoilable)
    assert str(path) in row.what
    assert row.measured == 1
    assert spoilable.rows()["C6"].skipped == (file != "normalization.json")


def test_c7_names_a_summary_that_is_no_mapping(spoilable):
    spoilable["normalization.json"].write_text("[1, 2]")
    assert "normalization.json: not a JSON object" in failures(spoilable).what


def test_constants_that_cannot_be_applied_fail_without_an_abort(spoilable):
    spoilable.edit_arrays(enlarge("gas_mag_std", 0.0), FILES["gas"])
    assert spoilable.failed() == {"C6", "C7"}


def test_a_failed_c7_is_written(spoilable):
    spoilable[FILES["gas"]].unlink()
    arguments = specs.whole_spec(spoilable.dataset), spoilable.records, spoilable.folder
    with pytest.raises(ChecksFailedError, match="1 of 14 checks failed: C7"):
        write_dataset_checks(*arguments, spoilable.table, spoilable["checks.json"])
    assert len(read_json(spoilable["checks.failed.json"])) == 14


def test_simulations_without_haloes_do_not_count(spoilable):
    """Their parameters are in no sample."""

    def empty(record):
        record.update(haloes=[], samples=[], n_kept=0)

    spoilable.edit_record(empty, 1)
    spoilable.make_normalization()
    kept = [r for r in map(spoilable.record, range(4)) if r["split"] == "train" and r["samples"]]
    assert len(kept) == 2
    params = np.array([record["params"] for record in kept])
    content = read_json(spoilable["normalization.json"])
    assert content["parameters"]["min"] == params.min(axis=0).tolist()
    assert content["parameters"]["mean"] == pytest.approx(params.mean(axis=0), rel=1e-12)
    assert read_npz(spoilable[FILES["gas"]])["param_names"].tolist() == kept[0]["param_names"]
    spoilable.make_index()
    (spoilable.folder / "again").mkdir()
    again = compute_normalization_stats(spoilable["index.csv"], spoilable.folder / "again")
    assert again["parameters"] == content["parameters"]
    assert again["halo_mass"] == content["halo_mass"]
