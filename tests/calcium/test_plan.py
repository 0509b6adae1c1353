import resource
import subprocess
import sys

import numpy as np
import pytest

from simlab.calcium import plan, simulate
from simlab.calcium.config import CalciumDataset
from simlab.calcium.costs import snapshot_bytes
from simlab.calcium.points import replicate_seed
from simlab.calcium.splits import split_of
from simlab.campaign import load_campaign
from simlab.core.config import parse_config
from simlab.core.errors import ConfigError
from simlab.core.plan import SNAKEMAKE_MB
from simlab.core.random import generator

SENSOR = {"n_px_height": 48, "n_px_width": 56, "pixel_pitch_um": 16.0}
STEPS = ["place_neurons", "cell_activity", "optics", "composite", "sensor"]
SPEC = {
    "acquisition": {"image_sensor": SENSOR, "duration_s": 1.0},
    "steps": [{"kind": kind} for kind in STEPS],
}
SWEEP = {
    "preset": {
        "scope": "generic_1p",
        "region": "ca1",
        "duration_s": 4.0,
        "extra_steps": ["brain_motion"],
    },
    "set": {
        "acquisition.image_sensor.n_px_height": 128,
        "acquisition.image_sensor.n_px_width": 128,
        "acquisition.image_sensor.pixel_pitch_um": 16.0,
    },
    "sweep": {"axes": {"acquisition.optics.na": [0.3, 0.45], "seed": [1, 2, 3]}},
}


def dataset(**changes):
    return parse_config(CalciumDataset, {"spec": SPEC, **changes})


def problems(**changes):
    return " | ".join(plan.problems(dataset(**changes)))


def test_the_aperture_sweep_of_the_default_campaign_has_its_published_keys_and_splits():
    points = parse_config(CalciumDataset, SWEEP).expansion.points
    assert {point.key: point.split for point in points} == {
        "6f3a7a932700006d": "train",
        "76a39e487f441d82": "train",
        "7b5bf24efda9e23b": "train",
        "b2a10ce7783a9b8e": "train",
        "bb774e9f077c383d": "val",
        "e9446692dc24e1b6": "test",
    }


def test_a_split_follows_from_the_key_alone():
    splits = dataset(splits={"train": 0.5, "val": 0.25, "test": 0.25}).splits
    assert split_of("0" * 16, splits) == "train"
    assert split_of("7fffffff00000000", splits) == "train"
    assert split_of("8000000000000000", splits) == "val"
    assert split_of("c000000000000000", splits) == "test"
    assert split_of("f" * 16, splits) == "test"


def test_where_no_recording_trains_the_one_with_the_smallest_key_does():
    points = dataset(
        splits={"train": 0.0, "val": 0.0, "test": 1.0}, sweep={"axes": {"seed": [1, 2, 3]}}
    ).expansion.points
    assert [point.split for point in points] == ["train", "test", "test"]


def test_zip_takes_axes_in_parallel_and_refuses_unequal_ones():
    axes = {"seed": [1, 2], "acquisition.optics.na": [0.3, 0.4]}
    points = dataset(sweep={"mode": "zip", "axes": axes}).expansion.points
    assert sorted(tuple(point.axes.values()) for point in points) == [(1, 0.3), (2, 0.4)]
    assert "equally many values" in problems(sweep={"mode": "zip", "axes": {**axes, "seed": [1]}})


def test_sampled_points_do_not_depend_on_their_number():
    axes = {"acquisition.optics.na": {"uniform": [0.2, 0.6]}}
    few, many = (
        dataset(seed=5, sweep={"mode": "sample", "n": n, "axes": axes}).expansion.by_key
        for n in (3, 6)
    )
    assert set(few) < set(many)
    first = 0.2 + (0.6 - 0.2) * generator(5, "calcium.sweep", 0).random()
    assert first in [point.axes["acquisition.optics.na"] for point in few.values()]


def test_replicates_have_seeds_of_their_own_stream():
    points = dataset(seed=9, replicates=3, sweep={"axes": {"acquisition.optics.na": [0.3, 0.4]}})
    seeds = sorted(point.spec.seed for point in points.expansion.points)
    expected = [
        int(generator(9, "calcium.recording", i, r).integers(2**32))
        for i in (0, 1)
        for r in range(3)
    ]
    assert seeds == sorted(expected)
    assert replicate_seed(9, 1, 2) == expected[-1]


def test_equal_points_are_one_recording_and_counted():
    expansion = dataset(sweep={"axes": {"seed": [1, 1, 2]}}).expansion
    assert len(expansion.points) == 2
    assert expansion.requested == 3


def test_every_bad_point_is_reported_with_its_values():
    text = problems(sweep={"axes": {"acquisition.optics.na": [0.3, -1.0, -2.0]}})
    assert "acquisition.optics.na=-1.0" in text
    assert "acquisition.optics.na=-2.0" in text
    assert "=0.3" not in text


def test_an_unknown_path_names_the_nearest_field():
    assert "did you mean na?" in problems(sweep={"axes": {"acquisition.optics.naa": [0.3]}})
    assert "set: " in problems(set={"acquisition.optics.naa": 0.3})


def test_an_empty_axis_leaves_nothing_to_make():
    assert "an axis is empty" in problems(sweep={"axes": {"seed": []}})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"set": {"acquisition.image_sensor.bit_depth": 17}}, "bit_depth up to 16 is supported"),
        ({"stages": ["vignette"]}, "'vignette' is no step of this recording"),
        ({"stages": ["compositt"]}, "did you mean composite?"),
        (
            {"sweep": {"axes": {"acquisition.image_sensor.n_px_width": [48, 56]}},
             "training": {"patch": None}},
            "needs one frame size, found 48 x 48 and 48 x 56 px",
        ),
        ({"frames_per_part": 5, "set": {"ext.sensor_noise": "sequential"}}, "in parts, use null"),
        ({"frames_per_part": 5, "set": {"output.save_intermediates": True}}, "no snapshots"),
        ({"training": {"frames": 21, "patch": 16}}, "training.frames is 21"),
        ({"training": {"patch": 49}}, "training.patch is 49, the recording has 48"),
        (
            {"video": True, "set": {"acquisition.image_sensor.n_px_width": 55},
             "video_options": {"codec": "MJPG"}},
            "needs even sides",
        ),
        ({"sweep": {"axes": {"acquisition.image_sensor.bit_depth": [8, 12]}}}, "one kind"),
    ],
)  # fmt: skip
def test_what_would_fail_later_is_refused_while_planning(changes, expected):
    assert expected in problems(**changes)


def without_sensor(**changes):
    steps = [{"kind": kind} for kind in STEPS[:-1]]
    return parse_config(CalciumDataset, {"spec": {**SPEC, "steps": steps}, **changes})


def test_a_video_without_sensor_needs_a_range_and_a_movie():
    assert "vmax is needed" in plan.problems(without_sensor(video=True))[0]
    assert plan.problems(without_sensor(video=True, video_options={"vmax": 3.0})) == []
    cells = {**SPEC, "steps": [{"kind": "place_neurons"}]}
    only_cells = parse_config(CalciumDataset, {"spec": cells, "video": True})
    assert "no step makes a movie" in plan.problems(only_cells)[0]


def test_parts_cover_a_recording_once():
    data = dataset(frames_per_part=7)
    [point] = data.expansion.points
    names = plan.parts(data, point)
    assert [plan.part_range(data, point, name) for name in names] == [(0, 7), (7, 14), (14, 20)]
    assert f"scenes/{point.key}.h5" in plan.published(data)


def test_a_recording_that_is_short_enough_has_no_parts():
    data = dataset(frames_per_part=20)
    [point] = data.expansion.points
    assert not plan.is_split(data, point)
    assert plan.parts_of("x", data, point.key) == []


def test_training_shards_deal_every_sample_once_in_a_drawn_order():
    data = dataset(
        seed=4,
        splits={"train": 1.0, "val": 0.0, "test": 0.0},
        sweep={"axes": {"seed": [1, 2, 3]}},
        training={"patch": 16, "frames": 4, "samples_per_recording": 5, "samples_per_shard": 4},
    )
    assert plan.training_shards(data) == {"train": ["00000", "00001", "00002", "00003"]}
    dealt = [
        sample for shard in plan.training_shards(data)["train"]
        for sample in plan.training_samples(data, "train", shard)
    ]  # fmt: skip
    keys = sorted(data.expansion.by_key)
    assert sorted(dealt) == [(key, k) for key in keys for k in range(5)]
    order = generator(4, "calcium.order", 0).permutation(15)
    assert dealt == [(keys[k // 5], int(k % 5)) for k in order]


def test_the_estimate_counts_jobs_and_frames():
    estimate = plan.estimate("sweep", parse_config(CalciumDataset, SWEEP))
    assert (estimate.samples, estimate.jobs) == (6, 11)
    assert estimate.details.startswith("480 frames")
    movies = 6 * 80 * 128 * 128
    assert movies <= estimate.bytes < 1.5 * movies


def test_snapshots_count_as_bytes_and_memory(tmp_path):
    kept = {"output.save_intermediates": True}
    [plain], [snapped] = (dataset(set=s).expansion.points for s in ({}, kept))
    recording = simulate(snapped.spec)
    held = sum(recording.stage(name).nbytes for name in recording.snapshots)
    assert snapshot_bytes(snapped.spec) == held
    assert snapshot_bytes(plain.spec) == 0
    assert plan.estimate("x", dataset(set=kept)).bytes - plan.estimate("x", dataset()).bytes == held
    longer = {**kept, "acquisition.duration_s": 600.0}
    [long] = dataset(set=longer).expansion.points
    assert long.megabytes > held * 600 / 2**20


def test_the_peak_is_that_of_the_largest_job():
    plain = plan.estimate("x", dataset()).peak_mb
    video = plan.estimate("x", dataset(video=True)).peak_mb
    assert video - SNAKEMAKE_MB == 2 * (plain - SNAKEMAKE_MB)
    cut = dataset(training={"patch": 16, "frames": 20})
    assert plan.estimate("x", cut).peak_mb == plain + 1  # 20 frames of 48 x 56 px, 8 bytes each


def test_a_recording_of_very_many_cells_is_told():
    crowd = dataset(set={"steps.place_neurons.density_per_mm3": 3e7})
    assert plan.estimate("x", crowd).details.endswith("cells in one recording take long")


def test_a_dry_run_of_the_cluster_campaign_takes_seconds(root, tmp_path):
    """Asked for are 10 s on a quiet machine."""
    command = [sys.executable, "-m", "snakemake", "calcium", "--snakefile", root / "Snakefile"]
    command += ["--directory", tmp_path, "--dry-run", "--quiet", "rules", "--scheduler", "greedy"]
    command += ["--configfile", root / "config" / "campaigns" / "calcium-cluster.yaml"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    counts = dict(line.split() for line in done.stdout.splitlines() if len(line.split()) == 2)
    assert counts["calcium_recording"] == "1000"
    assert 0.5 < after.ru_utime - before.ru_utime < 20


def test_memory_follows_the_size_of_the_scene():
    [small] = dataset().expansion.points
    [large] = dataset(set={"steps.place_neurons.density_per_mm3": 1e7}).expansion.points
    assert small.megabytes == 400
    assert large.megabytes > 400
    assert np.isfinite(plan.estimate("x", dataset()).cpu_seconds)


def test_mistakes_of_all_data_sets_are_told_at_once():
    preset = {"scope": "miniscope_v4", "region": "ca1"}
    datasets = {
        "typo": {"preset": preset | {"fsp": 20}},
        "path": {"preset": preset, "set": {"na": 0.3}},
        "good": {"preset": preset},
    }
    with pytest.raises(ConfigError) as caught:
        load_campaign({"calcium": {"datasets": datasets}})
    head, typo, path = str(caught.value).splitlines()
    assert head == "configuration: 2 problems"
    assert "calcium.datasets.typo.preset.fsp: unknown key" in typo
    assert "calcium.datasets.path: set: sweep path 'na'" in path
