"""Pages of the report that lie beside the data sets: distributions, costs, and what there is."""

from simlab.core.plan import SNAKEMAKE_MB

PAGES_DIR = "report/{domain}/{dataset}"
PAGES_MB = 1500


localrules:
    pages,
    report_overview,


rule pages:
    """Every page of the report, those of all data sets too."""
    input:
        "report/overview.html",
        [
            f"report/{domain}/{dataset}/{page}.html"
            for domain, dataset, _ in campaign.planned()
            for page in ("distributions", "costs")
        ],


rule report_pages:
    """How parameters and outputs of a data set are distributed, and what its jobs took."""
    input:
        manifest="results/{domain}/{dataset}/manifest.json",
    output:
        distributions=report(
            f"{PAGES_DIR}/distributions.html",
            caption="../report/distributions.rst",
            category="Distributions",
            subcategory="{domain}",
            labels={"data set": "{dataset}", "content": "parameters and outputs"},
        ),
        costs=report(
            f"{PAGES_DIR}/costs.html",
            caption="../report/costs.rst",
            category="Costs",
            subcategory="{domain}",
            labels={"data set": "{dataset}", "content": "measured and planned"},
        ),
    log:
        "logs/report_pages/{domain}/{dataset}.log",
    benchmark:
        "logs/report_pages/{domain}/{dataset}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (
            (
                max(
                    campaign.estimate(wildcards.domain, wildcards.dataset).peak_mb,
                    PAGES_MB,
                )
                + SNAKEMAKE_MB
            )
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        steps=lambda wildcards: [
            [step.rule, step.jobs, step.cpu_seconds, step.megabytes]
            for step in campaign.estimate(wildcards.domain, wildcards.dataset).steps
        ],
        logs="logs",
        code=code_digest("report_pages.py"),
    script:
        "../scripts/report_pages.py"


rule report_overview:
    """All data sets in one table: samples, files, bytes, checks, processor time."""
    input:
        manifests=campaign.files("manifest.json"),
        checks=campaign.files("checks.json"),
        indexes=campaign.files("index.csv"),
    output:
        html=report(
            "report/overview.html",
            caption="../report/overview.rst",
            category="Overview",
            labels={"data set": "all", "content": "samples, bytes, checks, costs"},
        ),
    log:
        "logs/report_overview/all.log",
    conda:
        "../../envs/core.yaml"
    params:
        planned=lambda wildcards: [
            [e.domain, e.dataset, e.cpu_seconds] for e in campaign.estimates()
        ],
        logs="logs",
        code=code_digest("report_overview.py"),
    script:
        "../scripts/report_overview.py"
