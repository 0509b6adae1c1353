"""The pages of the report that are beside a data set, not in it: distributions and costs."""

from pathlib import Path

from simlab.afm import distributions as afm
from simlab.calcium import distributions as calcium
from simlab.core.costs import write_costs
from simlab.core.distribution_pages import write_distributions
from simlab.core.distributions import parameter_panels, read_columns
from simlab.halo import distributions as halo
from simlab.lensing import distributions as lensing
from simlab.packages import DESCRIBED
from simlab.ptycho import distributions as ptycho

DOMAINS = {"ptycho": ptycho, "afm": afm, "halo": halo, "calcium": calcium, "lensing": lensing}


def write_pages(domain, folder, logs, steps, distributions, costs):
    """Write the two pages of the finished data set in `folder`.

    Parameters
    ----------
    domain : str
    folder : path
        `results/<domain>/<dataset>`.
    logs : path
        Folder of the logs, with Snakemake's measurements.
    steps : list of (rule, jobs, CPU seconds of a job, MB)
        As planned.
    distributions, costs : path
        The pages.
    """
    folder, module = Path(folder), DOMAINS[domain]
    splits, columns = read_columns(folder)
    described = DESCRIBED[domain].columns
    parameters, *said = parameter_panels(splits, columns, described, module.SKIPPED)
    panels, notes = module.outputs(folder, splits)
    write_distributions(distributions, folder.name, splits, parameters, panels, *said, notes)
    write_costs(costs, logs, domain, folder.name, len(splits), steps)
