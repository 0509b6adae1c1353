"""What a data set will cost, told before anything runs."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """Size and cost of one data set.

    Attributes
    ----------
    domain, dataset : str
    samples, jobs : int
    bytes : int
        Published output.
    cpu_seconds : float
        On the machine of the domain's SECONDS_PER_ITEM.
    peak_mb : float
        Largest memory of one job.
    """

    domain: str
    dataset: str
    samples: int
    jobs: int
    bytes: int
    cpu_seconds: float
    peak_mb: float
