"""Reading a data set of any domain sample by sample, for training loops and notebooks."""

import copy
from array import array
from collections.abc import Sequence
from operator import index as whole_number
from pathlib import Path, PurePosixPath

import numpy as np

from simlab.core.errors import ConfigError, InputFileError, MissingFileError
from simlab.core.files import read_csv, read_json
from simlab.core.inputs import shown
from simlab.core.random import generator
from simlab.core.samples import SampleFiles
from simlab.core.splits import ALIASES, SPLITS

FIRST_COLUMNS = ["id", "file", "position", "split"]
STREAM = "dataset.shuffle"
CELLS_END = "\x1f"
"""Between cells in memory; no cell has it."""


class Index(Sequence):
    """Rows of a table of samples, as dicts of text; a slice is an Index.

    A row takes about as many bytes as its line in the file, also in other processes.

    Parameters
    ----------
    header : list of str
        Begins with id, file, position, split.
    table : iterable of lists of str
    """

    def __init__(self, header, table):
        self.header = header
        files, text, places = {}, bytearray(), array("q")
        for row in table:
            places.extend((files.setdefault(row[1], len(files)), int(row[2])))
            places.append(SPLITS.index(row[3]))
            text += CELLS_END.join(row).encode()
            places.append(len(text))
        self._files, self._text = tuple(files), bytes(text)
        self._places = np.array(places, np.int64).reshape(-1, 4)
        self.numbers = np.arange(self.count())

    def count(self):
        """Samples of the whole table."""
        return len(self._places)

    def cells(self, number):
        """Row `number` of the whole table, a list of str."""
        start = self._places[number - 1, 3] if number else 0
        return self._text[start : self._places[number, 3]].decode().split(CELLS_END)

    def row(self, number):
        """Sample `number` of the whole table, as a dict."""
        return dict(zip(self.header, self.cells(number), strict=True))

    def split_numbers(self):
        """Split of each sample of the whole table, (n,) places in SPLITS."""
        return self._places[:, 2]

    def splits(self):
        """Split of each row, a list of str."""
        return [SPLITS[number] for number in self.split_numbers()[self.numbers]]

    def column(self, name):
        """A cell of each row, a list of str."""
        return [row[name] for row in self]

    def __len__(self):
        return len(self.numbers)

    def __getitem__(self, item):
        if isinstance(item, slice):
            return self.select(item)
        return self.row(self.numbers[whole_number(item)])

    def select(self, places):
        """The rows at `places`, a slice or whole numbers."""
        part = copy.copy(self)
        part.numbers = self.numbers[places]
        return part

    def of_split(self, name):
        """The rows of one split."""
        numbers = self.split_numbers()[self.numbers]
        return self.select(np.flatnonzero(numbers == SPLITS.index(name)))

    def places(self, items):
        """(file, position) of the samples `items`, a list."""
        found = self._places[self.numbers[items], :2].tolist()
        return [(self._files[file], position) for file, position in found]


def read_index(folder):
    """The Index of a data set's `index.csv`; InputFileError for what is no such table."""
    path = Path(folder) / "index.csv"
    header, table = read_csv(path)
    if header[:4] != FIRST_COLUMNS:
        raise InputFileError(f"{path}: first columns are {header[:4]}, expected {FIRST_COLUMNS}")
    _check_rows(path, table)
    return Index(header, table)


class Dataset:
    """The samples that the `index.csv` of a data set lists, a sequence of dicts of numpy arrays.

    `len(dataset)` counts them, `dataset[i]` reads one, a slice is a data set. Nothing is read
    before it is asked for. It can be pickled and shared by processes, and is a map-style data set
    of PyTorch as it is.

    Parameters
    ----------
    folder : path
        `results/<domain>/<dataset>`.
    index : Index, optional
        Default: that of the folder's index.csv.
    samples : SampleFiles, optional
        Default: the arrays as they are in the files.
    normalizer : callable, optional
        Takes and returns a sample; `inverse(sample)` undoes it.
    domain : str, optional
        Default: that of the manifest.

    Attributes
    ----------
    index : Index
        Row of each sample, a dict of text.
    """

    def __init__(self, folder, index=None, samples=None, normalizer=None, domain=None):
        self.folder = Path(folder)
        self.index = read_index(folder) if index is None else index
        self._samples = SampleFiles(folder) if samples is None else samples
        self._normalizer, self._domain = normalizer, domain
        self._manifest = None

    @property
    def domain(self):
        """ptycho, afm, halo, calcium or lensing."""
        return self._domain or self.manifest["domain"]

    @property
    def manifest(self):
        """Content of `manifest.json`."""
        if self._manifest is None:
            self._manifest = read_json(self.folder / "manifest.json")
        return self._manifest

    @property
    def arrays(self):
        """Names of the arrays that are read; None: all."""
        return self._samples.arrays

    def split(self, name):
        """The samples of one split: train, val (or validation), test or excluded."""
        name = ALIASES.get(name, name)
        if name not in SPLITS:
            raise ConfigError(
                f"{self.folder}: split {name!r} is unknown, known: {', '.join(SPLITS)}"
            )
        return self._of(self.index.of_split(name))

    def shuffled(self, seed, epoch=0):
        """The same samples in another order, drawn by `seed` and `epoch` (whole numbers >= 0).

        The order depends on these and the number of samples only.
        """
        if whole_number(epoch) < 0:
            raise ConfigError(f"epoch is {epoch}, expected a whole number >= 0")
        return self._of(self.index.select(generator(seed, STREAM, epoch).permutation(len(self))))

    def batches(self, size, shuffle=None, drop_last=False, epoch=0):
        """An iterator over batches: dicts as of `collate`, of `size` samples each.

        Parameters
        ----------
        size : int >= 1
        shuffle : int, optional
            Seed of the order, see `shuffled`; None keeps the order of the index.
        drop_last : bool
            Leave out a last batch of fewer samples.
        epoch : int >= 0
            With `shuffle`: each has its own order.
        """
        if whole_number(size) < 1:
            raise ConfigError(f"size is {size}, a batch has at least 1 sample")
        if shuffle is None and epoch:
            raise ConfigError(f"epoch is {epoch}, which needs shuffle, the seed of the orders")
        data = self if shuffle is None else self.shuffled(shuffle, epoch)
        stop = len(data) - len(data) % size if drop_last else len(data)
        return (
            self.collate(data.__getitems__(range(first, min(first + size, stop))))
            for first in range(0, stop, size)
        )

    def collate(self, samples):
        """One dict of a list of samples: arrays get a first axis of samples.

        Arrays whose shapes differ by their nature, such as the atoms of molecules, stay lists, and
        so do movies of different sizes. ConfigError without samples, or for samples of other names.
        """
        if len({frozenset(sample) for sample in samples}) != 1:
            found = " and ".join(sorted({str(sorted(sample)) for sample in samples}))
            raise ConfigError(f"samples have arrays {found or 'of none'}, a batch has the same")
        batch = {}
        for name in samples[0]:
            values = [sample[name] for sample in samples]
            same = len({np.shape(value) for value in values}) == 1
            batch[name] = np.stack(values) if same and name not in self._samples.ragged else values
        return batch

    def denormalize(self, sample):
        """A sample or batch of a normalized data set in physical units again.

        Arrays may be missing, or be predictions of the same shape.
        """
        if self._normalizer is None:
            raise ConfigError(f"{self.folder}: not opened with normalized=True")
        return self._normalizer.inverse(sample)

    def __len__(self):
        return len(self.index)

    def __getitem__(self, item):
        if isinstance(item, slice):
            return self._of(self.index.select(item))
        return self.__getitems__([whole_number(item)])[0]

    def __getitems__(self, items):
        """The samples at the whole numbers `items`, a list; rows of one file are read together."""
        places = self.index.places(np.fromiter(items, np.int64))
        try:
            samples = self._samples.read(places)
        except MissingFileError:
            self._name_missing(items, places)
            raise
        if self._normalizer is None:
            return samples
        return [self._normalizer(sample) for sample in samples]

    def __iter__(self):
        return (self[item] for item in range(len(self)))

    def _of(self, index):
        part = copy.copy(self)
        part.index = index
        return part

    def _name_missing(self, items, places):
        for item, (file, _) in zip(items, places, strict=True):
            if self._samples.is_missing(file):
                name = self.index[item]["id"]
                raise MissingFileError(
                    f"{self.folder / file}: missing, index.csv names it for sample {name}"
                )


def _check_rows(path, table):
    """Ids occur once, positions are whole numbers, files lie in the folder, splits are known."""
    seen, files = set(), set()
    for line, row in enumerate(table, start=2):
        name, file, position, split, *_ = row
        place = PurePosixPath(file)
        inside = file in files or (file and not place.is_absolute() and ".." not in place.parts)
        checks = (
            ("id", name, name and name not in seen, "a name that no other row has"),
            ("file", file, inside, "a file of the data set"),
            ("position", position, position.isdecimal(), "a whole number >= 0"),
            ("position", position, len(position) < 19, "a whole number of at most 18 digits"),
            ("split", split, split in SPLITS, f"one of {', '.join(SPLITS)}"),
            ("a cell", row, not any(CELLS_END in cell for cell in row), "no control characters"),
        )
        for column, found, fits, expected in checks:
            if not fits:
                raise InputFileError(
                    f"{path}: line {line}: {column} is {shown(found)}, expected {expected}"
                )
        seen.add(name)
        files.add(file)
