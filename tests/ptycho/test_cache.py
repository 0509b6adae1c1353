"""Memoized simulation: keys, hits, damage, concurrency, size limit."""

import json
import logging
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from ptycho_data import assert_equal_data, raw_data

from simlab.core.errors import SimlabError
from simlab.ptycho.cache import legacy_array_hash, legacy_cache_key, memoize_raw_data
from simlab.ptycho.config import DetectorConfig

DATA = Path(__file__).parents[1] / "data" / "ptycho"


@pytest.fixture
def memoized(tmp_path):
    """(memoized function, list of the calls that were computed)."""
    calls = []

    @memoize_raw_data(default_cache_dir=tmp_path / "cache", cache_prefix="toy")
    def make(seed, scale=2.0, *, extra=None, use_cache=True, cache_dir=None):
        calls.append(seed)
        return raw_data(seed=int(seed), dose=True, mask=True)

    return make, calls


def files(folder):
    return sorted(path.name for path in folder.iterdir())


# --- keys -----------------------------------------------------------------------------------


def test_legacy_keys_are_the_peers():
    expected = json.loads((DATA / "cache_keys.json").read_text())["expected"]
    base = {
        "object_guess": np.ones((32, 32), np.complex64),
        "probe_guess": np.ones((16, 16), np.complex64),
        "N": 16,
        "n_images": 4,
        "nphotons": 1000.0,
        "seed": 11,
        "buffer": 5.0,
    }
    ones = base["object_guess"]
    changes = {
        "key_base": {},
        "key_seed12": {"seed": 12},
        "key_with_sim_gridsize_1": {"sim_gridsize": 1},
        "key_object_c128": {"object_guess": ones.astype(np.complex128)},
        "key_object_fortran": {"object_guess": np.asfortranarray(ones)},
        "key_nphotons_np": {"nphotons": np.float64(1000.0)},
        "key_nphotons_int": {"nphotons": 1000},
    }
    for name, change in changes.items():
        assert legacy_cache_key(base | change) == expected[name], name
    assert legacy_array_hash(ones) == expected["array_hash_ones32_c64"]
    assert legacy_array_hash(base["probe_guess"]) == expected["array_hash_ones16_c64"]


def test_legacy_keys_see_through_containers():
    assert legacy_cache_key({"a": (1, 2), "b": Path("x/y")}) == legacy_cache_key(
        {"a": [1, 2], "b": "x/y"}
    )
    assert legacy_cache_key({"a": {1: 2}}) == legacy_cache_key({"a": {"1": 2}})


def test_equal_calls_have_one_key_however_they_are_written(memoized):
    make, calls = memoized
    make(3)
    make(3, 2.0)
    make(seed=3, scale=2)
    make(np.int64(3), scale=np.float32(2))
    make(3.0)
    assert calls == [3]


def test_arrays_count_by_value_shape_and_type(memoized):
    make, calls = memoized
    values = np.arange(6.0).reshape(2, 3)
    make(1, extra=values)
    make(1, extra=np.asfortranarray(values))
    assert len(calls) == 1
    for number, other in enumerate(
        (values.astype(np.float32), values.reshape(3, 2), values + 1), start=2
    ):
        make(1, extra=other)
        assert len(calls) == number


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1000", 1000),
        (True, 1),
        (None, "None"),
        ([1, 2], [2, 1]),
        (1.5, 1.25),
        ({"a": 1}, {"a": 2}),
        (2**60, 2**60 + 1),
        (1 + 2j, 1 - 2j),
        (DetectorConfig(nphotons=1e3), DetectorConfig(nphotons=1e4)),
    ],
)
def test_different_values_have_different_keys(memoized, one, other):
    make, calls = memoized
    make(1, extra=one)
    make(1, extra=other)
    assert len(calls) == 2
    make(1, extra=one)
    assert len(calls) == 2


@pytest.mark.parametrize("value", [object(), np.random.default_rng(0), np.array([{}], object)])
def test_an_argument_without_a_key_is_named(memoized, value):
    make, _ = memoized
    with pytest.raises(TypeError, match="'extra'"):
        make(1, extra=value)
    assert make(1, extra=value, use_cache=False) is not None


def test_a_new_version_of_function_noise_or_package_finds_nothing_old(tmp_path, monkeypatch):
    calls = []

    def decorated(version):
        @memoize_raw_data(default_cache_dir=tmp_path, cache_prefix="toy", cache_version=version)
        def make(seed):
            calls.append(version)
            return raw_data(seed=seed)

        return make

    decorated(1)(5)
    decorated(1)(5)
    assert calls == [1]
    decorated(2)(5)
    monkeypatch.setattr("simlab.ptycho.cache.NOISE_VERSION", 99)
    decorated(1)(5)
    monkeypatch.setattr("simlab.ptycho.cache.__version__", "99")
    decorated(1)(5)
    assert calls == [1, 2, 1, 1]


def test_excluded_arguments_do_not_count(tmp_path):
    calls = []

    @memoize_raw_data(default_cache_dir=tmp_path, cache_prefix="toy", exclude_keys=["threads"])
    def make(seed, threads=1):
        calls.append(threads)
        return raw_data(seed=seed)

    make(1, threads=1)
    make(1, threads=8)
    assert calls == [1]


# --- files ----------------------------------------------------------------------------------


def test_a_hit_is_the_stored_data_without_loss(memoized, caplog):
    make, calls = memoized
    caplog.set_level(logging.INFO, "simlab.ptycho")
    first = make(3)
    assert "stored" in caplog.text
    again = make(3)
    assert "loaded" in caplog.text
    assert calls == [3]
    assert_equal_data(first, again)


def test_a_file_is_named_by_prefix_and_key_and_nothing_else_remains(memoized, tmp_path):
    make, _ = memoized
    make(3)
    (name,) = files(tmp_path / "cache")
    assert name.startswith("toy_")
    assert name.endswith(".npz")
    assert len(name) == len("toy_.npz") + 64


def test_without_the_cache_nothing_is_read_or_written(memoized, tmp_path):
    make, calls = memoized
    make(3, use_cache=False)
    make(3, use_cache=False)
    assert calls == [3, 3]
    assert not (tmp_path / "cache").exists()


def test_the_default_directory_belongs_to_the_working_directory(tmp_path, monkeypatch):
    @memoize_raw_data(default_cache_dir="some/cache", cache_prefix="toy")
    def make(seed):
        return raw_data(seed=seed)

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        make(1)
        assert len(files(tmp_path / name / "some/cache")) == 1


def test_the_controls_work_for_functions_that_do_not_have_them(tmp_path):
    calls = []

    @memoize_raw_data(default_cache_dir=tmp_path / "default", cache_prefix="toy")
    def make(seed):
        calls.append(seed)
        return raw_data(seed=seed)

    make(1, cache_dir=tmp_path / "mine")
    make(1, cache_dir=tmp_path / "mine", use_cache=True)
    assert calls == [1]
    make(1, use_cache=False)
    assert calls == [1, 1]
    assert not (tmp_path / "default").exists()


@pytest.mark.parametrize("damage", ["truncated", "garbage", "empty", "other"])
def test_a_damaged_file_is_computed_again_and_replaced(memoized, tmp_path, caplog, damage):
    make, calls = memoized
    first = make(3)
    (path,) = (tmp_path / "cache").iterdir()
    whole = path.read_bytes()
    if damage == "other":
        np.savez(path, xcoords=np.zeros(3))
    else:
        path.write_bytes(
            {"truncated": whole[: len(whole) // 2], "garbage": b"no archive", "empty": b""}[damage]
        )
    again = make(3)
    assert calls == [3, 3]
    assert "computed again" in caplog.text
    assert_equal_data(first, again)
    assert path.read_bytes() == whole


def test_a_bit_flip_in_stored_frames_is_noticed(memoized, tmp_path, caplog):
    make, calls = memoized
    make(3)
    (path,) = (tmp_path / "cache").iterdir()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    make(3)
    assert calls == [3, 3]


def test_a_result_of_another_type_is_refused(tmp_path):
    @memoize_raw_data(default_cache_dir=tmp_path / "cache", cache_prefix="toy")
    def make(seed):
        return {"seed": seed}

    with pytest.raises(TypeError, match="make returned dict"):
        make(1)
    with pytest.raises(TypeError, match="RawData"):
        make(1, use_cache=False)
    assert files(tmp_path) == []


def test_an_error_in_the_function_leaves_nothing(tmp_path):
    @memoize_raw_data(default_cache_dir=tmp_path / "cache", cache_prefix="toy")
    def make(seed):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        make(1)
    assert files(tmp_path) == []


def test_a_directory_that_cannot_be_made_is_named(memoized, tmp_path):
    make, _ = memoized
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(SimlabError, match=r"cannot write the cache .*file/cache"):
        make(1, cache_dir=tmp_path / "file" / "cache")


def test_info_counts_and_clear_removes(memoized, tmp_path):
    make, _ = memoized
    make(1)
    make(2)
    make(2)
    info = make.cache_info()
    assert (info.hits, info.misses, info.entries) == (1, 2, 2)
    assert info.bytes == sum(path.stat().st_size for path in (tmp_path / "cache").iterdir())
    (tmp_path / "cache" / "other_file.npz").write_bytes(b"not ours")
    make.cache_clear()
    assert files(tmp_path / "cache") == ["other_file.npz"]
    assert make.cache_info() == (0, 0, 0, 0)


def test_the_longest_unused_files_leave_when_the_limit_is_reached(tmp_path):
    calls = []
    size = None

    def decorated(limit):
        @memoize_raw_data(default_cache_dir=tmp_path, cache_prefix="toy", cache_max_bytes=limit)
        def make(seed):
            calls.append(seed)
            return raw_data(40, seed=seed)

        return make

    make = decorated(None)
    for age, seed in enumerate((1, 2, 3)):
        make(seed)
        newest = max(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (1000 + age, 1000 + age))
        size = newest.stat().st_size
    make(1)  # used again: now 2 is the oldest
    limited = decorated(int(3.5 * size))
    # the function's name is the same, so are the keys
    limited(4)
    calls.clear()
    for seed in (1, 3, 4):
        limited(seed)
    assert calls == []
    limited(2)
    assert calls == [2]


def test_two_processes_compute_once(tmp_path):
    script = textwrap.dedent(
        """
        import sys, time
        from pathlib import Path
        from ptycho_data import raw_data
        from simlab.ptycho.cache import memoize_raw_data

        @memoize_raw_data(default_cache_dir="cache", cache_prefix="toy")
        def make(seed):
            with open("computed", "a") as stream:
                stream.write("x")
            time.sleep(1)
            return raw_data(seed=seed)

        Path(sys.argv[1]).touch()
        while not (Path("a").exists() and Path("b").exists()):
            time.sleep(0.01)
        assert len(make(7)) == 5
        """
    )
    root = Path(__file__).parents[2]
    paths = os.pathsep.join(str(root / part) for part in ("workflow/scripts", "tests"))
    environment = {**os.environ, "PYTHONPATH": paths}
    running = [
        subprocess.Popen([sys.executable, "-c", script, name], cwd=tmp_path, env=environment)
        for name in ("a", "b")
    ]
    assert [process.wait(120) for process in running] == [0, 0]
    assert (tmp_path / "computed").read_text() == "x"
    assert len(files(tmp_path / "cache")) == 1


def test_a_failing_call_removes_the_folders_made_for_it_and_no_others(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    @memoize_raw_data(default_cache_dir="a/b/cache", cache_prefix="toy")
    def fail(seed):
        assert Path("a/b/cache").is_dir()
        raise ValueError("no")

    for kept in ([], ["a"]):
        for name in kept:
            (tmp_path / name).mkdir()
        with pytest.raises(ValueError, match="no"):
            fail(1)
        assert files(tmp_path) == kept


def test_arguments_are_checked_before_a_result_is_looked_for(tmp_path):
    def check(*, seed):
        if not isinstance(seed, int):
            raise TypeError(f"seed is {seed}")

    @memoize_raw_data(default_cache_dir=tmp_path / "cache", cache_prefix="toy", check=check)
    def make(seed):
        return raw_data()

    make(1)
    for options in ({}, {"use_cache": False}):
        with pytest.raises(TypeError, match=r"seed is 1\.0"):
            make(1.0, **options)
