"""Fills the disk under every file that is about to be written, and looks what becomes of it.

Python imports this module at start where its folder is on PYTHONPATH. Each time
`core.files.atomic_path` begins a file below FULL_DISK, the process forks. The child finds the disk
full, goes on as if nothing were known, and should end with exit code 1 and one line on stderr; its
parent compares the folder with what it was, makes room again and goes on undisturbed. So one
ordinary run meets a full disk once at every writer, with the room that FULL_DISK_ROOM lists.

FULL_DISK_REPORT gets a JSON line for every child.
"""

import json
import os
import shutil
import signal
import sys
import traceback
from pathlib import Path

DISK = os.environ.get("FULL_DISK")
ROOMS = [float(share) for share in os.environ.get("FULL_DISK_ROOM", "0").split()]
"""What is left free, in shares of the final size of the file that is about to be written."""
LIMIT_S = 120
PAGE = 4096
BEGUN = (".part", ".working")
"""Ends of the names of what is removed if the work on it fails."""


def _begun(event, _):
    """At every event; core.files.atomic_path asks for the host name once a file."""
    if event != "socket.gethostname":
        return
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "atomic_path":
        frame = frame.f_back
    if frame is None or not frame.f_code.co_filename.endswith("core/files.py"):
        return
    path = Path(os.path.abspath(frame.f_locals["path"]))
    if path.is_relative_to(DISK):
        for room in ROOMS:
            if not _state["inside"]:  # the child comes back here too
                _try_with_full_disk(path, room)


_state = {"inside": False}


def _try_with_full_disk(path, room):
    size = _sizes().get(os.path.relpath(path, DISK), 0)
    before, folders = _listing(), [path for path in _files() if path.is_dir()]
    outer = _kept_parts()
    report = f"{os.environ['FULL_DISK_REPORT']}.stderr"
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _state["inside"] = True
        descriptor = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(descriptor, 2)
        signal.alarm(LIMIT_S)
        _fill(int(size * room) // PAGE * PAGE)
        return
    _, status = os.waitpid(child, 0)
    Path(DISK, ".filler").unlink(missing_ok=True)
    for folder in folders:  # the child removed those that were made for its file
        folder.mkdir(parents=True, exist_ok=True)
    for part, kept in outer.items():  # and the files and folders that both had begun
        if not part.exists():
            _link(kept, part)
        elif part.is_dir():
            shutil.copytree(kept, part, copy_function=_link_missing, dirs_exist_ok=True)
        shutil.rmtree(kept) if kept.is_dir() else kept.unlink()
    after = _listing()
    entry = {
        "file": os.path.relpath(path, DISK),
        "room": room,
        "code": os.waitstatus_to_exitcode(status),
        "stderr": Path(report).read_text(errors="replace"),
        "left": sorted(set(after) - set(before)),
        "changed": sorted(name for name in before if after.get(name) != before[name]),
        "existed": os.path.relpath(path, DISK) in before,
    }
    with open(os.environ["FULL_DISK_REPORT"], "a") as stream:
        stream.write(json.dumps(entry) + "\n")


def _sizes():
    file = os.environ.get("FULL_DISK_SIZES")
    return json.loads(Path(file).read_text()) if file else {}


def _fill(room):
    free = os.statvfs(DISK).f_bavail * os.statvfs(DISK).f_bsize
    with open(Path(DISK, ".filler"), "wb") as stream:
        if free > room:
            os.posix_fallocate(stream.fileno(), 0, free - room)


def _files():
    own = (".filler", ".lock")  # locks hold nothing, and the child shares its parent's
    return [path for path in Path(DISK).rglob("*") if not path.name.endswith(own)]


def _listing():
    """{path: (size, time)} of the files that are there; of those still written, only the name."""
    return {
        os.path.relpath(path, DISK): (path.stat().st_size, path.stat().st_mtime_ns)
        if ".part" not in path.name and path.is_file()
        else None
        for path in _files()
    }


def _kept_parts():
    """Second names of the files that are being written, out of the child's reach."""
    kept = {}
    for number, path in enumerate(_files()):
        if path.name.startswith(".") and path.name.endswith(BEGUN):
            kept[path] = Path(DISK, f".kept-{number}")
            _link(path, kept[path])
    return kept


def _link_missing(source, target):
    if not os.path.exists(target):
        os.link(source, target)


def _link(source, target):
    """`target` as a second name of a file, or as a folder of second names."""
    if source.is_dir():
        shutil.copytree(source, target, copy_function=os.link)
    else:
        os.link(source, target)


if DISK:
    try:
        sys.addaudithook(_begun)
    except Exception:
        traceback.print_exc()
