"""Planning: names, numbers and cost from the configuration and file names alone."""

import numpy as np
import pytest
from afm_finished import FDBM, GENERAL, SMALL, SmallDataset

from simlab.afm import plan, specs
from simlab.afm.config import DatasetConfig
from simlab.afm.errors import AfmConfigError
from simlab.afm.rotations import entropies, sphereTangentSpace
from simlab.afm.sample_plan import plan_samples
from simlab.core.config import parse_config
from simlab.core.files import read_csv, read_npz


def dataset_of(**mapping):
    return parse_config(DatasetConfig, mapping)


@pytest.fixture
def molecules(tmp_path):
    """A folder of files that are no molecules: planning must not open them."""
    for name in ("b", "a", "c10"):
        (tmp_path / f"{name}.xyz").write_text("not a molecule")
    return tmp_path


def test_numbers_follow_from_the_configuration(molecules):
    dataset = dataset_of(molecules=[f"{molecules}/*.xyz"], batch_size=20, samples_per_shard=40)
    sizes = plan.sizes(dataset)
    assert sizes.molecules == ["a", "b", "c10"]
    assert (sizes.n_rot, sizes.samples, sizes.batches) == (30, 90, 5)
    assert sizes.shards == ["00000", "00001", "00002"]
    assert [sizes.shard_of_batch(batch) for batch in range(5)] == [
        "00000", "00000", "00001", "00001", "00002",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("augment", "count"),
    [
        ({"method": "none"}, 3),
        ({"method": "all", "rotations": 7}, 21),
        ({"rotations": 5, "n_best": 30}, 15),
    ],
)
def test_orientations_are_counted(molecules, augment, count):
    dataset = dataset_of(molecules=[f"{molecules}/*.xyz"], augment=augment)
    assert plan.sizes(dataset).samples == count
    assert plan.sizes(dataset.model_copy(update={"max_samples": 2})).samples == 2


def test_globs_keep_the_order_they_are_written_in(molecules):
    dataset = dataset_of(molecules=[f"{molecules}/c*.xyz", f"{molecules}/*.xyz"])
    assert plan.sizes(dataset).molecules == ["c10", "a", "b"]


def test_auto_shards_take_about_the_time_that_is_asked_for(molecules):
    dataset = dataset_of(
        molecules=[f"{molecules}/*.xyz"], target_seconds=25, seconds_per_sample=0.4
    )
    assert plan.per_shard(dataset) == 60
    long = dataset.model_copy(update={"seconds_per_sample": 100.0})
    assert plan.per_shard(long) == 20


def test_auto_shards_follow_the_plan_where_no_time_of_a_sample_is_given(molecules):
    dataset = dataset_of(molecules=[f"{molecules}/*.xyz"], target_seconds=1000)
    batch = dataset.batch_size * plan.seconds_per_sample(dataset)
    assert plan.per_shard(dataset) == dataset.batch_size * int(1000 / batch)
    slow = dataset_of(
        molecules=[f"{molecules}/*.xyz"],
        target_seconds=1000,
        simulator={"scan_dim": [256, 256, 19]},
    )
    assert plan.per_shard(slow) < plan.per_shard(dataset) / 3


def test_a_glob_without_files_and_equal_names_are_errors(molecules):
    (molecules / "more").mkdir()
    (molecules / "more" / "a.xyz").write_text("")
    with pytest.raises(AfmConfigError, match=r"matches no file"):
        plan.sizes(dataset_of(molecules=[f"{molecules}/*.mol"]))
    with pytest.raises(AfmConfigError, match=r"a\.xyz and .*more/a\.xyz have the same name 'a'"):
        plan.sizes(dataset_of(molecules=[f"{molecules}/**/*.xyz"]))


def test_missing_grids_are_named_before_anything_runs(molecules):
    grids = {"source": "files", "potential": "{molecule}/V.xsf", "density": "{molecule}/n.xsf"}
    dataset = dataset_of(
        **{**FDBM, "molecules": [f"{molecules}/*.xyz"], "grids": grids},
    )
    problems = plan.problems(dataset)
    assert "grids.potential: the file a/V.xsf does not exist" in problems
    assert problems[-1] == "grids: 3 more files do not exist"
    tip = {"tip_density": "tip.xsf", "tip_delta_density": "model_co"}
    assert "tips: the file tip.xsf does not exist" in plan.problems(
        dataset.model_copy(update={"tips": dataset_of(**{**FDBM, "tips": [tip]}).tips})
    )


def test_targets_are_what_the_stages_write(small_afm):
    small_afm.finish("small")
    named = {*plan.published(small_afm.dataset, small_afm.sizes), "manifest.json"}
    made = {
        path.relative_to(small_afm.folder).as_posix()
        for path in small_afm.folder.rglob("*")
        if path.is_file()
    }
    assert named == made
    assert plan.targets("x", small_afm.dataset)[0] == "results/afm/x/molecules.npz"


def test_the_estimate_is_of_the_size_of_what_is_written(small_afm):
    estimate = plan.estimate("small", small_afm.dataset)
    small_afm.finish("small")
    written = sum(path.stat().st_size for path in small_afm.folder.rglob("*") if path.is_file())
    assert 0.5 * written < estimate.bytes < 2 * written
    assert estimate.samples == 9
    assert estimate.jobs == 7 + 2 + 5


def test_a_job_that_cannot_fit_is_told():
    dataset = dataset_of(
        simulator={"scan_dim": [2048, 2048, 500], "df_steps": 2},
        batch_size=100,
    )
    [problem] = plan.problems(dataset)
    assert "a job needs about" in problem


def test_rows_are_a_permutation_of_molecules_and_their_flattest_orientations():
    rng = np.random.default_rng(3)
    geometries = [rng.normal(size=(n, 3)) for n in (4, 7)]
    spec = {
        "seed": 5,
        "augment": {"rotations": 30, "n_best": 4, "method": "entropy", "shuffle": True},
        "rotations": None,
        "split": {"val": 0.0, "test": 0.5, "by": "molecule"},
        "samples": 8,
    }
    rows = plan_samples(spec, geometries)
    pairs = set(zip(rows["mol_id"].tolist(), rows["rot_id"].tolist(), strict=True))
    assert pairs == {(m, r) for m in range(2) for r in range(4)}
    directions = sphereTangentSpace(30)
    for m, r, rot, entropy in zip(
        rows["mol_id"], rows["rot_id"], rows["rot"], rows["entropy"], strict=True
    ):
        values = entropies(geometries[m], directions[:, 2])
        assert entropy == np.sort(values)[::-1][r]
        np.testing.assert_array_equal(rot, directions[np.argsort(-values)[r]])
    tested = {m for m, split in zip(rows["mol_id"], rows["split"], strict=True) if split == 2}
    assert len(tested) == 1
    unshuffled = plan_samples(
        {**spec, "augment": {**spec["augment"], "shuffle": False}}, geometries
    )
    assert unshuffled["mol_id"].tolist() == [0] * 4 + [1] * 4
    assert unshuffled["rot_id"].tolist() == [0, 1, 2, 3] * 2


def test_a_shorter_plan_is_the_beginning_of_a_longer_one(small_afm):
    whole = read_npz(small_afm["plan.npz"])
    spec = specs.plan_spec(small_afm.dataset, small_afm.sizes)
    geometries = [xyz for xyz in split_atoms(small_afm)]
    part = plan_samples({**spec, "samples": 4}, geometries)
    for key in ("mol_id", "rot_id", "rot", "entropy", "split"):
        np.testing.assert_array_equal(part[key], whole[key][:4])


def split_atoms(data):
    arrays = read_npz(data["molecules.npz"])
    return np.split(arrays["xyz"], arrays["ptr"][1:-1])


def test_named_rotations_turn_about_z():
    xyz = np.array([[1.0, 0, 0], [0, 2, 0], [0, 0, 3]])
    spec = {
        "seed": 0,
        "augment": None,
        "rotations": ["identity", "rot90", "rot180", "rot270"],
        "split": {"val": 0.0, "test": 0.0, "by": "sample"},
        "samples": 4,
    }
    rows = plan_samples(spec, [xyz])
    turned = [xyz[0] @ rot.T for rot in rows["rot"]]
    np.testing.assert_array_equal(turned, [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0]])


def test_molecules_are_listed_with_formula_and_hash(small_afm):
    header, rows = read_csv(small_afm["molecules.csv"])
    table = [dict(zip(header, row, strict=True)) for row in rows]
    assert [row["name"] for row in table] == ["formic_acid", "bcb", "g2_NH3"]
    assert [row["formula"] for row in table] == ["CH2O2", "C6H3BrCl2", "H3N"]
    assert [row["has_charges"] for row in table] == ["false", "true", "false"]
    assert all(not row["file"].startswith("/") for row in table)


def test_every_bad_molecule_is_named_at_once(tmp_path):
    (tmp_path / "empty.xyz").write_text("")
    (tmp_path / "short.xyz").write_text("2\n\nH 0 0 0\n")
    (tmp_path / "good.xyz").write_text("1\n\nH 0 0 0\n")
    data = SmallDataset.of(tmp_path / "data", {**SMALL, "molecules": [f"{tmp_path}/*.xyz"]})
    with pytest.raises(ValueError, match=r"empty\.xyz: line 1.*\n.*short\.xyz") as caught:
        data.make_inputs()
    assert "good.xyz" not in str(caught.value)
    assert not data["molecules.npz"].exists()


def test_the_same_file_twice_is_an_error(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{name}.xyz").write_text("1\n\nH 0 0 0\n")
    data = SmallDataset.of(tmp_path / "data", {**SMALL, "molecules": [f"{tmp_path}/*.xyz"]})
    with pytest.raises(ValueError, match=r"two\.xyz: same content as .*one\.xyz"):
        data.make_inputs()


def test_a_general_data_set_needs_no_plan_of_directions():
    sizes = plan.sizes(parse_config(DatasetConfig, GENERAL))
    assert (sizes.n_rot, sizes.samples) == (2, 4)
