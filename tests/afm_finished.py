"""A small finished AFM data set, made by the workflow's stages as its rules do."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from simlab.afm import plan, specs, splits
from simlab.afm.checks import run_checks
from simlab.afm.config import DatasetConfig
from simlab.afm.stages.batches import write_batch
from simlab.afm.stages.checks import case_of, write_dataset_checks
from simlab.afm.stages.grids import write_grids
from simlab.afm.stages.index import write_index
from simlab.afm.stages.molecules import collect_molecules
from simlab.afm.stages.normalization import write_normalization
from simlab.afm.stages.plan import write_plan
from simlab.afm.stages.preview import draw_preview
from simlab.afm.stages.samples import write_shard
from simlab.core.config import parse_config
from simlab.core.files import read_json, read_npz, write_json, write_npz
from simlab.core.manifest import write_folder_manifest
from simlab.core.sharding import shard_range

SMALL = {
    "seed": 11,
    "molecules": [
        "resources/afm/molecules/formic_acid.xyz",
        "resources/afm/molecules/bcb.xyz",
        "resources/afm/molecules/g2_NH3.xyz",
    ],
    "simulator": {
        "pixPerAngstrome": 8,
        "scan_dim": [24, 20, 12],
        "scan_window": [[3, 3, 5], [15, 13, 6.2]],
        "df_steps": 5,
    },
    "augment": {"rotations": 20, "n_best": 3},
    "split": {"val": 0.0, "test": 0.34},
    "batch_size": 2,
    "samples_per_shard": 6,
    "export": "batches",
}
GENERAL = {
    **SMALL,
    "generator": "general",
    "augment": None,
    "rotations": ["identity", "rot180"],
    "molecules": SMALL["molecules"][:2],
    "split": {"val": 0.0, "test": 0.0},
    "distAbove": 2.6,
}
HARTREE = {
    **GENERAL,
    "sim_type": "LJ+Hartree",
    "grids": {"source": "model"},
    "tips": [{"multipole": {"dz2": -0.1}}],
}
FDBM = {
    **GENERAL,
    "sim_type": "FDBM",
    "grids": {"source": "model"},
    "tips": [{"tip_density": "model_co"}],
}


@dataclass
class SmallDataset:
    """A data set in a folder."""

    folder: Path
    dataset: DatasetConfig

    @classmethod
    def of(cls, folder, mapping):
        """The data set of a configuration."""
        return cls(Path(folder), parse_config(DatasetConfig, mapping))

    def __getitem__(self, name):
        return self.folder / name

    @property
    def sizes(self):
        return plan.sizes(self.dataset)

    def shards(self, ending="h5"):
        return [self[f"shards/shard_{shard}.{ending}"] for shard in self.sizes.shards]

    @property
    def grids(self):
        if not plan.needs_grids(self.dataset):
            return []
        return [self[f"grids/{molecule}.npz"] for molecule in self.sizes.molecules]

    def make_inputs(self):
        """Molecules, grids and plan."""
        sizes = self.sizes
        collect_molecules(
            specs.molecules_spec(self.dataset),
            sizes.files,
            self["molecules.npz"],
            self["molecules.csv"],
        )
        for molecule, path in zip(sizes.molecules, self.grids, strict=False):
            write_grids(specs.grids_spec(self.dataset), molecule, self["molecules.npz"], path)
        write_plan(specs.plan_spec(self.dataset, sizes), self["molecules.npz"], self["plan.npz"])

    def make_shard(self, shard):
        spec = specs.shard_spec(self.dataset, self.sizes)
        write_shard(
            spec["dataset"],
            self["plan.npz"],
            self["molecules.npz"],
            self.grids,
            shard_range(shard, *spec["samples"]),
            self[f"shards/shard_{shard}.h5"],
            self[f"shards/shard_{shard}.stats.npz"],
            code="code",
        )

    def make_normalization(self):
        write_normalization(
            specs.sample_spec(self.dataset),
            self["molecules.npz"],
            self.shards("stats.npz"),
            self["normalization.json"],
            self["statistics.html"],
        )

    def make_index(self):
        write_index(self["plan.npz"], self["molecules.npz"], self.shards(), self["index.csv"])

    def make(self):
        """All files but checks, batches, preview and manifest."""
        self.make_inputs()
        for shard in self.sizes.shards:
            self.make_shard(shard)
        self.make_normalization()
        self.make_index()
        return self

    def finish(self, name):
        """The rest."""
        for batch in range(self.sizes.batches):
            shard = self.sizes.shard_of_batch(batch)
            write_batch(
                specs.batches_spec(self.sizes),
                batch,
                self[f"shards/shard_{shard}.h5"],
                self[f"batches/batch_{batch}.npz"],
            )
        write_dataset_checks(
            self.check_spec, self.check_files, self["checks.json"], self["checks.html"]
        )
        draw_preview(name, self["molecules.npz"], self.shards()[0], self["preview.png"])
        files = [self[file] for file in plan.published(self.dataset, self.sizes)]
        whole = specs.whole_spec(self.dataset)
        unit = splits.unit_of(whole)
        write_folder_manifest("afm", whole, "code", files, self["manifest.json"], unit)

    @property
    def check_spec(self):
        return specs.checks_spec(self.dataset, self.sizes)

    @property
    def check_files(self):
        return {
            "plan": self["plan.npz"],
            "molecules": self["molecules.npz"],
            "normalization": self["normalization.json"],
            "shards": self.shards(),
            "stats": self.shards("stats.npz"),
            "grids": self.grids,
        }

    def rows(self):
        """Checks by id."""
        return {check.id: check for check in run_checks(case_of(self.check_spec, self.check_files))}

    def failing(self):
        """Ids of the checks that fail."""
        return {check.id for check in self.rows().values() if not check.passed}

    def copy_to(self, folder):
        shutil.copytree(self.folder, folder)
        return SmallDataset(Path(folder), self.dataset)

    def edit(self, change, shard=0):
        """Let `change` work on an open shard."""
        with h5py.File(self.shards()[shard], "r+") as file:
            change(file)

    def replace(self, key, values, shard=0):
        """Put another array in the place of one of a shard."""

        def change(file):
            del file[key]
            file.create_dataset(key, data=values, track_times=False)

        self.edit(change, shard)

    def edit_json(self, name, change):
        content = read_json(self[name])
        change(content)
        write_json(self[name], content)

    def edit_npz(self, name, change):
        arrays = {key: np.array(values) for key, values in read_npz(self[name]).items()}
        change(arrays)
        write_npz(self[name], arrays)
