"""Consistency checks of a calcium data set."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from simlab.calcium import movie_checks as movie
from simlab.calcium import truth_checks as truth
from simlab.core.checks import Check, NotHere, skip
from simlab.core.errors import SimlabError


@dataclass(frozen=True)
class Rule:
    """A check of every recording.

    Attributes
    ----------
    id, what, unit : str
    measure : callable
        View -> Found or NotHere.
    needs_recording : bool
        Whether it reads the stored recording.
    """

    id: str
    measure: Callable
    what: str
    unit: str = ""
    needs_recording: bool = True


RULES = (
    Rule(
        "blur_integral",
        truth.blur_integral,
        "light of each observed footprint over attenuation * NA^2 * light of the planted one, "
        "from 1",
    ),
    Rule("gain_mean", truth.gain_mean, "mean brightness of the cells, from 1"),
    Rule("count_range", movie.count_range, "counts above the largest of the sensor", "px"),
    Rule(
        "expected_mean",
        movie.expected_mean,
        "mean counts of each frame from gain * QE * photons * intensity - 0.5",
        "standard errors",
    ),
    Rule(
        "motion_bound", truth.motion_bound, "largest shift, or deviation from the trajectory", "px"
    ),
    Rule(
        "field_range", truth.field_range, "illumination, vignette and leakage outside their range"
    ),
    Rule("vessel_range", truth.vessel_range, "transmission of vessels outside its range"),
    Rule("truth_shapes", truth.truth_shapes, "arrays missing, misshapen or not finite", "arrays"),
    Rule("key_matches", truth.key_matches, "keys that are not that of the configuration", "keys"),
    Rule(
        "detectable_matches",
        truth.detectable_matches,
        "cells whose detectability does not follow from the stored arrays",
        "cells",
    ),
    Rule(
        "statistics_match",
        movie.statistics_match,
        "entries of the statistics that do not follow from the stored movie",
        "entries",
    ),
    Rule(
        "video_equals_counts",
        movie.video_equals_counts,
        "pixels of videos that differ from the counts",
        "px",
        needs_recording=False,
    ),
    Rule("saturated", movie.saturated, "saturated pixels; above the bound a warning, no failure"),
)


def run_checks(views, requested):
    """All checks of a data set.

    Parameters
    ----------
    views : iterable of check_case.View
        One a recording; each is let go before the next is asked for.
    requested : int
        Recordings before equal ones became one.

    Returns
    -------
    list of Check
    """
    results, count = {rule.id: [] for rule in RULES}, 0
    for view in views:
        count += 1
        for rule in RULES:
            results[rule.id].append((view.point.key, *_measured(rule, view)))
    rows = [_row(rule, results[rule.id]) for rule in RULES]
    return [*rows, _distinct_points(count, requested)]


def _measured(rule, view):
    """(Found or NotHere, note); a file that cannot be read fails the checks that need it."""
    if rule.needs_recording and view.recording_path is None:
        return NotHere("recordings are not kept (recordings: false)"), ""
    try:
        found = rule.measure(view)
    except SimlabError as error:
        if rule.id == ("video_equals_counts" if view.readable else "truth_shapes"):
            return truth.broken(), str(error)
        return NotHere(f"a file cannot be read ({error})"), ""
    return found, view.notes.get(rule.id, "")


def _row(rule, results):
    found = [
        (key, result, note) for key, result, note in results if not isinstance(result, NotHere)
    ]
    if not found:
        return skip(rule.id, results[0][1].reason if results else "no recordings")
    key, worst, note = max(found, key=lambda entry: _badness(entry[1]))
    what = rule.what
    left_out = len(results) - len(found)
    if left_out:
        what += f"; not of {left_out} of {len(results)} recordings"
    notes = [text for _, _, text in found if text]
    if rule.id == "expected_mean":
        out, frames = (sum(column) for column in zip(*notes, strict=True))
        what += f"; {out} of {frames} frames left out, clipped, dropped or too dark"
    elif note:
        what += f": {note}"
    passed = all(result.passed for _, result, _ in found)
    measured = worst.measured if math.isfinite(worst.measured) else str(worst.measured)
    return Check(rule.id, what, measured, worst.bound, rule.unit, passed, key)


def _badness(found):
    """Failures before others, then by how much of the bound is used."""
    used = found.measured / found.bound if found.bound else found.measured
    return (not found.passed, used)


def _distinct_points(count, requested):
    """How many recordings were asked for twice; such points are one recording."""
    return Check(
        "distinct_points",
        f"recordings that another point already gives, of {requested} points",
        requested - count,
        None,
        "recordings",
        True,
    )
