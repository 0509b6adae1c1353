"""Many recordings from one: values along axes put into a base specification and validated again.

A path names a field: `seed`, `acquisition.optics.na`, `steps.neuropil.amplitude` (steps by their
kind), `steps.vasculature.layers.0.depth_um` (elements of lists by their index), `ext.shot_noise`.
"""

import itertools
import math
from typing import Any, get_args

import numpy as np
from pydantic import BaseModel, Field

from simlab.calcium.errors import SpecError
from simlab.calcium.spec import STEP_CLASSES, STEP_ORDER, Spec
from simlab.core.config import nearest
from simlab.core.random import generator

_STEP_OF_KIND = dict(zip(STEP_ORDER, STEP_CLASSES, strict=True))
LARGEST = 2**63 - 2
"""Largest whole number that can be drawn, one less than numpy's."""
_DRAWS = ("uniform", "log_uniform", "integers")
ADD_STEP = "add it to `steps` of the specification or `extra_steps` of the preset"


class SweptSpec(Spec):
    """One point of a sweep: a Spec that remembers which values made it.

    `axes` is not part of the JSON, so that the cache key is that of the plain Spec.
    """

    axes: dict[str, Any] = Field({}, exclude=True, description="Path -> value of this point")


def sweep(base, axes):
    """Yield one SweptSpec for every combination of values, the last axis varying fastest.

    Parameters
    ----------
    base : Spec
        It is not changed.
    axes : dict
        Path -> list of values. No axes give the base once, an empty list no point at all.

    Raises
    ------
    SpecError
        If a path names no field; when the iterator reaches the point, as all errors.
    pydantic.ValidationError
        If a value is not valid.
    """
    return _points(base, product_values(axes))


def zipped(base, axes):
    """Yield one SweptSpec for the first values of all axes, one for the second values, and so on.

    Parameters and errors as `sweep`; SpecError too if the lists differ in length.
    """
    return _points(base, zipped_values(axes))


def sample(base, axes, n, seed):
    """Yield `n` SweptSpecs with values drawn independently.

    Parameters
    ----------
    base : Spec
    axes : dict
        Path -> list of values (each equally likely), {uniform: [lo, hi]},
        {log_uniform: [lo, hi]} (0 < lo) or {integers: [lo, hi]} (both included).
    n : int
        Number of points; point i does not depend on it.
    seed : int
        Seed of the draws.

    Raises
    ------
    SpecError, pydantic.ValidationError
        As `sweep`; SpecError too for an axis that cannot be drawn from.
    """
    return _points(base, (sample_values(axes, seed, i) for i in range(n)))


def with_overrides(spec, overrides):
    """`spec` with the value of each path replaced, validated again.

    Raises SpecError if a path names no field, pydantic.ValidationError if a value is not valid.
    """
    return Spec.model_validate(_overridden(spec, overrides))


def _points(base, points):
    for values in points:
        yield SweptSpec.model_validate({**_overridden(base, values), "axes": values})


def product_values(axes):
    """Yield {path: value} for every combination of values, the last axis varying fastest."""
    lists = [_listed(path, values) for path, values in axes.items()]
    for values in itertools.product(*lists):
        yield dict(zip(axes, values, strict=True))


def zipped_values(axes):
    """Yield {path: value} of the i-th values of all axes; SpecError if the lengths differ."""
    lists = {path: _listed(path, values) for path, values in axes.items()}
    lengths = {path: len(values) for path, values in lists.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f"{path} has {n}" for path, n in lengths.items())
        raise SpecError(f"axes that are combined one by one need equally many values: {shown}")
    if not axes:
        yield {}
    for values in zip(*lists.values(), strict=True):
        yield dict(zip(axes, values, strict=True))


def sample_values(axes, seed, index):
    """{path: value} of point `index`, drawn in the order of `axes` as `sample` describes."""
    rng = generator(seed, "calcium.sweep", index)
    return {path: _drawn(path, axis, rng) for path, axis in axes.items()}


def _listed(path, values):
    if isinstance(values, str | dict) or not hasattr(values, "__iter__"):
        raise SpecError(f"axis {path}: a list of values is expected, found {values!r}")
    return list(values)


def _drawn(path, axis, rng):
    if not isinstance(axis, dict):
        values = _listed(path, axis)
        if not values:
            raise SpecError(f"axis {path}: there is no value to draw from")
        return values[int(rng.integers(len(values)))]
    kind, lo, hi = _range(path, axis)
    if kind == "uniform":
        return lo + (hi - lo) * float(rng.random())
    if kind == "log_uniform":
        return lo * (hi / lo) ** float(rng.random())
    return int(rng.integers(lo, hi + 1))


def _range(path, axis):
    """(kind, lo, hi) of an axis such as {uniform: [0.3, 0.6]}."""
    kind, bounds = next(iter(axis.items()), (None, None))
    if len(axis) != 1 or kind not in _DRAWS:
        hint = "".join(nearest(key, _DRAWS) for key in axis if key not in _DRAWS)
        raise SpecError(f"axis {path}: a list or one of {', '.join(_DRAWS)} is expected{hint}")
    number = int if kind == "integers" else int | float
    if not (
        isinstance(bounds, list | tuple)
        and len(bounds) == 2
        and all(isinstance(b, number) and math.isfinite(b) for b in bounds)
        and bounds[0] <= bounds[1]
    ):
        raise SpecError(f"axis {path}: {kind} needs [lo, hi] with lo <= hi, found {bounds!r}")
    if kind == "integers" and not -LARGEST <= bounds[0] <= bounds[1] <= LARGEST:
        raise SpecError(f"axis {path}: integers needs whole numbers of 63 bits, found {bounds!r}")
    if kind == "log_uniform" and bounds[0] <= 0:
        raise SpecError(f"axis {path}: log_uniform needs 0 < lo, found {bounds[0]!r}")
    return kind, *bounds


def _overridden(spec, overrides):
    """`spec` as nested dicts with the value of each path replaced."""
    data = spec.model_dump()
    for path, value in overrides.items():
        _assign(data, str(path), value)
    return data


def _assign(data, path, value):
    """Put `value` into `data`, a dumped Spec, at `path`."""
    parts = path.split(".")
    node, kinds = data, [Spec]
    if parts[0] == "steps":
        node, kinds = _step(data, path, parts)
        parts = parts[2:]
    for i, part in enumerate(parts):
        if isinstance(node, list):
            part, inner = _index(node, path, part), kinds
        else:
            inner = _field(kinds, path, part, data)
        if i == len(parts) - 1:
            node[part] = _plain(value)
        else:
            node[part] = node = _inside(node, part, kinds, inner, path)
            kinds = inner


def _step(data, path, parts):
    """(dumped step, its models) of a path that starts with steps.KIND."""
    kinds = [step["kind"] for step in data["steps"]]
    if len(parts) < 3:
        raise SpecError(f"sweep path {path!r}: steps.<kind>.<field> is expected (kinds: {kinds})")
    if parts[1] not in kinds:
        hint = f"; {ADD_STEP}" if parts[1] in _STEP_OF_KIND else nearest(parts[1], kinds)
        raise SpecError(
            f"sweep path {path!r}: no step of kind {parts[1]!r}{hint} "
            f"(steps: {', '.join(kinds) or 'none'})"
        )
    return data["steps"][kinds.index(parts[1])], [_STEP_OF_KIND[parts[1]]]


def _index(node, path, part):
    """Index of a list that `part` names."""
    if not part.isdecimal():
        raise SpecError(
            f"sweep path {path!r}: {part!r} is no index; descends into a list of {len(node)}"
        )
    if int(part) >= len(node):
        raise SpecError(f"sweep path {path!r}: index {part} of a list of {len(node)}")
    return int(part)


def _field(kinds, path, part, data):
    """Models that field `part` can hold; SpecError if none of `kinds` has such a field."""
    for model in kinds:
        if part in model.model_fields:
            return _models(model.model_fields[part].annotation)
    known = [name for model in kinds for name in model.model_fields]
    hint = _elsewhere(data, part) or nearest(part, known)
    raise SpecError(
        f"sweep path {path!r}: unknown field {part!r}{hint} (known: {', '.join(known)})"
    )


def _elsewhere(data, name):
    """', did you mean PATH?' where a field of this name is, or which step has it; or ''."""
    places = list(_places(data, name, ""))
    if places:
        return f", did you mean {' or '.join(places)}?"
    absent = [kind for kind, model in _STEP_OF_KIND.items() if name in model.model_fields]
    absent = [kind for kind in absent if kind not in (step["kind"] for step in data["steps"])]
    return f", it is a field of the step {absent[0]}: {ADD_STEP}" if absent else ""


def _places(node, name, path):
    """Paths of the fields called `name` in a dumped Spec; steps by their kind."""
    if isinstance(node, dict):
        inner = node.items()
        if name in node and not node.get("populations"):
            yield f"{path}{name}"
    else:
        inner = ((item.get("kind", i), item) for i, item in enumerate(node) if type(item) is dict)
    for key, value in inner:
        if isinstance(value, dict | list):
            yield from _places(value, name, f"{path}{key}.")


def _models(annotation):
    """The models inside an annotation such as `list[Model] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _models(inner)]


def _inside(node, part, kinds, inner, path):
    """What the path goes on in, as dict or list; an absent model starts from its defaults."""
    if isinstance(node, dict) and part not in node:
        default = next(m for m in kinds if part in m.model_fields).model_fields[part].default
        value = _plain(default)
    else:
        value = node[part]
    if isinstance(value, tuple):
        value = list(value)
    if value is None and inner:
        value = {}
    if not isinstance(value, dict | list):
        raise SpecError(f"sweep path {path!r}: descends into {part!r}, which holds {value!r}")
    return value


def _plain(value):
    """A copy of `value` without models and numpy scalars."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value
