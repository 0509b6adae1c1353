"""The house style: colors that everybody can tell apart, maps, scale bars and repeatable bytes."""

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb

from simlab.core import figures

# G. M. Machado, M. M. Oliveira, L. A. F. Fernandes 2009, table 1, severity 1
DEFICIENCIES = {
    "protanopia": [
        *([0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216]),
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        *([0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413]),
        [-0.011820, 0.042940, 0.968881],
    ],
}
TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)  # IEC 61966-2-1


def linear(color):
    """Linear RGB of sRGB (..., 3)."""
    color = np.asarray(color, float)
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIE L*a*b* of linear RGB (..., 3), white point of sRGB."""
    xyz = np.clip(rgb, 0, 1) @ TO_XYZ.T / (TO_XYZ @ np.ones(3))
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


@pytest.mark.parametrize("deficiency", [None, *DEFICIENCIES])
def test_colors_of_lines_differ_for_the_color_blind_too(deficiency):
    colors = linear([to_rgb(color) for color in figures.SERIES])
    if deficiency:
        colors = colors @ np.array(DEFICIENCIES[deficiency]).T
    values = lab(colors)
    distance = np.linalg.norm(values[:, None] - values, axis=-1)
    pairs = distance[np.triu_indices(len(colors), 1)]
    assert pairs.min() > 10  # several times what is just noticeable, 2.3


def contrast(one, other):
    """Ratio of relative luminances of two colors (WCAG 2.1)."""
    light = [linear(to_rgb(color)) @ TO_XYZ[1] + 0.05 for color in (one, other)]
    return max(light) / min(light)


def test_marks_are_seen_on_dark_and_outlines_on_black_maps():
    for color in (figures.MARK, figures.OUTLINE, figures.FAINT_OUTLINE):
        assert contrast(color, "black") > 4.5
    assert contrast(figures.MARK, figures.FAINT_OUTLINE) > 2.5
    for color in figures.SERIES[:3]:  # of train, val and test
        assert contrast(color, "white") > 3


@pytest.mark.parametrize("name", ["INTENSITY", "AMPLITUDE", "DENSITY", "DIFFERENCE"])
def test_maps_grow_lighter_all_the_way(name):
    values = colormaps[getattr(figures, name)](np.linspace(0, 1, 64))[:, :3]
    lightness = lab(linear(values))[:, 0]
    assert np.all(np.diff(lightness) > 0)


def test_the_map_of_phases_is_cyclic_and_that_of_signs_white_at_zero():
    phase, signed = colormaps[figures.PHASE], colormaps[figures.SIGNED]
    assert np.linalg.norm(lab(linear(phase(0.0)[:3])) - lab(linear(phase(1.0)[:3]))) < 3
    lightness = lab(linear(signed(np.linspace(0, 1, 65))[:, :3]))[:, 0]
    assert lightness.argmax() == 32


def drawn_map(**options):
    with figures.styled():
        figure, [[axis]] = figures.grid_of_axes(1, 1, size=(3, 3), title="a map")
        figures.show_map(axis, np.arange(12.0).reshape(3, 4), **options)
    return figure, axis


def test_a_map_shows_its_values_limits_title_and_unit():
    figure, axis = drawn_map(title="shift", unit="Hz", limits=(2, 9))
    image = axis.images[0]
    np.testing.assert_array_equal(image.get_array(), np.arange(12).reshape(3, 4))
    assert image.get_clim() == (2, 9)
    assert axis.get_title(loc="left") == "shift"
    assert figure.axes[1].get_ylabel() == "Hz"
    assert len(axis.get_xticks()) == 0


def test_a_map_without_a_title_keeps_that_of_its_column():
    with figures.styled():
        _, [[axis]] = figures.grid_of_axes(1, 1, size=(3, 3), title="")
        axis.set_title("column")
        figures.show_map(axis, np.zeros((2, 2)), colorbar=False)
    assert axis.get_title(loc="left") == "column"


def test_a_scale_bar_is_as_long_as_it_says_and_lies_inside():
    _, axis = drawn_map()
    figures.scale_bar(axis, 2.0, "2 px")
    [bar] = axis.patches
    assert bar.get_width() == 2.0
    assert -0.5 < bar.get_x() < 0
    assert bar.get_x() + bar.get_width() < 3.5
    assert axis.texts[0].get_text() == "2 px"
    assert axis.texts[0].get_position()[0] == bar.get_x()


@pytest.mark.parametrize("dpi", [75, 100, 130])
def test_text_of_contact_sheets_has_one_size_in_pixels(dpi):
    with figures.sheet_style(dpi):
        _, [[axis]] = figures.grid_of_axes(1, 1, size=(3, 3), title="sheet")
        axis.set_title("column")
    points = axis.title.get_fontsize(), axis.xaxis.label.get_fontsize()
    np.testing.assert_allclose([size * dpi / 72 for size in points], [16, 14])


def test_equal_figures_are_equal_bytes(tmp_path):
    for name in ("one.png", "two.png"):
        figures.save_png(drawn_map(title="x")[0], tmp_path / name, 80)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert figures.svg_text(drawn_map()[0]) == figures.svg_text(drawn_map()[0])
    assert figures.svg_text(drawn_map()[0]).startswith("<svg")
