"""Small data sets made by the workflow's stages, file by file as the rules do."""

import copy
from dataclasses import dataclass
from pathlib import Path

from simlab.core.config import parse_config
from simlab.core.sharding import shard_range
from simlab.ptycho import plan, specs
from simlab.ptycho.config import DatasetConfig
from simlab.ptycho.files.readers import open_dataset
from simlab.ptycho.stages.checks import case_of
from simlab.ptycho.stages.dataset import export_npz, merge_shards
from simlab.ptycho.stages.diffraction import write_shard
from simlab.ptycho.stages.gathering import gather_power
from simlab.ptycho.stages.index import write_index
from simlab.ptycho.stages.input import join_input
from simlab.ptycho.stages.normalization import write_normalization
from simlab.ptycho.stages.object import write_object
from simlab.ptycho.stages.positions import write_positions
from simlab.ptycho.stages.power import write_power
from simlab.ptycho.stages.probe import write_probe
from simlab.ptycho.stages.scale import write_scale

SMALL = {
    "seed": 7,
    "object": {"kind": "dead_leaves", "size": 112},
    "probe": {"N": 32},
    "scan": {"n_images": 64},
    "detector": {"nphotons": 1e5},
    "split": {"axis": "y", "fraction": 0.75, "gap": 4},
}


def merged(base, *changes):
    """`base` with nested mappings overwritten key by key; None and lists replace."""
    result = copy.deepcopy(base)
    for change in changes:
        for key, value in change.items():
            old = result.get(key)
            both = isinstance(value, dict) and isinstance(old, dict)
            result[key] = merged(old, value) if both else copy.deepcopy(value)
    return result


@dataclass
class SmallDataset:
    """A data set in a folder: its configuration, sizes and files."""

    folder: Path
    dataset: DatasetConfig

    def __post_init__(self):
        self.sizes = plan.geometry(self.dataset)
        self.patches = plan.stores_patches(self.dataset, self.sizes)
        self.users = plan.user_files(self.dataset)

    def __getitem__(self, name):
        return self.folder / name

    def shards(self, end):
        return [self.folder / "shards" / f"{name}{end}" for name in self.sizes.shards]

    @property
    def mask(self):
        return self.users.get("detector.mask_file")

    def make(self):
        """All files, in the order of the rules."""
        self.make_input()
        self.make_positions()
        self.make_scale()
        self.make_frames()
        self.make_totals()
        return self

    def make_input(self):
        data, users = self.dataset, self.users
        write_object(
            specs.object_spec(data, self.sizes),
            users.get("object.file"),
            self["object.npz"],
            self["object.json"],
        )
        write_probe(
            specs.probe_spec(data), users.get("probe.file"), self["probe.npz"], self["probe.json"]
        )
        parts = (self[f"{part}.{end}"] for part in ("object", "probe") for end in ("npz", "json"))
        join_input(*parts, self["input.npz"], self["input.json"])

    def make_positions(self):
        write_positions(
            specs.positions_spec(self.dataset),
            self["input.npz"],
            self.users.get("scan.file"),
            self["positions.npz"],
            self["positions.json"],
        )

    def make_scale(self):
        powers = [self.folder / "power" / f"{name}.npz" for name in self.sizes.shards]
        for name, path in zip(self.sizes.shards, powers, strict=True):
            path.parent.mkdir(exist_ok=True)
            write_power(
                specs.power_spec(self.dataset, self.sizes),
                self["input.npz"],
                self["positions.npz"],
                shard_range(name, self.sizes.frames, self.sizes.per_shard),
                path,
            )
        if plan.gathers_power(self.sizes):
            gather_power(powers, self["power.npz"])
            powers = [self["power.npz"]]
        write_scale(specs.scale_spec(self.dataset), powers, self["scale.json"])

    def make_frames(self):
        (self.folder / "shards").mkdir(exist_ok=True)
        spec = specs.diffraction_spec(self.dataset, self.sizes, self.patches) | {"code": "0" * 16}
        for name, h5, statistics in zip(
            self.sizes.shards, self.shards(".h5"), self.shards(".statistics.npz"), strict=True
        ):
            write_shard(
                spec,
                self["input.npz"],
                self["positions.npz"],
                self["scale.json"],
                self.mask,
                shard_range(name, self.sizes.frames, self.sizes.per_shard),
                h5,
                statistics,
            )

    def make_totals(self):
        self.make_h5()
        export_npz(specs.npz_spec(self.dataset), self["simulated.h5"], self["simulated.npz"])
        write_index(
            specs.index_spec(self.dataset, self.sizes), self["positions.npz"], self["index.csv"]
        )
        self.make_normalization()

    def make_h5(self):
        merge_shards(
            self.dataset,
            self.patches,
            self["input.npz"],
            self["positions.json"],
            self["scale.json"],
            self.shards(".h5"),
            self.shards(".statistics.npz"),
            self.mask,
            "0" * 16,
            self["simulated.h5"],
        )

    def make_normalization(self):
        write_normalization(
            specs.normalization_spec(self.dataset),
            self["input.npz"],
            self["positions.npz"],
            self["positions.json"],
            self["scale.json"],
            self["index.csv"],
            self.shards(".statistics.npz"),
            self["normalization.json"],
        )

    @property
    def check_files(self):
        return {
            "stage1": self["input.npz"],
            "positions": self["positions.npz"],
            "report": self["positions.json"],
            "scale": self["scale.json"],
            "h5": self["simulated.h5"],
            "normalization": self["normalization.json"],
            "index": self["index.csv"],
        }

    def case(self, stack):
        """The `Case` of the checks; its frames stay open until `stack` closes."""
        data = stack.enter_context(open_dataset(self["simulated.h5"]))
        spec = specs.checks_spec(self.dataset, self.sizes, self.patches)
        return case_of(spec, self.check_files, self.mask, self.users.get("object.file"), data)


def small_dataset(folder, *changes, base=SMALL):
    """Make the data set `base` with `changes` in `folder`."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return SmallDataset(folder, parse_config(DatasetConfig, merged(base, *changes))).make()
