"""What makes a simulation impossible, found from its configuration and sizes before it runs.

Each function returns texts, one a problem. The workflow's dry run and the commands ask the same
functions, so this module imports numpy only.
"""

from simlab.core.config import user_path
from simlab.core.errors import SimlabError
from simlab.ptycho.config import geometry_problems, small_object
from simlab.ptycho.drawn_objects import SPRITE_PX, SPRITE_SCALES
from simlab.ptycho.headers import mask_shape
from simlab.ptycho.layouts import fixed_pitch_nodes, square_side

PROBE_SIDES = range(16, 1025, 2)


def stage1_problems(config, shape, side, *, allow_small_object=False):
    """Problems of an object (H, W) = `shape` and a probe (side, side) of a Stage1Config."""
    found = [] if allow_small_object else small_object(shape, side)
    if side not in PROBE_SIDES:
        found.append(f"the probe's side is {side}, it must be even and 16..1024")
    glyph = round(SPRITE_SCALES[1] * SPRITE_PX)
    if config.object.kind == "V" and shape[0] <= glyph:
        found.append(f"object.size is {shape[0]}, kind V needs an even one of at least {glyph + 1}")
    return found


def simulation_problems(dataset, sizes, *, allow_small_object=False):
    """Problems of scan, detector, grouping and split of a DatasetConfig with the sizes `sizes`."""
    return [
        *geometry_problems(dataset, sizes.shape, sizes.N, allow_small_object=allow_small_object),
        *_mask_problems(dataset.detector.mask_file, sizes.N),
        *_scan_problems(dataset.scan, sizes),
        *_grouping_problems(dataset.grouping, sizes.frames),
        *_split_problems(dataset.split, sizes.frames),
    ]


def _mask_problems(file, side):
    if file is None:
        return []
    try:
        shape = mask_shape(user_path(file))
    except SimlabError as error:
        return [str(error)]
    if shape == (side, side):
        return []
    return [f"detector.mask_file {file}: the mask has shape {shape}, expected {(side, side)}"]


def _scan_problems(scan, sizes):
    frames, objects = sizes.frames, sizes.objects
    if scan.layout == "grid_groups":
        return [f"scan.layout: grid_groups needs one object, found {objects}"] * (objects > 1)
    if frames < objects:
        return [f"{objects} objects share {frames} frames, needs one each"]
    try:
        for own in _frames_of_an_object(scan.order, frames, objects):
            if scan.layout == "raster":
                square_side(own, "raster")
            elif scan.layout == "fixed_pitch_raster":
                pitch, outer = scan.options["pitch"], scan.options["outer_offset"]
                fixed_pitch_nodes(sizes.shape, sizes.N, own, pitch, outer)
    except SimlabError as error:
        return [str(error) + (f" for each of {objects} objects" if objects > 1 else "")]
    return []


def _frames_of_an_object(order, frames, objects):
    """The numbers of frames that occur among the objects, without repetitions."""
    if order == "coordinate-major":
        return {frames // objects}
    return {(o + 1) * frames // objects - o * frames // objects for o in range(objects)}


def _grouping_problems(grouping, frames):
    if grouping is None:
        return []
    channels = grouping.gridsize**2
    if frames < channels:
        return [f"grouping: {frames} frames are fewer than grouping.gridsize^2 = {channels}"]
    if channels == 1 or grouping.nsamples is None or grouping.nsamples <= frames:
        return []
    if not grouping.enable_oversampling:
        return [
            f"grouping.nsamples is {grouping.nsamples}, more than the {frames} frames: needs "
            "grouping.enable_oversampling: true"
        ]
    pool = grouping.neighbor_pool_size or grouping.K
    if pool < channels:
        return [f"grouping.neighbor_pool_size is {pool}, it must be >= gridsize^2 = {channels}"]
    alone = grouping.legacy or grouping.include_seed is False
    if frames - 1 < channels - (not alone):
        return [f"grouping: {frames} frames give {frames - 1} neighbors, too few for {channels}"]
    return []


def _split_problems(split, frames):
    """Whether one side has no frame; as many are test frames as `splits.split_line` takes."""
    if split is None or 0 < round(frames * (1 - split.fraction)) < frames:
        return []
    return [f"split.fraction {split.fraction:g} leaves one side of {frames} frames empty"]
