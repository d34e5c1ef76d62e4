"""What a trial costs besides its training: studies of trials of one step in; CPU seconds by process, and seconds, out.

A study of several trials less a study of one, by the trials that it has more: what starts once for a study is not in
it. With another checkout beside, both are run in turns, so that what else the machine does falls on both.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from raytrain.benchmarks.processes import Spent, spent_by
from raytrain.errors import RunError
from raytrain.results.ledger import Ledger
from raytrain.terminal import say

TRIALS = 4
LIMIT = 0.4
"""Of what a trial's start took before its processes were counted, at most."""
_FIGURES = ("cpu_s", "wall_s", "from_start_to_start_s")
_OURS = Path(__file__).parents[2]
_SPACE = """
vary: {training.learning_rate: {values: [1e-5, 2e-5, 3e-5, 4e-5, 5e-5, 6e-5, 7e-5, 8e-5]}}
keep: {}
search: {trials: 4, sampler: random, seed: 0, objective: wer, finalists: 0, max_concurrent: 1}
scheduler: {name: none}
"""
_ONE_STEP = (
    "training.batch_size=4", "training.gradient_accumulation_steps=1", "training.num_epochs=null",
    "training.max_steps=1", "training.precision=fp32", "evaluation.max_utterances=2", "tracking.wandb=disabled",
    "tracking.tensorboard=false", "scaling.use_gpu=false",
)  # fmt: skip


def measure_starts(*, model: str, against: Path | None, rounds: int) -> dict[str, Any]:
    """What a trial takes here and, where there is one, in the other checkout; medians over the rounds, and ratios."""
    versions = {"ours": _OURS} | ({} if against is None else {"before": against})
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in versions}
    for turn in range(rounds):
        for name, checkout in versions.items():
            (one, _), (many, between_s) = (_study(checkout, trials=trials, model=model) for trials in (1, TRIALS))
            trial = a_trial(one, many) | {"from_start_to_start_s": between_s}
            found[name].append(trial)
            say(f"round {turn + 1}, {name}: {trial['cpu_s']} CPU seconds and {trial['wall_s']} s a trial")
    told = {name: _median(trials) | {"rounds": trials} for name, trials in found.items()}
    if against is not None:
        told["ratio"] = {part: round(told["ours"][part] / told["before"][part], 3) for part in _FIGURES}
    return told


def a_trial(one: Spent, many: Spent) -> dict[str, Any]:
    """What a trial adds to a study, from a study of one and one of several."""
    more = TRIALS - 1
    roles = {role: round((many.cpu_s[role] - one.cpu_s.get(role, 0.0)) / more, 2) for role in many.cpu_s}
    return {
        "cpu_s": round((many.all_cpu_s - one.all_cpu_s) / more, 2),
        "wall_s": round((many.wall_s - one.wall_s) / more, 2),
        "cpu_s_by_process": dict(sorted(roles.items(), key=lambda each: -each[1])),
        "study_of_one": {"cpu_s": round(one.all_cpu_s, 2), "wall_s": one.wall_s},
    }


def _study(checkout: Path, *, trials: int, model: str) -> tuple[Spent, float]:
    """What the study took, and the median of the seconds from one trial's start to the next one's."""
    with tempfile.TemporaryDirectory(prefix="raytrain-start-") as name:
        folder = Path(name)
        space, log = folder / "one_step.yaml", folder / "log"
        space.write_text(_SPACE, encoding="utf-8")
        asked = "--baseline", "tiny", "--space", str(space), "--trials", str(trials)
        spent = spent_by(
            [sys.executable, "-m", "raytrain.tune", *asked, *_ONE_STEP, f"model.pretrained={model}", f"storage={name}"],
            environment=os.environ | {"PYTHONPATH": str(checkout)},
            folder=folder,
            log=log,
        )
        if spent.status != 0:
            said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
            raise RunError(f"a study of {trials} in {checkout} ended with {spent.status}: {''.join(said)}")
        (ledger,) = folder.glob("*/trials.jsonl")
        starts_s = [datetime.fromisoformat(record.started_at).timestamp() for record in Ledger(ledger.parent).read()]
        between_s = [after - before for before, after in pairwise(starts_s)]
        return spent, statistics.median(between_s or [0.0])


def _median(trials: Sequence[dict[str, Any]]) -> dict[str, Any]:
    roles = {role: None for one in trials for role in one["cpu_s_by_process"]}
    middle = {
        role: round(statistics.median(one["cpu_s_by_process"].get(role, 0.0) for one in trials), 2) for role in roles
    }
    return {
        **{part: round(statistics.median(one[part] for one in trials), 2) for part in _FIGURES},
        "cpu_s_by_process": dict(sorted(middle.items(), key=lambda each: -each[1])),
    }
