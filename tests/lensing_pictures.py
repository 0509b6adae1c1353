"""Reference pictures of lensing, with the sources that they show."""

import json
from functools import cache
from pathlib import Path

import numpy as np

from simlab.lensing.clusters import make_cluster
from simlab.lensing.lenses import make_lens
from simlab.lensing.sources import make_source

FOLDER = Path(__file__).resolve().parent / "data" / "lensing"


@cache
def entries(name):
    """Descriptions of the pictures in <name>.npz."""
    return json.loads((FOLDER / f"{name}.json").read_text())


@cache
def pictures(name):
    """Arrays of <name>.npz."""
    with np.load(FOLDER / f"{name}.npz") as archive:
        return {key: archive[key] for key in archive.files}


def source_of(entry):
    """Source of a description."""
    keywords = dict(entry["source"])
    if "theta" in keywords:
        keywords["theta_deg"] = keywords.pop("theta")
    return make_source(keywords.pop("kind"), **keywords)


def lens_of(entry):
    """Lens of a description, angular."""
    members = [
        make_lens(member["kind"], chi=entry.get("chi", 1.0), **_keywords(member))
        for member in entry["lens"]
    ]
    return members[0] if len(members) == 1 else make_cluster(members)


def _keywords(member):
    return {key: value for key, value in member.items() if key != "kind"}


def amplitudes_of(entry):
    """Amplitudes G[m, s] of a description."""
    order = max(int(key.split(",")[0]) for key in entry["alpha"])
    G = np.zeros((order + 1, order + 2), complex)
    for key, alpha in entry["alpha"].items():
        G[tuple(map(int, key.split(",")))] = complex(alpha, entry["beta"][key])
    return G
