"""Atomic force microscopy: molecules, sample plan, shards of image stacks, statistics, checks."""

from simlab.core.plan import SNAKEMAKE_MB
from simlab.afm import plan as afm_plan, specs as afm_specs

AFM = campaign.datasets("afm")
AFM_SIZES = {name: afm_plan.sizes(dataset) for name, dataset in AFM.items()}
# of the rules with many jobs: one mapping for all of them saves memory in large campaigns
AFM_SHARD_SPECS = {
    name: afm_specs.shard_spec(dataset, AFM_SIZES[name])
    for name, dataset in AFM.items()
}
AFM_BATCHES_SPECS = {
    name: afm_specs.batches_spec(sizes) for name, sizes in AFM_SIZES.items()
}
AFM_DIR = "results/afm/{dataset}"


AFM_SHARDS = {
    name: [f"{afm_plan.folder(name)}/shards/shard_{shard}" for shard in sizes.shards]
    for name, sizes in AFM_SIZES.items()
}
AFM_GRIDS = {
    name: afm_plan.grid_targets(name, dataset) for name, dataset in AFM.items()
}


localrules:
    afm,
    afm_plan,
    afm_index,
    afm_normalization,
    afm_manifest,


rule afm:
    """Every published file of every AFM data set."""
    input:
        rules.warm_kernels.output,
        campaign.targets("afm"),


rule afm_molecules:
    """The molecules of the data set, read and judged."""
    input:
        lambda wildcards: AFM_SIZES[wildcards.dataset].files,
    output:
        npz=ensure(f"{AFM_DIR}/molecules.npz", non_empty=True),
        csv=f"{AFM_DIR}/molecules.csv",
    log:
        "logs/afm_molecules/{dataset}.log",
    benchmark:
        "logs/afm_molecules/{dataset}.tsv"
    conda:
        "../../envs/afm.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * 2 ** (attempt - 1),
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        spec=lambda wildcards: afm_specs.molecules_spec(AFM[wildcards.dataset]),
        code=code_digest("afm_molecules.py"),
    script:
        "../scripts/afm_molecules.py"


rule afm_grids:
    """Potential and density of one molecule."""
    input:
        molecules=f"{AFM_DIR}/molecules.npz",
        files=lambda wildcards: list(
            afm_plan.grid_files(AFM[wildcards.dataset], wildcards.molecule).values()
        ),
    output:
        npz=ensure(f"{AFM_DIR}/grids/{{molecule}}.npz", non_empty=True),
    log:
        "logs/afm_grids/{dataset}/{molecule}.log",
    benchmark:
        "logs/afm_grids/{dataset}/{molecule}.tsv"
    group:
        "afm_grids"
    conda:
        "../../envs/afm.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * 2 ** (attempt - 1),
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        spec=lambda wildcards: afm_specs.grids_spec(AFM[wildcards.dataset]),
        code=code_digest("afm_grids.py"),
    script:
        "../scripts/afm_grids.py"


rule afm_plan:
    """Which molecule in which orientation is which sample, and in which split."""
    input:
        molecules=f"{AFM_DIR}/molecules.npz",
    output:
        npz=ensure(f"{AFM_DIR}/plan.npz", non_empty=True),
    log:
        "logs/afm_plan/{dataset}.log",
    benchmark:
        "logs/afm_plan/{dataset}.tsv"
    conda:
        "../../envs/afm.yaml"
    params:
        spec=lambda wildcards: afm_specs.plan_spec(
            AFM[wildcards.dataset], AFM_SIZES[wildcards.dataset]
        ),
        code=code_digest("afm_plan.py"),
    script:
        "../scripts/afm_plan.py"


rule afm_shard:
    """Image stacks, descriptors and statistics of a range of samples."""
    input:
        plan=f"{AFM_DIR}/plan.npz",
        molecules=f"{AFM_DIR}/molecules.npz",
        grids=lambda wildcards: AFM_GRIDS[wildcards.dataset],
        tips=lambda wildcards: afm_plan.tip_files(AFM[wildcards.dataset]),
    output:
        h5=ensure(f"{AFM_DIR}/shards/shard_{{shard}}.h5", non_empty=True),
        stats=ensure(f"{AFM_DIR}/shards/shard_{{shard}}.stats.npz", non_empty=True),
    log:
        "logs/afm_shard/{dataset}/{shard}.log",
    benchmark:
        "logs/afm_shard/{dataset}/{shard}.tsv"
    conda:
        "../../envs/afm.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (
            (2 * afm_plan.shard_megabytes(AFM[wildcards.dataset]) + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            afm_plan.shard_minutes(
                AFM[wildcards.dataset], AFM_SIZES[wildcards.dataset]
            )
            * attempt
        ),
    params:
        spec=lambda wildcards: AFM_SHARD_SPECS[wildcards.dataset],
        code=code_digest("afm_shard.py"),
    script:
        "../scripts/afm_shard.py"


rule afm_batches:
    """One batch in the form of the original script."""
    input:
        h5=lambda wildcards: (
            f"results/afm/{wildcards.dataset}/shards/shard_"
            + AFM_SIZES[wildcards.dataset].shard_of_batch(int(wildcards.batch))
            + ".h5"
        ),
    output:
        npz=ensure(f"{AFM_DIR}/batches/batch_{{batch}}.npz", non_empty=True),
    log:
        "logs/afm_batches/{dataset}/{batch}.log",
    benchmark:
        "logs/afm_batches/{dataset}/{batch}.tsv"
    group:
        "afm_batches"
    conda:
        "../../envs/afm.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: (
            (afm_plan.shard_megabytes(AFM[wildcards.dataset]) + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            afm_plan.batch_minutes(
                AFM[wildcards.dataset], AFM_SIZES[wildcards.dataset]
            )
            * attempt
        ),
    params:
        spec=lambda wildcards: AFM_BATCHES_SPECS[wildcards.dataset],
        code=code_digest("afm_batches.py"),
    script:
        "../scripts/afm_batches.py"


rule afm_index:
    """index.csv: one row a sample."""
    input:
        plan=f"{AFM_DIR}/plan.npz",
        molecules=f"{AFM_DIR}/molecules.npz",
        shards=lambda wildcards: [
            f"{shard}.h5" for shard in AFM_SHARDS[wildcards.dataset]
        ],
    output:
        csv=f"{AFM_DIR}/index.csv",
    log:
        "logs/afm_index/{dataset}.log",
    benchmark:
        "logs/afm_index/{dataset}.tsv"
    conda:
        "../../envs/afm.yaml"
    params:
        code=code_digest("afm_index.py"),
    script:
        "../scripts/afm_index.py"


rule afm_normalization:
    """Normalization statistics over the training samples."""
    input:
        molecules=f"{AFM_DIR}/molecules.npz",
        stats=lambda wildcards: [
            f"{shard}.stats.npz" for shard in AFM_SHARDS[wildcards.dataset]
        ],
    output:
        json=f"{AFM_DIR}/normalization.json",
        html=report(
            f"{AFM_DIR}/statistics.html",
            caption="../report/afm_statistics.rst",
            category="Normalization",
            subcategory="afm",
            labels={"data set": "{dataset}", "content": "normalization statistics"},
        ),
    log:
        "logs/afm_normalization/{dataset}.log",
    benchmark:
        "logs/afm_normalization/{dataset}.tsv"
    conda:
        "../../envs/afm.yaml"
    params:
        spec=lambda wildcards: afm_specs.sample_spec(AFM[wildcards.dataset]),
        code=code_digest("afm_normalization.py"),
    script:
        "../scripts/afm_normalization.py"


rule afm_checks:
    """Consistency checks of the data set; fails if one fails."""
    input:
        plan=f"{AFM_DIR}/plan.npz",
        molecules=f"{AFM_DIR}/molecules.npz",
        grids=lambda wildcards: AFM_GRIDS[wildcards.dataset],
        tips=lambda wildcards: afm_plan.tip_files(AFM[wildcards.dataset]),
        shards=lambda wildcards: [
            f"{shard}.h5" for shard in AFM_SHARDS[wildcards.dataset]
        ],
        stats=lambda wildcards: [
            f"{shard}.stats.npz" for shard in AFM_SHARDS[wildcards.dataset]
        ],
        normalization=f"{AFM_DIR}/normalization.json",
    output:
        json=f"{AFM_DIR}/checks.json",
        html=report(
            f"{AFM_DIR}/checks.html",
            caption="../report/checks.rst",
            category="Checks",
            subcategory="afm",
            labels={"data set": "{dataset}", "content": "consistency checks"},
        ),
    log:
        "logs/afm_checks/{dataset}.log",
    benchmark:
        "logs/afm_checks/{dataset}.tsv"
    conda:
        "../../envs/afm.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: (
            (2 * afm_plan.shard_megabytes(AFM[wildcards.dataset]) + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            afm_plan.checks_minutes(
                AFM[wildcards.dataset], AFM_SIZES[wildcards.dataset]
            )
            * attempt
        ),
    params:
        spec=lambda wildcards: afm_specs.checks_spec(
            AFM[wildcards.dataset], AFM_SIZES[wildcards.dataset]
        ),
        code=code_digest("afm_checks.py"),
    script:
        "../scripts/afm_checks.py"


rule afm_preview:
    """Contact sheet: images, descriptors and atoms of the first samples."""
    input:
        molecules=f"{AFM_DIR}/molecules.npz",
        h5=f"{AFM_DIR}/shards/shard_00000.h5",
    output:
        png=report(
            f"{AFM_DIR}/preview.png",
            caption="../report/afm_preview.rst",
            category="Previews",
            subcategory="afm",
            labels={"data set": "{dataset}", "content": "images and descriptors"},
        ),
    log:
        "logs/afm_preview/{dataset}.log",
    benchmark:
        "logs/afm_preview/{dataset}.tsv"
    conda:
        "../../envs/afm.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * 2 ** (attempt - 1),
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        code=code_digest("afm_preview.py"),
    script:
        "../scripts/afm_preview.py"


rule afm_manifest:
    """Hash and shape of every published file."""
    input:
        lambda wildcards: [
            f"results/afm/{wildcards.dataset}/{file}"
            for file in afm_plan.published(
                AFM[wildcards.dataset], AFM_SIZES[wildcards.dataset]
            )
        ],
    output:
        json=f"{AFM_DIR}/manifest.json",
    log:
        "logs/afm_manifest/{dataset}.log",
    benchmark:
        "logs/afm_manifest/{dataset}.tsv"
    conda:
        "../../envs/afm.yaml"
    params:
        spec=lambda wildcards: afm_specs.whole_spec(AFM[wildcards.dataset]),
        code=code_digest("afm_shard.py"),
        writer=code_digest("afm_manifest.py"),
    script:
        "../scripts/afm_manifest.py"
