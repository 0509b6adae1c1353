"""Faults of CSV, JSON, YAML and PNG files; see `malformed`."""

import struct
import zlib
from functools import partial

from malformed import BINARY, TEXT, edited, replaced, swapped, text_edited, without

DEEP = 20_000
LONG = 400_000


def bomb(levels=12, times=10):
    """YAML whose aliases stand for times**levels values."""
    lines = ["a0: &a0 [1]"]
    for level in range(1, levels + 1):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * times)}]")
    return "\n".join(lines) + "\n"


def yaml_faults(key):
    """Faults of a YAML mapping with the line `key: ...`."""
    return {
        **without(TEXT, "UTF-16"),  # which YAML allows
        "a list": replaced("- 1\n- 2\n"),
        "a number": replaced("12\n"),
        "a text": replaced("hello\n"),
        "only a comment": replaced("# nothing\n"),
        "a bracket left open": text_edited(lambda text: text + "\nx: [1, 2\n"),
        "a brace left open": text_edited(lambda text: text + "\nx: {a: 1\n"),
        "a quote left open": text_edited(lambda text: text + '\nx: "abc\n'),
        "tabs": swapped(f"{key}:", f"\t{key}:"),
        "a key twice": text_edited(lambda text: f"{text}\n{key}: 1\n"),
        "an unknown key": text_edited(lambda text: text + "\nno_such_key: 1\n"),
        "an unknown alias": text_edited(lambda text: text + "\nx: *nowhere\n"),
        "an alias of itself": text_edited(lambda text: text + "\nx: &x [*x]\n"),
        "aliases that multiply": text_edited(lambda text: f"{text}\n{bomb()}"),
        "an object of Python": text_edited(
            lambda text: text + "\nx: !!python/object/apply:os.system ['touch hacked']\n"
        ),
        "a tag of its own": text_edited(lambda text: text + "\nx: !secret 1\n"),
        "two documents": text_edited(lambda text: f"{text}\n---\n{text}"),
        "an impossible date": text_edited(lambda text: text + "\nx: 2020-13-45\n"),
        "a number of 5000 digits": text_edited(lambda text: f"{text}\nx: {'9' * 5000}\n"),
        "brackets in brackets": replaced("x: " + "[" * DEEP + "]" * DEEP),
        "a very long line": text_edited(lambda text: f"{text}\n{'x' * LONG}\n"),
        "a list as key": text_edited(lambda text: text + "\n? [1, 2]\n: 3\n"),
        "a merge of a number": text_edited(lambda text: text + "\n<<: 3\n"),
        "control letters": text_edited(lambda text: text + "\nx: \x01\x02\n"),
    }


def json_faults(key):
    """Faults of a JSON object with the key `key`."""
    return {
        **without(TEXT, "UTF-16", "UTF-32"),  # which JSON allows
        "1 byte": edited(lambda content: content[:1]),
        "cut at a quarter": edited(lambda content: content[: len(content) // 4]),
        "cut in the middle": edited(lambda content: content[: len(content) // 2]),
        "cut before the end": edited(lambda content: content.rstrip()[:-1]),
        "a list": replaced("[1, 2]\n"),
        "a number": replaced("12\n"),
        "null": replaced("null\n"),
        "a text": replaced('"hello"\n'),
        "an empty object": replaced("{}\n"),
        "two objects": text_edited(lambda text: text + text),
        "a comma at the end": text_edited(lambda text: text.rstrip()[:-1] + ",}\n"),
        "single quotes": text_edited(lambda text: text.replace('"', "'")),
        "brackets in brackets": replaced("[" * 5 * DEEP + "]" * 5 * DEEP),
        "a number of 5000 digits": text_edited(
            lambda text: text.replace("{", f'{{"x": {"9" * 5000}, ', 1)
        ),
        f"no {key}": swapped(f'"{key}"', '"other"'),
    }


def csv_faults(column, *, cell="1.5", more=()):
    """Faults of a table with a header line, of which `column` must be finite numbers.

    The first row holds `cell` in that column; `more` names faults that are none here.
    """

    def second_line(change):
        def edit(text):
            lines = text.splitlines()
            lines[1] = change(lines[1])
            return "\n".join(lines) + "\n"

        return text_edited(edit)

    def holding(value):
        return second_line(lambda line: _cell_set(line, cell, value))

    faults = {
        **TEXT,
        "1 byte": edited(lambda content: content[:1]),
        "only the header": text_edited(lambda text: text.splitlines()[0] + "\n"),
        "no header": text_edited(lambda text: text.split("\n", 1)[1]),
        "no column": swapped(column, "other"),
        "a column twice": text_edited(
            lambda text: "\n".join(
                f"{line},{column if not number else cell}"
                for number, line in enumerate(text.splitlines())
            )
        ),
        "a cell of text": holding("abc"),
        "an empty cell": holding(""),
        "not a number": holding("nan"),
        "an infinity": holding("inf"),
        "a number beyond all bounds": holding("1e999"),
        "a decimal comma": holding("1,5"),
        "a unit": holding("1.5 px"),
        "an underscore": holding("1_5x"),
        "a short row": second_line(lambda line: line.rpartition(",")[0]),
        "a long row": second_line(lambda line: line + ",1"),
        "a quote left open": second_line(lambda line: '"' + line),
        "semicolons": text_edited(lambda text: text.replace(",", ";")),
        "a very long cell": holding("1" * LONG),
        "a very long line": second_line(lambda line: ",".join([line] * 100_000)),
        "NUL in a cell": holding("1\0"),
        "a cut row": text_edited(lambda text: text.rstrip("\n").rpartition(",")[0]),
    }
    return {name: fault for name, fault in faults.items() if name not in more}


def _cell_set(line, cell, value):
    assert cell in line.split(","), (cell, line)
    cells = line.split(",")
    cells[cells.index(cell)] = value
    return ",".join(cells)


def _header(width, height, path, depth=8, color=0):
    """Replace the size that a PNG announces, with a right checksum."""
    raw = path.read_bytes()
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)
    path.write_bytes(raw[:12] + body + struct.pack(">I", zlib.crc32(body)) + raw[33:])


PNG = {
    **BINARY,
    "only the signature": edited(lambda content: content[:8]),
    "only the header": edited(lambda content: content[:33]),
    "no pixel": edited(
        lambda content: (
            content[: content.index(b"IDAT") - 4] + content[content.rindex(b"IEND") - 4 :]
        )
    ),
    "width 0": partial(_header, 0, 8),
    "height 0": partial(_header, 8, 0),
    "more rows than are there": partial(_header, 64, 4000),
    "10 gigapixels": partial(_header, 100_000, 100_000),
    "the largest size": partial(_header, 2**31 - 1, 2**31 - 1),
    "a negative size": partial(_header, 2**32 - 1, 2**32 - 1),
    "an unknown depth": partial(_header, 64, 64, depth=7),
    "an unknown color": partial(_header, 64, 64, color=5),
    "a wrong checksum": edited(
        lambda content: (
            content[: content.index(b"IDAT") + 14]
            + bytes([content[content.index(b"IDAT") + 14] ^ 255])
            + content[content.index(b"IDAT") + 15 :]
        )
    ),
    "a GIF's start": replaced(b"GIF89a\x40\x00\x40\x00\x80\x00\x00"),
    "a JPEG's start": replaced(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01"),
    "a TIFF's start": replaced(b"II*\x00\x08\x00\x00\x00\xff\xff"),
    "an SVG": replaced('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
}
