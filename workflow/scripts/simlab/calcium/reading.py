"""What a sample of a data set of calcium movies is, and how networks get it."""

from numbers import Integral

from simlab.calcium.frames import FrameFiles, FrameIndex
from simlab.core.dataset import Index
from simlab.core.errors import ConfigError, InputFileError, MissingFileError
from simlab.core.normalization import Linear, number_of, read_statistics, standard
from simlab.core.samples import OpenFile, SampleFiles
from simlab.core.splits import SPLITS

OPTIONS = ("item", "frames", "stride", "clean")
ITEMS = ("recording", "frame", "pair")


def sources(folder, index, arrays=None, *, item="recording", frames=None, stride=None, clean=False):
    """(Index, SampleFiles) of a data set of movies.

    Parameters
    ----------
    folder : Path
    index : Index
        Of the recordings.
    arrays : iterable of str, optional
        Read only these.
    item : str
        What a sample is. "recording": `observed` (T, H, W), a row of index.csv. "frame":
        `observed` (H, W), one frame, read alone; where the recording is absent it is rendered from
        its scene, and without one from its specification. "pair": `noisy` and `clean` (t, h, w) of
        the training shards.
    frames : int >= 1, optional
        With "frame": windows of so many frames, (frames, H, W).
    stride : int >= 1, optional
        With "frame": from the first frame of a sample to that of the next; default `frames`.
    clean : bool
        With "frame": `clean` too, float32: the same frames before digitization, rendered from the
        scene.

    Raises
    ------
    ConfigError
        Options that do not belong together, or no sample that fits them.
    """
    if item not in ITEMS:
        raise ConfigError(f"{folder}: item is {item!r}, expected one of {', '.join(ITEMS)}")
    given = {"frames": frames, "stride": stride, "clean": clean or None}
    for name, value in given.items():
        if value is not None and item != "frame":
            raise ConfigError(f"{folder}: {name} is {value}, which needs item='frame'")
        if name != "clean" and value is not None and not (is_whole(value) and value > 0):
            raise ConfigError(f"{folder}: {name} is {value}, expected a whole number above 0")
    if item == "recording":
        return index, SampleFiles(folder, arrays)
    if item == "pair":
        return _pairs(folder), PairFiles(folder, arrays)
    frame_index = FrameIndex(index, _lengths(folder, index), frames or 1, stride or frames or 1)
    if len(index) and not len(frame_index):
        raise ConfigError(f"{folder}: frames is {frames}, no recording has so many")
    return frame_index, FrameFiles(folder, arrays, frames, clean)


def is_whole(value):
    """Whether a value is a whole number, of Python or numpy."""
    return isinstance(value, Integral) and not isinstance(value, bool)


class PairFiles(SampleFiles):
    """Training shards; where a sample was cut is told by its row."""

    def open(self, path):
        """The pairs of a shard."""
        opened = OpenFile(path, self.arrays)
        if self.arrays is None:
            opened.arrays.pop("index", None)
        return opened


def _lengths(folder, index):
    """Frames of each recording."""
    for row in index:
        if not row["n_frames"].isdecimal():
            raise InputFileError(
                f"{folder / 'index.csv'}: {row['id']}: n_frames is {row['n_frames']!r}, expected a "
                "whole number"
            )
    return [int(row["n_frames"]) for row in index]


def _pairs(folder):
    """The Index of the training shards of all splits."""
    from simlab.calcium.dataset import shards_of
    from simlab.calcium.files.training import open_training

    table = []
    for split in SPLITS[:3]:
        for path in shards_of(folder, split):
            file = path.relative_to(folder).as_posix()
            with open_training(path) as shard:
                cuts = shard["index"][:]
            for position, (key, *cut) in enumerate(cuts.tolist()):
                name = key.decode()
                table.append([f"{name}-{cut[0]}", file, str(position), split, name, *map(str, cut)])
    if not table:
        raise MissingFileError(
            f"{folder}: no training pairs; expected training/*.h5, which `training` in the "
            "configuration makes"
        )
    return Index(
        ["id", "file", "position", "split", "recording", "sample", "t0", "y0", "x0"], table
    )


def normalizer(dataset):
    """Counts, and intensities before digitization, by mean and standard deviation."""
    path, content = read_statistics(dataset.folder)
    counts = standard(*(number_of(path, content, name) for name in ("mean", "std")))
    constants = {"observed": counts, "noisy": counts}
    if content.get("bit_depth") is None:
        constants["clean"] = counts  # without a sensor, what is observed is the intensity itself
    elif content.get("clean"):
        constants["clean"] = standard(
            *(number_of(path, content, "clean", name) for name in ("mean", "std"))
        )
    return Linear(constants)
