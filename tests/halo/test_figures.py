"""The contact sheet: columns of one scale and one color scale, scale bars in Mpc/h, units."""

import numpy as np
import pytest
from drawn import bar_of, drawn, panels, titles, units
from PIL import Image

from simlab.core import figures as style
from simlab.halo import figures
from simlab.halo.figures import sheet
from simlab.halo.stages import preview

SCALES = (6.25, 50.0)


@pytest.fixture
def samples():
    rng = np.random.default_rng(4)
    return [
        (
            {
                "condition": rng.uniform(1e9, 1e12, (16, 16)),
                "large_scale": rng.uniform(1e9, 1e12, (1, 16, 16)),
                "target": rng.uniform(0, 1e11, (3, 16, 16)),
            },
            f"sim {k} halo 0\n1e14 Msun/h",
        )
        for k in range(2)
    ]


def test_every_map_is_where_its_column_says_with_one_scale_a_column(tmp_path, monkeypatch, samples):
    figure = drawn(
        monkeypatch, figures, lambda path: sheet(path, samples, SCALES, "maps"), tmp_path / "p.png"
    )
    first, second = panels(figure, 2, 5)
    assert titles(first) == [
        *("dark matter only\n6.25 Mpc/h", "dark matter only\n50 Mpc/h"),
        *("hydro dark matter\n6.25 Mpc/h", "gas\n6.25 Mpc/h", "stars\n6.25 Mpc/h"),
    ]
    assert titles(second) == [""] * 5
    assert [row[0].get_ylabel() for row in (first, second)] == [label for _, label in samples]
    for row, (sample, _) in zip((first, second), samples, strict=True):
        maps = [sample["condition"], *sample["large_scale"], *sample["target"]]
        for axis, values in zip(row, maps, strict=True):
            np.testing.assert_allclose(axis.images[0].get_array(), values.T[::-1])
    for upper, lower in zip(first, second, strict=True):
        assert upper.images[0].get_clim() == lower.images[0].get_clim()
        assert upper.images[0].get_cmap().name == style.DENSITY
    assert units(figure) == ["Msun/h a fine pixel"] * 5
    assert bar_of(first[0]) == (16 / 5, "1.25 Mpc/h")
    assert bar_of(first[1]) == (16 / 5, "10 Mpc/h")


def test_the_sheet_has_the_same_bytes_again(tmp_path, samples):
    for name in ("one.png", "two.png"):
        sheet(tmp_path / name, samples, (6.25, 12.5), "maps")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    with Image.open(tmp_path / "one.png") as image:
        assert image.info.keys() <= {"dpi"}


def test_maps_without_mass_say_so_and_have_no_scale(tmp_path, monkeypatch, samples):
    for sample, _ in samples:
        sample["target"][2] = 0
    samples[0][0]["target"][1] = 0
    figure = drawn(
        monkeypatch, figures, lambda path: sheet(path, samples, SCALES, "maps"), tmp_path / "p.png"
    )
    said = [
        [text.get_text() for text in axis.texts] for row in panels(figure, 2, 5) for axis in row
    ]
    assert ["empty" in texts for texts in said] == [False] * 3 + [True] * 2 + [False] * 4 + [True]
    assert units(figure) == ["Msun/h a fine pixel"] * 4 + ["no mass in these maps"]


def test_rows_of_the_preview_tell_rotation_and_split(finished, tmp_path, monkeypatch):
    seen = {}
    monkeypatch.setattr(preview, "sheet", lambda *given: seen.update(given=given))
    preview.draw_preview({"scales": list(SCALES)}, finished.folder, tmp_path / "p.png")
    _, samples, _, title = seen["given"]
    labels = [label for _, label in samples]
    assert all(" rot 0, t" in label and label.endswith(" Msun/h") for label in labels)
    assert {label.split("\n")[0].split(", ")[1] for label in labels} == {"train", "test"}
    assert title == "small: 32 samples of 4 simulations"


def test_maps_without_any_mass_are_drawn(tmp_path):
    empty = {"condition": np.zeros((8, 8)), "large_scale": [], "target": np.zeros((3, 8, 8))}
    sheet(tmp_path / "p.png", [(empty, "nothing")], (6.25,), "maps")
    assert (tmp_path / "p.png").stat().st_size > 0
