"""Panels of the distributions page: log10(mass + 1) of every map."""

from pathlib import Path

import numpy as np

from simlab.core.dataset import read_index
from simlab.core.distributions import chosen, sentence_of, value_histogram
from simlab.core.files import read_json
from simlab.halo.files.samples import read_sample
from simlab.halo.names import SPECIES
from simlab.halo.statistics import log_mass

SKIPPED = ("sim", "halo_idx", "group_index", "rot", "halo_mass")
"""The mass stands there by its logarithm too."""
MOST = 48
"""Samples of a split that are read ..."""
MOST_PIXELS = 4_000_000
"""... and pixels of each of their maps."""
WIDE = "large_scale_"
LABEL = "log10(1 + mass in Msun/h a fine pixel)"


def outputs(folder, splits):
    """(panels, notes) of the data set in `folder`; `splits`: (N,) split number of every sample."""
    folder = Path(folder)
    index = read_index(folder)
    [(first, _)] = index.places([0])
    pixels = read_sample(folder / first)["condition"].size
    picked = chosen(splits, min(MOST, max(1, MOST_PIXELS // pixels)))
    logs = {}
    for split, rows in picked.items():
        for file, _ in index.places(rows):
            sample = read_sample(folder / file)
            maps = [sample["condition"], *sample["large_scale"], *sample["target"]]
            for number, field in enumerate(maps):
                logs.setdefault(number, {}).setdefault(split, []).append(log_mass(field))
    fields = read_json(folder / "normalization.json")["fields"]
    panels = [
        value_histogram(title, LABEL, {split: np.stack(maps) for split, maps in parts.items()})
        for title, parts in zip(_titles(fields), logs.values(), strict=True)
    ]
    return panels, [sentence_of(picked, splits), "0 is an empty pixel."]


def _titles(fields):
    """Titles of condition, large_scale and target, from the channels of normalization.json."""
    scales = sorted(float(name.removeprefix(WIDE)) for name in fields if name.startswith(WIDE))
    wide = [f"surroundings, {scale:g} Mpc/h" for scale in scales]
    return ["condition", *wide, *(f"target: {name.replace('_', ' ')}" for name in SPECIES)]
