#!/bin/sh
# What became of job $1, in the one word that Snakemake wants: running, success or failed.
# For SLURM, with or without accounting: its controller knows a job for some minutes after its end.
# Later, and without accounting, nobody can tell how the job ended, only that it did: it counts as
# failed, and Snakemake runs it again. A state that is not listed here counts as running, for a job
# that runs twice at a time is worse than one that is waited for.
told=$(scontrol --oneliner show job "$1" 2>&1) ||
    told="JobState=$(sacct -X -n -P -o State -j "$1" 2>/dev/null | head -n 1 | cut -d ' ' -f 1) $told"
state=$(printf '%s' "$told" | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p')
case "$state" in
    COMPLETED) echo success ;;
    BOOT_FAIL | CANCELLED | DEADLINE | FAILED | LAUNCH_FAILED | NODE_FAIL | OUT_OF_MEMORY | \
        PREEMPTED | RECONFIG_FAIL | TIMEOUT) echo failed ;;
    "") # neither knows it; a controller that does not answer says nothing about the job
        case "$told" in *"Invalid job id"*) echo failed ;; *) echo running ;; esac ;;
    *) echo running ;;
esac
