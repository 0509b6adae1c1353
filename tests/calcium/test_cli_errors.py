"""What a command cannot do is told in one line, and nothing is left behind."""

import errno
import io
import os
import sys

import h5py
import numpy as np
import pytest
from calcium_commands import entries_in, spec_text
from calcium_finished import SPEC

from simlab.calcium import runs
from simlab.calcium.recording import Recording
from simlab.core.files import write_npz

TAG = "!!python/object/apply:os.system ['touch made']"
TEXTS = {
    "ok.json": spec_text(),
    "unknown.json": spec_text(fsp=3),
    "values.json": spec_text(fps=-3, optics={"na": 0}),
    "kind.json": spec_text(steps=[{"kind": "sensors"}]),
    "nan.json": spec_text(fps=float("nan")),
    "deep.json": spec_text(camera={"bit_depth": 20}),
    "odd.json": spec_text(camera={"n_px_height": 41}),
    "long.json": spec_text(duration_s=1e300),
    "huge.json": spec_text(
        camera={"n_px_height": 10**7, "n_px_width": 10**7}, steps=[{"kind": "leakage"}]
    ),
    "light.json": spec_text(steps=SPEC["steps"][:-1]),
    "cells.json": spec_text(steps=SPEC["steps"][:4]),
    "comma.json": '{"seed": 1,\n "steps": [],,\n}',
    "tabs.json": '{\n\t"seed": 1,\n\t"steps": [,\n}',
    "open.yaml": "seed: 1\nsteps: [\n",
    "indent.yaml": "seed: 1\n  steps: []\n",
    "tag.yaml": f"steps: []\nseed: {TAG}\n",
    "date.yaml": "seed: 2024-13-45\nsteps: []\n",
    "bool.yaml": 'seed: !!bool "x"\nsteps: []\n',
    "nested.json": "[" * 100_000,
    "keys.yaml": "1: 2\nsteps: []\n",
    "list.json": "[1, 2]",
    "empty.json": "",
    "file": "x",
    "axes.yaml": "acquisition.optics.na: [0.3, 0.45]\nseed: [1, 2]\n",
    "value.yaml": "acquisition.optics.na: [0.3, -0.45]\nseed: [1]\n",
    "path.yaml": "acquisition.optcs.na: [0.3]\n",
    "step.yaml": "steps.neuropi.amplitude: [0.3]\n",
    "scalar.yaml": "seed: 3\n",
    "unequal.yaml": "seed: [3, 4]\nacquisition.fps: [20]\n",
    "draw.yaml": "seed: {integer: [1, 2]}\n",
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working directory with files that are and are not what they should be."""
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "binary").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00")
    (tmp_path / "dir").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def refused(calcium, folder):
    """Run a command that must fail: one line on stderr, no output, no file, no folder."""

    def run(line, *texts):
        before = entries_in(folder)
        out, err = calcium(*line.split(), code=1)
        assert err.startswith("Error: ")
        assert err.count("\n") == 1
        for text in texts:
            assert text in err
        assert entries_in(folder) == before
        return out

    return run


SPECS = {
    "unknown.json": "unknown.json: acquisition.fsp: unknown key, did you mean fps?",
    "values.json": "acquisition.optics.na: Input should be greater than 0 (found 0); acquisition",
    "kind.json": "kind.json: steps.0.kind: expected place_neurons or cell_activity",
    "nan.json": "nan.json: acquisition.fps: Input should be a finite number",
    "comma.json": "comma.json: line 2, column 14: not JSON or YAML",
    "tabs.json": "tabs.json: line 3, column 12: not JSON (Expecting value)",
    "open.yaml": "open.yaml: line 3, column 1: not JSON or YAML",
    "indent.yaml": "indent.yaml: line 2, column 8: not JSON or YAML (mapping values",
    "tag.yaml": "tag.yaml: line 2, column 7: not JSON or YAML (could not determine a constructor",
    "date.yaml": "date.yaml: not JSON or YAML (month must be in 1..12)",
    "bool.yaml": "bool.yaml: not JSON or YAML",
    "nested.json": "nested.json: not JSON or YAML (maximum recursion depth",
    "keys.yaml": "keys.yaml: 1: a key must be text",
    "list.json": "list.json: a mapping is expected, found list '[1, 2]'",
    "empty.json": "empty.json: a mapping is expected, found nothing",
    "binary": "binary: not JSON or YAML",
    "dir": "cannot read dir: Is a directory",
    "nowhere.json": "file not found: nowhere.json",
    "file/x.json": "cannot read file/x.json: Not a directory",
}


@pytest.mark.parametrize("name", SPECS)
def test_a_bad_specification_is_named_with_place_and_remedy(refused, name):
    for line in ("key", "simulate -o new/rec.h5", "video new/out.avi", "sweep --out-dir new"):
        command, *rest = line.split()
        axes = ["axes.yaml"] if command == "sweep" else []
        options = rest if command != "video" else []
        output = rest if command == "video" else []
        assert refused(" ".join([command, name, *axes, *output, *options]), SPECS[name]) == ""


@pytest.mark.parametrize("content", [b"", b"\x00\xff", b"steps: [", b'{"steps": 3}'])
def test_a_bad_standard_input_is_named(refused, monkeypatch, content):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    refused("key -", "standard input: ")


PROBLEMS = {
    "simulate deep.json -o new/r.h5": "deep.json: acquisition.image_sensor.bit_depth is 20; bit_d",
    "simulate ok.json -o new/r.h5 --until vignete": "until='vignete' is no stage of this specificat"
    "ion, did you mean vignette?",
    "simulate long.json -o new/r.h5": "long.json: acquisition.duration_s=1e+300 s",
    "simulate huge.json -o new/r.h5": "huge.json: the recording needs about",
    "simulate ok.json -o file/r.h5": "cannot write file/r.h5: file is not a directory",
    "simulate ok.json -o file/a/r.h5": "cannot write file/a/r.h5: file is not a directory",
    "simulate ok.json -o dir": "cannot write dir: it is a directory",
    "simulate ok.json -o new/r.h5 --perf file/p.json": "cannot write file/p.json",
    "simulate ok.json -o new/r.h5 --perf dir": "cannot write dir: it is a directory",
    "simulate ok.json --cached --root file": "cannot write file/simlab-v1-e1/",
    "simulate ok.json --cached --root file/x": "cannot write file/x/simlab-v1-e1/",
    f"simulate ok.json -o new/{'a' * 250}.h5": "cannot write new/aaa",
    "video deep.json new/o.avi": "deep.json: acquisition.image_sensor.bit_depth is 20",
    "video long.json new/o.avi": "long.json: acquisition.duration_s=1e+300 s",
    "video light.json new/o.avi": "new/o.avi: vmax is required",
    "video cells.json new/o.avi --vmax 3": "no step that makes a movie",
    "video ok.json new/o.avi --codec ABC": "codec must be four characters",
    "video ok.json new/o.avi --codec ZZZZ": "cannot open new/o.avi with codec ZZZZ",
    "video ok.json new/o.mp4": "a video with codec Y800 needs the suffix .avi",
    "video ok.json new/o.avi --fps 0": "fps of a video must be 0.01 to 1000 Hz, found 0.0",
    "video odd.json new/o.avi --fps 1e-9": "fps of a video must be 0.01 to 1000 Hz, found 1e-09",
    "video ok.json new/o.avi --fps 2000": "fps of a video must be 0.01 to 1000 Hz",
    "video ok.json new/o.avi --vmax -3": "vmax - vmin must be >= 0 and finite",
    "video ok.json new/o.avi --vmin nan": "vmax - vmin must be >= 0 and finite",
    "video odd.json new/o.avi --codec MJPG": "codec MJPG crops odd sizes (41 x 48 px)",
    "video ok.json file/o.avi": "cannot write file/o.avi: file is not a directory",
    "video ok.json new/o.avi --perf file/p.json": "cannot write file/p.json",
    "sweep ok.json value.yaml --out-dir new": "value.yaml: acquisition.optics.na=-0.45, seed=1: ac"
    "quisition.optics.na: Input should be greater than 0 (found -0.45)",
    "sweep ok.json path.yaml": "path.yaml: acquisition.optcs.na=0.3: sweep path 'acquisition.optcs"
    ".na': unknown field 'optcs', did you mean optics?",
    "sweep ok.json step.yaml": "no step of kind 'neuropi', did you mean neuropil?",
    "sweep ok.json scalar.yaml": "scalar.yaml: axis seed: a list of values is expected, found 3",
    "sweep ok.json unequal.yaml --mode zip": "unequal.yaml: axes that are combined one by one",
    "sweep ok.json draw.yaml --mode sample -n 2": "draw.yaml: axis seed: a list or one of uniform,",
    "sweep ok.json nowhere.yaml": "file not found: nowhere.yaml",
    "sweep ok.json binary": "binary: not JSON or YAML",
    "sweep ok.json axes.yaml --out-dir file": "cannot write file/",
    "preset miniscope_v4 ca1 --fps -1": "miniscope_v4 over ca1: fps: Input should be greater than",
    "preset miniscope_v4 ca1 --fps 0.1 -o new/s.json": "shorter than a frame at fps=0.1 Hz",
    "preset miniscope_v4 ca1 --duration-s nan": "duration_s: Input should be a finite number",
    "preset miniscope_v4 ca1 -o file/s.json": "cannot write file/s.json: file is not a directory",
}


@pytest.mark.parametrize("line", PROBLEMS)
def test_what_cannot_be_done_is_told_before_anything_is_made(refused, line):
    assert refused(line, PROBLEMS[line]) == ""


def test_too_little_memory_is_told(refused, monkeypatch):
    def build(*args, **kwargs):
        raise MemoryError("unable to allocate 9 TiB")

    monkeypatch.setattr("simlab.calcium.runs.save_recording", build)
    refused("simulate ok.json -o new/r.h5", "not enough memory (unable to allocate 9 TiB)")


def test_ffmpeg_adds_nothing_to_the_line(run, folder):
    done = run("simlab.cli", "calcium", "video", "ok.json", "new/o.avi", "--codec", "ZZZZ",
               cwd=folder, code=1)  # fmt: skip
    assert done.stderr == (
        "Error: cannot open new/o.avi with codec ZZZZ for frames of 40 x 48 px\n"
    )
    assert not (folder / "new").exists()


WRITERS = (
    "simulate ok.json -o new/r.h5",
    "simulate ok.json -o new/r.h5 --perf perf.json",
    "simulate ok.json --cached --root new",
    "video ok.json new/o.avi",
    "sweep ok.json axes.yaml --out-dir new",
    "preset generic_1p ca1 -o new/s.json",
)


@pytest.mark.parametrize("line", WRITERS)
def test_a_folder_without_permission_is_named(refused, monkeypatch, line):
    monkeypatch.setattr(runs.os, "access", lambda place, mode: not mode & os.W_OK)
    refused(line, "cannot write", "no permission to write into .")


@pytest.mark.parametrize("line", WRITERS)
def test_a_full_disk_leaves_nothing(refused, monkeypatch, line):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    refused(line, "cannot write", "No space left on device")


def test_a_file_that_was_there_stays_if_a_command_fails(calcium, folder, monkeypatch):
    (folder / "old.h5").write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", lambda descriptor: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        calcium("simulate", "ok.json", "-o", "old.h5")
    assert (folder / "old.h5").read_bytes() == b"old"


WRONG = (
    "", "nothing", "simulate", "simulate ok.json", "simulate ok.json -o a.h5 --cached",
    "simulate ok.json -o a.avi",
    "simulate ok.json --cached --until sensor", "simulate ok.json --cached --perf p.json",
    "simulate ok.json -o a.h5 --root dir", "simulate ok.json -o a.h5 --noise other",
    "simulate ok.json -o a.h5 --threads 0", "simulate ok.json -o a.h5 --until",
    "video ok.json", "video ok.json o.avi --chunk-frames 0", "video ok.json o.avi --fps fast",
    "video ok.json o.avi --chunk-frames -1", "sweep ok.json", "sweep ok.json axes.yaml -n 2",
    "sweep ok.json axes.yaml --mode sample", "sweep ok.json axes.yaml --mode grid",
    "sweep ok.json axes.yaml --mode sample -n 0", "preset miniscope_v4", "preset miniscope_v4 ca2",
    "preset v4 ca1", "preset miniscope_v4 ca1 --seed -1", "key", "info", "check", "play a.h5",
    "score a.h5",
)  # fmt: skip


@pytest.mark.parametrize("line", WRONG)
def test_wrong_usage_is_told_with_another_code(calcium, folder, line):
    before = entries_in(folder)
    _, err = calcium(*line.split(), code=2)
    assert "Traceback" not in err
    assert entries_in(folder) == before


def _replaced(name, change):
    def spoil(file):
        values = change(file[name][()])
        del file[name]
        file.create_dataset(name, data=values)

    return spoil


def _attribute(name, value):
    return lambda file: file.attrs.__setitem__(name, value)


DAMAGES = {
    "missing": (lambda file: file["ground_truth"].__delitem__("C"), "/ground_truth/C is missing"),
    "format": (_attribute("format", "other"), "format is 'other', expected 'calcium-recording'"),
    "version": (_attribute("format_version", 2), "format_version is 2"),
    "list": (_attribute("format", [1, 2]), "attribute 'format' is array([1, 2]), expected text"),
    "number": (_attribute("spec_json", 3), "attribute 'spec_json' is 3, expected text"),
    "spec": (_attribute("spec_json", '{"steps": 3}'), "spec_json is no specification (steps: "),
    "names": (_attribute("gt_present", 3), "attribute 'gt_present' is 3, expected a list"),
    "few": (_attribute("gt_present", ["C"]), "the ground truth lacks S, cente"),
    "C": (_replaced("ground_truth/C", lambda C: C[0]), "C has shape (24,), expected (n, T)"),
    "flags": (_replaced("ground_truth/detectable", lambda d: d * 2), "detectable is int64, expect"),
    "units": (_replaced("ground_truth/in_focus", lambda d: d[1:]), "in_focus has shape"),
    "sigma": (_replaced("ground_truth/observed_sigma_px", np.negative), "finite or below 0"),
    "offsets": (_replaced("ground_truth/planted/offsets", lambda o: o + 99), "leave the canvas"),
    "pixels": (_replaced("ground_truth/planted/data", lambda d: d[1:]), "planted/data has shape"),
    "frames": (_replaced("observed", lambda o: o[1:]), "observed has shape (23, 40, 48), expected"),
    "depth": (_replaced("observed", np.uint16), "observed is uint16, that of its specification u"),
    "text": (_replaced("observed", lambda o: o.astype("S3")), "observed is |S3, expected numbers"),
}
READERS = ("info r.h5", "check r.h5", "play r.h5 new/o.avi", "score r.h5 estimate.npz")


@pytest.fixture
def recording(one_recording, folder):
    """A copy of a recording, and an estimate of its units."""
    path = folder / "r.h5"
    path.write_bytes(one_recording.recording().read_bytes())
    truth = Recording.load(path).ground_truth
    arrays = {"A": truth.A_observed, "C": truth.C, "S": truth.S, "shifts": -truth.shifts}
    write_npz(folder / "estimate.npz", arrays)
    return path


@pytest.mark.parametrize("name", DAMAGES)
def test_a_file_that_is_no_whole_recording_is_named(refused, recording, name):
    spoil, text = DAMAGES[name]
    with h5py.File(recording, "r+") as file:
        spoil(file)
    for line in READERS:
        assert refused(line, "r.h5: ", text) == ""


@pytest.mark.parametrize("length", [0, 10, 2000, -20])
def test_a_truncated_recording_is_named(refused, recording, length):
    recording.write_bytes(recording.read_bytes()[:length])
    for line in READERS:
        refused(line, "r.h5: not an HDF5 file, or truncated")


def test_what_is_no_recording_is_named(refused, recording):
    for command in READERS:
        for name in ("ok.json", "dir"):
            refused(command.replace("r.h5", name), f"{name}: not an HDF5 file, or truncated")
        refused(command.replace("r.h5", "nowhere.h5"), "file not found: nowhere.h5")


def test_check_fails_for_a_single_spoiled_pixel(refused, recording):
    with h5py.File(recording, "r+") as file:
        file["observed"][3, 4, 5] ^= 255
    out = refused("check r.h5", "r.h5: 1 checks failed: statistics_match")
    [failed] = [line for line in out.splitlines() if "FAILED" in line]
    assert failed.startswith("statistics_match")


def test_check_wants_the_key_and_all_steps(refused, recording, calcium, folder):
    calcium("simulate", "ok.json", "-o", "early.h5", "--until", "vignette")
    refused("check early.h5", "early.h5: stopped after vignette, only whole recordings")
    with h5py.File(recording, "r+") as file:
        file.attrs["spec_cache_key"] = "0123456789abcdef"
    refused("check r.h5", "spec_cache_key is 0123456789abcdef, which is not that of spec_json")


PLAYS = {
    "play r.h5 new/o.avi --codec ABC": "codec must be four characters",
    "play r.h5 new/o.mp4": "needs the suffix .avi",
    "play r.h5 new/o.avi --vmax nan": "vmax - vmin must be >= 0 and finite",
    "play r.h5 file/o.avi": "cannot write file/o.avi: file is not a directory",
    "play light.h5 new/o.avi": "new/o.avi: vmax is required",
    "play cells.h5 new/o.avi": "new/o.avi: the movie has no frame",
}


@pytest.mark.parametrize("line", PLAYS)
def test_a_movie_that_cannot_be_played_is_told(refused, recording, calcium, line):
    source = line.split()[1].replace("h5", "json")
    if source != "r.json":
        calcium("simulate", source, "-o", line.split()[1])
    refused(line, PLAYS[line])


ESTIMATES = {
    "unknown": ({"masks": lambda a: a["A"]}, "an estimate has no masks (known: A, footprints"),
    "twice": ({"footprints": lambda a: a["A"]}, "A and footprints are the same"),
    "flat": ({"A": lambda a: a["A"][0]}, "A is float32 (40, 48), expected real numbers with 3"),
    "small": ({"A": lambda a: a["A"][:, 1:]}, "A_est has frames of (39, 48) px"),
    "words": ({"A": lambda a: a["A"].astype(str)}, "expected real numbers with 3 axes"),
    "complex": ({"C": lambda a: a["C"] * 1j}, "C is complex128"),
    "nan": ({"A": lambda a: a["A"] * np.nan}, "A has values that are not finite"),
    "scalar": ({"C": lambda a: np.float64(3)}, "C is float64 (), expected real numbers with 2"),
    "units": ({"S": lambda a: a["S"][1:]}, "S has "),
    "frames": ({"C": lambda a: a["C"][:, 1:]}, "traces must be (units, frames)"),
    "shifts": ({"shifts": lambda a: a["shifts"][1:]}, "trajectories must both be (frames, 2)"),
    "axes": ({"shifts": lambda a: a["shifts"][:, :1]}, "trajectories must both be (frames, 2)"),
}


@pytest.mark.parametrize("name", ESTIMATES)
def test_an_estimate_that_does_not_fit_is_named(refused, recording, folder, name):
    changes, text = ESTIMATES[name]
    arrays = dict(np.load(folder / "estimate.npz"))
    arrays |= {key: change(arrays) for key, change in changes.items()}
    np.savez(folder / "other.npz", **arrays)
    assert refused("score r.h5 other.npz", "other.npz: ", text) == ""


def test_an_estimate_that_is_no_npz_is_named(refused, recording, folder):
    np.savez(folder / "objects.npz", A=np.array([None, 1], object))
    np.savez(folder / "nothing.npz", C=np.zeros((2, 24)))
    (folder / "cut.npz").write_bytes((folder / "estimate.npz").read_bytes()[:3000])
    refused("score r.h5 objects.npz", "objects.npz: ", "pickled Python objects")
    refused("score r.h5 nothing.npz", "nothing.npz: an estimate needs footprints")
    for name in ("cut.npz", "binary", "ok.json"):
        refused(f"score r.h5 {name}", f"{name}: not an npz file, or truncated")
    refused("score r.h5 dir", "cannot read dir: Is a directory")
    refused("score r.h5 nowhere.npz", "nowhere.npz")
