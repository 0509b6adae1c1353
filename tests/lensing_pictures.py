"""Reference pictures of lensing, with the sources that they show."""

import json
from functools import cache
from pathlib import Path

import numpy as np

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
