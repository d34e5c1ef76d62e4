"""A Ray cluster of three machines in one, an S3 beside it, and a small study over both; what came of it, as JSON, out.

A process of its own: the cluster that other tests share lives in theirs. Each machine has a card that is not there, so
that trials run at once. With `kill` one of them dies once a trial on it has a checkpoint; with `drain` one is told that
it will be taken away.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_TRIALS = 6
_NOTICE_S = 120.0
"""As EC2 gives for a spot machine."""


def main(tiny_en: str, folder: str, disturbance: str) -> None:
    from moto_server import s3_at_hand

    with s3_at_hand("runs") as requests:
        from raytrain.trial import cluster

        os.environ["RAYTRAIN_NODE_CACHE"] = str(Path(folder) / "node")
        cluster.set_environment("joined")
        import ray
        from ray.cluster_utils import Cluster

        machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 1})
        others = [machines.add_node(num_cpus=1, num_gpus=1) for _ in range(2)]
        machines.wait_for_nodes()
        try:
            with cluster.joined(machines.address):
                disturbed = {"kill": _kill, "drain": _drain, "none": lambda *_: None}[disturbance]
                told = searched(Path(folder) / "study", tiny_en, lambda runs: disturbed(machines, others, runs))
        finally:
            ray.shutdown()
            machines.shutdown()
    saved = {one.split("/ray/")[1].split("/")[0] for one in requests if one.startswith("PUT") and "-unscored/" in one}
    told["saved_between"] = sorted(saved)
    print(json.dumps(told | {"fetched": len(list((Path(folder) / "node").glob("*.lock"))), "requests": len(requests)}))


def searched(folder: Path, tiny_en: str, disturb: Callable[[Path], object]) -> dict[str, Any]:
    from small_studies import small_study

    from raytrain.study.run_study import run_study

    folder.mkdir()
    study = small_study(
        folder,
        Path(tiny_en),
        baseline=("storage=s3://runs/here", "training.checkpoint_every_steps=1", "training.max_steps=6"),
        space=(
            "vary={training.learning_rate: {values: [1e-5, 3e-5, 4e-5, 5e-5, 6e-5]}}",
            "scheduler.name=none",
            f"search.trials={_TRIALS}",
            "search.max_concurrent=3",
            "search.worth_wer=null",
        ),
    )
    threading.Thread(target=disturb, args=(study.runs,), daemon=True).start()
    began_s = time.monotonic()
    records, stopped = run_study(study, on_end=lambda record: print(record.number, record.outcome, file=sys.stderr))
    return {
        "seconds": round(time.monotonic() - began_s, 1),
        "stopped": stopped,
        "numbers": sorted(record.number for record in records),
        "outcomes": sorted({str(record.outcome) for record in records}),
        "reasons": [record.reason for record in records if record.reason],
        "wers": {str(record.config.training.learning_rate): record.eval_wer for record in records},
        "steps": {str(record.number): [row["step"] for row in record.history] for record in records},
        "ledger": len((folder / "trials.jsonl").read_text().splitlines()),
        "weights": [str(one) for one in folder.glob("ray/*/step-*/model.safetensors")],
        "went": _WENT,
    }


_WENT: list[str] = []


def _on_another(others: list[Any], runs: Path) -> Any:
    """One of these machines, once a trial that runs there has trained a step."""
    from ray.util.state import list_actors

    ids = {node.node_id: node for node in others}
    while True:
        time.sleep(0.5)
        workers = [one for one in list_actors(filters=[("state", "=", "ALIVE")]) if one.class_name == "RayTrainWorker"]
        there = [one.node_id for one in workers if one.node_id in ids]
        begun = [one for one in runs.glob("*/progress.json") if '"examples_seen": 0' not in one.read_text()]
        if there and begun:
            return ids[there[0]]


def _kill(machines: Any, others: list[Any], runs: Path) -> None:
    node = _on_another(others, runs)
    _WENT.append(node.node_id)
    machines.remove_node(node, allow_graceful=False)


def _drain(machines: Any, others: list[Any], runs: Path) -> None:
    from ray._raylet import GcsClient

    node = _on_another(others, runs)
    _WENT.append(node.node_id)
    deadline_ms = int(1000 * (time.time() + _NOTICE_S))
    GcsClient(address=machines.address).drain_node(node.node_id, 2, "taken away", deadline_ms)
    time.sleep(_NOTICE_S)
    machines.remove_node(node, allow_graceful=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
