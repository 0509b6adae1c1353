"""Rule ptycho_diffraction: the frames of one shard, their ground truth and statistics."""

import numpy as np

from simlab.core.config import parse_config
from simlab.core.files import read_json, read_npz, write_npz
from simlab.core.progress import progress
from simlab.core.provenance import package_versions
from simlab.ptycho.config import DetectorConfig
from simlab.ptycho.files.inputs import read_input, read_mask
from simlab.ptycho.files.shards import ShardWriter
from simlab.ptycho.forward import ForwardModel
from simlab.ptycho.specs import published_spec


def write_shard(
    spec,
    input_npz,
    positions_npz,
    scale_json,
    mask_file,
    frames,
    h5,
    statistics,
    threads=1,
    batch=None,
):
    """Simulate frames [first, last) = `frames` into `h5` and `statistics`.

    `spec` is that of `specs.diffraction_spec` with the code digest as `code`.
    """
    stage1 = read_input(input_npz, allow_small_object=True)
    probe = stage1["probeGuess"]
    mask = read_mask(mask_file, probe.shape[-1]) if mask_file else None
    model = model_of(spec, stage1["objectGuess"], probe, mask)
    positions = {key: values[slice(*frames)] for key, values in read_npz(positions_npz).items()}
    simulate_shard(
        model,
        positions,
        read_json(scale_json),
        first_frame=frames[0],
        h5=h5,
        statistics=statistics,
        patches=spec["patches"],
        compression=spec["compression"],
        threads=threads,
        batch=batch,
        attributes={
            "spec": published_spec({key: spec[key] for key in spec if key != "code"}),
            "seed": spec["seed"],
            "code": spec["code"],
            "versions": package_versions(),
        },
    )


def model_of(spec, objects, probe, mask):
    """The forward model of a `specs.diffraction_spec`."""
    detector = parse_config(DetectorConfig, spec["detector"], "detector")
    return ForwardModel(
        objects,
        probe,
        seed=spec["seed"],
        nphotons=detector.nphotons,
        detector=detector,
        mask=mask,
        subpixel=spec["subpixel"],
        measurement=spec["measurement"],
        counts_dtype=spec["counts_dtype"],
        fft=spec["fft"],
        backend=spec["backend"],
    )


def simulate_shard(
    model,
    positions,
    scales,
    *,
    first_frame,
    h5,
    statistics,
    patches,
    compression="auto",
    threads=1,
    batch=None,
    attributes=None,
):
    """Stream the frames at `positions` into `h5`, then their statistics into `statistics`."""
    parts = []
    count = len(positions["xcoords"])
    blocks = model.frames(
        positions["xcoords"],
        positions["ycoords"],
        intensity_scale=scales["intensity_scale"],
        mean_power=scales["mean_exit_power"],
        first_frame=first_frame,
        object_index=positions["object_index"],
        store_patches=patches,
        threads=threads,
        batch=batch,
    )
    with ShardWriter(
        h5,
        positions,
        first_frame=first_frame,
        compression=compression,
        attributes={"device": model.device, **(attributes or {})},
    ) as shard:
        for block in progress(blocks, None, f"simulating {count} frames, blocks"):
            shard.write(block)
            scale = block.frame_scale
            if scale is None:
                scale = np.full(block.stop - block.start, scales["intensity_scale"])
            parts.append({**block.statistics, "frame_scale": scale})
        write_npz(
            statistics, {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        )
