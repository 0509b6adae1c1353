"""Files appear whole or not at all, with the same bytes for the same content."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from simlab.core.errors import InputFileError, MissingFileError, MissingKeyError, SimlabError
from simlab.core.files import (
    NpzWriter,
    atomic_path,
    npz_headers,
    read_csv,
    read_json,
    read_npz,
    sha256_of,
    write_csv,
    write_json,
    write_npz,
    write_text,
)
from simlab.core.yaml_files import read_yaml


def test_a_failing_writer_leaves_nothing(tmp_path):
    target = tmp_path / "out.bin"
    with pytest.raises(RuntimeError), atomic_path(target) as part:
        part.write_bytes(b"half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_failing_writer_keeps_the_old_file(tmp_path):
    target = tmp_path / "out.bin"
    target.write_bytes(b"old")
    with pytest.raises(RuntimeError), atomic_path(target) as part:
        part.write_bytes(b"half")
        raise RuntimeError
    assert target.read_bytes() == b"old"


def test_a_killed_writer_leaves_no_final_file(tmp_path):
    program = (
        "import sys, time\n"
        "from simlab.core.files import atomic_path\n"
        "with atomic_path(sys.argv[1]) as part:\n"
        "    part.write_bytes(b'half'); print('ready', flush=True); time.sleep(60)\n"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", program, tmp_path / "out.bin"], stdout=subprocess.PIPE
    )
    writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert not (tmp_path / "out.bin").exists()
    assert len(list(tmp_path.glob(".out.bin.*.part"))) == 1


def test_parts_of_killed_writers_are_swept_after_a_day(tmp_path):
    old, young = tmp_path / ".out.bin.x.part", tmp_path / ".out.bin.y.part"
    for part in (old, young):
        part.touch()
    os.utime(old, times=(time.time() - 90_000,) * 2)
    with atomic_path(tmp_path / "out.bin") as part:
        part.write_bytes(b"new")
    assert not old.exists()
    assert young.exists()


def test_a_temporary_name_can_keep_its_suffix_and_is_swept_too(tmp_path):
    old = tmp_path / ".out.avi.x.part.avi"
    old.touch()
    os.utime(old, times=(time.time() - 90_000,) * 2)
    with atomic_path(tmp_path / "out.avi", ".avi") as part:
        assert part.suffix == ".avi"
        part.write_bytes(b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["out.avi"]


def test_two_writers_of_one_file_leave_one_whole_file(tmp_path):
    target = tmp_path / "out.bin"
    with atomic_path(target) as first, atomic_path(target) as second:
        assert first != second
        first.write_bytes(b"a" * 10)
        second.write_bytes(b"b" * 20)
    assert target.read_bytes() == b"a" * 10  # the outer block ends last
    assert list(tmp_path.iterdir()) == [target]


def test_a_writer_that_fails_leaves_another_the_folder_it_made(tmp_path):
    folder = tmp_path / "new" / "sub"
    first = atomic_path(folder / "a.bin")
    first.__enter__()
    with atomic_path(folder / "b.bin") as part:
        assert not first.__exit__(RuntimeError, RuntimeError("boom"), None)
        part.write_bytes(b"b")
    assert [path.name for path in folder.iterdir()] == ["b.bin"]


def test_a_folder_that_another_removes_while_a_writer_begins_is_made_again(tmp_path, monkeypatch):
    touch, removed = Path.touch, []

    def touch_late(path, *options):
        if len(removed) < 3:
            path.parent.rmdir()
            removed.append(path)
        return touch(path, *options)

    monkeypatch.setattr(Path, "touch", touch_late)
    write_text(tmp_path / "sub" / "a.txt", "a")
    assert len(removed) == 3
    assert (tmp_path / "sub" / "a.txt").read_text() == "a"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(SimlabError, match=r"cannot write .*file/out\.bin"),
        atomic_path(tmp_path / "file" / "out.bin"),
    ):
        pass


def test_equal_arrays_give_equal_npz_bytes_at_any_time(tmp_path):
    arrays = {"b": np.arange(6.0).reshape(2, 3), "a": np.array("text")}
    for name in ("one.npz", "two.npz"):
        write_npz(tmp_path / name, arrays, level=1)
    assert sha256_of(tmp_path / "one.npz") == sha256_of(tmp_path / "two.npz")
    with zipfile.ZipFile(tmp_path / "one.npz") as archive:
        assert [item.date_time for item in archive.infolist()] == [(1980, 1, 1, 0, 0, 0)] * 2
        assert archive.namelist() == ["b.npy", "a.npy"]


@pytest.mark.parametrize("level", [0, 1])
def test_numpy_reads_what_is_written_in_blocks(tmp_path, level):
    whole = np.arange(24, dtype=np.float32).reshape(6, 4)
    with open(tmp_path / "x.npz", "wb") as stream, NpzWriter(stream, level) as npz:
        npz.add_blocks("frames", whole.shape, whole.dtype, [whole[:4], whole[4:]])
    with np.load(tmp_path / "x.npz", allow_pickle=False) as read:
        np.testing.assert_array_equal(read["frames"], whole)
    np.testing.assert_array_equal(read_npz(tmp_path / "x.npz")["frames"], whole)
    assert npz_headers(tmp_path / "x.npz") == {"frames": ((6, 4), np.dtype(np.float32))}


def test_blocks_that_do_not_fill_the_array_are_an_error():
    with (
        NpzWriter(io.BytesIO()) as npz,
        pytest.raises(SimlabError, match="8 bytes written, 16 announced"),
    ):
        npz.add_blocks("x", (2,), np.float64, [np.zeros(1)])


def test_fortran_order_survives(tmp_path):
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.savez(tmp_path / "x.npz", x=array)
    np.testing.assert_array_equal(read_npz(tmp_path / "x.npz")["x"], array)


def test_a_missing_key_is_named_with_those_present(tmp_path):
    write_npz(tmp_path / "x.npz", {"a": np.zeros(1)})
    with pytest.raises(MissingKeyError, match=r"no array b; found \['a'\]") as caught:
        read_npz(tmp_path / "x.npz", ["b"])
    assert isinstance(caught.value, KeyError)


def test_a_missing_file_is_also_a_file_not_found_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.npz") as caught:
        read_npz(tmp_path / "none.npz")
    assert isinstance(caught.value, MissingFileError)


def test_pickled_members_are_refused(tmp_path):
    np.savez(tmp_path / "x.npz", x=np.array({"a": 1}, dtype=object))
    with pytest.raises(InputFileError, match="pickled"):
        read_npz(tmp_path / "x.npz")


@pytest.mark.parametrize("keep", [0, 10, 150, -30])
def test_truncated_archives_are_refused(tmp_path, keep):
    write_npz(tmp_path / "x.npz", {"a": np.arange(100.0)})
    content = (tmp_path / "x.npz").read_bytes()
    (tmp_path / "x.npz").write_bytes(content[:keep])
    with pytest.raises(InputFileError, match=r"x\.npz"):
        read_npz(tmp_path / "x.npz")


def test_a_header_that_promises_more_than_the_file_holds_is_refused(tmp_path):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (1 << 50,)}
    )
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        archive.writestr("a.npy", header.getvalue() + b"0" * 8)
    with pytest.raises(InputFileError, match="needs"):
        read_npz(tmp_path / "x.npz")


def test_json_is_sorted_finite_and_ends_with_a_newline(tmp_path):
    write_json(tmp_path / "x.json", {"b": np.float64("nan"), "a": [np.int64(1), np.inf, 0.1]})
    text = (tmp_path / "x.json").read_text()
    assert text.endswith("}\n")
    assert text.index('"a"') < text.index('"b"')
    assert json.loads(text) == {"a": [1, None, 0.1], "b": None}
    assert read_json(tmp_path / "x.json")["a"][0] == 1


def test_floats_in_tables_read_back_exactly(tmp_path):
    values = [0.1, 1 / 3, 1e-300]
    write_csv(tmp_path / "x.csv", ["id", "x"], enumerate(np.array(values)))
    header, rows = read_csv(tmp_path / "x.csv")
    assert header == ["id", "x"]
    assert [float(row[1]) for row in rows] == values
    assert b"\r" not in (tmp_path / "x.csv").read_bytes()


def test_a_short_table_row_is_named_by_its_line(tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(InputFileError, match="line 3 has 1 cells"):
        read_csv(tmp_path / "x.csv")


def test_yaml_that_is_no_mapping_is_refused(tmp_path):
    (tmp_path / "x.yaml").write_text("- 1\n")
    with pytest.raises(InputFileError, match="expected a mapping"):
        read_yaml(tmp_path / "x.yaml")
    for text in ("a: [1\n", 'a: !!bool "x"\n', 'a: !!timestamp "x"\n', "a:\n\tb: 1\n"):
        (tmp_path / "x.yaml").write_text(text)
        with pytest.raises(InputFileError, match="not a YAML file"):
            read_yaml(tmp_path / "x.yaml")


def test_an_archive_of_runs_reads_back_and_is_no_larger_for_noise_and_zeros(tmp_path):
    field = np.random.default_rng(1).lognormal(20, 2, (64, 64)).astype(np.float32)
    field[::2] = 0
    write_npz(tmp_path / "runs.npz", {"field": field}, 1, runs=True)
    write_npz(tmp_path / "usual.npz", {"field": field}, 1)
    np.testing.assert_array_equal(np.load(tmp_path / "runs.npz")["field"], field)
    sizes = {name: (tmp_path / f"{name}.npz").stat().st_size for name in ("runs", "usual")}
    assert sizes["runs"] <= sizes["usual"] < field.nbytes
    assert (tmp_path / "runs.npz").read_bytes() != (tmp_path / "usual.npz").read_bytes()
