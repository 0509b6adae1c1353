"""`simlab lensing datagen`: every option does what it says, and the library does the rest."""

import numpy as np
import pytest
import typer
from lensing_commands import arrays_in, assert_same_picture, entries_in, read_csv, write_rows
from lensing_reference import FOLDER
from lensing_samples import row_of

from simlab import __version__
from simlab.core.errors import SimlabError
from simlab.lensing import picture_shards, render, runs
from simlab.lensing.cli import app
from simlab.lensing.files.pictures import read_image, write_png
from simlab.lensing.formulas import read_formulas
from simlab.lensing.postprocess import to_uint8
from simlab.lensing.simulate import simulate_row

SINGLE = {
    "index": 1, "filename": "test.png", "lens": "SIS", "model": "Raytrace", "source": "Spherical",
    "x": 0.0, "y": 0.0, "sigma": 20.0, "sigma2": 10.0, "theta": 45.0, "n_sersic": 4.0,
    "luminosity": 10.0, "einsteinradius": 20.0, "ellipseratio": 0.6, "orientation": 0.0,
}  # fmt: skip
SMALL = (
    *("-Z", 64, "-l", "SIE", "-E", 9, "-x", 6, "-y", 3),
    *("-S", "SersicEllipsoid", "-s", 3, "-2", 4),
)
SMALL_ROW = {
    **SINGLE, "lens": "SIE", "source": "SersicEllipsoid", "einsteinradius": 9.0, "x": 6.0,
    "y": 3.0, "sigma": 3.0, "sigma2": 4.0,
}  # fmt: skip
SMALL_SETTINGS = {"imagesize": 64, "centred": False}
CLUSTER = "SIS/0/3/5;SIS/0/-3/5"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory with the picture of a galaxy."""
    write_png(tmp_path / "galaxy.png", np.add.outer(np.arange(12) * 9, np.arange(12) * 5))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_without_options_there_is_one_picture_of_a_ring(lensing, folder):
    out, _ = lensing("datagen", "-Z", 128)
    assert out == "1 rows: 1 ring\n"
    assert entries_in(folder) == ["galaxy.png", "test.png"]
    one = simulate_row(SINGLE, {"imagesize": 128, "centred": False})
    np.testing.assert_array_equal(read_image("test.png"), to_uint8(one.image))
    lensing("datagen", "--out", "big.h5", "-x", 3)
    big = simulate_row({**SINGLE, "x": 3.0}, {"centred": False})
    assert_same_picture("big.h5", big, {})


NAMES = """
    -i --csvfile --rows --maxcount --config --toml --rnd -D --directory --out -o --outfile --mldata
    -l --lens --cluster -L --model -S --source --lightprofile -G --sampled -x --x -y --y -T --phi
    -s --sigma -2 --sigma2 -t --theta --n-sersic --luminosity -E --einsteinradius -r --ratio
    --orientation -X --chi --chi-column -n --nterms -Z --imagesize -z --cropsize -C --no-centred
    -R --reflines --criticalcurves --annotate -M --mask -m --showmask -O --maskscale --maskradius
    --solver -F --amplitudes -a --actual -A --apparent -U --original --secondary -J --join
    -c --components -f --family -P --psiplot -K --kappaplot --xireference --no-xireference
    --reference -N --name --sampling --supersample --compat --skip-bad-rows --strict --threads
    -v -q --version --kappa-s --r-s --shear1 --shear2
"""


def test_users_find_the_options_they_know():
    command = typer.main.get_command(app).commands["datagen"]
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    assert set(NAMES.split()) - known == set()


def test_the_version_is_told_and_nothing_made(lensing, folder):
    assert lensing("datagen", "--version") == (f"simlab {__version__}\n", "")
    assert entries_in(folder) == ["galaxy.png"]


def test_a_cluster_beside_another_lens_is_refused(lensing, folder):
    _, err = lensing("datagen", "--cluster", CLUSTER, "-l", "SIS", code=2)
    assert "--cluster and --lens SIS: give one of them" in " ".join(err.replace("│", " ").split())
    assert entries_in(folder) == ["galaxy.png"]
    lensing("datagen", "-Z", 64, "--cluster", CLUSTER, "-l", "Cluster", "-x", 6)


OPTIONS = {
    "-l PM": ({"lens": "PM"}, {}),
    "--lens SIS": ({"lens": "SIS"}, {}),
    f"--cluster {CLUSTER}": ({"cluster": CLUSTER}, {}),
    "-L Roulette": ({"model": "Roulette"}, {}),
    "--model RouletteExact --lens PM": ({"model": "RouletteExact", "lens": "PM"}, {}),
    "-S Ellipsoid": ({"source": "Ellipsoid"}, {}),
    "--source Triangle": ({"source": "Triangle"}, {}),
    "--source Spherical/0/0/3;Spherical/5/5/2": (
        {"source": "Spherical/0/0/3;Spherical/5/5/2"}, {}
    ),
    "-S Image --sourcefile galaxy.png": ({"source": "Image", "sourcefile": "galaxy.png"}, {}),
    "--lightprofile Gaussian": ({"lightprofile": "Gaussian"}, {}),
    "-G": ({}, {"sampled": True}),
    "--sampled": ({}, {"sampled": True}),
    "-x -7": ({"x": -7.0}, {}),
    "--y 8": ({"y": 8.0}, {}),
    "-s 5": ({"sigma": 5.0}, {}),
    "--sigma2 2": ({"sigma2": 2.0}, {}),
    "-t 100": ({"theta": 100.0}, {}),
    "--n-sersic 1": ({"n_sersic": 1.0}, {}),
    "--n_sersic 1": ({"n_sersic": 1.0}, {}),
    "--luminosity 3": ({"luminosity": 3.0}, {}),
    "--einsteinradius 7": ({"einsteinradius": 7.0}, {}),
    "-r 0.8": ({"ellipseratio": 0.8}, {}),
    "--orientation 70": ({"orientation": 70.0}, {}),
    "-l NFW --kappa-s 0.4 --r-s 12": ({"lens": "NFW", "kappa_s": 0.4, "r_s": 12.0}, {}),
    "--shear1 0.1": ({"shear1": 0.1}, {}),
    "--shear2 -0.2": ({"shear2": -0.2}, {}),
    "-X 80": ({"chi_percent": 80.0}, {}),
    "--chi 80": ({"chi_percent": 80.0}, {}),
    "-L Roulette -n 2": ({"model": "Roulette"}, {"nterms": 2}),
    "--imagesize 48": ({}, {"imagesize": 48}),
    "-z 40": ({}, {"cropsize": 40}),
    "-C": ({}, {"centred": True}),
    "--centred": ({}, {"centred": True}),
    "-M": ({}, {"mask": "region"}),
    "-M disc": ({}, {"mask": "disc"}),
    "--mask": ({}, {"mask": "region"}),
    "--mask=disc": ({}, {"mask": "disc"}),
    "-L Roulette -M none": ({"model": "Roulette"}, {"mask": "none"}),
    "-M -O 0.5": ({}, {"mask": "region", "maskscale": 0.5}),
    "-M --maskradius 6": ({}, {"mask": "region", "maskradius": 6.0}),
    "--sampling bilinear": ({}, {"sampling": "bilinear"}),
    "--sampling floor": ({}, {"sampling": "floor"}),
    "--supersample 3": ({}, {"supersample": 3}),
    "--bgcolour 9": ({}, {"bgcolour": 9}),
    "--compat": ({}, {"compat": True}),
}  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS)
def test_every_option_changes_what_it_says(lensing, options):
    cells, changes = OPTIONS[options]
    lensing("datagen", *SMALL, "--out", "base.h5")
    small = SMALL
    if "cluster" in cells:  # SMALL names a lens
        small = (word for word in SMALL if word not in ("-l", "SIE"))
    lensing("datagen", *small, *options.split(), "--out", "one.h5")
    settings = {**SMALL_SETTINGS, **changes}
    row = {**SMALL_ROW, **cells, **({"lens": ""} if "cluster" in cells else {})}
    assert_same_picture("one.h5", simulate_row(row, settings), settings)
    base, one = (arrays_in(name, "images")["images"] for name in ("base.h5", "one.h5"))
    assert base.shape != one.shape or (base != one).any()


NUMBERS = {
    "-n 2": ({}, {"nterms": 2}),
    "--nterms 7": ({}, {"nterms": 7}),
    "--solver peer": ({}, {"solver": "peer"}),
    "--reference centre": ({}, {"reference": "centre"}),
    "--no-xireference": ({}, {"reference": "centre"}),
    "--reference 3,4.5": ({}, {"reference": [3, 4.5]}),
}


@pytest.mark.parametrize("options", NUMBERS)
def test_options_of_amplitudes_change_the_table(lensing, options):
    cells, changes = NUMBERS[options]
    options = options.split()
    lensing("datagen", *SMALL, "-C", *options, "--out", "one.h5", "-o", "one.csv")
    settings = {**SMALL_SETTINGS, "centred": True, **changes}
    columns = simulate_row({**SMALL_ROW, **cells}, settings).columns
    (row,) = read_csv("one.csv")
    assert row == {name: str(cell) for name, cell in columns.items()}
    base = simulate_row(SMALL_ROW, {**SMALL_SETTINGS, "centred": True}).columns
    assert columns != base


def test_the_apparent_position_is_the_reference_of_the_table(lensing):
    for name, option in (("a", "--xireference"), ("b", "--reference=apparent"), ("c", "-C")):
        lensing("datagen", *SMALL, "-C", option, "--out", f"{name}.h5", "-o", f"{name}.csv")
    assert read_csv("a.csv") == read_csv("b.csv") == read_csv("c.csv")


def test_a_source_is_given_by_distance_and_direction(lensing):
    options = ["-Z", "64", "-E", "9", "-s", "3", "-x", "7", "-T", "30"]
    lensing("datagen", *options, "--out", "one.h5")
    eta = 7 * np.exp(1j * np.pi / 6)
    assert complex(*arrays_in("one.h5", "eta")["eta"][0]) == pytest.approx(eta, abs=1e-12)
    lensing("datagen", *options, "-y", 2, "--out", "two.h5")
    assert arrays_in("two.h5", "eta")["eta"].tolist() == [[7, 2]]


def test_the_name_of_a_picture(lensing, folder):
    lensing("datagen", *SMALL, "-N", "other")
    assert entries_in(folder) == ["galaxy.png", "other.png"]


def test_formulas_of_a_file_draw_the_picture(lensing):
    formulas = FOLDER / "amplitude_files" / "pm06.txt"
    options = ("-Z", 64, "-l", "SIS", "-L", "Roulette", "-x", 6, "-y", 3, "-s", 3, "-E", 9)
    lensing("datagen", *options, "-n", 6, "-F", formulas, "--out", "one.h5")
    row = {**SINGLE, "model": "Roulette", "x": 6.0, "y": 3.0, "sigma": 3.0, "einsteinradius": 9.0}
    settings = {**SMALL_SETTINGS, "nterms": 6}
    one = simulate_row(row, settings, formulas=read_formulas(formulas))
    assert_same_picture("one.h5", one, settings)
    assert (one.image != simulate_row(row, settings).image).any()


def test_the_column_chi_is_read_as_asked_for(lensing, folder):
    table = write_rows(folder / "rows.csv", {**row_of(einsteinradius=7), "chi": 70})
    options = ("datagen", "-i", table, "-Z", 64, "-o", "one.csv", "--out", "one.h5")
    found = {}
    for name in ("ignore", "percent", None):
        _, err = lensing(*options, *([] if name is None else ["--chi-column", name]))
        found[name] = float(read_csv("one.csv")[0]["refX"])
        assert ("column chi is ignored" in err) == (name != "percent")
        assert err.count("\n") == (name != "percent")
    assert found["ignore"] == found[None] != found["percent"]
    expected = simulate_row({**row_of(einsteinradius=7), "chi_percent": 70}).columns["refX"]
    assert found["percent"] == pytest.approx(expected, rel=1e-12)


def test_backends_that_are_not_there_are_told_or_avoided(lensing, monkeypatch):
    def missing():
        raise SimlabError("no OpenCL device\nlist of platforms")

    for module in (runs, render, picture_shards):
        monkeypatch.setattr(module, "open_raytracer", missing)
    lensing("datagen", *SMALL, "--backend", "auto", "--out", "auto.h5")
    lensing("datagen", *SMALL, "--backend", "numba", "--out", "numba.h5")
    np.testing.assert_array_equal(
        arrays_in("auto.h5", "images")["images"], arrays_in("numba.h5", "images")["images"]
    )
    _, err = lensing("datagen", *SMALL, "--backend", "opencl", "--out", "opencl.h5", code=1)
    assert err.startswith("Error: no OpenCL device")
