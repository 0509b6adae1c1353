"""The summary picture: written, repeatable, and right about what it shows."""

import struct
from pathlib import Path

import numpy as np
import pytest
from ptycho_campaign import small_dataset

from simlab.core.files import read_npz, write_npz
from simlab.ptycho import figures
from simlab.ptycho.figures import PRINT_DPI, draw_summary
from simlab.ptycho.stages.preview import draw_preview


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_dataset(tmp_path_factory.mktemp("figure"), {"scan": {"n_images": 9}})


def size_of(png):
    """(width, height) of a PNG file, px."""
    content = Path(png).read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", content[16:24])


def chunks(png):
    content, place = Path(png).read_bytes(), 8
    while place < len(content):
        length, kind = struct.unpack(">I4s", content[place : place + 8])
        yield kind.decode()
        place += 12 + length


@pytest.fixture
def figure(monkeypatch):
    """The last figure that was drawn."""
    drawn = {}
    save = figures.figures.save_png

    def keep(figure, path, dpi):
        drawn["figure"] = figure
        save(figure, path, dpi)

    monkeypatch.setattr(figures.figures, "save_png", keep)
    return drawn


def panels(drawn):
    """Axes of the 3 x 4 panels without their color bars."""
    return [axis for axis in drawn["figure"].axes if axis.get_subplotspec() is not None][:12]


def test_preview_is_the_same_bytes_every_time_and_of_a_size_for_pages(tmp_path, data):
    draw_preview(data["simulated.h5"], None, tmp_path / "one.png")
    draw_preview(data["simulated.npz"], None, tmp_path / "two.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    width, height = size_of(tmp_path / "one.png")
    assert 1200 <= width <= 2400
    assert (width, height) == (22 * 75, 16 * 75)
    assert not {"tEXt", "zTXt", "iTXt", "tIME"} & set(chunks(tmp_path / "one.png"))


def test_the_picture_for_print_has_twice_the_pixels(tmp_path, data):
    draw_preview(data["simulated.h5"], None, tmp_path / "print.png", dpi=PRINT_DPI)
    assert size_of(tmp_path / "print.png") == (3300, 2400)


def test_panels_show_input_patterns_and_ground_truth(tmp_path, data, figure):
    draw_preview(data["simulated.h5"], None, tmp_path / "p.png")
    assert figure["figure"].get_suptitle() == "Ptychography Simulation Summary"
    titles = [axis.get_title(loc="left") for axis in panels(figure)]
    assert titles == [
        "Object amplitude 112 x 112",
        "Probe amplitude 32 x 32",
        "9 scan positions",
        "Object phase",
        *(f"Diffraction pattern {i}" for i in range(4)),
        *(f"True patch {i}, amplitude" for i in range(4)),
    ]
    arrays = read_npz(data["simulated.npz"])
    shown = [np.asarray(axis.images[0].get_array()) for axis in panels(figure)]
    np.testing.assert_allclose(shown[0], abs(arrays["objectGuess"]), rtol=1e-6)
    np.testing.assert_allclose(shown[3], np.angle(arrays["objectGuess"]), rtol=1e-6)
    np.testing.assert_allclose(shown[5], np.log1p(arrays["diff3d"][1].astype(float)))
    np.testing.assert_allclose(shown[9], abs(arrays["ground_truth_patches"][1, ..., 0]), rtol=1e-6)
    scan = panels(figure)[2]
    positions = np.stack([arrays["xcoords"], arrays["ycoords"]], axis=1)
    np.testing.assert_allclose(scan.collections[0].get_offsets(), positions)
    assert scan.get_xlim() == (0, 112)
    assert scan.get_ylim() == (112, 0)
    assert scan.get_aspect() == 1


def test_measured_frames_are_shown_beside_the_nearest_simulated_one(tmp_path, data, figure):
    arrays = read_npz(data["simulated.npz"])
    x, y = arrays["xcoords"][0], arrays["ycoords"][0]
    rng = np.random.default_rng(2)
    frames = rng.poisson(50, (5, 128, 128)).astype(np.uint16)
    write_npz(
        tmp_path / "source.npz",
        {
            "diffraction": frames,
            "xcoords": x + np.array([30.0, -20.0, 3.0, 50.0, 9.0]),
            "ycoords": np.full(5, y + 4.0),
        },
    )
    draw_preview(data["simulated.h5"], tmp_path / "source.npz", tmp_path / "p.png")
    titles = [axis.get_title(loc="left") for axis in panels(figure)[4:8]]
    assert titles == ["Diffraction pattern 0", "Measured pattern 2", "Difference, 5.0 px apart", ""]
    assert not panels(figure)[7].axison
    simulated, real, difference = (
        np.asarray(axis.images[0].get_array()) for axis in panels(figure)[4:7]
    )
    np.testing.assert_allclose(real, np.log1p(frames[2, 48:80, 48:80].astype(float)))
    np.testing.assert_allclose(difference, abs(simulated - real))


def test_measured_positions_on_a_coarser_grid_are_compared_on_it(tmp_path, data, figure):
    arrays = read_npz(data["simulated.npz"])
    scale = 112 / 32
    where = {key: arrays[key] / scale for key in ("xcoords", "ycoords")}
    write_npz(tmp_path / "source.npz", {"diff3d": arrays["diff3d"], **where})
    draw_preview(data["simulated.h5"], tmp_path / "source.npz", tmp_path / "p.png")
    assert panels(figure)[5].get_title(loc="left") == "Measured pattern 0"
    assert panels(figure)[6].get_title(loc="left") == "Difference, 0.0 px apart"


def test_panels_without_content_are_empty(tmp_path, figure):
    changes = {"scan": {"n_images": 2}, "split": None, "output": {"store_patches": False}}
    data = small_dataset(tmp_path / "data", changes)
    draw_preview(data["simulated.h5"], None, tmp_path / "p.png")
    assert [axis.axison for axis in panels(figure)] == [True] * 6 + [False] * 6


def test_modes_and_several_objects_show_their_sum_and_the_first(tmp_path, figure):
    changes = {
        "object": {"count": 2},
        "probe": {"modes": {"count": 3}},
        "scan": {"n_images": 10},
        "split": None,
    }
    data = small_dataset(tmp_path / "data", changes)
    draw_preview(data["simulated.h5"], None, tmp_path / "p.png")
    arrays = read_npz(data["simulated.npz"])
    shown = [np.asarray(axis.images[0].get_array()) for axis in panels(figure)[:2]]
    np.testing.assert_allclose(shown[0], abs(arrays["objectGuess"][0]), rtol=1e-6)
    power = (abs(arrays["probeGuess"]) ** 2).sum(axis=0)
    np.testing.assert_allclose(shown[1], np.sqrt(power), rtol=1e-5)
    assert len(panels(figure)[2].collections[0].get_offsets()) == 5


def test_an_object_without_phase_says_so(tmp_path, figure):
    zeros = np.zeros(1)
    draw_summary(
        tmp_path / "p.png",
        objects=np.ones((40, 40), np.complex64),
        probe=np.ones((16, 16), np.complex64),
        x=zeros + 20,
        y=zeros + 20,
        object_index=zeros,
        patterns=np.ones((1, 16, 16), np.float32),
        patches=None,
    )
    assert panels(figure)[3].get_title(loc="left") == "Object phase, zero everywhere"
