"""Rule ptycho_checks: the data set against its configuration and the forward model."""

import numpy as np

from simlab.core.checks import write_checks
from simlab.core.errors import MissingKeyError
from simlab.core.files import read_json, read_npz
from simlab.ptycho.check_case import Case
from simlab.ptycho.checks import run_checks
from simlab.ptycho.contract import validate_dataset
from simlab.ptycho.detector import valid_pixels
from simlab.ptycho.files.inputs import read_input, read_mask, read_measured
from simlab.ptycho.files.readers import open_dataset
from simlab.ptycho.metadata import spec_digest
from simlab.ptycho.specs import dataset_from
from simlab.ptycho.stages.normalization import splits_of


def write_dataset_checks(spec, files, mask_file, source, json):
    """Run all checks and write checks.json; raise if one fails.

    Parameters
    ----------
    spec : dict
        That of `specs.checks_spec`.
    files : mapping
        stage1, positions, report, scale, h5, normalization, index.
    mask_file, source : path or None
        The user's detector mask; the user's object file, which may hold measured frames.
    json : path
    """
    with open_dataset(files["h5"]) as data:
        write_checks(json, run_checks(case_of(spec, files, mask_file, source, data)))


def case_of(spec, files, mask_file, source, data):
    """The `Case` of a data set whose frames are open as `data`."""
    dataset = dataset_from(spec)
    stage1 = read_input(files["stage1"], allow_small_object=True)
    probe = stage1["probeGuess"]
    mask = read_mask(mask_file, probe.shape[-1]) if mask_file else None
    return Case(
        dataset=dataset,
        objects=stage1["objectGuess"],
        probe=probe,
        positions=read_npz(files["positions"]),
        report=read_json(files["report"]),
        scales=read_json(files["scale"]),
        normalization=read_json(files["normalization"]),
        splits=splits_of(files["index"]),
        frames=data.frames,
        mask=mask,
        file_problems=file_problems(files, data, dataset, stage1, mask, spec),
        measured=measured_frames(source) if source else None,
    )


def file_problems(files, data, dataset, stage1, mask, spec):
    """What is wrong with simulated.h5, as texts: contract, content of its sources, digest."""
    problems = validate_dataset(files["h5"])
    shape = data.frames.layout("diff3d")[0]
    expected = (spec["n_images"], spec["N"], spec["N"])
    if shape != expected:
        problems.append(f"diff3d has shape {shape}, the configuration says {expected}")
    stored = "ground_truth_patches" in data.frames.keys
    if stored != spec["patches"]:
        problems.append(f"patches stored: {stored}, the configuration says {spec['patches']}")
    for source, arrays in (
        ("input.npz", {key: stage1[key] for key in ("objectGuess", "probeGuess")}),
        ("positions.npz", read_npz(files["positions"])),
        ("scale.json", _entries(files["scale"], "intensity_scale", "nphotons")),
        ("normalization.json", _entries(files["normalization"], "norm_Y_I")),
        ("the detector", {"detector_mask": valid_pixels(spec["N"], dataset.detector, mask)}),
    ):
        for key, values in arrays.items():
            found = data.frames.read(key) if key in data.frames.keys else data.shared.get(key)
            if not _same(found, values):
                problems.append(f"{key} differs from {source}")
    recorded = (data.metadata or {}).get("simulation", {}).get("spec_sha256")
    if recorded != spec_digest(dataset, stage1["sha256"]):
        problems.append("the digest of the metadata belongs to another configuration")
    return problems


def _entries(path, *keys):
    content = read_json(path)
    return {key: content[key] for key in keys}


def _same(found, expected):
    """Whether two arrays are equal; None stands for one that is not there or not finite."""
    if found is None or expected is None:
        return found is expected or (expected is None and not np.isfinite(found).all())
    return np.array_equal(found, expected)


def measured_frames(source):
    """Frames and positions of a user's file that holds measured ones, and its domain, or None."""
    measured = read_measured(source)
    if measured is None:
        return None
    try:
        with open_dataset(source) as data:
            domain = data.domain
    except MissingKeyError:  # the CXI layout, whose frames are what the detector recorded
        domain = "count_intensity"
    return {**measured, "domain": domain}
