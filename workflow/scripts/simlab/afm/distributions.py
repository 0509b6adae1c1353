"""Panels of the distributions page: frequency shift by tip and height, descriptors, elements."""

from pathlib import Path

import numpy as np

from simlab.afm.figures import unit_of
from simlab.afm.files.shards import Shard
from simlab.afm.flags import FAILED
from simlab.core.dataset import read_index
from simlab.core.distributions import Bars, chosen, labeled, sentence_of, value_histogram

SKIPPED = ("mol_id", "rot_id")
MOST = 24
"""Samples of a split that are read."""
SMALL_HZ = 0.01
"""Frequency shift at which the axis changes from linear to logarithmic."""


def outputs(folder, splits):
    """(panels, notes) of the data set in `folder`; `splits`: (N,) split number of every sample."""
    picked = chosen(splits, MOST)
    picked.pop("excluded", None)
    index = read_index(folder)
    read = {name: _read(Path(folder), index.places(rows)) for name, rows in picked.items()}
    read = {name: part for name, part in read.items() if part["afm"]}
    if not read:
        return [], ["No sample could be simulated."]
    first = next(iter(read.values()))
    panels = []
    for number, tip in enumerate(first["tips"]):
        for place, height in enumerate(first["heights"]):
            title = f"{tip}, {height:.2f} Å below top"
            values = _stacked(
                read, "afm", lambda stack, at=(number, place): stack[at[0], ..., at[1]]
            )
            panels.append(
                value_histogram(title, "frequency shift (Hz)", values, linear_to=SMALL_HZ)
            )
    for number, channel in enumerate(first["channels"]):
        values = _stacked(read, "desc", lambda maps, number=number: maps[number])
        panels.append(value_histogram(channel, labeled(channel, unit_of(channel)), values))
    panels.append(_elements(read))
    return panels, [sentence_of(picked, splits)]


def _read(folder, places):
    """Highest, middle and lowest images, descriptors, atomic numbers of the simulated samples."""
    found = {"afm": [], "desc": [], "Z": []}
    for file in dict.fromkeys(file for file, _ in places):
        with Shard(folder / file) as shard:
            attributes = shard.attributes
            depth = len(attributes["z_mean"])
            planes = sorted({0, depth // 2, depth - 1})
            flags = shard.array("flags")
            for k in (position for name, position in places if name == file):
                if not flags[k] & FAILED:
                    found["afm"].append(shard.array("afm", k)[..., planes])
                    found["desc"].append(shard.array("desc", k))
                    found["Z"].append(shard.molecule(k)[:, 4])
    tips = [tip["name"] for tip in attributes["tips"]]
    heights = [attributes["z_mean"][j] for j in planes]
    return found | {"tips": tips, "heights": heights, "channels": attributes["desc_channels"]}


def _stacked(read, key, part_of):
    return {name: np.stack([part_of(one) for one in part[key]]) for name, part in read.items()}


def _elements(read):
    from simlab.afm.species import symbol_of

    numbers = {name: np.concatenate(part["Z"]).astype(int) for name, part in read.items()}
    known = {z: symbol_of(z) for z in sorted(set(np.concatenate(list(numbers.values())).tolist()))}
    counts = {
        name: {symbol: int(np.count_nonzero(values == z)) for z, symbol in known.items()}
        for name, values in numbers.items()
    }
    return Bars("elements", "element", tuple(known.values()), counts, "atoms")
