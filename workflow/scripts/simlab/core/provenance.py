"""Which code made a file: a digest over a script and the library modules it imports.

Snakemake re-runs a job when its script file is newer than its output, but it does not look
into imported modules. Rules pass this digest as a param, so that a change of any module in
reach re-runs exactly the rules that use it. Comments, docstrings and formatting do not count.
OpenCL sources count whole: every `*.cl` file beside a module in reach belongs to it.
"""

import ast
import functools
import hashlib
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
    tree = ast.parse(path.read_bytes(), str(path))
    imported = list(_imported_files(path, tree))
    # of the hash, not of the text, which is many times the source and would stay in memory
    return hashlib.sha256(ast.dump(_without_docstrings(tree)).encode()).digest(), imported


def _imported_files(path, tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            parts = list(path.relative_to(SCRIPTS).parts[: -node.level]) if node.level else []
            module = ".".join(parts + ([node.module] if node.module else []))
            names = [module] + [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == PACKAGE:
                yield from _files_of(parts)


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
