"""Target rules around what is published: previews, verification, plan; and the kernel warm-up."""

from simlab.core.plan import plan_report


localrules:
    previews,
    verify,
    plan,
    warm_kernels,


rule previews:
    """Contact sheet of every data set."""
    input:
        campaign.files("preview.png"),


rule verify:
    """Hash again what the manifests name and list every difference; make nothing."""
    log:
        "logs/verify/all.log",
    conda:
        "../../envs/core.yaml"
    params:
        # no inputs: Snakemake would first make again what was damaged, and hide the damage
        manifests=campaign.files("manifest.json"),
        code=code_digest("verify.py"),
    script:
        "../scripts/verify.py"


rule plan:
    """Data sets, samples, jobs, bytes, memory and time, before anything runs."""
    log:
        "logs/plan/all.log",
    conda:
        "../../envs/core.yaml"
    params:
        report=lambda wildcards: plan_report(
            campaign.estimates(),
            slots=workflow.resource_settings.nodes or workflow.resource_settings.cores,
        ),
        code=code_digest("plan.py"),
    script:
        "../scripts/plan.py"


rule warm_kernels:
    """Compile the kernels of the planned domains once, before many jobs would."""
    output:
        touch(".cache/warm_kernels.done"),
    log:
        "logs/warm_kernels/all.log",
    priority: 100
    conda:
        "../../envs/core.yaml"
    threads: 2
    params:
        spec=[domain for domain in PLANS if campaign.datasets(domain)],
        code=code_digest("warm_kernels.py"),
    script:
        "../scripts/warm_kernels.py"
