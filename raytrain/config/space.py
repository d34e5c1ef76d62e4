"""What a study varies: baseline keys, their ranges, the objective, the limits and the budget. From search_spaces/."""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from raytrain.config.section import Count, Section

Scalar = bool | int | float | str | None


class Choice(Section):
    """A key drawn from a list of values."""

    values: list[Scalar] = Field(min_length=1)


class Bounds(Section):
    """Lowest and highest value allowed, both included."""

    low: int | float
    high: int | float

    @model_validator(mode="after")
    def _low_is_not_above_high(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low is {self.low} and high is {self.high}: swap them")
        return self


class Range(Bounds):
    """A key drawn from all numbers from low to high, both ends reachable; whole numbers for a key of whole numbers."""

    log: bool = False
    """Draw the logarithm evenly: for learning rates."""
    step: int | float | None = Field(None, gt=0)
    """Only low, low + step and so on to high, which must be among them."""

    @model_validator(mode="after")
    def _a_logarithm_has_no_zero_and_no_steps(self) -> Self:
        if self.log and self.low <= 0:
            raise ValueError("a logarithmic range starts above 0")
        if self.log and self.step is not None:
            raise ValueError("a range is logarithmic or stepped, not both")
        return self


def _form_of(variation: Any) -> str | None:
    """Which of the forms was meant; none where keys of several or of none are given."""
    keys = set(variation) if isinstance(variation, dict) else set(getattr(variation, "model_fields_set", ()))
    forms = {"choice": {"values"}, "range": set(Range.model_fields), "branches": {"full", "adapter"}}
    meant = [form for form, its_keys in forms.items() if keys & its_keys]
    return meant[0] if len(meant) == 1 else None


_ONE_FORM = "must hold either values: [...], or low and high"
Drawn = Annotated[
    Annotated[Choice, Tag("choice")] | Annotated[Range, Tag("range")],
    Discriminator(_form_of, custom_error_type="variation_form", custom_error_message=_ONE_FORM),
]


class ByBranch(Section):
    """A key drawn from one range or list in full fine-tuning and from another where there is an adapter."""

    full: Drawn
    """Where model.adapter.kind is null."""
    adapter: Drawn


Variation = Annotated[
    Annotated[Choice, Tag("choice")] | Annotated[Range, Tag("range")] | Annotated[ByBranch, Tag("branches")],
    Discriminator(
        _form_of,
        custom_error_type="variation_form",
        custom_error_message=f"{_ONE_FORM}, or full and adapter with one of these each",
    ),
]


class Ceiling(Section):
    """The highest value allowed."""

    high: float = Field(ge=0)


class Keep(Section):
    """The limits within which every sample lies, and those that a trial has to keep to be the best."""

    effective_batch_size: Bounds | None = None
    """Bounds on the utterances of one optimizer step; null: none."""
    also: dict[str, Ceiling] = Field({}, max_length=20)
    """Of sets that evaluation.also names the highest error rate that a trial may end with, as a fraction; it may be
    written also.adult: {high: 0.09}, too."""


class Search(Section):
    """How samples are drawn and judged."""

    trials: Count = 20
    """Trials of the search, the baseline among them."""
    sampler: Literal["auto", "gp", "tpe", "random", "nsga2"] = "auto"
    """A Gaussian process that starts from a bowl in rate and effective batch; Optuna's tree-structured Parzen
    estimator; independent draws; or for a Pareto front the genetic NSGA-II. auto: gp, and for a front tpe."""
    seed: int = Field(0, ge=0, lt=2**32)
    """The seed that every sample is drawn by."""
    objective: Literal["wer", "wer_under_memory", "pareto"] = "wer_under_memory"
    """What is sought: the lowest WER; the lowest WER within the memory limit; or, within that limit too, the front of
    trials that no other beats in WER, peak memory and training time at once."""
    memory_limit_gib: float | None = Field(None, gt=0)
    """The peak of memory that a sample may reach; null: no limit beyond the card's."""
    reuse_equivalent: bool = True
    """Whether a sample that splits a trained effective batch otherwise inherits its WER and is only probed for memory
    and speed; false: every sample is trained."""
    learning_rate_scaling: Literal["none", "sqrt", "linear"] = "none"
    """How the learning rate follows the effective batch size, relative to the baseline's."""
    worth_wer: float | None = Field(0.002, gt=0)
    """The search ends by itself when what its remaining trials can be expected to lower the WER by is less; null: never
    before `trials`."""
    finalists: int = Field(3, ge=0)
    """Best trials that are trained again after the search, with the baseline; 0: none."""
    seeds: Count = 3
    """Trainings of each finalist and of the baseline, the search's own among them. 1: none is trained again; it takes 3
    for a verdict on whether the winner is better or was luckier."""
    max_concurrent: Count = 4
    """Trials that run at once, where the hardware has room for them."""
    keep_weights: Count | None = None
    """Best trials whose weights stay in the study, besides the baseline's and the finalists'; null: those of all trials
    that were trained to their end."""
    budget_hours: float | None = Field(None, gt=0, le=100_000)
    """Hours that the study may run, all its starts together: no trial is started that cannot end within them, and the
    finalists' share is set aside first; null: the trials alone are counted."""
    price_per_hour: float | None = Field(None, ge=0)
    """What an hour of the machine costs, in whatever currency; null: no money is told."""
    send_best_checkpoint: bool = False
    """Whether the best trial's weights go to Weights & Biases, too, as an artifact of the study's run."""

    @model_validator(mode="after")
    def _a_sampler_has_the_objectives_it_takes(self) -> Self:
        if self.sampler == "gp" and self.objective == "pareto":
            raise ValueError("sampler gp seeks one number, and a front has three: set sampler to auto, tpe or nsga2")
        if self.sampler == "nsga2" and self.objective != "pareto":
            raise ValueError(
                f"sampler nsga2 ranks trials by several objectives, and the objective is {self.objective}: set "
                "objective to pareto, or sampler to auto"
            )
        return self

    @property
    def sampler_used(self) -> Literal["gp", "tpe", "random", "nsga2"]:
        """The sampler that `auto` stands for, or the one that was named."""
        if self.sampler == "auto":
            return "tpe" if self.is_pareto else "gp"
        return self.sampler

    @property
    def is_pareto(self) -> bool:
        """Whether there are three objectives and not one."""
        return self.objective == "pareto"


class Scheduler(Section):
    """When a trial that does badly is stopped."""

    name: Literal["asha", "none"] = "asha"
    """The rule that stops trials: asynchronous successive halving, or none: every trial is trained to its end."""
    first_rung_examples: Count = 2000
    """Utterances trained on before a trial is first compared."""
    reduction: int = Field(3, ge=2, le=1000)
    """Of the trials at a rung, one in so many goes on; the next rung lies so many times further."""


class Budget(Section):
    """The most one trial may train."""

    examples: Count | None = None
    """Utterances a trial is trained on at most, repeats counted; null: as many as the baseline's run has."""


class SearchSpace(Section):
    """The question of one study: what varies, within which limits, and toward which objective."""

    vary: dict[str, Variation] = Field(min_length=1)
    """The baseline's keys that differ from trial to trial, dotted, and what each is drawn from. Where
    model.adapter.kind takes null (full fine-tuning) beside lora, an adapter's other keys are drawn only with it."""
    keep: Keep = Keep()
    search: Search = Search()
    scheduler: Scheduler = Scheduler()
    budget: Budget = Budget()
