"""simulated.npz and simulated.h5: the published forms of a data set, written from its frames.

| key | shape | dtype | unit |
|---|---|---|---|
| `xcoords`, `ycoords` | (M,) | float64 | object px, x = column |
| `xcoords_start`, `ycoords_start` | (M,) | float64 | the nominal positions |
| `diff3d` (canonical: `diffraction`) | (M, N, N) | float32, uint16, uint32 | `measurement_domain` |
| `probeGuess` | (N, N), (P, N, N) | complex64 | |
| `objectGuess` | (H, W), (K, H, W) | complex64 | |
| `scan_index`, `object_index` | (M,) | int64 | |
| `ground_truth_patches` (canonical: `Y` (M, N, N)) | (M, N, N, 1) | complex64 | |
| `intensity_scale`, `norm_Y_I`, `nphotons` | () | float64 | |
| `detector_mask` | (N, N) | uint8 | 1 = valid; only if a pixel is not |
| `frame_scale`, `dose` | (M,) | float64 | only if the dose varies |
| `_metadata` | () | text | JSON |
"""

import json
import math
import os
from pathlib import Path

import h5py
import numpy as np

from simlab.core.errors import ConfigError
from simlab.core.files import NpzWriter, atomic_path
from simlab.core.hdf5 import create_hdf5, create_virtual, write_attributes
from simlab.ptycho.files.archive import METADATA
from simlab.ptycho.files.hdf5 import create_frames, frames_per_chunk, write_array
from simlab.ptycho.files.shards import CANONICAL, FrameFiles, blocks_of, dataset_of
from simlab.ptycho.metadata import flat_attributes, metadata_text

ORDER = (
    "xcoords",
    "ycoords",
    "xcoords_start",
    "ycoords_start",
    "diff3d",
    "probeGuess",
    "objectGuess",
    "scan_index",
    "ground_truth_patches",
    "object_index",
    "intensity_scale",
    "norm_Y_I",
    "nphotons",
    "detector_mask",
    "frame_scale",
    "dose",
)
BIG = ("diff3d", "ground_truth_patches")

DEFLATE_LIMIT_BYTES = 32 << 20
COPY_LIMIT_BYTES = 2 << 30


def write_dataset_npz(
    path, frames, shared, metadata, *, contract="legacy", compression="auto", indices=None
):
    """Write a data set as npz, member by member; memory holds one block of frames.

    Parameters
    ----------
    path : path
    frames : FrameFiles, FramesInMemory, or list of path
        Source of the per-frame arrays: shards in order, or one simulated.h5.
    shared : mapping
        objectGuess, probeGuess, intensity_scale, norm_Y_I, nphotons, detector_mask; what is
        missing or None is left out.
    metadata : mapping or None
        The record of `_metadata`.
    contract : "legacy" | "canonical"
        Key names.
    compression : "auto" | "deflate" | "gzip" | "lzf" | "none"
        auto (and lzf, which npz files do not know): deflate level 1 up to 32 MiB in all, else
        stored.
    indices : sequence of int, optional
        Frames to write, in that order; None writes all.
    """
    if not hasattr(frames, "layout"):
        with FrameFiles(frames) as opened:
            write_dataset_npz(
                path,
                opened,
                shared,
                metadata,
                contract=contract,
                compression=compression,
                indices=indices,
            )
        return
    names = _names(contract)
    members = []
    for key in ORDER:
        if key in frames.keys:
            shape, dtype = frames.layout(key)
            if indices is not None:
                shape = (len(indices), *shape[1:])
            if names.get(key) == "Y":
                shape = shape[:3]
            members.append((names.get(key, key), shape, dtype, blocks_of(frames, key, indices)))
        elif shared.get(key) is not None:
            array = np.asarray(shared[key])
            members.append((key, array.shape, array.dtype, [array]))
    if metadata is not None:
        text = np.array(metadata_text(metadata))
        members.append((METADATA, text.shape, text.dtype, [text]))
    with (
        atomic_path(path) as part,
        open(part, "wb") as stream,
        NpzWriter(stream, _level(members, compression)) as npz,
    ):
        for member in members:
            npz.add_blocks(*member)


def _level(members, compression):
    if compression in ("deflate", "gzip"):
        return 1
    if compression == "none":
        return 0
    size = sum(math.prod(shape) * dtype.itemsize for _, shape, dtype, _ in members)
    return 1 if size <= DEFLATE_LIMIT_BYTES else 0


def _names(contract):
    if contract not in ("legacy", "canonical"):
        raise ConfigError(f"contract is {contract!r}, known: legacy, canonical")
    return CANONICAL if contract == "canonical" else {}


def write_dataset_h5(
    path,
    frames,
    shared,
    metadata,
    *,
    contract="legacy",
    merge="auto",
    compression="auto",
    attributes=None,
):
    """Write a data set as HDF5; memory holds one block of frames.

    Parameters
    ----------
    path, frames, shared, metadata, contract : see `write_dataset_npz`
    merge : "auto" | "copy" | "virtual"
        copy: one self-contained file, chunks of the shards are copied without decoding them;
        virtual: virtual datasets with relative names over the shards; auto: copy up to 2 GiB of
        frames and patches. Frames in memory are always copied.
    compression : str
        Of frames in memory; shards keep theirs.
    attributes : mapping, optional
        More root attributes: spec, seed, code, versions. Mappings become JSON text.
    """
    if not hasattr(frames, "layout"):
        with FrameFiles(frames) as opened:
            write_dataset_h5(
                path,
                opened,
                shared,
                metadata,
                contract=contract,
                merge=merge,
                compression=compression,
                attributes=attributes,
            )
        return
    if merge not in ("auto", "copy", "virtual"):
        raise ConfigError(f"merge is {merge!r}, known: auto, copy, virtual")
    names = _names(contract)
    virtual = isinstance(frames, FrameFiles) and _virtual(frames, merge)
    with create_hdf5(path) as file:
        for key in ORDER:
            name = names.get(key, key)
            if key in BIG and key in frames.keys:
                if virtual:
                    _link(file, name, frames, key, Path(path).parent)
                else:
                    _copy(file, name, frames, key, compression)
            elif key in frames.keys:
                write_array(file, name, frames.read(key))
            elif shared.get(key) is not None:
                write_array(file, name, shared[key])
        finish_root(file, metadata, names, shared, frames.keys, attributes)


def finish_root(file, metadata, names, shared, per_frame, attributes):
    """Root attributes of a data set."""
    flat = flat_attributes(metadata) if metadata is not None else {}
    write_attributes(file, {**flat, "norm_Y_I": shared.get("norm_Y_I"), **(attributes or {})})
    write_attributes(
        file,
        {
            "format": "ptycho-dataset",
            "format_version": 1,
            "sample_arrays": json.dumps([names.get(k, k) for k in ORDER if k in per_frame]),
            METADATA: None if metadata is None else metadata_text(metadata),
        },
    )


def _virtual(frames, merge):
    if merge != "auto":
        return merge == "virtual"
    layouts = [frames.layout(key) for key in BIG if key in frames.keys]
    size = sum(math.prod(shape) * dtype.itemsize for shape, dtype in layouts)
    return size > COPY_LIMIT_BYTES


def _link(file, name, frames, key, folder):
    shape, dtype = frames.layout(key)
    shape = shape[:3] if name == "Y" else shape
    layout = h5py.VirtualLayout(shape, dtype)
    for path, (first, shard) in zip(frames.paths, frames.files, strict=True):
        relative = Path(os.path.relpath(path, folder)).as_posix()
        data = dataset_of(shard, key)
        source = h5py.VirtualSource(relative, data.name, shape=data.shape, dtype=dtype)
        layout[first : first + data.shape[0]] = source
    create_virtual(file, name, layout)


def _copy(file, name, frames, key, compression):
    shape, dtype = frames.layout(key)
    shape = shape[:3] if name == "Y" else shape
    if not isinstance(frames, FrameFiles):
        create_frames(file, name, shape, dtype, compression)
        start = 0
        for block in frames.blocks(key):
            file[name][start : start + len(block)] = block.reshape(len(block), *shape[1:])
            start += len(block)
        return
    like = dataset_of(frames.files[0][1], key)
    file.create_dataset(
        name,
        shape,
        dtype,
        chunks=(min(frames_per_chunk(shape[1]), shape[0]), *shape[1:]),
        compression=like.compression,
        compression_opts=like.compression_opts,
        shuffle=like.shuffle,
        track_times=False,
    )
    for first, shard in frames.files:
        _copy_shard(dataset_of(shard, key), file, name, first, like)


def _copy_shard(source, file, name, first, like):
    size, rows = file[name].chunks[0], source.shape[0]
    filters = (source.compression, source.compression_opts, source.shuffle)
    raw = (
        not source.is_virtual
        and source.chunks is not None
        and source.chunks[0] == size
        and first % size == 0
        and filters == (like.compression, like.compression_opts, like.shuffle)
    )
    for start in range(0, rows, size):
        data = file[name]
        if raw:
            offset = (start, *(0,) * (source.ndim - 1))
            mask, stored = source.id.read_direct_chunk(offset)
            offset = (first + start, *(0,) * (data.ndim - 1))
            data.id.write_direct_chunk(offset, stored, mask)
        else:
            stop = min(start + size, rows)
            block = source[start:stop]
            data[first + start : first + stop] = block.reshape(len(block), *data.shape[1:])
