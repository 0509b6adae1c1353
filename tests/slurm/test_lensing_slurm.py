"""Lensed pictures on a real, private, one-node cluster: shards grouped into jobs."""

import h5py
import pytest
from lensing_finished import SMALL, SmallDataset

from simlab.core.manifest import require_verified

pytestmark = [pytest.mark.full, pytest.mark.slurm]

NAME = "tiny"
PLAIN = {**SMALL, "output": {"shard_size": 5, "resim": True}}


def test_shards_run_as_jobs_and_write_the_numbers_of_one_process(tmp_path, on_cluster):
    campaign = on_cluster({"lensing": {"datasets": {NAME: PLAIN}}})
    campaign.run("lensing")
    data_set = campaign.results("lensing")
    require_verified([data_set])
    assert {job.state for job in campaign.jobs} == {"COMPLETED"}
    # all that is made of three shards travels in one job
    assert len(campaign.jobs_of("lensing_shard")) == 1
    assert len(campaign.jobs_of("rule_lensing_parameters")) == 1
    alone = SmallDataset.of(tmp_path / "alone" / NAME, PLAIN).make()
    for file in ("roulette.csv", "index.csv", "normalization.json", "checks.json", "preview.png"):
        assert alone.path(file).read_bytes() == (data_set / file).read_bytes(), file
    for path in alone.shards("resim"):
        with h5py.File(path) as ours, h5py.File(data_set / "resim" / path.name) as theirs:
            assert (ours["images"][()] == theirs["images"][()]).all()
