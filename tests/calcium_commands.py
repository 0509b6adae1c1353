"""Small runs of the calcium commands that tests share."""

import copy
import json

from calcium_finished import SENSOR, SPEC

from simlab.cli import main


def call(*line):
    """Exit code of `simlab calcium ...`, in this process."""
    try:
        main(["calcium", *map(str, line)])
    except SystemExit as end:
        return end.code or 0
    return 0


def spec_text(*, camera=None, steps=None, ext=None, output=None, **acquisition):
    """JSON of the specification of the small data sets, with changes of its parts."""
    mapping = copy.deepcopy(SPEC)
    mapping["acquisition"].update(acquisition, image_sensor={**SENSOR, **(camera or {})})
    for key, value in (("steps", steps), ("ext", ext), ("output", output)):
        if value is not None:
            mapping[key] = value
    return json.dumps(mapping, indent=1)


def entries_in(folder):
    """Paths of all files and folders below a folder, relative to it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
