"""Compiled kernels are kept by the digest of their sources, wherever a folder can be written."""

import subprocess
import sys

import numba
import pytest

from simlab.core import jit


@pytest.fixture
def restored():
    before = numba.config.CACHE_DIR
    yield
    numba.config.CACHE_DIR = before


def test_the_folder_is_named_by_the_kernels(tmp_path, monkeypatch, restored):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    jit.use_kernel_cache()
    assert str(tmp_path / jit.kernel_digest()) == numba.config.CACHE_DIR


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


def test_a_cache_that_cannot_be_written_is_replaced(tmp_path, monkeypatch, restored):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setattr(jit.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    jit.use_kernel_cache()
    assert numba.config.CACHE_DIR.startswith(str(tmp_path / "temporary"))


def test_kernels_compile_and_run_without_a_usable_cache(tmp_path):
    (tmp_path / "file").touch()
    program = (
        "import numpy as np\n"
        "from simlab.ptycho.diffraction import sample_counts\n"
        "print(sample_counts(np.zeros((1, 16, 16)), 1).sum())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"NUMBA_CACHE_DIR": str(tmp_path / "file"), "HOME": str(tmp_path / "file")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "0"
