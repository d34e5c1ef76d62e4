"""A run that is asked to stop, wherever it stands, and the run that goes on with it: together one that never was."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from small_runs import small_config

from raytrain.config.baseline import Baseline
from raytrain.results.records import Row
from raytrain.speech.corpus import Corpus
from raytrain.speech.split import split_by_child
from raytrain.training.session import Session

MEASURED = ("train_examples_per_s", "data_wait_share", "peak_memory_resident_gib", "eval_s")
Asked = Callable[[], bool]


class Run:
    """One session with what it reported."""

    def __init__(self, config: Baseline, corpus: Corpus, workdir: Path, *, asked: Asked, **more: Any) -> None:
        self.rows: list[Row] = []
        self.kept: list[Path] = []
        split = split_by_child(corpus, ratio=0.25, seed=0, stratify=False)
        self.ended = Session(
            config, corpus=corpus, split=split, report=self.report, workdir=workdir, device="cpu",
            is_asked_to_stop=asked, **more,
        ).run()  # fmt: skip

    def report(self, row: Row, checkpoint: Path | None) -> None:
        self.rows.append(row)
        self.kept += [checkpoint] if checkpoint is not None else []

    def history(self) -> list[dict[str, Any]]:
        return [{key: entry[key] for key in entry if key not in MEASURED} for entry in self.rows[-1].history]


@pytest.fixture
def config(small_weights: Path) -> Baseline:
    """5 steps, scored at 2, 4 and 5, two batches each time."""
    return small_config(
        8,
        2,
        model={"pretrained": str(small_weights), "gradient_checkpointing": False},
        audio={"step_s": 0.1, "margin_s": 0.3},
        evaluation={"every_steps": 2, "max_utterances": 5, "batch_size": 4},
    )


@pytest.fixture
def straight(config: Baseline, tones: Corpus, tmp_path: Path) -> Run:
    return Run(config, tones, tmp_path / "straight", asked=lambda: False)


def at(number: int) -> Asked:
    """Asked to stop from this question on."""
    left = iter([False] * number)
    return lambda: next(left, True)


@pytest.mark.parametrize("question", [1, 5, 8, 11])
def test_a_run_stopped_anywhere_and_resumed_is_bit_equal_to_one_never_stopped(
    question: int, config: Baseline, tones: Corpus, straight: Run, tmp_path: Path
) -> None:
    stopped = Run(config, tones, tmp_path / "stopped", asked=at(question))
    resumed = Run(
        config, tones, tmp_path / "resumed", asked=lambda: False, resume_from=next(iter(stopped.kept[-1:]), None)
    )
    assert (stopped.ended, resumed.ended) == (False, True)
    ours, theirs = (load_file(run.kept[-1] / "model.safetensors") for run in (resumed, straight))
    assert all((ours[name] == theirs[name]).all() for name in theirs)
    assert resumed.history() == straight.history()


def test_no_step_is_lost_where_a_run_is_asked_between_two_evaluations(
    config: Baseline, tones: Corpus, tmp_path: Path
) -> None:
    seen: list[str] = []
    stopped = Run(
        config, tones, tmp_path, asked=lambda: seen.count("training") == 3, watch=lambda phase, *_: seen.append(phase)
    )
    assert [path.name for path in stopped.kept] == ["step-000003-unscored"]
    assert (stopped.rows[-1].step, stopped.rows[-1].eval_wer) == (3, None)


def test_what_was_stopped_in_the_midst_of_its_scoring_is_scored_first_when_it_goes_on(
    config: Baseline, tones: Corpus, tmp_path: Path
) -> None:
    phases: list[str] = []
    stopped = Run(
        config, tones, tmp_path / "stopped", asked=lambda: phases[-2:] == ["training", "scoring"],
        watch=lambda phase, *_: phases.append(phase) if phases[-1:] != [phase] else None,
    )  # fmt: skip
    assert [path.name for path in stopped.kept] == ["step-000002-unscored"]
    resumed = Run(config, tones, tmp_path / "resumed", asked=lambda: False, resume_from=stopped.kept[0])
    assert resumed.rows[0].step == 2
    assert resumed.rows[0].eval_wer is not None


@pytest.mark.parametrize("step", [1, 3])
def test_a_run_that_saves_as_time_passes_is_bit_equal_and_so_is_one_that_goes_on_from_there(
    step: int, config: Baseline, tones: Corpus, straight: Run, tmp_path: Path
) -> None:
    training = config.training.model_copy(update={"save_every_minutes": 1e-9})
    saves = Run(config.model_copy(update={"training": training}), tones, tmp_path / "saves", asked=lambda: False)
    between = {path.name: path for path in saves.kept if path.name.endswith("-unscored")}
    assert list(between) == ["step-000001-unscored", "step-000003-unscored"]  # 2, 4 and 5 are scored
    resumed = Run(
        config, tones, tmp_path / "resumed", asked=lambda: False, resume_from=between[f"step-{step:06}-unscored"]
    )
    theirs = load_file(straight.kept[-1] / "model.safetensors")
    for run in (saves, resumed):
        ours = load_file(run.kept[-1] / "model.safetensors")
        assert all((ours[name] == theirs[name]).all() for name in theirs)
        assert run.history() == straight.history()


def test_a_run_whose_time_has_not_come_saves_nothing_between(straight: Run) -> None:
    assert [path.name for path in straight.kept] == ["step-000005"]
