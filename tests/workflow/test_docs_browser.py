"""The site in a browser: nothing is asked from elsewhere, pictures load, pages fit the window."""

import functools
import http.server
import os
import subprocess
import sys
import threading

import pytest
from docs_pages import pages

pytestmark = pytest.mark.full
WIDTHS = (1400, 390)
BEYOND = """() => [...document.querySelectorAll('.md-content *')].filter(element =>
    element.getBoundingClientRect().right > document.documentElement.clientWidth + 1
    && !element.closest('pre, .md-typeset__scrollwrap, .headerlink')).map(e => e.outerHTML)"""
BROKEN = "() => [...document.images].filter(image => !image.naturalWidth).map(image => image.src)"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(root, tmp_path_factory):
    """Address of the built site."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    subprocess.run([*command, "--site-dir", folder], cwd=root, env=environment, check=True)
    handler = functools.partial(Quiet, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_opens_without_error_and_fits_the_window(root, site, browser, width):
    window = browser.new_page(viewport={"width": width, "height": 900})
    logged, foreign = [], []
    window.on("console", lambda message: message.type == "error" and logged.append(message.text))
    window.on("pageerror", lambda error: logged.append(str(error)))
    window.on(
        "request",
        lambda request: request.url.startswith((site, "data:")) or foreign.append(request.url),
    )
    for page in pages(root):
        name = page.relative_to(root / "docs").with_suffix("").as_posix()
        window.goto(site + ("" if name == "index" else f"{name}/"))
        assert window.locator("h1").count() == 1, name
        assert window.evaluate(BEYOND) == [], name
        assert window.evaluate(BROKEN) == [], name
    assert (logged, foreign) == ([], [])
    window.close()


@pytest.mark.parametrize(
    ("word", "target"),
    [
        ("frames_per_shard", "ptycho-configuration"),
        ("roulettegen", "lensing-commands"),
        ("project_multiscale", "api/halo"),
    ],
)
def test_the_search_finds_a_key_a_command_and_a_function(site, browser, word, target):
    window = browser.new_page(viewport={"width": 1400, "height": 900})
    window.goto(site)
    window.locator("input.md-search__input").fill(word)
    found = window.locator(f".md-search-result__link[href*='{target}']").first
    found.wait_for(state="attached")
    window.close()
