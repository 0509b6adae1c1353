"""Sets of pictures: folders and single files, matched by name, and image shards, by index."""

from contextlib import ExitStack, contextmanager
from pathlib import Path

from simlab.core.hdf5 import read_values
from simlab.lensing.errors import MissingRowsError, RowsError
from simlab.lensing.files.pictures import read_picture
from simlab.lensing.files.shards import is_shard, open_shard, read_filenames

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
SHARDS = (".h5", ".hdf5")


class PictureSet:
    """Pictures that are read one at a time.

    Attributes
    ----------
    name : str
        As messages call it.
    names : dict
        Key of a picture (file name, or index of the row) -> its name, in order.
    by_index : bool
        Whether the keys are indices.
    """

    def __init__(self, name, places, by_index):
        self.name, self.by_index, self._places = name, by_index, places
        self.names = {key: place[0] for key, place in places.items()}

    def read(self, key):
        """Picture of `key`: float64 or as stored (h, w) or (h, w, 3), gray levels 0..255."""
        _, where, position = self._places[key]
        if self.by_index:
            return read_values(where["images"], position)
        picture = read_picture(where)
        return picture[:, :, 0] if picture.shape[2] == 1 else picture


@contextmanager
def open_pictures(paths):
    """A PictureSet of a folder, a file, or a list of shards.

    Raises RowsError for what holds no pictures, and for an index that is there twice.
    """
    several = isinstance(paths, list | tuple)
    name = str(paths[0]) if several and paths else str(paths)
    with ExitStack() as stack:
        files = [Path(path) for path in paths] if several else _files(Path(paths))
        shards = [path for path in files if path.suffix.lower() in SHARDS]
        if not files or (shards and len(shards) < len(files)):
            what = "pictures and shards are mixed" if shards else "no pictures"
            raise RowsError(f"{name}: {what}")
        if shards:
            yield PictureSet(name, _rows(shards, stack), by_index=True)
            return
        # two single files are a pair whatever they are called
        single = not several and not Path(paths).is_dir()
        yield PictureSet(
            name, {("" if single else p.name): (p.name, p, 0) for p in files}, by_index=False
        )


def _files(path):
    if not path.exists():
        raise MissingRowsError(f"neither file nor folder: {path}")
    if path.is_dir():
        found = sorted(p for p in path.iterdir() if p.suffix.lower() in SUFFIXES + SHARDS)
        found = [p for p in found if not p.name.startswith(".")]
        # maps of lenses lie beside the pictures that datagen writes
        return [p for p in found if p.suffix.lower() in SUFFIXES or is_shard(p)]
    return [path]


def _rows(shards, stack):
    places = {}
    for path in shards:
        file = stack.enter_context(open_shard(path))
        for position, (index, name) in enumerate(
            zip(file["index"][()].tolist(), read_filenames(file), strict=True)
        ):
            if index in places:
                raise RowsError(f"{path}: index {index} is there twice")
            places[index] = name, file, position
    return places
