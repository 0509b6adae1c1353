"""The commands: the workflow's arrays, options, refusals, and nothing left behind on errors."""

import json
import logging
import os
import re
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
from ptycho_campaign import merged, small_dataset

from simlab.cli import main
from simlab.core.config import parse_config
from simlab.core.files import read_npz, write_csv, write_npz
from simlab.ptycho.config import GroupingConfig
from simlab.ptycho.dataset import read_dataset
from simlab.ptycho.options import SimulationOptions, dataset_of
from simlab.ptycho.splits import TEST, TRAIN, split_labels
from simlab.ptycho.stages.groups import write_groups

FRAMES = 24
BASE = {
    "seed": 3,
    "object": {"kind": "dead_leaves", "size": 96},
    "probe": {"N": 32},
    "scan": {"n_images": FRAMES},
    "detector": {"nphotons": 1e5},
}
OPTIONS = ("--n-images", FRAMES, "--seed", 3, "--n-photons", "1e5")


@pytest.fixture(autouse=True)
def in_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """The data set that the workflow makes of BASE."""
    return small_dataset(tmp_path_factory.mktemp("target"), base=BASE)


@pytest.fixture
def ptycho(capsys):
    """Run `simlab ptycho ...`; returns (stdout, stderr)."""

    def call(*arguments, code=0):
        with pytest.raises(SystemExit) as end:
            main(["ptycho", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert (end.value.code or 0) == code, out + err
        return out, err

    return call


def simulate(ptycho, source, output, *options, **settings):
    return ptycho(
        "simulate", "--input-file", source, "--output-file", output, *OPTIONS, *options, **settings
    )


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


# The workflow's bits


def file_of_positions(path):
    x, y = np.random.default_rng(5).uniform(16, 80, (2, FRAMES))
    write_csv(path, ["xcoords", "ycoords"], zip(x, y, strict=True))


TWINS = {
    "plain": ({}, ()),
    "raster": (
        {"scan": {"layout": "raster", "n_images": 25}},
        ("--layout", "raster", "--n-images", 25),
    ),
    "jitter": ({"scan": {"jitter": 1.5, "buffer": 18.5}}, ("--jitter", 1.5, "--buffer", 18.5)),
    "legacy seed": ({"scan": {"legacy_seed": 42}}, ("--legacy-seed", 42)),
    "positions file": (
        {"scan": {"layout": "file", "file": "xy.csv"}},
        ("--positions-file", "xy.csv"),
    ),
    "beamstop": ({"detector": {"beamstop_diameter": 6}}, ("--beamstop", 6)),
    "no noise": ({"detector": {"poisson": False}}, ("--no-poisson",)),
    "counts": (
        {"output": {"measurement": "count_intensity"}},
        ("--measurement", "count_intensity"),
    ),
    "nearest": ({"subpixel": "nearest"}, ("--subpixel", "nearest")),
    "canonical": ({"output": {"contract": "canonical"}}, ("--contract", "canonical")),
    "stored": ({"output": {"compression": "none"}}, ("--compression", "none")),
    "threads": ({}, ("--threads", 2, "--batch", 5)),
    "no cache": ({}, ("--no-cache",)),
    "file": (
        {"detector": {"dose": {"range": [1e3, 1e5]}}, "frames_per_shard": 7},
        ("--simulation-config", "more.yaml"),
    ),
}


@pytest.mark.parametrize("name", TWINS)
def test_simulate_writes_the_bytes_of_the_workflow(tmp_path, ptycho, name):
    file_of_positions(tmp_path / "xy.csv")
    (tmp_path / "more.yaml").write_text(
        "detector: {dose: {range: [1.0e3, 1.0e5]}}\nframes_per_shard: 5\n"
    )
    changes, options = TWINS[name]
    data = small_dataset(tmp_path / "target", changes, base=BASE)
    simulate(ptycho, data["input.npz"], "out.npz", *options)
    assert (tmp_path / "out.npz").read_bytes() == data["simulated.npz"].read_bytes()


@pytest.mark.parametrize("name", ["plain", "counts", "canonical", "file"])
def test_simulate_writes_the_arrays_of_the_workflows_h5(tmp_path, ptycho, name):
    changes, options = TWINS[name]
    (tmp_path / "more.yaml").write_text("detector: {dose: {range: [1.0e3, 1.0e5]}}\n")
    data = small_dataset(tmp_path / "target", changes, base=BASE)
    simulate(ptycho, data["input.npz"], "out.h5", *options)
    with h5py.File("out.h5") as ours, h5py.File(data["simulated.h5"]) as theirs:
        assert set(ours) == set(theirs)
        for key in ours:
            assert ours[key].dtype == theirs[key].dtype
            np.testing.assert_array_equal(ours[key], theirs[key], err_msg=key)
        assert ours.attrs["_metadata"] == theirs.attrs["_metadata"]


def test_incoherent_modes_are_those_of_the_workflow(tmp_path, ptycho, target):
    data = small_dataset(tmp_path / "target", {"probe": {"modes": {"count": 3}}}, base=BASE)
    simulate(ptycho, target["input.npz"], "out.npz", "--probe-modes", 3)
    assert (tmp_path / "out.npz").read_bytes() == data["simulated.npz"].read_bytes()


def test_lines_makes_the_workflows_default_object_and_data_set(tmp_path, ptycho):
    config = {"seed": 9, "probe": {"N": 32}, "scan": {"n_images": 20}}
    data = small_dataset(tmp_path / "target", base=config)
    out, _ = ptycho(
        "lines", "--output-dir", "made", "--probe-size", 32, "--n-images", 20, "--seed", 9
    )
    assert "purely real" in out
    assert out.splitlines()[-1].startswith("Wrote made/simulated_data.npz: 20 frames 32x32, ")
    assert names(tmp_path / "made") == ["simulated_data.npz", "synthetic_input.npz"]
    stage1 = read_npz("made/synthetic_input.npz")
    assert stage1["objectGuess"].shape == (112, 112)
    for made, wanted in (("synthetic_input", "input"), ("simulated_data", "simulated")):
        ours = tmp_path / "made" / f"{made}.npz"
        assert ours.read_bytes() == data[f"{wanted}.npz"].read_bytes()


def test_lines_hands_on_every_option_of_simulate_and_makes_other_objects(tmp_path, ptycho):
    config = {
        "seed": 5,
        "object": {"kind": "grf", "size": 80, "phase": "tanh"},
        "probe": {"N": 32},
        "scan": {"n_images": 25, "layout": "raster"},
        "detector": {"nphotons": 1e4},
    }
    data = small_dataset(tmp_path / "target", base=config)
    ptycho(
        *("lines", "--output-dir", "made", "--probe-size", 32, "--object-type", "grf"),
        *("--object-size", 80, "--phase", "tanh", "--seed", 5, "--n-images", 25),
        *("--layout", "raster", "--n-photons", "1e4", "--gridsize", 2, "--visualize"),
    )
    assert (tmp_path / "made" / "simulated_data.npz").read_bytes() == (
        data["simulated.npz"].read_bytes()
    )
    assert names(tmp_path / "made") == [
        "simulated_data.npz",
        "simulated_data_grouped_g2.npz",
        "simulated_data_visualization.png",
        "synthetic_input.npz",
    ]


def test_lines_takes_the_seed_of_a_configuration_file_for_the_object_too(tmp_path, ptycho):
    (tmp_path / "more.yaml").write_text("seed: 9\nscan: {n_images: 8}\n")
    common = ("--probe-size", 32, "--no-cache")
    ptycho("lines", "--output-dir", "file", "--simulation-config", "more.yaml", *common)
    ptycho("lines", "--output-dir", "options", "--seed", 9, "--n-images", 8, *common)
    for name in names(tmp_path / "file"):
        assert (tmp_path / "file" / name).read_bytes() == (tmp_path / "options" / name).read_bytes()


def test_doses_share_positions_and_equal_single_simulations(tmp_path, ptycho, target):
    out, _ = ptycho(
        *("doses", "--input-file", target["input.npz"], "--output-dir", "made"),
        *("--photons", "1e3", "--photons", "1e6", "--n-images", FRAMES, "--seed", 3),
    )
    assert names(tmp_path / "made") == ["dose_1000.npz", "dose_1e+06.npz"]
    assert [line.split(":")[0] for line in out.splitlines()] == [
        "Wrote made/dose_1000.npz",
        "Wrote made/dose_1e+06.npz",
    ]
    for photons in ("1e3", "1e6"):
        simulate(ptycho, target["input.npz"], "one.npz", "--n-photons", photons, "--force")
        made = tmp_path / "made" / f"dose_{float(photons):g}.npz"
        assert made.read_bytes() == (tmp_path / "one.npz").read_bytes()


def test_doses_of_one_name_and_an_own_photon_number_are_refused(tmp_path, ptycho, target):
    start = ("doses", "--input-file", target["input.npz"], "--output-dir", "made")
    _, err = ptycho(*start, "--photons", 1234567, "--photons", 1234568, code=1)
    assert "same file name" in err
    _, err = ptycho(*start, "--photons", 5, "--n-photons", 6, code=1)
    assert "--photons" in err
    _, err = ptycho(*start, "--photons", -5, code=1)
    assert "nphotons" in err
    assert names(tmp_path) == []


def test_a_dose_that_fails_leaves_none_of_the_files(tmp_path, ptycho, target):
    (tmp_path / "more.yaml").write_text("output: {counts_dtype: uint16}\n")
    _, err = ptycho(
        *("doses", "--input-file", target["input.npz"], "--output-dir", "made/here"),
        *("--photons", "1e3", "--photons", "1e9", "--measurement", "count_intensity", "--no-cache"),
        *("--simulation-config", "more.yaml", "--n-images", 4),
        code=1,
    )
    assert re.search(r"frame \d+, pixel .* count \d+ does not fit uint16", err)
    assert "nphotons" in err
    assert names(tmp_path) == ["more.yaml"]


# Options


def test_underscores_stand_for_dashes(tmp_path, ptycho, target):
    simulate(ptycho, target["input.npz"], "dashes.npz")
    ptycho(
        *("simulate", "--input_file", target["input.npz"], "--output_file", "under_scores.npz"),
        *("--n_images", FRAMES, "--seed=3", "--n_photons=1e5", "--no_cache"),
    )
    assert (tmp_path / "dashes.npz").read_bytes() == (tmp_path / "under_scores.npz").read_bytes()


def test_the_last_line_says_what_was_written(ptycho, target):
    out, _ = simulate(ptycho, target["input.npz"], "out.npz")
    match = re.fullmatch(
        r"Wrote out\.npz: 24 frames 32x32, \d+\.\d s, mean counts (\S+)", out.splitlines()[-1]
    )
    raw = read_dataset("out.npz")
    counts = np.rint((raw.diff3d.astype(float) * raw.intensity_scale) ** 2)
    assert float(match[1]) == pytest.approx(counts.sum(axis=(1, 2)).mean(), rel=1e-5)


def test_defaults_are_those_of_the_original_command(ptycho, target):
    dataset = dataset_of(SimulationOptions(), (96, 96))
    assert dataset.scan.n_images == 500
    assert dataset.detector.nphotons == 1e9
    assert dataset.seed == 42
    assert dataset.scan.buffer is None


def test_command_line_wins_over_file_wins_over_default(tmp_path):
    path = tmp_path / "more.yaml"
    path.write_text(
        "seed: 8\nscan: {n_images: 30, jitter: 2}\n"
        "detector: {nphotons: 1.0e6, background: 0.5}\nprobe: {modes: {count: 2}}\n"
    )
    options = SimulationOptions(simulation_config=path, n_photons=1e4, seed=1, probe_modes=3)
    dataset = dataset_of(options, (96, 96))
    assert (dataset.detector.nphotons, dataset.seed, dataset.probe.modes.count) == (1e4, 1, 3)
    assert (dataset.scan.n_images, dataset.scan.jitter) == (30, 2)
    assert (dataset.detector.background, dataset.subpixel) == (0.5, "bilinear")
    dataset = dataset_of(SimulationOptions(simulation_config=path), (96, 96))
    assert (dataset.detector.nphotons, dataset.seed, dataset.probe.modes.count) == (1e6, 8, 2)


def test_a_buffer_that_is_too_large_is_clamped_with_both_numbers(caplog):
    dataset = dataset_of(SimulationOptions(buffer=500), (96, 80))
    assert dataset.scan.buffer == 39
    assert "500" in caplog.text
    assert "39" in caplog.text


def test_gridsize_and_visualize_write_their_files_beside_the_output(tmp_path, ptycho, target):
    simulate(ptycho, target["input.npz"], "o/out.npz", "--gridsize", 2, "--visualize")
    assert names(tmp_path / "o") == ["out.npz", "out_grouped_g2.npz", "out_visualization.png"]
    grouping = parse_config(GroupingConfig, {"gridsize": 2, "K": 4}).model_dump()
    spec = {"seed": 3, "gridsize": 2, "grouping": grouping}
    write_groups(spec, target["simulated.h5"], tmp_path / "groups.npz")
    assert (tmp_path / "groups.npz").read_bytes() == (
        (tmp_path / "o" / "out_grouped_g2.npz").read_bytes()
    )


def test_a_grouping_section_writes_the_grouped_file_too(tmp_path, ptycho, target):
    path = tmp_path / "more.yaml"
    path.write_text("grouping: {gridsize: 2, K: 6, nsamples: 10}\n")
    values = {"gridsize": 2, "K": 6, "nsamples": 10}
    spec = {"seed": 3, "gridsize": 2, "grouping": parse_config(GroupingConfig, values).model_dump()}
    write_groups(spec, target["simulated.h5"], tmp_path / "groups.npz")
    more = ("--simulation-config", path)
    simulate(ptycho, target["input.npz"], "o/out.npz", *more)
    assert names(tmp_path / "o") == ["out.npz", "out_grouped_g2.npz"]
    assert (tmp_path / "o/out_grouped_g2.npz").read_bytes() == (
        (tmp_path / "groups.npz").read_bytes()
    )
    simulate(ptycho, target["input.npz"], "one/out.npz", *more, "--gridsize", 1)
    assert names(tmp_path / "one") == ["out.npz"]
    simulate(ptycho, target["input.npz"], "three/out.npz", *more, "--gridsize", 3)
    assert names(tmp_path / "three") == ["out.npz", "out_grouped_g3.npz"]
    assert read_npz("three/out_grouped_g3.npz")["nn_indices"].shape == (10, 9)


def test_grid_groups_are_simulated_of_a_file_and_written_grouped(tmp_path, ptycho, target):
    source = {"kind": "file", "file": str(target["input.npz"])}
    config = merged(BASE, {"object": None, "probe": None})
    config |= {"object": source, "probe": source, "scan": {"layout": "grid_groups"}}
    data = small_dataset(tmp_path / "target", base=config)
    frames = data.sizes.frames
    ptycho(
        *("simulate", "--input-file", target["input.npz"], "--output-file", "out.npz"),
        *("--layout", "grid_groups", "--seed", 3, "--n-photons", "1e5"),
    )
    assert (tmp_path / "out.npz").read_bytes() == data["simulated.npz"].read_bytes()
    grouped = read_npz("out_grouped_g2.npz")["nn_indices"]
    np.testing.assert_array_equal(grouped, np.arange(frames).reshape(-1, 4))
    _, err = ptycho(
        *("simulate", "--input-file", target["input.npz"], "--output-file", "two.npz"),
        *("--layout", "grid_groups", "--n-images", 5),
        code=1,
    )
    assert "n_images" in err
    (tmp_path / "wide.yaml").write_text("scan: {layout: grid_groups, options: {offset: 100}}")
    _, err = ptycho(
        *("simulate", "--input-file", target["input.npz"], "--output-file", "two.npz"),
        *("--simulation-config", "wide.yaml"),
        code=1,
    )
    assert_one_line(err, "grid_groups", "(96, 96)", "132 px")


def test_a_buffer_written_as_text_is_clamped_like_a_number(tmp_path):
    (tmp_path / "more.yaml").write_text('scan: {buffer: "1000"}\n')
    options = SimulationOptions(simulation_config=tmp_path / "more.yaml")
    assert dataset_of(options, (96, 80)).scan.buffer == 39


def test_lines_accepts_a_small_object_when_asked_for(tmp_path, ptycho):
    small = ("lines", "--output-dir", "made", "--probe-size", 64, "--object-size", 32)
    _, err = ptycho(*small, "--n-images", 4, code=1)
    assert "smaller than the probe" in err
    assert names(tmp_path) == []
    ptycho(*small, "--n-images", 4, "--allow-small-object", "--no-cache")
    assert read_npz("made/synthetic_input.npz")["objectGuess"].shape == (32, 32)
    assert len(read_dataset("made/simulated_data.npz")) == 4


@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_a_data_set_serves_as_input(tmp_path, ptycho, target, suffix):
    simulate(ptycho, target[f"simulated.{suffix}"], "out.npz", "--visualize")
    ours, theirs = read_dataset("out.npz"), read_dataset(target["simulated.npz"])
    np.testing.assert_array_equal(ours.diff3d, theirs.diff3d)
    assert (tmp_path / "out_visualization.png").exists()


def test_small_objects_are_accepted_when_asked_for(tmp_path, ptycho):
    probe = np.ones((32, 32), np.complex64)
    write_npz("small.npz", {"objectGuess": np.ones((40, 24), np.complex64), "probeGuess": probe})
    _, err = simulate(ptycho, "small.npz", "out.npz", code=1)
    assert "(40, 24)" in err
    assert "--allow-small-object accepts it" in err
    assert "(32, 32)" in err
    simulate(ptycho, "small.npz", "out.npz", "--allow-small-object")
    assert len(read_dataset("out.npz")) == FRAMES


# Errors


def write_source(path="in.npz", **changes):
    arrays = {
        "objectGuess": np.ones((96, 96), np.complex64),
        "probeGuess": np.ones((32, 32), np.complex64),
    } | changes
    write_npz(path, {key: value for key, value in arrays.items() if value is not None})


def spoiled(array, place, value):
    array = np.array(array)
    array[place] = value
    return array


ONES = np.ones((32, 32), np.complex64)
BAD_INPUTS = {
    "missing key": ({"probeGuess": None}, ["must contain", "probeGuess", "objectGuess"]),
    "odd": ({"probeGuess": np.ones((31, 31), np.complex64)}, ["31", "even"]),
    "not square": ({"probeGuess": np.ones((32, 30), np.complex64)}, ["(32, 30)", "square"]),
    "one axis": ({"probeGuess": np.ones(32, np.complex64)}, ["(32,)"]),
    "small object": (
        {"objectGuess": np.ones((20, 96), np.complex64)},
        ["(20, 96)", "(32, 32)", "smaller"],
    ),
    "not finite": ({"probeGuess": spoiled(ONES, 0, np.nan)}, ["probeGuess", "32 of 1024"]),
    "dark probe": ({"probeGuess": 0 * ONES}, ["no energy"]),
    "dark object": ({"objectGuess": np.zeros((96, 96), np.complex64)}, ["no energy"]),
    "text": ({"objectGuess": np.array([["a"] * 40] * 40)}, ["objectGuess", "numeric"]),
}


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_bad_input_files_are_refused_in_one_line(tmp_path, ptycho, name):
    changes, texts = BAD_INPUTS[name]
    write_source(**changes)
    _, err = simulate(ptycho, "in.npz", "made/deep/out.npz", "--no-cache", code=1)
    assert_one_line(err, "in.npz" if "energy" not in texts[0] else "", *texts)
    assert names(tmp_path) == ["in.npz"]


def assert_one_line(err, *texts):
    (line,) = [line for line in err.splitlines() if not line.startswith("WARNING")]
    assert line.startswith("Error: ")
    assert "Traceback" not in err
    for text in texts:
        assert text in line


@pytest.mark.parametrize(
    ("content", "text"), [(b"no archive", "in.npz"), (b"PK\x03\x04 cut off", "in.npz")]
)
def test_files_that_are_no_archives_are_refused(tmp_path, ptycho, content, text):
    (tmp_path / "in.npz").write_bytes(content)
    _, err = simulate(ptycho, "in.npz", "out.npz", code=1)
    assert_one_line(err, text)
    assert names(tmp_path) == ["in.npz"]


def test_a_truncated_input_is_refused(tmp_path, ptycho):
    write_source()
    whole = (tmp_path / "in.npz").read_bytes()
    (tmp_path / "in.npz").write_bytes(whole[: len(whole) // 2])
    _, err = simulate(ptycho, "in.npz", "out.npz", code=1)
    assert_one_line(err, "in.npz")


BAD_OPTIONS = {
    "output suffix": (("--output-file", "out.mat"), ["out.mat", ".npz, .h5"]),
    "output is a folder": (("--output-file", "folder.npz"), ["folder.npz", "folder"]),
    "not writable": (("--output-file", "in.npz/deep/out.npz"), ["cannot write", "in.npz/deep"]),
    "no images": (("--n-images", 0), ["n_images", "1", "0"]),
    "no photons": (("--n-photons", 0), ["nphotons", "0"]),
    "infinite photons": (("--n-photons", "inf"), ["nphotons", "finite"]),
    "negative seed": (("--seed", -1), ["seed", "-1"]),
    "negative buffer": (("--buffer", -3), ["buffer is -3", "47"]),
    "raster": (("--layout", "raster", "--n-images", 500), ["500", "484", "529"]),
    "layout": (("--layout", "hexagon"), ["hexagon", "raster"]),
    "measurement": (("--measurement", "photons"), ["photons", "count_intensity"]),
    "subpixel": (("--subpixel", "cubic"), ["cubic", "fourier"]),
    "compression": (("--compression", "zip"), ["zip", "deflate"]),
    "missing positions": (("--positions-file", "no.csv"), ["no.csv"]),
    "positions twice": (
        ("--positions-file", "xy.csv", "--layout", "raster"),
        ["raster", "--positions-file"],
    ),
    "few positions": (("--positions-file", "xy.csv", "--n-images", 25), ["25", "24"]),
    "bad row": (("--positions-file", "bad.csv", "--n-images", 2), ["bad.csv", "row 2"]),
    "bad column": (("--positions-file", "column.csv"), ["column.csv", "'ycoords'", "x', 'xcoords"]),
    "missing file": (("--simulation-config", "no.yaml"), ["no.yaml"]),
    "not a mapping": (("--simulation-config", "list.yaml"), ["list.yaml", "mapping"]),
    "key": (("--simulation-config", "key.yaml"), ["key.yaml", "detector.backgroud", "background"]),
    "section": (("--simulation-config", "section.yaml"), ["section.yaml: scan", "mapping"]),
    "sections": (
        ("--simulation-config", "sections.yaml", "--jitter", 1),
        ["sections.yaml: scan", "mapping"],
    ),
    "buffer": (("--simulation-config", "buffer.yaml"), ["scan.buffer", "wide"]),
    "object": (("--simulation-config", "object.yaml"), ["object", "input file"]),
    "too few frames": (("--gridsize", 5), ["24 frames", "25"]),
    "split": (("--simulation-config", "split.yaml"), ["split.yaml: split", "simlab ptycho split"]),
    "splits": (("--simulation-config", "splits.yaml"), ["splits.yaml: splits", "ptycho split"]),
    "merge": (("--simulation-config", "merge.yaml"), ["merge.yaml: output.merge", "one file"]),
    "npz": (("--simulation-config", "npz.yaml"), ["npz.yaml: output.npz", "suffix"]),
    "grouping": (("--simulation-config", "grouping.yaml"), ["24 frames", "25"]),
    "legacy groups": (
        ("--simulation-config", "legacy.yaml", "--seed", 2**32),
        ["seed (4294967296)", "grouping.legacy"],
    ),
    "empty positions": (("--positions-file", "empty.csv"), ["empty.csv: holds no position"]),
    "beamstop": (("--beamstop", 46), ["beamstop_diameter is 46", "all 32 x 32"]),
    "mask": (
        ("--simulation-config", "mask.yaml"),
        ["mask.npz: the mask has shape (8, 8), expected (32, 32)"],
    ),
    "fixed pitch": (
        ("--layout", "fixed_pitch_raster", "--n-images", 400),
        ["20 x 20", "end at 92", "is 80"],
    ),
}
FILES = {
    "bad.csv": "xcoords,ycoords\n20,20\n20,nan\n",
    "column.csv": "x,xcoords\n20,20\n",
    "list.yaml": "- 1\n",
    "key.yaml": "detector: {backgroud: 1}\n",
    "section.yaml": "scan:\n",
    "sections.yaml": "scan: 5\n",
    "buffer.yaml": "scan: {buffer: wide}\n",
    "object.yaml": "object: {kind: lines}\n",
    "split.yaml": "split: {files: true}\n",
    "splits.yaml": "splits: {axis: x}\n",
    "merge.yaml": "output: {merge: copy}\n",
    "npz.yaml": "output: {npz: false}\n",
    "grouping.yaml": "grouping: {gridsize: 5, K: 25}\n",
    "legacy.yaml": "grouping: {legacy: true}\n",
    "empty.csv": "xcoords,ycoords\n",
    "mask.yaml": "detector: {mask_file: mask.npz}\n",
}


@pytest.mark.parametrize("name", BAD_OPTIONS)
def test_options_that_cannot_be_used_leave_nothing_behind(tmp_path, ptycho, name):
    write_source()
    (tmp_path / "folder.npz").mkdir()
    file_of_positions(tmp_path / "xy.csv")
    write_npz(tmp_path / "mask.npz", {"mask": np.ones((8, 8), np.uint8)})
    for file, text in FILES.items():
        (tmp_path / file).write_text(text)
    before = names(tmp_path)
    options, texts = BAD_OPTIONS[name]
    _, err = simulate(ptycho, "in.npz", "made/deep/out.npz", *options, "--no-cache", code=1)
    assert err.startswith(("Error: ", "WARNING: "))
    assert "Traceback" not in err
    for text in texts:
        assert text in err
    assert names(tmp_path) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("simulate",),
        ("simulate", "--input-file", "in.npz"),
        ("simulate", "--input-file", "in.npz", "--output-file", "o.npz", "--n-images", "many"),
        ("simulate", "--input-file", "in.npz", "--output-file", "o.npz", "--threads", 0),
        ("simulate", "--input-file", "in.npz", "--output-file", "o.npz", "--gridsize", 0),
        ("simulate", "--input-file", "in.npz", "--output-file", "o.npz", "--colour", "red"),
        ("paint",),
        ("show",),
    ],
)
def test_command_lines_that_make_no_sense_exit_with_2(tmp_path, ptycho, arguments):
    _, err = ptycho(*arguments, code=2)
    assert "Usage" in err
    assert names(tmp_path) == []


def test_a_missing_file_is_one_line_and_exit_code_1_for_the_shell(tmp_path, run):
    done = run(
        *("simlab.cli", "ptycho", "simulate", "--input-file", "gone.npz"),
        *("--output-file", "out.npz"),
        cwd=tmp_path,
        code=1,
    )
    assert done.stdout == ""
    assert done.stderr == "Error: Input file not found: gone.npz\n"
    assert names(tmp_path) == []


def test_a_failure_of_stage_2_is_the_failure_of_lines(tmp_path, ptycho):
    _, err = ptycho(
        *("lines", "--output-dir", "made", "--probe-size", 32, "--layout", "raster"),
        *("--n-images", 7),
        code=1,
    )
    assert "n_images is 7" in err
    assert names(tmp_path) == []


# Existing outputs


def test_an_output_of_other_parameters_is_kept_unless_forced(tmp_path, ptycho, target):
    simulate(ptycho, target["input.npz"], "out.npz")
    first = (tmp_path / "out.npz").read_bytes()
    simulate(ptycho, target["input.npz"], "out.npz")
    assert (tmp_path / "out.npz").read_bytes() == first
    _, err = simulate(ptycho, target["input.npz"], "out.npz", "--jitter", 1, code=1)
    assert_one_line(err, "out.npz exists", "--force")
    assert (tmp_path / "out.npz").read_bytes() == first
    simulate(ptycho, target["input.npz"], "out.npz", "--jitter", 1, "--force")
    assert (tmp_path / "out.npz").read_bytes() != first


def test_another_input_file_is_another_parameter(tmp_path, ptycho, target):
    simulate(ptycho, target["input.npz"], "out.npz")
    arrays = read_npz(target["input.npz"])
    write_npz("other.npz", {**arrays, "objectGuess": arrays["objectGuess"] * np.complex64(1j)})
    _, err = simulate(ptycho, "other.npz", "out.npz", code=1)
    assert "--force" in err


def test_names_of_keys_are_no_parameter(ptycho, target):
    simulate(ptycho, target["input.npz"], "out.npz")
    simulate(ptycho, target["input.npz"], "out.npz", "--contract", "canonical")
    assert "diffraction" in read_npz("out.npz")


@pytest.mark.parametrize("content", [b"", b"important notes"])
def test_a_file_that_is_no_data_set_is_kept_unless_forced(tmp_path, ptycho, target, content):
    (tmp_path / "out.npz").write_bytes(content)
    _, err = simulate(ptycho, target["input.npz"], "out.npz", code=1)
    assert "--force" in err
    assert (tmp_path / "out.npz").read_bytes() == content
    simulate(ptycho, target["input.npz"], "out.npz", "--force")
    assert len(read_dataset("out.npz")) == FRAMES


def test_lines_keeps_a_folder_of_other_parameters_whole(tmp_path, ptycho):
    common = ("lines", "--output-dir", "made", "--probe-size", 32, "--n-images", 4)
    ptycho(*common)
    before = {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir()}
    ptycho(*common, "--seed", 5, code=1)
    assert {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir()} == before
    ptycho(*common, "--seed", 5, "--force")
    assert before["synthetic_input.npz"] != (tmp_path / "made/synthetic_input.npz").read_bytes()


# The cache


def test_a_second_run_reads_the_cache_and_writes_the_same_bytes(tmp_path, ptycho, target, caplog):
    caplog.set_level(logging.INFO)
    simulate(ptycho, target["input.npz"], "one.npz")
    (entry,) = (tmp_path / ".artifacts/synthetic_helpers/cache").iterdir()
    assert entry.name.startswith("simulate_")
    assert f"stored .artifacts/synthetic_helpers/cache/{entry.name}" in caplog.text
    caplog.clear()
    simulate(ptycho, target["input.npz"], "two.npz")
    assert "loaded" in caplog.text
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    simulate(ptycho, target["input.npz"], "three.npz", "--threads", 2)
    simulate(ptycho, target["input.npz"], "four.npz", "--jitter", 1)
    assert len(list(entry.parent.iterdir())) == 2


def test_cache_dir_and_no_cache(tmp_path, ptycho, target):
    simulate(ptycho, target["input.npz"], "one.npz", "--no-cache")
    assert names(tmp_path) == ["one.npz"]
    simulate(ptycho, target["input.npz"], "two.npz", "--cache-dir", "mine")
    assert len(list((tmp_path / "mine").iterdir())) == 1
    assert not (tmp_path / ".artifacts").exists()


def test_positions_of_another_content_are_another_cache_entry(tmp_path, ptycho, target):
    file_of_positions(tmp_path / "xy.csv")
    simulate(ptycho, target["input.npz"], "one.npz", "--positions-file", "xy.csv")
    x, y = np.full((2, FRAMES), 40.0)
    write_csv(tmp_path / "xy.csv", ["xcoords", "ycoords"], zip(x, y, strict=True))
    simulate(ptycho, target["input.npz"], "two.npz", "--positions-file", "xy.csv")
    assert (read_npz("two.npz")["xcoords"] == 40).all()


def test_streamed_outputs_say_that_they_do_not_use_the_cache(tmp_path, ptycho, target, caplog):
    caplog.set_level(logging.INFO)
    simulate(ptycho, target["input.npz"], "out.h5")
    assert "out.h5 is streamed and does not use the cache" in caplog.text
    caplog.clear()
    simulate(ptycho, target["input.npz"], "out.h5", "--no-cache")
    assert "cache" not in caplog.text
    assert names(tmp_path) == ["out.h5"]


def test_what_only_shapes_files_finds_the_same_cache_entry(tmp_path, ptycho, target):
    (tmp_path / "more.yaml").write_text("frames_per_shard: 5\ngrouping: {gridsize: 2}\n")
    simulate(ptycho, target["input.npz"], "plain.npz", "--no-cache")
    simulate(ptycho, target["input.npz"], "one.npz", "--compression", "none")
    simulate(ptycho, target["input.npz"], "two.npz", "--contract", "canonical")
    simulate(ptycho, target["input.npz"], "three.npz", "--simulation-config", "more.yaml")
    assert len(list((tmp_path / ".artifacts/synthetic_helpers/cache").iterdir())) == 1
    assert (tmp_path / "three.npz").read_bytes() == (tmp_path / "plain.npz").read_bytes()
    assert "diffraction" in read_npz("two.npz")


# Working folders


def test_working_folders_of_killed_runs_are_swept_after_a_day(tmp_path, ptycho, target):
    old, new = (tmp_path / f".out.npz.{name}.working" for name in ("old", "new"))
    others = tmp_path / ".out.npz.backup", tmp_path / ".other.npz.old.working"
    for folder in (old, new, *others):
        folder.mkdir()
        (folder / "00000.h5").write_text("x")
    for folder in (old, *others):
        for path in (folder / "00000.h5", folder):
            os.utime(path, (1e9, 1e9))
    os.utime(new, (1e9, 1e9))  # but a file in it is still being written
    simulate(ptycho, target["input.npz"], "out.npz", "--no-cache")
    assert {path for path in tmp_path.iterdir() if path.is_dir()} == {new, *others}


@pytest.mark.parametrize("command", ["simulate", "lines"])
def test_sigterm_ends_a_command_without_leaving_anything(tmp_path, target, root, command):
    ending = {
        "simulate": ("--input-file", target["input.npz"], "--output-file", "made/out.h5"),
        "lines": ("--output-dir", "made", "--probe-size", "32", "--no-cache"),
    }[command]
    running = subprocess.Popen(
        [
            *(sys.executable, "-m", "simlab.cli", "ptycho", command, *map(str, ending)),
            *("--n-images", "200000"),
        ],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not list((tmp_path).glob("made/.*/positions.npz")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert names(tmp_path) != []
    running.terminate()
    assert running.wait(60) == 143
    assert names(tmp_path) == []


# Stage 1


def test_input_writes_the_stage_1_file_of_the_workflow(tmp_path, ptycho):
    config = {
        "seed": 7,
        "object": {"kind": "grf", "size": 96, "phase": "zero"},
        "probe": {"N": 32, "scale": 0.5},
        "scan": {"n_images": 1},
    }
    data = small_dataset(tmp_path / "target", base=config)
    out, _ = ptycho(
        *("input", "--kind", "grf", "--size", 96, "--probe-size", 32, "--probe-scale", 0.5),
        *("--seed", 7, "--phase", "zero", "--output-file", "in.npz"),
    )
    assert "purely real" in out
    assert out.splitlines()[-1] == "Wrote in.npz"
    assert (tmp_path / "in.npz").read_bytes() == data["input.npz"].read_bytes()


def test_input_takes_object_and_probe_from_files(tmp_path, ptycho, target):
    source, images = target["input.npz"], read_npz(target["input.npz"])
    ptycho("input", "--object-file", source, "--probe-file", source, "--output-file", "same.npz")
    assert (tmp_path / "same.npz").read_bytes() == source.read_bytes()
    write_npz("named.npz", {"sample": images["objectGuess"]})
    ptycho(
        *("input", "--object-file", "named.npz", "--object-key", "sample"),
        *("--probe-kind", "gaussian", "--probe-size", 32, "--output-file", "mixed.npz"),
    )
    mixed = read_npz("mixed.npz")
    np.testing.assert_array_equal(mixed["objectGuess"], images["objectGuess"])
    assert mixed["probeGuess"].shape == (32, 32)


def test_input_draws_as_the_original_with_a_legacy_seed(ptycho, data):
    ptycho(
        *("input", "--kind", "lines", "--size", 96, "--probe-size", 32, "--legacy-seed", 42),
        *("--output-file", "in.npz"),
    )
    reference = read_npz(data / "ptycho" / "objects.npz", ["lines_size96_seed42"])
    np.testing.assert_allclose(
        read_npz("in.npz")["objectGuess"].real, reference["lines_size96_seed42"], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        (("--kind", "lnes"), ["object.kind", "'lnes'", "lines"]),
        (("--kind", "xpp"), ["xpp", "kind: file"]),
        (("--size", 20), ["smaller than the probe"]),
        (("--probe-size", 33), ["even"]),
        (("--object-file", "gone.npz"), ["gone.npz"]),
        (("--object-file", "in.txt"), ["in.txt"]),
        (("--object-file", "SOURCE", "--kind", "grf"), ["--kind grf", "--object-file"]),
        (("--object-file", "SOURCE", "--size", 96), ["object.size"]),
        (("--object-file", "SOURCE", "--object-key", "probe"), ["'probe'", "objectGuess"]),
        (("--object-key", "sample"), ["--object-key sample", "--object-file"]),
        (("--probe-file", "SOURCE", "--probe-kind", "fzp"), ["--probe-kind fzp"]),
        (("--probe-file", "SOURCE", "--probe-size", 64), ["64", "32"]),
        (("--kind", "testimg"), ["image"]),
    ],
)
def test_input_refuses_what_does_not_go_together(tmp_path, ptycho, target, options, texts):
    (tmp_path / "in.txt").write_text("text")
    options = [target["input.npz"] if option == "SOURCE" else option for option in options]
    _, err = ptycho("input", *options, "--output-file", "made/out.npz", code=1)
    for text in texts:
        assert text in err
    assert "Traceback" not in err
    assert names(tmp_path) == ["in.txt"]


# Files of data sets


def test_group_writes_the_groups_of_the_stage(tmp_path, ptycho, target):
    values = {"gridsize": 2, "K": 6, "nsamples": 10, "legacy": True}
    spec = {"seed": 5, "gridsize": 2, "grouping": parse_config(GroupingConfig, values).model_dump()}
    write_groups(spec, target["simulated.npz"], tmp_path / "expected.npz")
    out, _ = ptycho(
        *("group", target["simulated.npz"], "--gridsize", 2, "-K", 6, "--nsamples", 10),
        *("--legacy", "--seed", 5, "-o", "groups.npz"),
    )
    assert out == "Wrote groups.npz\n"
    assert (tmp_path / "groups.npz").read_bytes() == (tmp_path / "expected.npz").read_bytes()


def test_group_names_its_file_and_oversamples_when_asked(tmp_path, ptycho, target):
    simulate(ptycho, target["input.npz"], "out.npz", "--no-cache")
    ptycho("group", "out.npz")
    assert names(tmp_path) == ["out.npz", "out_grouped_g2.npz"]
    many = ("group", "out.npz", "--nsamples", 60, "--neighbor-pool-size", 6)
    _, err = ptycho(*many, code=1)
    assert "--enable-oversampling and a --neighbor-pool-size (now 6)" in err
    assert "=True" not in err
    ptycho(*many, "--enable-oversampling")
    assert read_npz("out_grouped_g2.npz")["nn_indices"].shape == (60, 4)


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        (("--gridsize", 3), ["--neighbors is 4", "9"]),
        (("--gridsize", 0), ["gridsize", "0"]),
        (("--gridsize", 6, "--neighbors", 36), ["24", "36"]),
        (("--seed", -1), ["seed", "-1"]),
        (("--seed", 2**32, "--legacy"), ["--seed is 4294967296", "--legacy"]),
    ],
)
def test_group_refuses_what_it_cannot_group(tmp_path, ptycho, target, options, texts):
    _, err = ptycho("group", target["simulated.npz"], *options, "-o", "groups.npz", code=1)
    for text in texts:
        assert text in err
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    "arguments",
    [("group", "SOURCE", "-o", "made.txt"), ("input", "--output-file", "made.txt")],
)
def test_outputs_of_other_suffixes_are_refused(tmp_path, ptycho, target, arguments):
    arguments = [target["simulated.npz"] if a == "SOURCE" else a for a in arguments]
    _, err = ptycho(*arguments, code=1)
    assert "made.txt: output files of this command end in .npz" in err
    assert names(tmp_path) == []


def test_split_writes_the_two_sides_of_the_line(tmp_path, ptycho, target):
    out, _ = ptycho(
        *("split", target["simulated.npz"], "--axis", "x", "--fraction", 0.75, "--gap", 6),
        *("--output", "sides"),
    )
    whole, train, test = (
        read_dataset(path)
        for path in (target["simulated.npz"], "sides/train.npz", "sides/test.npz")
    )
    labels = split_labels(whole.xcoords, whole.ycoords, axis="x", test_fraction=0.25, gap=6)
    for label, side in ((TRAIN, train), (TEST, test)):
        np.testing.assert_array_equal(side.diff3d, whole.diff3d[labels == label])
        np.testing.assert_array_equal(side.Y, whole.Y[labels == label])
    assert len(train) + len(test) < FRAMES
    assert train.xcoords.max() + 6 < test.xcoords.min() + 1e-9
    assert out == (f"Wrote sides/train.npz: {len(train)} frames, sides/test.npz: {len(test)}\n")
    assert train.metadata["physics_parameters"] == whole.metadata["physics_parameters"]


def test_split_stays_beside_the_file_and_takes_half(tmp_path, ptycho, target):
    simulate(ptycho, target["input.npz"], "here/out.npz", "--no-cache")
    ptycho("split", "here/out.npz")
    assert names(tmp_path / "here") == ["out.npz", "test.npz", "train.npz"]
    assert len(read_dataset("here/train.npz")) == FRAMES / 2


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        (("--axis", "z"), ["axis", "'z'"]),
        (("--fraction", 1.5), ["--fraction is 1.5", "(0, 1)"]),
        (("--fraction", 1), ["--fraction is 1.0,", "(0, 1)"]),
        (("--fraction", 0.999), ["--fraction 0.999 leaves one side of 24 frames empty"]),
        (("--gap", 200), ["gap", "200"]),
        (("--gap", -1), ["--gap is -1", ">= 0"]),
    ],
)
def test_split_refuses_empty_sides(tmp_path, ptycho, target, options, texts):
    _, err = ptycho("split", target["simulated.npz"], *options, "--output", "sides", code=1)
    for text in texts:
        assert text in err
    assert names(tmp_path) == []


def test_convert_changes_key_names_both_ways(tmp_path, ptycho, target):
    ptycho("convert", target["simulated.npz"], "new.npz", "--to", "canonical")
    assert {"diffraction", "Y"} <= set(read_npz("new.npz"))
    out, _ = ptycho("convert", "new.npz", "old.npz", "--to", "legacy")
    assert out == "Wrote old.npz\n"
    before, after = read_npz(target["simulated.npz"]), read_npz("old.npz")
    steps = json.loads(str(after.pop("_metadata")))["data_transformations"]
    assert [step["parameters"]["to"] for step in steps] == ["canonical", "legacy"]
    del before["_metadata"]
    assert before.keys() == after.keys()
    for key, values in before.items():
        assert after[key].dtype == values.dtype
        np.testing.assert_array_equal(after[key], values, err_msg=key)


def test_convert_writes_products_and_cxi(tmp_path, ptycho, target):
    common = ("--pixel-size-m", "1e-8", "--energy-ev", 8000)
    ptycho(
        *("convert", target["simulated.npz"], "p.h5", "--to", "product", *common),
        *("--distance-m", 2, "--exposure-s", 0.1, "--name", "star", "--comments", "simulated"),
    )
    with h5py.File("p.h5") as file:
        assert file.attrs["name"] == "star"
        assert file.attrs["comments"] == "simulated"
        assert file.attrs["probe_energy_eV"] == 8000
        assert file.attrs["detector_object_distance_m"] == 2
        assert file.attrs["exposure_time_s"] == 0.1
    ptycho("convert", target["simulated.npz"], "c.cxi", "--to", "cxi", *common)
    with h5py.File("c.cxi") as file:
        assert file["entry_1/data_1/data"].shape == (FRAMES, 32, 32)


@pytest.mark.parametrize(
    ("arguments", "texts"),
    [
        (("out.npz", "--to", "matlab"), ["matlab", "canonical"]),
        (("out.h5", "--to", "product"), ["--pixel-size-m is None"]),
        (("out.npz", "--to", "cxi", "--pixel-size-m", 1e-8), ["out.npz", ".cxi"]),
        (("out.npz", "--to", "legacy", "--assume", "light"), ["light", "intensity"]),
    ],
)
def test_convert_refuses_what_a_layout_cannot_hold(tmp_path, ptycho, target, arguments, texts):
    _, err = ptycho("convert", target["simulated.npz"], *arguments, code=1)
    for text in texts:
        assert text in err
    assert names(tmp_path) == []


def test_convert_takes_integers_for_intensity_when_told(ptycho, target):
    arrays = read_npz(target["simulated.npz"])
    del arrays["_metadata"]
    write_npz("old.npz", {**arrays, "diff3d": np.full((FRAMES, 32, 32), 300, np.uint16)})
    ptycho("convert", "old.npz", "new.npz", "--to", "canonical", "--assume", "intensity")
    np.testing.assert_allclose(read_npz("new.npz")["diffraction"], np.sqrt(300), rtol=1e-6)


@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_show_lists_arrays_and_the_record(ptycho, target, suffix):
    out, _ = ptycho("show", target[f"simulated.{suffix}"])
    lines = out.splitlines()
    assert f"diff3d: float32 ({FRAMES}, 32, 32)" in lines
    assert "objectGuess: complex64 (96, 96)" in lines
    assert "nphotons: 100000" in lines
    record = json.loads(out[out.index("{") :])
    assert record["physics_parameters"]["N"] == 32


@pytest.mark.parametrize("suffix", ["npz", "h5"])
def test_show_prints_the_names_and_shapes_in_the_file(ptycho, target, suffix):
    simulate(ptycho, target["input.npz"], f"out.{suffix}", "--contract", "canonical")
    out, _ = ptycho("show", f"out.{suffix}")
    lines = out.splitlines()
    assert f"diffraction: float32 ({FRAMES}, 32, 32)" in lines
    assert f"Y: complex64 ({FRAMES}, 32, 32)" in lines
    assert not any(line.startswith(("diff3d", "ground_truth", "_metadata")) for line in lines)


def test_show_reads_files_without_a_record(ptycho, target):
    arrays = read_npz(target["simulated.npz"])
    write_npz("bare.npz", {key: arrays[key] for key in ("xcoords", "ycoords", "diff3d")})
    out, _ = ptycho("show", "bare.npz")
    assert f"diff3d: float32 ({FRAMES}, 32, 32)" in out


def test_validate_says_yes_or_lists_the_problems(ptycho, target):
    out, _ = ptycho("validate", target["simulated.npz"])
    assert out == f"{target['simulated.npz']} fulfills the data contract\n"
    arrays = read_npz(target["simulated.npz"])
    arrays["diff3d"][3, 4, 5] = -1
    arrays["xcoords"][2] = np.inf
    write_npz("bad.npz", arrays)
    _, err = ptycho("validate", "bad.npz", code=1)
    assert err.splitlines()[0] == "Error: bad.npz: 2 problems"
    assert len(err.splitlines()) == 3


@pytest.mark.parametrize("command", ["group", "split", "show", "validate"])
def test_commands_name_a_missing_file(tmp_path, ptycho, command):
    _, err = ptycho(command, "gone.npz", code=1)
    assert "gone.npz" in err
    assert "Traceback" not in err
    assert names(tmp_path) == []


def test_help_shows_defaults_that_the_configuration_decides(ptycho):
    out, _ = ptycho("simulate", "--help")
    text = " ".join(out.replace("│", " ").split())
    for default in ("(default: 500)", "(default: 1e9)", "(default: N//2)", "(default: 42)"):
        assert default in text
