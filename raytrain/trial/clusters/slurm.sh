#!/bin/bash
# One study over the nodes of an allocation: sbatch raytrain/trial/clusters/slurm.sh --baseline small --space full storage=/shared/runs
#SBATCH --job-name=raytrain
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --time=12:00:00
#SBATCH --signal=B:TERM@120
set -euo pipefail

# Ray's sockets need a short path, and a job's own TMPDIR is often a long one: 40 bytes are the most.
export RAY_TMPDIR=/tmp/ray-$SLURM_JOB_ID
# What a node fetches once lies on its own disk. The home folder is the network's: no lock is one there.
export RAYTRAIN_NODE_CACHE=${TMPDIR:-/tmp}/raytrain-$SLURM_JOB_ID
# Ray's ports are open to all who are on the network: they take this job's own token, and no other.
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1) # where this script runs
port=$((20000 + SLURM_JOB_ID % 12000))
on_each_node=(srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" --cpus-per-task="$SLURM_CPUS_PER_TASK")

# A busy node, or a slow file system that all start from, takes its time.
export RAY_raylet_start_wait_time_s=120

# Ray on every node. One that is there before the head asks again; where the head does not start, all end.
# shellcheck disable=SC2016  # each node's own shell is to expand them
"${on_each_node[@]}" --kill-on-bad-exit=1 bash -c '
    if [ "$SLURM_NODEID" = 0 ]; then exec ray start --head --port="$1" "${@:2}"; fi
    until ray start --address="$0:$1" "${@:2}"; do sleep 2; done
' "$head" "$port" --num-cpus="$SLURM_CPUS_PER_TASK" --disable-usage-stats --block > "raytrain-$SLURM_JOB_ID-ray.log" 2>&1 &
ray=$!
# shellcheck disable=SC2329  # the trap calls it
end() {
    kill "$ray" 2> /dev/null || true
    wait "$ray" || true
    "${on_each_node[@]}" rm -rf "$RAY_TMPDIR" "$RAYTRAIN_NODE_CACHE" || true
}
trap end EXIT

# The study begins once all nodes are there: what differs on one of them is then told before anything has run.
all_there() {
    python -c 'import ray, sys; ray.init(sys.argv[1], logging_level="CRITICAL"); sys.exit(sum(one["Alive"] for one in
ray.nodes()) < int(sys.argv[2]))' "$head:$port" "$SLURM_JOB_NUM_NODES" 2> /dev/null
}
until all_there; do
    if [ "$SECONDS" -gt 900 ] || ! kill -0 "$ray"; then
        echo "Ray did not start on all of $SLURM_JOB_NODELIST; see raytrain-$SLURM_JOB_ID-ray.log" >&2
        exit 1
    fi
    sleep 2
done

# Two minutes before the time is over Slurm sends TERM to this script alone, which tells the study: that saves where it
# stands, and ends with the command that goes on.
python -m raytrain.tune --address "$head:$port" "$@" &
study=$! told=true
trap 'told=true; kill -TERM "$study"' TERM
while $told; do # a signal ends the waiting, too
    told=false status=0
    wait "$study" || status=$?
done
exit "$status"
