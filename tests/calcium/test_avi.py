"""Gray videos: what is written can be read back exactly, whatever the size of a frame."""

import struct

import cv2
import numpy as np
import pytest

from simlab.calcium.errors import RecordingFileError, SpecError, VideoWriterError
from simlab.calcium.files import avi
from simlab.calcium.files.avi import check_video, holds_frames, iter_video, open_video
from simlab.core.errors import MissingFileError


def movie(shape, n=5, bits=8):
    dtype = np.uint8 if bits == 8 else np.uint16
    return np.random.default_rng(2).integers(0, 2**bits, (n, *shape)).astype(dtype)


def written(path, frames, codec="Y800", fps=20.0, bits=8):
    with open_video(path, codec, frames.shape[1:], fps, bits=bits) as video:
        for frame in frames:
            video.write(frame)
    return path


def decoded(path):
    """Channel 0 of all frames, read by OpenCV alone."""
    capture = cv2.VideoCapture(str(path))
    frames = []
    while True:
        there, frame = capture.read()
        if not there:
            return np.array(frames)
        frames.append(frame[..., 0])


@pytest.mark.parametrize(
    "shape", [(49, 51), (33, 32), (32, 33), (32, 48), (1, 1), (1, 7), (7, 1), (608, 608)]
)
def test_uncompressed_frames_decode_exactly(tmp_path, shape):
    frames = movie(shape)
    path = written(tmp_path / "movie.avi", frames)
    np.testing.assert_array_equal(decoded(path), frames)
    np.testing.assert_array_equal(list(iter_video(path)), frames)
    assert holds_frames(path, 5)
    assert not holds_frames(path, 4)
    assert not holds_frames(path, 6)


@pytest.mark.parametrize("fps", [0.5, 12.5, 29.97, 120.0])
def test_the_frame_rate_is_kept(tmp_path, fps):
    path = written(tmp_path / "movie.avi", movie((5, 7)), fps=fps)
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == pytest.approx(fps, rel=1e-6)


def test_an_odd_file_is_laid_out_as_documented(tmp_path):
    frames = movie((3, 5), n=2)
    data = written(tmp_path / "movie.avi", frames).read_bytes()
    riff, size, form = struct.unpack_from("<4sI4s", data)
    assert (riff, size, form) == (b"RIFF", len(data) - 8, b"AVI ")
    movi = data.index(b"movi")
    index = data.index(b"idx1")
    for i, frame in enumerate(frames):
        entry = struct.unpack_from("<4sIII", data, index + 8 + 16 * i)
        assert entry[0] == b"00db"
        assert entry[1] == 0x10
        assert entry[3] == 15
        start = movi + entry[2]
        assert struct.unpack_from("<4sI", data, start) == (b"00db", 15)
        assert data[start + 8 : start + 23] == frame.tobytes()
        assert data[start + 23] == 0
    assert struct.unpack_from("<I", data, data.index(b"avih") + 8 + 12) == (0x10,)
    bitmap = struct.unpack_from("<IiiHH4sI", data, data.index(b"strf") + 8)
    assert bitmap == (40, 5, 3, 1, 8, b"Y800", 15)


@pytest.mark.parametrize("suffix", [".avi", ".mkv"])
@pytest.mark.parametrize("bits", [8, 16])
def test_lossless_frames_decode_exactly(tmp_path, suffix, bits):
    frames = movie((64, 62), bits=bits)
    path = written(tmp_path / f"movie{suffix}", frames, "FFV1", bits=bits)
    read = np.array(list(iter_video(path)))
    assert read.dtype == frames.dtype
    np.testing.assert_array_equal(read, frames)


def test_motion_jpeg_is_close(tmp_path):
    rows = np.arange(64)[:, None]
    frames = np.stack([(rows + np.arange(62) + t) for t in range(4)]).astype(np.uint8)
    read = np.array(list(iter_video(written(tmp_path / "movie.avi", frames, "MJPG"))), int)
    assert abs(read - frames).max() <= 8
    assert (read != frames).any()


@pytest.mark.parametrize(
    ("name", "codec", "shape", "fps", "n_frames", "text"),
    [
        ("a.avi", "Y80", (4, 4), 20.0, 5, "four characters"),
        ("a.avi", None, (4, 4), 20.0, 5, "four characters"),
        ("a.avi", "Y80é", (4, 4), 20.0, 5, "four characters"),
        ("a.mp4", "Y800", (4, 4), 20.0, 5, "suffix .avi"),
        ("a.avi", "Y800", (4, 4), 0.0, 5, "fps of a video"),
        ("a.avi", "Y800", (4, 4), float("inf"), 5, "fps of a video"),
        ("a.avi", "MJPG", (5, 4), 20.0, 5, "crops odd sizes"),
        ("a.mkv", "FFV1", (4, 5), 20.0, 5, "crops odd sizes"),
        ("a.avi", "Y800", (1001, 1001), 20.0, 1072, "plain AVI file"),
    ],
)
def test_videos_that_cannot_be_written_are_refused(name, codec, shape, fps, n_frames, text):
    with pytest.raises(SpecError, match=text):
        check_video(name, codec, shape, fps, n_frames)


def test_even_sizes_and_smaller_odd_ones_are_accepted():
    check_video("a.avi", "Y800", (1001, 1001), 20.0, 1071)
    check_video("a.AVI", "Y800", (1000, 1000), 20.0, 10**6)
    check_video("a.mkv", "FFV1", (1000, 1000), 20.0, 10**6)


def test_the_size_of_an_odd_file_is_known_before(tmp_path):
    path = written(tmp_path / "movie.avi", movie((3, 5), n=4))
    assert path.stat().st_size == avi._riff_bytes((3, 5), 4)


def test_a_codec_that_is_not_there_is_named(tmp_path):
    with pytest.raises(VideoWriterError, match=r"no\.avi with codec ZZZZ for frames of 4 x 6 px"):
        open_video(tmp_path / "no.avi", "ZZZZ", (4, 6), 20.0)


def test_what_is_no_video_is_refused(tmp_path):
    with pytest.raises(MissingFileError):
        list(iter_video(tmp_path / "none.avi"))
    (tmp_path / "text.avi").write_text("no video")
    with pytest.raises(RecordingFileError, match="not a video"):
        list(iter_video(tmp_path / "text.avi"))
    assert not holds_frames(tmp_path / "text.avi", 1)


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("Y800", ".avi"), ("FFV1", ".avi"), ("MJPG", ".avi"), ("FFV1", ".mkv"), ("mp4v", ".mp4")],
)
def test_a_video_that_lacks_a_byte_or_more_does_not_hold_its_frames(tmp_path, codec, suffix, capfd):
    path = written(tmp_path / f"movie{suffix}", movie((48, 64)), codec)
    assert holds_frames(path, 5)
    whole = path.read_bytes()
    for missing in (1, 2, 50, 500, 2000, len(whole) // 2, len(whole) - 20, len(whole) - 2):
        path.write_bytes(whole[:-missing])
        assert not holds_frames(path, 5), missing
    path.write_bytes(b"")
    assert not holds_frames(path, 5)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("codec", "suffix"), [("Y800", ".avi"), ("FFV1", ".mkv"), ("mp4v", ".mp4")]
)
def test_a_video_whose_blocks_never_reached_the_disk_does_not_hold_its_frames(
    tmp_path, codec, suffix, capfd
):
    """They read as zeros, in the middle of an element or where one begins."""
    path = written(tmp_path / f"movie{suffix}", movie((48, 64)), codec)
    whole = path.read_bytes()
    for kept in range(4, 60):
        path.write_bytes(whole[:kept].ljust(len(whole), b"\0"))
        assert not holds_frames(path, 5), kept
    assert capfd.readouterr().err == ""
