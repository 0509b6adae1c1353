"""Scene files: everything that is needed to render any frame of a recording.

Root attributes format, format_version, and those of the caller: spec_json, spec_cache_key,
software_version, margin, n_frames, n_units_canvas, focal_depth_um (absent without optics),
noise_key (2 u4), rng_state (JSON of the PCG64 state), until ("" if all steps ran).

    cells/    centers_um (N, 3) f8; amplitude, sigma_px, gain, brightness (N,) f8; in_focus (N,) u1;
              C, B (N, T) f8; S (N, T) u2; emission (T, N) f4
    cells/planted, cells/observed    offsets (N, 2) i4, shapes (N, 2) i4, data flat f4
    neuropil/ spatial (K, Hc, Wc), temporal (K, T), population (T,) f8
    vessel/   mask (Hc, Wc) f8
    motion/   shifts (T, 2) f8
    fields/   illumination, vignette, leakage (H, W) f8
    unit/     index (n,) i4, detectable (n,) u1, vessel_overlap (n,) f8
    ext/      truth of the extensions

What a recording lacks is missing.
"""

import json

import h5py

from simlab.calcium.errors import RecordingFileError
from simlab.calcium.files.rows import RowReader, attribute, dataset_of, open_file, write_arrays
from simlab.core.hdf5 import create_hdf5
from simlab.core.inputs import shown

FORMAT = "calcium-scene"
FORMAT_VERSION = 1
READ_BY_ROWS = {"/cells/emission", "/neuropil/temporal", "/motion/shifts"}


def write_scene(path, groups, attributes):
    """Write a scene file.

    Parameters
    ----------
    path : path
    groups : dict of dict
        Arrays by group and name; None is left out, nested dicts are groups of groups.
    attributes : dict
        Root attributes besides format and version; None is left out, dicts become JSON.
    """
    with create_hdf5(path) as file:
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = FORMAT_VERSION
        for name, value in attributes.items():
            if value is not None:
                file.attrs[name] = json.dumps(value) if isinstance(value, dict) else value
        write_arrays(file, {name: group for name, group in groups.items() if group})


def read_scene(path):
    """(groups, attributes) of a scene file, as given to `write_scene`.

    Arrays of frames (emission, temporal, shifts) come as RowReader, rng_state as dict.

    Raises MissingFileError, or RecordingFileError for anything but an intact scene file.
    """
    with open_file(path, FORMAT, FORMAT_VERSION) as file:
        attributes = {name: attribute(file, name) for name in file.attrs}
        state = attribute(file, "rng_state", str)
        try:
            attributes["rng_state"] = json.loads(state)
        except (ValueError, RecursionError):
            raise RecordingFileError(
                f"{path}: attribute 'rng_state' is {shown(state)}, expected JSON"
            ) from None
        return _read_group(path, file), attributes


def _read_group(path, group):
    arrays = {}
    for name in group:
        if isinstance(group.get(name), h5py.Group):
            arrays[name] = _read_group(path, group[name])
        else:
            item = dataset_of(group, name)
            arrays[name] = RowReader(path, item) if item.name in READ_BY_ROWS else item[()]
    return arrays
