"""Whatever is written into a configuration: it is planned, or refused in clear lines."""

import json
import re
import resource
import signal
from contextlib import contextmanager

import pytest
import yaml
from fault_helpers_mutations import known_keys, mutated
from five_domains import DOMAINS
from hypothesis import HealthCheck, Phase, given, settings

from simlab.campaign import PLANS, load_campaign
from simlab.core.errors import ConfigError

KNOWN_FILE = "campaign.yaml"
INTERNALS = (
    *("Traceback", "input_type", "type=", "errors.pydantic.dev", "validation error"),
    *("instance of", "object at 0x", "<class", "Config ", "Section "),
)
CPU_S, MEMORY_BYTES = 30, 4 << 30
"""Far more than the planning of any data set that may be planned."""
FEW, MANY = 40, 100
"""Examples of a domain in the short and the full tests; 5 x 100 = 500."""
PLANNED, REFUSED = 12, 12


@pytest.fixture(scope="module")
def known(root):
    """{domain: {key: values}} of the schema and of valid configurations."""
    schema = json.loads((root / "workflow/schemas/campaign.schema.json").read_text())
    return {domain: known_keys(schema, domain) for domain in DOMAINS}


def examples(number):
    """Settings with the same `number` of examples in every run."""
    return settings(
        max_examples=number,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@contextmanager
def bounded():
    """A block that may take CPU_S and MEMORY_BYTES: planning must not depend on the numbers."""

    def stop(*_):
        raise AssertionError(f"not planned after {CPU_S} CPU s")

    before, limits = signal.signal(signal.SIGVTALRM, stop), resource.getrlimit(resource.RLIMIT_AS)
    in_use = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    resource.setrlimit(resource.RLIMIT_AS, (in_use + MEMORY_BYTES, limits[1]))
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
        resource.setrlimit(resource.RLIMIT_AS, limits)


def outcome(mapping):
    """The campaign of a mapping, planned; or the text of its refusal."""
    with bounded():
        try:
            campaign = load_campaign(mapping, KNOWN_FILE)
        except ConfigError as error:
            return None, str(error)
        estimates = campaign.estimates()
        targets = [path for domain in PLANS for path in campaign.targets(domain)]
    assert_plan(estimates, targets)
    return campaign, None


def assert_plan(estimates, targets):
    for estimate in estimates:
        assert estimate.jobs > 0
        for value in (estimate.samples, estimate.bytes, estimate.cpu_seconds, estimate.peak_mb):
            assert 0 <= value < float("inf")
    assert len(set(targets)) == len(targets)
    for path in targets:
        first, *_, name = path.split("/")
        assert first == "results"
        assert ".." not in path.split("/")
        assert path.isprintable()
        assert len(name.encode()) <= 200


def assert_clear(text):
    head, *lines = text.split("\n")
    if not lines:
        assert head.startswith(f"{KNOWN_FILE}: no domain, expected at least one of")
    else:
        count = f"{len(lines)} problem" + ("s" if len(lines) > 1 else "")
        assert head == f"{KNOWN_FILE}: {count}"
    for line in lines:
        assert re.match(r"  (\(top level\)|[^:]+): \S", line), line
        assert line.isprintable(), line
        assert len(line) <= 1100, line[:200]
    for word in INTERNALS:
        assert word not in re.sub(r"'[^']*'", "", text), text


def check(mapping):
    _, refusal = outcome(mapping)
    if refusal is not None:
        assert_clear(refusal)


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_mutated_configuration_is_planned_or_refused_in_clear_lines(domain, known):
    examples(FEW)(given(mutated(domain, known[domain]))(check))()


@pytest.mark.full
@pytest.mark.parametrize("domain", DOMAINS)
def test_500_mutated_configurations_are_planned_or_refused_in_clear_lines(domain, known):
    examples(MANY)(given(mutated(domain, known[domain]))(check))()


LONG = "x" * 300


@pytest.mark.parametrize(
    ("domain", "mapping", "path"),
    [
        ("ptycho", {"scan": {"layout": "file", "file": LONG, "n_images": None}}, "ptycho"),
        ("ptycho", {"scan": {"n_images": 64 * 10**12}}, "ptycho.datasets.a"),
        ("afm", {"a\nb": 1}, "'a\\nb'"),
        ("afm", {"molecules": list(range(5000))}, "afm.datasets.a.molecules.4999"),
        ("halo", {"source": {"kind": "synthetic"}, "maps": {"box_size": 1e300}}, "maps.box_size"),
        ("halo", {"source": {"kind": "synthetic"}, "haloes": {"mass_threshold": 1e300}}, "haloes"),
        ("halo", {"source": {"kind": "synthetic"}, "execution": {"memory_gb": 1e300}}, "memory"),
        ("halo", {"source": {"kind": "synthetic"}, "parameters": {"file": LONG}}, "halo"),
        (
            "calcium",
            {
                "preset": {"scope": "generic_1p", "region": "ca1"},
                "sweep": {"mode": "sample", "n": 2, "axes": {"seed": {"integers": [0, 10**30]}}},
            },
            "axis seed: integers needs whole numbers of 63 bits",
        ),
        ("lensing", {"lens": 5}, "lensing.datasets.a.lens: Input should be a mapping of keys"),
        ("lensing", {"splits": {LONG: 1}}, "lensing.datasets.a.splits.'xxx"),
    ],
)
def test_what_once_broke_the_planning_is_refused_in_clear_lines(domain, mapping, path):
    _, refusal = outcome({domain: {"datasets": {"a": mapping}}})
    assert_clear(refusal)
    assert path in refusal


def some_of_each(known):
    """PLANNED mappings that can be planned and REFUSED that cannot, in turn of all domains."""
    planned, refused = [], []

    def sort(mapping):
        try:
            yaml.safe_load(yaml.safe_dump(mapping))
        except yaml.YAMLError:  # characters that no YAML file can hold
            return
        campaign, refusal = outcome(mapping)
        own = planned if refusal is None else refused
        if isinstance(mapping, dict) and mapping and (campaign or refusal):
            own.append(mapping)

    for domain in DOMAINS:
        examples(MANY // 2)(given(mutated(domain, known[domain]))(sort))()
    return (
        planned[:: len(planned) // PLANNED][:PLANNED],
        refused[:: len(refused) // REFUSED][:REFUSED],
    )


@pytest.mark.full
def test_the_workflow_plans_what_can_be_planned_and_refuses_the_rest(known, root, run, tmp_path):
    def dry_run(mapping, code):
        (tmp_path / "campaign.yaml").write_text(yaml.safe_dump(mapping))
        options = ("--snakefile", root / "Snakefile", "--configfile", "campaign.yaml", "--dry-run")
        done = run("snakemake", *options, cwd=tmp_path, code=code)
        return done.stdout + done.stderr

    planned, refused = some_of_each(known)
    assert (len(planned), len(refused)) == (PLANNED, REFUSED)
    for mapping in planned:
        assert "Job stats" in dry_run(mapping, code=0)
    for mapping in refused:
        output = dry_run(mapping, code=1)
        assert "Traceback" not in output
        assert re.search(r"campaign\.yaml: (\d+ problems?|no domain)", output), output


def test_a_data_set_of_a_trillion_samples_is_refused_or_planned_at_once():
    for mapping in (
        {"ptycho": {"datasets": {"a": {"scan": {"n_images": 10**12}}}}},
        {"ptycho": {"datasets": {"a": {"scan": {"n_images": "1e12"}, "frames_per_shard": 1}}}},
        {"lensing": {"datasets": {"a": {"simulator": {"size": 10**12}}}}},
        {"halo": {"datasets": {"a": {"source": {"kind": "synthetic"},
                                     "simulations": {"total": 10**12}}}}},
        {"calcium": {"datasets": {"a": {"preset": {"scope": "generic_1p", "region": "ca1"},
                                        "replicates": 10**12}}}},
        {"calcium": {"datasets": {"a": {"preset": {"scope": "generic_1p", "region": "ca1"},
                                        "sweep": {"mode": "sample", "n": 10**12,
                                                  "axes": {"seed": [1, 2]}}}}}},
        {"calcium": {"datasets": {"a": {"preset": {"scope": "generic_1p", "region": "ca1"},
                                        "sweep": {"axes": {f"axis.{i}": [1] * 1000
                                                           for i in range(4)}}}}}},
    ):  # fmt: skip
        _, refusal = outcome(mapping)
        assert refusal is not None
        assert_clear(refusal)
    huge_shards = {"lensing": {"datasets": {"a": {"output": {"shard_size": 10**12}}}}}
    campaign, _ = outcome(huge_shards)
    assert campaign.estimates()[0].peak_mb < 10_000
