"""`simlab lensing roulettegen`: pictures from amplitudes, whatever lens they belong to."""

import csv
from pathlib import Path

import numpy as np
import pytest
from lensing_commands import arrays_in, entries_in, read_csv, write_rows
from lensing_reference import FOLDER
from lensing_samples import row_of

from simlab.lensing.files.pictures import read_image
from simlab.lensing.files.shards import open_shard
from simlab.lensing.files.tables import write_table
from simlab.lensing.pictures import stored
from simlab.lensing.postprocess import crop, draw_axes, to_uint8
from simlab.lensing.regeneration import read_amplitude_rows
from simlab.lensing.render import actual_image
from simlab.lensing.resimulation import recovered, resimulate_row
from simlab.lensing.roulette import estimated_radius
from simlab.lensing.rows import source_of
from simlab.lensing.settings import as_settings
from simlab.lensing.simulate import simulate_row

BASE = {"einsteinradius": 9, "x": 6, "y": 3, "sigma": 3}
ROWS = [
    {**row_of(**{**BASE, **cells}), "index": 10 + n, "filename": f"{name}.png"}
    for n, (name, cells) in enumerate(
        {
            "series": {"model": "Roulette"},
            "traced": {"lens": "SIE", "ellipseratio": 0.7, "orientation": 20, "nterms": 8},
            "ring": {"x": 0, "y": 0},
            "skewed": {
                "source": "SersicEllipsoid", "sigma2": 2, "theta": 30, "n_sersic": 0.8,
                "luminosity": 8, "chi_percent": 150, "model": "Roulette",
            },
        }.items()
    )
]  # fmt: skip
SMALL = {"imagesize": 64, "nterms": 6}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory with a table of amplitudes."""
    monkeypatch.chdir(tmp_path)
    write_amplitudes(tmp_path / "r.csv", SMALL)
    return tmp_path


def write_amplitudes(path, settings, rows=ROWS):
    tables = [simulate_row(row, settings).columns for row in rows]
    write_rows(path, *tables)


def rows_of(path="r.csv", settings=None):
    return read_amplitude_rows(Path(path), as_settings(settings or SMALL), {})


def drawn(row, settings=None, **how):
    """The picture that a file should hold."""
    settings = as_settings({"imagesize": 64, **(settings or {})})
    return stored(resimulate_row(row, settings, **how), settings, 1)


def test_pictures_without_a_name_are_named_by_the_number_of_their_row(lensing, folder):
    nameless = [{k: v for k, v in row.items() if k != "filename"} for row in read_csv("r.csv")]
    write_rows(folder / "nameless.csv", *nameless)
    lensing("roulettegen", "-i", "nameless.csv", "-Z", 64, "-D", "png")
    assert entries_in(folder / "png") == [f"image-{n:06d}.png" for n in (1, 2, 3, 4)]


OPTIONS = {
    "": ({}, {}, {}),
    "-n 2": ({}, {}, {"order": 2}),
    "--nterms 20": ({}, {}, {"order": 20}),
    "--imagesize 48": ({"imagesize": 48}, {}, {}),
    "-z 41": ({"cropsize": 41}, {}, {}),
    "--cropsize 40": ({"cropsize": 40}, {}, {}),
    "--drawmode centre": ({}, {}, {"drawmode": "centre"}),
    "--drawmode origin": ({}, {}, {"drawmode": "origin"}),
    "--drawmode xi": ({}, {}, {}),
    "--mask region": ({"mask": "region"}, {}, {}),
    "--mask disc": ({"mask": "disc"}, {}, {}),
    "--mask none": ({"mask": "none"}, {}, {}),
    "--mask region -O 0.5": ({"mask": "region", "maskscale": 0.5}, {}, {}),
    "--mask region --maskscale 0.4": ({"mask": "region", "maskscale": 0.4}, {}, {}),
    "--maskradius 5": ({"maskradius": 5}, {}, {}),
    "-S Ellipsoid -2 6": ({}, {"source": "Ellipsoid", "sigma2": 6}, {}),
    "--source Spherical -s 5": ({}, {"source": "Spherical", "sigma": 5}, {}),
    "--sigma2 4 --source Ellipsoid -t 70": (
        {}, {"source": "Ellipsoid", "sigma2": 4, "theta": 70}, {}
    ),
    "--source SersicSphere --n-sersic 1 --luminosity 5": (
        {}, {"source": "SersicSphere", "n_sersic": 1, "luminosity": 5}, {}
    ),
    "--sampling bilinear": ({"sampling": "bilinear"}, {}, {}),
    "--sampling floor": ({"sampling": "floor"}, {}, {}),
    "--supersample 3": ({"supersample": 3}, {}, {}),
    "--compat": ({"compat": True}, {}, {}),
}  # fmt: skip
SAME = {"", "--drawmode xi", "--mask none", "--nterms 20"}
"""Defaults, and an order that the amplitudes do not reach."""


@pytest.mark.parametrize("options", OPTIONS)
def test_every_option_changes_what_it_says(lensing, options):
    settings, cells, how = OPTIONS[options]
    rows = [{**row, **cells} for row in rows_of()]
    out, err = lensing("roulettegen", "-i", "r.csv", "-Z", 64, "--out", "s.h5", *options.split())
    assert (out, err) == ("4 rows drawn\n", "")
    images = arrays_in("s.h5", "images")["images"]
    for row, image in zip(rows, images, strict=True):
        np.testing.assert_array_equal(image, drawn(row, settings, **how))
    plain = drawn(rows_of()[1])
    assert (images[1].shape == plain.shape and (images[1] == plain).all()) == (options in SAME)


def test_the_picture_of_datagen_comes_back_bit_for_bit(lensing):
    write_rows("rows.csv", *({**row, "model": "Roulette", "nterms": ""} for row in ROWS))
    how = ("-Z", 64, "-C", "-z", 51, "-M", "none", "-n", 9)
    lensing("datagen", "-i", "rows.csv", *how, "--out", "a.h5", "-o", "a.csv",
            "-D", "a")  # fmt: skip
    lensing("roulettegen", "-i", "a.csv", "-Z", 64, "-z", 51, "--out", "b.h5", "-D", "b")
    ours, theirs = arrays_in("a.h5"), arrays_in("b.h5")
    for name in ("images", "index", "filename", "status", "crop_center"):
        np.testing.assert_array_equal(theirs[name], ours[name])
    assert ours["images"].any(axis=(1, 2)).tolist() == [True, True, False, True]
    for name in ("xi", "eta"):
        given = np.array([True, True, False, True])
        np.testing.assert_allclose(theirs[name][given], ours[name][given], atol=1e-10)
    for name in ("series", "traced", "ring", "skewed"):
        np.testing.assert_array_equal(read_image(f"a/{name}.png"), read_image(f"b/{name}.png"))


def test_shards_say_what_is_known_without_the_lens(lensing):
    lensing("roulettegen", "-i", "r.csv", "-Z", 64, "--out", "s.h5", "--rows", "1:")
    arrays, rows = arrays_in("s.h5"), rows_of()[1:]
    assert arrays["index"].tolist() == [2, 3, 4]
    assert arrays["status"].tolist() == [0, 2, 0]
    found = [recovered(row, as_settings(SMALL)) for row in (rows[0], rows[2])]
    radii = [estimated_radius(one.values) for one in found]
    assert arrays["r_conv"].tolist() == [radii[0], 0, radii[1]]
    assert radii[0] == pytest.approx(float(rows[0]["r_conv"]), rel=0.3)
    with open_shard("s.h5") as file:
        assert file.attrs["model"] == "RouletteRegenerator"
        assert file["filename"].asstr()[()].tolist() == ["traced.png", "ring.png", "skewed.png"]
    assert complex(*arrays["xi"][0]) == complex(float(rows[0]["xiX"]), float(rows[0]["xiY"]))
    assert complex(*arrays["eta"][0]) == pytest.approx(6 + 3j - center_of(rows[0]), abs=1e-10)


def center_of(row):
    return complex(float(row["centreX"]), float(row["centreY"]))


@pytest.mark.parametrize(("options", "expected"), [
    ("--rows 1:3", [2, 3]), ("--rows -1:", [4]), ("--rows 0", [1]), ("--maxcount 2", [1, 2]),
    ("--rows 1: --maxcount 1", [2]), ("", [1, 2, 3, 4]),
])  # fmt: skip
def test_only_some_rows_are_drawn(lensing, options, expected):
    out, _ = lensing("roulettegen", "-i", "r.csv", "-Z", 64, "--out", "s.h5", *options.split())
    assert arrays_in("s.h5", "index")["index"].tolist() == expected
    assert out == f"{len(expected)} rows drawn\n"


def test_pictures_in_a_folder_with_axes_and_sources(lensing, folder):
    run = ("roulettegen", "-i", "r.csv", "-Z", 64, "-z", 60, "-D", "png")
    lensing(*run, "-R", "-a")
    names = ["ring.png", "series.png", "skewed.png", "traced.png"]
    actual = ["actual-series.png", "actual-skewed.png", "actual-traced.png"]
    assert entries_in(folder / "png") == [*actual, *names]
    for row in rows_of():
        levels = to_uint8(drawn(row, {"cropsize": 60}))
        np.testing.assert_array_equal(read_image(f"png/{row['filename']}"), draw_axes(levels))
    row = rows_of()[3]
    eta = recovered(row, as_settings(SMALL)).eta
    source = crop(actual_image(source_of(row), eta, 64), 60)
    found = read_image("png/actual-skewed.png").astype(int)
    assert np.abs(found - to_uint8(source)).max() <= 1
    assert found.max() > 50
    lensing(*run, "--reflines", "--actual")
    lensing(*run)
    for row in rows_of():
        levels = to_uint8(drawn(row, {"cropsize": 60}))
        np.testing.assert_array_equal(read_image(f"png/{row['filename']}"), levels)


def test_tables_of_networks_need_the_source(lensing, folder):
    write_rows(folder / "rows.csv", ROWS[0])
    how = ("-Z", 64, "-C", "-M", "none")
    lensing("datagen", "-i", "rows.csv", *how, "--out", "a.h5", "-o", "ml.csv", "--mldata")
    run = ("roulettegen", "-i", "ml.csv", "-Z", 64, "--out", "s.h5")
    _, err = lensing(*run, code=1)
    assert "no column source, row 1 needs it" in err
    lensing(*run, "-S", "Spherical")
    lensing("roulettegen", "-i", "ml.csv", "-Z", 64, "--out", "t.h5", "-S", "Spherical", "-s", 5)
    images = arrays_in("s.h5", "images")["images"]
    expected = arrays_in("a.h5", "images")["images"]
    assert np.abs(images - expected).max() < 0.01
    assert (arrays_in("t.h5", "images")["images"] != images).any()


def test_units_of_the_table_are_told(lensing, folder):
    write_amplitudes(folder / "lens.csv", {**SMALL, "amplitude_units": "lens"})
    run = ("roulettegen", "-Z", 64, "--rows", "3", "--out", "s.h5", "-i")
    lensing(*run, "r.csv")
    angular = arrays_in("s.h5", "images")["images"]
    lensing(*run, "lens.csv", "--amplitude-units", "lens")
    np.testing.assert_allclose(arrays_in("s.h5", "images")["images"], angular, atol=0.01)
    lensing(*run, "lens.csv", "--amplitude-units", "angular")
    assert np.abs(arrays_in("s.h5", "images")["images"] - angular).max() > 5


def test_threads_do_not_change_the_bytes(lensing, folder):
    for count in (1, 2):
        lensing("roulettegen", "-i", "r.csv", "-Z", 64, "--out", f"{count}.h5", "--threads", count)
    assert (folder / "1.h5").read_bytes() == (folder / "2.h5").read_bytes()


def test_tables_of_the_original_program_are_drawn_with_one_notice(lensing):
    original = FOLDER / "e2e" / "roulette_peer.csv"
    _, err = lensing("roulettegen", "-i", original, "-Z", 256, "-z", 160, "--compat", "-D", "png")
    assert err.startswith("Warning: ")
    assert "no columns refX, refY" in err
    assert err.count("\n") == 1
    with np.load(FOLDER / "e2e" / "images.npz") as pictures:
        for n in range(1, 7):
            # the triangle is colored, and so are all pictures of the table
            image = read_image(f"png/image-{n:06d}.png")
            expected = pictures[f"resim_image_{n:06d}"]
            np.testing.assert_array_equal(image, np.broadcast_to(
                expected if expected.ndim == 3 else expected[..., None], image.shape
            ))  # fmt: skip


def test_the_command_makes_the_arrays_of_the_rule(lensing, small_lensing):
    table = small_lensing.shards("amplitudes", "csv")[1]
    size = ("-Z", 96, "-z", 64)
    lensing("roulettegen", "-i", table, *size, "--out", "s.h5")
    ours, theirs = arrays_in("s.h5"), arrays_in(small_lensing.shards("resim")[1])
    theirs["index"] -= 5
    assert list(ours) == list(theirs)
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name])


# What cannot be done


@pytest.fixture
def refused(lensing, folder):
    """Run roulettegen that must fail; the lines on stderr. Nothing may have been made."""

    def run(*options, code=1):
        before = entries_in(folder)
        out, err = lensing("roulettegen", "-Z", 64, *options, code=code)
        assert out == ""
        assert "Traceback" not in err
        assert entries_in(folder) == before
        return [line for line in err.splitlines() if not line.startswith("Warning: ")]

    return run


def change(folder, position, **cells):
    with open(folder / "r.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows[position].update(cells)
    write_table(folder / "r.csv", list(rows[0]), rows)


CELLS = {
    "alpha[1][0]": ("much", "row 2: column alpha[1][0] = much: expected a finite number"),
    "beta[2][1]": ("nan", "row 2: column beta[2][1] = nan: expected a finite number"),
    "xiX": ("left", "row 2: xiX is 'left', a finite number is expected"),
    "offsetY": ("inf", "row 2: offsetY is 'inf', a finite number is expected"),
    "sigma": ("0", "row 2: sigma is '0', expected a number above 0"),
    "source": ("Sphere", "row 2: source is 'Sphere', expected Spherical, Ellipsoid"),
    "status": ("fine", "row 2: status is 'fine', expected ok, dark, ring"),
    "filename": ("series.png", "row 2: filename is 'series.png', expected another name than that"),
}


@pytest.mark.parametrize("column", CELLS)
def test_a_bad_cell_is_named_with_file_row_column_and_value(refused, folder, column):
    cell, expected = CELLS[column]
    change(folder, 1, **{column: cell})
    lines = refused("-i", "r.csv", "--out", "s.h5", "-D", "png")
    assert lines[0] == "Error: r.csv: 1 problem"
    assert lines[1].startswith(f"  r.csv: {expected}")
    assert len(lines) == 2


def test_at_most_ten_problems_are_told(refused, folder):
    rows = [{**rows_of()[0], "filename": f"{n}.png", "xiX": "left"} for n in range(12)]
    write_table(folder / "r.csv", list(rows[0]), rows)
    lines = refused("-i", "r.csv", "--out", "s.h5")
    assert lines[0] == "Error: r.csv: 12 problems"
    assert len(lines) == 12
    assert lines[-1] == "  and 2 more"


def test_amplitudes_that_cannot_be_are_named_once(refused, folder):
    rows = [{**row, "alpha[2][2]": "1"} for row in rows_of()]
    write_table(folder / "r.csv", list(rows[0]), rows)
    assert refused("-i", "r.csv", "--out", "s.h5")[1:] == [
        "  r.csv: column alpha[2][2]: expected m <= 200, s <= m + 1 and m + s odd"
    ]


def test_a_table_without_amplitudes_names_the_command_that_makes_them(refused, folder):
    write_rows(folder / "rows.csv", *ROWS)
    (line,) = refused("-i", "rows.csv", "--out", "s.h5")
    assert line == (
        "Error: rows.csv: no amplitude columns alpha[m][s]; "
        "`simlab lensing datagen --csvfile rows.csv --outfile ROULETTE.csv` makes them"
    )


def test_rows_that_were_skipped_are_black(lensing, folder):
    change(folder, 1, status="bad-parameters", sigma="wide", **{"alpha[1][0]": "much"})
    lensing("roulettegen", "-i", "r.csv", "-Z", 64, "--out", "s.h5", "-D", "png", "-a")
    arrays = arrays_in("s.h5")
    assert arrays["status"].tolist() == [0, 5, 2, 0]
    assert arrays["images"].any(axis=(1, 2)).tolist() == [True, False, False, True]
    assert not read_image("png/traced.png").any()


@pytest.mark.parametrize(("options", "expected"), [
    ("-i no.csv --out s.h5", "table not found: no.csv"),
    ("-i r.csv --out s.h5 -z 5000", "cropsize"),
    ("-i r.csv --out s.h5 --supersample 2", "supersample"),
    ("-i r.csv --out s.h5 --compat --sampling analytic", "compat: true goes with floor only"),
    ("-i r.csv --out s.h5 -S Sphere", "row 1: source is 'Sphere'"),
    ("-i r.csv --out s.h5 -s 0", "row 1: sigma is 0.0, expected a number above 0"),
    ("-i r.csv --out r.csv/s.h5", "cannot write r.csv/s.h5"),
])  # fmt: skip
def test_options_without_meaning_are_told(refused, options, expected):
    assert expected in "\n".join(refused(*options.split()))


@pytest.mark.parametrize("options", [
    "", "-i r.csv", "--out s.h5", "-i r.csv --out s.h5 -n 0", "-i r.csv --out s.h5 -n 201",
    "-i r.csv --out s.h5 --drawmode xy", "-i r.csv --out s.h5 --mask all",
    "-i r.csv --out s.h5 --rows 9:", "-i r.csv --out s.h5 --rows a", "-i r.csv -D p --maxcount 0",
    "-i r.csv -D p --threads 0", "-i r.csv -D p -l SIE",
])  # fmt: skip
def test_wrong_usage_has_a_code_of_its_own(refused, options):
    refused(*options.split(), code=2)


def test_a_configuration_tells_what_options_do_not(lensing, tmp_path):
    """Options win over it, as for datagen."""
    (tmp_path / "c.yaml").write_text(
        "simulator: {imagesize: 96, sersic_axes: gaussian, bgcolour: 3}\n"
        "lens: {einstein: 9}\nsource: {mode: Spherical, sigma: 3}\n"
    )
    lensing("roulettegen", "-i", "r.csv", "--out", "x.h5", "--config", "c.yaml", "-Z", 64)
    settings = {"sersic_axes": "gaussian", "bgcolour": 3}
    with open_shard("x.h5") as file:
        for picture, row in zip(file["images"][()], rows_of(), strict=True):
            np.testing.assert_array_equal(picture, drawn(row, settings))
    skewed = rows_of()[3]
    assert np.abs(drawn(skewed, settings) - drawn(skewed, {"bgcolour": 3})).max() > 1
