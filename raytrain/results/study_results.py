"""A study's folder in; what its files hold, and what follows from them, as one value out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from raytrain.config.languages import Rate
from raytrain.config.space import Variation
from raytrain.errors import InputError
from raytrain.files import read_as
from raytrain.results.choose import pareto_front
from raytrain.results.description import Description, read_description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.transcripts import Scored, counts, read_rows, transcripts_path
from raytrain.results.verdict import Verdict, verdict

SOUP = "soup.json"
"""What export --soup leaves in a study's folder: members and figures, for the report."""


@dataclass(frozen=True)
class _Souped:
    """What is read of that file."""

    sentence: str


@dataclass(frozen=True)
class StudyResults:
    """What a study's files hold, and what follows from them."""

    folder: Path
    description: Description
    records: list[TrialRecord]
    """By number."""
    verdict: Verdict
    importance: dict[str, float] = field(default_factory=dict)
    """By varied key, its share in what sets the best trials apart; empty where nobody worked it out."""
    soup: str | None = None
    """What came of averaging the best trials' weights; None where nobody did."""

    @property
    def vary(self) -> Mapping[str, Variation]:
        """What the study varied, by dotted key."""
        return {} if self.description.space is None else self.description.space.vary

    @property
    def best(self) -> TrialRecord | None:
        return self.verdict.best

    @property
    def baseline(self) -> TrialRecord | None:
        return self.verdict.baseline

    @property
    def rate(self) -> Rate:
        """What its trials are judged by."""
        return self.description.baseline.model.rate()

    def roles(self, record: TrialRecord) -> list[str]:
        """What a trial is to the study: "baseline", "best", both or neither."""
        known = {"baseline": self.baseline, "best": self.best}
        return [role for role, one in known.items() if one is not None and one.trial_id == record.trial_id]

    @cached_property
    def front(self) -> list[TrialRecord]:
        """Where the study looks for a Pareto front, the trials that no other beats; lowest WER first."""
        limit = self.description.memory_limit_gib
        return pareto_front(self.records, memory_limit_gib=limit) if self.description.is_pareto else []

    def by_importance(self) -> list[tuple[str, float]]:
        """Each varied key with its share in what sets the best trials apart, the largest first."""
        return sorted(self.importance.items(), key=lambda pair: (-pair[1], pair[0]))

    def utterances(self, record: TrialRecord | None) -> list[Scored]:
        """A trial's utterances as last scored."""
        return [] if record is None else list(read_rows(transcripts_path(self.folder, record.number)))

    def scored(self) -> list[TrialRecord]:
        """Trials with a WER, by number."""
        return [one for one in self.records if one.eval_wer is not None]


def load_study(folder: Path) -> StudyResults:
    """Read a study, finished or not."""
    description = read_description(folder)
    if description.space is None:
        raise InputError(f"{folder}: a fit, with no trials; a report is of a study, or of several runs side by side")
    records = sorted(Ledger(folder).read(), key=lambda record: (record.number, record.started_at))
    found = verdict(records, folder, memory_limit_gib=description.memory_limit_gib)
    importance, soup = folder / "importance.json", folder / SOUP
    return StudyResults(
        folder,
        description,
        records,
        found,
        importance=read_as(importance, dict[str, float]) if importance.exists() else {},
        soup=read_as(soup, _Souped).sentence if soup.exists() else None,
    )


def outcomes(records: Iterable[TrialRecord]) -> list[tuple[Outcome, int, list[str]]]:
    """How many trials ended in each way that occurred, and why: each reason once, with the trials it befell."""
    ended: dict[Outcome, dict[str | None, list[int]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        ended[record.outcome][record.reason].append(record.number)
    return [
        (
            outcome,
            sum(map(len, by_reason.values())),
            [f"trial {', '.join(map(str, of))}: {reason}" for reason, of in by_reason.items() if reason],
        )
        for outcome, by_reason in sorted(ended.items(), key=lambda pair: list(Outcome).index(pair[0]))
    ]


def varied_keys(study: StudyResults) -> list[str]:
    """The keys that the study varied: those that the space names, then any other that a sample holds."""
    named = list(study.vary)
    return named + sorted({key for record in study.records for key in record.sample} - set(named))


def worst_utterances(study: StudyResults, *, count: int) -> list[Scored]:
    """The best trial's utterances with most edits, the highest WER first among equals."""
    rows = [row for row in study.utterances(study.best) if counts(row).edits]
    return sorted(rows, key=lambda row: (-counts(row).edits, -counts(row).wer, row["utterance_id"]))[:count]
