"""A data set is read by several processes and threads at once."""

import json
import multiprocessing
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pytest

from simlab.core import samples
from simlab.core.dataset import Dataset
from simlab.core.files import write_csv

FILES = 6
ROWS = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of samples that are compressed and too large to be kept."""
    folder = tmp_path_factory.mktemp("processes")
    rows = []
    for name in range(FILES):
        pictures = np.random.default_rng(name).normal(size=(ROWS, 16, 16))
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file.create_dataset("image", data=pictures, chunks=(1, 16, 16), compression="gzip")
            file.attrs["sample_arrays"] = json.dumps(["image"])
        rows += [(f"{name}-{k}", f"{name}.h5", k, "train") for k in range(ROWS)]
    write_csv(folder / "index.csv", ["id", "file", "position", "split"], rows)
    return folder


def _sums(dataset, numbers):
    return [float(dataset[k]["image"].sum()) for k in numbers]


def _expected(folder):
    files = [h5py.File(folder / f"{name}.h5") for name in range(FILES)]
    sums = [float(image.sum()) for file in files for image in file["image"]]
    for file in files:
        file.close()
    return sums


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_started_after_files_were_opened_read_the_same(folder, method):
    """Handles that a fork inherits would share one place in the file."""
    dataset, expected = Dataset(folder), _expected(folder)
    _sums(dataset, range(0, len(dataset), ROWS))
    context = multiprocessing.get_context(method)
    halves = range(0, len(dataset), 2), range(1, len(dataset), 2)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        read = [pool.submit(dataset.__getitems__, list(half)) for half in halves]
        assert _sums(dataset, range(len(dataset))) == expected
        for half, future in zip(halves, read, strict=True):
            found = [float(sample["image"].sum()) for sample in future.result(timeout=120)]
            assert found == [expected[k] for k in half]


def test_threads_share_a_data_set(folder):
    dataset, expected, found = Dataset(folder), _expected(folder), {}

    def read(first):
        found[first] = _sums(dataset, range(first, len(dataset), 3))

    threads = [threading.Thread(target=read, args=(first,)) for first in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {first: expected[first::3] for first in range(3)}


def _open_files():
    names = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            names.append(link.readlink().name)
        except FileNotFoundError:  # the one of this listing
            continue
    return sorted(name for name in names if name.endswith(".h5"))


def test_few_files_stay_open_those_that_were_read_last(folder, monkeypatch):
    monkeypatch.setattr(samples, "KEPT_FILES", 2)
    dataset = Dataset(folder)
    assert _open_files() == []
    for file in (0, 1, 0, 2):
        dataset[file * ROWS]
    assert _open_files() == ["0.h5", "2.h5"]
    dataset[::-ROWS].__getitems__(range(FILES))
    assert _open_files() == ["0.h5", "1.h5"]


def test_parts_of_a_data_set_share_its_open_files(folder):
    dataset = Dataset(folder)
    dataset[0]
    dataset.split("train")[1], dataset[:3][2], dataset.shuffled(1)[:1]
    assert _open_files() == ["0.h5"]


def test_a_pickled_data_set_holds_no_data_and_opens_nothing(folder):
    dataset = Dataset(folder)
    dataset[0]
    text = pickle.dumps(dataset)
    del dataset
    copy = pickle.loads(text)
    assert _open_files() == []
    assert len(text) < 20_000
    assert copy[0]["image"].shape == (16, 16)


def test_a_shuffled_part_keeps_its_order_in_another_process(folder):
    part = Dataset(folder).shuffled(4)[10:20]
    copy = pickle.loads(pickle.dumps(part))
    assert [row["id"] for row in copy.index] == [row["id"] for row in part.index]
    assert _sums(copy, range(10)) == _sums(part, range(10))


def test_files_are_closed_before_python_takes_h5py_apart(folder):
    program = (
        "import atexit\n"
        "import h5py\n"
        "open_files = h5py.h5f.OBJ_ALL, h5py.h5f.OBJ_FILE\n"
        "atexit.register(lambda: print(h5py.h5f.get_obj_count(*open_files)))\n"
        "from simlab.core.dataset import Dataset\n"
        f"dataset = Dataset({str(folder)!r})\n"
        "dataset[0]\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
