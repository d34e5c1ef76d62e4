"""What a study varies: baseline keys, their ranges, the objective, the limits and the budget. From search_spaces/."""

from typing import Literal, Self

from pydantic import Field, model_validator

from raytrain.config.baseline import Section

Scalar = bool | int | float | str | None


class Choice(Section):
    """One of these values."""

    values: list[Scalar] = Field(min_length=1)


class Range(Section):
    """Any number from low to high, both ends reachable; whole numbers where both ends are whole."""

    low: int | float
    high: int | float
    log: bool = False
    """Draw the logarithm evenly: for learning rates."""
    step: int | float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _low_is_not_above_high(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low is {self.low} and high is {self.high}: swap them")
        if self.log and self.low <= 0:
            raise ValueError("a logarithmic range starts above 0")
        if self.log and self.step is not None:
            raise ValueError("a range is logarithmic or stepped, not both")
        return self


class Bounds(Section):
    """Lowest and highest value allowed, both included."""

    low: int | float
    high: int | float

    @model_validator(mode="after")
    def _low_is_not_above_high(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low is {self.low} and high is {self.high}: swap them")
        return self


class Keep(Section):
    """What no sample may leave."""

    effective_batch_size: Bounds | None = None


class Search(Section):
    """How samples are drawn and judged."""

    trials: int = Field(20, ge=1)
    """Trials of the whole study, the baseline among them."""
    sampler: Literal["tpe", "random"] = "tpe"
    seed: int = Field(0, ge=0, lt=2**32)
    objective: Literal["wer", "wer_under_memory"] = "wer_under_memory"
    memory_limit_gib: float | None = Field(None, gt=0)
    """The peak a sample may reach; null: no limit beyond the card's."""
    learning_rate_scaling: Literal["none", "sqrt", "linear"] = "none"
    """Ties the learning rate to the effective batch size, relative to the baseline's."""
    max_concurrent: int = Field(4, ge=1)


class Scheduler(Section):
    """When a trial that does badly is stopped."""

    name: Literal["asha", "none"] = "asha"
    first_rung_examples: int = Field(2000, ge=1)
    reduction: int = Field(3, ge=2)
    """Of the trials at a rung, one in so many goes on; the next rung lies so many times further."""


class Budget(Section):
    """The most one trial may train."""

    examples: int | None = Field(None, ge=1)
    """Null: the baseline's own length."""


class SearchSpace(Section):
    """One study's question."""

    vary: dict[str, Choice | Range] = Field(min_length=1)
    keep: Keep = Keep()
    search: Search = Search()
    scheduler: Scheduler = Scheduler()
    budget: Budget = Budget()
