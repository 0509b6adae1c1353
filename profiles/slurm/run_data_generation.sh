#!/usr/bin/env bash
# Submits a campaign: sbatch profiles/slurm/run_data_generation.sh [CAMPAIGN.yaml [OPTION...]]
# Options of sbatch before the script replace those below, e.g. --time=1-00:00:00 --account=...
# Options after the campaign go to Snakemake, e.g. --default-resources slurm_account=... slurm_partition=...
# This job only runs Snakemake, which submits the work itself and waits for it.
#SBATCH --job-name=simlab
#SBATCH --time=2-00:00:00
#SBATCH --cpus-per-task=1
#SBATCH --mem=2000
set -euo pipefail
cd "${SLURM_SUBMIT_DIR:-$(dirname "$0")/../..}"
campaign=${1:-config/campaigns/halo-single-node.yaml}
exec .venv/bin/snakemake --profile profiles/slurm --configfile "$campaign" "${@:2}"
