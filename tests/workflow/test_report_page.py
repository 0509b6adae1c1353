"""The report in a browser without network: every section of every domain, and its numbers."""

import csv
import json
import re
import subprocess
import sys
from collections import Counter

import pytest
import yaml
from five_domains import CAMPAIGN, DOMAINS

from simlab.core.splits import SPLITS

pytestmark = pytest.mark.full
TIMEOUT_MS = 60_000
CAPTIONS = {
    "Checks": "Consistency checks of this data set",
    "Costs": "as the jobs tell at the end of their logs",
    "Distributions": "How the parameters that vary from sample to sample",
    "Normalization": re.compile(r"he\s+same\s+numbers"),
}
PAGES = tuple(CAPTIONS)


@pytest.fixture(scope="module")
def folder(root, tmp_path_factory):
    """A finished campaign of all five domains with its pages and its report."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "campaign.yaml").write_text(yaml.safe_dump(CAMPAIGN))
    for options in ([], ["--report", "report.html"]):
        workflow(root, folder, *options)
    return folder


def workflow(root, folder, *options):
    """Output of Snakemake on the data sets and pages of the campaign in `folder`."""
    command = [sys.executable, "-m", "snakemake", "all", "pages", *options]
    command += ["--snakefile", root / "Snakefile", "--directory", folder, "--cores", "2"]
    command += ["--scheduler", "greedy", "--configfile", folder / "campaign.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def page(browser, folder):
    """The open report, offline; what it logs and asks for is kept in `errors` and `requested`."""
    context = browser.new_context(viewport={"width": 1600, "height": 1000}, offline=True)
    context.set_default_timeout(TIMEOUT_MS)
    page = context.new_page()
    page.errors, page.requested = [], []
    page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("request", lambda request: page.requested.append(request.url))
    page.goto((folder / "report.html").as_uri())
    page.get_by_role("link", name="Overview").wait_for()
    yield page
    assert not page.errors
    assert {url.split(":")[0] for url in page.requested} <= {"file", "data", "blob"}
    context.close()


def open_section(page, category, domain=None):
    """Go to the results of a category, and of a domain in it, from the first menu."""
    page.goto(page.url.split("#")[0])
    page.get_by_role("link", name=category, exact=True).click()
    if domain:
        page.get_by_role("link", name=domain, exact=True).click()
    page.locator("tbody tr").first.wait_for()


def shown_page(page):
    """The frame of the page that is shown when the first result is clicked."""
    page.locator("tbody tr a").first.click()
    page.locator("iframe").wait_for()
    frame = page.frames[-1]
    frame.locator("h1").wait_for()
    return frame


def rows_of(frame, number=0):
    """Texts of the cells of a table in a frame, row by row."""
    rows = frame.locator("table").nth(number).locator("tbody tr").all()
    return [row.locator("td").all_text_contents() for row in rows]


def results(folder, domain):
    return folder / "results" / domain / "tiny"


def index_of(folder, domain):
    with open(results(folder, domain) / "index.csv", newline="") as stream:
        return list(csv.DictReader(stream))


def number(text):
    return float(text.replace("\N{MINUS SIGN}", "-"))


def test_the_menu_has_every_section_and_the_text_about_them(page):
    for section in (*PAGES, "Overview", "Previews"):
        assert page.get_by_role("link", name=section, exact=True).count() == 1, section
    text = page.locator("body").inner_text()
    assert "This campaign's data sets for machine learning." in text


@pytest.mark.parametrize("category", PAGES)
def test_every_section_has_a_page_of_every_domain_and_tells_what_it_is(page, category):
    for domain in DOMAINS:
        open_section(page, category, domain)
        row = page.locator("tbody tr").first
        assert row.locator("td").first.inner_text() == "tiny"
        frame = shown_page(page)
        assert frame.locator("table").count() == 1
        row.locator("a").nth(1).click()  # the caption
        page.get_by_text(CAPTIONS[category]).wait_for()


def test_every_contact_sheet_decodes_at_its_size(page, folder):
    from PIL import Image

    for domain in DOMAINS:
        open_section(page, "Previews", domain)
        page.locator("tbody tr a").first.click()
        picture = page.locator("img").last
        picture.wait_for()
        page.wait_for_function("() => [...document.images].every(one => one.complete)")
        size = picture.evaluate("one => [one.naturalWidth, one.naturalHeight]")
        with Image.open(results(folder, domain) / "preview.png") as image:
            assert tuple(size) == image.size
        assert 1200 <= size[0] <= 2400


def test_distributions_are_drawn_with_labels_of_every_panel(page, folder):
    for domain in DOMAINS:
        open_section(page, "Distributions", domain)
        frame = shown_page(page)
        assert frame.locator("h1").inner_text() == "Distributions of tiny"
        counts = Counter(row["split"] for row in index_of(folder, domain))
        found = {name: int(count) for name, count in rows_of(frame)}
        assert found == {**counts, "all": counts.total()}
        drawn = frame.locator("svg").all()
        assert drawn
        for svg in drawn:
            box = svg.bounding_box()
            assert box["width"] > 300
            assert box["height"] > 100
        assert frame.get_by_text(re.compile("^share of ")).count() >= 1


def test_check_tables_hold_the_numbers_of_the_files(page, folder):
    for domain in DOMAINS:
        open_section(page, "Checks", domain)
        found = {cells[0]: cells[1:] for cells in rows_of(shown_page(page))}
        rows = json.loads((results(folder, domain) / "checks.json").read_text())
        assert set(found) == {row["id"] for row in rows}
        for row in rows:
            state, measured, bound, unit, ratio, worst, what = found[row["id"]]
            skipped = row["what"].startswith("skipped: ")
            assert state == ("skipped" if skipped else "passed")
            assert what == row["what"].removeprefix("skipped: ")
            assert (unit, worst) == (row["unit"], str(row["worst_sample"] or worst))
            if isinstance(row["measured"], float | int) and isinstance(row["bound"], float | int):
                assert number(measured) == pytest.approx(row["measured"], rel=1e-5)
                assert number(bound) == pytest.approx(row["bound"], rel=1e-5)
                if row["bound"] > 0:
                    of_bound = row["measured"] / row["bound"]
                    assert number(ratio.split()[0]) == pytest.approx(of_bound, rel=0.06)


def test_statistics_tables_hold_the_numbers_of_the_files(page, folder):
    for domain in DOMAINS:
        open_section(page, "Normalization", domain)
        frame = shown_page(page)
        content = json.loads((results(folder, domain) / "normalization.json").read_text())
        words = set(frame.locator("body").inner_text().split())
        assert str(content["n_samples"]) in words, domain


def test_costs_are_the_sums_of_the_measurements(page, folder):
    for domain in DOMAINS:
        open_section(page, "Costs", domain)
        rows = {cells[0]: cells[1:] for cells in rows_of(shown_page(page))}
        measured = {}
        for path in sorted((folder / "logs").glob(f"{domain}_*/**/*.log")):
            *_, cpu, _, _, megabytes, _ = path.read_text().split()
            rule = path.relative_to(folder / "logs").parts[0]
            measured.setdefault(rule, []).append((float(cpu), float(megabytes)))
        assert set(rows) == {*measured, "all"}
        for rule, jobs in measured.items():
            assert rows[rule][:2] == [str(len(jobs))] * 2
            seconds, megabytes = zip(*jobs, strict=True)
            assert number(rows[rule][2]) == pytest.approx(sum(seconds), abs=0.006)
            assert number(rows[rule][6]) == max(megabytes)


def test_the_overview_sums_up_all_data_sets(page, folder):
    open_section(page, "Overview")
    rows = rows_of(shown_page(page))
    assert [row[0] for row in rows] == [*DOMAINS, "all"]
    for row, domain in zip(rows, DOMAINS, strict=False):
        index = index_of(folder, domain)
        counts = Counter(line["split"] for line in index)
        assert row[1:7] == ["tiny", str(len(index)), *(str(counts[name]) for name in SPLITS)]
        files = json.loads((results(folder, domain) / "manifest.json").read_text())["files"]
        assert row[7] == str(len(files))
    assert number(rows[-1][2]) == sum(len(index_of(folder, domain)) for domain in DOMAINS)


def test_a_finished_run_has_nothing_to_do_and_data_sets_hold_nothing_of_the_pages(root, folder):
    assert "Nothing to be done" in workflow(root, folder, "--dry-run")
    for domain in DOMAINS:
        named = json.loads((results(folder, domain) / "manifest.json").read_text())["files"]
        assert not [name for name in named if "costs" in name or "distributions" in name]


def test_a_lost_measurement_makes_no_job_run_again_and_is_a_line_of_the_page(root, folder):
    (folder / "logs" / "lensing_manifest" / "tiny.tsv").unlink()
    assert "Nothing to be done" in workflow(root, folder, "--dry-run")
    workflow(root, folder, "--forcerun", "report/lensing/tiny/costs.html")
    text = (folder / "report" / "lensing" / "tiny" / "costs.html").read_text()
    assert "logs/lensing_manifest/tiny.tsv: missing, this job is not in the sums" in text
