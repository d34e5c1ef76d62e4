"""How soon the card of a stopped trial serves the next: Tune stops it, and the study must notice.

The figures are in results/bench/soak-freed.json. Ray counts the card, and torch does not find it.
"""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from small_studies import small_study

from raytrain.files import write_json
from raytrain.results.provenance import provenance
from raytrain.results.records import Outcome, TrialRecord
from raytrain.study.run_study import run_study

FIGURES = Path(__file__).parents[2] / "results" / "bench" / "soak-freed.json"
LIMIT_S = 5.0


def holding_a_card() -> set[str]:
    """The placement groups that do."""
    import ray

    groups = ray.util.placement_group_table().values()
    held = [one for one in groups if one["state"] == "CREATED" and "GPU" in str(one["bundles"])]
    return {one["placement_group_id"] for one in held}


def seconds_until_free(groups: set[str]) -> float:
    began_s = time.monotonic()
    while groups & holding_a_card():
        time.sleep(0.05)
    return time.monotonic() - began_s


@pytest.mark.soak
def test_a_stopped_trial_s_card_is_free_again_within_five_seconds(
    ray_cluster: None, tiny_en: Path, tmp_path: Path
) -> None:
    study = small_study(
        tmp_path,
        tiny_en,
        baseline=("scaling.gpu_fraction=1.0",),
        space=(
            "vary={training.learning_rate: {values: [1e-2, 2e-2, 5e-2]}}",
            "scheduler.first_rung_examples=12", "search.trials=4", "search.max_concurrent=1", "search.finalists=0",
        ),
    )  # fmt: skip
    waited: dict[int, Future[float]] = {}
    with ThreadPoolExecutor() as pool:

        def ended(record: TrialRecord) -> None:
            waited[record.number] = pool.submit(seconds_until_free, holding_a_card())

        records, _ = run_study(study, on_end=ended)
    stopped = [record.number for record in records if record.outcome is Outcome.PRUNED]
    freed_s = {number: round(waited[number].result(), 2) for number in stopped}
    about = provenance(["pytest", "-m", "soak", "tests/study/test_freed_soak.py"], {})
    write_json(FIGURES, {"limit_s": LIMIT_S, "freed_s": freed_s, "provenance": about})
    assert len(freed_s) == 3
    assert 0 < max(freed_s.values()) <= LIMIT_S
