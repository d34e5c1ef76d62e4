"""The five answers of a study, and the one step that follows from its verdict."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from making import config, record, utterances
from studies import SPACE

from raytrain.config.reader import apply_sample
from raytrain.report.answers import Answers, answers
from raytrain.report.statements import facts
from raytrain.results.description import Description
from raytrain.results.ledger import Ledger
from raytrain.results.records import TrialRecord
from raytrain.results.study_results import load_study

LINE = ["python", "-m", "raytrain.tune", "--baseline", "small", "search.seed=1", "search.seeds=1"]
BASELINE = record(
    0,
    eval_wer=0.3,
    config=config(dropout=0.1),
    peak_memory_reserved_gib=6.0,
    train_examples_per_s=50.0,
    history=[{"step": 0, "examples_seen": 0, "eval_wer": 0.5}, {"step": 9, "examples_seen": 324, "eval_wer": 0.3}],
)
OTHER = record(
    1,
    eval_wer=0.2,
    sample={"training.batch_size": 8, "training.learning_rate": 2e-5, "model.dropout": 0.0},
    config=config(8, 1, 2e-5, dropout=0.0),
    effective_batch_size=8,
    peak_memory_reserved_gib=4.5,
    train_examples_per_s=40.0,
)


def answered(
    folder: Path,
    *trials: TrialRecord,
    wers: Sequence[float] = (),
    children: int = 20,
    seeds: int = 3,
    pretrained: str | None = "openai/whisper-small",
    data: Any = None,
    scored: int | None = None,
    **search: Any,
) -> Answers:
    """The answers of a study of these trials; `wers` are about what further trainings of them came to."""
    folder = folder / "2026-01-01_small_full"
    asked = {"trials": 2, "finalists": 3, "seeds": seeds, **search}
    space = SPACE.model_copy(update={"search": SPACE.search.model_copy(update=asked)})
    baseline = apply_sample(config(pretrained=pretrained), {"evaluation.max_utterances": scored})
    Description(
        baseline_name="small", baseline=baseline, space_name="full", space=space,
        data=data or {}, provenance={"command_line": LINE},
    ).write(folder)  # fmt: skip
    again = [
        replace(one, number=10 + 10 * number + seed, trial_id=f"{one.trial_id}-{seed}", finalist_of=one.trial_id,
                seed=42 + seed)
        for number, one in enumerate(trials[: len(wers)])
        for seed in range(1, seeds)
    ]  # fmt: skip
    for one in [*trials, *again]:
        wer = wers[one.number // 10 - 1] if one.finalist_of else one.eval_wer
        utterances(folder, one.number, wer=wer or 0.0, children=children)
        Ledger(folder).append(one)
    return answers(load_study(folder))


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path) -> None:
    (tmp_path / "2026-01-01_small_full").mkdir()


def test_a_winner_is_told_from_the_weights_as_published_to_its_export(tmp_path: Path) -> None:
    kept = replace(OTHER, checkpoint="ray/trial-0001/step-000100")
    told = answered(tmp_path, BASELINE, kept, wers=[0.3, 0.2])
    assert list(told.rates) == ["as published", "baseline", "best"]
    assert told.chain.startswith("WER as published 0.500 → baseline 0.")
    assert told.helped.startswith("Fine-tuning helped: ")
    assert told.which == "Trial 1: 8 × 1, learning rate 2e-5, dropout 0; the baseline has 12 × 3, 1e-5, 0.1."
    assert told.how_sure.endswith("2 seeds): better.")
    assert told.would_take == ""
    assert told.costs == (
        "4.50 GiB of memory (baseline 6.00, −25 %), 25.0 s to train on 1,000 clips (baseline 20.0, +25 %)."
    )
    assert told.next.words == "Keep 8 × 1: export its weights."
    place = "results/2026-01-01_small_full"
    assert told.next.command == f"python -m raytrain.export {place} --to exported/2026-01-01_small_full"


def test_what_judges_is_what_is_told_not_the_training_that_was_chosen_for_its_luck(tmp_path: Path) -> None:
    told = answered(tmp_path, BASELINE, replace(OTHER, eval_wer=0.05), wers=[0.3, 0.2])
    assert 0.15 < told.rates["best"] < 0.25
    rows = {fact.name: fact.best for fact in facts(load_study(tmp_path / "2026-01-01_small_full"))}
    assert rows["WER, mean of 2 further trainings"] == f"{told.rates['best']:.3f}"
    assert rows["WER"] == "0.050"


def test_fine_tuning_that_makes_it_worse_did_not_help(tmp_path: Path) -> None:
    first = [{"step": 0, "examples_seen": 0, "eval_wer": 0.1}]
    told = answered(tmp_path, replace(BASELINE, history=first), OTHER, wers=[0.3, 0.2])
    assert told.helped == "Fine-tuning did not help: the weights as published err less."


def test_where_the_weights_were_not_scored_nothing_is_claimed_of_them(tmp_path: Path) -> None:
    told = answered(tmp_path, replace(BASELINE, history=[]), OTHER, wers=[0.3, 0.2], pretrained="/runs/one")
    assert list(told.rates) == ["baseline", "best"]
    assert told.helped == "Whether fine-tuning helped is not known: the weights before training were not scored."


def test_a_winner_without_weights_is_to_be_trained(tmp_path: Path) -> None:
    told = answered(tmp_path, BASELINE, OTHER, wers=[0.3, 0.2])
    assert told.next.command == "python -m raytrain.fit --config results/2026-01-01_small_full/best.yaml"


def test_a_tie_keeps_the_baseline_and_says_what_would_tell(tmp_path: Path) -> None:
    kept = replace(BASELINE, checkpoint="ray/trial-0000/step-000100")
    told = answered(tmp_path, kept, replace(OTHER, eval_wer=0.27), wers=[0.3, 0.27])
    assert told.which.startswith("The baseline: 12 × 3, learning rate 1e-5. Trial 1 scored lower, but not surely: 8 ")
    assert told.would_take.startswith("About ")
    assert " would tell a difference of 0.0" in told.would_take
    assert told.costs.startswith("Trial 1: 4.50 GiB")
    assert told.next.words == "Keep 12 × 3: export its weights."
    where = "results/2026-01-01_small_full/ray/trial-0000/step-000100"
    assert told.next.command == f"python -m raytrain.export {where} --to exported/2026-01-01_small_full_baseline"


def test_a_baseline_that_nothing_beats_is_the_answer(tmp_path: Path) -> None:
    told = answered(tmp_path, BASELINE, replace(OTHER, eval_wer=0.4), finalists=0)
    assert told.which == "The baseline: 12 × 3, learning rate 1e-5."
    assert "best" not in told.rates
    assert told.costs == "6.00 GiB of memory, 20.0 s to train on 1,000 clips."
    assert told.next.words == "Keep 12 × 3: train with it."
    assert told.next.command == "python -m raytrain.fit --config results/2026-01-01_small_full/best.yaml"


def test_one_seed_is_asked_anew_with_seeds_in_place_of_its_own(tmp_path: Path) -> None:
    told = answered(tmp_path, BASELINE, OTHER, finalists=0, seeds=1)
    lucky = r"About \d+ children and 3 seeds would tell a difference of 0\.1\d\d, if trainings differ little by luck\."
    assert re.fullmatch(lucky, told.would_take)
    assert told.next.words == "Ask again with 3 further seeds for each finalist."
    assert shlex.split(told.next.command) == [
        *LINE[:5], "--learn-from", "results/2026-01-01_small_full", "search.seed=1", "search.finalists=3",
        "search.seeds=4",
    ]  # fmt: skip


def test_where_only_some_clips_were_scored_all_are_asked_for_first(tmp_path: Path) -> None:
    told = answered(tmp_path, BASELINE, OTHER, finalists=0, seeds=1, scored=16)
    assert told.next.words == "Ask again with all validation clips scored and 3 further seeds for each finalist."
    assert "evaluation.max_utterances=null" in told.next.command.split()


def test_too_few_children_are_asked_for_by_the_share_that_makes_them_enough(tmp_path: Path) -> None:
    data = {"train_children": [f"t{n}" for n in range(36)], "validation_children": [f"v{n}" for n in range(4)]}
    told = answered(tmp_path, BASELINE, OTHER, wers=[0.3, 0.2], children=4, data=data)
    assert "too little data" in told.how_sure
    assert told.next.words.endswith(" validation children.")
    (ratio,) = [part for part in told.next.command.split() if part.startswith("data.validation_ratio=")]
    children = int(told.next.words.split()[-3])
    assert children >= 8
    assert float(ratio.partition("=")[2]) * 40 >= children + 1  # a share is of clips, and children are not all as long


def test_a_study_that_is_not_over_goes_on(tmp_path: Path) -> None:
    told = answered(tmp_path, BASELINE, OTHER, trials=20)
    assert told.next.words == "Go on: 2 of 20 trials have ended."
    assert told.next.command == "python -m raytrain.tune --resume results/2026-01-01_small_full"


def test_missing_trainings_of_finalists_are_named(tmp_path: Path) -> None:
    told = answered(tmp_path, BASELINE, OTHER)
    assert told.next.words == "Go on: 4 trainings of finalists are missing."


def test_a_search_that_came_to_its_finalists_is_over_though_its_space_had_fewer_trials(tmp_path: Path) -> None:
    told = answered(tmp_path, BASELINE, OTHER, wers=[0.3, 0.2], trials=20)
    assert told.next.words == "Keep 8 × 1: train with it."


def test_random_weights_are_replaced(tmp_path: Path) -> None:
    told = answered(tmp_path, BASELINE, OTHER, pretrained=None)
    assert told.helped == "The weights were random at the start: there was nothing to help."
    assert told.would_take == ""
    assert told.next.command.endswith("search.seeds=1 model.pretrained=openai/whisper-small")


def test_a_study_with_nothing_in_it_has_answers(tmp_path: Path) -> None:
    told = answered(tmp_path)
    assert (told.chain, told.costs, told.which) == ("", "", "None: no trial was trained to its end.")
    assert told.next.words == "Go on: 0 of 2 trials have ended."


def test_commands_name_the_folder_as_they_are_asked_to(tmp_path: Path) -> None:
    answered(tmp_path, BASELINE, OTHER, wers=[0.3, 0.2])
    told = answers(load_study(tmp_path / "2026-01-01_small_full"), place="my studies/one")
    assert shlex.split(told.next.command)[-1] == "my studies/one/best.yaml"
