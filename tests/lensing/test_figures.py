"""The contact sheet: source, picture, picture of the amplitudes, difference; curves over them."""

from dataclasses import replace

import numpy as np
import pytest
from drawn import drawn, panels, titles, units

from simlab.core import figures as style
from simlab.lensing import figures
from simlab.lensing.figures import TITLES, Shown, draw_rows_sheet
from simlab.lensing.stages import preview


@pytest.fixture
def shown():
    rng = np.random.default_rng(6)
    circle = np.exp(1j * np.linspace(0, 2 * np.pi, 50))
    return Shown(
        label="image-000001: SIS (26.08), Raytrace, ok",
        actual=rng.integers(0, 99, (32, 32)),
        image=rng.integers(0, 99, (32, 32)),
        redrawn=rng.integers(0, 99, (32, 32)),
        critical=[8 * circle],
        caustic=[2 * circle],
        reference=3 + 1j,
        outline=5 * circle,
    )


def sheet_of(monkeypatch, rows, path):
    return drawn(
        monkeypatch, figures.figures, lambda path: draw_rows_sheet(path, rows, title="t"), path
    )


def test_pictures_curves_and_difference_are_those_of_the_row(tmp_path, monkeypatch, shown):
    figure = sheet_of(monkeypatch, [shown, shown], tmp_path / "p.png")
    first, second = panels(figure, 2, 4)
    assert titles(first) == list(TITLES)
    assert titles(second) == [""] * 4
    assert first[0].get_ylabel() == "image-000001\nSIS (26.08), Raytrace, ok\ny (px)"
    for axis, values in zip(first, (shown.actual, shown.image, shown.redrawn), strict=False):
        np.testing.assert_array_equal(axis.images[0].get_array(), values)
        assert axis.images[0].get_clim()[0] == 0
        assert axis.get_xlim() == (-16.5, 15.5)
        assert axis.get_ylim() == (-15.5, 16.5)  # y up
    difference = first[3].images[0]
    np.testing.assert_array_equal(difference.get_array(), shown.redrawn - shown.image.astype(float))
    low, high = difference.get_clim()
    assert low == -high
    assert difference.get_cmap().name == style.SIGNED
    np.testing.assert_allclose(first[0].lines[0].get_xdata(), shown.caustic[0].real)
    np.testing.assert_allclose(first[1].lines[0].get_ydata(), shown.critical[0].imag)
    cross, outline = first[2].lines
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (3, 1)
    np.testing.assert_allclose(outline.get_xdata(), shown.outline.real)
    assert units(figure) == ["gray level"] * 4


def test_pictures_of_three_colors_are_drawn_red_first(tmp_path, monkeypatch, shown):
    colors = np.zeros((32, 32, 3), np.uint8)
    colors[..., 0] = 255  # blue
    colored = replace(shown, actual=colors, image=colors, redrawn=colors)
    [row] = panels(sheet_of(monkeypatch, [colored], tmp_path / "p.png"), 1, 4)
    np.testing.assert_array_equal(row[0].images[0].get_array()[0, 0], [0, 0, 1])


def test_rows_without_a_picture_from_amplitudes_say_so(tmp_path, monkeypatch, shown):
    alone = replace(shown, redrawn=None, reference=None, outline=np.empty(0))
    [row] = panels(sheet_of(monkeypatch, [alone], tmp_path / "p.png"), 1, 4)
    assert row[2].get_title(loc="left") == "no re-simulation"
    assert not row[2].axison
    assert not row[3].axison


def test_differences_are_scaled_where_the_series_converges(tmp_path, monkeypatch, shown):
    """Spots beyond the region of convergence would hide all else."""
    redrawn = shown.image.astype(float)
    redrawn[16, 16] += 3.0  # x = y = 0, inside the circle of 5 px
    redrawn[2, 2] += 90.0
    [row] = panels(
        sheet_of(monkeypatch, [replace(shown, redrawn=redrawn)], tmp_path / "p.png"), 1, 4
    )
    assert row[3].images[0].get_clim() == (-3, 3)
    everywhere = replace(shown, redrawn=redrawn, outline=np.empty(0))
    [row] = panels(sheet_of(monkeypatch, [everywhere], tmp_path / "q.png"), 1, 4)
    assert row[3].images[0].get_clim() == (-90, 90)


@pytest.mark.parametrize(
    ("cells", "label"),
    [
        ({"lens": "SIE"}, "SIE (g = 9 px, f = 0.5), Raytrace, ok"),
        ({"lens": "SIS"}, "SIS (g = 9 px), Raytrace, ok"),
        ({"lens": "NFW"}, "NFW (kappa_s = 0.2, r_s = 40 px), Raytrace, ok"),
        ({"lens": "Cluster"}, "Cluster, Raytrace, ok"),
    ],
)
def test_rows_are_labeled_with_the_numbers_of_their_lens_and_units(cells, label):
    numbers = {"einsteinradius": "9.0", "ellipseratio": ".5", "kappa_s": ".2", "r_s": "40"}
    row = {"filename": "a.png", "model": "Raytrace", "status": "ok", **numbers, **cells}
    assert preview.row_label(row) == f"a: {label}"
