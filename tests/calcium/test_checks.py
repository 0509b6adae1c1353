"""Every check of a data set fails for the defect it names, and only it; good data pass all."""

import json

import cv2
import h5py
import numpy as np
import pytest
from calcium_finished import ONE, SPEC, STEPS, SmallDataset

from simlab.calcium.movie_checks import saturated
from simlab.calcium.stages.checks import views_of
from simlab.calcium.truth_checks import standard_errors
from simlab.core.errors import ChecksFailedError
from simlab.core.files import read_json, write_json

IDS = [
    *("blur_integral", "gain_mean", "count_range", "expected_mean", "motion_bound"),
    *("field_range", "vessel_range", "truth_shapes", "key_matches", "detectable_matches"),
    *("statistics_match", "video_equals_counts", "saturated", "distinct_points"),
]


def truth(name, value):
    """A change of an array of the ground truth; `value` may be a function of the old one."""

    def change(file):
        array = file["ground_truth"][name]
        array[...] = value(array[...]) if callable(value) else value

    return change


def test_a_good_data_set_passes_every_check(small_calcium):
    rows = small_calcium.rows()
    assert list(rows) == IDS
    assert [row for row in rows.values() if not row.passed] == []
    assert [row.id for row in rows.values() if row.skipped] == []
    keys = {point.key for point in small_calcium.points}
    assert {row.worst_sample for row in rows.values()} == {*keys, None} - (
        keys - {row.worst_sample for row in rows.values()}
    )


def test_a_check_that_fails_is_written_and_named(spoiled):
    spoiled.edit(truth("vignette", 1.5))
    with pytest.raises(ChecksFailedError, match="field_range"):
        spoiled.check()
    failed = read_json(spoiled.path("checks.failed.json"))
    assert [row["id"] for row in failed if not row["passed"]] == ["field_range"]


@pytest.mark.parametrize(
    ("check", "change"),
    [
        ("blur_integral", truth("observed_gain", lambda gain: gain * 1.0001)),
        ("gain_mean", truth("amplitude_per_cell", lambda gain: gain * 2)),
        ("motion_bound", truth("shifts", lambda shifts: shifts * 3)),
        ("field_range", truth("illumination", lambda field: field * 1.01)),
        ("field_range", truth("leakage", lambda field: field + 0.01)),
        ("vessel_range", truth("vasculature_mask", lambda mask: mask + (mask == mask.max()) * 0.1)),
        ("truth_shapes", truth("neuropil_temporal", np.nan)),
        ("detectable_matches", truth("detectable", lambda flags: ~flags)),
    ],
)
def test_a_spoiled_truth_fails_its_check_alone(spoiled, check, change):
    spoiled.edit(change)
    assert spoiled.failed() == [check]


def test_a_missing_array_is_found_without_a_traceback(spoiled):
    def remove(file):
        del file["ground_truth"]["bleaching"]

    spoiled.edit(remove)
    assert spoiled.failed() == ["truth_shapes"]
    assert "bleaching is missing" in spoiled.rows()["truth_shapes"].what


def test_a_file_that_cannot_be_read_fails_instead_of_being_skipped(spoiled):
    path = spoiled.recording()
    path.write_bytes(path.read_bytes()[:2000])
    assert "truth_shapes" in spoiled.failed()


def test_an_array_of_another_shape_is_found(spoiled):
    def cut(file):
        values = file["ground_truth"]["neuropil_population"][:-1]
        del file["ground_truth"]["neuropil_temporal"]
        file["ground_truth"].create_dataset("neuropil_temporal", data=values)

    spoiled.edit(cut)
    assert spoiled.failed() == ["truth_shapes"]


def test_a_recording_of_another_specification_is_found(spoiled):
    def other(file):
        file.attrs["spec_cache_key"] = "0123456789abcdef"

    spoiled.edit(other)
    assert spoiled.failed() == ["key_matches"]


def test_counts_of_more_light_are_not_the_expected_ones(spoiled):
    def brighter(file):
        file["observed"][...] = file["observed"][...] + np.uint8(2)

    spoiled.edit(brighter)
    spoiled.measure_again()
    assert set(spoiled.failed()) == {"expected_mean", "video_equals_counts"}
    spoiled.video().unlink()
    assert spoiled.failed() == ["expected_mean"]


def test_a_count_beyond_the_bit_depth_is_found(tmp_path):
    spec = {**SPEC, "acquisition": {**SPEC["acquisition"]}}
    spec["acquisition"]["image_sensor"] = {**SPEC["acquisition"]["image_sensor"], "bit_depth": 7}
    data = SmallDataset.of(tmp_path / "seven", {**ONE, "spec": spec, "video": False}).make()

    def beyond(file):
        file["observed"][3, 4, 5] = 200

    data.edit(beyond)
    data.measure_again()
    assert data.failed() == ["count_range"]


@pytest.mark.parametrize(
    "change",
    [
        {"clean": None},
        {"unknown": 1},
        lambda content: {"clean": {**content["clean"], "mean": content["clean"]["mean"] * 1.01}},
        lambda content: {"clean": {**content["clean"], "std": content["clean"]["std"] * 1.01}},
        lambda content: {"clean": {**content["clean"], "max": 0.0}},
        lambda content: {"clean": {**content["clean"], "count": 7}},
        lambda content: {
            "clean": {k: v for k, v in content["clean"].items() if k != "frame_means"}
        },
    ],
)
def test_statistics_that_contradict_themselves_are_found(spoiled, change):
    content = read_json(spoiled.statistics())
    write_json(
        spoiled.statistics(), {**content, **(change(content) if callable(change) else change)}
    )
    assert spoiled.failed() == ["statistics_match"]


@pytest.mark.parametrize(
    "changes",
    [
        {"steps.sensor.photons_per_unit": 150.0},
        {"ext.hot_pixels": {"fraction": 2e-3, "level_adu": 3000.0}},
        {"ext.hot_pixels": {"fraction": 2e-3, "level_adu": 10.0}},
        {
            "ext.shot_noise": "poisson",
            "ext.segments": [{"start_frame": 9, "gap_s": 5.0, "exposure": 0.7}],
        },
        {"ext.dropped_frames": {"fraction": 0.4, "fill": "black"}},
    ],
)
def test_good_data_of_bright_movies_and_extensions_pass(tmp_path, changes):
    data = SmallDataset.of(tmp_path / "good", {**ONE, "set": changes, "video": False})
    data.make_movie(data.points[0])
    assert data.failed() == []


def test_a_movie_of_one_brightness_passes(tmp_path):
    """The mean of equal float32 numbers may leave their range by rounding."""
    steps = [{"kind": "leakage", "profile": "uniform", "level": 0.7}, STEPS[-1]]
    data = SmallDataset.of(
        tmp_path / "even", {**ONE, "spec": {**SPEC, "steps": steps}, "video": False}
    )
    data.make_movie(data.points[0])
    assert data.failed() == []


def test_statistics_of_another_movie_are_found(spoiled):
    content = read_json(spoiled.statistics())
    write_json(spoiled.statistics(), {**content, "mean": content["mean"] + 1e-9})
    assert spoiled.failed() == ["statistics_match"]


def test_a_changed_pixel_of_a_video_is_found(spoiled):
    path = spoiled.video()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert spoiled.failed() == ["video_equals_counts"]
    assert spoiled.rows()["video_equals_counts"].measured == 1


def test_a_video_that_misses_frames_is_found(spoiled):
    path = spoiled.video()
    frames = []
    capture = cv2.VideoCapture(str(path))
    while (read := capture.read())[0]:
        frames.append(read[1][:, :, 0])
    height, width = frames[0].shape
    writer = cv2.VideoWriter(
        str(path), cv2.VideoWriter_fourcc(*"Y800"), 20.0, (width, height), isColor=False
    )
    for frame in frames[:-1]:
        writer.write(frame)
    writer.release()
    assert spoiled.failed() == ["video_equals_counts"]
    assert spoiled.rows()["video_equals_counts"].measured == height * width


def test_saturation_is_told_but_does_not_fail(tmp_path):
    bright = [*STEPS[:-1], {"kind": "sensor", "photons_per_unit": 50000.0}]
    data = SmallDataset.of(
        tmp_path / "bright", {**ONE, "spec": {**SPEC, "steps": bright}, "video": False}
    )
    data.make()
    row = data.rows()["saturated"]
    assert row.measured > row.bound == 0.01
    assert row.passed
    [view] = views_of(data.dataset, data.files)
    with h5py.File(data.recording(), "r") as file:
        assert saturated(view).measured == (file["observed"][...] == 255).mean()


def test_equal_points_are_counted(tmp_path):
    twice = {**ONE, "video": False, "sweep": {"axes": {"seed": [5, 5]}}}
    data = SmallDataset.of(tmp_path / "twice", twice).make()
    row = data.rows()["distinct_points"]
    assert (row.measured, row.passed) == (1, True)


def test_without_their_steps_checks_are_skipped_with_a_reason(tmp_path):
    cells = {**SPEC, "steps": STEPS[:2]}
    data = SmallDataset.of(tmp_path / "cells", {**ONE, "spec": cells, "video": False}).make()
    rows = data.rows()
    skipped = {row.id for row in rows.values() if row.skipped}
    assert skipped == {
        *("blur_integral", "count_range", "expected_mean", "motion_bound", "field_range"),
        *("vessel_range", "video_equals_counts", "saturated"),
    }
    assert rows["motion_bound"].what == "skipped: no motion"
    assert all(row.passed for row in rows.values())


def test_a_data_set_of_videos_alone_is_compared_with_movies_rendered_again(tmp_path):
    data = SmallDataset.of(tmp_path / "videos", {**ONE, "recordings": False}).make()
    rows = data.rows()
    assert rows["video_equals_counts"].measured == 0
    assert rows["truth_shapes"].what == "skipped: recordings are not kept (recordings: false)"
    content = bytearray(data.video().read_bytes())
    content[len(content) // 2] ^= 1
    data.video().write_bytes(content)
    assert data.failed() == ["video_equals_counts"]


def test_the_bound_of_means_grows_only_where_many_are_compared():
    assert standard_errors(1) == standard_errors(1000) == 5
    assert 6 < standard_errors(1_000_000) < 6.2


def test_checks_are_the_same_json_for_equal_data(small_calcium):
    first = json.dumps([vars(row) for row in small_calcium.rows().values()])
    assert first == json.dumps([vars(row) for row in small_calcium.rows().values()])
