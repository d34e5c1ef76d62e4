"""Which values mattered, worked out from the ledger alone."""

from pathlib import Path

import pytest
from making import config, record
from studies import SPACE, made_study

from raytrain.files import read_value
from raytrain.report.write import write_report
from raytrain.results.description import Description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome
from raytrain.search.importance import write_importance


def ledger_of(folder: Path, rates: list[float]) -> Path:
    """Trials whose WER follows the learning rate and nothing else."""
    Description(baseline_name="small", baseline=config(), space_name="full", space=SPACE).write(folder)
    ledger = Ledger(folder)
    for number, rate in enumerate(rates):
        batch = [2, 4, 8, 12, 16, 24][number % 6]
        sample = {} if number == 0 else {"training.batch_size": batch, "training.learning_rate": rate}
        ledger.append(record(number, config=config(batch, 3, rate), sample=sample, eval_wer=0.1 + 1e3 * rate))
    return folder


def test_the_value_that_decides_has_the_largest_share(tmp_path: Path) -> None:
    shares = write_importance(ledger_of(tmp_path, [2e-6 * (1 + number) for number in range(24)]))
    assert max(shares, key=lambda key: shares[key]) == "training.learning_rate"
    assert sum(shares.values()) == pytest.approx(1, abs=0.001)
    write_report(tmp_path)
    assert "What mattered" in (tmp_path / "report.html").read_text()


def test_it_is_the_same_when_worked_out_twice(tmp_path: Path) -> None:
    folder = made_study(tmp_path, trials=30)
    assert write_importance(folder) == write_importance(folder)


def test_few_trials_have_no_importance_and_an_old_file_goes(tmp_path: Path) -> None:
    folder = ledger_of(tmp_path, [1e-6, 1e-5])
    (folder / "importance.json").write_text("{}")
    assert write_importance(folder) == {}
    assert not (folder / "importance.json").exists()


def test_a_baseline_outside_the_space_is_no_fault(tmp_path: Path) -> None:
    assert write_importance(ledger_of(tmp_path, [1e-3, *(2e-6 * (1 + number) for number in range(12))]))


def test_a_key_that_was_tried_at_two_values_has_a_share_and_one_that_never_changed_has_none(tmp_path: Path) -> None:
    folder = ledger_of(tmp_path, [2e-6, 8e-5] * 8)
    shares = write_importance(folder)
    assert sorted(shares) == ["training.batch_size", "training.learning_rate"]
    assert read_value(folder / "importance.json") == shares
    assert all(share == round(share, 4) for share in shares.values())


def test_neither_repeats_nor_copies_nor_what_was_stopped_is_counted(tmp_path: Path) -> None:
    folder = ledger_of(tmp_path, [2e-6 * (1 + number) for number in range(12)])
    shares = write_importance(folder)
    other = {"config": config(2, 3, 9e-5), "eval_wer": 0.9}
    for number, lost in enumerate(
        [{"finalist_of": "t001"}, {"inherited_from": "t001"}, {"outcome": Outcome.PRUNED}, {"eval_wer": None}], 12
    ):
        Ledger(folder).append(record(number, **other | lost))
    assert write_importance(folder) == shares
