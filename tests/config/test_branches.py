"""Keys below an adapter that may be missing, and spaces that choose between full and adapter fine-tuning."""

from collections.abc import Callable
from typing import Any

import pytest

from raytrain.config.adapter import Adapter
from raytrain.config.branches import branches_drawn, drawn_of, of_branch
from raytrain.config.dump import dump_yaml
from raytrain.config.reader import apply_sample, load_baseline, load_space
from raytrain.config.space import ByBranch, Choice, Range, SearchSpace
from raytrain.errors import InputError

RATE, KIND, RANK = "training.learning_rate", "model.adapter.kind", "model.adapter.rank"
SMALL = load_baseline("small")
ADAPTED = load_baseline("small", ["model.adapter={rank: 8, alpha: 8}"])


@pytest.mark.parametrize(
    ("overrides", "adapter"),
    [
        (["model.adapter.rank=8"], Adapter(rank=8)),
        (["model.adapter={rank: 8}"], Adapter(rank=8)),
        (["model.adapter={rank: 8}", "model.adapter.alpha=4"], Adapter(rank=8, alpha=4)),
        (["model={adapter: {rank: 8, targets: all}}"], Adapter(rank=8, targets="all")),
        (["model.adapter={}"], Adapter()),
        (["model.adapter.kind=lora"], Adapter()),
        (["model.adapter=null"], None),
        (["model.adapter.kind=null"], None),
    ],
)
def test_a_key_below_a_missing_adapter_brings_it_with_defaults_for_the_rest(
    overrides: list[str], adapter: Adapter | None
) -> None:
    assert load_baseline("small", overrides).model.adapter == adapter


@pytest.mark.parametrize(
    ("overrides", "adapter"),
    [
        (["model.adapter.rank=4"], Adapter(rank=4, alpha=8)),
        (["model.adapter={dora: true}"], Adapter(rank=8, alpha=8, dora=True)),
        (["model.adapter=null"], None),
        (["model.adapter.kind=null"], None),
    ],
)
def test_of_an_adapter_that_is_there_only_what_is_named_changes(
    overrides: list[str], adapter: Adapter | None, folder: Any
) -> None:
    (folder / "adapted.yaml").write_text(dump_yaml(ADAPTED))
    assert load_baseline("adapted.yaml", overrides).model.adapter == adapter


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (["model.adapter.rank=0"], "override model.adapter.rank=0: must be at least 1, got 0"),
        (["model.adapter.rnak=8"], "override model.adapter.rnak=8: unknown key; did you mean 'rank'?"),
        (["model.adapter=8"], "override model.adapter=8: must be a section of keys, got 8"),
        (["model.adapter.rank.x=8"], "override model.adapter.rank.x=8: model.adapter.rank is a value, not a section"),
        (["model.adapter.targets=atention"], "must be 'attention' or 'all', got the text 'atention'; did you mean"),
        (
            ["model.adapter.kind=null", "model.adapter.rank=8"],
            "override model.adapter.rank=8: contradicts override model.adapter.kind=null; leave one of the two out",
        ),
        (
            ["model.adapter.rank=8", "model.adapter=null"],
            "override model.adapter=null: contradicts override model.adapter.rank=8; leave one of the two out",
        ),
        (["model.adapter={kind: null, rank: 8}"], "contradicts override model.adapter={kind: null, rank: 8}"),
        (
            ["model.adapter.rank=8", "model.freeze_encoder=true"],
            "with override model.adapter.rank=8 and override model.freeze_encoder=true: model: freeze_encoder and an",
        ),
        (["model.base_precision=bf16"], "base_precision bf16 is for frozen weights, and without an adapter they train"),
    ],
)
def test_what_is_wrong_below_an_adapter_is_told_with_its_place_and_the_way_out(overrides: list[str], line: str) -> None:
    with pytest.raises(InputError) as caught:
        load_baseline("small", overrides)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("is_from_space", [False, True])
@pytest.mark.parametrize("baseline", [SMALL, ADAPTED], ids=["full", "adapter"])
def test_a_sample_says_whether_there_is_an_adapter(baseline: Any, is_from_space: bool) -> None:
    def sampled(**values: Any) -> Adapter | None:
        dotted = {f"model.adapter.{key}": value for key, value in values.items()}
        return apply_sample(baseline, dotted, is_from_space=is_from_space).model.adapter

    before = baseline.model.adapter or Adapter()
    assert sampled(kind=None) is None
    assert sampled(kind="lora") == before
    assert sampled(kind="lora", rank=2) == sampled(rank=2) == before.model_copy(update={"rank": 2})
    with pytest.raises(InputError, match=r"contradicts sample model\.adapter\.kind"):
        sampled(kind=None, rank=2)


def test_the_value_of_a_key_that_is_not_there_is_none() -> None:
    assert (SMALL.value_at(RANK), ADAPTED.value_at(RANK)) == (None, 8)
    with pytest.raises(AttributeError):
        SMALL.value_at("model.adaptor.rank")


def test_the_shipped_choice_is_read_with_the_types_of_its_keys() -> None:
    vary = load_space("full-or-adapter", baseline=SMALL).vary
    assert vary[KIND] == Choice(values=[None, "lora"])
    rates = vary[RATE]
    assert isinstance(rates, ByBranch)
    assert (rates.full, rates.adapter) == (Range(low=3e-6, high=1e-4, log=True), Range(low=1e-5, high=1e-3, log=True))


@pytest.mark.parametrize("baseline", [SMALL, ADAPTED], ids=["full", "adapter"])
def test_both_shipped_spaces_take_a_baseline_with_an_adapter_and_one_without(baseline: Any) -> None:
    assert branches_drawn(load_space("full-or-adapter", baseline=baseline).vary, baseline) == ["full", "adapter"]
    assert branches_drawn(load_space("adapters", baseline=baseline).vary, baseline) == ["adapter"]


def test_a_fixed_adapter_s_keys_vary_with_one_range_and_no_branches() -> None:
    only = ["vary={model.adapter.rank: {values: [4, 8]}, training.learning_rate: {low: 1e-5, high: 1e-3}}"]
    space = load_space("adapters", only, baseline=ADAPTED)
    assert branches_drawn(space.vary, ADAPTED) == ["adapter"]


def test_a_branch_of_a_space_is_a_space_of_its_own() -> None:
    space = load_space("full-or-adapter", baseline=SMALL)
    full, adapter = of_branch(space, "full").vary, of_branch(space, "adapter").vary
    assert full == {KIND: Choice(values=[None]), RATE: drawn_of(RATE, space.vary[RATE], "full")}
    assert adapter.keys() == space.vary.keys()
    assert adapter[KIND] == Choice(values=["lora"])


def test_a_space_that_was_written_down_is_the_same_again() -> None:
    space = load_space("full-or-adapter", baseline=SMALL)
    assert SearchSpace.model_validate(space.model_dump()) == space


FULL = "training.learning_rate: {full: {values: [1e-5]}, adapter: {values: [1e-4]}}"


@pytest.mark.parametrize(
    ("baseline", "overrides", "line"),
    [
        (
            [],
            ["vary={model.adapter.rank: {values: [4]}}"],
            "vary.model.adapter.rank: no sample has an adapter: the baseline has none; add model.adapter.kind: "
            "{values: [null, lora]} to vary, or give the baseline one with model.adapter={}",
        ),
        (
            [],
            ["vary={model.adapter.kind: {values: [null]}, model.adapter.rank: {values: [4]}}"],
            "vary.model.adapter.rank: no sample has an adapter: model.adapter.kind takes null alone; add",
        ),
        (
            [],
            ["vary.training.learning_rate={low: 1e-6, high: 1e-3, log: true}"],
            "is one range for both, and rates that fit full and adapter fine-tuning differ tenfold: write full: {low:",
        ),
        (
            [],
            ["vary={model.adapter.kind: {values: [null, lora]}}"],
            "differ tenfold, and all samples would have the baseline's 1e-05; vary training.learning_rate, too: write",
        ),
        (
            [],
            ["vary={model.adapter.kind: {values: [lora]}}"],
            "vary training.learning_rate, too: with the range that fits an adapter",
        ),
        (
            ["model.adapter={}"],
            ["vary={model.adapter.kind: {values: [null]}}"],
            "vary training.learning_rate, too: with the range that fits full fine-tuning",
        ),
        (
            ["model.adapter={}"],
            [f"vary={{{FULL}}}"],
            "only adapter fine-tuning is drawn here: give its range alone, or choose by model.adapter.kind: {values:",
        ),
        (
            [],
            ["vary.training.learning_rate.full={low: 1e-4, high: 1e-5}"],
            "override vary.training.learning_rate.full={low: 1e-4, high: 1e-5}: low is 0.0001 and high is 1e-05: swap",
        ),
        (
            [],
            ["vary.training.learning_rate.full.hihg=1"],
            "override vary.training.learning_rate.full.hihg=1: unknown key; did you mean 'high'?",
        ),
        (
            [],
            ["vary.training.learning_rate={full: {values: [1e-5]}}"],
            "vary.training.learning_rate.adapter: missing; it has no default",
        ),
        (
            [],
            ["vary.training.learning_rate={full: {values: [1e-5]}, adapter: {values: [-1]}}"],
            "vary.training.learning_rate.adapter.values.0: must be above 0, got -1",
        ),
        (
            [],
            ["vary.training.learning_rate={full: {values: [1e-5]}, low: 3}"],
            "must hold either values: [...], or low and high, or full and adapter with one of these each",
        ),
        (
            [],
            ["vary.model.adapter.rank={full: {values: [3]}, adapter: {values: [4]}}"],
            "is there only where there is an adapter: give one range or list, not full and adapter",
        ),
        (
            [],
            ["vary.training.batch_size={full: {values: [3]}, adapter: {values: [4]}}"],
            "makes the effective batch, which is drawn alike in both: give one range or list",
        ),
        (
            [],
            ["vary.model.adapter.kind={full: {values: [null]}, adapter: {values: [lora]}}"],
            "says itself which of the two a sample is: list its values, as in values: [null, lora]",
        ),
        ([], ["vary.model.adapter.kind={low: 1, high: 2}"], "a range needs a key of numbers; list its values instead"),
        (
            [],
            ["vary.model.adapter.kind={values: [null, loar]}"],
            "vary.model.adapter.kind.values.1: must be 'lora', got the text 'loar'; did you mean 'lora'?",
        ),
        (
            [],
            ["vary.model.adapter={values: [null, lora]}"],
            "a whole section cannot vary; name its keys, as in model.adapter.kind",
        ),
        ([], ["vary.model.adapter.rnak={values: [3]}"], "unknown key; did you mean 'rank'?"),
        ([], ["vary.model.adapter.rank.valeus=[3]"], "unknown key; did you mean 'values'?"),
        ([], ["vary.adapter.rank={values: [4]}"], "unknown key of a baseline; did you mean 'model.adapter.rank'?"),
        (
            [],
            ["vary.model.freeze_encoder={values: [false, true]}"],
            "with model.adapter.kind lora, model.freeze_encoder true: freeze_encoder and an adapter in both exclude",
        ),
        (
            ["model.adapter={}", "model.base_precision=bf16"],
            [],
            "full-or-adapter.yaml:5: vary.model.adapter.kind: base_precision bf16 is for frozen weights",
        ),
        (
            [],
            ["vary.model.base_precision={values: [bf16, fp32]}"],
            "vary.model.base_precision.values.0: base_precision bf16 is for frozen weights",
        ),
    ],
)
def test_what_cannot_work_out_in_either_branch_is_refused_in_one_line(
    baseline: list[str], overrides: list[str], line: str
) -> None:
    with pytest.raises(InputError) as caught:
        load_space("full-or-adapter", overrides, baseline=load_baseline("small", baseline))
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("baseline", "override"),
    [
        ([], "vary.model.freeze_encoder={full: {values: [false, true]}, adapter: {values: [false]}}"),
        (["model.freeze_encoder=true"], "vary.model.adapter.where={values: [decoder]}"),
        (
            ["model.adapter={}", "model.base_precision=bf16"],
            "vary.model.base_precision={full: {values: [fp32]}, adapter: {values: [bf16, fp32]}}",
        ),
    ],
)
def test_what_only_one_branch_takes_is_drawn_there_alone(baseline: list[str], override: str) -> None:
    told = load_space("full-or-adapter", [override], baseline=load_baseline("small", baseline))
    assert branches_drawn(told.vary, load_baseline("small", baseline)) == ["full", "adapter"]


def test_a_refused_space_names_its_own_file(refused_space: Callable[..., list[str]]) -> None:
    assert refused_space("vary:\n  model.adapter.rank: {values: [4]}\n") == [
        "s.yaml:2: vary.model.adapter.rank: no sample has an adapter: the baseline has none; add model.adapter.kind: "
        "{values: [null, lora]} to vary, or give the baseline one with model.adapter={}"
    ]
