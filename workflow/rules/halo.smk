"""Halo maps: paired simulations, samples of every view of every halo, statistics and checks."""

import re

from simlab.core.plan import SNAKEMAKE_MB
from simlab.halo import costs as halo_costs, plan as halo_plan, specs as halo_specs

HALO = campaign.datasets("halo")
HALO_SPLITS = {name: halo_plan.splits(dataset) for name, dataset in HALO.items()}
HALO_RECORDS = {
    name: [f"results/halo/{name}/{file}" for file in halo_plan.records(dataset)]
    for name, dataset in HALO.items()
}
HALO_SAMPLES_SPECS = {
    name: halo_specs.samples_spec(dataset) for name, dataset in HALO.items()
}
HALO_DIR = "results/halo/{dataset}"


localrules:
    halo,
    halo_parameters,
    halo_index,
    halo_manifest,


rule halo:
    """Every published file of every data set of halo maps."""
    input:
        rules.warm_kernels.output,
        campaign.targets("halo"),


rule halo_parameters:
    """Parameters of synthetic simulations, one row each."""
    input:
        lambda wildcards: list(halo_plan.user_files(HALO[wildcards.dataset]).values()),
    output:
        csv=f"{HALO_DIR}/inputs/params.csv",
    log:
        "logs/halo_parameters/{dataset}.log",
    benchmark:
        "logs/halo_parameters/{dataset}.tsv"
    conda:
        "../../envs/halo.yaml"
    params:
        spec=lambda wildcards: halo_specs.parameters_spec(HALO[wildcards.dataset]),
        code=code_digest("halo_parameters.py"),
    script:
        "../scripts/halo_parameters.py"


# The number and the names of the files are the rule's outputs, so data sets that write the same
# files share a rule.
for suffix, (names, files) in halo_plan.simulation_layouts(HALO).items():

    rule:
        name:
            f"halo_simulation{suffix}"
        input:
            table=f"{HALO_DIR}/inputs/params.csv",
        output:
            [ensure(f"{HALO_DIR}/{file}", non_empty=True) for file in files],
        log:
            "logs/halo_simulation/{dataset}/{sim}.log",
        benchmark:
            "logs/halo_simulation/{dataset}/{sim}.tsv"
        wildcard_constraints:
            dataset="|".join(map(re.escape, names)),
        conda:
            "../../envs/halo.yaml"
        threads: 1
        resources:
            mem_mb=lambda wildcards, attempt: (
                (
                    halo_costs.simulation_megabytes(HALO[wildcards.dataset])
                    + SNAKEMAKE_MB
                )
                * 2 ** (attempt - 1)
            ),
            runtime=lambda wildcards, attempt: (
                halo_costs.simulation_minutes(HALO[wildcards.dataset]) * attempt
            ),
        params:
            spec=lambda wildcards: halo_specs.simulation_spec(HALO[wildcards.dataset]),
            code=code_digest("halo_simulation.py"),
        script:
            "../scripts/halo_simulation.py"


rule halo_samples:
    """Maps of all views of the haloes of one shard of a simulation, and their record."""
    input:
        unpack(
            lambda wildcards: halo_plan.shard_inputs(
                wildcards.dataset,
                HALO[wildcards.dataset],
                HALO_SPLITS[wildcards.dataset],
                wildcards.split,
                wildcards.sim,
                wildcards.shard,
            )
        ),
        table=lambda wildcards: halo_plan.parameter_table(
            wildcards.dataset, HALO[wildcards.dataset]
        ),
    output:
        json=f"{HALO_DIR}/{{split}}/sim_{{sim}}/shard_{{shard}}.json",
    log:
        "logs/halo_samples/{dataset}/{split}_{sim}_{shard}.log",
    benchmark:
        "logs/halo_samples/{dataset}/{split}_{sim}_{shard}.tsv"
    conda:
        "../../envs/halo.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (
            (halo_costs.samples_megabytes(HALO[wildcards.dataset]) + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            halo_costs.samples_minutes(HALO[wildcards.dataset]) * attempt
        ),
    params:
        spec=lambda wildcards: HALO_SAMPLES_SPECS[wildcards.dataset],
        shards=lambda wildcards: halo_plan.shards_per_simulation(
            HALO[wildcards.dataset]
        ),
        code=code_digest("halo_samples.py"),
    script:
        "../scripts/halo_samples.py"


rule halo_index:
    """One row a sample, and the split by simulation."""
    input:
        lambda wildcards: HALO_RECORDS[wildcards.dataset],
    output:
        csv=f"{HALO_DIR}/index.csv",
        split=f"{HALO_DIR}/split.json",
    log:
        "logs/halo_index/{dataset}.log",
    benchmark:
        "logs/halo_index/{dataset}.tsv"
    conda:
        "../../envs/halo.yaml"
    params:
        spec=lambda wildcards: halo_specs.index_spec(HALO[wildcards.dataset]),
        code=code_digest("halo_index.py"),
    script:
        "../scripts/halo_index.py"


rule halo_normalization:
    """Constants of the normalization over the training samples."""
    input:
        lambda wildcards: HALO_RECORDS[wildcards.dataset],
    output:
        dark_matter=f"{HALO_DIR}/dark_matter_normalization_stats.npz",
        gas=f"{HALO_DIR}/gas_normalization_stats.npz",
        stellar=f"{HALO_DIR}/stellar_normalization_stats.npz",
        json=f"{HALO_DIR}/normalization.json",
        html=report(
            f"{HALO_DIR}/statistics.html",
            caption="../report/halo_statistics.rst",
            category="Normalization",
            subcategory="halo",
            labels={"data set": "{dataset}", "content": "normalization statistics"},
        ),
    log:
        "logs/halo_normalization/{dataset}.log",
    benchmark:
        "logs/halo_normalization/{dataset}.tsv"
    conda:
        "../../envs/halo.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: (
            (halo_costs.gathering_megabytes(HALO[wildcards.dataset]) + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            halo_costs.normalization_minutes(HALO[wildcards.dataset]) * attempt
        ),
    params:
        spec=lambda wildcards: halo_specs.normalization_spec(HALO[wildcards.dataset]),
        code=code_digest("halo_normalization.py"),
    script:
        "../scripts/halo_normalization.py"


rule halo_checks:
    """Consistency checks of the data set; fails if one fails."""
    input:
        index=f"{HALO_DIR}/index.csv",
        split=f"{HALO_DIR}/split.json",
        normalization=f"{HALO_DIR}/normalization.json",
        records=lambda wildcards: HALO_RECORDS[wildcards.dataset],
        table=lambda wildcards: halo_plan.parameter_table(
            wildcards.dataset, HALO[wildcards.dataset]
        ),
    output:
        json=f"{HALO_DIR}/checks.json",
        html=report(
            f"{HALO_DIR}/checks.html",
            caption="../report/checks.rst",
            category="Checks",
            subcategory="halo",
            labels={"data set": "{dataset}", "content": "consistency checks"},
        ),
    log:
        "logs/halo_checks/{dataset}.log",
    benchmark:
        "logs/halo_checks/{dataset}.tsv"
    conda:
        "../../envs/halo.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: (
            (halo_costs.gathering_megabytes(HALO[wildcards.dataset]) + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            halo_costs.checks_minutes(HALO[wildcards.dataset]) * attempt
        ),
    params:
        spec=lambda wildcards: halo_specs.whole_spec(HALO[wildcards.dataset]),
        code=code_digest("halo_checks.py"),
    script:
        "../scripts/halo_checks.py"


rule halo_preview:
    """Contact sheet: condition, its surroundings and the targets of some haloes."""
    input:
        index=f"{HALO_DIR}/index.csv",
        normalization=f"{HALO_DIR}/normalization.json",
    output:
        png=report(
            f"{HALO_DIR}/preview.png",
            caption="../report/halo_preview.rst",
            category="Previews",
            subcategory="halo",
            labels={"data set": "{dataset}", "content": "contact sheet"},
        ),
    log:
        "logs/halo_preview/{dataset}.log",
    benchmark:
        "logs/halo_preview/{dataset}.tsv"
    conda:
        "../../envs/halo.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * 2 ** (attempt - 1),
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        spec=lambda wildcards: halo_specs.preview_spec(HALO[wildcards.dataset]),
        code=code_digest("halo_preview.py"),
    script:
        "../scripts/halo_preview.py"


rule halo_manifest:
    """Hashes and shapes of every published file, samples included."""
    input:
        lambda wildcards: [
            f"results/halo/{wildcards.dataset}/{file}"
            for file in halo_plan.published(HALO[wildcards.dataset])
        ],
    output:
        json=f"{HALO_DIR}/manifest.json",
    log:
        "logs/halo_manifest/{dataset}.log",
    benchmark:
        "logs/halo_manifest/{dataset}.tsv"
    conda:
        "../../envs/halo.yaml"
    params:
        spec=lambda wildcards: halo_specs.whole_spec(HALO[wildcards.dataset]),
        code=code_digest("halo_samples.py"),
        writer=code_digest("halo_manifest.py"),
    script:
        "../scripts/halo_manifest.py"


rule halo_projections:
    """Unrotated maps of a whole DMO run along the three axes; made when asked for by name."""
    input:
        dmo=lambda wildcards: halo_plan.input_files(
            wildcards.dataset, HALO[wildcards.dataset], int(wildcards.sim)
        )[0],
    output:
        xy=f"{HALO_DIR}/projected_images/projections_xy_{{sim}}.npz",
        xz=f"{HALO_DIR}/projected_images/projections_xz_{{sim}}.npz",
        yz=f"{HALO_DIR}/projected_images/projections_yz_{{sim}}.npz",
    log:
        "logs/halo_projections/{dataset}/{sim}.log",
    benchmark:
        "logs/halo_projections/{dataset}/{sim}.tsv"
    conda:
        "../../envs/halo.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * 2 ** (attempt - 1),
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        spec=lambda wildcards: halo_specs.projections_spec(HALO[wildcards.dataset]),
        code=code_digest("halo_projections.py"),
    script:
        "../scripts/halo_projections.py"


rule halo_large_scale:
    """large_scale of a shard's samples made again from the snapshot; when asked for by name."""
    input:
        record=f"{HALO_DIR}/{{split}}/sim_{{sim}}/shard_{{shard}}.json",
        dmo=lambda wildcards: halo_plan.input_files(
            wildcards.dataset, HALO[wildcards.dataset], int(wildcards.sim)
        )[0],
    output:
        json=f"{HALO_DIR}/{{split}}/sim_{{sim}}/shard_{{shard}}.large_scale.json",
    log:
        "logs/halo_large_scale/{dataset}/{split}_{sim}_{shard}.log",
    benchmark:
        "logs/halo_large_scale/{dataset}/{split}_{sim}_{shard}.tsv"
    conda:
        "../../envs/halo.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: (
            (halo_costs.samples_megabytes(HALO[wildcards.dataset]) + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            halo_costs.samples_minutes(HALO[wildcards.dataset]) * attempt
        ),
    params:
        spec=lambda wildcards: HALO_SAMPLES_SPECS[wildcards.dataset],
        code=code_digest("halo_large_scale.py"),
    script:
        "../scripts/halo_large_scale.py"
