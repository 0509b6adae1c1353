"""The code digest sees every module and OpenCL source in reach, and nothing else."""

import re

import pytest

from simlab.core import provenance


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A small library `simlab` under scripts; returns a function that writes a file of it."""

    def write(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    write("script.py", "from simlab.a import f\n")
    write("simlab/__init__.py", "")
    write("simlab/a.py", '"""Doc."""\nfrom simlab.b import g\n\ndef f():\n    return g() + 1\n')
    write("simlab/b.py", "def g():\n    return 1\n")
    write("simlab/kernels/__init__.py", "")
    write("simlab/kernels/opencl.py", "SOURCE = 'frames.cl'\n")
    write("simlab/kernels/frames.cl", "kernel void f() {}\n")
    write("simlab/unused.py", "x = 1\n")
    monkeypatch.setattr(provenance, "SCRIPTS", tmp_path)
    return write


def digest():
    provenance.code_digest.cache_clear()
    provenance._parsed.cache_clear()
    return provenance.code_digest("script.py")


def changed_by(tree, path, text):
    before = digest()
    tree(path, text)
    return digest() != before


def test_a_change_two_imports_away_counts(tree):
    assert changed_by(tree, "simlab/b.py", "def g():\n    return 2\n")


def test_comments_docstrings_and_layout_do_not_count(tree):
    text = '"""Other."""\n# why\nfrom simlab.b import g\n\n\ndef f():\n    return (g() + 1)\n'
    assert not changed_by(tree, "simlab/a.py", text)


def test_modules_out_of_reach_do_not_count(tree):
    assert not changed_by(tree, "simlab/unused.py", "x = 2\n")


def test_opencl_sources_beside_a_module_in_reach_count(tree):
    assert not changed_by(tree, "simlab/kernels/frames.cl", "kernel void g() {}\n")
    tree("simlab/b.py", "def g():\n    from simlab.kernels.opencl import SOURCE\n    return 1\n")
    assert changed_by(tree, "simlab/kernels/frames.cl", "kernel void h() {}\n")


def test_the_library_imports_nothing_by_name(root):
    """What is imported by a string is invisible to the digest; only lazy packages may."""
    library = root / "workflow" / "scripts" / "simlab"
    for path in library.rglob("*.py"):
        text = path.read_text()
        if path != library / "core" / "lazy.py":
            assert "import_module" not in text, path
            assert "__import__" not in text, path


def test_nothing_in_the_library_imports_from_a_lazy_package(root):
    """`from simlab.ptycho import x` would hide the module that defines x from the digest."""
    library = root / "workflow" / "scripts"
    for path in library.rglob("*.py"):
        for line in path.read_text().splitlines():
            lazy = re.match(r"\s*from simlab\.(ptycho|afm|halo|calcium|lensing) import (.*)", line)
            if lazy:
                names = [name.split(" as ")[0].strip() for name in lazy[2].split(",")]
                folder = library / "simlab" / lazy[1]
                assert all((folder / f"{name}.py").is_file() for name in names), line
