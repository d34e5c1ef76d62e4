"""A Ray cluster of several machines in one, and a small study on it from whose trials machines are taken away, one a
minute, each with notice; what came of it, as JSON, out.

A process of its own: the cluster that other tests share lives in theirs. Each machine has a card that is not there. All
are there from the start: on a real cluster it is not the machines that train which start new ones.
"""

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

_AT_ONCE, _TRIALS = 2, 4


def main(tiny_en: str, folder: str, notices: int, every_s: float, steps: int) -> None:
    from raytrain.trial import cluster

    cluster.set_environment("joined")
    import ray
    from ray.cluster_utils import Cluster

    machines = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 0})
    others = [machines.add_node(num_cpus=1, num_gpus=1) for _ in range(_AT_ONCE + notices)]
    machines.wait_for_nodes()
    try:
        with cluster.joined(machines.address):
            undisturbed = searched(Path(folder) / "undisturbed", tiny_en, steps)
            over, went = threading.Event(), []
            taker = threading.Thread(target=take, args=(machines, others, went, every_s, over), daemon=True)
            taker.start()
            disturbed = searched(Path(folder) / "disturbed", tiny_en, steps)
            over.set()
    finally:
        ray.shutdown()
        machines.shutdown()
    goodput = round(undisturbed["seconds"] / disturbed["seconds"], 3)
    print(json.dumps({"goodput": goodput, "notices": went, "undisturbed": undisturbed, "disturbed": disturbed}))


def take(machines: Any, others: list[Any], went: list[str], every_s: float, over: threading.Event) -> None:
    """Drain one machine after the other on which a trial runs, and let each go half a minute later."""
    from ray._raylet import GcsClient
    from ray.util.state import list_actors

    gcs, notice_s = GcsClient(address=machines.address), every_s / 2
    while len(went) < len(others) - _AT_ONCE and not over.wait(every_s - notice_s):
        workers = [one for one in list_actors(filters=[("state", "=", "ALIVE")]) if one.class_name == "RayTrainWorker"]
        node = next((one for one in others for worker in workers if worker.node_id == one.node_id), None)
        if node is None:
            continue
        went.append(node.node_id)
        gcs.drain_node(node.node_id, 2, "taken away", int(1000 * (time.time() + notice_s)))
        over.wait(notice_s)
        machines.remove_node(node, allow_graceful=False)


def searched(folder: Path, tiny_en: str, steps: int) -> dict[str, Any]:
    from small_studies import small_study

    from raytrain.study.run_study import run_study

    folder.mkdir()
    study = small_study(
        folder,
        Path(tiny_en),
        baseline=(f"training.max_steps={steps}", "training.num_epochs=null", "scaling.cpus_per_worker=1"),
        space=(
            "vary={training.learning_rate: {values: [1e-5, 3e-5, 5e-5]}}",
            "scheduler.name=none",
            f"search.trials={_TRIALS}",
            f"search.max_concurrent={_AT_ONCE}",
            "search.worth_wer=null",
            "search.finalists=0",
        ),
    )
    began_s, between = time.monotonic(), Between(study.runs)
    records, _ = run_study(study, on_end=lambda record: print(record.number, record.outcome, file=sys.stderr))
    seconds = time.monotonic() - began_s
    return {
        "seconds": round(seconds, 1),
        "numbers": sorted(record.number for record in records),
        "outcomes": sorted({str(record.outcome) for record in records}),
        "ledger": len((folder / "trials.jsonl").read_text().splitlines()),
        "steps": sorted([record.number, record.steps] for record in records),
        "wers": {str(record.config.training.learning_rate): record.eval_wer for record in records},
        "saved_between": between.seen(),
    }


class Between:
    """Which trials saved where they stood, seen as it happens: the checkpoint goes with the next one."""

    def __init__(self, runs: Path) -> None:
        self._runs, self._found = runs, set[str]()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while True:
            self._found |= {f"{path.parent.name}/{path.name}" for path in self._runs.glob("*/step-*-unscored")}
            time.sleep(0.2)

    def seen(self) -> list[str]:
        return sorted(self._found)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), int(sys.argv[5]))
