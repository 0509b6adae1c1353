"""What datagen cannot do is told before anything is made, a line each."""

import numpy as np
import pytest
from lensing_commands import arrays_in, entries_in, read_csv, write_rows
from lensing_reference import FOLDER
from lensing_samples import SIE, row_of

from simlab.lensing.files.pictures import write_png

GOOD = {**row_of(), "filename": "good.png", "einsteinradius": 9, "x": 6, "y": 3, "sigma": 3}
OUTPUTS = ("-D", "png", "--out", "s.h5", "-o", "r.csv", "-Z", 64)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory with a large picture and a damaged one."""
    write_png(tmp_path / "large.png", np.zeros((65, 65)))
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n")
    (tmp_path / "one.yaml").write_text("simulator: {size: 2}\n")
    (tmp_path / "bad.yaml").write_text("simulator: {sise: 2}\n")
    (tmp_path / "two.yaml").write_text("lensing: {datasets: {a: {}, b: {}}}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def refused(lensing, folder):
    """Run datagen that must fail; the lines on stderr. Nothing may have been made."""

    def run(*options, code=1):
        before = entries_in(folder)
        out, err = lensing("datagen", *OUTPUTS, *options, code=code)
        assert out == ""
        assert "Traceback" not in err
        assert entries_in(folder) == before
        return err.splitlines()

    return run


def problems(lines):
    """The lines after the count of problems, which is right."""
    first, *rest = [line for line in lines if not line.startswith("Warning: ")]
    number = first.removeprefix("Error: rows.csv: ").split()[0]
    hidden = [line for line in rest if line.startswith("  and ")]
    assert int(number) == len(rest) if not hidden else int(number) > len(rest)
    return [line.removeprefix("  rows.csv: ") for line in rest]


CELLS = {
    "lens": ({"lens": "SIA"}, "lens is 'SIA', expected SIS, PM, PointMass, SIE, NFW, Cluster, did"),
    "source": ({"source": "Sphericle"}, "source is 'Sphericle', expected Spherical, Ellipsoid,"),
    "model": ({"model": "Raytracing"}, "model is 'Raytracing', expected Raytrace, Roulette, Roule"),
    "exact": ({"model": "RouletteExact"}, "model is 'RouletteExact', expected lens PM with it"),
    "no ratio": ({**SIE, "ellipseratio": ""}, "ellipseratio is empty, expected a number above 0"),
    "ratio 0": ({**SIE, "ellipseratio": 0}, "ellipseratio is 0.0, expected a number above 0 and "),
    "ratio 1.2": ({**SIE, "ellipseratio": 1.2}, "ellipseratio is 1.2, expected a number above 0"),
    "g 0": ({"einsteinradius": 0}, "einsteinradius is 0.0, expected a number above 0"),
    "g text": ({"einsteinradius": "wide"}, "einsteinradius is 'wide', expected a number above 0"),
    "sigma": ({"sigma": -1}, "sigma is -1.0, expected a number above 0"),
    "no sigma": ({"sigma": ""}, "sigma is empty, expected a number above 0"),
    "sigma2": ({"source": "Ellipsoid", "sigma2": 0}, "sigma2 is 0.0, expected a number above 0"),
    "sersic": ({"source": "SersicSphere", "n_sersic": 0}, "n_sersic is 0.0, expected a number ab"),
    "chi": ({"chi_percent": 0}, "chi_percent is 0.0, expected a number above 0"),
    "x": ({"x": "nan"}, "x is nan, expected a finite number"),
    "y": ({"y": "inf"}, "y is inf, expected a finite number"),
    "shear": ({"shear1": "1e400"}, "shear1 is inf, expected a finite number"),
    "order": ({"nterms": -1}, "nterms is -1, expected a whole number 0..200"),
    "large order": ({"nterms": 201}, "nterms is 201, expected a whole number 0..200"),
    "half order": ({"nterms": 2.5}, "nterms is '2.5', expected a whole number 0..200"),
    "cluster": (
        {"lens": "", "cluster": "SIS/0/1/5;SIE/1/2/3/4"},
        "cluster: member 2 of cluster: expected SIE/x/y/g/f/orientation, got 4 numbers",
    ),
    "no cluster": ({"lens": "Cluster", "cluster": ""}, "cluster is empty, expected the members"),
    "no picture": ({"source": "Image", "sourcefile": "no.png"}, "sourcefile: picture not found: n"),
    "broken": ({"source": "Image", "sourcefile": "broken.png"}, "sourcefile: broken.png: not a pi"),
    "large": ({"source": "Image", "sourcefile": "large.png"}, "65 x 65"),
    "map": ({"lens": "no.npy"}, "lens: file not found: no.npy"),
    "path": ({"filename": "a/b.png"}, "filename is 'a/b.png', expected a name without folders"),
    "absolute": ({"filename": "/b.png"}, "filename is '/b.png', expected a name without folders"),
    "twice": ({"filename": "good.png"}, "filename is 'good.png', expected another name than that"),
    "profile": ({"lightprofile": "Flat"}, "lightprofile is 'Flat', expected Gaussian or Sersic"),
    "constellation": ({"source": "Spherical/0/0"}, "source: "),
}


@pytest.mark.parametrize("name", CELLS)
def test_a_bad_cell_is_named_with_file_row_column_and_value(refused, folder, name):
    cells, expected = CELLS[name]
    columns = {**dict.fromkeys(("ellipseratio", "chi_percent", "nterms", "shear1", "cluster"), "")}
    rows = [{**columns, **GOOD}, {**columns, **row_of(), "filename": "bad.png", **cells}]
    for extra in ("sigma2", "n_sersic", "sourcefile", "lightprofile", "orientation"):
        if any(extra in row for row in rows):
            rows = [{extra: "", **row} for row in rows]
    write_rows(folder / "rows.csv", *rows)
    (line,) = problems(refused("-i", "rows.csv"))
    assert line.startswith("row 2: ")
    assert expected in line


def test_a_missing_column_is_named_once(refused, folder):
    rows = [{k: cell for k, cell in GOOD.items() if k != "sigma"} for _ in range(3)]
    for number, row in enumerate(rows):
        row["filename"] = f"{number}.png"
    write_rows(folder / "rows.csv", *rows)
    assert problems(refused("-i", "rows.csv")) == ["no column sigma, row 1 needs it"]


def test_at_most_ten_problems_are_told(refused, folder):
    rows = [{**GOOD, "filename": f"{n}.png", "sigma": -n} for n in range(1, 13)]
    write_rows(folder / "rows.csv", *rows)
    lines = refused("-i", "rows.csv")
    assert lines[0] == "Error: rows.csv: 12 problems"
    assert lines[1] == "  rows.csv: row 1: sigma is -1.0, expected a number above 0"
    assert len(lines) == 12
    assert lines[-1] == "  and 2 more"


FILES = {
    "empty": (b"", "rows.csv: empty, a header line is expected"),
    "header": (b"filename,x,y\n", "rows.csv: no rows"),
    "bytes": (b"filename,x\n\xff\xfe,1\n", "rows.csv: not UTF-8 text"),
    "cells": (b"filename,x\na.png,1,2\n", "rows.csv: line 2 has 3 cells, the header has 2"),
    "columns": (b"filename,x,x\na.png,1,2\n", "rows.csv: column 'x' is there twice"),
    "quotes": (b'filename,x\n"a.png,1\n\x00', "rows.csv: "),
    "picture": (b"\x89PNG\r\n\x1a\n\x00\x00", "rows.csv: not UTF-8 text"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_tables_are_named(refused, folder, name):
    content, expected = FILES[name]
    (folder / "rows.csv").write_bytes(content)
    (line,) = refused("-i", "rows.csv")
    assert line.startswith(f"Error: {expected}")


OPTIONS = {
    "-i no.csv": "table not found: no.csv",
    "-i .": "cannot read .: Is a directory",
    "--config no.yaml": "file not found: no.yaml",
    "--config bad.yaml": "simulator.sise: unknown key, did you mean size?",
    "--config two.yaml": "two.yaml: it holds several data sets, name one of a, b",
    "--config two.yaml --dataset c": "two.yaml: no data set 'c'",
    "-l SIA": "the options: row 1: lens is 'SIA'",
    "-E 0": "the options: row 1: einsteinradius is 0.0, expected a number above 0",
    "-X -5": "chi_percent is -5.0, expected a number above 0",
    "-x nan": "row 1: x is nan",
    "-N a/b": "filename is 'a/b.png', expected a name without folders",
    "-n 201": "nterms",
    "-n -1": "nterms",
    "-Z 8": "imagesize",
    "-z 5000": "cropsize",
    "-O 0": "maskscale",
    "--supersample 2": "supersample: an odd number is expected",
    "--bgcolour 300": "bgcolour",
    "--reference left": "reference",
    "--reference 1,2,3": "reference",
    "--compat --sampling analytic": "compat: true goes with floor only",
    "--sampling floor --supersample 3": "supersample is 3, but floor sampling has no sub-points",
    "--compat --backend opencl": "backend: opencl draws no compat pictures",
    "-F no.txt": "file not found: no.txt",
    "-F rows.txt": "rows.txt",
    f"-F {FOLDER / 'amplitude_files' / 'sie02.txt'} -n 2": "row 1: lens SIS: by their variables",
    f"-F {FOLDER / 'amplitude_files' / 'pm06.txt'} -n 7": "row 1: order 7: the formulas end at 6",
}


@pytest.mark.parametrize("options", OPTIONS)
def test_options_without_meaning_are_told_in_a_line(refused, folder, options):
    (folder / "rows.txt").write_text("1:2:import os\n")
    lines = [line for line in refused(*options.split()) if not line.startswith("Warning: ")]
    assert OPTIONS[options] in lines[-1]
    assert lines[0].startswith("Error: ")
    assert len(lines) <= 2


WRONG = [
    "--rnd", "--rows a:b", "--rows 1:2", "-i rows.csv --rows 1:", "--maxcount 0", "--threads 0",
    "--mask=circle", "--solver fast", "--chi-column chi", "--sampling nearest", "--backend cuda",
    "-x left", "--nothing", "--xireference --reference centre", "--seed -1", "-c 0 -J",
    "--lightprofile Flat", "--rnd --config one.yaml -l SIE",
]  # fmt: skip


@pytest.mark.parametrize("options", WRONG)
def test_wrong_usage_has_a_code_of_its_own(refused, folder, options):
    write_rows(folder / "rows.csv", GOOD)
    refused(*options.split(), code=2)


def test_two_columns_for_the_distance_ratio_are_one_too_many(refused, folder):
    write_rows(folder / "rows.csv", {**GOOD, "chi": 50, "chi_percent": 50})
    (line,) = refused("-i", "rows.csv", "--chi-column", "percent")
    assert line.startswith("Error: rows.csv: columns chi and chi_percent, only one of them")


DOUBTS = {
    "outside": ({"x": 33}, "row 1: the source lies outside the 64-px picture"),
    "large": ({"einsteinradius": 33}, "row 1: the Einstein radius is larger than half the picture"),
    "peaked": ({"source": "SersicSphere", "n_sersic": 0.25}, "row 1: n_sersic is below 0.3"),
    "chi": ({"chi": 50}, "column chi is ignored, chi_column percent or ratio reads it"),
}


@pytest.mark.parametrize("name", DOUBTS)
def test_what_is_probably_not_meant_is_told_and_done(lensing, folder, name):
    cells, expected = DOUBTS[name]
    write_rows(folder / "rows.csv", {**GOOD, **cells})
    _, err = lensing("datagen", *OUTPUTS, "-i", "rows.csv")
    assert err == f"Warning: rows.csv: {expected}\n"
    assert (folder / "s.h5").exists()


def test_bad_rows_can_be_skipped(lensing, folder):
    rows = [
        {**GOOD, "filename": "a.png", "sigma": -1},
        {**GOOD, "filename": "b.png"},
        {**GOOD, "filename": "c.png", "lens": "SIA"},
    ]
    write_rows(folder / "rows.csv", *rows)
    out, _ = lensing("datagen", *OUTPUTS, "-i", "rows.csv", "--skip-bad-rows")
    assert out == "3 rows: 2 bad-parameters, 1 ok\n"
    written, arrays = read_csv("r.csv"), arrays_in("s.h5")
    assert [row["status"] for row in written] == ["bad-parameters", "ok", "bad-parameters"]
    assert arrays["status"].tolist() == [5, 0, 5]
    assert [bool(image.any()) for image in arrays["images"]] == [False, True, False]
    assert entries_in(folder / "png") == ["b.png"]
    assert written[0]["sigma"] == "-1.0"
    assert written[0]["alpha[1][0]"] == written[0]["centreX"] == ""
    options = ("-i", "rows.csv", "--skip-bad-rows", "--rows")
    lensing("datagen", *OUTPUTS, *options, "0", code=3)
    lensing("datagen", *OUTPUTS, *options, "0:2", "--strict", code=3)


def test_columns_that_no_file_can_hold_are_refused(refused, folder):
    write_rows(folder / "rows.csv", {**GOOD, "ra/dec": 3, "a": 1})
    (told,) = problems(refused("-i", "rows.csv", "--skip-bad-rows"))
    assert told == "column 'ra/dec': expected a name without / and NUL, other than ."


def test_cells_that_do_not_apply_stop_nothing(lensing, folder):
    write_rows(folder / "rows.csv", {**GOOD, "orientation": "nan", "n_sersic": "inf"})
    lensing("datagen", *OUTPUTS, "-i", "rows.csv")
    assert read_csv("r.csv")[0]["orientation"] == ""


def test_tables_without_rows_or_columns_cannot_be_skipped(refused, folder):
    (folder / "rows.csv").write_text("filename,x\n")
    refused("-i", "rows.csv", "--skip-bad-rows")


def test_outputs_that_cannot_be_written_are_named(lensing, folder):
    (folder / "file").write_text("x")
    write_rows(folder / "rows.csv", GOOD)
    before = entries_in(folder)
    for options in (("--out", "file/s.h5"), ("-D", "file"), ("--out", "s.h5", "-o", "file/r.csv")):
        _, err = lensing("datagen", "-i", "rows.csv", "-Z", 64, *options, code=1)
        assert err.startswith("Error: cannot write file/")
        assert err.count("\n") == 1
    assert entries_in(folder) in (before, sorted([*before, "s.h5"]))


def test_problems_are_one_line_each_on_a_terminal(run, folder):
    write_rows(folder / "rows.csv", {**GOOD, "sigma": -1})
    done = run("simlab.cli", "lensing", "datagen", "-i", "rows.csv", cwd=folder, code=1)
    assert done.stderr.splitlines() == [
        "Error: rows.csv: 1 problem",
        "  rows.csv: row 1: sigma is -1.0, expected a number above 0",
    ]
    assert done.stdout == ""
