"""A campaign: the data sets of every domain that one run of the workflow makes."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from simlab.afm import plan as afm
from simlab.afm.config import AfmConfig
from simlab.calcium import plan as calcium
from simlab.calcium.config import CalciumConfig
from simlab.core.config import Section, parse_config, refusal
from simlab.core.errors import ConfigError, SimlabError
from simlab.core.jit import compile_missing
from simlab.halo import plan as halo
from simlab.halo.config import HaloConfig
from simlab.lensing import plan as lensing
from simlab.lensing.config import LensingConfig
from simlab.ptycho import plan as ptycho
from simlab.ptycho.config import PtychoConfig

PLANS = {"ptycho": ptycho, "afm": afm, "halo": halo, "calcium": calcium, "lensing": lensing}
"""The planning module of each domain."""
PACKING_MB = 700
PACKED_PER_MINUTE = 1e9
"""Bytes of a data set that are packed in a minute, less than half of what was measured."""


class Campaign(Section):
    """The whole configuration, one section per domain; a domain that is absent is not planned."""

    ptycho: PtychoConfig | None = None
    afm: AfmConfig | None = None
    halo: HaloConfig | None = None
    calcium: CalciumConfig | None = None
    lensing: LensingConfig | None = None

    def datasets(self, domain):
        """Data sets of `domain` by name; empty if the domain is absent."""
        section = getattr(self, domain)
        return section.datasets if section else {}

    def planned(self):
        """(domain, name, dataset) of every data set."""
        for domain in PLANS:
            for name, dataset in self.datasets(domain).items():
                yield domain, name, dataset

    def targets(self, domain):
        """Paths of all published files of a domain."""
        return [
            path
            for name, dataset in self.datasets(domain).items()
            for path in PLANS[domain].targets(name, dataset)
        ]

    def files(self, name):
        """Paths of the file called `name` (for example checks.json) of every data set."""
        return [f"results/{domain}/{dataset}/{name}" for domain, dataset, _ in self.planned()]

    def estimate(self, domain, name):
        """The Estimate of one data set."""
        return PLANS[domain].estimate(name, self.datasets(domain)[name])

    def packages(self, name, of_arrays=False):
        """Paths of the file called `name` in the package of every data set.

        With `of_arrays` only of data sets whose samples are arrays.
        """
        return [
            f"packages/{domain}/{dataset}/{name}"
            for domain, dataset, _ in self.planned()
            if not of_arrays or self.holds_arrays(domain, dataset)
        ]

    def holds_arrays(self, domain, name):
        """Whether the samples of a data set are arrays; videos alone are not packed."""
        return getattr(self.datasets(domain)[name], "recordings", True)

    def package_megabytes(self, domain, name):
        """Memory of a job that packs the samples of a data set one after the other, MB."""
        estimate = self.estimate(domain, name)
        return PACKING_MB + int(4 * estimate.bytes / max(1, estimate.samples) / 1e6)

    def package_minutes(self, domain, name):
        """Time limit of a job that packs the samples of a data set."""
        estimate = self.estimate(domain, name)
        return 30 + int(estimate.bytes / PACKED_PER_MINUTE)

    def estimates(self):
        """An Estimate for every data set."""
        return [self.estimate(domain, name) for domain, name, _ in self.planned()]


def load_campaign(mapping, where="configuration"):
    """`mapping` as a Campaign whose user files exist and fit; ConfigError lists every problem."""
    try:
        campaign = parse_config(Campaign, mapping, where)
    except ConfigError as error:
        refused = [line.strip() for line in str(error).splitlines()[1:]]
        usable = [found for alone in _each_alone(mapping) for found in _problems_of(alone)]
        raise refusal(where, [*refused, *usable]) from None
    if not any(getattr(campaign, domain) for domain in PLANS):
        raise ConfigError(f"{where}: no domain, expected at least one of {', '.join(PLANS)}")
    problems = _problems_of(campaign)
    if problems:
        raise refusal(where, problems)
    return campaign


def _each_alone(mapping):
    """Campaigns of one data set, for those data sets of a refused one that are valid."""
    for domain in PLANS:
        section = mapping.get(domain) if isinstance(mapping, dict) else None
        datasets = section.get("datasets") if isinstance(section, dict) else None
        for name, dataset in datasets.items() if isinstance(datasets, dict) else ():
            try:
                yield parse_config(Campaign, {domain: section | {"datasets": {name: dataset}}})
            except ConfigError:
                continue


def _problems_of(campaign):
    return [
        f"{domain}.datasets.{name}: {problem}"
        for domain, name, dataset in campaign.planned()
        for problem in _problems(domain, dataset)
    ]


def _problems(domain, dataset):
    try:
        return PLANS[domain].problems(dataset)
    except SimlabError as error:
        return [str(error)]


def compile_kernels(domains, processes=1):
    """Compile every numba kernel of `domains` that this machine type has not in its cache."""
    if processes == 1:
        for domain in domains:
            _compile_kernels_of(domain)
        return
    # by fork: numba is not loaded yet, and the main module, a job's script, must not run again
    with ProcessPoolExecutor(processes, mp_context=get_context("fork")) as pool:
        list(pool.map(_compile_kernels_of, domains))


def _compile_kernels_of(domain):
    if domain == "ptycho":
        import simlab.ptycho.kernels
    elif domain == "afm":
        import simlab.afm.kernels
    elif domain == "halo":
        import simlab.halo.kernels
    elif domain == "calcium":
        import simlab.calcium.kernels
    elif domain == "lensing":
        import simlab.lensing.kernels  # noqa: F401 - imported for what it registers
    compile_missing()
