"""What a study has spent: its clock and its records in; hours and money, in all and by outcome, out."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from raytrain.results.clock import ran_s, stretches
from raytrain.results.records import Outcome
from raytrain.results.study_results import StudyResults
from raytrain.results.wording import hours_text, number_text

AGAIN, BESIDE = "finalists again", "beside trials"


@dataclass(frozen=True, kw_only=True)
class Spent:
    """Hours in which the study ran."""

    hours: float
    by_outcome: dict[str, tuple[int, float]]
    """Trials, and hours: where several ran at once each has its part of an hour. What no ended trial took is the last:
    starting, waiting, and what was trained and never ended."""
    price_per_hour: float | None = None
    budget_hours: float | None = None

    def money(self, hours: float) -> float | None:
        """What so many hours cost; None where no price is known."""
        return None if self.price_per_hour is None else hours * self.price_per_hour

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "hours": self.hours,
            "budget_hours": self.budget_hours,
            "money": self.money(self.hours),
            "by_outcome": {
                name: {"trials": trials, "hours": hours, "money": self.money(hours)}
                for name, (trials, hours) in self.by_outcome.items()
            },
        }


def spent_on(study: StudyResults) -> Spent:
    """What this study has spent so far."""
    search = study.description.asked.search
    numbers: dict[str, int] = defaultdict(int)
    seconds: dict[str, float] = defaultdict(float)
    for one in study.records:
        if one.outcome is not Outcome.NOT_STARTED:
            numbers[_name(one.finalist_of, one.outcome)] += 1
    for begin, end, ran in stretches(study.records):
        for one in ran:
            seconds[_name(one.finalist_of, one.outcome)] += (end - begin) / len(ran)
    in_all_s = max(ran_s(study.folder, study.records), sum(seconds.values()))
    order = [*map(str, Outcome), AGAIN]
    found = {name: (numbers[name], seconds[name] / 3600) for name in order if name in numbers}
    beside_h = (in_all_s - sum(seconds.values())) / 3600
    return Spent(
        hours=in_all_s / 3600,
        by_outcome=found | {BESIDE: (0, beside_h)},
        price_per_hour=search.price_per_hour,
        budget_hours=search.budget_hours,
    )


def spent_rows(spent: Spent) -> tuple[list[str], list[list[str]]]:
    """The same as a table: its headings, and a row an outcome with the sum below."""
    headings = ["", "trials", "hours", *(["money"] if spent.price_per_hour is not None else [])]
    parts = [*spent.by_outcome.items(), ("in all", (sum(n for n, _ in spent.by_outcome.values()), spent.hours))]
    rows = []
    for name, (trials, hours) in parts:
        money = [number_text(spent.money(hours), 2)] if spent.price_per_hour is not None else []
        rows.append([name.replace("_", " "), str(trials) if name != BESIDE else "", number_text(hours, 2), *money])
    return headings, rows


def spent_sentence(spent: Spent) -> str:
    """The sum, in a sentence without its point."""
    of = f" of {hours_text(spent.budget_hours)}" if spent.budget_hours is not None else ""
    money = spent.money(spent.hours)
    return f"{hours_text(spent.hours)}{of} spent{'' if money is None else f', which cost {money:.2f}'}"


def _name(finalist_of: str | None, outcome: Outcome) -> str:
    return str(outcome) if finalist_of is None else AGAIN
