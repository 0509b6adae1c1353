"""Ptychography: object, probe and scan; diffraction shards; data sets, statistics and checks."""

from simlab.core.plan import SNAKEMAKE_MB
from simlab.ptycho import plan as ptycho_plan, specs as ptycho_specs

PTYCHO = campaign.datasets("ptycho")
PTYCHO_SIZES = {name: ptycho_plan.geometry(dataset) for name, dataset in PTYCHO.items()}
PTYCHO_PATCHES = {
    name: ptycho_plan.stores_patches(dataset, PTYCHO_SIZES[name])
    for name, dataset in PTYCHO.items()
}
PTYCHO_FILES = {
    name: ptycho_plan.user_files(dataset) for name, dataset in PTYCHO.items()
}
# of the rules with many jobs: one mapping for all of them saves memory in large campaigns
PTYCHO_POWER = {
    name: ptycho_specs.power_spec(dataset, PTYCHO_SIZES[name])
    for name, dataset in PTYCHO.items()
}
PTYCHO_DIFFRACTION = {
    name: ptycho_specs.diffraction_spec(
        dataset, PTYCHO_SIZES[name], PTYCHO_PATCHES[name]
    )
    for name, dataset in PTYCHO.items()
}
PTYCHO_DIR = "results/ptycho/{dataset}"


localrules:
    ptycho,
    ptycho_probe,
    ptycho_input,
    ptycho_positions,
    ptycho_gathering,
    ptycho_scale,
    ptycho_index,
    ptycho_tables,
    ptycho_manifest,


rule ptycho:
    """Every published file of every ptychography data set."""
    input:
        rules.warm_kernels.output,
        campaign.targets("ptycho"),


rule ptycho_object:
    """The sample, objectGuess, from a built-in kind or a file of the user."""
    input:
        lambda wildcards: PTYCHO_FILES[wildcards.dataset].get("object.file", [])
        or PTYCHO_FILES[wildcards.dataset].get("object.params.image", []),
    output:
        npz=ensure(f"{PTYCHO_DIR}/object.npz", non_empty=True),
        json=f"{PTYCHO_DIR}/object.json",
    log:
        "logs/ptycho_object/{dataset}.log",
    benchmark:
        "logs/ptycho_object/{dataset}.tsv"
    conda:
        "../../envs/ptycho.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: (
            (
                ptycho_plan.object_megabytes(PTYCHO_SIZES[wildcards.dataset])
                + SNAKEMAKE_MB
            )
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        spec=lambda wildcards: ptycho_specs.object_spec(
            PTYCHO[wildcards.dataset], PTYCHO_SIZES[wildcards.dataset]
        ),
        code=code_digest("ptycho_object.py"),
    script:
        "../scripts/ptycho_object.py"


rule ptycho_probe:
    """The illumination, probeGuess, from a built-in kind or a file of the user."""
    input:
        lambda wildcards: PTYCHO_FILES[wildcards.dataset].get("probe.file", []),
    output:
        npz=ensure(f"{PTYCHO_DIR}/probe.npz", non_empty=True),
        json=f"{PTYCHO_DIR}/probe.json",
    log:
        "logs/ptycho_probe/{dataset}.log",
    benchmark:
        "logs/ptycho_probe/{dataset}.tsv"
    conda:
        "../../envs/ptycho.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * 2 ** (attempt - 1),
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        spec=lambda wildcards: ptycho_specs.probe_spec(PTYCHO[wildcards.dataset]),
        code=code_digest("ptycho_probe.py"),
    script:
        "../scripts/ptycho_probe.py"


rule ptycho_input:
    """The stage-1 file: object and probe together."""
    input:
        object=f"{PTYCHO_DIR}/object.npz",
        object_record=f"{PTYCHO_DIR}/object.json",
        probe=f"{PTYCHO_DIR}/probe.npz",
        probe_record=f"{PTYCHO_DIR}/probe.json",
    output:
        npz=ensure(f"{PTYCHO_DIR}/input.npz", non_empty=True),
        json=f"{PTYCHO_DIR}/input.json",
    log:
        "logs/ptycho_input/{dataset}.log",
    benchmark:
        "logs/ptycho_input/{dataset}.tsv"
    conda:
        "../../envs/ptycho.yaml"
    params:
        code=code_digest("ptycho_input.py"),
    script:
        "../scripts/ptycho_input.py"


rule ptycho_positions:
    """Scan positions and a report of how they cover the object."""
    input:
        stage1=f"{PTYCHO_DIR}/input.npz",
        coordinates=lambda wildcards: PTYCHO_FILES[wildcards.dataset].get(
            "scan.file", []
        ),
    output:
        npz=ensure(f"{PTYCHO_DIR}/positions.npz", non_empty=True),
        json=f"{PTYCHO_DIR}/positions.json",
    log:
        "logs/ptycho_positions/{dataset}.log",
    benchmark:
        "logs/ptycho_positions/{dataset}.tsv"
    conda:
        "../../envs/ptycho.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * 2 ** (attempt - 1),
        runtime=lambda wildcards, attempt: 10 * attempt,
    params:
        spec=lambda wildcards: ptycho_specs.positions_spec(PTYCHO[wildcards.dataset]),
        code=code_digest("ptycho_positions.py"),
    script:
        "../scripts/ptycho_positions.py"


rule ptycho_power:
    """Power of the exit waves of one shard."""
    input:
        stage1=f"{PTYCHO_DIR}/input.npz",
        positions=f"{PTYCHO_DIR}/positions.npz",
    output:
        npz=ensure(f"{PTYCHO_DIR}/power/{{shard}}.npz", non_empty=True),
    log:
        "logs/ptycho_power/{dataset}/{shard}.log",
    benchmark:
        "logs/ptycho_power/{dataset}/{shard}.tsv"
    group:
        "ptycho_power"
    conda:
        "../../envs/ptycho.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * 2 ** (attempt - 1),
        runtime=lambda wildcards, attempt: (
            ptycho_plan.shard_minutes(PTYCHO_SIZES[wildcards.dataset]) * attempt
        ),
    params:
        spec=lambda wildcards: PTYCHO_POWER[wildcards.dataset],
        code=code_digest("ptycho_power.py"),
    script:
        "../scripts/ptycho_power.py"


rule ptycho_gathering:
    """Power of all shards in one file, where there are many."""
    input:
        lambda wildcards: ptycho_plan.power_files(
            wildcards.dataset, PTYCHO_SIZES[wildcards.dataset]
        ),
    output:
        npz=ensure(f"{PTYCHO_DIR}/power.npz", non_empty=True),
    log:
        "logs/ptycho_gathering/{dataset}.log",
    benchmark:
        "logs/ptycho_gathering/{dataset}.tsv"
    conda:
        "../../envs/ptycho.yaml"
    params:
        code=code_digest("ptycho_gathering.py"),
    script:
        "../scripts/ptycho_gathering.py"


rule ptycho_scale:
    """One photon scale for the whole data set."""
    input:
        lambda wildcards: ptycho_plan.scale_inputs(
            wildcards.dataset, PTYCHO_SIZES[wildcards.dataset]
        ),
    output:
        json=f"{PTYCHO_DIR}/scale.json",
    log:
        "logs/ptycho_scale/{dataset}.log",
    benchmark:
        "logs/ptycho_scale/{dataset}.tsv"
    conda:
        "../../envs/ptycho.yaml"
    params:
        spec=lambda wildcards: ptycho_specs.scale_spec(PTYCHO[wildcards.dataset]),
        code=code_digest("ptycho_scale.py"),
    script:
        "../scripts/ptycho_scale.py"


rule ptycho_diffraction:
    """Diffraction patterns, ground truth and statistics of one shard."""
    input:
        stage1=f"{PTYCHO_DIR}/input.npz",
        positions=f"{PTYCHO_DIR}/positions.npz",
        scale=f"{PTYCHO_DIR}/scale.json",
        mask=lambda wildcards: PTYCHO_FILES[wildcards.dataset].get(
            "detector.mask_file", []
        ),
    output:
        h5=ensure(f"{PTYCHO_DIR}/shards/{{shard}}.h5", non_empty=True),
        statistics=ensure(
            f"{PTYCHO_DIR}/shards/{{shard}}.statistics.npz", non_empty=True
        ),
    log:
        "logs/ptycho_diffraction/{dataset}/{shard}.log",
    benchmark:
        "logs/ptycho_diffraction/{dataset}/{shard}.tsv"
    conda:
        "../../envs/ptycho.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: (
            (
                2 * ptycho_plan.shard_megabytes(PTYCHO_SIZES[wildcards.dataset])
                + SNAKEMAKE_MB
            )
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            ptycho_plan.shard_minutes(PTYCHO_SIZES[wildcards.dataset]) * attempt
        ),
    params:
        spec=lambda wildcards: PTYCHO_DIFFRACTION[wildcards.dataset],
        code=code_digest("ptycho_diffraction.py"),
    script:
        "../scripts/ptycho_diffraction.py"


rule ptycho_index:
    """index.csv: one row a frame, with its split."""
    input:
        positions=f"{PTYCHO_DIR}/positions.npz",
    output:
        csv=f"{PTYCHO_DIR}/index.csv",
    log:
        "logs/ptycho_index/{dataset}.log",
    benchmark:
        "logs/ptycho_index/{dataset}.tsv"
    conda:
        "../../envs/ptycho.yaml"
    params:
        spec=lambda wildcards: ptycho_specs.index_spec(
            PTYCHO[wildcards.dataset], PTYCHO_SIZES[wildcards.dataset]
        ),
        code=code_digest("ptycho_index.py"),
    script:
        "../scripts/ptycho_index.py"


rule ptycho_dataset:
    """simulated.h5, all frames in one file."""
    input:
        stage1=f"{PTYCHO_DIR}/input.npz",
        positions=f"{PTYCHO_DIR}/positions.npz",
        report=f"{PTYCHO_DIR}/positions.json",
        scale=f"{PTYCHO_DIR}/scale.json",
        shards=lambda wildcards: [
            f"results/ptycho/{wildcards.dataset}/shards/{shard}.h5"
            for shard in PTYCHO_SIZES[wildcards.dataset].shards
        ],
        statistics=lambda wildcards: [
            f"results/ptycho/{wildcards.dataset}/shards/{shard}.statistics.npz"
            for shard in PTYCHO_SIZES[wildcards.dataset].shards
        ],
        mask=lambda wildcards: PTYCHO_FILES[wildcards.dataset].get(
            "detector.mask_file", []
        ),
        coordinates=lambda wildcards: PTYCHO_FILES[wildcards.dataset].get(
            "scan.file", []
        ),
    output:
        h5=ensure(f"{PTYCHO_DIR}/simulated.h5", non_empty=True),
    log:
        "logs/ptycho_dataset/{dataset}.log",
    benchmark:
        "logs/ptycho_dataset/{dataset}.tsv"
    conda:
        "../../envs/ptycho.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * 2 ** (attempt - 1),
        runtime=lambda wildcards, attempt: (
            ptycho_plan.copying_minutes(
                PTYCHO[wildcards.dataset], PTYCHO_SIZES[wildcards.dataset]
            )
            * attempt
        ),
    params:
        spec=lambda wildcards: ptycho_specs.dataset_spec(
            PTYCHO[wildcards.dataset], PTYCHO_PATCHES[wildcards.dataset]
        ),
        code=code_digest("ptycho_dataset.py"),
    script:
        "../scripts/ptycho_dataset.py"


rule ptycho_npz:
    """simulated.npz, the form of simulated.h5 that the original tools read."""
    input:
        h5=f"{PTYCHO_DIR}/simulated.h5",
    output:
        npz=ensure(f"{PTYCHO_DIR}/simulated.npz", non_empty=True),
    log:
        "logs/ptycho_npz/{dataset}.log",
    benchmark:
        "logs/ptycho_npz/{dataset}.tsv"
    conda:
        "../../envs/ptycho.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * 2 ** (attempt - 1),
        runtime=lambda wildcards, attempt: (
            ptycho_plan.copying_minutes(
                PTYCHO[wildcards.dataset], PTYCHO_SIZES[wildcards.dataset]
            )
            * attempt
        ),
    params:
        spec=lambda wildcards: ptycho_specs.npz_spec(PTYCHO[wildcards.dataset]),
        code=code_digest("ptycho_npz.py"),
    script:
        "../scripts/ptycho_npz.py"


rule ptycho_groups:
    """Frames grouped with their neighbors."""
    input:
        h5=f"{PTYCHO_DIR}/simulated.h5",
    output:
        npz=ensure(f"{PTYCHO_DIR}/grouped_g{{gridsize}}.npz", non_empty=True),
    log:
        "logs/ptycho_groups/{dataset}/{gridsize}.log",
    benchmark:
        "logs/ptycho_groups/{dataset}/{gridsize}.tsv"
    conda:
        "../../envs/ptycho.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 4000 * 2 ** (attempt - 1),
        runtime=lambda wildcards, attempt: (
            ptycho_plan.copying_minutes(
                PTYCHO[wildcards.dataset], PTYCHO_SIZES[wildcards.dataset]
            )
            * attempt
        ),
    params:
        spec=lambda wildcards: ptycho_specs.groups_spec(
            PTYCHO[wildcards.dataset], int(wildcards.gridsize)
        ),
        code=code_digest("ptycho_groups.py"),
    script:
        "../scripts/ptycho_groups.py"


rule ptycho_split:
    """train.npz and test.npz on the two sides of the split line."""
    input:
        h5=f"{PTYCHO_DIR}/simulated.h5",
        index=f"{PTYCHO_DIR}/index.csv",
    output:
        train=ensure(f"{PTYCHO_DIR}/train.npz", non_empty=True),
        test=ensure(f"{PTYCHO_DIR}/test.npz", non_empty=True),
    log:
        "logs/ptycho_split/{dataset}.log",
    benchmark:
        "logs/ptycho_split/{dataset}.tsv"
    conda:
        "../../envs/ptycho.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * 2 ** (attempt - 1),
        runtime=lambda wildcards, attempt: (
            ptycho_plan.copying_minutes(
                PTYCHO[wildcards.dataset], PTYCHO_SIZES[wildcards.dataset]
            )
            * attempt
        ),
    params:
        spec=lambda wildcards: ptycho_specs.npz_spec(PTYCHO[wildcards.dataset]),
        code=code_digest("ptycho_split.py"),
    script:
        "../scripts/ptycho_split.py"


rule ptycho_normalization:
    """Normalization statistics over the training frames."""
    input:
        stage1=f"{PTYCHO_DIR}/input.npz",
        positions=f"{PTYCHO_DIR}/positions.npz",
        report=f"{PTYCHO_DIR}/positions.json",
        scale=f"{PTYCHO_DIR}/scale.json",
        index=f"{PTYCHO_DIR}/index.csv",
        statistics=lambda wildcards: [
            f"results/ptycho/{wildcards.dataset}/shards/{shard}.statistics.npz"
            for shard in PTYCHO_SIZES[wildcards.dataset].shards
        ],
    output:
        json=f"{PTYCHO_DIR}/normalization.json",
    log:
        "logs/ptycho_normalization/{dataset}.log",
    benchmark:
        "logs/ptycho_normalization/{dataset}.tsv"
    conda:
        "../../envs/ptycho.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: (
            (
                ptycho_plan.statistics_megabytes(PTYCHO_SIZES[wildcards.dataset])
                + SNAKEMAKE_MB
            )
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: 30 * attempt,
    params:
        spec=lambda wildcards: ptycho_specs.normalization_spec(
            PTYCHO[wildcards.dataset]
        ),
        code=code_digest("ptycho_normalization.py"),
    script:
        "../scripts/ptycho_normalization.py"


rule ptycho_checks:
    """Consistency checks; fails if one of them does."""
    input:
        stage1=f"{PTYCHO_DIR}/input.npz",
        positions=f"{PTYCHO_DIR}/positions.npz",
        report=f"{PTYCHO_DIR}/positions.json",
        scale=f"{PTYCHO_DIR}/scale.json",
        h5=f"{PTYCHO_DIR}/simulated.h5",
        normalization=f"{PTYCHO_DIR}/normalization.json",
        index=f"{PTYCHO_DIR}/index.csv",
        mask=lambda wildcards: PTYCHO_FILES[wildcards.dataset].get(
            "detector.mask_file", []
        ),
        source=lambda wildcards: PTYCHO_FILES[wildcards.dataset].get("object.file", []),
        coordinates=lambda wildcards: PTYCHO_FILES[wildcards.dataset].get(
            "scan.file", []
        ),
    output:
        json=f"{PTYCHO_DIR}/checks.json",
    log:
        "logs/ptycho_checks/{dataset}.log",
    benchmark:
        "logs/ptycho_checks/{dataset}.tsv"
    conda:
        "../../envs/ptycho.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: (
            (
                ptycho_plan.statistics_megabytes(PTYCHO_SIZES[wildcards.dataset])
                + SNAKEMAKE_MB
            )
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            ptycho_plan.copying_minutes(
                PTYCHO[wildcards.dataset], PTYCHO_SIZES[wildcards.dataset]
            )
            * attempt
        ),
    params:
        spec=lambda wildcards: ptycho_specs.checks_spec(
            PTYCHO[wildcards.dataset],
            PTYCHO_SIZES[wildcards.dataset],
            PTYCHO_PATCHES[wildcards.dataset],
        ),
        code=code_digest("ptycho_checks.py"),
    script:
        "../scripts/ptycho_checks.py"


rule ptycho_tables:
    """Checks and statistics as pages of the report."""
    input:
        checks=f"{PTYCHO_DIR}/checks.json",
        statistics=f"{PTYCHO_DIR}/normalization.json",
    output:
        checks=report(
            f"{PTYCHO_DIR}/checks.html",
            caption="../report/checks.rst",
            category="Checks",
            subcategory="ptycho",
            labels={"data set": "{dataset}", "content": "consistency checks"},
        ),
        statistics=report(
            f"{PTYCHO_DIR}/statistics.html",
            caption="../report/statistics.rst",
            category="Normalization",
            subcategory="ptycho",
            labels={"data set": "{dataset}", "content": "normalization statistics"},
        ),
    log:
        "logs/ptycho_tables/{dataset}.log",
    benchmark:
        "logs/ptycho_tables/{dataset}.tsv"
    conda:
        "../../envs/ptycho.yaml"
    params:
        code=code_digest("ptycho_tables.py"),
    script:
        "../scripts/ptycho_tables.py"


rule ptycho_preview:
    """Contact sheet: object, probe, scan, patterns, ground truth."""
    input:
        h5=f"{PTYCHO_DIR}/simulated.h5",
        source=lambda wildcards: PTYCHO_FILES[wildcards.dataset].get("object.file", []),
    output:
        png=report(
            f"{PTYCHO_DIR}/preview.png",
            caption="../report/ptycho_preview.rst",
            category="Previews",
            subcategory="ptycho",
            labels={"data set": "{dataset}", "content": "contact sheet"},
        ),
    log:
        "logs/ptycho_preview/{dataset}.log",
    benchmark:
        "logs/ptycho_preview/{dataset}.tsv"
    conda:
        "../../envs/ptycho.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 1500 * 2 ** (attempt - 1),
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        code=code_digest("ptycho_preview.py"),
    script:
        "../scripts/ptycho_preview.py"


rule ptycho_manifest:
    """Hashes and shapes of every published file."""
    input:
        lambda wildcards: [
            f"results/ptycho/{wildcards.dataset}/{file}"
            for file in ptycho_plan.published(
                PTYCHO[wildcards.dataset], PTYCHO_SIZES[wildcards.dataset]
            )
        ],
    output:
        json=f"{PTYCHO_DIR}/manifest.json",
    log:
        "logs/ptycho_manifest/{dataset}.log",
    benchmark:
        "logs/ptycho_manifest/{dataset}.tsv"
    conda:
        "../../envs/ptycho.yaml"
    params:
        spec=lambda wildcards: ptycho_specs.whole_spec(PTYCHO[wildcards.dataset]),
        code=code_digest("ptycho_diffraction.py"),
        writer=code_digest("ptycho_manifest.py"),
    script:
        "../scripts/ptycho_manifest.py"
