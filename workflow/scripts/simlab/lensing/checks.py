"""Consistency checks of a lensing data set."""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from simlab.core.checks import Check, Found, NotHere, skip
from simlab.core.errors import SimlabError
from simlab.lensing import flux_checks
from simlab.lensing import label_checks as labels
from simlab.lensing import picture_checks as pictures
from simlab.lensing import resimulation_checks as resimulations
from simlab.lensing import table_checks as table

BROKEN = Found(1.0, 0.0, False)


@dataclass(frozen=True)
class Rule:
    """A check of every row.

    Attributes
    ----------
    id : str
    measure : callable
        Sample -> Found or NotHere.
    what, unit : str
    """

    id: str
    measure: Callable
    what: str
    unit: str = ""


RULES = (
    Rule("finite", table.finite, "values of pictures and tables that are not finite", "values"),
    Rule(
        "shapes",
        pictures.shapes,
        "pictures whose shape, type, number or name is not that of the configuration",
        "mismatches",
    ),
    Rule(
        "identity-11",
        table.identity,
        "xi' + gamma[0,1] = eta + Delta_eta, and the relations of the other points of a row",
        "px",
    ),
    Rule(
        "kappa-shear",
        table.kappa_shear,
        "gamma[1,0], gamma[1,2] from minus convergence and shear by finite differences of the "
        "deflection, relative to 1 + both",
    ),
    Rule(
        "resim-equals-roulette",
        resimulations.resim_equals_roulette,
        "re-simulated pictures from those of the roulette series, for rows simulated again",
        "gray levels",
    ),
    Rule(
        "roulette-vs-raytrace",
        table.roulette_vs_raytrace,
        "source-plane error of the stored series inside the stored trust radius",
        "px",
    ),
    Rule(
        "resim-vs-image",
        resimulations.resim_vs_image,
        "how far re-simulated pictures leave, well inside the trust radius, the gray levels that "
        "the source has within 0.5 px",
        "gray levels",
    ),
    Rule(
        "centre-residual",
        pictures.centre_residual,
        "center of light of centered, uncropped pictures from the origin",
        "px",
    ),
    Rule(
        "flux",
        flux_checks.flux,
        "light of pictures over light of the source times the sum of |mu| of its images, from 1, "
        "for small sources",
    ),
    Rule(
        "surface-brightness",
        pictures.surface_brightness,
        "gray levels above the brightest of the source",
        "gray levels",
    ),
    Rule(
        "sis-homogeneity",
        table.sis_homogeneity,
        "amplitudes of SIS lenses from their power of the distance, relative to the largest of "
        "the same m",
    ),
    Rule(
        "rows-reproducible",
        pictures.rows_reproducible,
        "cells and pictures of rows that differ when the row is made again, alone",
        "differences",
    ),
    Rule(
        "statuses",
        table.statuses,
        "rows whose status differs between table, pictures and index",
        "rows",
    ),
    Rule(
        "tables-agree",
        labels.tables_agree,
        "labels and cells of rows that differ between pictures, roulette.csv, parameters.csv and "
        "index.csv",
        "differences",
    ),
    Rule(
        "pictures-not-black",
        labels.pictures_not_black,
        "pictures and re-simulations that are black, or not, in spite of status and amplitudes",
        "pictures",
    ),
    Rule(
        "edge-flux",
        pictures.edge_flux_status,
        "rows simulated again whose status clipped-edge is wrong",
        "rows",
    ),
    Rule(
        "splits-match",
        table.splits_match,
        "rows that index.csv has in another split than the permutation",
        "rows",
    ),
)
UNREADABLE = "shapes"
"""The check that fails where a file cannot be read."""


def run_checks(view, samples):
    """All checks of a data set.

    Parameters
    ----------
    view : check_case.DatasetView
    samples : iterable of check_case.Sample

    Returns
    -------
    list of Check
    """
    results, words, broken = {rule.id: [] for rule in RULES}, Counter(), None
    try:
        for sample in samples:
            words[sample.status] += 1
            name, unforeseen = sample.id, None
            for rule in RULES:
                found, error = _measured(rule, sample)
                results[rule.id].append((name, found))
                unforeseen = unforeseen or error
            if unforeseen:
                broken = broken or f"{name}: {unforeseen}"
                results[UNREADABLE][-1] = name, BROKEN
    except Exception as error:  # whatever broken files do, the list of checks is written
        broken = _message(error)
        results[UNREADABLE].append((None, BROKEN))
    notes = {"statuses": ", ".join(f"{count} {word}" for word, count in sorted(words.items()))}
    if broken:
        notes[UNREADABLE] = broken
    return [_row(rule, results[rule.id], notes.get(rule.id)) for rule in RULES]


def _measured(rule, sample):
    """(Found or NotHere, message of an error that only a broken file explains, or None).

    A row that cannot be read fails only the check of what it should be.
    """
    try:
        return rule.measure(sample), None
    except SimlabError as error:
        where = f"a row cannot be read ({_message(error)})"
        return (BROKEN if rule.id == UNREADABLE else NotHere(where)), None
    except Exception as error:
        message = _message(error)
        return NotHere(f"a row cannot be read ({message})"), message


def _message(error):
    text = " ".join(str(error).split())
    return text if isinstance(error, SimlabError) else f"{type(error).__name__}: {text}"


def _row(rule, results, note):
    found = [(key, result) for key, result in results if not isinstance(result, NotHere)]
    if not found:
        reasons = dict.fromkeys(result.reason for _, result in results)
        return skip(rule.id, "; ".join(reasons) or "no rows")
    key, worst = max(found, key=lambda entry: _badness(entry[1]))
    what = rule.what + (f"; {note}" if note else "")
    if len(found) < len(results):
        what += f"; measured on {len(found)} of {len(results)} rows"
    passed = all(result.passed for _, result in found)
    measured = worst.measured if math.isfinite(worst.measured) else str(worst.measured)
    return Check(rule.id, what, measured, worst.bound, rule.unit, passed, key)


def _badness(found):
    """Failures before others, then by how much of the bound is used."""
    used = found.measured / found.bound if found.bound else found.measured
    return (not found.passed, used)
