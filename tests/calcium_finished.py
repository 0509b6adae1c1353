"""Small finished calcium data sets, made by the workflow's stages as its rules do."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import h5py

from simlab.calcium import plan, specs, splits
from simlab.calcium.checks import run_checks
from simlab.calcium.config import CalciumDataset
from simlab.calcium.stages.checks import views_of, write_dataset_checks
from simlab.calcium.stages.index import write_index
from simlab.calcium.stages.normalization import write_normalization
from simlab.calcium.stages.preview import draw_preview
from simlab.calcium.stages.recordings import (
    assemble_recording,
    write_recording,
    write_stage,
    write_statistics,
)
from simlab.calcium.stages.scenes import write_part, write_scene
from simlab.calcium.stages.training import write_shard
from simlab.calcium.stages.videos import write_video
from simlab.core.config import parse_config
from simlab.core.files import read_json, write_json
from simlab.core.manifest import write_folder_manifest

STEPS = [
    {"kind": "place_neurons", "density_per_mm3": 60000.0, "soma_radius_um": 5.0,
     "morphology": "cytosolic", "dendrite_length_um": 8.0, "depth_range_um": [20.0, 60.0]},
    {"kind": "cell_activity", "p_quiescent_to_active": 0.05},
    {"kind": "bleaching", "bleach_susceptibility": 2e-4},
    {"kind": "optics"},
    {"kind": "composite"},
    {"kind": "neuropil", "spatial_sigma_um": 20.0},
    {"kind": "vasculature", "enabled": True, "layers": [{"root_radius_um": 6.0, "opacity": 0.5}]},
    {"kind": "brain_motion", "motion_amplitude_um": 3.0, "max_shift_um": 4.0},
    {"kind": "illumination_profile"},
    {"kind": "vignette"},
    {"kind": "leakage", "profile": "uniform", "level": 0.4},
    {"kind": "sensor", "photons_per_unit": 60.0},
]  # fmt: skip
SENSOR = {"n_px_height": 40, "n_px_width": 48, "pixel_pitch_um": 16.0}
SPEC = {
    "acquisition": {"image_sensor": SENSOR, "fps": 20.0, "duration_s": 1.2},
    "seed": 7,
    "steps": STEPS,
}
SMALL = {
    "seed": 3,
    "spec": SPEC,
    "sweep": {"axes": {"acquisition.optics.na": [0.3, 0.45], "seed": [1, 2]}},
    "video": True,
    "frames_per_part": 10,
    "stages": ["vignette"],
    "splits": {"train": 0.5, "val": 0.25, "test": 0.25},
    "training": {"patch": 16, "frames": 4, "samples_per_recording": 3, "samples_per_shard": 4},
}
"""Two apertures, two seeds: 4 recordings of 24 frames, 40 x 48 px, with every step."""
ONE = {key: SMALL[key] for key in ("seed", "spec", "video")}
"""One recording, made by one job."""


@dataclass
class SmallDataset:
    """A data set in a folder."""

    folder: Path
    dataset: CalciumDataset

    @classmethod
    def of(cls, folder, mapping):
        """The data set of a configuration."""
        return cls(Path(folder), parse_config(CalciumDataset, mapping))

    @property
    def points(self):
        """Its recordings."""
        return self.dataset.expansion.points

    @property
    def spec(self):
        """What the rules of the whole data set get as `spec`."""
        return specs.dataset_spec(self.dataset)

    def path(self, *parts):
        """A file of the data set."""
        return self.folder.joinpath(*parts)

    def recording(self, number=0):
        """Path of a recording."""
        return self.path("recordings", f"{self.points[number].key}.h5")

    def statistics(self, number=0):
        """Path of the statistics of a recording."""
        return self.path("statistics", f"{self.points[number].key}.json")

    def video(self, number=0):
        """Path of the video of a recording."""
        return self.path("videos", f"{self.points[number].key}.avi")

    @property
    def files(self):
        """What the rule of the checks gets."""
        kinds = ("recordings", "statistics", "videos")
        there = {kind: sorted(self.path(kind).glob("*.*")) for kind in kinds}
        return {
            kind: [path for path in paths if not path.name.endswith(".perf.json")]
            for kind, paths in there.items()
        }

    def make(self):
        """Make every file of the data set."""
        for point in self.points:
            self.make_movie(point)
        self.make_training()
        self.gather()
        return self

    def make_movie(self, point):
        """Recording or statistics, video and stages of one point."""
        dataset, key = self.dataset, point.key
        spec = specs.recording_spec(point)
        texts = self.path("specs", f"{key}.json"), self.path("statistics", f"{key}.json")
        recording = self.path("recordings", f"{key}.h5")
        if not dataset.recordings:
            write_statistics(spec, *texts)
        elif plan.is_split(dataset, point):
            scene = self.path("scenes", f"{key}.h5")
            write_scene(spec, scene)
            parts = []
            for part in plan.parts(dataset, point):
                parts.append(self.path("parts", key, f"{part}.h5"))
                write_part(plan.part_range(dataset, point, part), scene, parts[-1])
            assemble_recording(spec, scene, parts, recording, *texts)
            shutil.rmtree(self.path("parts"))
        else:
            write_recording(spec, recording, *texts)
        if dataset.video:
            videos = self.path("videos")
            write_video(
                specs.video_spec(dataset, point), videos / f"{key}.avi", videos / f"{key}.perf.json"
            )
        for stage in dataset.stages:
            write_stage(spec, stage, self.path("stages", key, f"{stage}.h5"))

    def make_training(self):
        """All training shards."""
        name, dataset = self.folder.name, self.dataset
        for split, shards in plan.training_shards(dataset).items():
            for shard in shards:
                recordings, scenes = (
                    [self.path(*Path(path).parts[-2:]) for path in of(name, dataset, split, shard)]
                    for of in (plan.recordings_of_shard, plan.scenes_of_shard)
                )
                write_shard(
                    specs.training_spec(dataset),
                    split,
                    shard,
                    recordings,
                    scenes,
                    self.path("training", f"{split}-{shard}.h5"),
                    code="code",
                )

    def gather(self):
        """Files of the whole data set."""
        write_index(self.spec, self.path("index.csv"))
        keys = plan.keys_of_split(self.dataset, "train")
        statistics = [self.path("statistics", f"{key}.json") for key in keys]
        write_normalization(
            statistics, self.path("normalization.json"), self.path("statistics.html")
        )
        self.check()
        recordings = self.files["recordings"][: plan.PREVIEWED]
        draw_preview(self.folder.name, self.spec, recordings, self.path("preview.png"))
        published = [self.path(file) for file in plan.published(self.dataset)]
        manifest = self.path("manifest.json")
        unit = splits.unit_of(self.spec)
        write_folder_manifest("calcium", self.spec, "code", published, manifest, unit)

    def check(self):
        """Write checks.json; raises if a check fails."""
        paths = self.path("checks.json"), self.path("checks.html")
        write_dataset_checks(self.spec, self.files, *paths)

    def rows(self):
        """All checks by id."""
        views = views_of(self.dataset, self.files)
        return {row.id: row for row in run_checks(views, self.dataset.expansion.requested)}

    def failed(self):
        """Ids of the checks that fail."""
        return [row.id for row in self.rows().values() if not row.passed]

    def copy(self, folder):
        """A copy that a test may spoil."""
        return SmallDataset(Path(shutil.copytree(self.folder, folder)), self.dataset)

    def edit(self, change, number=0):
        """Change a recording: `change` gets the open file."""
        with h5py.File(self.recording(number), "r+") as file:
            change(file)

    def measure_again(self, number=0):
        """Make the statistics of a recording follow from its movie as it is now."""
        view = list(views_of(self.dataset, self.files))[number]
        stored = read_json(self.statistics(number))
        fresh = {**view.movie.statistics, "clean": stored["clean"]}
        write_json(self.statistics(number), fresh)
