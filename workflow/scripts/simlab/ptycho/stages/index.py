"""Rule ptycho_index: one row a frame."""

from simlab.core.config import parse_config
from simlab.core.files import read_npz, write_csv
from simlab.core.splits import SPLITS
from simlab.ptycho.config import DoseRange, SplitConfig
from simlab.ptycho.photons import drawn_doses
from simlab.ptycho.splits import frame_splits


def write_index(spec, positions_npz, csv):
    """Write index.csv; `spec` holds seed, N, split (a SplitConfig or None) and dose."""
    where = read_npz(positions_npz)
    x, y, objects = where["xcoords"], where["ycoords"], where["object_index"]
    split = parse_config(SplitConfig, spec["split"]) if spec["split"] else None
    labels = frame_splits(x, y, split, spec["N"])
    columns = [range(len(x)), ["simulated.h5"] * len(x), range(len(x))]
    columns += [[SPLITS[label] for label in labels], x, y, objects]
    header = ["id", "file", "position", "split", "x", "y", "object_index"]
    if isinstance(spec["dose"], dict):
        bounds = parse_config(DoseRange, spec["dose"]).range
        columns.append(drawn_doses(spec["seed"], bounds, range(len(x)), spec["N"]))
        header.append("dose")
    write_csv(csv, header, zip(*columns, strict=True))
