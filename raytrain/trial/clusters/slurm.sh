#!/bin/bash
# One study over the nodes of an allocation: sbatch raytrain/trial/clusters/slurm.sh --baseline small --space full storage=/shared/runs
#SBATCH --job-name=raytrain
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --time=12:00:00
set -euo pipefail

# Ray's sockets need a short path, and a job's own TMPDIR is often a long one: 40 bytes are the most.
export RAY_TMPDIR=/tmp/ray-$SLURM_JOB_ID
# What a node fetches once lies on its own disk. The home folder is the network's: no lock is one there.
export RAYTRAIN_NODE_CACHE=${TMPDIR:-/tmp}/raytrain-$SLURM_JOB_ID

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 20000))

# Starts Ray on every node, runs the command on the first once all are there, and ends all of it with the command.
srun ray symmetric-run --address "$head:$port" --min-nodes "$SLURM_JOB_NUM_NODES" \
    --num-cpus "$SLURM_CPUS_PER_TASK" -- python -m raytrain.tune --address auto "$@"
