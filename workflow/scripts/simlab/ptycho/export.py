"""Data sets in the layouts of other programs: product HDF5 and CXI; legacy and canonical names.

Positions in m are relative to the center of the object: x_m = (x - (W - 1)/2) * pixel.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from simlab.core.errors import ConfigError, MissingKeyError
from simlab.core.hdf5 import create_hdf5, write_attributes
from simlab.ptycho.files import products
from simlab.ptycho.files.hdf5 import create_frames, write_array
from simlab.ptycho.files.published import write_dataset_h5, write_dataset_npz
from simlab.ptycho.files.readers import open_dataset
from simlab.ptycho.metadata import add_transformation_record, metadata_text

FORMATS = ("product", "cxi", "canonical", "legacy")
JOULES_PER_EV = 1.602176634e-19
TOOL = "simlab ptycho convert"


def convert(
    source,
    target,
    to,
    *,
    pixel_size_m=None,
    name="",
    comments="",
    detector_object_distance_m=0.0,
    probe_energy_ev=0.0,
    exposure_time_s=0.0,
    compression="auto",
    assume=None,
):
    """Write the data set `source` to `target` in another layout; frames are copied in blocks.

    Where the layout holds the record of the data set, its `data_transformations` tell of it.

    Parameters
    ----------
    source, target : path
    to : "product" | "cxi" | "canonical" | "legacy"
        The last two keep the format of the target's suffix (.npz, .h5) and change key names.
    pixel_size_m : float
        Side of an object pixel, m; needed by product and cxi.
    name, comments, detector_object_distance_m, probe_energy_ev, exposure_time_s
        Attributes of a product; cxi takes the energy.
    compression : str
        Of npz and HDF5 data sets, see `files.published`.
    assume : None or "intensity"
        See `files.readers.open_dataset`.

    Raises
    ------
    ConfigError
        Unknown format, no pixel size, a suffix that does not go with the format, several
        objects in a layout that holds one.
    """
    if to not in FORMATS:
        raise ConfigError(f"cannot convert to {to!r}, known: {', '.join(FORMATS)}")
    suffix = Path(target).suffix
    suffixes = {"product": (".h5", ".hdf5"), "cxi": (".cxi", ".h5", ".hdf5")}.get(
        to, (".npz", ".h5", ".hdf5")
    )
    if suffix not in suffixes:
        raise ConfigError(f"{target}: {to} files end in {', '.join(suffixes)}")
    with open_dataset(source, assume) as data:
        data = _with_record(data, {"to": to, "assume": assume})
        if to == "product":
            write_product(
                target,
                data,
                pixel_size_m=pixel_size_m,
                name=name,
                comments=comments,
                detector_object_distance_m=detector_object_distance_m,
                probe_energy_ev=probe_energy_ev,
                exposure_time_s=exposure_time_s,
            )
        elif to == "cxi":
            write_cxi(target, data, pixel_size_m=pixel_size_m, probe_energy_ev=probe_energy_ev)
        else:
            write = write_dataset_npz if suffix == ".npz" else write_dataset_h5
            write(
                target,
                data.frames,
                data.shared,
                data.metadata,
                contract=to,
                compression=compression,
            )


def _with_record(data, parameters):
    """`data` whose record, if there is one, tells of the conversion."""
    if data.metadata is None:
        return data
    record = add_transformation_record(data.metadata, TOOL, "convert", parameters, timestamp=None)
    return replace(data, metadata=record)


def write_product(
    path,
    data,
    *,
    pixel_size_m,
    name="",
    comments="",
    detector_object_distance_m=0.0,
    probe_energy_ev=0.0,
    exposure_time_s=0.0,
):
    """Write positions, probe [1, I, H, W] and object [1, H, W] of an open data set (no frames)."""
    objects, probe = _one_object(data), _probe_modes(data)
    x, y = _positions_m(data, objects.shape, pixel_size_m)
    pixels = {"pixel_width_m": pixel_size_m, "pixel_height_m": pixel_size_m}
    with create_hdf5(path) as file:
        write_attributes(
            file,
            {
                "name": name,
                "comments": comments,
                "detector_object_distance_m": float(detector_object_distance_m),
                "probe_energy_eV": float(probe_energy_ev),
                "exposure_time_s": float(exposure_time_s),
            },
        )
        write_array(file, "probe_position_indexes", np.arange(len(x)))
        write_array(file, "probe_position_x_m", x)
        write_array(file, "probe_position_y_m", y)
        write_array(file, "probe", probe[None])
        write_attributes(file["probe"], pixels)
        write_array(file, "object", objects[None])
        write_attributes(file["object"], {**pixels, "center_x_m": 0.0, "center_y_m": 0.0})
        write_array(file, "object_layer_spacing_m", np.zeros(0))
        write_array(file, "loss_values", np.zeros(0))


def write_cxi(path, data, *, pixel_size_m, probe_energy_ev=0.0):
    """Write an open data set as CXI: intensities, translations in m, energy in J, object, probe.

    Intensities are detected counts, uint32 where counts are whole; amplitudes of files that do
    not tell their scale are squared, float32.
    """
    objects, probe = _one_object(data), _probe_modes(data)
    x, y = _positions_m(data, objects.shape, pixel_size_m)
    pixels = {"pixel_width_m": pixel_size_m, "pixel_height_m": pixel_size_m}
    with create_hdf5(path) as file:
        write_array(file, "cxi_version", np.int64(150))
        to_counts, dtype = _counts(data)
        shape = data.frames.layout("diff3d")[0]
        create_frames(file, products.CXI_DATA, shape, dtype)
        start = 0
        for block in data.frames.blocks("diff3d"):
            file[products.CXI_DATA][start : start + len(block)] = to_counts(block, start)
            start += len(block)
        write_array(file, products.CXI_TRANSLATION, np.stack([x, y, np.zeros_like(x)], axis=1))
        write_array(file, products.CXI_ENERGY, np.float64(probe_energy_ev * JOULES_PER_EV))
        write_array(file, products.CXI_OBJECT, objects)
        write_attributes(file[products.CXI_OBJECT], pixels)
        write_array(file, products.CXI_PROBE, probe if len(probe) > 1 else probe[0])
        write_attributes(file[products.CXI_PROBE], pixels)
        if data.metadata is not None:
            write_attributes(file, {"_metadata": metadata_text(data.metadata)})


def _counts(data):
    """(function from stored frames and their first number to counts, dtype of the counts)."""
    physics = (data.metadata or {}).get("physics_parameters", {})
    scale = data.shared.get("intensity_scale")
    scales = data.frames.read("frame_scale") if "frame_scale" in data.frames.keys else None
    relative = data.domain in ("normalized_amplitude", "intensity")
    known = not relative or scale is not None
    whole = known and physics.get("poisson", False)
    squared = data.domain in ("normalized_amplitude", "count_amplitude")

    def to_counts(block, start):
        values = block.astype(np.float64)
        values = values**2 if squared else values
        if relative and known:
            s = scale if scales is None else scales[start : start + len(block), None, None]
            values *= np.square(s)
        return np.rint(values) if whole else values

    return to_counts, np.uint32 if whole else np.float32


def _one_object(data):
    objects = data.shared.get("objectGuess")
    if objects is None:
        raise MissingKeyError("the data set has no objectGuess, which this layout needs")
    if objects.ndim == 3:
        raise ConfigError(
            f"the data set has {len(objects)} objects, this layout holds one: split it by "
            "object_index first"
        )
    return objects


def _probe_modes(data):
    probe = data.shared.get("probeGuess")
    if probe is None:
        raise MissingKeyError("the data set has no probeGuess, which this layout needs")
    return probe if probe.ndim == 3 else probe[None]


def _positions_m(data, shape, pixel_size_m):
    if pixel_size_m is None or not pixel_size_m > 0 or not np.isfinite(pixel_size_m):
        raise ConfigError(f"pixel_size_m is {pixel_size_m}, this layout needs a number > 0 (m)")
    return (
        (data.frames.read(f"{axis}coords") - (extent - 1) / 2) * pixel_size_m
        for axis, extent in (("x", shape[-1]), ("y", shape[-2]))
    )
