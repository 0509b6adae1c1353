"""The contact sheet: columns of one scale and one color scale, scale bars in Mpc/h, units."""

import numpy as np
import pytest
from drawn import bar_of, drawn, panels, titles, units
from PIL import Image

from simlab.core import figures as style
from simlab.halo import figures
from simlab.halo.figures import sheet

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


def test_maps_without_any_mass_are_drawn(tmp_path):
    empty = {"condition": np.zeros((8, 8)), "large_scale": [], "target": np.zeros((3, 8, 8))}
    sheet(tmp_path / "p.png", [(empty, "nothing")], (6.25,), "maps")
    assert (tmp_path / "p.png").stat().st_size > 0
