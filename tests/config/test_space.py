"""A search space is checked against the baseline it varies, when it is read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from raytrain.config.reader import load_baseline, load_space
from raytrain.config.space import Choice, Range

Refused = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "training.batch_size:",
            "training.bath_size:",
            "s.yaml:2: vary.training.bath_size: unknown key; did you mean 'batch_size'?",
        ),
        (
            "training.batch_size:",
            "batch_size:",
            "s.yaml:2: vary.batch_size: unknown key of a baseline; did you mean",
        ),
        (
            "training.batch_size:",
            "training:",
            "s.yaml:2: vary.training: a whole section cannot vary; name its keys, as in training.batch_size",
        ),
        (
            "training.batch_size:",
            "x:",
            "s.yaml:2: vary.x: unknown key of a baseline; write section.key, as in training.batch_size",
        ),
        ("[4, 8, 16]", "[4, x]", "s.yaml:3: vary.training.batch_size.values.1: must be a whole number, got the text"),
        ("[4, 8, 16]", "[4, 0]", "s.yaml:3: vary.training.batch_size.values.1: must be at least 1, got 0"),
        ("[4, 8, 16]", "[4, 8.0]", "s.yaml:3: vary.training.batch_size.values.1: must be a whole number, got 8.0"),
        ("[4, 8, 16]", "[4, true]", "s.yaml:3: vary.training.batch_size.values.1: must be a whole number, got true"),
        ("[4, 8, 16]", "[4, [8]]", "s.yaml:3: vary.training.batch_size.values.1: must be a plain value, got a list"),
        ("[4, 8, 16]", "[4, 8, 4]", "s.yaml:3: vary.training.batch_size.values.2: 4 is listed twice"),
        ("[4, 8, 16]", "[]", "s.yaml:3: vary.training.batch_size.values: must be not empty, got a list"),
        ("[4, 8, 16]", "4", "s.yaml:3: vary.training.batch_size.values: must be a list, got 4"),
        ("values: [4, 8, 16]", "[4, 8]", "s.yaml:2: vary.training.batch_size: must hold either values: [...], or low"),
        ("values: [4, 8, 16]", "valeus: [4]", "s.yaml:2: vary.training.batch_size: must hold either values: [...], or"),
        (
            "values:",
            "low: 1\n    values:",
            "s.yaml:2: vary.training.batch_size: must hold either values: [...], or low",
        ),
        ("values: [4, 8, 16]", "low: 4", "s.yaml:2: vary.training.batch_size.high: missing; it has no default"),
        (
            "values: [4, 8, 16]",
            "low: 4\n    high: 8\n    setp: 2",
            "s.yaml:5: vary.training.batch_size.setp: unknown key; did you mean 'step'?",
        ),
        (
            "values: [4, 8, 16]",
            "low: 8\n    high: 4",
            "s.yaml:2: vary.training.batch_size: low is 8 and high is 4: swap",
        ),
        (
            "values: [4, 8, 16]",
            "low: 1.5\n    high: 4",
            "s.yaml:3: vary.training.batch_size.low: must be a whole number, got 1.5",
        ),
        (
            "values: [4, 8, 16]",
            "low: 0\n    high: 4",
            "s.yaml:3: vary.training.batch_size.low: must be at least 1, got 0",
        ),
        (
            "values: [4, 8, 16]",
            "low: 2\n    high: 8\n    step: 0.5",
            "s.yaml:5: vary.training.batch_size.step: must be a whole number like the key's values, got 0.5",
        ),
        (
            "values: [4, 8, 16]",
            "low: 2\n    high: 9\n    step: 3",
            "s.yaml:5: vary.training.batch_size.step: steps of 3 from 2 do not reach 9; both ends must be reachable",
        ),
        (
            "values: [4, 8, 16]",
            "low: 2\n    high: 8\n    step: 2\n    log: true",
            "s.yaml:2: vary.training.batch_size: a range is logarithmic or stepped, not both",
        ),
        (
            "vary:",
            "vary:\n  model.variant: {low: 1, high: 2}",
            "s.yaml:2: vary.model.variant: a range needs a key of numbers; list its values instead",
        ),
        (
            "vary:",
            "vary:\n  model.dropout: {low: 0, high: 1}",
            "s.yaml:2: vary.model.dropout.high: must be below 1, got 1",
        ),
        (
            "vary:",
            "vary:\n  model.dropout: {low: .nan, high: 0.5}",
            "vary.model.dropout.low: must be a whole number or a finite number, got nan",
        ),
        ("high: 32", "high: 12", "s.yaml:5: keep.effective_batch_size: the baseline's effective batch size, 16, lies"),
        (
            "low: 8\n    high: 32",
            "low: 9\n    high: 15",
            "s.yaml:5: keep.effective_batch_size: no sample lies within 9 to 15: "
            "the effective batch sizes of this space go from 8 to 32",
        ),
        (
            "keep:",
            "scheduler: {first_rung_examples: 300}\nbudget: {examples: 300}\nkeep:",
            "s.yaml:4: scheduler.first_rung_examples: 300 is not below budget.examples, 300: no trial would ever be",
        ),
        ("keep:", "search: {trials: 0}\nkeep:", "s.yaml:4: search.trials: must be at least 1, got 0"),
        (
            "keep:",
            "search: {sampler: grid}\nkeep:",
            "s.yaml:4: search.sampler: must be 'auto', 'gp', 'tpe', 'random' or 'nsga2', got the",
        ),
        (
            "keep:",
            "search: {sampler: nsga2}\nkeep:",
            "s.yaml:4: search: sampler nsga2 ranks trials by several objectives, and the objective is wer_under_memory",
        ),
        (
            "vary:\n  training.batch_size:\n    values: [4, 8, 16]",
            "vary: {}",
            "s.yaml:1: vary: must be not empty, got a section of keys",
        ),
        (
            "vary:\n  training.batch_size:\n    values: [4, 8, 16]",
            "vary:",
            "s.yaml:1: vary: must be a section of keys, got null",
        ),
    ],
)
def test_each_fault_is_told_with_its_place_and_the_way_out(
    refused_space: Refused, good_space: str, old: str, new: str, line: str
) -> None:
    lines = refused_space(good_space.replace(old, new, 1))
    assert [told for told in lines if line in told], lines


def test_all_faults_are_told_at_once_names_of_keys_among_them(refused_space: Refused, good_space: str) -> None:
    text = good_space.replace("values: [4, 8, 16]", "values: [x]\n  training.bath_size:\n    values: [1]")
    assert refused_space(text, "search.trails=3", "vary.model.dropout.low=0.5", "budget.examples=many") == [
        "s.yaml:1: vary.model.dropout.high: missing; it has no default",
        "s.yaml:3: vary.training.batch_size.values.0: must be a whole number, got the text 'x'",
        "s.yaml:4: vary.training.bath_size: unknown key; did you mean 'batch_size'?",
        "override search.trails=3: unknown key; did you mean 'trials'?",
        "override budget.examples=many: must be a whole number, got the text 'many'",
    ]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("vary.training.batch_size=8", "must hold either values: [...], or low and high"),
        ("vary.training.batch_size.values=[0]", "vary.training.batch_size.values.0: must be at least 1, got 0"),
        ("vary.training.batch_size.vals=[1]", "unknown key; did you mean 'values'?"),
        ("vary.training.batch_size.values.0=1", "vary.training.batch_size.values is a value, not a section"),
        ("vary.training.lerning_rate={values: [1e-5]}", "unknown key; did you mean 'learning_rate'?"),
        ("vary.training.dropout={values: [0]}", "unknown key of a baseline; did you mean 'model.dropout'?"),
        ("vary.trainin.batch_sise={values: [1]}", "unknown key of a baseline; did you mean 'training.batch_size'?"),
        ("vary.training={batch_size: {values: [1]}}", "a whole section cannot vary; name its keys"),
        ("keep.effective_batch_size={low: 17, high: 40}", "the baseline's effective batch size, 16, lies outside 17"),
        ("keep.effective={low: 17}", "unknown key; did you mean 'effective_batch_size'?"),
    ],
)
def test_an_override_that_is_wrong_is_named(refused_space: Refused, good_space: str, override: str, line: str) -> None:
    (told,) = refused_space(good_space, override)
    assert told.startswith(f"override {override}: {line}")


@pytest.mark.usefixtures("folder")
def test_an_override_adds_replaces_and_refines_what_varies() -> None:
    overrides = [
        "vary.training.learning_rate={low: 1e-6, high: 1e-4, log: true}",
        "vary.training.learning_rate.high=1e-3",
        "vary.training.batch_size={low: 1, high: 8}",
    ]
    space = load_space("s.yaml", overrides, baseline=load_baseline("b.yaml"))
    assert space.vary["training.learning_rate"] == Range(low=1e-6, high=1e-3, log=True)
    assert space.vary["training.batch_size"] == Range(low=1, high=8)


@pytest.mark.usefixtures("folder")
def test_what_varies_comes_out_in_the_type_of_its_key() -> None:
    overrides = [
        "vary.training.weight_decay={low: 0, high: 1, step: 1}",
        "vary.training.learning_rate={values: [1, 2]}",
        "vary.model.freeze_encoder={values: [false, true]}",
        "vary.training.spec_augment={values: [null, basic]}",
    ]
    vary = load_space("s.yaml", overrides, baseline=load_baseline("b.yaml")).vary
    assert repr(vary["training.weight_decay"]) == "Range(low=0.0, high=1.0, log=False, step=1.0)"
    assert repr(vary["training.learning_rate"]) == "Choice(values=[1.0, 2.0])"
    assert vary["model.freeze_encoder"] == Choice(values=[False, True])
    assert vary["training.spec_augment"] == Choice(values=[None, "basic"])


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "override",
    [
        "vary.training.batch_size={values: [2, 4]}",  # trial 0 is the baseline, wherever its values lie
        "vary.model.dropout={low: 0, high: 0.3, step: 0.1}",  # 0.3 / 0.1 is 2.9999999999999996
        "vary.training.batch_size={low: 8, high: 8}",
        "vary.scaling.num_workers={values: [1, 2, 4]}",
        "scheduler={name: none, first_rung_examples: 300}",
        "keep.effective_batch_size=null",
    ],
)
def test_what_can_work_out_is_accepted(override: str) -> None:
    assert load_space("s.yaml", [override, "budget.examples=2001"], baseline=load_baseline("b.yaml"))


def splits(batch: int, accumulation: str, window: str) -> list[str]:
    """Overrides that vary the micro-batch from 1 on, and the accumulation."""
    return [
        f"vary.training.batch_size={{low: 1, high: {batch}}}",
        f"vary.training.gradient_accumulation_steps={accumulation}",
        f"keep.effective_batch_size={window}",
    ]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("batch", "accumulation", "window"),
    [
        (50, "{low: 1, high: 80}", "null"),
        (4000, "{low: 1, high: 1000000}", "{low: 16, high: 16}"),  # the last factor is never walked
        (1000, "{values: [2]}", f"{{low: 1, high: {10**400}}}"),
    ],
)
def test_four_thousand_splits_are_taken(batch: int, accumulation: str, window: str) -> None:
    assert load_space("s.yaml", splits(batch, accumulation, window), baseline=load_baseline("b.yaml"))


@pytest.mark.parametrize(
    ("batch", "accumulation", "window"),
    [
        (50, "{low: 1, high: 81}", "null"),
        (1_000_000, "{low: 1, high: 1000000}", "{low: 16, high: 16}"),
        (400, "{low: 1, high: 1000000}", "{low: 16, high: 4000}"),
    ],
)
def test_more_splits_than_a_proposal_can_go_through_are_refused(
    refused_space: Refused, good_space: str, batch: int, accumulation: str, window: str
) -> None:
    asked = splits(batch, accumulation, window)
    assert ": more than 4000 ways to split the effective batch; list" in refused_space(good_space, *asked)[0]


def test_more_steps_than_anybody_lists_are_refused(refused_space: Refused, good_space: str) -> None:
    (told,) = refused_space(good_space, "vary.model.dropout={low: 0, high: 0.5, step: 0.000005}")
    assert "vary.model.dropout.step: 100000 steps are too many; leave it out, or make it larger" in told


@pytest.mark.parametrize("ends", ["{low: 1, high: 20, step: %s}", "{low: 1, high: 1e400, step: %s}"])
def test_a_step_of_more_digits_than_a_float_has_is_refused(refused_space: Refused, good_space: str, ends: str) -> None:
    told = refused_space(good_space, f"vary.training.gradient_accumulation_steps={ends % ('7' * 400)}")
    assert told


def test_languages_that_are_judged_by_different_rates_are_no_rivals(
    refused_space: Refused, good_space: str, good_baseline: str
) -> None:
    Path("b.yaml").write_text(good_baseline.replace("whisper-tiny.en", "whisper-tiny"))
    (told,) = refused_space(good_space, "vary.model.language={values: [en, zh]}")
    assert "model.language={values: [en, zh]}: is judged by two rates, en by WER and zh by CER; make a study" in told


def test_workers_count_in_the_window(refused_space: Refused, good_space: str) -> None:
    (told,) = refused_space(
        good_space, "keep.effective_batch_size={low: 16, high: 20}", "vary.scaling.num_workers={values: [3, 5]}"
    )
    assert "no sample lies within 16 to 20: the effective batch sizes of this space go from 24 to 160" in told
