"""Which part of the work is this process's, under mpirun, srun or by itself; without MPI."""

import os

from simlab.core.errors import ConfigError

LAUNCHERS = (
    ("OMPI_COMM_WORLD_RANK", ("OMPI_COMM_WORLD_SIZE",)),
    ("PMI_RANK", ("PMI_SIZE",)),
    ("PMIX_RANK", ("OMPI_COMM_WORLD_SIZE",)),
)
SLURM_STEP = ("SLURM_PROCID", ("SLURM_NTASKS", "SLURM_STEP_NUM_TASKS"))
"""Counts inside a job step only: a batch script has SLURM_PROCID, too."""


def rank_and_size(rank=None, world_size=None, environment=None):
    """(rank, number of ranks) from the options, else from what the launcher set, else (0, 1).

    Errors: ConfigError for numbers that do not fit each other, and for one without the other:
    processes that take themselves for the only one would all do the same work.
    """
    env = os.environ if environment is None else environment
    known = rank is not None and world_size is not None
    found = (rank, world_size) if known else _of_launcher(env, rank, world_size)
    rank, size = found
    if size < 1 or not 0 <= rank < size:
        raise ConfigError(f"rank is {rank} of world_size {size}, expected 0 <= rank < world_size")
    return rank, size


def _of_launcher(env, rank, world_size):
    """Options and the first launcher's numbers that make a pair."""
    launchers = (*LAUNCHERS, SLURM_STEP) if "SLURM_STEP_ID" in env else LAUNCHERS
    alone = None
    for rank_name, size_names in launchers:
        if rank_name not in env:
            continue
        size_name = next((name for name in size_names if name in env), None)
        if size_name or world_size is not None:
            return (
                _number(env, rank_name) if rank is None else rank,
                _number(env, size_name) if world_size is None else world_size,
            )
        alone = alone or (rank_name, size_names)
    if alone:
        rank_name, size_names = alone
        raise ConfigError(
            f"{rank_name} is {env[rank_name]!r}, but {' or '.join(size_names)} is not set: give "
            "--rank and --world_size"
        )
    if rank is None and world_size not in (None, 1):
        raise ConfigError(
            f"world_size is {world_size}, but no launcher tells the rank: give --rank, too"
        )
    if rank is not None and world_size is None:
        raise ConfigError(
            f"rank is {rank}, but no launcher tells the number of ranks: give --world_size "
            "beside --rank"
        )
    return rank or 0, world_size or 1


def _number(env, name):
    text = env[name]
    try:
        return int(text)
    except ValueError:
        raise ConfigError(f"{name} is {text!r}, expected a whole number") from None
