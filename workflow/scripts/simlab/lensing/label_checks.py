"""Checks that files tell the same of a row; each takes a Sample and gives Found or NotHere."""

import numpy as np

from simlab.core.checks import Found
from simlab.lensing.geometry import lens_plane_amplitudes
from simlab.lensing.picture_checks import background
from simlab.lensing.pictures import stored
from simlab.lensing.postprocess import center_of_light
from simlab.lensing.resimulation import resimulate_row

POINTS = {"center": "centre", "xi": "xi", "eta": "releta"}
"""Arrays of shards -> points of the table."""
SAME, SAME_CENTER = 1e-12, 1e-3
"""Relative difference of numbers, and px of centers of light, that count as equal."""
NO_LIGHT = ("dark", "bad-parameters")
FIRST = ("id", "file", "position", "split", "index", "status")
"""Columns of index.csv that are not those of the table."""


def tables_agree(sample):
    """Labels and cells of a row that differ between pictures, roulette.csv and parameters.csv."""
    wrong = _labels_of(sample) + _amplitudes_of(sample) + _inputs_of(sample)
    if sample.resim is not None:
        center = sample.resim["center"][sample.position]
        wrong += not _close(complex(*center) * sample.scale, _cells(sample, "centre"))
    entry = sample.view.index[sample.number]
    wrong += entry["file"] != sample.file
    wrong += entry["position"] != str(sample.position)
    wrong += entry["index"] != str(sample.number + 1)
    wrong += sum(cell != sample.row[name] for name, cell in entry.items() if name not in FIRST)
    return Found.at_most(wrong, 0)


def _labels_of(sample):
    """Arrays of the shard that are not the points and radii of the table."""
    labels, position, wrong = sample.labels, sample.position, 0
    scale = 1.0 if sample.status == "bad-parameters" else sample.scale
    for name, point in POINTS.items():
        wrong += not _close(complex(*labels[name][position]) * scale, _cells(sample, point))
    r_conv = float(sample.row["r_conv"] or 0)
    wrong += not _close(float(labels["r_conv"][position]) * scale, r_conv)
    image = sample.image
    center = center_of_light(image) if image.any() else 0j
    return wrong + (abs(complex(*labels["crop_center"][position]) - center) > SAME_CENTER)


def _amplitudes_of(sample):
    """Amplitudes of the shard that are not those of the table, or beyond the order of the row."""
    m, s = sample.view.amplitude_places
    cells = sample.amplitude_cells[0] + 1j * sample.amplitude_cells[1]
    if sample.status == "bad-parameters" or not sample.row["refX"]:
        wanted, wrong = np.zeros_like(cells), int(np.count_nonzero(cells))
    else:
        beyond = m > sample.order
        wanted, wrong = cells, int(np.count_nonzero(cells[beyond]))
    alpha, beta = (sample.images[name][sample.position] for name in ("alpha", "beta"))
    if len(alpha) != len(cells):
        return wrong + abs(len(alpha) - len(cells))
    stored = alpha + 1j * beta
    if sample.status != "bad-parameters" and sample.scale != 1.0:
        order = sample.view.table_order
        G = np.zeros((order + 1, order + 2), np.complex128)
        G[m, s] = stored
        stored = lens_plane_amplitudes(G, sample.scale)[m, s]
    return wrong + int(np.count_nonzero(np.abs(stored - wanted) > SAME * np.abs(wanted)))


def _inputs_of(sample):
    """Input cells that differ: of both tables, and of the shard."""
    wrong = 0
    given = sample.view.batch.rows[sample.number]
    for column in sample.view.input_columns:
        wrong += sample.row[column] != _text(given.get(column))
    for column, (values, known) in sample.labels.parameters.items():
        cell, value = given.get(column), values[sample.position]
        if known is None:
            wrong += str(value) != _text(cell)
        elif cell in ("", None):
            wrong += bool(known[sample.position]) or value != 0
        else:
            wrong += not known[sample.position] or value != float(cell)
    return int(wrong)


def _text(cell):
    return "" if cell is None else str(cell)


def _cells(sample, name):
    """A point of the table; 0 where its cells are empty."""
    return sample.point(name) if sample.row[f"{name}X"] else 0j


def _close(a, b):
    """Whether a label is the number of the table; what is not finite is told elsewhere."""
    if not (np.isfinite(a) and np.isfinite(b)):
        return True
    return abs(a - b) <= SAME * abs(b)


def pictures_not_black(sample):
    """Pictures of a row that are black, or not, in spite of its status and amplitudes.

    A black picture whose row has light is made again: cropping and rounding can take all of it.
    """
    settings = sample.settings
    wrong, level = 0, background(settings)
    lit = bool((sample.image > level).any())
    if sample.status in NO_LIGHT:
        wrong += lit and settings.observation.is_off
    elif not lit:
        wrong += bool((sample.again.pictures["images"] > level).any())
    if sample.redrawn is None:
        return Found.at_most(wrong, 0)
    lit = bool((sample.redrawn > level).any())
    if not sample.row["refX"]:
        wrong += lit
    elif not lit:
        again = resimulate_row(sample.row, settings, folder=sample.view.batch.folder)
        wrong += bool((stored(again, settings, 1) > level).any())
    return Found.at_most(wrong, 0)
