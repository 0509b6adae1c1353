"""Rank and size from the launcher, without MPI."""

import pytest

from simlab.core.errors import ConfigError
from simlab.halo.ranks import rank_and_size


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (0, 1)),
        ({"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "64"}, (3, 64)),
        ({"PMI_RANK": "1", "PMI_SIZE": "4"}, (1, 4)),
        ({"PMIX_RANK": "2", "OMPI_COMM_WORLD_SIZE": "4"}, (2, 4)),
        (
            {
                "PMIX_RANK": "2",
                "SLURM_PROCID": "2",
                "SLURM_STEP_NUM_TASKS": "8",
                "SLURM_STEP_ID": "0",
            },
            (2, 8),
        ),
        ({"SLURM_PROCID": "2", "SLURM_NTASKS": "8", "SLURM_STEP_ID": "0"}, (2, 8)),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, (0, 1)),
        (
            {
                "OMPI_COMM_WORLD_RANK": "1",
                "OMPI_COMM_WORLD_SIZE": "2",
                "SLURM_PROCID": "0",
                "SLURM_NTASKS": "1",
                "SLURM_STEP_ID": "0",
            },
            (1, 2),
        ),
    ],
)
def test_the_first_launcher_that_tells_is_believed(environment, expected):
    assert rank_and_size(environment=environment) == expected


def test_options_win():
    environment = {"OMPI_COMM_WORLD_RANK": "3", "OMPI_COMM_WORLD_SIZE": "64"}
    assert rank_and_size(1, 2, environment) == (1, 2)
    assert rank_and_size(None, 4, {"PMIX_RANK": "2"}) == (2, 4)


@pytest.mark.parametrize(
    ("environment", "rank", "size", "told"),
    [
        ({"PMIX_RANK": "2"}, None, None, "PMIX_RANK is '2', but OMPI_COMM_WORLD_SIZE is not set"),
        ({"PMIX_RANK": "0"}, None, None, "PMIX_RANK"),
        ({"PMIX_RANK": "2"}, 2, None, "PMIX_RANK"),
        ({"PMI_RANK": "1"}, None, None, "PMI_SIZE is not set"),
        ({"SLURM_PROCID": "0", "SLURM_STEP_ID": "0"}, None, None, "SLURM_NTASKS or SLURM_STEP_NUM"),
        ({}, None, 4, "world_size is 4, but no launcher tells the rank"),
        ({}, 0, None, "rank is 0, but no launcher tells the number of ranks"),
        ({}, 1, None, "rank is 1, but no launcher tells the number of ranks"),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, None, 4, "no launcher tells the rank"),
    ],
)
def test_a_number_without_the_other_is_refused(environment, rank, size, told):
    with pytest.raises(ConfigError, match=told) as caught:
        rank_and_size(rank, size, environment)
    assert "--rank" in str(caught.value)


def test_one_process_may_say_so():
    assert rank_and_size(None, 1, {}) == (0, 1)
    assert rank_and_size(0, 1, {"PMIX_RANK": "0"}) == (0, 1)


@pytest.mark.parametrize(("rank", "size"), [(2, 2), (-1, 2), (0, 0)])
def test_a_rank_outside_the_world_is_refused(rank, size):
    with pytest.raises(ConfigError, match=f"rank is {rank} of world_size {size}"):
        rank_and_size(rank, size, {})


def test_a_variable_that_is_no_number_is_named():
    with pytest.raises(ConfigError, match="PMI_SIZE is 'many'"):
        rank_and_size(environment={"PMI_RANK": "0", "PMI_SIZE": "many"})
