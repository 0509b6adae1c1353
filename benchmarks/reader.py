"""Time `simlab.open_dataset` against reading the same files with numpy and h5py by hand.

CPU milliseconds a sample of one process, files in the page cache, median of `--repeat` passes, ours
and the plain way in turns, which must give the same arrays. The plain way keeps its files open,
reads array by array, and a batch of rows that follow one another in one go.

    python benchmarks/reader.py [RESULTS] [--repeat 5]

RESULTS is a folder with the data sets of the default campaign, `results` by default.
"""

import argparse
import csv
import json
import time
from functools import partial
from pathlib import Path
from statistics import median

import h5py
import hdf5plugin  # noqa: F401
import numpy as np
from side_by_side import cpu_model, write_results

import simlab

BATCH = 16
DATASETS = {
    "ptycho": ("ptycho/siemens64", {}),
    "afm": ("afm/seed_co", {}),
    "halo": ("halo/camels64", {}),
    "calcium": ("calcium/aperture_sweep", {}),
    "calcium frames": ("calcium/aperture_sweep", {"item": "frame"}),
    "lensing": ("lensing/roulette-mixed", {}),
}
NORMALIZED = ("diff3d", "afm", "condition", "observed", "images")
"""The array that the plain way normalizes too, here by one mean and spread."""


class Plain:
    """The loop that one writes by hand, per format of the domain."""

    def __init__(self, folder, frames):
        self.folder, self.frames, self.files, self.listed = folder, frames, {}, {}
        with open(folder / "index.csv", newline="") as table:
            rows = [(row["file"], int(row["position"])) for row in csv.DictReader(table)]
        if frames:
            rows = [(file, k) for file, _ in rows for k in range(len(self.open(file)["observed"]))]
        self.rows = rows

    def open(self, file):
        if file not in self.files:
            opened = self.files[file] = h5py.File(self.folder / file)
            listed = json.loads(opened.attrs.get("sample_arrays", "null"))
            self.listed[file] = ["observed"] if self.frames else listed
            self.molecules = "mol/ptr" in opened
        return self.files[file]

    def sample(self, number):
        file, position = self.rows[number]
        if file.endswith(".npz"):
            with np.load(self.folder / file) as arrays:
                return {name: arrays[name] for name in arrays.files}
        opened = self.open(file)
        if self.listed[file] is None:
            return {n: d[()] for n, d in opened.items() if isinstance(d, h5py.Dataset)}
        sample = {name: opened[name][position] for name in self.listed[file]}
        if self.molecules:
            first, stop = opened["mol/ptr"][position : position + 2]
            sample["mol"] = opened["mol/data"][first:stop]
        return sample

    def batch(self, numbers):
        return self.stacked([self.sample(number) for number in numbers])

    def stacked(self, samples):
        return {
            name: [s[name] for s in samples]
            if name == "mol"
            else np.stack([s[name] for s in samples])
            for name in samples[0]
        }

    def block(self, numbers):
        """Rows that follow one another in a file, array by array in one go; else one by one."""
        file, first = self.rows[numbers[0]]
        if file.endswith(".npz") or self.rows[numbers[-1]] != (file, first + len(numbers) - 1):
            return self.batch(numbers)
        opened = self.open(file)
        if self.listed[file] is None:
            return self.batch(numbers)
        block = {name: opened[name][first : first + len(numbers)] for name in self.listed[file]}
        if self.molecules:
            ends = opened["mol/ptr"][first : first + len(numbers) + 1]
            atoms = opened["mol/data"][ends[0] : ends[-1]]
            block["mol"] = np.split(atoms, ends[1:-1] - ends[0])
        return block


def groups(order):
    return [order[k : k + BATCH] for k in range(0, len(order), BATCH)]


def normalized(samples):
    for sample in samples:
        for name in NORMALIZED:
            if name in sample:
                sample[name] = (sample[name].astype(np.float32) - np.float32(1)) * np.float32(2)
        yield sample


def routes(folder, options):
    """{name: (ours, plain)}: functions that return an iterator over all samples or batches."""
    ours = simlab.open_dataset(folder, **options)
    ready = simlab.open_dataset(folder, normalized=True, **options)
    plain = Plain(folder, "item" in options)
    order = list(range(len(ours)))
    shuffled = ours.shuffled(1).index.numbers.tolist()
    return ours, {
        "sequential": (partial(iter, ours), partial(map, plain.sample, order)),
        "shuffled": (
            lambda: iter(ours.shuffled(1)),
            partial(map, plain.sample, shuffled),
        ),
        "batches": (
            partial(ours.batches, BATCH),
            lambda: map(plain.block, groups(order)),
        ),
        "shuffled batches": (
            partial(ours.batches, BATCH, shuffle=1),
            lambda: map(plain.batch, groups(shuffled)),
        ),
        "normalized batches": (
            partial(ready.batches, BATCH, shuffle=1),
            lambda: (
                plain.stacked(list(normalized(map(plain.sample, numbers))))
                for numbers in groups(shuffled)
            ),
        ),
    }


def require_equal(ours, plain):
    for mine, other in zip(ours, plain, strict=True):
        assert mine.keys() == other.keys()
        for name, values in mine.items():
            pairs = (
                zip(values, other[name], strict=True) if name == "mol" else [(values, other[name])]
            )
            for value, there in pairs:
                np.testing.assert_array_equal(value, there)


def timed(make):
    """(CPU seconds, wall seconds) of one pass."""
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in make():
        pass
    return time.process_time() - cpu, time.perf_counter() - wall


def compare(folder, options, repeat):
    dataset, named = routes(folder, options)
    result = {"samples": len(dataset)}
    for name in named.keys() - {"normalized batches"}:  # which also warms up
        require_equal(*(make() for make in named[name]))
    for name, pair in named.items():
        times = [[timed(make) for make in pair] for _ in range(repeat)]
        ours, plain = (median(cpu for cpu, _ in runs) for runs in zip(*times, strict=True))
        wall = median(run[0][1] for run in times)
        result[name] = {
            "ours_ms": 1e3 * ours / len(dataset),
            "plain_ms": 1e3 * plain / len(dataset),
            "ratio": median(mine[0] / other[0] for mine, other in times),
            "samples_per_second": len(dataset) / wall,
        }
        print(
            f"  {name:20} {1e3 * ours / len(dataset):8.3f} ms, plain "
            f"{1e3 * plain / len(dataset):8.3f} ms, ratio {result[name]['ratio']:.2f}, "
            f"{result[name]['samples_per_second']:.0f} samples/s"
        )
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="?", type=Path, default=Path("results"))
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    found = {"cpu": cpu_model(), "batch": BATCH}
    for name, (place, more) in DATASETS.items():
        print(name)
        found[name] = compare(options.results / place, more, options.repeat)
    write_results("reader", found)


if __name__ == "__main__":
    main()
