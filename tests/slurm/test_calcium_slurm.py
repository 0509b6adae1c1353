"""Calcium movies on a real, private, one-node cluster: parts and recordings grouped into jobs."""

import pytest
from calcium_finished import SMALL, SmallDataset

from simlab.core.manifest import require_verified

pytestmark = [pytest.mark.full, pytest.mark.slurm]

NAME = "tiny"
TWO = {**SMALL, "video": False, "stages": [], "sweep": {"axes": {"seed": [1, 2]}}}


def test_parts_and_recordings_run_grouped_and_write_the_bytes_of_one_process(tmp_path, on_cluster):
    campaign = on_cluster({"calcium": {"datasets": {NAME: TWO}}})
    campaign.run("calcium")
    data_set = campaign.results("calcium")
    require_verified([data_set])
    assert {job.state for job in campaign.jobs} == {"COMPLETED"}
    # scenes one by one; six parts in one job, two recordings in another
    assert len(campaign.jobs_of("rule_calcium_scene")) == 2
    assert len(campaign.jobs_of("calcium_part")) == 1
    assert len(campaign.jobs_of("calcium_recording")) == 1
    alone = SmallDataset.of(tmp_path / "alone" / NAME, TWO).make()
    for file in sorted(alone.folder.rglob("*.*")):
        name = file.relative_to(alone.folder)
        if file.is_file() and name.parts[0] != "training" and name.name != "manifest.json":
            assert file.read_bytes() == (data_set / name).read_bytes(), name
