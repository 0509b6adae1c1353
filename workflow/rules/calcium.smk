"""Calcium movies: scenes, movies in parts, recordings, videos, statistics, checks, training pairs."""

import re

from simlab.core.plan import SNAKEMAKE_MB
from simlab.calcium import costs as calcium_costs
from simlab.calcium import plan as calcium_plan
from simlab.calcium import specs as calcium_specs

CALCIUM = campaign.datasets("calcium")
CALCIUM_POINTS = {
    name: calcium_plan.by_key(dataset) for name, dataset in CALCIUM.items()
}
CALCIUM_SHARDS = {
    name: calcium_plan.training_shards(dataset) for name, dataset in CALCIUM.items()
}
CALCIUM_DIR = "results/calcium/{dataset}"

# Which of two rules measures a movie is a matter of the data set, not of the file name.
NO_DATASET = "(?!)"
CALCIUM_RECORDED = (
    "|".join(re.escape(name) for name in CALCIUM if CALCIUM[name].recordings)
    or NO_DATASET
)
CALCIUM_UNRECORDED = (
    "|".join(re.escape(name) for name in CALCIUM if not CALCIUM[name].recordings)
    or NO_DATASET
)


localrules:
    calcium,
    calcium_index,
    calcium_normalization,
    calcium_manifest,


rule calcium:
    """Every published file of every calcium data set."""
    input:
        rules.warm_kernels.output,
        campaign.targets("calcium"),


rule calcium_index:
    """index.csv: one row a recording."""
    output:
        csv=f"{CALCIUM_DIR}/index.csv",
    log:
        "logs/calcium_index/{dataset}.log",
    benchmark:
        "logs/calcium_index/{dataset}.tsv"
    conda:
        "../../envs/calcium.yaml"
    params:
        spec=lambda wildcards: calcium_specs.points_spec(CALCIUM[wildcards.dataset]),
        code=code_digest("calcium_index.py"),
    script:
        "../scripts/calcium_index.py"


rule calcium_scene:
    """Everything of a recording but the movie, from which any frame can be rendered."""
    output:
        h5=ensure(f"{CALCIUM_DIR}/scenes/{{key}}.h5", non_empty=True),
    log:
        "logs/calcium_scene/{dataset}/{key}.log",
    benchmark:
        "logs/calcium_scene/{dataset}/{key}.tsv"
    conda:
        "../../envs/calcium.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: (
            (CALCIUM_POINTS[wildcards.dataset][wildcards.key].megabytes + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            CALCIUM_POINTS[wildcards.dataset][wildcards.key].minutes * attempt
        ),
    params:
        spec=lambda wildcards: calcium_specs.recording_spec(
            CALCIUM_POINTS[wildcards.dataset][wildcards.key]
        ),
        code=code_digest("calcium_scene.py"),
    script:
        "../scripts/calcium_scene.py"


rule calcium_part:
    """The frames of one part of a recording."""
    input:
        scene=f"{CALCIUM_DIR}/scenes/{{key}}.h5",
    output:
        h5=temp(f"{CALCIUM_DIR}/parts/{{key}}/{{part}}.h5"),
    log:
        "logs/calcium_part/{dataset}/{key}/{part}.log",
    benchmark:
        "logs/calcium_part/{dataset}/{key}/{part}.tsv"
    group:
        "calcium_part"
    conda:
        "../../envs/calcium.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: (
            (CALCIUM_POINTS[wildcards.dataset][wildcards.key].megabytes + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            CALCIUM_POINTS[wildcards.dataset][wildcards.key].minutes * attempt
        ),
    params:
        spec=lambda wildcards: {
            "recording": calcium_specs.recording_spec(
                CALCIUM_POINTS[wildcards.dataset][wildcards.key]
            ),
            "frames": calcium_plan.part_range(
                CALCIUM[wildcards.dataset],
                CALCIUM_POINTS[wildcards.dataset][wildcards.key],
                wildcards.part,
            ),
        },
        code=code_digest("calcium_part.py"),
    script:
        "../scripts/calcium_part.py"


rule calcium_recording:
    """One recording with its specification and its statistics; assembled if it has parts."""
    input:
        scene=lambda wildcards: calcium_plan.scene_of(
            wildcards.dataset, CALCIUM[wildcards.dataset], wildcards.key
        ),
        parts=lambda wildcards: calcium_plan.parts_of(
            wildcards.dataset, CALCIUM[wildcards.dataset], wildcards.key
        ),
    output:
        h5=ensure(f"{CALCIUM_DIR}/recordings/{{key}}.h5", non_empty=True),
        spec=f"{CALCIUM_DIR}/specs/{{key}}.json",
        statistics=f"{CALCIUM_DIR}/statistics/{{key}}.json",
    log:
        "logs/calcium_recording/{dataset}/{key}.log",
    benchmark:
        "logs/calcium_recording/{dataset}/{key}.tsv"
    wildcard_constraints:
        dataset=CALCIUM_RECORDED,
    group:
        "calcium_recording"
    conda:
        "../../envs/calcium.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: (
            (CALCIUM_POINTS[wildcards.dataset][wildcards.key].megabytes + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            CALCIUM_POINTS[wildcards.dataset][wildcards.key].minutes * attempt
        ),
    params:
        spec=lambda wildcards: calcium_specs.recording_spec(
            CALCIUM_POINTS[wildcards.dataset][wildcards.key]
        ),
        code=code_digest("calcium_recording.py"),
    script:
        "../scripts/calcium_recording.py"


rule calcium_statistics:
    """Specification and statistics of a movie that is not kept as a recording."""
    output:
        spec=f"{CALCIUM_DIR}/specs/{{key}}.json",
        statistics=f"{CALCIUM_DIR}/statistics/{{key}}.json",
    log:
        "logs/calcium_statistics/{dataset}/{key}.log",
    benchmark:
        "logs/calcium_statistics/{dataset}/{key}.tsv"
    wildcard_constraints:
        dataset=CALCIUM_UNRECORDED,
    group:
        "calcium_recording"
    conda:
        "../../envs/calcium.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: (
            (CALCIUM_POINTS[wildcards.dataset][wildcards.key].megabytes + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            CALCIUM_POINTS[wildcards.dataset][wildcards.key].minutes * attempt
        ),
    params:
        spec=lambda wildcards: calcium_specs.recording_spec(
            CALCIUM_POINTS[wildcards.dataset][wildcards.key]
        ),
        code=code_digest("calcium_statistics.py"),
    script:
        "../scripts/calcium_statistics.py"


rule calcium_video:
    """One movie as a video, with the timings of its phases."""
    output:
        avi=ensure(f"{CALCIUM_DIR}/videos/{{key}}.avi", non_empty=True),
        perf=f"{CALCIUM_DIR}/videos/{{key}}.perf.json",
    log:
        "logs/calcium_video/{dataset}/{key}.log",
    benchmark:
        "logs/calcium_video/{dataset}/{key}.tsv"
    conda:
        "../../envs/calcium.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: (
            (
                2 * CALCIUM_POINTS[wildcards.dataset][wildcards.key].megabytes
                + SNAKEMAKE_MB
            )
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            CALCIUM_POINTS[wildcards.dataset][wildcards.key].minutes * attempt
        ),
    params:
        spec=lambda wildcards: calcium_specs.video_spec(
            CALCIUM[wildcards.dataset],
            CALCIUM_POINTS[wildcards.dataset][wildcards.key],
        ),
        code=code_digest("calcium_video.py"),
    script:
        "../scripts/calcium_video.py"


rule calcium_stage:
    """The movie as it is after one of the steps."""
    output:
        h5=ensure(f"{CALCIUM_DIR}/stages/{{key}}/{{stage}}.h5", non_empty=True),
    log:
        "logs/calcium_stage/{dataset}/{key}/{stage}.log",
    benchmark:
        "logs/calcium_stage/{dataset}/{key}/{stage}.tsv"
    conda:
        "../../envs/calcium.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: (
            (
                calcium_costs.whole_megabytes(
                    CALCIUM_POINTS[wildcards.dataset][wildcards.key].spec
                )
                + SNAKEMAKE_MB
            )
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            CALCIUM_POINTS[wildcards.dataset][wildcards.key].minutes * attempt
        ),
    params:
        spec=lambda wildcards: calcium_specs.recording_spec(
            CALCIUM_POINTS[wildcards.dataset][wildcards.key]
        ),
        code=code_digest("calcium_stage.py"),
    script:
        "../scripts/calcium_stage.py"


rule calcium_training:
    """Pairs for training, cut from the recordings of a split."""
    input:
        recordings=lambda wildcards: calcium_plan.recordings_of_shard(
            wildcards.dataset,
            CALCIUM[wildcards.dataset],
            wildcards.split,
            wildcards.shard,
        ),
        scenes=lambda wildcards: calcium_plan.scenes_of_shard(
            wildcards.dataset,
            CALCIUM[wildcards.dataset],
            wildcards.split,
            wildcards.shard,
        ),
    output:
        h5=ensure(f"{CALCIUM_DIR}/training/{{split}}-{{shard}}.h5", non_empty=True),
    log:
        "logs/calcium_training/{dataset}/{split}-{shard}.log",
    benchmark:
        "logs/calcium_training/{dataset}/{split}-{shard}.tsv"
    conda:
        "../../envs/calcium.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: (
            (
                calcium_plan.training_megabytes(CALCIUM[wildcards.dataset])
                + SNAKEMAKE_MB
            )
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            calcium_plan.training_minutes(CALCIUM[wildcards.dataset]) * attempt
        ),
    params:
        spec=lambda wildcards: calcium_specs.training_spec(CALCIUM[wildcards.dataset]),
        code=code_digest("calcium_training.py"),
    script:
        "../scripts/calcium_training.py"


rule calcium_normalization:
    """Normalization statistics over the recordings of the training split."""
    input:
        statistics=lambda wildcards: [
            f"results/calcium/{wildcards.dataset}/statistics/{key}.json"
            for key in calcium_plan.keys_of_split(CALCIUM[wildcards.dataset], "train")
        ],
    output:
        json=f"{CALCIUM_DIR}/normalization.json",
        html=report(
            f"{CALCIUM_DIR}/statistics.html",
            caption="../report/calcium_statistics.rst",
            category="Normalization",
            subcategory="calcium",
            labels={"data set": "{dataset}", "content": "normalization statistics"},
        ),
    log:
        "logs/calcium_normalization/{dataset}.log",
    benchmark:
        "logs/calcium_normalization/{dataset}.tsv"
    conda:
        "../../envs/calcium.yaml"
    params:
        code=code_digest("calcium_normalization.py"),
    script:
        "../scripts/calcium_normalization.py"


rule calcium_checks:
    """Consistency checks of the data set; fails if one fails."""
    input:
        recordings=lambda wildcards: calcium_plan.files_of(
            wildcards.dataset, CALCIUM[wildcards.dataset], "recordings"
        ),
        statistics=lambda wildcards: calcium_plan.files_of(
            wildcards.dataset, CALCIUM[wildcards.dataset], "statistics"
        ),
        videos=lambda wildcards: calcium_plan.files_of(
            wildcards.dataset, CALCIUM[wildcards.dataset], "videos"
        ),
    output:
        json=f"{CALCIUM_DIR}/checks.json",
        html=report(
            f"{CALCIUM_DIR}/checks.html",
            caption="../report/checks.rst",
            category="Checks",
            subcategory="calcium",
            labels={"data set": "{dataset}", "content": "consistency checks"},
        ),
    log:
        "logs/calcium_checks/{dataset}.log",
    benchmark:
        "logs/calcium_checks/{dataset}.tsv"
    conda:
        "../../envs/calcium.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: (
            (calcium_plan.largest_megabytes(CALCIUM[wildcards.dataset]) + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: (
            calcium_plan.checks_minutes(CALCIUM[wildcards.dataset]) * attempt
        ),
    params:
        spec=lambda wildcards: calcium_specs.checks_spec(CALCIUM[wildcards.dataset]),
        code=code_digest("calcium_checks.py"),
    script:
        "../scripts/calcium_checks.py"


rule calcium_preview:
    """Contact sheet: projections, footprints, traces with spikes and shifts."""
    input:
        movies=lambda wildcards: calcium_plan.previewed(
            wildcards.dataset, CALCIUM[wildcards.dataset]
        ),
    output:
        png=report(
            f"{CALCIUM_DIR}/preview.png",
            caption="../report/calcium_preview.rst",
            category="Previews",
            subcategory="calcium",
            labels={"data set": "{dataset}", "content": "projections and traces"},
        ),
    log:
        "logs/calcium_preview/{dataset}.log",
    benchmark:
        "logs/calcium_preview/{dataset}.tsv"
    conda:
        "../../envs/calcium.yaml"
    threads: 2
    resources:
        mem_mb=lambda wildcards, attempt: (
            (calcium_plan.largest_megabytes(CALCIUM[wildcards.dataset]) + SNAKEMAKE_MB)
            * 2 ** (attempt - 1)
        ),
        runtime=lambda wildcards, attempt: 20 * attempt,
    params:
        spec=lambda wildcards: calcium_specs.points_spec(CALCIUM[wildcards.dataset]),
        code=code_digest("calcium_preview.py"),
    script:
        "../scripts/calcium_preview.py"


rule calcium_manifest:
    """Hash and shape of every published file."""
    input:
        lambda wildcards: [
            f"results/calcium/{wildcards.dataset}/{file}"
            for file in calcium_plan.published(CALCIUM[wildcards.dataset])
        ],
    output:
        json=f"{CALCIUM_DIR}/manifest.json",
    log:
        "logs/calcium_manifest/{dataset}.log",
    benchmark:
        "logs/calcium_manifest/{dataset}.tsv"
    conda:
        "../../envs/calcium.yaml"
    params:
        spec=lambda wildcards: calcium_specs.dataset_spec(CALCIUM[wildcards.dataset]),
        code=code_digest("calcium_recording.py"),
        writer=code_digest("calcium_manifest.py"),
    script:
        "../scripts/calcium_manifest.py"
