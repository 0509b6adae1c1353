"""The commands one after the other, as users call them: the five steps of the recovery."""

import numpy as np
import pytest
from lensing_commands import arrays_in, entries_in, read_csv

from simlab.core.files import read_json
from simlab.lensing.files.pictures import read_image
from simlab.lensing.lenses import make_lens
from simlab.lensing.postprocess import center_of_light
from simlab.lensing.render import actual_image
from simlab.lensing.roulette import amplitudes_from
from simlab.lensing.rows import lens_of, source_of

CONFIG = """
seed = 11
[simulator]
size = 6
imagesize = 96
nterms = 16
model = ["Raytrace", "Roulette"]
mask = "none"
supersample = 3
[lens]
mode = ["SIS", "SIE", "PM"]
einstein-min = 6
einstein-max = 10
ellipseratio-min = 0.5
ellipseratio-max = 0.9
orientation-min = 0
orientation-max = 180
[source]
mode = "Spherical"
sigma-min = 1.5
sigma-max = 2.5
position = "polar"
[position]
r-min = 16
r-max = 20
"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory with the configuration of a data set."""
    (tmp_path / "set.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def point(row, name):
    return complex(float(row[f"{name}X"]), float(row[f"{name}Y"]))


def near(image, xi, radius):
    """The pixels of a picture about a point."""
    n = len(image)
    theta = (np.arange(n) - n / 2)[None, :] + 1j * (n / 2 - np.arange(n))[:, None]
    return image[np.abs(theta - xi) < radius]


@pytest.mark.parametrize("reference", ["apparent", "centre"])
def test_five_steps_from_parameters_to_pictures_of_amplitudes_alone(lensing, folder, reference):
    out, _ = lensing("datasetgen", "set.toml", "rows.csv")
    assert out == "Wrote rows.csv: 6 rows\n"
    # 1 simulate, 2 center, 3 choose the reference, 4 evaluate amplitudes, 5 write them
    out, _ = lensing("datagen", "-i", "rows.csv", "--toml", "set.toml", "--reference", reference,
                     "-D", "png", "--out", "a.h5", "-o", "r.csv", "-U", "-a")  # fmt: skip
    assert out == "6 rows: 1 clipped-edge, 5 ok\n"  # a series that no mask hides
    assert len(entries_in(folder / "png")) == 18
    parameters, rows, arrays = read_csv("rows.csv"), read_csv("r.csv"), arrays_in("a.h5")

    for number, (given, row) in enumerate(zip(parameters, rows, strict=True)):
        assert {column: row[column] for column in given} == given
        image, original = arrays["images"][number], arrays["original"][number]
        center, eta = point(row, "centre"), complex(float(row["x"]), float(row["y"]))
        # the center of light is that of the first picture, and the origin of the second one
        assert center_of_light(original) == pytest.approx(center, abs=2e-3)
        moved = read_image(f"png/{row['filename']}")
        if row["model"] == "Raytrace":  # no light of a series that diverges
            assert abs(center_of_light(image)) < 0.05
            assert abs(center_of_light(moved)) < 0.1
        # points in the frame of the picture
        reference_point = point(row, "ref")
        lens = lens_of(row)
        if reference == "centre":
            assert reference_point == center
        else:
            assert abs(reference_point - lens.deflection(reference_point) - eta) < 1e-10
        assert point(row, "xi") == pytest.approx(reference_point - center, abs=1e-12)
        assert point(row, "releta") == pytest.approx(eta - center, abs=1e-12)
        # eta' - xi' = gamma[0, 1], and not eta - c
        G = amplitudes_from(row)
        seen = eta + point(row, "offset")
        assert seen - reference_point == pytest.approx(G[0, 1], abs=1e-10)
        np.testing.assert_allclose(G, lens.amplitudes(reference_point, 16), rtol=1e-12, atol=0)

    # pictures of the table alone
    out, _ = lensing("roulettegen", "-i", "r.csv", "-Z", 96, "--supersample", 3, "--out", "b.h5",
                     "-D", "again", "-a")  # fmt: skip
    assert out == "6 rows drawn\n"
    again = arrays_in("b.h5")
    for number, row in enumerate(rows):
        one, two = arrays["images"][number], again["images"][number]
        if row["model"] == "Roulette" and reference == "apparent":
            np.testing.assert_array_equal(one, two)
        elif row["model"] == "Raytrace":
            xi, radius = point(row, "xi"), 0.4 * float(row["r_conv"])
            assert near(one, xi, radius).max() > 50
            assert np.abs(near(one, xi, radius) - near(two, xi, radius)).max() < 0.1
        # the source follows from the amplitudes
        eta = complex(float(row["x"]), float(row["y"])) - point(row, "centre")
        assert complex(*again["eta"][number]) == pytest.approx(eta, abs=1e-9)
        unlensed = actual_image(source_of(row), eta, 96)
        found = read_image(f"again/actual-{row['filename']}").astype(float)
        assert np.abs(found - unlensed).max() < 1

    # and how far they are from the first ones
    lensing("compare", "a.h5", "b.h5", "-o", "compare.json", "-O", "report.html", code=3)
    summary = read_json(folder / "compare.json")["summary"]
    assert summary["n"] == 6
    if reference == "apparent":
        assert summary["n_bad"] == sum(row["model"] == "Raytrace" for row in rows)
    assert "6 pairs, 0 differ" in lensing("compare", "a.h5", "a.h5")[0]


def test_numbers_of_the_documents_of_users(lensing):
    """A source of 8 px behind an ellipse: c - eta is not the offset, by 16 px."""
    options = ("-l", "SIE", "-E", 40, "-r", 0.6, "--orientation", 30, "-x", 25, "-y", 15, "-s", 8)
    lensing("datagen", *options, "-C", "--no-xireference", "-n", 12, "-o", "r.csv", "--out", "a.h5")
    (row,) = read_csv("r.csv")
    assert point(row, "centre") == pytest.approx(36.31188 + 21.55865j, abs=1e-5)
    assert point(row, "releta") == pytest.approx(-11.31188 - 6.55865j, abs=1e-5)
    assert point(row, "offset") == pytest.approx(-25.34599 - 15.04159j, abs=1e-5)
    gamma = complex(float(row["alpha[0][1]"]), float(row["beta[0][1]"]))
    assert gamma == pytest.approx(-36.65787 - 21.60024j, abs=1e-5)
    lensing("roulettegen", "-i", "r.csv", "--out", "b.h5")
    one, two = (arrays_in(name, "images")["images"][0] for name in ("a.h5", "b.h5"))
    radius = 0.05 * float(row["r_conv"])
    assert np.abs(near(one, 0j, radius) - near(two, 0j, radius)).max() < 2e-3


def test_pictures_in_folders_are_compared_by_their_names(lensing, folder):
    common = ("--rnd", "--config", "set.toml", "--rows", "0:3")
    lensing("datagen", *common, "-D", "a")
    lensing("datagen", *common, "-D", "b", "--threads", 1)
    out, _ = lensing("compare", "a", "b")
    assert "3 pairs, 0 differ" in out
    lensing("datagen", *common, "-D", "c", "--bgcolour", 9)
    out, _ = lensing("compare", "a", "c", "-d", "difference", code=3)
    assert "3 pairs, 3 differ" in out
    assert len(entries_in(folder / "difference")) == 3


def test_formulas_are_written_read_and_draw_the_same_picture(lensing, folder):
    lensing("amplitudes", 6, "--lens", "SIS", "--output", "sis06.txt")
    options = ("-Z", 96, "-E", 9, "-x", 6, "-y", 3, "-s", 3, "-L", "Roulette", "-n", 6)
    lensing("datagen", *options, "-o", "a.csv", "--out", "a.h5")
    lensing("datagen", *options, "-F", "sis06.txt", "-o", "b.csv", "--out", "b.h5")
    (one,), (two,) = read_csv("a.csv"), read_csv("b.csv")
    G, F = amplitudes_from(one), amplitudes_from(two)
    assert (np.abs(G - F).max(1) / np.abs(G).max(1)).max() < 1e-12
    xi = point(one, "ref")
    expected = make_lens("SIS", einstein_radius=9).amplitudes(xi, 6)
    np.testing.assert_allclose(F, expected, rtol=1e-11, atol=1e-18)
    lensing("compare", "a.h5", "b.h5", "--fail-above", 0.1)


def test_a_published_table_goes_all_the_way(lensing, data):
    """Six rows in the older layout, in the original program's way and in ours."""
    table = data / "lensing" / "e2e" / "dataset.csv"
    size = ("-Z", 256, "-z", 160)
    run = ("datagen", "-i", table, *size, "-C", "--solver", "peer")
    lensing(*run, "--compat", "-D", "theirs", "-o", "r.csv")
    with np.load(data / "lensing" / "e2e" / "images.npz") as pictures:
        for number in range(1, 7):
            expected = pictures[f"img_image_{number:06d}"]
            found = read_image(f"theirs/image-{number:06d}.png")
            if expected.ndim == 2:
                expected = np.stack([expected] * 3, axis=-1)
            np.testing.assert_array_equal(found, expected)
    lensing("roulettegen", "-i", "r.csv", *size, "--compat", "-D", "again")
    lensing(*run, "-D", "ours")
    for one, two in (("theirs", "again"), ("theirs", "ours")):
        lensing("compare", one, two, "-o", "c.json", code=3)
        summary = read_json("c.json")["summary"]
        assert summary["n"] == 6
        assert summary["mean_rmse"] < 30
