"""What it saves that an effective batch is trained once: batching.yaml rehearsed with and without; clips trained out.

Each rehearsal goes through a study's own proposals and history; only the training is replaced, by a law of the
WER. Every trial that is trained is trained to its budget.
"""

import math
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from raytrain.benchmarks.searches import NEAR, with_every_seed
from raytrain.benchmarks.surfaces import Basin
from raytrain.config.reader import load_baseline, load_space
from raytrain.memory.admission import Admission
from raytrain.memory.footprint import Footprint
from raytrain.results.description import Description
from raytrain.results.records import Outcome, TrialRecord
from raytrain.search.axes import Axes
from raytrain.search.equivalents import inherit
from raytrain.speech.corpus import prepare
from raytrain.speech.manifest import manifest_path
from raytrain.study.proposals import Proposals
from raytrain.study.running import record_of
from raytrain.study.spending import Later, Spending
from raytrain.study.study import Study
from raytrain.trial.inputs import Inputs, SplitRecipe, Whereabouts
from raytrain.trial.job import Share, Trial

TRIALS = 20
"""As batching.yaml asks for."""
EXPECTED_RATIO = 2.0
"""Clips trained without reuse over those with it, at least."""
_EPOCHS = 100
"""Of the packaged corpus, which is small: about 18,000 clips a trial, as a study of real recordings would train."""
_RATE = 1e-5
LAWS = {
    f"best at an effective batch of {size}": Basin(best_effective_batch=size, best_rate=_RATE) for size in (16, 32, 64)
}
"""The learning rate is the baseline's throughout, and right for the best size."""
_SHARE = Share(use_gpu=True, gpu_fraction=1.0, cpus=1, threads=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """One study of one seed. Examples are clips trained on, repeats and probes counted."""

    examples: int
    examples_to_2_percent: int
    """Until the first trial has ended whose WER, without noise, is within 2 % of the best; all, where none is."""
    trained: int
    probed: int
    regret: float
    """Of the trial with the lowest reported WER: by which share its WER without noise lies above the best."""


def rehearse(law_name: str, reuse: bool, *, seed: int, trials: int) -> Rehearsal:
    """One study, from the baseline on."""
    with tempfile.TemporaryDirectory() as folder:
        return _rehearse(_study(Path(folder), reuse=reuse, seed=seed, trials=trials), LAWS[law_name], seed=seed)


def compare(*, trials: int, seeds: int) -> dict[str, dict[str, Any]]:
    """By law: medians over the seeds of the plain form and of reuse, and how many times fewer clips reuse trains."""
    prepare(manifest_path("demo"))  # once, before the processes below each would
    ended = with_every_seed(rehearse, product(LAWS, (False, True)), trials=trials, seeds=seeds)
    found = {}
    for law in LAWS:
        plain, reused = _summary(next(ended)), _summary(next(ended))
        ratio = round(plain["examples"] / reused["examples"], 2)
        found[law] = {"plain": plain, "reused": reused, "examples_ratio": ratio}
    return found


def _study(folder: Path, *, reuse: bool, seed: int, trials: int) -> Study:
    baseline = load_baseline("small", [f"training.num_epochs={_EPOCHS}"])
    asked = [f"search.reuse_equivalent={str(reuse).lower()}", f"search.seed={seed}", f"search.trials={trials}"]
    asked.append("search.worth_wer=null")  # as many trials of each
    space = load_space("batching", asked, baseline=baseline)
    where = Whereabouts(
        corpora={"demo": prepare(manifest_path("demo")).folder},
        validation_corpora={},
        split=SplitRecipe(ratio=baseline.data.validation_ratio, seed=0, stratify=True),
    )
    return Study(
        folder=folder,
        description=Description(baseline_name="small", baseline=baseline, space=space),
        inputs=Inputs.opened(where),
    )


def _rehearse(study: Study, law: Basin, *, seed: int) -> Rehearsal:
    history, proposals = study.history, Proposals(study, Spending(study))
    admission = Admission(Footprint(study.inputs.corpora), card_gib=None, limit_gib=None)
    best_wer = _best_wer(study, law)
    examples, reached = 0, None
    for _ in range(study.space.search.trials):
        trial = proposals.next(_SHARE, admission)
        if trial is None or isinstance(trial, Later):
            break
        record = _ended(trial, law, history.records, seed=seed)
        history.end(record)
        examples += trial.job.end_at_examples or 0
        if reached is None and _true_wer(record, law) <= best_wer * (1 + NEAR):
            reached = examples
    records = history.records
    chosen = min(records, key=lambda one: one.eval_wer or math.inf)
    probed = sum(one.inherited_from is not None for one in records)
    return Rehearsal(
        examples=examples,
        examples_to_2_percent=examples if reached is None else reached,
        trained=len(records) - probed,
        probed=probed,
        regret=_true_wer(chosen, law) / best_wer - 1,
    )


def _ended(trial: Trial, law: Basin, records: Sequence[TrialRecord], *, seed: int) -> TrialRecord:
    """What the trial would have left in the ledger."""
    effective = trial.config.effective_batch_size()
    noise = np.random.default_rng([seed, trial.number]).normal(1, law.noise)
    wer = float(law.wer(effective, _RATE)) * noise
    record = record_of(trial, Outcome.COMPLETED, None, eval_wer=wer, examples_seen=trial.job.end_at_examples)
    if trial.probes is None:
        return record
    return inherit(record, next(one for one in records if one.trial_id == trial.probes))


def _true_wer(record: TrialRecord, law: Basin) -> float:
    return float(law.wer(record.effective_batch_size, _RATE))


def _best_wer(study: Study, law: Basin) -> float:
    axes = Axes(study.space, study.baseline)
    return min(float(law.wer(axes.effective_batch_size(split), _RATE)) for split in axes.splits())


def _summary(rehearsals: Sequence[Rehearsal]) -> dict[str, float]:
    rows = [asdict(one) for one in rehearsals]
    return {name: round(statistics.median(row[name] for row in rows), 5) for name in rows[0]}
