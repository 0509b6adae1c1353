#!/bin/sh
# What became of job $1, in the one word that Snakemake wants: running, success or failed.
# For SLURM, with or without accounting: its controller knows a job for some minutes after its end.
told=$(scontrol --oneliner show job "$1" 2>&1) ||
    told="JobState=$(sacct -X -n -P -o State -j "$1" 2>/dev/null | head -n 1 | cut -d ' ' -f 1) $told"
state=$(printf '%s' "$told" | sed -n 's/.*JobState=\([A-Z_]*\).*/\1/p')
case "$state" in
    COMPLETED) echo success ;;
    PENDING | CONFIGURING | RUNNING | COMPLETING | SUSPENDED | REQUEUED) echo running ;;
    "") # neither knows it; a controller that does not answer says nothing about the job
        case "$told" in *"Invalid job id"*) echo failed ;; *) echo running ;; esac ;;
    *) echo failed ;;
esac
