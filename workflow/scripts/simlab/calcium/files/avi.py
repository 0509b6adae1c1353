"""Gray video files: written frame by frame, read back frame by frame.

| codec | content | written by |
|---|---|---|
| `Y800`, even sides | uncompressed 8-bit gray | OpenCV (OpenDML above 1 GiB) |
| `Y800`, an odd side | the same | this module; OpenCV would crop to even sides |
| `FFV1` | 8- or 16-bit gray, lossless | OpenCV |
| others, for example `MJPG` | 8-bit gray, usually lossy | OpenCV |

An AVI file of this module: `RIFF AVI `, list `hdrl` (`avih`, list `strl` of `strh` and `strf`),
list `movi` with one `00db` chunk a frame (top row first, rows not padded), index `idx1`.
"""

import math
import os
import struct
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from simlab.calcium.errors import RecordingFileError, SpecError, VideoWriterError
from simlab.calcium.files.containers import is_cut
from simlab.core.files import open_input

# OpenCV reads it at the first video: what FFmpeg finds wrong becomes our error of one line
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

RAW = "Y800"
LOSSLESS = "FFV1"
FPS_RANGE = (0.01, 1000.0)
"""Frame rates that FFmpeg keeps, Hz."""
MAX_RIFF_BYTES = 2**30
"""Largest plain AVI file; above it readers need OpenDML segments."""

_HAS_INDEX = 0x10
_KEY_FRAME = 0x10
_UNKNOWN_QUALITY = 0xFFFFFFFF
_HEADER_BYTES = 224
_INDEX_ENTRY_BYTES = 16


def check_video(path, codec, shape, fps, n_frames):
    """SpecError unless a video of that kind can be written.

    Parameters
    ----------
    path : str or Path
        Its suffix chooses the container; `Y800` needs `.avi`.
    codec : str
        Four characters.
    shape : (height, width)
        Frame size, px; odd sides only with `Y800`, up to 1 GiB.
    fps : float
        Frame rate of the video, Hz, within `FPS_RANGE`.
    n_frames : int
    """
    if not isinstance(codec, str) or len(codec) != 4 or not codec.isascii():
        raise SpecError(f"codec must be four characters such as Y800 or MJPG, found {codec!r}")
    if codec == RAW and Path(path).suffix.lower() != ".avi":
        raise SpecError(f"{path}: a video with codec Y800 needs the suffix .avi")
    if not FPS_RANGE[0] <= fps <= FPS_RANGE[1]:
        raise SpecError(
            f"fps of a video must be {FPS_RANGE[0]:g} to {FPS_RANGE[1]:g} Hz, found {fps!r}"
        )
    height, width = shape
    if height % 2 == 0 and width % 2 == 0:
        return
    if codec != RAW:
        raise SpecError(
            f"{path}: codec {codec} crops odd sizes ({height} x {width} px); use codec Y800, or "
            "the h5 output"
        )
    size = _riff_bytes(shape, n_frames)
    if size > MAX_RIFF_BYTES:
        raise SpecError(
            f"{path}: {n_frames} frames of the odd size {height} x {width} px are {size} bytes, "
            f"more than the {MAX_RIFF_BYTES} a plain AVI file may have; use the h5 output"
        )


def open_video(path, codec, shape, fps, *, bits=8, name=None):
    """A writer of gray frames, to be used as context; `.write(frame)` adds one.

    Parameters
    ----------
    path : Path
    codec, shape, fps
        As `check_video`.
    bits : 8 or 16
        Frames are uint8 or uint16 (height, width); 16 needs `FFV1`.
    name : Path, optional
        What messages call the file.

    Raises
    ------
    VideoWriterError
        If the file cannot be opened with that codec and size.
    """
    if codec == RAW and (shape[0] % 2 or shape[1] % 2):
        return _RawVideo(path, shape, fps)
    return _CvVideo(path, codec, shape, fps, bits, name or path)


@contextmanager
def _muted():
    """Context in which FFmpeg prints nothing; what it cannot open becomes an error of one line."""
    terminal = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


class _CvVideo:
    """A video that OpenCV's FFmpeg writes."""

    def __init__(self, path, codec, shape, fps, bits, name):
        height, width = shape
        depth = cv2.CV_16U if bits == 16 else cv2.CV_8U
        options = [cv2.VIDEOWRITER_PROP_IS_COLOR, 0, cv2.VIDEOWRITER_PROP_DEPTH, depth]
        fourcc = cv2.VideoWriter_fourcc(*codec)
        with _muted():
            self._writer = cv2.VideoWriter(
                str(path), cv2.CAP_FFMPEG, fourcc, fps, (width, height), options
            )
        if not self._writer.isOpened():
            raise VideoWriterError(
                f"cannot open {name} with codec {codec} for frames of {height} x {width} px"
            )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._writer.release()

    def write(self, frame):
        with _without_warnings():  # of a full disk, one a frame
            self._writer.write(frame)


class _RawVideo:
    """An uncompressed AVI file of any frame size below 1 GiB."""

    def __init__(self, path, shape, fps):
        self._shape, self._fps, self._n = shape, fps, 0
        self._stream = open(path, "wb")  # noqa: SIM115 - closed by __exit__
        self._stream.write(b"\0" * _HEADER_BYTES)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        with self._stream as stream:
            if exception[0] is None:
                stream.write(self._index())
                stream.seek(0)
                stream.write(_header(self._shape, self._fps, self._n))

    def write(self, frame):
        pixels = np.ascontiguousarray(frame, np.uint8)
        data = pixels.tobytes()
        self._stream.write(struct.pack("<4sI", b"00db", len(data)) + data + _padding(len(data)))
        self._n += 1

    def _index(self):
        """Chunk idx1: where each frame lies, counted from the word `movi`."""
        size = self._shape[0] * self._shape[1]
        entries = np.zeros((self._n, 4), "<u4")
        entries[:, 0] = np.frombuffer(b"00db", "<u4")
        entries[:, 1] = _KEY_FRAME
        entries[:, 2] = 4 + _frame_bytes(self._shape) * np.arange(self._n)
        entries[:, 3] = size
        return struct.pack("<4sI", b"idx1", entries.nbytes) + entries.tobytes()


def _frame_bytes(shape):
    """Bytes of a frame's chunk with its header and padding."""
    size = shape[0] * shape[1]
    return 8 + size + size % 2


def _padding(size):
    return b"\0" * (size % 2)


def _riff_bytes(shape, n_frames):
    return _HEADER_BYTES + n_frames * (_frame_bytes(shape) + _INDEX_ENTRY_BYTES) + 8


def _header(shape, fps, n_frames):
    """Everything before the first frame."""
    height, width = shape
    size = height * width
    rate = max(round(1000 * fps), 1)
    main = struct.pack(
        "<14I",
        round(1e6 / fps),
        math.ceil(size * fps),
        0,
        _HAS_INDEX,
        n_frames,
        0,
        1,
        size,
        width,
        height,
        *(0, 0, 0, 0),
    )
    stream = struct.pack(
        "<4s4sIHHIIIIIIII4h",
        *(b"vids", b"Y800", 0, 0, 0, 0),
        *(1000, rate, 0, n_frames, size, _UNKNOWN_QUALITY, 0),
        *(0, 0, width, height) if max(shape) < 2**15 else (0, 0, 0, 0),
    )
    bitmap = struct.pack("<IiiHH4sIiiII", 40, width, height, 1, 8, b"Y800", size, 0, 0, 0, 0)
    strl = _list(b"strl", _chunk(b"strh", stream) + _chunk(b"strf", bitmap))
    hdrl = _list(b"hdrl", _chunk(b"avih", main) + strl)
    movi = struct.pack("<4sI4s", b"LIST", 4 + n_frames * _frame_bytes(shape), b"movi")
    riff = struct.pack("<4sI4s", b"RIFF", _riff_bytes(shape, n_frames) - 8, b"AVI ")
    return riff + hdrl + movi


def _chunk(name, content):
    return struct.pack("<4sI", name, len(content)) + content


def _list(name, content):
    return _chunk(b"LIST", name + content)


def holds_frames(path, n_frames):
    """Whether a video has `n_frames` frames, and the last one can be read.

    OpenCV's writers do not tell of a full disk; what they leave then fails here.
    """
    if is_cut(path):
        return False
    with _without_warnings():  # of an empty file, which is all that a full disk may leave
        capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not capture.isOpened() or capture.get(cv2.CAP_PROP_FRAME_COUNT) != n_frames:
            return False
        capture.set(cv2.CAP_PROP_POS_FRAMES, n_frames - 1)
        return capture.read()[0]
    finally:
        capture.release()


def iter_video(path):
    """Yield the gray frames of a video, uint8 or (16-bit `FFV1`) uint16, (height, width).

    Raises MissingFileError, or RecordingFileError if the file is no video.
    """
    open_input(path, "video").close()
    capture = _open_capture(path)
    announced, found = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), 0
    try:
        while True:
            there, frame = capture.read()
            if not there:
                break
            found += 1
            yield frame[..., 0] if frame.ndim == 3 else frame
        if found < announced:
            raise RecordingFileError(f"{path}: cut off, {found} of {announced} frames can be read")
    finally:
        capture.release()


def _open_capture(path):
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        raise RecordingFileError(f"{path}: not a video that can be read")
    if _fourcc(capture) == LOSSLESS:
        _keep_depth(capture)
    return capture


def _fourcc(capture):
    code = int(capture.get(cv2.CAP_PROP_FOURCC))
    return code.to_bytes(4, "little").decode("latin-1").upper()


def _keep_depth(capture):
    """Do not convert frames to 8-bit color; OpenCV's warning that it then does not is muted."""
    with _without_warnings():
        capture.set(cv2.CAP_PROP_CONVERT_RGB, 0)


@contextmanager
def _without_warnings():
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
