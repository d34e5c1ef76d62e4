"""A cluster of three machines with cards that are not there, and 64 trials that each hold a quarter of one; what each
held, and when, as JSON, out.

A process of its own: the cluster that other tests share lives in theirs.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

TRIALS, CARDS, AT_ONCE = 64, (1, 2, 3), 8
"""At once, so that two cards are full; more of Tune's processes would take minutes to start."""
_HELD_S = 6.0


def main(folder: str) -> None:
    from raytrain.trial import cluster

    cluster.set_environment("joined")
    import ray
    from ray.cluster_utils import Cluster

    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "num_gpus": 0})
    for cards in CARDS:
        machines.add_node(num_cpus=8 * cards, num_gpus=cards)
    machines.wait_for_nodes()
    try:
        with cluster.joined(machines.address):
            from raytrain.benchmarks.scale import rehearsed_study
            from raytrain.study.run_study import run_study

            study = rehearsed_study(
                Path(folder) / "study", trials=TRIALS, slots=4 * sum(CARDS), share="0.25", at_once=AT_ONCE
            )
            held = Path(folder) / "held"
            held.mkdir()
            records, _ = run_study(study, on_end=lambda record: None, rehearse=_holding(str(held)))
    finally:
        ray.shutdown()
        machines.shutdown()
    print(
        json.dumps(
            {
                "outcomes": sorted({str(record.outcome) for record in records}),
                "numbers": sorted(record.number for record in records),
                "held": [json.loads(path.read_text()) for path in sorted(held.iterdir())],
            }
        )
    )


def _holding(folder: str) -> Any:
    """What drives a trial: a worker that holds the trial's share, as Ray Train would ask for it."""

    def drive(payload: dict[str, Any]) -> None:
        import ray
        import ray.tune

        trial = payload["trial"]
        share = trial.job.share
        nodes = {"ray.io/node-id": f"in({','.join(share.node_ids)})"} if share.node_ids else None
        hold = ray.remote(
            num_cpus=share.cpus,
            num_gpus=share.gpu_fraction,
            label_selector=nodes,
            scheduling_strategy="DEFAULT",  # and not in what Tune has reserved for this process
        )(held)
        told = ray.get(hold.remote(_HELD_S))
        Path(folder, f"{trial.number:04}.json").write_text(json.dumps({"number": trial.number, **told}))
        row = {"step": 1, "examples_seen": 8, "eval_wer": 0.2, "best_eval_wer": 0.2, "objective": 0.2}
        ray.tune.report({**row, "finished": True, "outcome": "completed"})

    def held(seconds: float) -> dict[str, Any]:
        import ray

        began_s = time.time()
        time.sleep(seconds)
        context = ray.get_runtime_context()
        (card,) = context.get_accelerator_ids()["GPU"]
        return {"node": context.get_node_id(), "card": card, "from_s": began_s, "to_s": time.time()}

    return drive


if __name__ == "__main__":
    main(*sys.argv[1:])
