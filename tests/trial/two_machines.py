"""A Ray cluster of a head and two machines with a card each; one run that may only use the second; where it ran, out.

A process of its own: the cluster that other tests share lives in theirs.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any


def main(tiny_en: str, folder: str) -> None:
    from raytrain.trial import cluster

    cluster.set_environment()
    import ray
    from ray.cluster_utils import Cluster

    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 0})
    for _ in range(2):
        machines.add_node(num_cpus=1, num_gpus=1)
    machines.wait_for_nodes()
    try:
        hardware = cluster.connect(machines.address)
        with_cards = [node.id for node in hardware.nodes if node.gpus]
        ran_on = [one_step(tiny_en, Path(folder), hardware, node_id) for node_id in with_cards]
        print(json.dumps({"machines": len(hardware.nodes), "with_cards": with_cards, "ran_on": ran_on}))
    finally:
        ray.shutdown()
        machines.shutdown()


def one_step(tiny_en: str, folder: Path, hardware: Any, node_id: str) -> list[str]:
    """The machines on which workers of a run lived that was given this one."""
    from ray.util.state import list_actors

    from raytrain.config.reader import load_baseline
    from raytrain.trial.inputs import inputs_of
    from raytrain.trial.job import Job, Share
    from raytrain.trial.trainer import make_trainer

    config = load_baseline(
        "tiny", [f"model.pretrained={tiny_en}", "training.batch_size=2", "training.num_epochs=null",
                 "training.max_steps=1", "evaluation.max_utterances=1", "training.precision=fp32"],
    )  # fmt: skip
    whereabouts = inputs_of(config).whereabouts
    share, _ = Share.of(config, hardware)
    job = Job(
        config=config,
        whereabouts=whereabouts,
        storage=str(folder),
        name=f"on-{node_id[:8]}",
        share=replace(share, node_ids=(node_id,)),
        keep_best=None,
        score_first=False,
    )
    before = {actor.actor_id for actor in list_actors(limit=1000)}
    make_trainer(job).fit()
    started = [actor for actor in list_actors(limit=1000) if actor.actor_id not in before]
    return sorted({actor.node_id for actor in started if actor.class_name == "RayTrainWorker"})


if __name__ == "__main__":
    main(*sys.argv[1:])
