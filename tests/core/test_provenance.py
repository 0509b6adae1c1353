"""The code digest sees every module and OpenCL source in reach, and nothing else."""

import ast
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
    provenance._known.clear()
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


def remembered(folder):
    """The digest by a process that may use what others parsed, and how much it parsed itself."""
    with pytest.MonkeyPatch.context() as patch:
        parsed = []
        patch.setattr(
            provenance.ast, "parse", lambda *a, parse=ast.parse: parsed.append(a[1]) or parse(*a)
        )
        provenance.code_digest.cache_clear()
        provenance._parsed.cache_clear()
        provenance._known.clear()
        with provenance.parsed_once(folder):
            return provenance.code_digest("script.py"), [name.split("/")[-1] for name in parsed]


def test_a_second_process_parses_only_what_changed(tree, tmp_path):
    first, parsed = remembered(tmp_path)
    assert sorted(parsed) == ["__init__.py", "a.py", "b.py", "script.py"]
    assert first == digest()
    assert remembered(tmp_path) == (first, [])
    tree("simlab/b.py", "def g():\n    from simlab import unused\n    return 2\n")
    changed, parsed = remembered(tmp_path)
    assert sorted(parsed) == ["b.py", "unused.py"]
    assert changed == digest() != first


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda text: text.replace('   "', '   "00', 1),
        lambda text: "[]",
        lambda text: '{"parsed": 1}',
    ],
    ids=["truncated", "another digest", "no mapping", "no hash"],
)
def test_a_damaged_memory_of_parsed_sources_is_made_again(tree, tmp_path, damage):
    first, parsed = remembered(tmp_path)
    (path,) = tmp_path.glob("parsed-*.json")
    whole = path.read_text()
    path.write_text(damage(whole))
    assert path.read_text() != whole
    assert remembered(tmp_path) == (first, parsed)
    assert path.read_text() == whole


def test_where_nothing_can_be_written_sources_are_parsed_by_every_process(tree, tmp_path):
    (tmp_path / "file").write_text("")
    first = remembered(tmp_path / "file")
    assert remembered(tmp_path / "file") == first
    assert first[0] == digest()
