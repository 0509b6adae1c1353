"""Rule ptycho_checks: the data set against its configuration and the forward model."""

from simlab.core.checks import write_checks
from simlab.core.files import read_json, read_npz
from simlab.ptycho.checks import Case, run_checks
from simlab.ptycho.contract import validate_dataset
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
        mask=read_mask(mask_file, probe.shape[-1]) if mask_file else None,
        file_problems=file_problems(files["h5"], data, dataset, stage1["sha256"], spec),
        measured=read_measured(source) if source else None,
    )


def file_problems(h5, data, dataset, input_sha256, spec):
    """What is wrong with simulated.h5, as texts: contract, number of frames, configuration."""
    problems = validate_dataset(h5)
    shape = data.frames.layout("diff3d")[0]
    expected = (spec["n_images"], spec["N"], spec["N"])
    if shape != expected:
        problems.append(f"diff3d has shape {shape}, the configuration says {expected}")
    stored = "ground_truth_patches" in data.frames.keys
    if stored != spec["patches"]:
        problems.append(f"patches stored: {stored}, the configuration says {spec['patches']}")
    recorded = (data.metadata or {}).get("simulation", {}).get("spec_sha256")
    if recorded != spec_digest(dataset, input_sha256):
        problems.append("the digest of the metadata belongs to another configuration")
    return problems
