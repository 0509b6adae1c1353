"""The contact sheet: every molecule first, its size, samples that could be simulated."""

import numpy as np
import pytest
from afm_finished import SMALL, SmallDataset
from drawn import bar_of, drawn, panels, titles, units
from PIL import Image

from simlab.afm.figures import draw_samples, unit_of
from simlab.afm.flags import FAILED
from simlab.afm.simulator import AFMulator
from simlab.afm.slices import plot_slices
from simlab.afm.stages.preview import draw_preview, shown_samples
from simlab.core import figures


def test_new_molecules_come_before_others_and_failed_samples_not_at_all():
    mol_id = np.array([3, 3, 1, 3, 2, 1, 0, 0, 0, 0, 0])
    flags = np.zeros(11, np.uint32)
    flags[4] = FAILED
    assert shown_samples(mol_id, flags) == [0, 2, 6, 1, 3, 5, 7, 8]
    assert shown_samples(mol_id[:2], np.full(2, FAILED)) == [0, 1]


@pytest.mark.parametrize("tips", [1, 2])
def test_the_sheet_has_the_width_of_all_domains_and_the_same_bytes_again(tmp_path, tips):
    mapping = {
        **SMALL,
        "max_samples": 2,
        "tips": [{"name": f"tip{k}"} for k in range(tips)],
        "split": {"val": 0.0, "test": 0.0},
    }
    data = SmallDataset.of(tmp_path, mapping)
    data.make_inputs()
    data.make_shard("00000")
    pictures = [tmp_path / f"{k}.png" for k in range(2)]
    for picture in pictures:
        draw_preview("small", data["molecules.npz"], data.shards()[0], picture)
    assert pictures[0].read_bytes() == pictures[1].read_bytes()
    with Image.open(pictures[0]) as image:
        assert 1200 <= image.width <= 2400


def test_rows_show_the_images_and_descriptors_of_their_sample(tmp_path, monkeypatch):
    rng = np.random.default_rng(7)
    samples = [
        {
            "label": f"sample {k}: water",
            "stacks": rng.normal(size=(2, 20, 16, 5)),
            "maps": np.stack([rng.normal(size=(20, 16)), np.zeros((20, 16))]),
            "mol": np.array([[9.0, 9.0, 1.0, 0.0, 8.0]]),
            "windows": np.array([[[3.0, 3.0, 5.0], [13.0, 11.0, 6.0]]] * 2),
        }
        for k in range(2)
    ]
    options = {"tips": ["CO", "Xe"], "z_mean": [0.1, 0.2, 0.3, 0.4, 0.5], "title": "t"}

    def draw(path):
        draw_samples(path, samples, descriptors=["HeightMap", "Bonds"], **options)

    figure = drawn(monkeypatch, figures, draw, tmp_path / "p.png")
    first, second = panels(figure, 2, 8)
    heights = ("0.10 Å below top", "0.30 Å below top", "0.50 Å below top")
    assert titles(first) == [
        *(f"{tip}\n{height}" for tip in ("CO", "Xe") for height in heights),
        *("HeightMap", "Bonds"),
    ]
    assert titles(second) == [""] * 8
    assert second[0].get_ylabel() == "sample 1\nwater"
    for row, sample in zip((first, second), samples, strict=True):
        shown = [sample["stacks"][t, :, :, j] for t in range(2) for j in (0, 2, 4)]
        for axis, values in zip(row, [*shown, *sample["maps"]], strict=True):
            np.testing.assert_array_equal(axis.images[0].get_array(), values.T[::-1])
            assert axis.images[0].get_extent() == [3.0, 13.0, 3.0, 11.0]
    assert units(figure) == [*["Hz"] * 6, "Å"] * 2  # none beside the map that is flat
    assert first[7].texts[0].get_text() == "0 everywhere"
    assert bar_of(first[0]) == (5.0, "5 Å")
    np.testing.assert_array_equal(first[0].collections[0].get_offsets(), [[9.0, 9.0]])


def test_units_are_those_of_the_data_contract():
    assert unit_of("HeightMap") == unit_of("MultiMapSpheres/1") == unit_of("vdwSpheres.2") == "Å"
    assert unit_of("ESMap/0") == unit_of("ESMapConstant") == "V/Å"
    assert unit_of("ESMap/1") == "Å"
    assert unit_of("Bonds") == unit_of("AtomicDisks") == ""


def test_pictures_of_slices_have_axes_and_tell_what_their_height_is(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(figures, "save_png", lambda figure, path, dpi: shown.append(figure))
    afmulator = AFMulator(scan_dim=(5, 9, 10), scan_window=((0, 0, 5), (4, 4, 6)), df_steps=10)
    plot_slices(np.zeros((5, 9, 1), np.float32), tmp_path, afmulator)
    axis = shown[0].axes[0]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("x, Å", "y, Å")
    assert axis.get_title(loc="left") == "tip at 5.55 Å on average\nprobe particle hangs 3 Å lower"
    assert axis.images[0].get_extent() == [-0.5, 4.5, -0.25, 4.25]
