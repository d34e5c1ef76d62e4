"""Numbers, settings and counts as a reader likes them."""

from making import config, record

from raytrain.config.adapter import Adapter
from raytrain.results.word_errors import WordErrors
from raytrain.results.wording import (
    NOTHING,
    duration_text,
    key_name,
    number_text,
    short,
    trained_text,
    trial_title,
    value_text,
)


def test_a_trial_is_named_by_its_number_and_configuration() -> None:
    assert trial_title(record(3, sample={"model.dropout": 0.1})) == "trial 3: batch 12 × 3, lr 1e-5, dropout 0.1"


def test_what_a_trial_trained_is_told_in_a_word_where_that_was_sampled() -> None:
    full = record(3, sample={"model.adapter.kind": None})
    adapter = Adapter(rank=8, targets="all", where="decoder")
    sample = {"model.adapter.kind": "lora", "model.adapter.rank": 8, "model.adapter.alpha": 16.0}
    adapted = record(4, sample=sample, config=config(adapter=adapter.model_dump()))
    assert trial_title(full) == "trial 3: batch 12 × 3, lr 1e-5, full"
    assert trial_title(adapted) == "trial 4: batch 12 × 3, lr 1e-5, lora 8, all, decoder, adapter alpha 16"
    assert trained_text(config(adapter={"dora": True})) == "dora 16, attention"


def test_where_there_is_no_number_there_is_a_dash() -> None:
    assert (number_text(0.12345, 3), number_text(0.0, 1), number_text(None, 1)) == ("0.123", "0.0", NOTHING)


def test_a_number_is_short_and_exact_enough_at_every_size() -> None:
    values = [0.0, 0.001, 0.00099, -0.00099, 999.4, 1000.0, 123456.0, 999_999.0, 1e6, 2.5e-7]
    assert [short(value) for value in values] == [
        "0", "0.001", "9.9e-4", "-9.9e-4", "999", "1000", "123456", "999999", "1e6", "2.5e-7",
    ]  # fmt: skip


def test_a_setting_reads_as_in_its_file() -> None:
    values = [None, True, False, 0.5, 12, "basic"]
    assert [value_text(value) for value in values] == ["null", "true", "false", "0.5", "12", "basic"]


def test_a_key_is_named_in_words() -> None:
    keys = [
        "training.batch_size",
        "training.gradient_accumulation_steps",
        "seed",
        "model.adapter.rank",
        "model.adapter.kind",
    ]
    assert [key_name(key) for key in keys] == ["batch size", "accumulation", "seed", "adapter rank", "adapter"]


def test_a_duration_is_in_the_unit_that_suits_it() -> None:
    durations = [0.4, 119, 120, 7199, 7200, 9000]
    assert [duration_text(seconds) for seconds in durations] == ["0 s", "119 s", "2 min", "120 min", "2.0 h", "2.5 h"]


def test_the_sum_of_two_corpora_has_the_wer_of_both() -> None:
    one, other = WordErrors(1, 2, 3, 7), WordErrors(10, 20, 30, 70)
    assert one + other == WordErrors.total([one, other]) == WordErrors(11, 22, 33, 77)
    assert ((one + other).edits, (one + other).reference_words, (one + other).wer) == (66, 110, 0.6)
    assert WordErrors.total([]) == WordErrors()


def test_without_a_reference_every_inserted_word_is_an_error() -> None:
    assert (WordErrors(insertions=3).wer, WordErrors().wer) == (3.0, 0.0)


def test_counts_are_written_by_name() -> None:
    assert WordErrors(1, 2, 3, 7).as_dict() == {"substitutions": 1, "deletions": 2, "insertions": 3, "hits": 7}
