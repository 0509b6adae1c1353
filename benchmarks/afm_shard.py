"""One `afm_shard` job as the rule runs it, for `afm.py`, with Python's start and all files.

python afm_shard.py prepare MOLECULE FOLDER SAMPLES
python afm_shard.py run FOLDER SAMPLES
"""

import resource
import sys
from pathlib import Path

from simlab.afm import specs
from simlab.afm.config import DatasetConfig
from simlab.core.config import parse_config


def dataset_of(molecule, samples):
    return parse_config(
        DatasetConfig,
        {
            "molecules": [str(molecule)],
            "augment": {"rotations": 100, "n_best": 100},
            "max_samples": int(samples),
            "split": {"val": 0, "test": 0},
        },
    )


def prepare(molecule, folder, samples):
    from simlab.afm import plan
    from simlab.afm.stages.molecules import collect_molecules
    from simlab.afm.stages.plan import write_plan
    from simlab.core.files import write_json

    folder, dataset = Path(folder), dataset_of(molecule, samples)
    sizes = plan.sizes(dataset)
    collect_molecules(
        specs.molecules_spec(dataset),
        sizes.files,
        folder / "molecules.npz",
        folder / "molecules.csv",
    )
    write_plan(specs.plan_spec(dataset, sizes), folder / "molecules.npz", folder / "plan.npz")
    write_json(folder / "spec.json", specs.shard_spec(dataset, sizes)["dataset"])


def run(folder, samples):
    from simlab.afm.stages.samples import write_shard
    from simlab.core.files import read_json

    folder = Path(folder)
    write_shard(
        read_json(folder / "spec.json"),
        folder / "plan.npz",
        folder / "molecules.npz",
        [],
        (0, int(samples)),
        folder / "shard.h5",
        folder / "shard.stats.npz",
        code="benchmark",
    )
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


if __name__ == "__main__":
    {"prepare": prepare, "run": run}[sys.argv[1]](*sys.argv[2:])
