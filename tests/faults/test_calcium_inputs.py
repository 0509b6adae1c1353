"""Malformed inputs of calcium movies: each is refused in one line that names the file."""

import functools
import json
import tempfile
from pathlib import Path

import numpy as np
from calcium_commands import spec_text
from malformed import (
    BINARY,
    Format,
    contract_of,
    edited,
    replaced,
    swapped,
    without,
)
from malformed_arrays import CONTENTS, attribute_faults, hdf5_faults, npz_faults
from malformed_texts import json_faults, yaml_faults
from scipy.sparse import csr_array

from simlab.calcium.dataset import load_training
from simlab.calcium.files.avi import iter_video
from simlab.calcium.files.parts import part_writer, read_part
from simlab.calcium.files.scenes import read_scene, write_scene
from simlab.calcium.files.training import training_writer
from simlab.cli import main
from simlab.core.files import write_npz, write_text

SMALL = {"n_px_height": 16, "n_px_width": 24}


def command(*words):
    """Run `simlab calcium WORDS`; SystemExit only if it fails."""
    try:
        main(["calcium", *map(str, words)])
    except SystemExit as end:
        if end.code:
            raise


@functools.cache
def simulated():
    """(bytes of a small recording file, bytes of its video, shape of its truth)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_text(folder / "spec.json", spec_text(camera=SMALL, duration_s=0.4))
        command("simulate", folder / "spec.json", "-o", folder / "rec.h5", "--threads", 1)
        command("play", folder / "rec.h5", folder / "rec.avi", "--no-progress")
        return (folder / "rec.h5").read_bytes(), (folder / "rec.avi").read_bytes()


def recording(folder):
    (folder / "rec.h5").write_bytes(simulated()[0])
    return folder / "rec.h5"


def video(folder):
    (folder / "rec.avi").write_bytes(simulated()[1])
    return folder / "rec.avi"


def estimate(folder):
    rng = np.random.default_rng(2)
    arrays = {"A": rng.random((3, 16, 24)), "C": rng.random((3, 8)), "shifts": np.zeros((8, 2))}
    write_npz(folder / "estimate.npz", arrays)
    return folder / "estimate.npz"


def score(path, out):
    rec = recording(Path(tempfile.mkdtemp(dir=path.parent)))
    try:
        command("score", rec, path)
    finally:
        rec.unlink()
        rec.parent.rmdir()


def spec_json(folder):
    write_text(folder / "spec.json", spec_text(camera=SMALL))
    return folder / "spec.json"


def spec_yaml(folder):
    import yaml

    write_text(folder / "spec.yaml", yaml.safe_dump(json.loads(spec_text(camera=SMALL))))
    return folder / "spec.yaml"


def axes(folder):
    write_text(folder / "axes.yaml", "acquisition.optics.na: [0.3, 0.45]\nseed: [1, 2]\n")
    return folder / "axes.yaml"


def sweep(path, _):
    spec = Path(tempfile.mkdtemp(dir=path.parent)) / "base.json"
    write_text(spec, spec_text(camera=SMALL))
    try:
        command("sweep", spec, path)
    finally:
        spec.unlink()
        spec.parent.rmdir()


def part(folder):
    frames = np.arange(5 * 6 * 4, dtype=np.float32).reshape(5, 6, 4)
    with part_writer(folder / "00000.h5", 10, 15, (6, 4), np.float32, "0" * 16) as file:
        file.append(frames)
        file.finish(np.ones((5, 5)))
    return folder / "00000.h5"


def read_frames(path, _):
    return list(read_part(path).blocks(2))


def scene(folder):
    groups = {"cells": {"centers_um": np.ones((3, 3)), "emission": np.ones((4, 3), np.float32)}}
    groups["motion"] = {"shifts": np.zeros((4, 2))}
    attributes = {"rng_state": {"a": 1}, "margin": 3, "spec_cache_key": "0" * 16}
    write_scene(folder / "scene.h5", groups, attributes)
    return folder / "scene.h5"


def rows_of_scene(path, _):
    groups, _ = read_scene(path)
    return groups["cells"]["emission"][1:3], groups["cells"]["centers_um"]


def shard(folder):
    places = [("k", number, 0, 0, 0) for number in range(3)]
    attributes = {"spec": "{}", "shards": 1, "split": "train"}
    with training_writer(
        folder / "train-00000.h5", places, (2, 4, 4), np.float32, clean=True, attributes=attributes
    ) as file:
        for number in range(3):
            file.write(number, np.ones((2, 4, 4)), np.ones((2, 4, 4)))
        file.write_units("k", csr_array(np.eye(3, 16)), {"C": np.ones((3, 8))}, {})
    return folder / "train-00000.h5"


def pairs(path, _):
    data = load_training(path)
    try:
        return [data[number] for number in range(len(data))]
    finally:
        data.close()


def info(path, _):
    command("info", path)


def play(path, out):
    command("play", path, out / "made.avi", "--no-progress")


TEXT_ATTRIBUTE = (3, np.array([1.5, 2.5]))
FINITE = without(CONTENTS, "not a number in it", "an infinity in it")
SPEC_VALUES = {
    "an unknown key": swapped('"acquisition"', '"aquisition"'),
    "a negative duration": swapped('"duration_s": 1.2', '"duration_s": -1.2'),
    "a duration of text": swapped('"duration_s": 1.2', '"duration_s": "long"'),
    "a duration that is not a number": swapped('"duration_s": 1.2', '"duration_s": NaN'),
    "an infinite duration": swapped('"duration_s": 1.2', '"duration_s": Infinity'),
    "a step without a kind": swapped('"kind": "leakage"', '"sort": "leakage"'),
    "an unknown step": swapped('"kind": "leakage"', '"kind": "leekage"'),
    "a key twice": swapped('"duration_s": 1.2', '"duration_s": 1.2, "duration_s": 1.3'),
}
AVI = {
    **BINARY,
    "only the header": edited(lambda raw: raw[: raw.index(b"movi") + 4]),
    "an unknown codec": edited(lambda raw: raw.replace(b"Y800", b"QQ99")),
    "a wave instead": replaced(b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(28)),
    "no list of frames": edited(lambda raw: raw.replace(b"movi", b"none")),
    "an empty RIFF": replaced(b"RIFF\x04\x00\x00\x00AVI "),
}
FORMATS = {
    "specification JSON": Format(
        spec_json,
        lambda path, _: command("key", path),
        without(json_faults("acquisition"), "single quotes", "a comma at the end") | SPEC_VALUES,
    ),
    "specification YAML": Format(
        spec_yaml, lambda path, _: command("key", path), yaml_faults("seed")
    ),
    "axes of a sweep": Format(axes, sweep, yaml_faults("seed"), full=True),
    "recording, described": Format(
        recording,
        info,
        hdf5_faults("ground_truth/C", contents=FINITE)
        | attribute_faults("format", wrong=TEXT_ATTRIBUTE)
        | attribute_faults("spec_json", wrong=("text", *TEXT_ATTRIBUTE))
        | attribute_faults("gt_present", wrong=TEXT_ATTRIBUTE)
        | attribute_faults("canvas_shape", "ground_truth/planted"),
    ),
    "recording, played": Format(recording, play, hdf5_faults("observed", contents=FINITE)),
    "estimate": Format(estimate, score, npz_faults("A") | without(npz_faults("C"), "no C")),
    "video": Format(video, lambda path, _: list(iter_video(path)), AVI),
    "part of a movie": Format(
        part,
        read_frames,
        hdf5_faults("observed")
        | attribute_faults("t0")
        | attribute_faults("sha256", wrong=TEXT_ATTRIBUTE),
    ),
    "scene": Format(
        scene,
        rows_of_scene,
        without(
            hdf5_faults("cells/emission", contents={}),
            *("cells/emission: missing", "cells/emission: a group"),  # a recording may lack it
        )
        | attribute_faults("rng_state", wrong=("text", *TEXT_ATTRIBUTE)),
    ),
    "training shard": Format(
        shard,
        pairs,
        hdf5_faults("noisy", contents=FINITE) | attribute_faults("format", wrong=TEXT_ATTRIBUTE),
    ),
}


(
    test_a_malformed_file_is_refused_in_one_line,
    test_the_intact_file_is_read,
    test_every_format_has_at_least_20_faults,
) = contract_of(FORMATS)
