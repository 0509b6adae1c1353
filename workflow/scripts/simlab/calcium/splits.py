"""Which recordings train, validate and test, by their keys or by the seeds of their scenes."""

import hashlib
from dataclasses import replace

from simlab.core.splits import SPLITS, Unit, split_at

KEY_DIGITS = 16
"""Of a key, hexadecimal."""


def dealt(points, splits):
    """The `points.Point`s, each with its split.

    u = key / 2^64 is compared with the cumulative fractions of train, val, test, so that more
    recordings change no split; where none falls into train, the one with the smallest u does.
    `by: scene` takes a hash of the seed in place of the key: recordings of one seed have the same
    cells and activity, whatever else differs, and stay together.
    """
    keys = [_key(point, splits.by) for point in points]
    labels = [split_of(key, splits) for key in keys]
    if points and SPLITS[0] not in labels:
        label_of = dict(zip(keys, labels, strict=True)) | {min(keys): SPLITS[0]}
        labels = [label_of[key] for key in keys]
    return [replace(point, split=label) for point, label in zip(points, labels, strict=True)]


def split_of(key, splits):
    """train, val or test of a key; `splits` has their fractions."""
    fractions = {name: getattr(splits, name) for name in SPLITS[:3]}
    return split_at(int(key, 16) / 2 ** (4 * KEY_DIGITS), fractions)


def advice_on_splits(points, splits):
    """What surprises in the splits of some recordings: texts, each a line."""
    found = {}
    for point in points:
        found.setdefault(point.spec.seed, set()).add(point.split)
    torn = sum(len(names) > 1 for names in found.values())
    if torn:
        yield (
            f"splits: recordings of {torn} of {len(found)} seeds, which have the same cells and "
            "activity, lie in several splits; `by: scene` keeps them together"
        )
    counts = {name: sum(point.split == name for point in points) for name in SPLITS[:3]}
    for name, count in counts.items():
        asked = getattr(splits, name)
        expected = asked > 0 and len(found) >= len(counts)
        if (count > 0 and not asked) or (expected and not count):
            yield f"splits: {count} of {len(points)} recordings in {name}, {asked:g} asked for"


def unit_of(spec):
    """The Unit of a data set; `spec` is its whole configuration."""
    if spec["splits"]["by"] == "scene":
        return Unit("scene", "seed", None)
    return Unit("recording", "id", None)


def _key(point, by):
    if by == "recording":
        return point.key
    text = f"calcium.scene {point.spec.seed}"
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]
