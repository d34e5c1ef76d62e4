"""Which samples are worth a start, and what part of a card each is given."""

from pathlib import Path
from typing import Any

import pytest
from ended_trials import record

from raytrain.config.baseline import Baseline
from raytrain.config.reader import load_baseline
from raytrain.memory.admission import Admission
from raytrain.memory.footprint import Footprint
from raytrain.results.records import Outcome
from raytrain.speech.corpus import prepare
from raytrain.speech.manifest import manifest_path

SMALL = load_baseline("small")


@pytest.fixture(scope="module")
def footprint(tmp_path_factory: pytest.TempPathFactory) -> Footprint:
    cache: Path = tmp_path_factory.mktemp("cache")
    corpus = prepare(manifest_path("demo"), cache=cache)
    return Footprint([corpus])


def of_batch(size: int) -> Baseline:
    return load_baseline("small", [f"training.batch_size={size}"])


def given(gib: float) -> dict[str, Any]:
    """What a trial had of a card of 24 GiB, or of a smaller one."""
    return {"gpu_fraction": 1.0 if gib in (8, 24) else gib / 24, "gpu_share_gib": gib}


def test_without_a_card_or_a_limit_nothing_is_refused_and_a_trial_has_a_card(footprint: Footprint) -> None:
    free = Admission(footprint, card_gib=None, limit_gib=None)
    assert (free.refusal(of_batch(900)), free.will_fit(of_batch(900)), free.part(SMALL, None)) == (None, True, 1.0)


def test_a_refusal_names_the_prediction_and_what_it_exceeds(footprint: Footprint) -> None:
    huge = of_batch(900)
    predicted = footprint.predict(huge)
    on_a_card = Admission(footprint, card_gib=8.0, limit_gib=None)
    assert on_a_card.refusal(huge) == f"predicted {predicted.predicted_memory_gib:.1f} GiB, the card has 8"
    assert on_a_card.refusal(of_batch(1)) is None
    limited = Admission(footprint, card_gib=None, limit_gib=6.0)
    assert limited.refusal(huge) == f"predicted {predicted.reserved_gib:.1f} GiB, search.memory_limit_gib is 6"


def test_the_smaller_of_card_and_limit_counts(footprint: Footprint) -> None:
    both = Admission(footprint, card_gib=80.0, limit_gib=6.0)
    assert (both.refusal(of_batch(900)) or "").endswith("search.memory_limit_gib is 6")


def test_shares_narrow_once_trials_were_measured(footprint: Footprint) -> None:
    card = Admission(footprint, card_gib=24.0, limit_gib=None)
    before = card.part(SMALL, 24.0)
    predicted = footprint.predict(SMALL)
    fields = {
        "predicted_memory_gib": predicted.predicted_memory_gib,
        "peak_memory_reserved_gib": predicted.reserved_gib * 0.9,
    }
    card.learn([record(0, SMALL, gpu_fraction=before, **fields)])
    assert card.part(SMALL, 24.0) < before < 1


def test_a_trial_that_outgrew_its_share_gives_the_next_a_larger_one_and_forbids_none(footprint: Footprint) -> None:
    card = Admission(footprint, card_gib=24.0, limit_gib=None)
    before = card.part(SMALL, 24.0)
    predicted_gib = footprint.predict(SMALL).predicted_memory_gib
    lost = record(0, SMALL, outcome=Outcome.OUT_OF_MEMORY, **given(before * 24), predicted_memory_gib=predicted_gib)
    card.learn([lost])
    assert card.part(SMALL, 24.0) > before
    assert card.will_fit(SMALL)


def test_a_trial_that_outgrew_the_card_forbids_its_like(footprint: Footprint) -> None:
    card = Admission(footprint, card_gib=24.0, limit_gib=None)
    large = of_batch(64)
    predicted_gib = footprint.predict(large).predicted_memory_gib
    lost = record(0, large, outcome=Outcome.OUT_OF_MEMORY, **given(24), predicted_memory_gib=predicted_gib)
    card.learn([lost])
    assert not card.will_fit(large)
    assert card.will_fit(SMALL)


def test_a_trial_that_outgrew_a_smaller_card_may_have_a_larger_one(footprint: Footprint) -> None:
    cards = Admission(footprint, card_gib=24.0, limit_gib=None)
    predicted_gib = footprint.predict(SMALL).predicted_memory_gib
    lost = record(0, SMALL, outcome=Outcome.OUT_OF_MEMORY, **given(8), predicted_memory_gib=predicted_gib)
    cards.learn([lost])
    assert cards.will_fit(SMALL)
    assert cards.part(SMALL, 24.0) > 8 / 24


def test_the_part_of_a_card_follows_from_its_size(footprint: Footprint) -> None:
    cards = Admission(footprint, card_gib=80.0, limit_gib=None)
    predicted_gib = footprint.predict(SMALL).predicted_memory_gib
    assert cards.part(SMALL, 80.0) == pytest.approx(1.2 * predicted_gib / 80, abs=0.011)
    assert cards.part(SMALL, 2 * predicted_gib) == pytest.approx(0.6, abs=0.011)
    assert cards.part(SMALL, predicted_gib - 0.1) is None
    assert cards.part(SMALL, None) == 1.0


def test_a_card_that_is_to_behave_like_a_smaller_one_is_shared_like_it(footprint: Footprint) -> None:
    cards = Admission(footprint, card_gib=12.0, limit_gib=None)
    capped = load_baseline("small", ["scaling.gpu_memory_gib=12"])
    assert cards.part(capped, 80.0) == cards.part(SMALL, 12.0)


def test_a_part_that_is_said_is_the_same_of_any_card(footprint: Footprint) -> None:
    quarter = load_baseline("small", ["scaling.gpu_fraction=0.25"])
    cards = Admission(footprint, card_gib=80.0, limit_gib=None)
    assert {cards.part(quarter, size_gib) for size_gib in (2.0, 80.0, None)} == {0.25}


def test_several_workers_have_a_card_each(footprint: Footprint) -> None:
    two = load_baseline("small", ["scaling.num_workers=2"])
    cards = Admission(footprint, card_gib=80.0, limit_gib=None)
    assert (cards.part(two, 80.0), cards.part(two, 2.0)) == (1.0, None)
