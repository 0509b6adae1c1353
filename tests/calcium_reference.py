"""Recordings of the original program, with the specifications that make them here."""

import json
from functools import cache

from calcium_specs import arrays, quiet_spec

from simlab.calcium.scene import build_scene

NAMES = ("minimal", "minimal_sensor", "full", "layers_12bit", "walk_motion", "trajectory")
WITH_SENSOR = ("minimal_sensor", "full", "layers_12bit", "walk_motion")


def recorded(name):
    """Arrays of rec_<name>.npz."""
    return arrays(f"rec_{name}")


def recorded_spec(name, *, snapshots=True, **ext):
    """Specification of a reference recording, with extensions."""
    mapping = json.loads(str(recorded(name)["spec_json"]))
    mapping["output"]["save_intermediates"] = snapshots
    return quiet_spec({**mapping, "ext": ext or None})


@cache
def scene(name, mode="counter"):
    """Scene of a reference recording with that kind of sensor noise."""
    return build_scene(recorded_spec(name, sensor_noise=mode))
