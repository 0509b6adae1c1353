"""Malformed files: one intact file of a format, spoiled in many ways, and what must follow.

A fault is a function that spoils a file in place; a format says how its intact file is made and
read. `assert_refused` holds the contract: one line that names the file, exit 1, nothing written.
"""

import os
import re
import resource
import shutil
import signal
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from simlab.core.errors import SimlabError

FAULTS_PER_FORMAT = 20
HEADROOM_BYTES = 4 << 30
DEADLINE_S = 120
LISTED = r" \d+ (problems?|cannot be compared|problems? in \d+ data sets)$"
BELOW = ("  ", "to mend a data set")
REMARKS = ("WARNING:", "Warning:", "INFO:")


@dataclass(frozen=True)
class Format:
    """How an intact file is made in a folder, and read from there.

    Attributes
    ----------
    make : function
        Folder -> path of the intact file in it.
    read : function
        (path, output folder) -> anything; a command or a reader.
    faults : dict
        Name -> function that spoils the file at a path.
    full : bool
        Whether the faults wait for `make test-full`: another format has nearly all of them.
    """

    make: Callable
    read: Callable
    faults: dict
    full: bool = False


def cases(formats):
    """Parameters (format, fault) of all faults of all formats."""
    return [
        pytest.param(
            *(what, fault),
            id=f"{what}: {fault}",
            marks=[pytest.mark.full] if form.full else [],
        )
        for what, form in formats.items()
        for fault in form.faults
    ]


def contract_of(formats):
    """The tests that all files of users must pass, for {name: Format}."""

    @pytest.mark.parametrize(("what", "fault"), cases(formats))
    def refused(what, fault, tmp_path, monkeypatch, capfd):
        monkeypatch.chdir(tmp_path)
        assert_refused(formats[what], fault, tmp_path, capfd)

    @pytest.mark.parametrize("what", formats)
    def accepted(what, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert_accepted(formats[what], tmp_path)

    @pytest.mark.parametrize("what", formats)
    def enough(what):
        assert len(formats[what].faults) >= FAULTS_PER_FORMAT

    return refused, accepted, enough


def assert_accepted(form, folder):
    """The intact file is read: otherwise a refusal would prove nothing."""
    path = made(form, folder)
    form.read(path, folder / "out")


def made(form, folder):
    """The intact file, in a folder of its own."""
    (folder / "in").mkdir()
    return form.make(folder / "in")


def assert_refused(form, fault, folder, capfd):
    """The spoiled file gives one line that names it, exit code 1, and no other trace."""
    path = made(form, folder)
    form.faults[fault](path)
    before = entries(folder)
    capfd.readouterr()
    try:
        with bounded():
            form.read(path, folder / "out")
    except SimlabError as error:
        code, text = 1, f"Error: {error}"
    except SystemExit as end:
        code, text = end.code, capfd.readouterr().err
    else:
        pytest.fail(f"{path.name} was accepted")
    assert code == 1, text
    lines = [line for line in text.splitlines() if not line.startswith(REMARKS)]
    if re.search(LISTED, lines[0]):  # all problems of a configuration are listed below it
        lines = [lines[0], *(line for line in lines[1:] if not line.startswith(BELOW))]
    assert len(lines) == 1, text
    assert lines[0].startswith("Error: "), text
    assert path.name in text
    assert len(lines[0]) < 1500, text
    assert "Traceback" not in text
    assert entries(folder) == before


def entries(folder):
    """Paths of everything in a folder, hidden files included."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@contextmanager
def bounded():
    """The block may take a few GiB more than is in use, and a fixed time; a pipe would wait."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limits = resource.getrlimit(resource.RLIMIT_AS)
    used = pages * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + HEADROOM_BYTES, limits[1]))
    handler = signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(DEADLINE_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, handler)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def _too_long(*_):
    raise TimeoutError("the file kept the reader waiting")


def without(faults, *names):
    """`faults` less some that are no faults of a format."""
    return {name: fault for name, fault in faults.items() if name not in names}


# What any file may be.


def replaced(content):
    """The fault that a file holds `content`, text or bytes, instead of its own."""

    def fault(path):
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return fault


def edited(change):
    """The fault that a file's bytes are `change` of them."""

    def fault(path):
        path.write_bytes(change(path.read_bytes()))

    return fault


def text_edited(change):
    """The fault that a file's text is `change` of it."""
    return edited(lambda content: change(content.decode()).encode())


def swapped(old, new, count=1):
    """The fault that a text has `new` where it had `old`, which must be there."""

    def change(text):
        assert old in text, f"{old!r} is not in {text[:200]!r}"
        return text.replace(old, new, count)

    return text_edited(change)


def line_set(number, line):
    """The fault that line `number` (from 1; negative from the end) reads `line`; None: is gone."""

    def change(text):
        lines = text.splitlines()
        place = number - 1 if number > 0 else len(lines) + number
        lines[place : place + 1] = [] if line is None else [line]
        return "\n".join(lines) + "\n"

    return text_edited(change)


def _gone(path):
    path.unlink()


def _folder(path):
    path.unlink()
    path.mkdir()


def _linked(target, path):
    path.unlink()
    path.symlink_to(target)


def _pipe(path):
    path.unlink()
    os.mkfifo(path)


def _locked(path):
    path.chmod(0)


def _itself(path):
    path.unlink()
    path.symlink_to(path.name)


PLACES = {
    "missing": _gone,
    "a folder in its place": _folder,
    "a dangling link": partial(_linked, "nowhere"),
    "a link to itself": _itself,
    "a pipe": _pipe,
    "the null device": partial(_linked, "/dev/null"),
    "an endless device": partial(_linked, "/dev/zero"),
}
if os.geteuid() != 0:  # nothing is unreadable for root
    PLACES["no permission"] = _locked

CUTS = {
    "0 bytes": replaced(b""),
    "1 byte": edited(lambda content: content[:1]),
    "cut after 9 bytes": edited(lambda content: content[:9]),
    "cut at a quarter": edited(lambda content: content[: len(content) // 4]),
    "cut in the middle": edited(lambda content: content[: len(content) // 2]),
}

BINARY = {
    **PLACES,
    **CUTS,
    "cut at nine tenths": edited(lambda content: content[: len(content) * 9 // 10]),
    "text instead": replaced("frame,x,y\n1,2.0,3.0\n"),
    "a web page instead": replaced("<!DOCTYPE html><html><body>404</body></html>\n"),
    "UTF-16 text instead": replaced("x,y\n1,2\n".encode("utf-16")),
    "zeros": edited(lambda content: bytes(len(content))),
    "a start of zeros": edited(lambda content: bytes(64) + content[64:]),
    "bytes turned around": edited(lambda content: content[::-1]),
    "line ends of another system": edited(lambda content: b"\r\n" + content),
}

TEXT = {
    **PLACES,
    "0 bytes": replaced(b""),
    "UTF-16": edited(lambda content: content.decode().encode("utf-16")),
    "UTF-32": edited(lambda content: content.decode().encode("utf-32")),
    "NUL bytes": edited(lambda content: bytes(512) + content),
    "bytes that are no UTF-8": edited(lambda content: b"\xff\xfe\xfa" + content),
    "a zip instead": replaced(b"PK\x03\x04" + bytes(range(256)) * 4),
    "a picture instead": replaced(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4),
    "a compressed file instead": replaced(b"\x1f\x8b\x08\x00" + bytes(range(256))),
    "random bytes": replaced(bytes((i * i * 31 + 7) % 251 for i in range(1000))),
}


def copy_into(source, folder):
    """A copy of a file in `folder`, made if it is not there; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(source, folder))
