"""Gravitational lensing: rows, pictures, amplitudes, re-simulations, comparisons, checks."""

from simlab.core.plan import SNAKEMAKE_MB
from simlab.lensing import plan as lensing_plan
from simlab.lensing import specs as lensing_specs

LENSING = campaign.datasets("lensing")
# of the rules with many jobs: one mapping for all of them saves memory in large campaigns
LENSING_IMAGES = {
    name: lensing_specs.images_spec(dataset) for name, dataset in LENSING.items()
}
LENSING_PICTURES = {
    name: lensing_specs.pictures_spec(dataset) for name, dataset in LENSING.items()
}
LENSING_DIR = "results/lensing/{dataset}"


localrules:
    lensing,
    lensing_tables,
    lensing_normalization,
    lensing_manifest,


rule lensing:
    """Every published file of every lensing data set."""
    input:
        rules.warm_kernels.output,
        campaign.targets("lensing"),


rule lensing_parameters:
    """The table of rows: drawn, or the user's, checked and completed."""
    input:
        table=lambda wildcards: lensing_plan.parameters_of(LENSING[wildcards.dataset]),
    output:
        csv=f"{LENSING_DIR}/parameters.csv",
    log:
        "logs/lensing_parameters/{dataset}.log",
    benchmark:
        "logs/lensing_parameters/{dataset}.tsv"
    conda:
        "../../envs/lensing.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (
            (lensing_plan.table_megabytes(LENSING[wildcards.dataset]) + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        spec=lambda wildcards: lensing_specs.parameters_spec(LENSING[wildcards.dataset]),
        folder=lambda wildcards: lensing_plan.picture_folder(LENSING[wildcards.dataset]),
        code=code_digest("lensing_parameters.py"),
    script:
        "../scripts/lensing_parameters.py"


rule lensing_images:
    """Pictures of a shard, the amplitudes recovered from them, and statistics."""
    input:
        parameters=f"{LENSING_DIR}/parameters.csv",
    output:
        h5=ensure(f"{LENSING_DIR}/images/{{shard}}.h5", non_empty=True),
        csv=f"{LENSING_DIR}/amplitudes/{{shard}}.csv",
        npz=f"{LENSING_DIR}/statistics/{{shard}}.npz",
    log:
        "logs/lensing_images/{dataset}/{shard}.log",
    benchmark:
        "logs/lensing_images/{dataset}/{shard}.tsv"
    group:
        "lensing_shard"
    conda:
        "../../envs/lensing.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (
            (lensing_plan.megabytes(LENSING[wildcards.dataset]) + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            lensing_plan.minutes(LENSING[wildcards.dataset]) * attempt
        ),
    params:
        spec=lambda wildcards: LENSING_IMAGES[wildcards.dataset],
        rows=lambda wildcards: lensing_plan.rows_of(
            LENSING[wildcards.dataset], wildcards.shard
        ),
        folder=lambda wildcards: lensing_plan.picture_folder(LENSING[wildcards.dataset]),
        code=code_digest("lensing_images.py"),
    script:
        "../scripts/lensing_images.py"


rule lensing_roulette_images:
    """The rows of a shard drawn by their roulette series."""
    input:
        parameters=f"{LENSING_DIR}/parameters.csv",
    output:
        h5=ensure(f"{LENSING_DIR}/roulette_images/{{shard}}.h5", non_empty=True),
    log:
        "logs/lensing_roulette_images/{dataset}/{shard}.log",
    benchmark:
        "logs/lensing_roulette_images/{dataset}/{shard}.tsv"
    group:
        "lensing_shard"
    conda:
        "../../envs/lensing.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (
            (lensing_plan.megabytes(LENSING[wildcards.dataset]) + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            lensing_plan.minutes(LENSING[wildcards.dataset]) * attempt
        ),
    params:
        spec=lambda wildcards: LENSING_PICTURES[wildcards.dataset],
        rows=lambda wildcards: lensing_plan.rows_of(
            LENSING[wildcards.dataset], wildcards.shard
        ),
        folder=lambda wildcards: lensing_plan.picture_folder(LENSING[wildcards.dataset]),
        code=code_digest("lensing_roulette_images.py"),
    script:
        "../scripts/lensing_roulette_images.py"


rule lensing_resimulations:
    """The pictures of a shard drawn again from their amplitudes alone."""
    input:
        table=f"{LENSING_DIR}/amplitudes/{{shard}}.csv",
        images=f"{LENSING_DIR}/images/{{shard}}.h5",
    output:
        h5=ensure(f"{LENSING_DIR}/resim/{{shard}}.h5", non_empty=True),
    log:
        "logs/lensing_resimulations/{dataset}/{shard}.log",
    benchmark:
        "logs/lensing_resimulations/{dataset}/{shard}.tsv"
    group:
        "lensing_shard"
    conda:
        "../../envs/lensing.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (
            (lensing_plan.megabytes(LENSING[wildcards.dataset]) + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            lensing_plan.minutes(LENSING[wildcards.dataset]) * attempt
        ),
    params:
        spec=lambda wildcards: LENSING_PICTURES[wildcards.dataset],
        folder=lambda wildcards: lensing_plan.picture_folder(LENSING[wildcards.dataset]),
        code=code_digest("lensing_resimulations.py"),
    script:
        "../scripts/lensing_resimulations.py"


rule lensing_pngs:
    """The pictures of a shard as PNG files."""
    input:
        images=f"{LENSING_DIR}/images/{{shard}}.h5",
    output:
        png=directory(f"{LENSING_DIR}/png/{{shard}}"),
    log:
        "logs/lensing_pngs/{dataset}/{shard}.log",
    benchmark:
        "logs/lensing_pngs/{dataset}/{shard}.tsv"
    group:
        "lensing_shard"
    conda:
        "../../envs/lensing.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (
            (
                lensing_plan.comparison_megabytes(LENSING[wildcards.dataset])
                + SNAKEMAKE_MB
            )
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        code=code_digest("lensing_pngs.py"),
    script:
        "../scripts/lensing_pngs.py"


rule lensing_tables:
    """Roulette table, index and lists of the splits."""
    input:
        tables=lambda wildcards: lensing_plan.files_of(
            wildcards.dataset, LENSING[wildcards.dataset], "amplitudes", "csv"
        ),
    output:
        csv=f"{LENSING_DIR}/roulette.csv",
        index=f"{LENSING_DIR}/index.csv",
        train=f"{LENSING_DIR}/splits/train.csv",
        val=f"{LENSING_DIR}/splits/val.csv",
        test=f"{LENSING_DIR}/splits/test.csv",
    log:
        "logs/lensing_tables/{dataset}.log",
    benchmark:
        "logs/lensing_tables/{dataset}.tsv"
    conda:
        "../../envs/lensing.yaml"
    params:
        spec=lambda wildcards: lensing_specs.tables_spec(LENSING[wildcards.dataset]),
        shard_size=lambda wildcards: lensing_plan.shard_size(LENSING[wildcards.dataset]),
        code=code_digest("lensing_tables.py"),
    script:
        "../scripts/lensing_tables.py"


rule lensing_comparison:
    """How far two sets of pictures differ."""
    input:
        first=lambda wildcards: lensing_plan.files_of(
            wildcards.dataset, LENSING[wildcards.dataset], wildcards.first
        ),
        second=lambda wildcards: lensing_plan.files_of(
            wildcards.dataset, LENSING[wildcards.dataset], wildcards.second
        ),
    output:
        json=f"{LENSING_DIR}/compare/{{first}}__{{second}}.json",
        csv=f"{LENSING_DIR}/compare/{{first}}__{{second}}.csv",
    log:
        "logs/lensing_comparison/{dataset}/{first}__{second}.log",
    benchmark:
        "logs/lensing_comparison/{dataset}/{first}__{second}.tsv"
    conda:
        "../../envs/lensing.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (
            (
                lensing_plan.comparison_megabytes(LENSING[wildcards.dataset])
                + SNAKEMAKE_MB
            )
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            lensing_plan.comparison_minutes(LENSING[wildcards.dataset]) * attempt
        ),
    params:
        code=code_digest("lensing_comparison.py"),
    script:
        "../scripts/lensing_comparison.py"


rule lensing_formulas:
    """Roulette amplitudes as formulas."""
    output:
        txt=f"{LENSING_DIR}/formulas/{{lens}}{{order}}.txt",
        json=f"{LENSING_DIR}/formulas/{{lens}}{{order}}.json",
    log:
        "logs/lensing_formulas/{dataset}/{lens}{order}.log",
    benchmark:
        "logs/lensing_formulas/{dataset}/{lens}{order}.tsv"
    conda:
        "../../envs/lensing.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * 2 ** (attempt - 1),
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        code=code_digest("lensing_formulas.py"),
    script:
        "../scripts/lensing_formulas.py"


rule lensing_normalization:
    """Normalization statistics over the rows of the training split."""
    input:
        statistics=lambda wildcards: lensing_plan.files_of(
            wildcards.dataset, LENSING[wildcards.dataset], "statistics", "npz"
        ),
        table=f"{LENSING_DIR}/roulette.csv",
    output:
        json=f"{LENSING_DIR}/normalization.json",
        html=report(
            f"{LENSING_DIR}/statistics.html",
            caption="../report/lensing_statistics.rst",
            category="Normalization",
            subcategory="lensing",
            labels={"data set": "{dataset}", "content": "normalization statistics"},
        ),
    log:
        "logs/lensing_normalization/{dataset}.log",
    benchmark:
        "logs/lensing_normalization/{dataset}.tsv"
    conda:
        "../../envs/lensing.yaml"
    params:
        spec=lambda wildcards: lensing_specs.tables_spec(LENSING[wildcards.dataset]),
        code=code_digest("lensing_normalization.py"),
    script:
        "../scripts/lensing_normalization.py"


rule lensing_checks:
    """Consistency checks of the data set; fails if one fails."""
    input:
        parameters=f"{LENSING_DIR}/parameters.csv",
        table=f"{LENSING_DIR}/roulette.csv",
        index=f"{LENSING_DIR}/index.csv",
        images=lambda wildcards: lensing_plan.files_of(
            wildcards.dataset, LENSING[wildcards.dataset], "images"
        ),
        resim=lambda wildcards: lensing_plan.files_of(
            wildcards.dataset, LENSING[wildcards.dataset], "resim"
        ),
    output:
        json=f"{LENSING_DIR}/checks.json",
        html=report(
            f"{LENSING_DIR}/checks.html",
            caption="../report/checks.rst",
            category="Checks",
            subcategory="lensing",
            labels={"data set": "{dataset}", "content": "consistency checks"},
        ),
    log:
        "logs/lensing_checks/{dataset}.log",
    benchmark:
        "logs/lensing_checks/{dataset}.tsv"
    conda:
        "../../envs/lensing.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (
            (lensing_plan.table_megabytes(LENSING[wildcards.dataset]) + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            lensing_plan.comparison_minutes(LENSING[wildcards.dataset]) * attempt
        ),
    params:
        spec=lambda wildcards: lensing_specs.dataset_spec(LENSING[wildcards.dataset]),
        folder=lambda wildcards: lensing_plan.picture_folder(LENSING[wildcards.dataset]),
        code=code_digest("lensing_checks.py"),
    script:
        "../scripts/lensing_checks.py"


rule lensing_preview:
    """Contact sheet: sources, pictures, re-simulations and their differences."""
    input:
        table=f"{LENSING_DIR}/amplitudes/00000.csv",
        images=f"{LENSING_DIR}/images/00000.h5",
        resim=lambda wildcards: lensing_plan.files_of(
            wildcards.dataset, LENSING[wildcards.dataset], "resim"
        )[:1],
    output:
        png=report(
            f"{LENSING_DIR}/preview.png",
            caption="../report/lensing_preview.rst",
            category="Previews",
            subcategory="lensing",
            labels={"data set": "{dataset}", "content": "pictures and re-simulations"},
        ),
    log:
        "logs/lensing_preview/{dataset}.log",
    benchmark:
        "logs/lensing_preview/{dataset}.tsv"
    conda:
        "../../envs/lensing.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (
            (lensing_plan.preview_megabytes(LENSING[wildcards.dataset]) + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        spec=lambda wildcards: LENSING_PICTURES[wildcards.dataset],
        folder=lambda wildcards: lensing_plan.picture_folder(LENSING[wildcards.dataset]),
        code=code_digest("lensing_preview.py"),
    script:
        "../scripts/lensing_preview.py"


rule lensing_manifest:
    """Hash and shape of every published file."""
    input:
        lambda wildcards: [
            f"results/lensing/{wildcards.dataset}/{file}"
            for file in lensing_plan.published(LENSING[wildcards.dataset])
        ],
    output:
        json=f"{LENSING_DIR}/manifest.json",
    log:
        "logs/lensing_manifest/{dataset}.log",
    benchmark:
        "logs/lensing_manifest/{dataset}.tsv"
    conda:
        "../../envs/lensing.yaml"
    params:
        spec=lambda wildcards: lensing_specs.whole_spec(LENSING[wildcards.dataset]),
        code=code_digest("lensing_images.py"),
        writer=code_digest("lensing_manifest.py"),
    script:
        "../scripts/lensing_manifest.py"
