"""Every check of a data set fails for the defect it names, and only it; good data pass all."""

import numpy as np
import pytest
from afm_finished import FDBM, GENERAL, HARTREE, SMALL, SmallDataset

from simlab.afm import flags
from simlab.afm.physics_checks import chosen
from simlab.afm.stages.checks import case_of, write_dataset_checks
from simlab.core.errors import ChecksFailedError
from simlab.core.files import read_json

MAPS = ("vdwSpheres", "AtomicDisks", "HeightMap", "Bonds", "AtomRfunc")
IDS = [
    *("afm.finite", "afm.failed_samples", "afm.shapes", "afm.permutation"),
    *(f"afm.range.{name}" for name in MAPS),
    *("afm.placement", "afm.draws", "afm.tilt_uniform", "afm.top_slice_attractive"),
    *("afm.df_limit", "afm.inside_window", "afm.inside_box", "afm.unconverged"),
    *("afm.duplicates", "afm.regenerated", "afm.direct", "afm.normalization"),
]
MANY = {
    **SMALL,
    "molecules": [
        f"resources/afm/molecules/{name}.xyz"
        for name in ("formic_acid", "bcb", "g2_NH3", "g2_H2CCO", "g2_CH3Cl")
    ],
    "simulator": {
        "pixPerAngstrome": 4,
        "scan_dim": [4, 4, 3],
        "scan_window": [[4, 4, 6], [14, 14, 6.3]],
        "df_steps": 2,
    },
    "aux_maps": ["vdwSpheres"],
    "augment": {"rotations": 100, "method": "all"},
    "split": {"val": 0.5, "test": 0.0, "by": "sample"},
    "batch_size": 100,
    "samples_per_shard": 500,
    "export": "none",
}


def free_samples(data, shard=0):
    """Positions in a shard that neither training nor the regenerating checks look at."""
    case = case_of(data.check_spec, data.check_files)
    position, _, _ = chosen(case, shard)
    kept = []

    def look(file):
        kept.extend(k for k, split in enumerate(file["split"][:]) if split != 0 and k != position)

    data.edit(look, shard)
    return kept


def test_a_good_data_set_passes_every_check(small_afm):
    rows = small_afm.rows()
    assert list(rows) == IDS
    assert [row for row in rows.values() if not row.passed] == []
    skipped = {row.id for row in rows.values() if row.skipped}
    assert skipped == {"afm.tilt_uniform", "afm.top_slice_attractive"}
    assert rows["afm.regenerated"].measured == 0
    assert 0 < rows["afm.direct"].measured < 1


def test_a_failure_is_written_before_it_is_raised(spoilable):
    def spoil(content):
        content["afm"]["CO"][1]["mean"] += 1e-3

    pages = spoilable["checks.json"], spoilable["checks.html"]
    spoilable.edit_json("normalization.json", spoil)
    with pytest.raises(ChecksFailedError, match=r"1 of 21 checks failed: afm\.normalization"):
        write_dataset_checks(spoilable.check_spec, spoilable.check_files, *pages)
    failed = read_json(spoilable["checks.failed.json"])
    assert [row["id"] for row in failed if not row["passed"]] == ["afm.normalization"]


def spoil_value(key, place, value):
    def change(file):
        file[key][place] = value

    return change


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_value_that_is_not_finite_is_found(spoilable, value):
    k = free_samples(spoilable)[0]
    spoilable.edit(spoil_value("afm", (k, 0, 3, 4, 1), value))
    rows = spoilable.rows()
    assert spoilable.failing() == {"afm.finite"}
    assert (rows["afm.finite"].measured, rows["afm.finite"].worst_sample) == (1, k)


def test_a_failed_sample_is_counted_and_its_values_are_not_judged(spoilable):
    k = free_samples(spoilable)[0]

    def change(file):
        file["flags"][k] = flags.FAILED
        file["afm"][k] = np.nan
        file["desc"][k] = np.nan

    spoilable.edit(change)
    assert spoilable.failing() == {"afm.failed_samples"}
    assert spoilable.rows()["afm.failed_samples"].worst_sample == k


def test_an_array_of_another_type_is_found(spoilable):
    spoilable.replace("df_steps", np.full((6, 1), 5, np.int64))
    assert spoilable.failing() == {"afm.shapes"}
    assert "shard_00000.h5: df_steps" in spoilable.rows()["afm.shapes"].what


def test_a_sample_that_is_there_twice_is_found(spoilable):
    first, second = free_samples(spoilable)[:2]
    spoilable.edit(spoil_value("sample_id", second, first))
    assert spoilable.failing() == {"afm.permutation"}
    assert spoilable.rows()["afm.permutation"].worst_sample in (first, second)


def test_an_orientation_that_is_there_twice_is_found(spoilable):
    first, second = free_samples(spoilable)[:2]

    def change(file):
        for key in ("mol_id", "rot_id"):
            file[key][second] = file[key][first]

    spoilable.edit(change)
    assert spoilable.failing() == {"afm.permutation"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vdwSpheres", 0.01),
        ("vdwSpheres", -1.6),
        ("AtomicDisks", -0.1),
        ("HeightMap", 2.1),
        ("Bonds", 3.0),
        ("Bonds", -0.1),
        ("AtomRfunc", 1.7),
    ],
)
def test_a_descriptor_outside_its_range_is_found(spoilable, name, value):
    k = free_samples(spoilable)[0]
    spoilable.edit(spoil_value("desc", (k, MAPS.index(name), 5, 5), value))
    assert spoilable.failing() == {f"afm.range.{name}"}
    assert spoilable.rows()[f"afm.range.{name}"].worst_sample == k


@pytest.mark.parametrize("axis", [0, 2])
def test_a_molecule_in_the_wrong_place_is_found(spoilable, axis):
    k = free_samples(spoilable)[0]

    def change(file):
        first, last = file["mol/ptr"][k : k + 2]
        file["mol/data"][first:last, axis] += 0.01

    spoilable.edit(change)
    assert spoilable.failing() == {"afm.placement"}
    row = spoilable.rows()["afm.placement"]
    assert row.measured == pytest.approx(0.01)
    assert row.worst_sample == k


def test_a_distance_that_cannot_be_drawn_is_found(spoilable):
    k = free_samples(spoilable)[0]

    def change(file):
        away = 5.0 - file["distAbove"][k, 0]
        first, last = file["mol/ptr"][k : k + 2]
        file["distAbove"][k, 0] += away
        file["mol/data"][first:last, 2] -= away

    spoilable.edit(change)
    assert spoilable.failing() == {"afm.draws"}
    assert spoilable.rows()["afm.draws"].measured == pytest.approx(0.3)


def test_a_tilt_that_cannot_be_drawn_is_found(spoilable):
    k = free_samples(spoilable)[0]
    spoilable.edit(spoil_value("tipR0", (k, 0), (0.3, 0.3, 3.0)))
    assert spoilable.failing() == {"afm.draws"}


@pytest.mark.parametrize(
    ("name", "bit", "count"),
    [
        ("df_limit", flags.LARGE_DF, 1),
        ("inside_window", flags.OUTSIDE_WINDOW, 6),
        ("inside_box", flags.LEFT_BOX, 1),
    ],
)
def test_too_many_marked_samples_are_found(spoilable, name, bit, count):
    spoilable.edit(spoil_value("flags", slice(0, count), bit))
    assert spoilable.failing() == {f"afm.{name}"}
    assert spoilable.rows()[f"afm.{name}"].measured == pytest.approx(count / 9)


def test_a_surface_far_below_the_scan_is_told_from_a_probe_that_left_the_box(spoilable):
    spoilable.edit(spoil_value("flags", slice(0, 1), flags.LEFT_BOX | flags.NO_HEIGHT))
    assert spoilable.failing() == {"afm.inside_box"}
    assert "in 1 of 1 it was a stroke of HeightMap" in spoilable.rows()["afm.inside_box"].what


@pytest.mark.parametrize(("points", "failing"), [(5, set()), (6, {"afm.unconverged"})])
def test_samples_with_more_than_single_unconverged_points_are_found(spoilable, points, failing):
    """One in a thousand of 24 x 20 x 12 = 5760 points may stay unconverged."""

    def change(file):
        file["flags"][0] = flags.UNCONVERGED
        file["n_unconverged"][0] = points

    spoilable.edit(change)
    assert spoilable.failing() == failing
    assert spoilable.rows()["afm.unconverged"].measured == pytest.approx(len(failing) / 9)


def test_images_that_are_there_twice_are_found(spoilable):
    first, second = free_samples(spoilable)[:2]

    def change(file):
        file["afm"][second] = file["afm"][first]

    spoilable.edit(change)
    assert spoilable.failing() == {"afm.duplicates"}
    assert spoilable.rows()["afm.duplicates"].worst_sample == max(first, second)


def test_an_image_that_the_code_does_not_give_again_is_found(spoilable):
    case = case_of(spoilable.check_spec, spoilable.check_files)
    position, xs, ys = chosen(case, 1)
    pixels = set(zip(xs.tolist(), ys.tolist(), strict=True))
    x, y = next((x, y) for x in range(24) for y in range(20) if (x, y) not in pixels)

    def change(file):
        file["afm"][position, 0, x, y, 2] += 1e-3

    spoilable.edit(change, shard=1)
    assert spoilable.failing() == {"afm.regenerated"}
    row = spoilable.rows()["afm.regenerated"]
    assert row.measured == pytest.approx(1e-3, rel=1e-3)
    assert row.worst_sample == 6 + position


def test_a_descriptor_that_the_code_does_not_give_again_is_found(spoilable):
    position, _, _ = chosen(case_of(spoilable.check_spec, spoilable.check_files), 1)

    def change(file):
        file["desc"][position, MAPS.index("AtomicDisks"), 0, 0] += 1e-3

    spoilable.edit(change, shard=1)
    assert spoilable.failing() == {"afm.regenerated"}


def test_images_of_other_charges_than_the_molecule_has_are_found(spoilable):
    position, _, _ = chosen(case_of(spoilable.check_spec, spoilable.check_files), 1)

    def change(file):
        first, last = file["mol/ptr"][position : position + 2]
        file["mol/data"][first:last, 3] += np.linspace(-0.5, 0.5, last - first)

    spoilable.edit(change, shard=1)
    assert spoilable.failing() == {"afm.direct"}
    assert spoilable.rows()["afm.direct"].worst_sample == 6 + position


def test_a_mean_that_is_not_that_of_the_tables_is_found(spoilable):
    def change(content):
        content["desc"]["Bonds"]["mean"] *= 1 + 1e-7

    spoilable.edit_json("normalization.json", change)
    assert spoilable.failing() == {"afm.normalization"}


def test_tables_that_are_not_those_of_the_images_are_found(spoilable):
    def change(arrays):
        arrays["mean"][np.flatnonzero(arrays["split"] == 0)[0], 0] += 1e-3

    spoilable.edit_npz("shards/shard_00000.stats.npz", change)
    spoilable.make_normalization()
    assert spoilable.failing() == {"afm.normalization"}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    return SmallDataset.of(tmp_path_factory.mktemp("many") / "many", MANY).make()


def test_checks_of_many_samples_pass_on_good_ones(many):
    rows = many.rows()
    assert [row for row in rows.values() if not row.passed or row.skipped] == []
    assert rows["afm.tilt_uniform"].measured > 1e-3
    assert rows["afm.top_slice_attractive"].measured == 1


def test_tilts_that_are_not_uniform_in_the_disk_are_found(many, tmp_path):
    data = many.copy_to(tmp_path / "many")
    position, _, _ = chosen(case_of(data.check_spec, data.check_files), 0)

    def change(file):
        tips = file["tipR0"][:]
        others = np.arange(len(tips)) != position
        tips[others, :, :2] *= 0.8
        file["tipR0"][:] = tips

    data.edit(change)
    assert data.failing() == {"afm.tilt_uniform"}


def test_repulsion_far_above_the_molecule_is_found(many, tmp_path):
    data = many.copy_to(tmp_path / "many")
    spoiled = free_samples(data)[:60]

    def change(file):
        for k in spoiled:
            file["afm"][k, 0, :, :, 0] *= -1

    data.edit(change)
    assert data.failing() == {"afm.top_slice_attractive"}
    assert data.rows()["afm.top_slice_attractive"].measured == pytest.approx(440 / 500)


@pytest.mark.parametrize("mapping", [GENERAL, HARTREE, FDBM], ids=lambda m: m.get("sim_type", "PC"))
def test_good_data_sets_of_the_general_generator_pass(mapping, tmp_path):
    data = SmallDataset.of(tmp_path / "general", mapping).make()
    assert data.failing() == set()
    assert data.rows()["afm.regenerated"].measured == 0
