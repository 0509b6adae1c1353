"""Small finished lensing data sets, made by the workflow's stages as its rules do."""

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

import h5py

from simlab.core.config import parse_config
from simlab.core.files import files_below, write_csv
from simlab.core.manifest import write_folder_manifest
from simlab.lensing import plan, specs, splits
from simlab.lensing.check_case import DatasetView
from simlab.lensing.checks import run_checks
from simlab.lensing.config import DatasetConfig
from simlab.lensing.stages.checks import write_dataset_checks
from simlab.lensing.stages.comparison import write_comparison
from simlab.lensing.stages.formulas import write_formula_files
from simlab.lensing.stages.images import write_shard
from simlab.lensing.stages.normalization import write_normalization
from simlab.lensing.stages.parameters import write_parameters
from simlab.lensing.stages.pngs import write_pngs
from simlab.lensing.stages.preview import draw_preview
from simlab.lensing.stages.resimulations import write_resimulations, write_roulette_images
from simlab.lensing.stages.tables import write_tables

LENS = {
    "mode": ["SIS", "SIE", "PM"],
    "einstein-min": 6, "einstein-max": 10,
    "ellipseratio-min": 0.5, "ellipseratio-max": 0.9,
    "orientation-min": 0, "orientation-max": 180,
}  # fmt: skip
SOURCE = {
    "mode": ["Spherical", "Ellipsoid"],
    "sigma-min": 2, "sigma-max": 3,
    "sigma2-min": 2, "sigma2-max": 3,
    "position": "polar",
}  # fmt: skip
SMALL = {
    "simulator": {
        "size": 12, "imagesize": 96, "cropsize": 64, "nterms": 6,
        "model": ["Raytrace", "Roulette"], "seed": 5,
    },
    "lens": LENS,
    "source": SOURCE,
    "position": {"r-min": 14, "r-max": 20},
    "splits": {"train": 0.5, "val": 0.25, "test": 0.25},
    "output": {
        "shard_size": 5, "roulette_images": True, "png": True,
        "actual": True, "apparent": True, "original": True, "formulas": ["SIS3"],
        "compare": [["images", "resim"], ["images", "roulette_images"]],
    },
}  # fmt: skip
"""12 rows of three lenses in three shards, with every product."""
CENTERED = {
    "simulator": {"size": 6, "imagesize": 96, "nterms": 12, "reference": "centre", "seed": 6},
    "lens": LENS,
    "source": SOURCE,
    "position": {"r-min": 18, "r-max": 24},
}
"""6 ray-traced rows whose amplitudes are those at the center of light."""
COLUMNS = ("parameters", "table", "index")


@dataclass
class SmallDataset:
    """A data set in a folder."""

    folder: Path
    dataset: DatasetConfig

    @classmethod
    def of(cls, folder, mapping):
        """The data set of a configuration."""
        return cls(Path(folder), parse_config(DatasetConfig, mapping))

    @property
    def spec(self):
        """What the rules of the whole data set get as `spec`."""
        return specs.dataset_spec(self.dataset)

    def path(self, *parts):
        """A file of the data set."""
        return self.folder.joinpath(*parts)

    def shards(self, kind, suffix="h5"):
        """Paths of the shards of one kind."""
        return sorted(self.path(kind).glob(f"*.{suffix}"))

    @property
    def files(self):
        """What the rule of the checks gets."""
        return {
            "parameters": self.path("parameters.csv"),
            "table": self.path("roulette.csv"),
            "index": self.path("index.csv"),
            "images": self.shards("images"),
            "resim": self.shards("resim"),
        }

    def make(self):
        """Make every file of the data set."""
        self.make_checked()
        self.gather()
        return self

    def make_checked(self):
        """Make the files that the checks read."""
        self.make_parameters()
        for shard in plan.shards(self.dataset):
            self.make_shard(shard)
        self.make_tables()
        return self

    def make_parameters(self):
        """parameters.csv."""
        table = next(iter(plan.parameters_of(self.dataset)), None)
        write_parameters(
            specs.parameters_spec(self.dataset), self.path("parameters.csv"), table=table,
            folder=plan.picture_folder(self.dataset),
        )  # fmt: skip

    def make_shard(self, shard):
        """Everything of one shard."""
        dataset, output = self.dataset, self.dataset.output
        rows, parameters = plan.rows_of(dataset, shard), self.path("parameters.csv")
        images, table = self.path("images", f"{shard}.h5"), self.path("amplitudes", f"{shard}.csv")
        common = {"folder": plan.picture_folder(dataset), "code": "code"}
        write_shard(
            specs.images_spec(dataset), rows, parameters, images, table,
            self.path("statistics", f"{shard}.npz"), **common,
        )  # fmt: skip
        spec = specs.pictures_spec(dataset)
        if output.roulette_images:
            h5 = self.path("roulette_images", f"{shard}.h5")
            write_roulette_images(spec, rows, parameters, h5, **common)
        if output.resim:
            write_resimulations(spec, table, images, self.path("resim", f"{shard}.h5"), **common)
        if output.png:
            write_pngs(images, self.path("png", shard))

    def make_tables(self):
        """Tables of the whole data set."""
        write_tables(
            specs.tables_spec(self.dataset), self.dataset.output.shard_size,
            self.shards("amplitudes", "csv"), self.path("roulette.csv"), self.path("index.csv"),
            {name: self.path("splits", f"{name}.csv") for name in ("train", "val", "test")},
        )  # fmt: skip

    def gather(self):
        """What is made of all shards and tables."""
        dataset, spec = self.dataset, specs.tables_spec(self.dataset)
        for a, b in dataset.output.pairs:
            outputs = (self.path("compare", f"{a}__{b}.{end}") for end in ("json", "csv"))
            write_comparison(self.shards(a), self.shards(b), *outputs)
        for lens, order in plan.formulas_of(dataset):
            outputs = (self.path("formulas", f"{lens}{order}.{end}") for end in ("txt", "json"))
            write_formula_files(lens, order, *outputs)
        write_normalization(
            spec, self.shards("statistics", "npz"), self.path("roulette.csv"),
            self.path("normalization.json"), self.path("statistics.html"),
        )  # fmt: skip
        self.check()
        draw_preview(
            self.folder.name, specs.pictures_spec(dataset), self.shards("amplitudes", "csv")[0],
            self.shards("images")[0], next(iter(self.shards("resim")), None),
            self.path("preview.png"), folder=plan.picture_folder(dataset),
        )  # fmt: skip
        published = files_below(self.path(file) for file in plan.published(dataset))
        manifest = self.path("manifest.json")
        unit = splits.unit_of(self.spec)
        whole = specs.whole_spec(self.dataset)
        write_folder_manifest("lensing", whole, "code", published, manifest, unit)

    def check(self):
        """Write checks.json; raises if a check fails."""
        paths = self.path("checks.json"), self.path("checks.html")
        write_dataset_checks(
            self.spec, self.files, *paths, folder=plan.picture_folder(self.dataset)
        )

    @property
    def view(self):
        """The data set as its checks see it."""
        return DatasetView(self.dataset, self.files, plan.picture_folder(self.dataset))

    def rows(self):
        """All checks by id."""
        view = self.view
        return {row.id: row for row in run_checks(view, view.samples())}

    def failed(self):
        """Ids of the checks that fail."""
        return [row.id for row in self.rows().values() if not row.passed]

    def copy(self, folder):
        """A copy that a test may spoil."""
        return SmallDataset(Path(shutil.copytree(self.folder, folder)), self.dataset)

    def table(self, name="roulette.csv"):
        """Rows of a table: list of {column: text}."""
        with open(self.path(name), newline="") as stream:
            return list(csv.DictReader(stream))

    def edit_table(self, number, changes, name="roulette.csv"):
        """Change cells of row `number` of a table."""
        rows = self.table(name)
        rows[number].update(changes)
        write_csv(self.path(name), list(rows[0]), [row.values() for row in rows])

    def edit_shard(self, number, change, kind="images"):
        """Change row `number` in its shard: `change` gets the open file and its position."""
        shard, position = divmod(number, self.dataset.output.shard_size)
        with h5py.File(self.shards(kind)[shard], "r+") as file:
            change(file, position)
