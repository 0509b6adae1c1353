"""Compiled kernels are kept by sources and processor, safely beside others, wherever possible."""

import os
import shutil
import subprocess
import sys
import threading
import time

import numba
import pytest
from numba.core.caching import IndexDataCacheFile

from simlab.core import jit

COMPILES = "from simlab.lensing.kernels import histogram\nhistogram.warm()\nprint('ready')\n"
WARMS_HALO = (
    "from simlab.campaign import compile_kernels\n"
    "import simlab.halo.kernels as kernels\n"
    "from simlab.core import jit\n"
    "def warm():\n"
    "    print('compiles', flush=True)\n"
    "    import time; time.sleep(1)\n"
    "jit._kernels['halo'] = warm\n"
    "compile_kernels(['halo'])\n"
    "print('goes on')\n"
)


@pytest.fixture
def restored():
    before = numba.config.CACHE_DIR
    jit.used_folder.cache_clear()
    yield
    jit.used_folder.cache_clear()
    numba.config.CACHE_DIR = before


def python(program, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_folder_is_named_by_kernels_and_processor(tmp_path, monkeypatch, restored):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    jit.use_kernel_cache("nothing", lambda: None)
    del jit._kernels["nothing"]
    name = f"{jit.kernel_digest()}-{jit.machine_type()}"
    assert str(tmp_path / name) == numba.config.CACHE_DIR


def test_a_changed_kernel_has_another_folder(tmp_path, monkeypatch):
    kernels = tmp_path / "domain" / "kernels"
    kernels.mkdir(parents=True)
    monkeypatch.setattr(jit, "LIBRARY", tmp_path)
    found = set()
    for text in ("x = 1\n", "x = 2\n"):
        (kernels / "callee.py").write_text(text)
        jit.kernel_digest.cache_clear()
        found.add(jit.kernel_digest())
    jit.kernel_digest.cache_clear()
    assert len(found) == 2


def test_another_processor_has_another_folder(monkeypatch):
    here = jit.machine_type()
    monkeypatch.setattr(numba.config, "CPU_FEATURES", "+sse2")
    assert jit.machine_type() != here
    monkeypatch.setattr(numba.config, "CPU_NAME", "haswell")
    assert jit.machine_type().startswith("haswell-")


def test_a_cache_that_cannot_be_written_is_replaced(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setattr(jit.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    folder = jit.cache_folder()
    assert str(folder).startswith(str(tmp_path / "temporary"))
    assert folder.parent.stat().st_mode & 0o077 == 0


def test_a_file_system_without_locks_is_not_used(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert jit.cache_folder().parent == tmp_path
    monkeypatch.setattr(jit.fcntl, "flock", refuse)
    assert tmp_path not in jit.cache_folder().parents


def test_kernels_compile_and_run_without_a_usable_cache(tmp_path):
    (tmp_path / "file").touch()
    nowhere = {"NUMBA_CACHE_DIR": str(tmp_path / "file"), "HOME": str(tmp_path / "file")}
    (tmp_path / "temporary").mkdir()
    output, errors = python(COMPILES, **nowhere, TMPDIR=str(tmp_path / "temporary")).communicate()
    assert output.strip() == "ready", errors


def test_a_read_only_cache_is_used_without_compiling_again(tmp_path, monkeypatch):
    """File systems mounted read-only refuse a new file even to the user who owns the folder."""
    shared, temporary = tmp_path / "shared", tmp_path / "temporary"
    temporary.mkdir()
    output, errors = python(COMPILES, NUMBA_CACHE_DIR=str(shared)).communicate()
    assert output.strip() == "ready", errors
    compiled = sorted(path.relative_to(shared) for path in shared.rglob("*.nbc"))
    assert compiled
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(shared))
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    (tmp_path / "file").touch()
    monkeypatch.setattr(jit.tempfile, "gettempdir", lambda: str(temporary))
    usable = jit._is_usable
    monkeypatch.setattr(
        jit, "_is_usable", lambda folder: shared not in folder.parents and usable(folder)
    )
    folder = jit.cache_folder()
    copied = sorted(path.relative_to(folder.parent) for path in folder.rglob("*.nbc"))
    assert copied == compiled
    output, errors = python(
        COMPILES + "kernels = [f for f in vars(histogram).values() if hasattr(f, 'stats')]\n"
        "print(sum(len(f.stats.cache_hits) for f in kernels) > 0)\n"
        "print(sum(len(f.stats.cache_misses) for f in kernels))\n",
        NUMBA_CACHE_DIR=str(folder.parent),
    ).communicate()
    assert output.split() == ["ready", "True", "0"], errors


def test_a_filled_folder_is_never_filled_again(tmp_path):
    source, folder = tmp_path / "source", tmp_path / "folder"
    for path, text in ((source, "theirs"), (folder, "ours")):
        path.mkdir()
        (path / "x.nbi").write_text(text)
    jit._fill(folder, source)
    assert (folder / "x.nbi").read_text() == "ours"
    (folder / "x.nbi").unlink()
    jit._fill(folder, source)
    assert (folder / "x.nbi").read_text() == "theirs"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "source"]


def test_two_writers_of_one_function_keep_both_entries(tmp_path):
    """Without a lock both take the first free number, and one finds the other's machine code."""
    import simlab.ptycho.kernels  # noqa: F401 - locks numba's writer

    class Slow(IndexDataCacheFile):
        def _save_index(self, overloads):
            time.sleep(0.1)
            super()._save_index(overloads)

    writers = [
        threading.Thread(target=Slow(str(tmp_path), "kernel", 1).save, args=(name, name.upper()))
        for name in ("a", "b", "c")
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    reader = IndexDataCacheFile(str(tmp_path), "kernel", 1)
    assert [reader.load(name) for name in "abc"] == ["A", "B", "C"]


def test_a_kernel_that_cannot_be_kept_is_used_all_the_same(tmp_path, caplog, monkeypatch):
    import simlab.ptycho.kernels  # noqa: F401

    monkeypatch.setattr(jit, "_lost", [])
    for name in ("a", "b"):
        IndexDataCacheFile(str(tmp_path / "gone"), "kernel", 1).save(name, "A")
    assert [r.getMessage().split(":")[0] for r in caplog.records] == [
        "compiled kernels are not kept"
    ]


def test_of_processes_that_start_together_one_compiles(tmp_path):
    environment = {"NUMBA_CACHE_DIR": str(tmp_path)}
    started = [python(WARMS_HALO, **environment) for _ in range(3)]
    output = [process.communicate()[0] for process in started]
    assert sorted(text.split("\n")[0] for text in output) == ["compiles", "goes on", "goes on"]
    output, errors = python(WARMS_HALO, **environment).communicate()
    assert output == "goes on\n", errors


def test_a_compilation_that_was_killed_is_done_by_the_next(tmp_path):
    environment = {"NUMBA_CACHE_DIR": str(tmp_path)}
    killed = python(WARMS_HALO.replace("sleep(1)", "sleep(60)"), **environment)
    assert killed.stdout.readline() == "compiles\n"
    killed.kill()
    killed.communicate()
    output, errors = python(WARMS_HALO, **environment).communicate()
    assert output == "compiles\ngoes on\n", errors


def test_what_could_not_be_kept_does_not_count_as_compiled(tmp_path):
    environment = {"NUMBA_CACHE_DIR": str(tmp_path)}
    loses = WARMS_HALO.replace("time.sleep(1)", "jit._lost.append('an entry')")
    for _ in range(2):
        output, errors = python(loses, **environment).communicate()
        assert output == "compiles\ngoes on\n", errors


def test_another_copy_of_the_repository_compiles_its_own(tmp_path):
    environment = {"NUMBA_CACHE_DIR": str(tmp_path)}
    moved = WARMS_HALO.replace("compile_kernels([", "jit.LIBRARY = '/elsewhere'; compile_kernels([")
    for program in (WARMS_HALO, moved):
        output, errors = python(program, **environment).communicate()
        assert output == "compiles\ngoes on\n", errors


def test_folders_of_the_user_keep_their_permissions(tmp_path, monkeypatch):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o2775)
    monkeypatch.setattr(jit.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(shared))
    assert jit.cache_folder().parent == shared
    assert shared.stat().st_mode & 0o7777 == 0o2775


def test_a_temporary_folder_that_leads_elsewhere_is_not_used(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "trap").mkdir()
    (tmp_path / f"simlab-numba-{os.getuid()}").symlink_to(tmp_path / "trap")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setattr(jit.tempfile, "gettempdir", lambda: str(tmp_path))
    assert jit.cache_folder().parent == tmp_path  # a new one, which nobody else knows


def test_the_cache_can_be_deleted_at_any_time(tmp_path):
    environment = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    for _ in range(2):
        output, errors = python(COMPILES, **environment).communicate()
        assert output.strip() == "ready", errors
        shutil.rmtree(tmp_path / "cache")
