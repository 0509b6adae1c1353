"""Samples on an OpenCL device do not depend on those simulated beside them."""

import json

import numpy as np
import pytest
from afm_finished import SMALL, SmallDataset
from afm_opencl import require_device

from simlab.afm.files.molecules import read_molecules
from simlab.afm.files.shards import Shard
from simlab.afm.production import trainer_of
from simlab.core.files import read_npz


@pytest.fixture(autouse=True, scope="module")
def _device():
    require_device()


TWO_TIPS = {
    **SMALL,
    "backend": "opencl",
    "tips": [{"name": "CO"}, {"name": "Xe", "iZPP": "Xe", "Qs": [0.3, 0, 0, 0]}],
    "batch_size": 9,
    "samples_per_shard": 9,
    "export": "none",
}


def test_images_and_descriptors_are_the_same_alone_and_in_a_batch(tmp_path):
    data = SmallDataset.of(tmp_path, TWO_TIPS)
    data.make_inputs()
    molecules, plan = read_molecules(data["molecules.npz"]), read_npz(data["plan.npz"])
    together = list(trainer_of(data.dataset, molecules, plan).simulate(0, 9))
    for k in range(9):
        rows = {key: values[k : k + 1] for key, values in plan.items()}
        [alone] = trainer_of(data.dataset, molecules, rows, sample_offset=k).simulate(0, 1)
        np.testing.assert_array_equal(alone.X, together[k].X)
        for mine, theirs in zip(alone.Y, together[k].Y, strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_a_data_set_made_on_a_device_passes_every_check_and_says_so(tmp_path, small_afm):
    data = SmallDataset.of(tmp_path, {**TWO_TIPS, "tips": [{}], "samples_per_shard": 9}).make()
    assert data.failing() == set()
    with Shard(data.shards()[0]) as shard, Shard(small_afm.shards()[0]) as other:
        assert shard.attributes["backend"] == "opencl"
        assert shard.attributes["device"] not in ("", other.attributes["device"])
        assert json.loads(shard.file.attrs["spec"])["backend"] == "opencl"
        off = np.abs(shard.array("afm")[:6] - other.array("afm"))
        assert np.percentile(off, 99.9) < 0.05
        assert np.median(off) < 2e-3
