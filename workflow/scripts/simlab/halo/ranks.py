"""Which part of the work is this process's, under mpirun, srun or by itself; without MPI."""

import os

from simlab.core.errors import ConfigError

LAUNCHERS = (
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("PMI_RANK", "PMI_SIZE"),
    ("PMIX_RANK", "OMPI_COMM_WORLD_SIZE"),
)


def rank_and_size(rank=None, world_size=None, environment=None):
    """(rank, number of ranks) from the options, else from what the launcher set, else (0, 1).

    SLURM's variables count only inside a job step: a batch script has them too.

    Errors: ConfigError for numbers that do not fit each other.
    """
    env = os.environ if environment is None else environment
    found = _of_launcher(env, world_size)
    rank = found[0] if rank is None else rank
    size = found[1] if world_size is None else world_size
    if size < 1 or not 0 <= rank < size:
        raise ConfigError(f"rank is {rank} of world_size {size}, expected 0 <= rank < world_size")
    return rank, size


def _of_launcher(env, world_size):
    for rank_name, size_name in LAUNCHERS:
        if rank_name in env and (size_name in env or world_size is not None):
            return _number(env, rank_name), _number(env, size_name, world_size)
    if "SLURM_STEP_ID" in env and "SLURM_PROCID" in env:
        return _number(env, "SLURM_PROCID"), _number(env, "SLURM_NTASKS", world_size or 1)
    return 0, 1


def _number(env, name, default=None):
    text = env.get(name, default)
    try:
        return int(text)
    except (TypeError, ValueError):
        raise ConfigError(f"{name} is {text!r}, expected a whole number") from None
