"""Miniature simulations and data sets that tests of halo maps share."""

from pathlib import Path

from simlab.core.config import parse_config
from simlab.halo import specs
from simlab.halo.config import DatasetConfig
from simlab.halo.stages.placement import Place
from simlab.halo.stages.samples import Inputs, write_shard

TINY = Path(__file__).parent / "data" / "halo" / "camels_tiny"
SIM = 7


def tiny_dataset(**changes):
    """Configuration of the miniature CAMELS tree, with 16 px maps unless `changes` say other."""
    mapping = {
        "source": {
            "kind": "camels",
            "nbody_base": str(TINY / "DMO"),
            "hydro_base": str(TINY / "Hydro"),
            "fof_nbody_base": str(TINY / "FOF"),
        },
        "simulations": {"total": 10, "start": SIM, "end": SIM + 1},
        "rotations": {"number": 2},
        "maps": {"resolution": 16},
        "parameters": {"file": str(TINY / "param_df.csv")},
    }
    return parse_config(DatasetConfig, mapping | changes)


def tiny_inputs(root=TINY):
    """Files of the only simulation."""
    name = f"SB35_{SIM}"
    return Inputs(
        root / "DMO" / name, root / "Hydro" / name, root / "FOF" / name, root / "param_df.csv"
    )


def make_shard(folder, dataset=None, *, shard=0, shards=1, inputs=None, code="code", **options):
    """Write one shard of the miniature simulation; (its Place, whether anything was done)."""
    dataset = dataset or tiny_dataset()
    place = Place(Path(folder), "train", SIM, shard, shards)
    made = write_shard(
        specs.samples_spec(dataset), inputs or tiny_inputs(), place, code=code, **options
    )
    return place, made


def sample_bytes(folder):
    """{file: bytes} of all samples below a folder."""
    folder = Path(folder)
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("sim_*_halo_*_rot_*.npz"))
    }
