import json
import math
import warnings

import numpy as np
import pytest

from simlab.lensing.cases import case_of
from simlab.lensing.errors import LensError, LensingConfigError, LensingWarning, RowsError
from simlab.lensing.files.pictures import write_png
from simlab.lensing.files.tables import read_table, write_parquet, write_table
from simlab.lensing.rows import (
    INPUT_COLUMNS,
    chi_of,
    eta_of,
    finite_row,
    lens_of,
    number_of,
    order_of,
    read_rows,
    source_of,
    stem_of,
)
from simlab.lensing.settings import SimulationSettings
from simlab.lensing.validation import validate_rows

SIS = {
    "index": 1,
    "filename": "a.png",
    "model": "Raytrace",
    "lens": "SIS",
    "einsteinradius": 20.0,
    "source": "Spherical",
    "sigma": 5.0,
    "x": 3.0,
    "y": -4.0,
}
SIE = {**SIS, "lens": "SIE", "ellipseratio": 0.5, "orientation": 30.0}
ELLIPSE = {"source": "SersicEllipsoid", "sigma2": 9.0, "theta": 20.0}


def row(base=SIS, **cells):
    return {**base, **cells}


def texts_of(rows, **options):
    return [str(problem) for problem in validate_rows(rows, **options)]


@pytest.fixture
def table(tmp_path):
    def write(text, name="rows.csv"):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_cells_are_read_as_numbers_without_blanks_and_quotes(table):
    path = table(
        'index, "filename" ,lens,einsteinR,ratio,source,sigma,x,y,note\r\n'
        " 7 ,'b.png', SIE ,\"20\", 0.5 ,Spherical,1e1,-3,4, kept as it is \r\n\r\n"
    )
    assert read_rows(path) == [
        {
            "model": "Raytrace",
            "index": 7,
            "filename": "b.png",
            "lens": "SIE",
            "einsteinradius": 20.0,
            "ellipseratio": 0.5,
            "source": "Spherical",
            "sigma": 10.0,
            "x": -3.0,
            "y": 4.0,
            "note": "kept as it is",
        }
    ]


def test_a_table_that_is_written_reads_back_the_same(tmp_path):
    rows = [
        row(x=0.1 + 0.2, y=-1e-300, nterms=5, cluster="", note="a, b"),
        row(index=2, filename='q".png'),
    ]
    columns = [*INPUT_COLUMNS, "note"]
    write_table(tmp_path / "t.csv", columns, rows)
    again = read_rows(tmp_path / "t.csv")
    for old, new in zip(rows, again, strict=True):
        assert list(new) == columns
        assert {key: value for key, value in new.items() if value != ""} == {
            key: value for key, value in old.items() if value != ""
        }


def test_numbers_that_are_not_finite_are_never_written(tmp_path):
    with pytest.raises(RowsError, match="row 1, x: nan"):
        write_table(tmp_path / "t.csv", ["x"], [{"x": np.nan}])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "empty"),
        ("x,y\n", "no rows"),
        ("x,y\n1\n", "line 2 has 1 cells, the header has 2"),
        ("x,x\n1,2\n", "column 'x' is there twice"),
        ("x,,y\n1,2,3\n", "column '' is there twice, or has no name"),
        (b"\x89PNG\r\n\x1a\n\xff\xfe", "not UTF-8 text"),
        ("ratio,ellipseratio\n1,1\n", "columns ratio and ellipseratio are the same"),
    ],
)
def test_files_that_are_no_tables_are_refused(table, content, expected):
    path = table(content)
    with pytest.raises(RowsError, match=f"{path}: .*{expected}"):
        read_rows(path)


def test_a_missing_table_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="table not found"):
        read_table(tmp_path / "rows.csv")


def test_parquet_needs_pyarrow_or_says_so(tmp_path):
    path = tmp_path / "t.parquet"
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        with pytest.raises(LensingConfigError, match="pyarrow"):
            write_parquet(path, ["x"], [{"x": 1.0}])
        return
    write_parquet(path, ["x", "lens"], [{"x": 1.0, "lens": "SIS"}, {"x": "", "lens": "PM"}])
    assert parquet.read_table(path).to_pydict() == {"x": [1.0, None], "lens": ["SIS", "PM"]}


def test_without_y_a_position_is_polar():
    polar = {"x": 10.0, "phi": 120.0}
    assert eta_of(polar) == pytest.approx(10 * np.exp(2j * np.pi / 3), abs=1e-14)
    assert eta_of(row()) == 3 - 4j
    with pytest.raises(RowsError, match="row 1: y is missing"):
        eta_of(row(y="", phi=120.0))


def test_a_column_chi_means_what_the_setting_says(table):
    path = table("filename,lens,einsteinradius,source,sigma,x,y,chi\na.png,SIS,20,s,5,1,1,40\n")
    with pytest.warns(LensingWarning, match="column chi is ignored"):
        ignored = read_rows(path)[0]
    assert chi_of(ignored) == 1
    assert ignored["chi"] == 40
    percent = read_rows(path, "percent")[0]
    assert chi_of(percent) == 0.4
    assert "chi" not in percent
    assert chi_of({"chi": 0.25}, "ratio") == chi_of({"chi_percent": 25}) == 0.25


def test_chi_and_chi_percent_contradict_each_other(table):
    path = table("chi,chi_percent\n40,50\n")
    with pytest.raises(RowsError, match="chi and chi_percent"):
        read_rows(path, "ratio")


def test_the_lens_of_a_row_is_angular():
    plain, half = lens_of(row(SIE)), lens_of(row(SIE, chi_percent=50))
    z = 7 - 3j
    assert half.deflection(z) == pytest.approx(2 * plain.deflection(z), rel=1e-14)
    cluster = {"lens": "", "cluster": "SIS/4/-2/20;PM/1/1/5"}
    z = 9 + 3j
    angular = lens_of({**cluster, "chi_percent": 50}).deflection(z)
    assert angular == pytest.approx(lens_of(cluster).deflection(0.5 * z) / 0.5, rel=1e-13)


def test_cells_that_do_not_apply_are_ignored():
    noisy = row(ellipseratio="none", orientation="x", cluster="broken", sigma2=-1, kappa_s="?")
    assert texts_of([noisy]) == []
    z = 3 + 1j
    assert lens_of(noisy).deflection(z) == lens_of(row()).deflection(z)


def test_shear_cells_add_external_shear():
    z = 6 - 2j
    sheared = lens_of(row(shear1=0.03, shear2=-0.01))
    added = sheared.deflection(z) - lens_of(row()).deflection(z)
    assert added == pytest.approx((0.03 - 0.01j) * np.conj(z), abs=1e-13)


def test_aliases_of_sources_and_missing_sersic_cells_have_their_meaning():
    b = np.array([0, 4 + 1j])
    assert np.array_equal(
        source_of(row(source="e", sigma2=3, theta=10)).intensity(b),
        source_of(row(source="Ellipsoid", sigma2=3, theta=10)).intensity(b),
    )
    sersic = row(source="SersicSphere", luminosity="")
    given = row(source="SersicSphere", n_sersic=4, luminosity=10)
    assert np.array_equal(source_of(sersic).intensity(b), source_of(given).intensity(b))
    profile = row(source="Spherical", lightprofile="Sersic")
    assert np.array_equal(source_of(profile).intensity(b), source_of(given).intensity(b))


def test_settings_turn_and_open_sersic_profiles():
    ellipse, b = row(**ELLIPSE), 6 + 0j
    turned = source_of(ellipse, settings=SimulationSettings(sersic_axes="gaussian"))
    assert turned.intensity(b) != source_of(ellipse).intensity(b)
    bright = row(**ELLIPSE, luminosity=1000)
    assert source_of(bright, settings=SimulationSettings(clip=False)).intensity(0j) > 255


def test_order_and_stem_come_from_the_row():
    settings = SimulationSettings(nterms=7)
    assert order_of(row(), settings) == 7
    assert order_of(row(nterms=3), settings) == 3
    assert stem_of(row(filename="sky.7.png")) == "sky.7"
    assert stem_of({"index": 12}) == "image-000012"


def test_cells_without_a_number_are_named():
    with pytest.raises(RowsError, match=r"row 1: sigma is 'wide', a finite number is expected"):
        number_of(row(sigma="wide"), "sigma")
    with pytest.raises(LensError, match=r"lens 'SISS' is unknown, did you mean SIS\?"):
        lens_of(row(lens="SISS"))


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (row(lens="SIEE"), "row 1: lens is 'SIEE', expected SIS, PM, PointMass, SIE, NFW"),
        (row(lens="SIEE"), "did you mean SIE?"),
        (row(SIE, ellipseratio=1.2), "ellipseratio is 1.2, expected a number above 0 and up to 1"),
        (row(SIE, ellipseratio=""), "ellipseratio is empty, expected"),
        (row(lens="SIE"), "no column ellipseratio, row 1 needs it"),
        (row(einsteinradius=0.0), "einsteinradius is 0.0, expected a number above 0"),
        (row(einsteinradius="inf"), "einsteinradius is 'inf', expected a number above 0"),
        (row(sigma=-1.0), "sigma is -1.0"),
        (row(source="Sperical"), "did you mean Spherical?"),
        (row(source="SersicSphere", n_sersic=0.0), "n_sersic is 0.0, expected a number above 0"),
        (row(chi_percent=0.0), "chi_percent is 0.0, expected a number above 0"),
        (row(x="left"), "x is 'left', expected a finite number"),
        (row(nterms=201), "nterms is 201, expected a whole number 0..200"),
        (row(nterms=-1), "nterms is -1"),
        (row(nterms="2.5"), "nterms is '2.5'"),
        (row(filename="../a.png"), "filename is '../a.png', expected a name without folders"),
        (row(filename="/a.png"), "expected a name without folders"),
        (row(model="Raytrce"), "did you mean Raytrace?"),
        (row(model="RouletteExact"), "model is 'RouletteExact', expected lens PM with it"),
        (row(lens="Cluster", cluster=""), "cluster is empty, expected the members"),
        (
            row(lens="Cluster", cluster="SIS/1/1/9;SIE/1/2/3/0.5"),
            "member 2 of cluster: expected SIE/x/y/g/f/orientation, got 4 numbers",
        ),
        (row(source="Image", sourcefile="none.png"), "none.png"),
        (row(source="Spherical/1/2"), "source"),
        ({k: v for k, v in SIS.items() if k != "y"}, "no column y, row 1 needs it"),
        (row(model="RouletteRegenerator"), "expected Raytrace, Roulette, RouletteExact"),
        (row(filename="a\0.png"), "filename is 'a\\x00.png', expected a text without NUL"),
        (row(**{"ra/dec": "1"}), "column 'ra/dec': expected a name without / and NUL"),
        (row(**{"a\0": "1"}), "column 'a\\x00': expected a name without / and NUL"),
    ],
)
def test_validation_names_row_column_value_and_what_is_allowed(bad, expected):
    found = texts_of([bad], where="t.csv")
    assert len(found) == 1
    assert found[0].startswith("t.csv: ")
    assert expected in found[0]


def test_pictures_must_fit_and_every_row_is_told(tmp_path):
    write_png(tmp_path / "wide.png", np.zeros((10, 60)))
    rows = [
        row(filename=f"{n}.png", source="Image", sourcefile="wide.png", sourcescale=scale)
        for n, scale in enumerate((1.0, 1.0, 0.5))
    ]
    assert texts_of(rows, folder=tmp_path) == []
    found = texts_of(rows, folder=tmp_path, settings={"imagesize": 48})
    assert [text.split(":")[0] for text in found] == ["row 1", "row 2"]
    assert all("at most 48 x 48" in text for text in found)


def test_good_rows_have_no_problems():
    good = [
        row(),
        row(SIE, filename="b.png", lens="SIE", ellipseratio=1),
        row(filename="c.png", lens="", cluster="SIS/0/0/9"),
        row(filename="d.png", lens="NFW", kappa_s=0.2, r_s=30.0, einsteinradius=""),
        row(filename="e.png", lens="PointMass", model="RouletteExact"),
        row(filename="f.png", source="s/1/2/5;t/0/0/9/45"),
        row(filename="g.png", source="Triangle", theta=3.0),
    ]
    assert texts_of(good) == []


def test_pictures_without_a_name_are_named_by_the_number_of_their_row(table):
    cells = "SIS,20,s,5,1,1\n"
    without = read_rows(table("lens,einsteinradius,source,sigma,x,y\n" + 2 * cells))
    assert [row["filename"] for row in without] == ["image-000001.png", "image-000002.png"]
    path = table(f"index,filename,lens,einsteinradius,source,sigma,x,y\n7,,{cells}8,a.png,{cells}")
    partly = read_rows(path)
    assert [row["filename"] for row in partly] == ["image-000001.png", "a.png"]
    assert texts_of(without) == texts_of(partly) == []
    unnamed = {column: cell for column, cell in SIS.items() if column != "filename"}
    assert texts_of([unnamed, row(filename=""), row(filename="image-000001.png")]) == [
        "row 3: filename is 'image-000001.png', expected another name than that of row 1"
    ]


@pytest.mark.parametrize("cell", ["abc", math.nan, -math.inf])
def test_cells_that_do_not_apply_hold_anything(cell):
    ignored = ("orientation", "ellipseratio", "kappa_s", "r_s", "sigma2", "theta", "n_sersic")
    odd = row(**dict.fromkeys((*ignored, "luminosity", "sourcescale", "phi", "R", "chi"), cell))
    assert texts_of([odd]) == []
    case = case_of(odd, SimulationSettings())
    plain = case_of(SIS, SimulationSettings())
    assert case.source.intensity(2 + 1j) == plain.source.intensity(2 + 1j)
    assert case.lens.deflection(2 + 1j) == plain.lens.deflection(2 + 1j)
    assert texts_of([row(odd, lens="SIE")]) != []


def test_a_number_that_is_not_finite_is_an_empty_cell():
    cells = {"a": math.nan, "b": np.float64("inf"), "c": 2.0, "d": "nan", "e": 3}
    assert finite_row(cells) == {"a": "", "b": "", "c": 2.0, "d": "nan", "e": 3}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"model": "Foo"}, "row 1: model 'Foo' is unknown"),
        ({"model": "RouletteRegenerator"}, "model 'RouletteRegenerator' is unknown"),
        ({"model": "RouletteExact"}, "model RouletteExact is for lens PM, not SIS"),
        ({"nterms": 2.7}, "nterms is 2.7, expected a whole number 0..200"),
        ({"nterms": 201}, "nterms is 201"),
        ({"nterms": "-1"}, "nterms is '-1'"),
    ],
)
def test_a_row_that_names_no_way_to_draw_it_is_no_case(cells, expected):
    with pytest.raises((RowsError, LensError), match=expected):
        case_of(row(**cells), SimulationSettings())


def test_a_picture_is_named_once():
    rows = [row(), row(SIE, filename="a.jpg")]
    assert texts_of(rows) == [
        "row 2: filename is 'a.jpg', expected another name than that of row 1"
    ]


def test_a_missing_column_is_told_once():
    rows = [{k: v for k, v in row(filename=f"{n}.png").items() if k != "sigma"} for n in range(9)]
    (problem,) = validate_rows(rows)
    assert str(problem) == "no column sigma, row 1 needs it"
    assert problem.rows == tuple(range(1, 10))


def test_no_rows_are_a_problem():
    assert texts_of([], where="t.csv") == ["t.csv: no rows"]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"x": 300.0}, "outside the 512-px picture"),
        ({"einsteinradius": 300.0}, "larger than half the picture"),
        ({"source": "SersicSphere", "n_sersic": 0.25}, "n_sersic is below 0.3"),
    ],
)
def test_doubtful_rows_warn_once(cells, expected):
    rows = [row(filename=f"{n}.png", **cells) for n in range(3)]
    with pytest.warns(LensingWarning, match=f"t.csv: 3 rows: .*{expected}.*, first row 1") as told:
        assert texts_of(rows, where="t.csv") == []
    assert len(told) == 1


def test_rows_drawn_from_amplitudes_need_no_lens():
    rows = [{"filename": "a.png", "source": "Spherical", "sigma": 4.0}]
    assert texts_of(rows, with_lens=False) == []
    assert texts_of(rows) == [f"no column {name}, row 1 needs it" for name in ("lens", "x", "y")]


def test_rows_of_the_original_program_are_good(data):
    rows = read_rows(data / "lensing" / "e2e" / "dataset.csv")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert texts_of(rows, settings={"imagesize": 256}) == []
    assert len(rows) == 6


def test_reference_rows_read_back_exactly(data, tmp_path):
    cases = json.loads((data / "lensing" / "rows.json").read_text())
    for case in cases.values():
        write_table(tmp_path / "t.csv", INPUT_COLUMNS, case["rows"])
        assert read_rows(tmp_path / "t.csv") == case["rows"]


def test_rows_that_would_have_the_same_name_in_the_index_are_told():
    same = [row(index="a", filename="n1.png"), row(index="a", filename="n2.png")]
    assert texts_of(same) == ["row 2: index is 'a', expected another name than that of row 1"]
    stem = [row(index="b", filename="n1.png"), row(index=5, filename="b.png")]
    assert texts_of(stem) == ["row 2: index is 5, expected another name than that of row 1"]
    numbers = [row(index=1, filename="n1.png"), row(index=1, filename="n2.png")]
    assert texts_of(numbers) == []
