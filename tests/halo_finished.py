"""A small finished data set of halo maps, made by the workflow's stages as its rules do."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from simlab.core.config import parse_config
from simlab.core.files import read_csv, read_json, read_npz, write_csv, write_json, write_npz
from simlab.halo import plan, specs
from simlab.halo.checks import run_checks
from simlab.halo.config import DatasetConfig
from simlab.halo.files.records import read_record, write_record
from simlab.halo.files.samples import DEFLATE, read_sample
from simlab.halo.stages.checks import case_of
from simlab.halo.stages.index import write_index
from simlab.halo.stages.normalization import write_normalization
from simlab.halo.stages.parameters import write_parameters
from simlab.halo.stages.placement import Place
from simlab.halo.stages.samples import Inputs, write_shard
from simlab.halo.stages.simulation import write_pair

SMALL = {
    "seed": 1993,
    "source": {"kind": "synthetic", "n_grid": 32},
    "simulations": {"total": 4, "test_fraction": 0.3},
    "haloes": {"max_per_simulation": 4},
    "rotations": {"number": 2},
    "maps": {"resolution": 16},
    "execution": {"chunk_particles": 10000},
}


@dataclass
class SmallDataset:
    """A data set in a folder, and the folder that holds its simulations."""

    folder: Path
    dataset: DatasetConfig
    inputs: Path

    def __getitem__(self, name):
        return self.folder / name

    @property
    def table(self):
        """Parameters of the simulations."""
        if plan.is_synthetic(self.dataset):
            return self.inputs / "params.csv"
        return Path(self.dataset.parameters.file)

    @property
    def records(self):
        """Paths of the shard records that are there."""
        return sorted(self.folder.glob("*/sim_*/shard_*.json"))

    def make_inputs(self):
        """Synthetic simulations."""
        table = plan.user_files(self.dataset)["parameters.file"]
        write_parameters(specs.parameters_spec(self.dataset), table, self.table)
        for sim in plan.simulations(self.dataset):
            write_pair(specs.simulation_spec(self.dataset), self.table, sim, self.inputs)

    def make_samples(self, shards=1):
        """Samples of synthetic simulations, with their records."""
        for sim, split in plan.splits(self.dataset).items():
            parts = [self.inputs / part / f"SB35_{sim}" for part in ("DMO", "Hydro", "FOF")]
            for shard in range(shards):
                write_shard(
                    specs.samples_spec(self.dataset),
                    Inputs(*parts, self.table),
                    Place(self.folder, split, sim, shard, shards),
                    code="code",
                )

    def make_index(self):
        """index.csv and split.json."""
        spec = specs.index_spec(self.dataset)
        write_index(spec, self.records, self["index.csv"], self["split.json"])

    def make_normalization(self):
        """Statistics files and normalization.json."""
        write_normalization(specs.normalization_spec(self.dataset), self.records, self.folder)

    def finish(self):
        """What follows the samples, up to the checks."""
        self.make_index()
        self.make_normalization()
        return self

    def case(self):
        """What the checks look at."""
        return case_of(specs.whole_spec(self.dataset), self.folder, self.table)

    def rows(self, case=None):
        """{id: row} of all checks."""
        maps = self.dataset.maps
        rows = run_checks(
            case or self.case(),
            map(read_record, self.records),
            lambda file: read_sample(self[file], maps.resolution, maps.scales),
        )
        return {row.id: row for row in rows}

    def failed(self, case=None):
        """Ids of the checks that fail."""
        return {name for name, row in self.rows(case).items() if not row.passed}

    def record(self, number=0):
        """A shard record."""
        return read_record(self.records[number])

    def edit_record(self, change, number=0):
        """Let `change` alter a shard record."""
        record = self.record(number)
        change(record)
        write_record(self.records[number], record)

    def edit_sample(self, change, name):
        """Let `change` alter the arrays of sample `name`."""
        path = next(self.folder.glob(f"*/*/{name}.npz"))
        sample = read_npz(path)
        change(sample)
        write_npz(path, sample, DEFLATE)

    def edit_json(self, change, file):
        """Let `change` alter a JSON file."""
        content = read_json(self[file])
        change(content)
        write_json(self[file], content)

    def edit_arrays(self, change, file):
        """Let `change` alter the arrays of a file."""
        arrays = read_npz(self[file])
        change(arrays)
        write_npz(self[file], arrays)

    def edit_index(self, change):
        """Let `change` alter the rows of index.csv, dicts of text."""
        header, rows = read_csv(self["index.csv"])
        rows = [dict(zip(header, row, strict=True)) for row in rows]
        change(rows)
        write_csv(self["index.csv"], header, [list(row.values()) for row in rows])

    def copy(self, folder):
        """The same data set in another folder; simulations are shared."""
        shutil.copytree(self.folder, folder)
        return SmallDataset(Path(folder), self.dataset, self.inputs)


def small_dataset(root, changes=None):
    """A finished data set below `root`; `changes` replace sections of SMALL."""
    dataset = parse_config(DatasetConfig, SMALL | (changes or {}))
    data = SmallDataset(Path(root) / "small", dataset, Path(root) / "inputs")
    data.make_inputs()
    data.make_samples()
    return data.finish()
