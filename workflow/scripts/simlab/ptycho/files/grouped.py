"""grouped_g{g}.npz: groups of neighboring frames, written member by member from a data set."""

import numpy as np

from simlab.core.files import NpzWriter, atomic_path
from simlab.ptycho.files.readers import open_dataset
from simlab.ptycho.files.shards import frames_per_block
from simlab.ptycho.grouping import full_scale, group_coordinates
from simlab.ptycho.patches import PatchSource, as_stack


def write_grouped_npz(path, dataset_path, nn_indices, *, sample_indices=None, extra=None):
    """Write the groups `nn_indices` (B, C) of the frames of a data set; memory holds one block.

    Keys, shapes and dtypes are those of `RawData.generate_grouped_data`; `extra` (key -> array)
    is added at the end. Ground truth is read, or cut again where it is not stored.
    """
    nn_indices = np.asarray(nn_indices, np.int64)
    with open_dataset(dataset_path) as data:
        frames = data.frames
        (_, side, _), dtype = frames.layout("diff3d")
        shape = (len(nn_indices), side, side, nn_indices.shape[1])
        scale = full_scale(_sums_of_squares(frames), nn_indices, side)
        step = frames_per_block(shape, np.complex64)

        def blocks(take, convert=np.asarray):
            for start in range(0, len(nn_indices), step):
                rows = nn_indices[start : start + step]
                stack = take(rows.reshape(-1)).reshape(*rows.shape, side, side)
                yield convert(stack.transpose(0, 2, 3, 1))

        def patterns(indices):
            return frames.take("diff3d", indices)

        with (
            atomic_path(path) as part,
            open(part, "wb") as stream,
            NpzWriter(stream) as npz,
        ):
            npz.add("nn_indices", nn_indices)
            npz.add_blocks("diffraction", shape, dtype, blocks(patterns))
            scaled = blocks(patterns, lambda stack: (scale * stack).astype(np.float32))
            npz.add_blocks("X_full", shape, np.float32, scaled)
            npz.add("X_full_scale", np.float64(scale))
            for name, suffix in (("coords", ""), ("coords_start", "_start")):
                x, y = (frames.read(f"{axis}coords{suffix}") for axis in "xy")
                coordinates = group_coordinates(x, y, nn_indices)
                for what, values in zip(("nn", "offsets", "relative"), coordinates, strict=True):
                    npz.add(f"{name}_{what}", values)
            truth = _truth(data, side)
            if truth is not None:
                npz.add_blocks("Y", shape, np.complex64, blocks(truth))
            if "objectGuess" in data.shared:
                npz.add("objectGuess", data.shared["objectGuess"])
            if sample_indices is not None:
                npz.add("sample_indices", np.asarray(sample_indices, np.int64))
            for key, values in (extra or {}).items():
                npz.add(key, values)


def _sums_of_squares(frames):
    parts = [
        [np.square(frame, dtype=np.float64).sum() for frame in block]
        for block in frames.blocks("diff3d")
    ]
    return np.array([value for part in parts for value in part])


def _truth(data, side):
    """Function from frame numbers to their ground truth (m, N, N); None if it is unknown."""
    frames = data.frames
    if "ground_truth_patches" in frames.keys:
        return lambda indices: frames.take("ground_truth_patches", indices)[..., 0]
    if "objectGuess" not in data.shared:
        return None
    physics = (data.metadata or {}).get("physics_parameters", {})
    objects = as_stack(data.shared["objectGuess"], "objectGuess")
    source = PatchSource(objects, side, physics.get("subpixel", "bilinear"))
    x, y, index = (frames.read(key) for key in ("xcoords", "ycoords", "object_index"))

    def cut(indices):
        patches = np.empty((len(indices), side, side), np.complex64)
        source.cut(*source.locate(x[indices], y[indices], index[indices]), patches)
        return patches

    return cut
