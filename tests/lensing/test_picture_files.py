import cv2
import numpy as np
import pytest

from simlab.lensing.errors import MissingRowsError, RowsError
from simlab.lensing.files.pictures import read_image, read_picture, write_png


def test_files_of_bytes_hold_rounded_gray_levels(tmp_path):
    image = np.array([[0.49, 0.5], [254.6, 300.0]], np.float32)
    write_png(tmp_path / "a.png", image)
    assert read_image(tmp_path / "a.png").tolist() == [[0, 1], [255, 255]]


def test_files_of_16_bits_hold_fractions(tmp_path):
    image = np.random.default_rng(0).uniform(0, 255, (7, 9)).astype(np.float32)
    write_png(tmp_path / "a.png", image, bits=16)
    stored = read_image(tmp_path / "a.png")
    assert stored.dtype == np.uint16
    assert (stored == np.floor(image.astype(np.float64) * 257 + 0.5)).all()
    assert read_picture(tmp_path / "a.png")[:, :, 0] == pytest.approx(image, abs=0.5 / 257 + 1e-9)


@pytest.mark.parametrize("bits", [8, 16])
def test_colors_keep_their_order(tmp_path, bits):
    image = np.zeros((4, 5, 3), np.uint8)
    image[..., 0], image[..., 2] = 10, 200
    write_png(tmp_path / "a.png", image, bits)
    assert (read_picture(tmp_path / "a.png") == image).all()


def test_equal_pictures_are_equal_files(tmp_path):
    image = np.random.default_rng(1).integers(0, 256, (20, 20), np.uint8)
    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, image)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png"]


def test_pictures_that_cannot_be_stored_leave_no_file(tmp_path):
    with pytest.raises(RowsError, match=r"shape \(3, 3, 2\)"):
        write_png(tmp_path / "a.png", np.zeros((3, 3, 2), np.uint8))
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_pictures_are_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(RowsError, match=r"a\.png: not a picture"):
        read_image(tmp_path / "a.png")
    with pytest.raises(MissingRowsError, match=r"picture not found: .*b\.png"):
        read_picture(tmp_path / "b.png")
    cv2.imwrite(str(tmp_path / "c.tiff"), np.zeros((4, 4), np.float32))
    with pytest.raises(RowsError, match=r"c\.tiff: picture of float32"):
        read_image(tmp_path / "c.tiff")
