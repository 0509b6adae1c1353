"""The contact sheet: projections in micrometers, outlines, traces in seconds, motion."""

from dataclasses import replace

import numpy as np
import pytest
from drawn import bar_of, drawn, panels, titles, units

from simlab.calcium import figures
from simlab.calcium.figures import TITLES, Shown, draw_recordings
from simlab.core import figures as style

PIXEL_UM, FPS = 2.0, 20.0


@pytest.fixture
def shown():
    rng = np.random.default_rng(5)
    weights = np.zeros((40, 60), np.float32)
    weights[10:20, 10:20] = 1.0
    return Shown(
        label="0123456789abcdef (train): acquisition.optics.na=0.3, seed=3",
        unit="counts",
        mean=rng.uniform(10, 20, (40, 60)),
        largest=rng.uniform(20, 40, (40, 60)),
        planted=weights,
        observed=np.roll(weights, 4, axis=1),
        C=rng.uniform(0, 3, (2, 30)),
        S=(np.arange(60).reshape(2, 30) % 7 == 0).astype(float),
        shifts_um=rng.normal(size=(30, 2)),
        pixel_size_um=PIXEL_UM,
        fps=FPS,
    )


def sheet_of(monkeypatch, recordings, path):
    def draw(path):
        draw_recordings(path, recordings, title="movies")

    return drawn(monkeypatch, figures.figures, draw, path)


def test_maps_have_axes_in_micrometers_and_traces_in_seconds(tmp_path, monkeypatch, shown):
    figure = sheet_of(monkeypatch, [shown, shown], tmp_path / "p.png")
    first, second = panels(figure, 2, 5)
    assert titles(first) == list(TITLES)
    assert titles(second) == [""] * 5
    for axis, values in zip(first[:3], (shown.mean, shown.largest, shown.mean), strict=True):
        np.testing.assert_array_equal(axis.images[0].get_array(), values)
        assert axis.get_xlim() == (-60.0, 60.0)
        assert axis.get_ylim() == (40.0, -40.0)  # y down
        assert axis.get_xlabel() == "x (µm)"
    assert units(figure) == ["counts"] * 6
    assert bar_of(first[0]) == (20, "20 µm")
    traces = first[3].lines[: len(shown.C)]
    for line, trace in zip(traces, shown.C, strict=True):
        np.testing.assert_allclose(line.get_xdata(), np.arange(30) / FPS)
        span = max(np.ptp(values) for values in shown.C)
        np.testing.assert_allclose(np.ptp(line.get_ydata()), np.ptp(trace) / span)
    assert f"black bar: {span:.3g} " in first[3].get_ylabel()
    motion = first[4]
    for line, values in zip(motion.lines, shown.shifts_um.T, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), values)
    assert [text.get_text() for text in motion.get_legend().get_texts()] == ["y, down", "x, right"]
    assert motion.get_ylabel() == "shift (µm)"
    assert first[3].get_xlabel() == motion.get_xlabel() == "time (s)"


def test_a_row_names_its_recording_and_what_varies(tmp_path, monkeypatch, shown):
    many = ", ".join(f"acquisition.sensor.key{k}={k}" for k in range(20))
    long = replace(shown, label=f"fedcba (test): {many}")
    figure = sheet_of(monkeypatch, [shown, long], tmp_path / "p.png")
    first, second = (row[0].get_ylabel().split("\n") for row in panels(figure, 2, 5))
    assert first == [
        *("0123456789abcdef (train)", "acquisition.optics.na=0.3,", "seed=3", "y (µm)")
    ]
    assert second[0] == "fedcba (test)"
    assert len(second) == 5
    assert second[-2].endswith("[...]")


def test_outlines_are_those_of_planted_and_observed_footprints(tmp_path, monkeypatch, shown):
    from matplotlib.colors import to_hex

    figure = sheet_of(monkeypatch, [shown], tmp_path / "p.png")
    [row] = panels(figure, 1, 5)
    contours = row[2].collections
    assert [to_hex(one.get_edgecolor()[0]) for one in contours] == [
        style.MARK,
        style.FAINT_OUTLINE,
    ]
    for contour, left in zip(contours, (10, 14), strict=True):
        x, y = contour.get_paths()[0].vertices.T
        assert abs(x.min() - ((left - 0.5) * PIXEL_UM - 60 + 1)) <= PIXEL_UM
        assert abs(y.min() - (9.5 * PIXEL_UM - 40 + 1)) <= PIXEL_UM


def test_a_recording_without_cells_and_motion_says_so(tmp_path, monkeypatch, shown):
    still = replace(shown, C=shown.C[:0], S=shown.S[:0], shifts_um=None)
    figure = sheet_of(monkeypatch, [still], tmp_path / "p.png")
    [row] = panels(figure, 1, 5)
    assert titles(row)[3:] == ["no cells", "no motion"]
    assert not row[3].axison
    assert not row[4].axison
