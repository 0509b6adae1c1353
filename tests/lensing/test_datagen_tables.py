"""`simlab lensing datagen` with tables: which rows, whose values, what is written and told."""

import lensing_finished
import numpy as np
import pytest
import yaml
from lensing_commands import arrays_in, assert_same_picture, entries_in, read_csv, write_rows
from lensing_samples import row_of

from simlab.lensing.files.pictures import read_image, write_png
from simlab.lensing.postprocess import to_uint8
from simlab.lensing.recovery import NOT_LEARNED
from simlab.lensing.simulate import simulate_row

SMALL_SETTINGS = {"imagesize": 64, "centred": False}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory with the picture of a galaxy."""
    write_png(tmp_path / "galaxy.png", np.add.outer(np.arange(12) * 9, np.arange(12) * 5))
    monkeypatch.chdir(tmp_path)
    return tmp_path


ROWS = [
    {**row_of(**cells), "index": 10 + n, "filename": f"{name}.png"}
    for n, (name, cells) in enumerate(
        {
            "one": {"einsteinradius": 9, "x": 6, "y": 3, "sigma": 3},
            "ring": {"einsteinradius": 9, "x": 0, "y": 0, "sigma": 3},
            "dark": {"einsteinradius": 9, "x": 900, "y": 0, "sigma": 3},
            "series": {"einsteinradius": 9, "x": 6, "y": 3, "sigma": 3, "model": "Roulette"},
        }.items()
    )
]


@pytest.fixture
def table(folder):
    return write_rows(folder / "rows.csv", *ROWS)


def test_pictures_amplitudes_and_shard_of_a_table(lensing, table, folder):
    out, err = lensing("datagen", "-i", table, "-Z", 64, "-D", "new/png", "--out", "new/s.h5",
                       "--outfile", "new/r.csv")  # fmt: skip
    assert out == "4 rows: 1 dark, 2 ok, 1 ring\n"
    assert err.count("\n") == 1
    assert "row 3: the source lies outside the 64-px picture" in err
    names = ["one", "ring", "dark", "series"]
    files = sorted(f"new/png/{name}.png" for name in names)
    expected = ["galaxy.png", "new", "new/png", *files, "new/r.csv", "new/s.h5", "rows.csv"]
    assert entries_in(folder) == expected
    arrays, written = arrays_in("new/s.h5"), read_csv("new/r.csv")
    assert arrays["index"].tolist() == [1, 2, 3, 4]
    assert [row["index"] for row in written] == ["10", "11", "12", "13"]
    for position, (row, name) in enumerate(zip(ROWS, names, strict=True)):
        one = simulate_row(row, SMALL_SETTINGS)
        assert_same_picture("new/s.h5", one, SMALL_SETTINGS, position)
        levels = to_uint8(arrays["images"][position])
        np.testing.assert_array_equal(read_image(f"new/png/{name}.png"), levels)
        for column, cell in one.columns.items():
            text = written[position][column]
            assert text == str(cell) or float(text) == cell
    assert [row["status"] for row in written] == ["ok", "ring", "dark", "ok"]
    assert arrays["status"].tolist() == [0, 2, 1, 0]
    assert written[1]["alpha[1][0]"] == written[1]["xiX"] == ""


def test_only_some_rows_are_drawn(lensing, table):
    for options, expected in {
        "--rows 1:3": [2, 3], "--rows -1:": [4], "--rows 2": [3], "--maxcount 2": [1, 2],
        "--rows 1: --maxcount 1": [2], "--maxcount 99": [1, 2, 3, 4],
    }.items():  # fmt: skip
        # dark rows alone are a failure of their own
        code = 3 if expected == [3] else 0
        lensing("datagen", "-i", table, "-Z", 64, "--out", "s.h5", *options.split(), code=code)
        assert arrays_in("s.h5", "index")["index"].tolist() == expected


def test_tables_of_networks_hold_what_they_learn_from(lensing, table):
    lensing("datagen", "-i", table, "-Z", 64, "--out", "s.h5", "-o", "all.csv")
    lensing("datagen", "-i", table, "-Z", 64, "--out", "s.h5", "-o", "ml.csv", "--mldata")
    whole, learned = read_csv("all.csv"), read_csv("ml.csv")
    assert set(whole[0]) - set(learned[0]) == NOT_LEARNED - {"config", "nterms"}
    assert [{k: row[k] for k in learned[0]} for row in whole] == learned


def test_a_table_of_results_can_be_simulated_again(lensing, table):
    for source, target in ((table, "first"), ("first.csv", "second")):
        lensing("datagen", "-i", source, "-Z", 64, "-C", "--out", f"{target}.h5",
                "-o", f"{target}.csv")  # fmt: skip
    assert read_csv("first.csv") == read_csv("second.csv")
    np.testing.assert_array_equal(arrays_in("first.h5")["images"], arrays_in("second.h5")["images"])


def test_cells_win_over_options_and_those_over_the_configuration(lensing, folder):
    (folder / "c.yaml").write_text(
        "simulator: {imagesize: 48, nterms: 3, cropsize: 32}\nsource: {mode: Ellipsoid}\n"
    )
    rows = [
        {**ROWS[0], "nterms": 6, "sigma": ""},
        {**ROWS[3], "nterms": "", "sigma": 2},
    ]
    write_rows(folder / "rows.csv", *rows)
    run = ("datagen", "-i", "rows.csv", "--out", "s.h5", "-o", "r.csv", "-s", 3)

    def orders_and_sizes(*options):
        lensing(*run, *options)
        written = read_csv("r.csv")
        orders = [
            max(int(name[6]) for name, cell in row.items() if name[:5] == "alpha" and cell)
            for row in written
        ]
        sigmas = [float(row["sigma"]) for row in written]
        return orders, sigmas, arrays_in("s.h5", "images")["images"].shape[1]

    assert orders_and_sizes("-Z", 64) == ([6, 5], [3, 2], 64)
    assert orders_and_sizes("--config", "c.yaml") == ([6, 3], [3, 2], 32)
    assert orders_and_sizes("--toml", "c.yaml", "-n", 4, "-z", 40) == ([6, 4], [3, 2], 40)


def test_models_of_rows_without_one_come_from_the_option(lensing, folder):
    bare = {key: cell for key, cell in ROWS[0].items() if key != "model"}
    expected = simulate_row({**bare, "model": "Roulette"}, SMALL_SETTINGS)
    for row in (bare, {**bare, "model": ""}):
        write_rows(folder / "rows.csv", row)
        lensing("datagen", "-i", "rows.csv", "-Z", 64, "-L", "Roulette", "--out", "s.h5")
        assert_same_picture("s.h5", expected, SMALL_SETTINGS)
        lensing("datagen", "-i", "rows.csv", "-Z", 64, "--out", "s.h5")
        traced = simulate_row({**bare, "model": "Raytrace"}, SMALL_SETTINGS)
        assert_same_picture("s.h5", traced, SMALL_SETTINGS)


def test_pictures_are_centered_as_the_configuration_says(lensing, folder, table):
    (folder / "c.yaml").write_text("simulator: {imagesize: 64}\n")
    run = ("datagen", "-i", table, "--rows", "0", "--out", "s.h5")
    lensing(*run, "--config", "c.yaml")
    assert_same_picture("s.h5", simulate_row(ROWS[0], {"imagesize": 64}), {})
    lensing(*run, "--config", "c.yaml", "--no-centred")
    assert_same_picture("s.h5", simulate_row(ROWS[0], SMALL_SETTINGS), {})


def test_a_data_set_of_a_campaign_is_named(lensing, folder, table):
    (folder / "c.yaml").write_text(
        "lensing: {datasets: {a: {simulator: {imagesize: 48}}, b: {simulator: {imagesize: 64}}}}\n"
    )
    run = ("datagen", "-i", table, "--rows", "0", "--config", "c.yaml", "--out", "s.h5")
    for name, size in (("a", 48), ("b", 64)):
        lensing(*run, "--dataset", name)
        assert arrays_in("s.h5", "images")["images"].shape == (1, size, size)


@pytest.mark.parametrize("seed", [None, 7])
def test_noise_has_the_seed_of_the_option_or_the_configuration(lensing, folder, table, seed):
    (folder / "c.yaml").write_text(
        "seed: 4\nsimulator: {imagesize: 64}\nobservation: {read_noise: 2}\n"
    )
    run = ("datagen", "-i", table, "--rows", "3:", "--out", "s.h5", "--config", "c.yaml")
    lensing(*run, *([] if seed is None else ["--seed", seed]))
    settings = {"imagesize": 64, "observation": {"read_noise": 2}, "seed": seed or 4}
    assert_same_picture("s.h5", simulate_row(ROWS[3], settings, number=4), settings)


def test_threads_do_not_change_the_bytes(lensing, table):
    for count in (1, 2):
        lensing("datagen", "-i", table, "-Z", 64, "--threads", count, "--out", f"{count}.h5",
                "-o", f"{count}.csv", "-D", f"png{count}")  # fmt: skip
    for first, second in (("1.h5", "2.h5"), ("1.csv", "2.csv"), ("png1/one.png", "png2/one.png")):
        with open(first, "rb") as one, open(second, "rb") as two:
            assert one.read() == two.read()


def test_what_is_told(lensing, table):
    run = ("datagen", "-i", table, "-Z", 64, "--rows", "0", "--out", "s.h5")
    assert lensing(*run)[0] == "1 rows: 1 ok\n"
    assert lensing(*run, "-q") == ("", "")
    out, _ = lensing(*run, "-v")
    assert '"imagesize":64' in out
    assert out.endswith("1 rows: 1 ok\n")


@pytest.mark.parametrize(("options", "rows", "code"), [
    ("", ":", 0), ("", "1:3", 0), ("", "2:3", 3), ("--strict", "0", 0), ("--strict", "1", 3),
    ("--strict", "2:", 3),
])  # fmt: skip
def test_outcomes_decide_on_the_exit_code(lensing, table, options, rows, code):
    run = ("datagen", "-i", table, "-Z", 64, "--rows", rows, "--out", "s.h5", "-o", "r.csv")
    lensing(*run, *options.split(), code=code)
    assert len(read_csv("r.csv")) == len(arrays_in("s.h5", "index")["index"])


def test_light_at_the_edge_is_fine_under_strict_rules(lensing):
    run = ("datagen", "-Z", 64, "-E", 9, "-x", 25, "-y", 3, "-s", 6, "--strict", "--out", "s.h5")
    assert lensing(*run)[0] == "1 rows: 1 clipped-edge\n"


# Drawn rows


CONFIG = """
seed: 5
simulator: {size: 6, imagesize: 64, nterms: 3}
lens: {einstein-min: 6, einstein-max: 9}
source: {mode: [Spherical, Image], sigma-min: 2, sigma-max: 3, file: galaxy.png, position: relative}
"""


def test_rows_are_drawn_and_written(lensing, folder):
    (folder / "c.yaml").write_text(CONFIG)
    lensing("datagen", "--rnd", "--config", "c.yaml", "-i", "new/rows.csv", "--out", "s.h5")
    lensing("datasetgen", "c.yaml", "new/same.csv")
    text = (folder / "new" / "rows.csv").read_text()
    assert text == (folder / "new" / "same.csv").read_text()
    lensing("datagen", "-i", "new/rows.csv", "--config", "c.yaml", "--out", "again.h5")
    one, two = arrays_in("s.h5"), arrays_in("again.h5")
    for name, array in one.items():
        np.testing.assert_array_equal(array, two[name])
    assert len(one["index"]) == 6


def test_drawn_rows_obey_seed_order_and_range(lensing, folder):
    (folder / "c.yaml").write_text(CONFIG)
    run = ("datagen", "--rnd", "--config", "c.yaml", "-o", "r.csv", "--out", "s.h5")
    lensing(*run, "--rows", "2:4", "-n", 4)
    some = read_csv("r.csv")
    assert [row["index"] for row in some] == ["3", "4"]
    assert {row["nterms"] for row in some} == {"4"}
    assert "alpha[4][1]" in some[0]
    lensing(*run, "--seed", 6)
    other = read_csv("r.csv")
    assert other[2]["x"] != some[0]["x"]
    lensing(*run, "--seed", 5)
    assert read_csv("r.csv")[2]["x"] == some[0]["x"]


def test_rows_that_cannot_be_drawn_are_not_written(lensing, folder):
    (folder / "c.yaml").write_text(CONFIG.replace("galaxy.png", "nowhere.png"))
    before = entries_in(folder)
    lensing("datagen", "--rnd", "--config", "c.yaml", "-i", "rows.csv", "--out", "s.h5", code=1)
    assert entries_in(folder) == before


# The workflow


def test_the_command_makes_the_arrays_of_the_rule(lensing, small_lensing, folder):
    (folder / "c.yaml").write_text(yaml.safe_dump(lensing_finished.SMALL))
    lensing("datagen", "-i", small_lensing.path("parameters.csv"), "--config", "c.yaml",
            "--rows", "5:10", "-a", "-A", "-U", "--out", "s.h5", "-o", "r.csv")  # fmt: skip
    ours, theirs = arrays_in("s.h5"), arrays_in(small_lensing.shards("images")[1])
    assert list(ours) == list(theirs)
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name])
        assert array.dtype == theirs[name].dtype
    made = small_lensing.shards("amplitudes", "csv")[1]
    assert (folder / "r.csv").read_bytes() == made.read_bytes()
