"""What is borrowed of earlier studies: which trials, in which keys, how far trusted; and who is refused."""

import subprocess
import sys
from pathlib import Path

import pytest
from ended_trials import record

from raytrain.config.baseline import Baseline
from raytrain.config.reader import apply_sample, load_baseline
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError
from raytrain.results.description import Data, Description
from raytrain.results.learned import Learned
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome
from raytrain.search.borrowed import Borrowed, borrow, read_borrowed, require_studies, write_borrowed

RATE, DROPOUT = "training.learning_rate", "model.dropout"
SMALL, TINY = load_baseline("small"), load_baseline("tiny")
SPACE = SearchSpace.model_validate({"vary": {RATE: {"low": 1e-6, "high": 1e-4, "log": True}}})


def study(folder: Path, *, baseline: Baseline = SMALL, corpus: str = "one") -> Path:
    """A study of three trials: one completed, one repeated as a finalist, one out of memory."""
    folder.mkdir()
    description = Description(baseline_name="b", baseline=baseline, space=SPACE, data=Data(data_sha256=corpus))
    description.write(folder)
    ledger = Ledger(folder)
    with ledger.held():
        for number, fields in enumerate(
            [
                {"eval_wer": 0.2},
                {"eval_wer": 0.19, "finalist_of": "trial-0000"},
                {"outcome": Outcome.OUT_OF_MEMORY},
                {"outcome": Outcome.DIVERGED},
            ]
        ):
            config = apply_sample(baseline, {RATE: 4 * baseline.training.learning_rate})
            ledger.append(record(number, config, **fields))  # type: ignore[arg-type]
    return folder


def of(folder: Path, *, corpus: str = "one", space: SearchSpace = SPACE) -> Borrowed:
    (found,) = borrow([folder], baseline=SMALL, space=space, data_sha256=corpus)
    return found


def test_what_was_trained_to_its_end_or_diverged_in_the_search_is_borrowed(tmp_path: Path) -> None:
    found = of(study(tmp_path / "earlier"))
    assert [(one.size, one.others, one.objective) for one in found.trials] == [
        (36, {RATE: 4e-5}, 0.2),
        (36, {RATE: 4e-5}, 10.0),
    ]


def test_a_key_that_the_earlier_study_did_not_vary_has_its_baselines_value(tmp_path: Path) -> None:
    more = SearchSpace.model_validate({"vary": {RATE: SPACE.vary[RATE], DROPOUT: {"values": [0.0, 0.1]}}})
    assert of(study(tmp_path / "earlier"), space=more).trials[0].others == {RATE: 4e-5, DROPOUT: SMALL.model.dropout}


def test_another_corpus_and_another_variant_are_trusted_less_and_said(tmp_path: Path) -> None:
    same, corpus = of(study(tmp_path / "a")), of(study(tmp_path / "b"), corpus="other")
    both = of(study(tmp_path / "c", baseline=TINY), corpus="other")
    assert same.trust > corpus.trust > both.trust
    assert (same.discounted_for, both.discounted_for) == ([], ["another corpus", "whisper-tiny"])


def test_of_another_variant_a_rate_counts_by_its_distance_from_that_baselines_own(tmp_path: Path) -> None:
    assert of(study(tmp_path / "c", baseline=TINY)).trials[0].others[RATE] == pytest.approx(
        4 * SMALL.training.learning_rate
    )


def test_where_the_rate_follows_the_batch_what_is_borrowed_is_the_rate_that_would_be_drawn(tmp_path: Path) -> None:
    space = SPACE.model_copy(update={"search": SPACE.search.model_copy(update={"learning_rate_scaling": "linear"})})
    drawn = of(study(tmp_path / "c", baseline=apply_sample(SMALL, {"training.batch_size": 24})), space=space)
    assert drawn.trials[0].size == 72
    assert drawn.trials[0].others[RATE] == pytest.approx(2 * SMALL.training.learning_rate)


def test_a_study_goes_by_what_it_borrowed_as_it_was_written(tmp_path: Path) -> None:
    found = [of(study(tmp_path / "earlier"))]
    write_borrowed(tmp_path, found)
    assert read_borrowed(tmp_path) == found
    assert read_borrowed(tmp_path / "earlier") == []


def test_what_is_no_study_is_left_out_among_others_and_refused_alone(tmp_path: Path) -> None:
    earlier = study(tmp_path / "earlier")
    (tmp_path / "bench").mkdir()
    assert require_studies([tmp_path / "bench", earlier]) == [earlier]
    with pytest.raises(InputError, match=r"bench: holds no study\.json; name the folder of an earlier study"):
        require_studies([tmp_path / "bench"])
    with pytest.raises(InputError, match="nowhere: there is no such folder"):
        require_studies([earlier, tmp_path / "nowhere"])


def test_a_study_without_an_ended_trial_teaches_nothing(tmp_path: Path) -> None:
    Description(baseline_name="b", baseline=SMALL, space=SPACE).write(tmp_path)
    with pytest.raises(InputError, match="no trial of this study has ended"):
        require_studies([tmp_path])


@pytest.mark.parametrize("further", [[], ["search.seed=1"]])
def test_the_door_refuses_a_folder_that_is_no_study_in_one_line(tmp_path: Path, further: list[str]) -> None:
    asked = [sys.executable, "-m", "raytrain.tune", "--dry-run", "--learn-from", str(tmp_path), *further]
    done = subprocess.run(asked, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"--learn-from {tmp_path}: holds no study.json; name the folder of an earlier study"
    ]


def test_the_report_says_of_each_what_became_of_it() -> None:
    told = {"study": "spring", "trials": 20, "discounted_for": ["another corpus", "whisper-tiny"]}
    assert Learned(**told, correlation=0.934).sentence() == (  # type: ignore[arg-type]
        "Of spring (another corpus and whisper-tiny) 20 trials were borrowed: they agree with the trials here, "
        "correlation 0.93, and guided the search."
    )
    assert "they were dropped" in Learned(**told, correlation=None).sentence()  # type: ignore[arg-type]


def test_an_adapter_s_rate_carries_over_by_its_distance_from_that_of_adapters(tmp_path: Path) -> None:
    folder = study(tmp_path / "tiny", baseline=TINY)  # whose rate is 2e-5: adapters are looked for at 2e-4
    config = apply_sample(TINY, {"model.adapter.rank": 8, RATE: 8e-4})
    ledger = Ledger(folder)
    with ledger.held():
        ledger.append(record(4, config, eval_wer=0.15))
    adapted = load_baseline("small", ["model.adapter={}", "training.learning_rate=1e-4"])
    space = SearchSpace.model_validate(
        {"vary": {RATE: {"low": 1e-5, "high": 1e-3}, "model.adapter.rank": {"values": [8, 16]}}}
    )
    (found,) = borrow([folder], baseline=adapted, space=space, data_sha256="one")
    (trial,) = found.trials  # full fine-tuning is not drawn here
    assert trial.others == pytest.approx({RATE: 4e-4, "model.adapter.rank": 8})
    # Where all weights are trained, an adapter's trial says nothing.
    assert [one.others for one in of(folder).trials] == [{RATE: pytest.approx(4e-5)}] * 2
