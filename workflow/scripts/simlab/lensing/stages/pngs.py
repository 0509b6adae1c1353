"""Rule lensing_pngs: the pictures of a shard as PNG files."""

from pathlib import Path

from simlab.lensing.files.pictures import write_png
from simlab.lensing.files.shards import open_shard, read_filenames
from simlab.lensing.postprocess import to_uint8
from simlab.lensing.rows import stem_of

EXTRAS = ("actual", "apparent", "original")


def write_pngs(images, folder):
    """Write `{stem}.png` of every row, and `actual-{stem}.png` etc. where the shard has them."""
    folder = Path(folder)
    with open_shard(images) as file:
        for position, name in enumerate(read_filenames(file)):
            stem = stem_of({"filename": name})
            write_png(folder / f"{stem}.png", to_uint8(file["images"][position]))
            for extra in EXTRAS:
                if extra in file:
                    write_png(folder / f"{extra}-{stem}.png", to_uint8(file[extra][position]))
