"""Which values of a data set's configuration each rule depends on.

Rules pass these mappings as their `spec`, so that a change of a key re-runs exactly the rules
whose results it changes.
"""

from simlab.calcium.config import CalciumDataset
from simlab.calcium.spec import Spec

NEVER_IN_RESULTS = ("frames_per_part", "target_seconds")
"""Keys that change how the work is dealt to jobs, not its results."""


def recording_spec(point):
    """The canonical JSON of a recording, as a mapping."""
    return point.recording


def spec_from(mapping):
    """The Spec of `recording_spec`."""
    return Spec.model_validate(mapping)


def video_spec(dataset, point):
    """Rule calcium_video."""
    options = dataset.video_options.model_dump(mode="json")
    return {"recording": recording_spec(point), "video_options": options}


def dataset_spec(dataset):
    """Rule calcium_manifest: the whole configuration."""
    return dataset.model_dump(mode="json", exclude=set(NEVER_IN_RESULTS))


def points_spec(dataset, *more):
    """What makes the recordings and their splits, for the rules index and preview; `more` keys."""
    keys = {"spec", "preset", "set", "sweep", "replicates", "splits", "recordings", *more}
    if not dataset.recordings:
        keys.add("video")  # one of the two is needed
    if dataset.replicates > 1 or (dataset.sweep is not None and dataset.sweep.mode == "sample"):
        keys.add("seed")
    return dataset.model_dump(mode="json", include=keys)


def checks_spec(dataset):
    """Rule calcium_checks."""
    return points_spec(dataset, "video", "video_options")


def training_spec(dataset):
    """Rule calcium_training."""
    return points_spec(dataset, "seed", "training")


def dataset_from(spec):
    """The CalciumDataset of a spec of a rule of the whole data set."""
    return CalciumDataset.model_validate(spec)
