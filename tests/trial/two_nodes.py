"""One run of two workers, each on a machine of its own, and the same of one worker; their weights and where they ran.

A process of its own: the cluster that other tests share lives in theirs. Each machine has one CPU, so that no two
workers fit on one.
"""

import json
import sys
from pathlib import Path
from typing import Any


def main(tiny_en: str, folder: str) -> None:
    from raytrain.trial import cluster

    cluster.set_environment()
    import ray
    from ray.cluster_utils import Cluster

    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "num_gpus": 0})
    for _ in range(2):
        machines.add_node(num_cpus=1, num_gpus=0)
    machines.wait_for_nodes()
    try:
        hardware = cluster.connect(machines.address)
        runs = {str(workers): ran(tiny_en, Path(folder), hardware, workers=workers) for workers in (1, 2)}
        print(json.dumps({"machines": len(hardware.nodes), "runs": runs}))
    finally:
        ray.shutdown()
        machines.shutdown()


def ran(tiny_en: str, folder: Path, hardware: Any, *, workers: int) -> dict[str, Any]:
    """A step of an effective batch of 8, and the machines on which workers of the run lived."""
    from ray.util.state import list_actors

    from raytrain.config.reader import load_baseline
    from raytrain.trial.inputs import inputs_of
    from raytrain.trial.job import Job, Share
    from raytrain.trial.storage import latest_checkpoint
    from raytrain.trial.trainer import make_trainer

    config = load_baseline(
        "tiny", [f"model.pretrained={tiny_en}", f"scaling.num_workers={workers}", f"training.batch_size={8 // workers}",
                 "training.num_epochs=null", "training.max_steps=1", "evaluation.max_utterances=2",
                 "training.precision=fp32"],
    )  # fmt: skip
    share, _ = Share.of(config, hardware)
    name = f"{workers}-workers"
    job = Job(
        config=config,
        whereabouts=inputs_of(config).whereabouts,
        storage=str(folder),
        name=name,
        share=share,
        keep_best=None,
        score_first=False,
    )
    before = {actor.actor_id for actor in list_actors(limit=1000)}
    make_trainer(job).fit()
    started = [actor for actor in list_actors(limit=1000) if actor.actor_id not in before]
    lived = {actor.node_id for actor in started if actor.class_name == "RayTrainWorker"}
    return {"nodes": sorted(lived), "checkpoint": str(latest_checkpoint(folder / name))}


if __name__ == "__main__":
    main(*sys.argv[1:])
