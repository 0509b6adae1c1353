"""Which code made a file: a digest over a script and the library modules it imports.

Snakemake re-runs a job when its script file is newer than its output, but it does not look
into imported modules. Rules pass this digest as a param, so that a change of any module in
reach re-runs exactly the rules that use it. Comments, docstrings and formatting do not count.
OpenCL sources count whole: every `*.cl` file beside a module in reach belongs to it.

To parse the library takes seconds, and each job of a cluster starts Snakemake twice: what was
parsed is kept in a file, by the content of the sources.
"""

import ast
import functools
import hashlib
import json
import sys
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path

from simlab import __version__

SCRIPTS = Path(__file__).resolve().parents[2]
PACKAGE = Path(__file__).resolve().parents[1].name
RECORDED_PACKAGES = ("numpy", "scipy", "numba", "h5py")


@functools.cache
def code_digest(script):
    """Digest (16 hex digits) of `script`, a path below workflow/scripts, and what it imports."""
    todo, parsed = [SCRIPTS / script], {}
    while todo:
        path = todo.pop()
        if path not in parsed:
            parsed[path], imported = _parsed(path)
            todo.extend(imported)
    digest = hashlib.sha256()
    for path in sorted(parsed):
        digest.update(path.relative_to(SCRIPTS).as_posix().encode())
        digest.update(parsed[path])
    for source in sorted({cl for path in parsed for cl in path.parent.glob("*.cl")}):
        digest.update(source.relative_to(SCRIPTS).as_posix().encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def package_versions():
    """Versions of simlab and of the packages that decide the bits of its results."""
    versions = {name: metadata.version(name) for name in RECORDED_PACKAGES}
    return {"simlab": __version__, **versions}


@functools.cache
def _parsed(path):
    source, name = path.read_bytes(), path.relative_to(SCRIPTS).as_posix()
    key = f"{name} {hashlib.sha256(source).hexdigest()}"
    if key not in _known:
        tree = ast.parse(source, str(path))
        modules = sorted(set(_imported_modules(path, tree)))
        # of the hash, not of the text, which is many times the source and would stay in memory
        text = ast.dump(_without_docstrings(tree))
        _known[key] = [hashlib.sha256(text.encode()).hexdigest(), modules]
    digest, modules = _known[key]
    return bytes.fromhex(digest), [file for name in modules for file in _files_of(name.split("."))]


_known = {}  # {name and hash of a source: [digest of its meaning, modules of ours it imports]}


@contextmanager
def parsed_once(folder):
    """Take what other processes parsed from a file in `folder`, and add what the block parses."""
    writer = hashlib.sha256(sys.version.encode() + Path(__file__).read_bytes()).hexdigest()[:16]
    path = Path(folder) / f"parsed-{writer}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        content = json.loads(path.read_text())
        if content["sha256"] == _hash_of(content["parsed"]):
            _known.update(content["parsed"])
    before = len(_known)
    yield
    if len(_known) > before:
        from simlab.core.errors import SimlabError
        from simlab.core.files import write_json

        with suppress(SimlabError, OSError):  # a place that cannot be written costs time only
            write_json(path, {"parsed": _known, "sha256": _hash_of(_known)})


def _hash_of(parsed):
    return hashlib.sha256(json.dumps(parsed, sort_keys=True).encode()).hexdigest()


def _imported_modules(path, tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = list(path.relative_to(SCRIPTS).parts[: -node.level]) if node.level else []
            module = ".".join(parts + ([node.module] if node.module else []))
            names = [module] + [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == PACKAGE)


def _files_of(parts):
    """The module's file and the __init__ files of the packages above it, if they exist."""
    module = SCRIPTS.joinpath(*parts)
    packages = [SCRIPTS.joinpath(*parts[:n], "__init__.py") for n in range(1, len(parts) + 1)]
    return [f for f in [module.with_suffix(".py"), *packages] if f.is_file()]


def _without_docstrings(tree):
    for node in ast.walk(tree):
        documented = isinstance(
            node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        )
        if documented and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:]
    return tree
