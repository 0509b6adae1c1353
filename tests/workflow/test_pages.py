"""Pages of distributions and costs: the panels hold the numbers of the files they are drawn of."""

import csv
import json
import shutil
from collections import Counter
from textwrap import wrap

import h5py
import numpy as np
import pytest

from simlab import report
from simlab.core.distribution_pages import LINE
from simlab.core.distributions import Bars, Curve, Histogram, read_columns
from simlab.core.errors import InputFileError
from simlab.core.files import read_npz
from simlab.core.splits import SPLITS


@pytest.fixture(scope="session")
def folders(finished, finished_afm, finished_halo, finished_calcium, finished_lensing):
    """{domain: folder of a finished data set}."""
    return {
        "ptycho": finished / "results" / "ptycho" / "tiny",
        "afm": finished_afm,
        "halo": finished_halo,
        "calcium": finished_calcium,
        "lensing": finished_lensing,
    }


def panels_of(folders, domain):
    """{title: panel} of the outputs, and the sentences about them."""
    splits, _ = read_columns(folders[domain])
    panels, notes = report.DOMAINS[domain].outputs(folders[domain], splits)
    titles = [panel.title for panel in panels]
    assert len(titles) == len(set(titles))
    return dict(zip(titles, panels, strict=True)), notes


def rows_of(folder):
    with open(folder / "index.csv", newline="") as stream:
        return list(csv.DictReader(stream))


def totals(panel):
    """{series: number of values counted}."""
    if isinstance(panel, Bars):
        return {name: sum(counts.values()) for name, counts in panel.counts.items()}
    return {name: int(np.sum(counts)) for name, counts in panel.counts.items()}


def test_a_page_has_its_splits_and_panels_and_the_same_bytes_again(folders, tmp_path):
    folder = folders["calcium"]
    pages = [tmp_path / f"{k}.html" for k in range(2)]
    for page in pages:
        report.write_pages("calcium", folder, tmp_path, [], page, tmp_path / "costs.html")
    text = pages[0].read_text()
    assert text == pages[1].read_text()
    for split, number in Counter(row["split"] for row in rows_of(folder)).items():
        assert f'<tr><td>{split}</td><td class="number">{number}</td></tr>' in text
    panels, notes = panels_of(folders, "calcium")
    for panel in panels.values():
        assert f">{panel.title}</text>" in text
        assert all(f">{line}</text>" in text for line in wrap(panel.label, LINE))
    assert all(note in text for note in notes)


@pytest.mark.parametrize("domain", report.DOMAINS)
def test_panels_name_what_they_show_and_what_they_were_made_of(folders, domain):
    panels, notes = panels_of(folders, domain)
    assert panels
    assert notes
    for panel in panels.values():
        assert panel.label
        assert panel.title
        known = panel.y if isinstance(panel, Curve) else panel.counts
        assert set(known) <= {*SPLITS, "object"}
        if isinstance(panel, Histogram):
            assert np.all(np.diff(panel.edges) > 0)


@pytest.mark.parametrize("domain", report.DOMAINS)
def test_every_number_of_the_index_is_drawn_or_said_to_be_the_same_or_a_mere_number(
    folders, domain
):
    splits, columns = read_columns(folders[domain])
    module = report.DOMAINS[domain]
    panels, same, others = report.parameter_panels(
        splits, columns, report.DESCRIBED[domain].columns, module.SKIPPED
    )
    drawn = {panel.title for panel in panels}
    said = {sentence.split(" ")[0].rstrip(":") for sentence in same + others}
    assert drawn | said | set(module.SKIPPED) >= set(columns)


def test_patterns_are_counted_by_split(folders):
    panels, notes = panels_of(folders, "ptycho")
    splits = Counter(row["split"] for row in rows_of(folders["ptycho"]))
    assert totals(panels["counts of a pattern"]) == splits
    with h5py.File(folders["ptycho"] / "simulated.h5") as file:
        values = file["diff3d"][:]
    kept = totals(panels["measurement above 0"])
    assert sum(kept.values()) == np.count_nonzero(values)
    share = 100 * np.count_nonzero(values == 0) / values.size
    assert f"{share:.3g} % of the pixels" in notes[1]
    profile = panels["radial profile"]
    assert profile.x[0] == 0.5
    assert set(profile.y) == set(splits)
    objects = read_npz(folders["ptycho"] / "input.npz", ["objectGuess"])["objectGuess"]
    amplitude = panels["object amplitude"]
    assert totals(amplitude) == {"object": objects.size}
    assert amplitude.edges[0] == np.abs(objects).min()
    assert amplitude.edges[-1] == np.abs(objects).max()


def test_frequency_shifts_and_elements_are_those_of_the_shards(folders):
    panels, _ = panels_of(folders, "afm")
    shifts = next(panel for panel in panels.values() if panel.label == "frequency shift (Hz)")
    highest = []
    for path in sorted((folders["afm"] / "shards").glob("*.h5")):
        with h5py.File(path) as file:
            good = [k for k, flags in enumerate(file["flags"]) if not flags & 1]
            highest += [file["afm"][k][0, ..., 0] for k in good]
    values = np.stack(highest)
    assert sum(totals(shifts).values()) == values.size
    assert shifts.edges[0] == values.min()
    assert shifts.edges[-1] == values.max()
    counted = sum(totals(panels["elements"]).values())
    assert counted == sum(int(row["n_atoms"]) for row in rows_of(folders["afm"]))
    assert {"H", "C"} <= set(panels["elements"].names)


def test_map_panels_are_log_masses_of_every_channel(folders):
    panels, notes = panels_of(folders, "halo")
    assert "condition" in panels
    assert len(panels) >= 4
    rows = rows_of(folders["halo"])
    condition = [read_npz(folders["halo"] / row["file"])["condition"] for row in rows]
    logs = np.log10(np.stack(condition).astype(np.float64) + 1)
    panel = panels["condition"]
    assert sum(totals(panel).values()) == logs.size
    np.testing.assert_allclose([panel.edges[0], panel.edges[-1]], [logs.min(), logs.max()])
    assert notes[1] == "0 is an empty pixel."


def test_counts_of_movies_are_those_of_all_pixels_of_all_frames(folders):
    panels, _ = panels_of(folders, "calcium")
    pixels = Counter()
    for row in rows_of(folders["calcium"]):
        pixels[row["split"]] += int(row["n_frames"]) * int(row["height"]) * int(row["width"])
    assert totals(panels["movie"]) == pixels


def changed(folder, tmp_path, *others):
    """A copy of a calcium data set whose first recordings have other statistics."""
    copy = shutil.copytree(folder, tmp_path / folder.name)
    paths = [copy / "statistics" / f"{row['id']}.json" for row in rows_of(copy)]
    for path, other in zip(paths, others, strict=False):
        path.write_text(json.dumps(json.loads(path.read_text()) | other))
    return [json.loads(path.read_text()) for path in paths], copy


def test_movies_of_several_bit_depths_have_a_panel_each(folders, tmp_path):
    other = {"bit_depth": 10, "count": 7, "histogram": {"start": 3, "counts": [2, 5]}}
    contents, copy = changed(folders["calcium"], tmp_path, other)
    panels, notes = panels_of({"calcium": copy}, "calcium")
    depth = contents[1]["bit_depth"]
    assert sum(totals(panels["movie, 10 bits"]).values()) == 7
    kept = sum(totals(panels[f"movie, {depth} bits"]).values())
    assert kept == sum(content["count"] for content in contents[1:])
    assert notes == ["From all pixels of all frames of all recordings."]


def test_recordings_without_sensor_are_told_of(folders, tmp_path):
    bare = {"bit_depth": None, "clean": None, "histogram": None, "temporal_std_mean": 0.5}
    contents, copy = changed(folders["calcium"], tmp_path, bare)
    panels, notes = panels_of({"calcium": copy}, "calcium")
    counts = sum(totals(panels["movie"]).values())
    assert counts == sum(content["count"] for content in contents[1:])
    assert panels["fluctuation, no sensor"].label.endswith("(1)")
    assert sum(totals(panels["fluctuation"]).values()) == len(contents) - 1
    assert notes[0] == "From all pixels of all frames of the recordings with a sensor."
    assert notes[1].startswith(f"1 of {len(contents)} recordings have no sensor")


@pytest.mark.parametrize("with_manifest", [True, False])
def test_pictures_of_an_earlier_run_are_not_counted(folders, tmp_path, with_manifest):
    copy = shutil.copytree(folders["lensing"], tmp_path / "lensing")
    [first, *_] = sorted((copy / "statistics").glob("*.npz"))
    shutil.copy(first, copy / "statistics" / "00099.npz")
    if not with_manifest:
        (copy / "manifest.json").unlink()
    expected, found = (panels_of({"lensing": f}, "lensing")[0] for f in (folders["lensing"], copy))
    assert totals(found["pictures"]) == totals(expected["pictures"])


def test_frames_of_an_earlier_run_are_not_counted_or_refused(folders, tmp_path):
    copy = shutil.copytree(folders["ptycho"], tmp_path / "ptycho")
    [first, *_] = sorted((copy / "shards").glob("*.statistics.npz"))
    shutil.copy(first, copy / "shards" / "00099.statistics.npz")
    expected, found = (panels_of({"ptycho": f}, "ptycho")[0] for f in (folders["ptycho"], copy))
    assert totals(found["counts of a pattern"]) == totals(expected["counts of a pattern"])
    (copy / "manifest.json").unlink()
    with pytest.raises(InputFileError, match=r"shards: statistics of 42 frames, index\.csv has 21"):
        panels_of({"ptycho": copy}, "ptycho")


def test_gray_levels_and_radii_are_those_of_the_pictures(folders):
    folder = folders["lensing"]
    panels, _ = panels_of(folders, "lensing")
    pixels = 0
    for path in sorted((folder / "images").glob("*.h5")):
        with h5py.File(path) as file:
            shape = file["images"].shape
        pixels += np.prod(shape[1:]) * shape[0]
    train = sum(row["split"] == "train" for row in rows_of(folder))
    assert sum(totals(panels["pictures"]).values()) == pixels * train / len(rows_of(folder))
    with open(folder / "roulette.csv", newline="") as stream:
        radii = [float(row["r_conv"]) for row in csv.DictReader(stream) if row["r_conv"]]
    panel = panels["radius of convergence"]
    assert sum(totals(panel).values()) == len(radii)
    assert panel.edges[0] == min(radii)
    assert panel.edges[-1] == max(radii)


def test_the_overview_counts_what_the_data_sets_hold(folders, tmp_path):
    from simlab.core.overview import write_overview

    planned = [[folder.parent.name, folder.name, 12.25] for folder in folders.values()]
    write_overview(tmp_path / "o.html", list(folders.values()), planned, tmp_path / "logs")
    page = (tmp_path / "o.html").read_text()
    assert page.count("<tr><td>") == len(folders)
    samples = sum(len(rows_of(folder)) for folder in folders.values())
    files = [json.loads((f / "manifest.json").read_text())["files"] for f in folders.values()]
    total = page[page.index('<tr class="total">') :]
    cells = [cell.split("<")[0].split(">")[-1] for cell in total.split("<td")[1:]]
    assert cells[:3] == ["all", f"{len(folders)} data sets", str(samples)]
    splits = Counter(row["split"] for folder in folders.values() for row in rows_of(folder))
    assert cells[3:7] == [str(splits[name]) for name in SPLITS]
    assert cells[7] == str(sum(map(len, files)))
    states = Counter(
        "skipped" if row["what"].startswith("skipped: ") else row["passed"]
        for folder in folders.values()
        for row in json.loads((folder / "checks.json").read_text())
    )
    assert cells[9:] == [str(states[True]), str(states["skipped"]), "0.0", "61.2"]
