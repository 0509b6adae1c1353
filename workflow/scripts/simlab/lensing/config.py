"""Configuration of gravitational lensing: its defaults, units, ranges and rules."""

import re
import tomllib
from math import floor
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from simlab.core.config import (
    Integer,
    Name,
    Number,
    Section,
    Seed,
    ShardSize,
    nearest,
    parse_config,
)
from simlab.core.files import open_input
from simlab.core.splits import without_aliases
from simlab.core.yaml_files import read_yaml
from simlab.lensing.drawing_config import (
    MODELS,
    ClusterSection,
    LensSection,
    PositionSection,
    SourceSection,
    some_of,
)
from simlab.lensing.errors import LensingConfigError, RowsError
from simlab.lensing.settings import MAX_ORDER, Observation, PictureKeys, SimulationSettings

DEFAULT_SIZE = 10_000
DEFAULT_SHARD = 500
FORMULA = re.compile(r"(SIS|PM|SIE)([1-9][0-9]*)")
SIE_ORDER = 5
"""Largest order of formula files of elliptical lenses."""
PARTS = 1e-9
"""How far the fractions of the splits may add up to something else than 1."""
POINT_CAUSTIC = ("SIS", "PM", "NFW")
SECTIONS = ("lens", "source", "position", "cluster")
"""What a data set of drawn rows may say, and one with a table of rows may not."""


class Simulator(PictureKeys):
    """How rows become pictures, and how many there are."""

    nterms: Integer = Field(5, ge=1, le=MAX_ORDER, description="Order of the roulette expansion")
    model: some_of(MODELS) = Field(
        ("Raytrace",), description="Raytrace, Roulette, RouletteExact, or a list of them"
    )
    size: Integer | None = Field(
        None, ge=1, description="Number of rows; null = 10000, or as many as `parameters` has"
    )
    parameters: str | None = Field(
        None, description="Table of rows, CSV, used instead of drawing them"
    )
    xireference: bool = Field(True, description="false is the same as reference: centre")
    seed: Seed | None = Field(None, description="The same as `seed` of the data set")

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, data):
        if not isinstance(data, dict):
            return data
        if "models" in data:
            if "model" in data:
                raise ValueError("model and models are the same key, give one of them")
            data = {("model" if key == "models" else key): v for key, v in data.items()}
        if str(data.get("xireference", True)).lower() in ("false", "0", "no", "off"):
            data = {"reference": "centre", **data}
            if data["reference"] not in ("centre", "center"):
                raise ValueError("xireference: false is reference: centre, give one of them")
        return data


class Splits(Section):
    """Rows for training, validation and testing: fractions that add up to 1, or numbers."""

    train: Number = Field(0.8, ge=0, description="For training")
    val: Number = Field(0.1, ge=0, description="For validation")
    test: Number = Field(0.1, ge=0, description="For testing")
    variables: Literal["original", "ml"] = Field(
        "original", description="Columns of splits/*.csv: all, or those a network learns from"
    )

    @model_validator(mode="before")
    @classmethod
    def _validation(cls, data):
        return without_aliases(data)

    @model_validator(mode="after")
    def _whole(self):
        shares = self.shares
        if abs(sum(shares) - 1) > PARTS and not all(float(n).is_integer() for n in shares):
            raise ValueError(
                f"train + val + test is {sum(shares):g}, expected 1, or whole numbers of rows"
            )
        return self

    @property
    def shares(self):
        """(train, val, test) as given."""
        return self.train, self.val, self.test

    def counts(self, size):
        """(training, validation, test) rows of `size` rows; LensingConfigError if they differ.

        Fractions f give floor(f size + 1/2) training and validation rows, the rest tests.
        """
        if abs(sum(self.shares) - 1) <= PARTS:
            train = floor(self.train * size + 0.5)
            val = min(floor(self.val * size + 0.5), size - train)
            return train, val, size - train - val
        counts = tuple(int(share) for share in self.shares)
        if sum(counts) != size:
            raise LensingConfigError(
                f"splits: train + val + test is {sum(counts)}, there are {size} rows"
            )
        return counts


Pictures = Literal["images", "roulette_images", "resim"]


def _formula(value):
    found = FORMULA.fullmatch(value)
    if not found or not 1 <= int(found[2]) <= MAX_ORDER:
        raise ValueError(f"expected SIS, PM or SIE and an order 1..{MAX_ORDER}, as SIS8")
    if found[1] == "SIE" and int(found[2]) > SIE_ORDER:
        raise ValueError(f"formulas of SIE are written up to order {SIE_ORDER}")
    return value


class Output(Section):
    """What is made beside pictures and amplitudes."""

    shard_size: ShardSize = Field(
        DEFAULT_SHARD,
        description="Rows of a shard; null, auto = by target_seconds, in files of at most 1 GiB; "
        "never changes one",
    )
    target_seconds: Number = Field(300, gt=0, description="Length of a job with auto, seconds")
    resim: bool = Field(True, description="Pictures drawn from the amplitudes alone")
    roulette_images: bool = Field(False, description="Roulette pictures of ray-traced rows")
    png: bool = Field(False, description="Also PNG files")
    actual: bool = Field(False, description="Also the sources without lens")
    apparent: bool = Field(False, description="Also the sources at their apparent positions")
    original: bool = Field(False, description="Also the pictures before centering")
    compare: list[tuple[Pictures, Pictures]] | None = Field(
        None, description="Pairs to compare; null = [[images, resim]] with resim, else none"
    )
    formulas: list[Annotated[str, AfterValidator(_formula)]] = Field(
        [], description="Formula files, as SIS8 or PM6"
    )

    @model_validator(mode="after")
    def _made(self):
        made = {"images": True, "resim": self.resim, "roulette_images": self.roulette_images}
        for pair in self.compare or ():
            if pair[0] == pair[1]:
                raise ValueError(f"compare: {pair[0]} with itself")
            for name in pair:
                if not made[name]:
                    raise ValueError(f"compare: {name} is not made, set {name}: true")
        for key in ("compare", "formulas"):
            given = getattr(self, key) or []
            if len(set(given)) < len(given):
                raise ValueError(f"{key}: an entry is there twice")
        return self

    @property
    def pairs(self):
        """The pairs to compare, as tuples of names."""
        if self.compare is not None:
            return [tuple(pair) for pair in self.compare]
        return [("images", "resim")] if self.resim else []


class DatasetConfig(Section):
    """One data set of lensed pictures."""

    seed: Seed = Field(0, description="Seed of all random streams of this data set")
    simulator: Simulator = Field(default_factory=Simulator)
    lens: LensSection = Field(default_factory=LensSection)
    cluster: ClusterSection | None = Field(None, description="Clusters in place of single lenses")
    source: SourceSection = Field(default_factory=SourceSection)
    position: PositionSection = Field(default_factory=PositionSection)
    splits: Splits = Field(default_factory=Splits)
    output: Output = Field(default_factory=Output)
    observation: Observation = Field(default_factory=Observation)

    @model_validator(mode="before")
    @classmethod
    def _one_spelling(cls, data):
        if not isinstance(data, dict):
            return data
        data = dict(data)
        if "split" in data:
            if "splits" in data:
                raise ValueError("split and splits are the same key, give one of them")
            data["splits"] = data.pop("split")
        simulator, lens = data.get("simulator"), data.get("lens")
        if isinstance(simulator, dict):
            if simulator.get("parameters") is not None:
                drawn = [key for key in SECTIONS if data.get(key) is not None]
                if drawn:
                    raise ValueError(
                        f"simulator.parameters takes the rows from a table: no {', '.join(drawn)}"
                    )
            if simulator.get("seed") is not None:
                data.setdefault("seed", simulator["seed"])
        if isinstance(lens, dict) and "cluster" in lens:
            if data.get("cluster") is not None:
                raise ValueError("cluster and lens.cluster are the same section")
            data["cluster"] = lens["cluster"]
            data["lens"] = {key: value for key, value in lens.items() if key != "cluster"}
        return data

    @model_validator(mode="after")
    def _consistent(self):
        problems = [*self._contradictions(), *self._impossible_draws()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _contradictions(self):
        simulator = self.simulator
        if simulator.seed not in (None, self.seed):
            yield f"seed is {self.seed}, simulator.seed {simulator.seed}: they are the same key"
        if simulator.parameters is None:
            try:
                self.splits.counts(self.size)
            except LensingConfigError as error:
                yield str(error)
        elif simulator.size is not None:
            yield "simulator.size: a table has the rows it has, leave it out beside parameters"

    def _impossible_draws(self):
        kinds, position = self.lens.mode, self.source.position
        if "RouletteExact" in self.simulator.model and (
            kinds != ("PM",) or self.cluster or self.lens.is_given("shear")
        ):
            yield "simulator.model: RouletteExact is the point mass alone, lens.mode PM"
        if self.cluster and "NFW" in kinds:
            yield "lens.mode: members of a cluster are SIS, SIE or PM"
        if "NFW" in kinds and self._needs_einstein_radius(position):
            yield (
                f"source.position: {position} needs an Einstein radius, which NFW has not; polar "
                "works with position.r-min and r-max"
            )
        round_ = (*POINT_CAUSTIC, "SIE") if self.lens.ellipseratio == 1 else POINT_CAUSTIC
        points = [kind for kind in kinds if kind in round_]
        sheared = self.lens.is_given("shear") and self.lens.shear != 0
        if position == "caustic" and points and not (self.cluster or sheared):
            yield f"source.position: the caustic of {points[0]} is a point, nothing can be drawn"

    def _needs_einstein_radius(self, position):
        if position == "polar":
            return self.position.r is None and self.position.r_min is None
        return position in ("relative", "critical")

    @property
    def size(self):
        """Number of drawn rows; None where a table has them."""
        if self.simulator.parameters is not None:
            return None
        return DEFAULT_SIZE if self.simulator.size is None else self.simulator.size

    def settings(self):
        """The SimulationSettings of this data set."""
        keys = {name: getattr(self.simulator, name) for name in PictureKeys.model_fields}
        return SimulationSettings(**keys, observation=self.observation, seed=self.seed)


class LensingConfig(Section):
    """Lensing data sets by name."""

    datasets: dict[Name, DatasetConfig] = Field(min_length=1, description="Data sets by name")


def load_config(path, dataset=None):
    """The DatasetConfig in a YAML or TOML file.

    Parameters
    ----------
    path : path
        A campaign (`lensing: {datasets: {NAME: ...}}`) or the sections of one data set at top
        level, as the users' TOML files have them; `.toml` is read as TOML, all else as YAML.
    dataset : str, optional
        Which data set of a campaign; needed where it has several.

    Raises
    ------
    ConfigError
        Every key that is unknown or cannot be used; a name that is not there.
    InputFileError
        No such file, or neither YAML nor TOML.
    """
    path = Path(path)
    content = _toml(path) if path.suffix.lower() == ".toml" else read_yaml(path)
    if "lensing" not in content:
        if dataset is not None:
            raise LensingConfigError(f"{path}: no data set {dataset!r}, it holds just one, unnamed")
        return parse_config(DatasetConfig, content, str(path))
    datasets = parse_config(LensingConfig, content["lensing"], f"{path}: lensing").datasets
    if dataset is None and len(datasets) == 1:
        return next(iter(datasets.values()))
    names = ", ".join(datasets)
    if dataset is None:
        raise LensingConfigError(f"{path}: it holds several data sets, name one of {names}")
    if dataset not in datasets:
        hint = nearest(dataset, datasets)
        raise LensingConfigError(f"{path}: no data set {dataset!r}{hint} (known: {names})")
    return datasets[dataset]


def with_changes(config, seed=None, size=None):
    """A DatasetConfig with another seed or number of rows; None leaves it."""
    changes = {"simulator": config.simulator}
    if seed is not None:
        changes["seed"] = seed
        changes["simulator"] = changes["simulator"].model_copy(update={"seed": None})
    if size is not None:
        if config.size is None:
            raise LensingConfigError("simulator.parameters: the table has the rows it has")
        changes["simulator"] = changes["simulator"].model_copy(update={"size": size})
    return config.model_copy(update=changes)


def _toml(path):
    with open_input(path) as stream:
        try:
            return tomllib.loads(stream.read().decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise RowsError(f"{path}: not a TOML file ({error})") from None
