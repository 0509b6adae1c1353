"""How long the file of a video says it is: AVI (RIFF), MP4 (ISO 14496-12), Matroska (EBML)."""

import struct

_EBML = b"\x1a\x45\xdf\xa3"
_OPENED = 2**56 - 1
"""Size of an EBML element whose end was never written."""


def is_cut(path):
    """Whether a video file ends before or after the end that its outermost elements tell.

    Writers put lengths in front when they close a file, so one that met a full disk shows here
    without being decoded. Files of other containers are never cut.
    """
    with open(path, "rb") as stream:
        head = stream.read(8)
        length = stream.seek(0, 2)
        if head[:4] == b"RIFF":
            element = _riff_chunk
        elif head[4:] == b"ftyp":
            element = _iso_box
        elif head[:4] == _EBML:
            element = _ebml_element
        else:
            return length == 0
        end = 0
        while end < length:
            stream.seek(end)
            end += element(stream.read(16))
    return end != length


def _riff_chunk(head):
    """Bytes of the chunk that begins with `head`; large files have several."""
    (size,) = struct.unpack_from("<I", head.ljust(16, b"\xff"), 4)
    return 8 + size + size % 2


def _iso_box(head):
    size, _, large = struct.unpack(">I4sQ", head.ljust(16, b"\xff"))
    return max(large if size == 1 else size, 8)


def _ebml_element(head):
    """Identifier and size are numbers of 1 to 8 bytes, as many as the first has leading zeros."""
    head = head.ljust(16, b"\xff")
    name = 9 - head[0].bit_length()
    width = 9 - head[name].bit_length()
    if name > 4 or width > 8:  # zeros, which no element begins with
        return _OPENED
    size = int.from_bytes(head[name : name + width]) - (1 << 7 * width)
    return name + width + (_OPENED if size == (1 << 7 * width) - 1 else size)
