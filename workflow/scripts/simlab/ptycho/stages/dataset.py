"""Rules ptycho_dataset and ptycho_npz: all frames in one file."""

import json

import numpy as np

from simlab.core.files import read_json, read_npz
from simlab.core.hdf5 import open_hdf5
from simlab.core.provenance import package_versions
from simlab.ptycho.detector import valid_pixels
from simlab.ptycho.files.inputs import read_input, read_mask
from simlab.ptycho.files.published import write_dataset_h5, write_dataset_npz
from simlab.ptycho.files.readers import open_dataset
from simlab.ptycho.metadata import add_transformation_record, dataset_metadata
from simlab.ptycho.specs import whole_spec
from simlab.ptycho.statistics import observed_norm

TOOL = "simlab ptycho"


def merge_shards(
    dataset, patches, input_npz, report_json, scale_json, shards, statistics, mask_file, code, h5
):
    """Write simulated.h5 from `shards`.

    Parameters
    ----------
    dataset : DatasetConfig
    patches : bool
        Whether ground truth is stored.
    input_npz, report_json, scale_json : path
    shards, statistics : list of path
        In frame order.
    mask_file : path or None
    code : str
        Digest of the code that simulated the shards.
    h5 : path
    """
    stage1 = read_input(input_npz, allow_small_object=True)
    objects, probe = stage1["objectGuess"], stage1["probeGuess"]
    report, scales = read_json(report_json), read_json(scale_json)
    side = probe.shape[-1]
    mask = read_mask(mask_file, side) if mask_file else None
    keys = ["counts_sum", "frame_scale"]
    parts = [read_npz(path, keys) for path in statistics]
    counts, applied = (np.concatenate([part[key] for part in parts]) for key in keys)
    metadata = dataset_metadata(
        dataset,
        N=side,
        n_images=len(counts),
        intensity_scale=scales["intensity_scale"],
        mean_exit_power=scales["mean_exit_power"],
        buffer=report["buffer_effective"],
        input_file="input.npz",
        input_sha256=stage1["sha256"],
        device=device_of(shards),
        patches=patches,
        tool=TOOL,
    )
    write_dataset_h5(
        h5,
        shards,
        {
            "objectGuess": objects,
            "probeGuess": probe,
            "intensity_scale": scales["intensity_scale"],
            "norm_Y_I": observed_norm(counts, applied, scales["nphotons"]),
            "nphotons": scales["nphotons"],
            "detector_mask": valid_pixels(side, dataset.detector, mask),
        },
        metadata,
        contract=dataset.output.contract,
        merge=dataset.output.merge,
        compression=dataset.output.compression,
        attributes={
            "spec": whole_spec(dataset),
            "seed": dataset.seed,
            "code": code,
            "versions": package_versions(),
        },
    )


def device_of(shards):
    """Backend, FFT and device that made `shards`, as recorded in them."""
    found = []
    for path in shards:
        with open_hdf5(path) as file:
            device = json.loads(file.attrs["device"])
        if device not in found:
            found.append(device)
    if len(found) == 1:
        return found[0]
    keys = found[0]
    return {key: ", ".join(sorted({str(d[key]) for d in found})) for key in keys}


def export_npz(spec, h5, npz, indices=None, split=None):
    """Write frames `indices` (None: all) of `h5` as npz; `spec` is that of `specs.npz_spec`.

    `split`: what the `data_transformations` of the record tell about the frames chosen.
    """
    with open_dataset(h5) as data:
        metadata = data.metadata
        if split is not None and metadata is not None:
            metadata = add_transformation_record(metadata, TOOL, "split", split, timestamp=None)
        write_dataset_npz(
            npz,
            data.frames,
            data.shared,
            metadata,
            contract=spec["contract"],
            compression=spec["compression"],
            indices=indices,
        )
