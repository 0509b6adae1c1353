"""Records that a data set does not have cannot be asked for: making them would remove samples."""

import pytest

from simlab.core.config import parse_config
from simlab.core.errors import ConfigError
from simlab.halo import plan
from simlab.halo.config import DatasetConfig

DATASET = parse_config(
    DatasetConfig,
    {
        "source": {"kind": "synthetic"},
        "simulations": {"total": 3, "end": 2, "test_fraction": 0.34},
        "execution": {"shards_per_simulation": 2},
    },
)
SPLIT_OF = plan.splits(DATASET)


def test_a_shard_depends_on_the_files_of_its_simulation():
    assert SPLIT_OF == {0: "test", 1: "train"}
    found = plan.shard_inputs("name", DATASET, SPLIT_OF, "train", "1", "00001")
    assert list(found) == ["dmo", "hydro", "catalog"]
    assert tuple(found.values()) == plan.input_files("name", DATASET, 1)


@pytest.mark.parametrize(
    ("split", "sim", "shard", "reason"),
    [
        ("train", "0", "00000", "sim 0 is in test"),
        ("train", "2", "00000", "sim 2 is in neither train nor test"),
        ("train", "1", "00002", "2 shards a simulation"),
    ],
)
def test_records_that_the_data_set_does_not_have_are_refused(split, sim, shard, reason):
    with pytest.raises(ConfigError, match=reason):
        plan.shard_inputs("name", DATASET, SPLIT_OF, split, sim, shard)
