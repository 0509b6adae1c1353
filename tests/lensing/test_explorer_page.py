"""The page of the explorer in a browser."""

import base64
import csv
import io
import socket

import numpy as np
import pytest

from simlab.lensing.explorer.pictures import explore, plain_picture, png_bytes
from simlab.lensing.explorer.state import State
from simlab.lensing.rows import read_rows
from simlab.lensing.validation import validate_rows

pytestmark = pytest.mark.full
TIMEOUT_MS = 60_000
QUERY = "imagesize=128&resolution=128&lens=SIE&ratio=0.7&x=6.5&y=3.25&profile=Gaussian"


@pytest.fixture(scope="module")
def address():
    pytest.importorskip("panel")
    from simlab.lensing.explorer.server import start_server

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = start_server(port, show=False, threaded=True)
    yield f"http://127.0.0.1:{port}/"
    server.stop()


@pytest.fixture
def page(browser, address):
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    page.requested = []
    page.on("request", lambda r: page.requested.append(r.url))
    page.goto(address + "?" + QUERY)
    ready(page)
    yield page
    context.close()


def ready(page):
    page.wait_for_selector("#txt-status:text-is('ready')")


def picture(page, name="distorted"):
    source = page.locator(f"#img-{name}").get_attribute("src")
    return base64.b64decode(source.removeprefix("data:image/png;base64,"))


def state_of(page):
    return State.from_query(page.url.split("?")[1])


def shown(page, name):
    return float(page.locator(f"#num-{name} input").input_value())


def after(page, action, name="distorted"):
    """The picture that an action brings."""
    before = picture(page, name)
    action()
    page.wait_for_function(
        """([selector, old]) => {
            const find = root => root.querySelector(selector) || [...root.querySelectorAll('*')]
                .filter(e => e.shadowRoot).map(e => find(e.shadowRoot)).find(e => e);
            const image = find(document);
            return image && image.src !== old;
        }""",
        arg=[f"#img-{name}", "data:image/png;base64," + base64.b64encode(before).decode()],
    )
    ready(page)
    return picture(page, name)


def set_number(page, name, value):
    field = page.locator(f"#num-{name} input")
    field.fill(str(value))
    field.press("Enter")


def test_a_slider_changes_the_picture_to_that_of_the_library(page):
    old = picture(page)
    assert old == next(explore(State.from_query(QUERY))).distorted
    handle = page.locator("#ctl-einstein .noUi-handle")
    handle.focus()
    new = after(page, lambda: handle.press("ArrowRight"))
    assert new != old
    page.wait_for_url("**einstein=20.1**")
    state = state_of(page)
    assert state == State.from_query(QUERY).changed(einstein=20.1)
    pictures = next(explore(state))
    assert new == pictures.distorted
    assert picture(page, "actual") == pictures.actual
    assert [url for url in page.requested if "://127.0.0.1:" not in url] == []


def test_the_start_is_that_of_the_users_tool(page, address):
    page.goto(address)
    ready(page)
    page.wait_for_url("**lens=PointMass**")
    assert state_of(page) == State()
    assert picture(page) == next(explore(State())).distorted


def test_polar_and_cartesian_controls_stay_in_step(page):
    after(page, lambda: set_number(page, "r", 10))
    after(page, lambda: set_number(page, "theta", 30))
    assert shown(page, "x") == pytest.approx(8.66, abs=1e-3)
    assert shown(page, "y") == pytest.approx(5)
    after(page, lambda: set_number(page, "y", -5))
    assert shown(page, "theta") == pytest.approx(330, abs=0.01)
    page.wait_for_url("**y=-5.0**")
    assert state_of(page).x == pytest.approx(10 * np.cos(np.pi / 6), rel=1e-12)


def test_values_that_cannot_be_used_are_refused(page):
    old = picture(page)
    set_number(page, "einstein", 500)
    page.wait_for_selector("#txt-error:has-text('einstein')")
    assert "less than or equal to 100 (found 500" in page.locator("#txt-error").inner_text()
    assert picture(page) == old
    set_number(page, "einstein", 0)
    page.wait_for_selector("#txt-error:has-text('einstein_radius')")
    new = after(page, lambda: set_number(page, "einstein", 30))
    assert page.locator("#txt-error").count() == 0
    assert new == next(explore(state_of(page))).distorted


def test_an_address_that_cannot_be_used_shows_the_banner(page, address):
    page.goto(address + "?lens=SIEE")
    page.wait_for_selector("#txt-error:has-text('did you mean SIE')")


def test_controls_without_effect_are_gray(page):
    assert page.locator("#ctl-ratio .noUi-target").get_attribute("disabled") is None
    after(page, lambda: page.locator("#ctl-lens select").select_option("SIS"))
    assert page.locator("#ctl-ratio .noUi-target").get_attribute("disabled") is not None
    assert page.locator("#num-ratio input").is_disabled()


def test_the_copied_row_loads_in_the_path_of_datagen(page, tmp_path):
    page.get_by_text("Row and YAML").click()
    text = page.locator("#txt-row textarea").input_value()
    (tmp_path / "row.csv").write_text(text)
    rows = read_rows(tmp_path / "row.csv")
    assert validate_rows(rows) == []
    assert rows[0]["x"] == 6.5


def test_a_row_of_a_table_is_loaded_by_its_index(page, tmp_path):
    state = State().changed(lens="SIS", einstein=33, x=4, profile="Gaussian")
    header, line = state.csv().splitlines()
    (tmp_path / "rows.csv").write_text(f"{header}\n{line}\n7{line[1:].replace('33', '44')}\n")
    page.get_by_text("Row and YAML").click()
    page.locator("#ctl-table input").fill(str(tmp_path / "rows.csv"))
    page.locator("#ctl-table input").press("Enter")
    page.locator("#ctl-index input").fill("7")
    page.locator("#ctl-index input").press("Enter")
    after(page, lambda: page.locator("#btn-load button").click())
    page.wait_for_url("**einstein=44.0**")
    assert state_of(page).lens == "SIS"
    page.locator("#ctl-index input").fill("8")
    page.locator("#ctl-index input").press("Enter")
    page.locator("#btn-load button").click()
    page.wait_for_selector("#txt-error:has-text('no row with index 8')")


def test_the_saved_picture_is_that_of_the_library(page, tmp_path):
    with page.expect_download() as download:
        page.locator("#btn-png a, #btn-png button").first.click()
    download.value.save_as(tmp_path / "saved.png")
    expected = png_bytes(plain_picture(State.from_query(QUERY)))
    assert (tmp_path / "saved.png").read_bytes() == expected


def test_amplitudes_are_shown_and_saved(page, tmp_path):
    page.get_by_text("Amplitudes").click()
    assert page.locator("#tbl-amplitudes tr").count() == 1 + 89
    with page.expect_download() as download:
        page.locator("#btn-amplitudes a, #btn-amplitudes button").first.click()
    download.value.save_as(tmp_path / "saved.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "saved.csv").read_text())))
    assert len(rows) == 89
    assert rows[0]["m"] == "0"


def test_members_of_a_cluster_are_edited_in_a_table(page):
    after(page, lambda: page.locator("#ctl-lens select").select_option("Cluster"))
    page.get_by_text("Cluster", exact=True).last.click()
    after(page, lambda: page.locator("#btn-add-member button").click())
    page.wait_for_url("**SIS%2F0.0%2F0.0%2F10.0**")
    cell = page.locator("#ctl-cluster .tabulator-row").first.locator(
        ".tabulator-cell[tabulator-field='einstein']"
    )
    cell.click()
    cell.locator("input").fill("25")
    after(page, lambda: cell.locator("input").press("Enter"))
    page.wait_for_url("**SIS%2F-30.0%2F0.0%2F25.0**")
    assert picture(page) == next(explore(state_of(page))).distorted


def test_the_residual_panel_has_maximum_and_rms(page):
    page.locator("#ctl-residual input").check()
    page.wait_for_selector("#img-residual")
    maximum, rms = (float(page.locator(f"#txt-{n}").inner_text()) for n in ("max", "rms"))
    assert 0 < rms < maximum
