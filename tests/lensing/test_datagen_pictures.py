"""Further pictures, annotations and maps of `simlab lensing datagen`."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from lensing_commands import arrays_in, entries_in, write_rows
from lensing_samples import row_of

from simlab.lensing.curves import critical_curve
from simlab.lensing.files.pictures import read_image
from simlab.lensing.files.potentials import load_potential
from simlab.lensing.geometry import pixel_grid
from simlab.lensing.joins import (
    component_points,
    family_points,
    image_points,
    join_image,
    picture_about,
)
from simlab.lensing.lenses import make_lens
from simlab.lensing.postprocess import center_of_light, crop, quantize, to_uint8, translate
from simlab.lensing.render import actual_image
from simlab.lensing.rows import lens_of, source_of
from simlab.lensing.simulate import simulate_row

ROW = row_of(
    lens="SIE", einsteinradius=12, ellipseratio=0.7, orientation=30, x=3, y=2, sigma=2,
    filename="one.png",
)  # fmt: skip
ETA = 3 + 2j
SETTINGS = {"imagesize": 80, "centred": False}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_rows(tmp_path / "rows.csv", ROW)
    return tmp_path


@pytest.fixture
def datagen(lensing):
    """Names of the files that datagen makes of the table with some options, in folder png."""

    def run(*options):
        lensing("datagen", "-i", "rows.csv", "-Z", 80, "-D", "png", *options)
        return entries_in(Path("png"))

    return run


def as_bytes(image):
    """The picture as PNG files hold that of the shard."""
    return to_uint8(quantize(image, 1 / 1024))


def levels(name):
    return read_image(f"png/{name}.png")


def test_sources_without_lens_and_the_picture_before_centering(datagen):
    names = datagen("-a", "-A", "-U", "-C", "-z", 64)
    assert names == ["actual-one.png", "apparent-one.png", "one.png", "original-one.png"]
    source = source_of(ROW)
    one = simulate_row(ROW, {"imagesize": 80, "cropsize": 64})
    expected = {
        "actual-one": crop(actual_image(source, ETA, 80), 64),
        "apparent-one": crop(actual_image(source, 0j, 80), 64),
        "original-one": one.original,
        "one": one.image,
    }
    for name, image in expected.items():
        np.testing.assert_array_equal(levels(name), as_bytes(image))
    assert datagen("--actual", "--apparent", "--original") == names


def test_further_pictures_are_in_the_shard_where_there_is_one(lensing):
    lensing("datagen", "-i", "rows.csv", "-Z", 80, "-a", "-U", "-A", "--out", "s.h5")
    arrays = arrays_in("s.h5")
    np.testing.assert_array_equal(arrays["original"], arrays["images"])
    assert center_of_light(arrays["actual"][0]) == pytest.approx(ETA, abs=1e-3)
    assert abs(center_of_light(arrays["apparent"][0])) < 1e-3


def test_every_image_alone_and_all_of_them_joined(datagen):
    lens, source = lens_of(ROW), source_of(ROW)
    points = image_points(lens, ETA)
    assert len(points) >= 2
    names = [f"secondary{k}-one.png" for k in range(1, len(points) + 1)]
    assert datagen("--secondary", "-J", "-n", 8) == sorted(["join-one.png", "one.png", *names])
    alone = [as_bytes(picture_about(lens, source, ETA, 80, 8, point)) for point in points]
    for name, expected in zip(names, alone, strict=True):
        np.testing.assert_array_equal(levels(name.removesuffix(".png")), expected)
    np.testing.assert_array_equal(levels("join-one"), np.max(alone, axis=0))


@pytest.mark.parametrize("options", [("-c", 3), ("--components", 3)])
def test_joined_pictures_of_turned_points(datagen, options):
    assert datagen("-J", *options) == ["join-one.png", "one.png"]
    lens, source = lens_of(ROW), source_of(ROW)
    points = component_points(lens, ETA, 3)
    expected = join_image(lens, source, ETA, 80, 5, points=points)
    np.testing.assert_array_equal(levels("join-one"), as_bytes(expected))


def test_the_original_program_joins_six_turned_points(datagen):
    datagen("-J", "--compat")
    lens, source = lens_of(ROW), source_of(ROW)
    points = component_points(lens, ETA, 6)
    expected = join_image(lens, source, ETA, 80, 5, points=points, sampling="floor")
    np.testing.assert_array_equal(levels("join-one"), expected)


def test_the_family_of_the_apparent_position(datagen):
    names = datagen("-f")
    assert names == ["one+0+2.png", "one+0-1.png", "one+45+1.png", "one-45+1.png", "one.png"]
    lens, source = lens_of(ROW), source_of(ROW)
    for suffix, point in family_points(lens, ETA).items():
        expected = picture_about(lens, source, ETA, 80, 5, point)
        np.testing.assert_array_equal(levels(f"one{suffix}"), as_bytes(expected))
    assert datagen("--family") == names


@pytest.mark.parametrize("compat", [(), ("--compat",)])
def test_further_pictures_move_with_the_centered_one(datagen, compat):
    datagen("--secondary", *compat)
    unmoved = levels("secondary1-one").astype(np.float32)
    datagen("--secondary", "-C", "-z", 60, *compat)
    center = simulate_row(ROW, {"imagesize": 80, "compat": bool(compat)}).center
    assert abs(center) > 1
    moved = crop(translate(unmoved, center), 60)
    assert np.abs(levels("secondary1-one") - moved).mean() < 1


def test_a_ring_has_no_further_pictures(datagen, folder):
    write_rows(folder / "rows.csv", {**row_of(x=0, y=0), "filename": "one.png"})
    assert datagen("--secondary", "-J", "-f", "--annotate", "-m", "-M") == ["one.png"]


def test_maps_are_files_that_are_lenses_again(lensing, datagen, folder):
    names = datagen("-P", "-K")
    assert names == ["kappa-one.h5", "kappa-one.svg", "one.png", "psi-one.h5", "psi-one.svg"]
    lens = lens_of(ROW)
    np.testing.assert_array_equal(load_potential("png/psi-one.h5"), lens.potential_map(80))
    with h5py.File("png/kappa-one.h5") as file:
        np.testing.assert_array_equal(file["convergence"][()], lens.convergence_map(80))
    for name in ("psi-one", "kappa-one"):
        assert "<svg" in (folder / "png" / f"{name}.svg").read_text()[:1000]
    assert datagen("--psiplot", "--kappaplot") == names
    options = ("-Z", 80, "-x", 3, "-y", 2, "-s", 2)
    lensing("datagen", "-l", "png/psi-one.h5", *options, "--out", "map.h5")
    lensing("datagen", "-i", "rows.csv", "-Z", 80, "--out", "s.h5", "-G")
    np.testing.assert_array_equal(
        arrays_in("map.h5", "images")["images"], arrays_in("s.h5", "images")["images"]
    )


# Annotations


SERIES = {**ROW, "model": "Roulette"}


@pytest.fixture
def marked(datagen, folder):
    """(pixels that options change, bool (n, n); the picture with them)."""

    def run(*options, also=()):
        write_rows(folder / "rows.csv", SERIES)
        datagen(*also)
        plain = levels("one").astype(int)
        datagen(*options, *also)
        return levels("one") != plain, levels("one")

    return run


@pytest.mark.parametrize("option", ["-R", "--reflines"])
def test_axes(marked, option):
    changed, picture = marked(option)
    assert (picture[40] == 127).all()
    assert (picture[:, 40] == 127).all()
    changed[40] = changed[:, 40] = False
    assert not changed.any()


@pytest.mark.parametrize("centred", [(), ("-C",)])
def test_critical_curves_and_caustics(datagen, marked, centred):
    changed, _ = marked("--criticalcurves", also=centred)
    center = simulate_row(SERIES, {"imagesize": 80}).center if centred else 0
    critical, caustic = critical_curve(lens_of(ROW), 720)
    points = pixel_grid(80)[changed]
    distances = np.abs(points[:, None] - (critical - center)[None, :])
    assert distances.min(axis=1).max() < 1
    assert distances.min(axis=0).max() < 2
    datagen("-a")
    plain = levels("actual-one").astype(int)
    datagen("-a", "--criticalcurves")
    points = pixel_grid(80)[levels("actual-one") != plain]
    assert np.abs(points[:, None] - caustic[None, :]).min(axis=1).max() < 1


OUTLINES = {
    "-m": (lambda lens, xi, phi: 0.9 * lens.region(xi).radius(phi)),
    "--showmask": (lambda lens, xi, phi: 0.9 * lens.region(xi).radius(phi)),
    "-m -O 0.5": (lambda lens, xi, phi: 0.5 * lens.region(xi).radius(phi)),
    "-m -M disc": (lambda lens, xi, phi: 0.9 * abs(xi) + 0 * phi),
    "-m --maskradius 7": (lambda lens, xi, phi: 7 + 0 * phi),
}


@pytest.mark.parametrize("options", OUTLINES)
def test_the_outline_of_the_mask(marked, options):
    extra = [word for word in options.split() if word not in ("-m", "--showmask")]
    changed, picture = marked(options.split()[0], also=("-C", *extra))
    assert (picture[changed] == 255).all()
    keys = {"-O": "maskscale", "--maskradius": "maskradius", "-M": "mask"}
    settings = {keys[a]: b for a, b in zip(extra[::2], extra[1::2], strict=True)}
    one = simulate_row(SERIES, {"imagesize": 80, **settings})
    phi = 2 * np.pi * np.arange(360) / 360
    xi = one.xi - one.center
    outline = xi + OUTLINES[options](lens_of(ROW), one.xi, phi) * np.exp(1j * phi)
    drawn = np.concatenate([outline, xi + 3 * np.exp(1j * phi), [xi]])
    points = pixel_grid(80)
    assert np.abs(points[changed][:, None] - drawn).min(axis=1).max() < 1.3
    white = points[picture == 255]
    assert np.abs(drawn[:, None] - white).min(axis=1).max() < 1.3


@pytest.mark.parametrize("centred", [(), ("-C",)])
def test_points_of_interest(marked, centred):
    changed, picture = marked("--annotate", also=centred)
    one = simulate_row(SERIES, {"imagesize": 80, "centred": bool(centred)})
    light = 0 if centred else center_of_light(one.original)
    points = pixel_grid(80)
    for point in (one.xi - one.center, ETA - one.center, light):
        assert picture.flat[np.abs(points - point).argmin()] == 255
    phi = 2 * np.pi * np.arange(90) / 90
    rings = [one.xi - one.center + 4 * np.exp(1j * phi), light + 3 * np.exp(1j * phi)]
    region = lens_of(ROW).region(one.xi).radius(phi)
    rings.append(one.xi - one.center + region * np.exp(1j * phi))
    white = points[picture == 255]
    for ring in rings:
        assert np.abs(ring[:, None] - white).min(axis=1).max() < 1.5
    assert 20 < changed.sum() < 400


def test_annotations_are_in_no_array(lensing):
    run = ("datagen", "-i", "rows.csv", "-Z", 80, "-L", "Roulette", "-a")
    lensing(*run, "--out", "plain.h5", "-o", "plain.csv")
    lensing(*run, "--out", "drawn.h5", "-o", "drawn.csv", "-D", "png",
            "-R", "--criticalcurves", "--annotate", "-m")  # fmt: skip
    with open("plain.h5", "rb") as plain, open("drawn.h5", "rb") as drawn:
        assert plain.read() == drawn.read()
    with open("plain.csv", "rb") as plain, open("drawn.csv", "rb") as drawn:
        assert plain.read() == drawn.read()


def test_colored_pictures_are_annotated_in_red(datagen, folder):
    row = {**ROW, "source": "Triangle", "sigma": 5, "theta": 10, "model": "Roulette"}
    write_rows(folder / "rows.csv", row)
    datagen()
    plain = levels("one").astype(int)
    datagen("-m", "--criticalcurves")
    changed = (levels("one") != plain).any(axis=-1)
    assert levels("one").shape == (80, 80, 3)
    assert np.unique(levels("one")[changed], axis=0).tolist() == [[0, 0, 255]]
    datagen("--secondary", "-a")
    assert levels("secondary1-one").shape == levels("actual-one").shape == (80, 80, 3)


def test_a_gray_row_of_a_colored_table_is_gray_in_three_channels(datagen, folder):
    colored = {**ROW, "source": "Triangle", "sigma": 5, "theta": 10, "filename": "two.png"}
    write_rows(folder / "rows.csv", ROW, colored)
    datagen("--secondary", "-a", "-J")
    for name in ("one", "actual-one", "secondary1-one", "join-one"):
        assert levels(name).shape == (80, 80, 3)
        assert not np.ptp(levels(name), axis=-1).any()


@pytest.mark.parametrize("option", [
    "--secondary", "-J", "-f", "-P", "-K", "-R", "--criticalcurves", "--annotate", "-m",
])  # fmt: skip
def test_what_only_png_files_hold_needs_their_folder(lensing, folder, option):
    before = entries_in(folder)
    _, err = lensing("datagen", "-i", "rows.csv", "--out", "s.h5", option, code=2)
    assert "--directory" in err
    assert entries_in(folder) == before


def test_a_point_mass_marks_the_point_of_its_caustic(datagen, folder):
    write_rows(folder / "rows.csv", {**ROW, "lens": "PM"})
    datagen("-a")
    plain = levels("actual-one").astype(int)
    datagen("-a", "--criticalcurves")
    rows, columns = np.nonzero(levels("actual-one") != plain)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(40, 40)]
    assert make_lens("PM", einstein_radius=12).einstein_radius == 12
