"""The recordings of a data set: a base, changed along axes, each known by its cache key."""

import functools
import json
import math
import warnings
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import ValidationError

from simlab.calcium.costs import megabytes_of, minutes_of
from simlab.calcium.spec import Spec, SpecWarning
from simlab.calcium.splits import dealt
from simlab.calcium.sweeps import product_values, sample_values, with_overrides, zipped_values
from simlab.core.config import message_of, shown
from simlab.core.errors import SimlabError
from simlab.core.random import generator
from simlab.core.splits import SPLITS

MAX_SEED = 2**32
MAX_RECORDINGS = 20_000
"""Of a data set; each is a few jobs, and Snakemake plans some ten thousand."""


@dataclass(frozen=True)
class Point:
    """One recording of a data set.

    Attributes
    ----------
    key : str
        Cache key of the recording, 16 hex digits.
    spec : Spec
    axes : dict
        Path -> value of each axis.
    split : str
        train, val or test.
    """

    key: str
    spec: Spec
    axes: dict
    split: str = SPLITS[0]

    @functools.cached_property
    def megabytes(self):
        """Memory of a job that makes the recording or part of it, MiB."""
        return megabytes_of(self.spec)

    @functools.cached_property
    def minutes(self):
        """Time limit of such a job, minutes."""
        return minutes_of(self.spec)

    @functools.cached_property
    def recording(self):
        """The canonical JSON of the recording, as a mapping."""
        return json.loads(self.spec.model_dump_json())


@dataclass(frozen=True)
class Expansion:
    """All recordings of a data set.

    Attributes
    ----------
    points : tuple of Point
        Ordered by key.
    requested : int
        Points before those with the same key became one.
    problems : tuple of str
        What is wrong with the base or with points, a line each.
    """

    points: tuple
    requested: int
    problems: tuple = ()

    @functools.cached_property
    def by_key(self):
        """Key -> Point, ascending."""
        return {point.key: point for point in self.points}


@contextmanager
def without_advice():
    """Context in which specifications are made without SpecWarnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SpecWarning)
        yield


def advice_on(points):
    """Texts of the SpecWarnings of all recordings, each once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SpecWarning)
        for point in points:
            type(point.spec).model_validate(point.spec.model_dump())
    return list(dict.fromkeys(str(w.message) for w in caught))


def expand(dataset):
    """The Expansion of a `config.CalciumDataset`; advice (SpecWarning) is left to the jobs."""
    with without_advice():
        try:
            base = with_overrides(dataset.base(), dataset.set)
        except (ValidationError, SimlabError) as error:
            where = "set" if dataset.set else "preset" if dataset.preset else "spec"
            return Expansion((), 0, (f"{where}: {first_problem(error)}",))
        found, problems, requested = {}, [], 0
        count = _recordings(dataset)
        if count > MAX_RECORDINGS:
            text = f"{count} recordings, at most {MAX_RECORDINGS} are planned"
            return Expansion((), count, (f"sweep: {text}",))
        try:
            for i, axes in enumerate(axis_values(dataset)):
                requested += dataset.replicates
                try:
                    for spec in _replicates(dataset, with_overrides(base, axes), i):
                        found.setdefault(spec.cache_key(), (spec, axes))
                except (ValidationError, SimlabError) as error:
                    problems.append(f"sweep: {shown_axes(axes)}: {first_problem(error)}")
        except SimlabError as error:
            problems.append(f"sweep: {error}")
    points = [Point(key, spec, axes) for key, (spec, axes) in sorted(found.items())]
    if not points and not problems:
        problems.append("sweep: an axis is empty, so that there is no recording")
    return Expansion(tuple(dealt(points, dataset.splits)), requested, tuple(problems))


def _recordings(dataset):
    """Recordings that are asked for, as if all lists of axes were usable."""
    sweep, points = dataset.sweep, 1
    if sweep is not None:
        lengths = [len(values) for values in sweep.axes.values() if isinstance(values, list)]
        points = {
            "sample": sweep.n,
            "zip": max(lengths, default=1),
            "product": math.prod(lengths),
        }[sweep.mode]
    return points * dataset.replicates


def axis_values(dataset):
    """One {path: value} for every point of the sweep, in order; one empty one without a sweep.

    Raises SpecError for lists of unequal length (zip) and for axes that cannot be drawn.
    """
    sweep = dataset.sweep
    if sweep is None:
        return iter([{}])
    if sweep.mode == "sample":
        return (sample_values(sweep.axes, dataset.seed, i) for i in range(sweep.n))
    if sweep.mode == "zip":
        return zipped_values(sweep.axes)
    return product_values(sweep.axes)


def _replicates(dataset, spec, i):
    if dataset.replicates == 1:
        return [spec]
    return [
        with_overrides(spec, {"seed": replicate_seed(dataset.seed, i, r)})
        for r in range(dataset.replicates)
    ]


def replicate_seed(seed, point, replicate):
    """Seed of a replicate of a point, below 2^32."""
    return int(generator(seed, "calcium.recording", point, replicate).integers(MAX_SEED))


def shown_axes(axes):
    """The values of a point as text."""
    return ", ".join(f"{path}={shown(value)}" for path, value in axes.items()) or "base"


def first_problem(error):
    """The first problem of a ValidationError, or the text of another error, in one line."""
    if not isinstance(error, ValidationError):
        return str(error)
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"])
    text = message_of(problem)
    found = "" if isinstance(problem["input"], dict) else f" (found {shown(problem['input'])})"
    return f"{place}: {text}{found}" if place else text
