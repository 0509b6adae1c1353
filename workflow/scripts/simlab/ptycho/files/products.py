"""Where other programs keep object, probe, frames and positions in HDF5.

| layout | object | probe | frames | positions |
|---|---|---|---|---|
| simlab | `objectGuess` | `probeGuess` | `diff3d`, `diffraction` | `xcoords`, `ycoords`, px |
| product | `object` [L,H,W] | `probe` [C,I,H,W] | - | `probe_position_x_m`, `_y_m`, m |
| CXI | `entry_1/sample_1/object` | `entry_1/sample_1/probe` | `entry_1/data_1/data` | ... |

CXI positions are `entry_1/data_1/translation` (M, 3), m. Positions in m are relative to the
center of the object: x = x_m / pixel + (W - 1)/2.
"""

import numpy as np

from simlab.core.errors import InputFileError, MissingKeyError
from simlab.ptycho.files.hdf5 import dataset_at, read_dataset

CXI_DATA = "entry_1/data_1/data"
CXI_TRANSLATION = "entry_1/data_1/translation"
CXI_ENERGY = "entry_1/instrument_1/source_1/energy"
CXI_OBJECT = "entry_1/sample_1/object"
CXI_PROBE = "entry_1/sample_1/probe"

OBJECT_PLACES = ("objectGuess", "object", CXI_OBJECT)
PROBE_PLACES = ("probeGuess", "probe", CXI_PROBE)


def find(file, key, places):
    """Where `key` is in an open file: there, or in the other layouts if it is a default name."""
    candidates = (key, *places) if key in places else (key,)
    for place in candidates:
        if place in file:
            return place
    found = sorted(file) if len(file) else "an empty file"
    raise MissingKeyError(f"{file.filename}: no dataset {key!r}; found {found}")


def read_object(file, key="objectGuess"):
    """(array, notes) of the object; layer 0 of an object with several layers [L,H,W]."""
    place = find(file, key, OBJECT_PLACES)
    if place == "object" and dataset_at(file, place).ndim == 3:
        layers = file[place].shape[0]
        note = [f"layer 0 of {layers} object layers taken"] if layers > 1 else []
        return read_dataset(file, place, np.s_[0]), note
    return read_dataset(file, place), []


def read_probe(file, key="probeGuess"):
    """(array, notes) of the probe; component 0 of several coherent ones [C,I,H,W]."""
    place = find(file, key, PROBE_PLACES)
    if place != "probeGuess" and dataset_at(file, place).ndim == 4:
        components = file[place].shape[0]
        note = [f"coherent component 0 of {components} taken"] if components > 1 else []
        return read_dataset(file, place, np.s_[0]), note
    return read_dataset(file, place), []


def positions(file):
    """{xcoords, ycoords} float64 (M,), px, of an open file in any layout; None if it has none."""
    if "xcoords" in file and "ycoords" in file:
        return {key: read_dataset(file, key) for key in ("xcoords", "ycoords")}
    if "probe_position_x_m" in file:
        meters = [read_dataset(file, f"probe_position_{axis}_m") for axis in "xy"]
    elif CXI_TRANSLATION in file:
        meters = list(read_dataset(file, CXI_TRANSLATION)[:, :2].T)
    else:
        return None
    try:
        target = file[find(file, "object", OBJECT_PLACES)]
        pixels = [target.attrs["pixel_width_m"], target.attrs["pixel_height_m"]]
    except KeyError:
        raise InputFileError(
            f"{file.filename}: positions are in m, but the object has no attributes "
            "pixel_width_m, pixel_height_m"
        ) from None
    height, width = target.shape[-2:]
    return {
        "xcoords": meters[0] / pixels[0] + (width - 1) / 2,
        "ycoords": meters[1] / pixels[1] + (height - 1) / 2,
    }
