"""Packages of finished data sets: WebDataset tars, one HDF5 file, Croissant, card."""

from simlab.core.plan import SNAKEMAKE_MB

PACKAGE_DIR = "packages/{domain}/{dataset}"
# the manifest is made last and holds the hashes of all published files
PACKAGE_INPUTS = (
    "results/{domain}/{dataset}/checks.json",
    "results/{domain}/{dataset}/manifest.json",
)
PACKAGES_OF_ARRAYS = [
    *(f"{PACKAGE_DIR}/webdataset/{split}.json" for split in ("train", "val", "test")),
    f"{PACKAGE_DIR}/dataset.h5",
]


localrules:
    webdataset,
    consolidated,
    croissant,
    cards,
    packages,
    package_croissant,
    package_card,
    package_manifest,


rule webdataset:
    """Tar files of every data set whose samples are arrays."""
    input:
        campaign.packages("webdataset/train.json", of_arrays=True),
        campaign.packages("webdataset/val.json", of_arrays=True),
        campaign.packages("webdataset/test.json", of_arrays=True),


rule consolidated:
    """One HDF5 file for every data set whose samples are arrays."""
    input:
        campaign.packages("dataset.h5", of_arrays=True),


rule croissant:
    """Croissant description of every data set."""
    input:
        campaign.packages("croissant.json"),


rule cards:
    """Card of every data set."""
    input:
        campaign.packages("README.md"),


rule packages:
    """Every package of every data set, and what lists its files."""
    input:
        campaign.packages("manifest.json"),


rule package_webdataset:
    """Tar files of one split; the file that is named lists them, as their number is not known."""
    input:
        PACKAGE_INPUTS,
    output:
        json=f"{PACKAGE_DIR}/webdataset/{{split}}.json",
    log:
        "logs/package_webdataset/{domain}/{dataset}/{split}.log",
    benchmark:
        "logs/package_webdataset/{domain}/{dataset}/{split}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (
            campaign.package_megabytes(wildcards.domain, wildcards.dataset)
            + SNAKEMAKE_MB
        )
        * 2 ** (attempt - 1),
        runtime=lambda wildcards, attempt: (
            campaign.package_minutes(wildcards.domain, wildcards.dataset) * attempt
        ),
    params:
        code=code_digest("package_webdataset.py"),
    script:
        "../scripts/package_webdataset.py"


rule package_consolidated:
    """One HDF5 file over all samples of a data set."""
    input:
        PACKAGE_INPUTS,
    output:
        h5=ensure(f"{PACKAGE_DIR}/dataset.h5", non_empty=True),
    log:
        "logs/package_consolidated/{domain}/{dataset}.log",
    benchmark:
        "logs/package_consolidated/{domain}/{dataset}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (
            campaign.package_megabytes(wildcards.domain, wildcards.dataset)
            + SNAKEMAKE_MB
        )
        * 2 ** (attempt - 1),
        runtime=lambda wildcards, attempt: (
            campaign.package_minutes(wildcards.domain, wildcards.dataset) * attempt
        ),
    params:
        code=code_digest("package_consolidated.py"),
    script:
        "../scripts/package_consolidated.py"


rule package_croissant:
    """Croissant description of a data set."""
    input:
        PACKAGE_INPUTS,
    output:
        json=f"{PACKAGE_DIR}/croissant.json",
    log:
        "logs/package_croissant/{domain}/{dataset}.log",
    benchmark:
        "logs/package_croissant/{domain}/{dataset}.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        code=code_digest("package_croissant.py"),
    script:
        "../scripts/package_croissant.py"


rule package_card:
    """Card of a data set, with its contact sheet."""
    input:
        PACKAGE_INPUTS,
        "results/{domain}/{dataset}/preview.png",
    output:
        card=f"{PACKAGE_DIR}/README.md",
        picture=f"{PACKAGE_DIR}/preview.png",
    log:
        "logs/package_card/{domain}/{dataset}.log",
    benchmark:
        "logs/package_card/{domain}/{dataset}.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        code=code_digest("package_card.py"),
    script:
        "../scripts/package_card.py"


rule package_manifest:
    """Hashes and shapes of every file of a package."""
    input:
        PACKAGE_INPUTS,
        lambda wildcards: (
            PACKAGES_OF_ARRAYS
            if campaign.holds_arrays(wildcards.domain, wildcards.dataset)
            else []
        ),
        f"{PACKAGE_DIR}/croissant.json",
        f"{PACKAGE_DIR}/README.md",
        f"{PACKAGE_DIR}/preview.png",
    output:
        json=f"{PACKAGE_DIR}/manifest.json",
    log:
        "logs/package_manifest/{domain}/{dataset}.log",
    benchmark:
        "logs/package_manifest/{domain}/{dataset}.tsv"
    conda:
        "../../envs/core.yaml"
    params:
        code=code_digest("package_manifest.py"),
    script:
        "../scripts/package_manifest.py"
