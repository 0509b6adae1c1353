"""Entry point: configuration, shared settings, domain rules and the targets users name."""

import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

min_version("9.27")

# `current_basedir` is this repository even when another workflow imports us as a module;
# `workflow.basedir` would be the importer's directory.
ROOT = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))

# Rules and `script:` jobs alike find the library here, without any installation.
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from simlab.campaign import PLANS, load_campaign
from simlab.core.errors import SimlabError, abridged
from simlab.core.provenance import code_digest, parsed_once
from simlab.core.yaml_files import read_yaml

# Compiled kernels are shared by the jobs of this working directory; numba keys them by CPU type.
# Set here because numba reads it on import; jobs inherit it, or evaluate this file themselves.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path.cwd() / ".cache" / "numba"))

# A campaign is a whole: the default one is read only if the user names none.
if not config:

    configfile: str(ROOT / "config" / "config.yaml")


try:
    # As a module we get our configuration from the importer, whose files are none of ours.
    files = workflow.configfiles if workflow.modifier.is_main_snakefile() else []
    for file in files:
        read_yaml(file)  # Snakemake's own reader overlooks keys that are given twice
    campaign = load_campaign(config, ", ".join(map(str, files)) or "--config")
except SimlabError as error:
    raise WorkflowError(abridged(error, most=50)) from None


report: "workflow/report/workflow.rst"


wildcard_constraints:
    domain="|".join(PLANS),
    dataset=r"[A-Za-z0-9][A-Za-z0-9_.+-]*",
    shard=r"\d{5}",
    part=r"\d{5}",
    gridsize=r"\d+",
    molecule=r"[^/]+",
    batch=r"\d+",
    sim=r"\d+",
    split="train|val|test",
    key=r"[0-9a-f]{16}",
    stage=r"\w+",
    first="images|roulette_images|resim",
    second="images|roulette_images|resim",
    lens="SIS|PM|SIE",
    order=r"\d+",


localrules:
    all,


with parsed_once(Path.cwd() / ".cache"):

    include: "workflow/rules/normalization.smk"
    include: "workflow/rules/checks.smk"
    include: "workflow/rules/publish.smk"
    include: "workflow/rules/packages.smk"
    include: "workflow/rules/pages.smk"

    # The rules of a domain that is not planned would only cost time.
    for domain in filter(campaign.datasets, PLANS):

        include: f"workflow/rules/{domain}.smk"


rule all:
    """Every published file of every data set."""
    default_target: True
    input:
        rules.warm_kernels.output,
        [campaign.targets(domain) for domain in PLANS],
