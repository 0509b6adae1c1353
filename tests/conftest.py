import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# One cache of compiled kernels for the whole suite and the workflows it starts.
os.environ.setdefault("NUMBA_CACHE_DIR", str(ROOT / ".cache" / "numba"))


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def data(root):
    return root / "tests" / "data"


@pytest.fixture
def run():
    """Run a Python module as a command; returns the finished process, output as text."""

    def start(*command, cwd, code=0, env=None):
        done = subprocess.run(
            [sys.executable, "-m", *map(str, command)],
            cwd=cwd,
            capture_output=True,
            text=True,
            env={**os.environ, **(env or {})},
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return start


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, through Playwright."""
    sync_api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("not installed: chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()
