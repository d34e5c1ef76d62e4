"""A greedy soup (Wortsman et al. 2022): trained weights in; the mean of those that better it, and its worth, out.

Validation children are halved. By one half the candidates are ordered, and each stays in the mean only if it lowers the
error rate there. The other half, by which nothing was chosen, says what the soup is worth beside the best single one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from raytrain.config.languages import Rate
from raytrain.errors import InputError
from raytrain.release.average import average_weights, score, scored_indices
from raytrain.release.members import Candidate, Candidates
from raytrain.release.merged import whole_weights
from raytrain.release.model_folder import WEIGHTS, copy_model
from raytrain.results.rates import as_written
from raytrain.results.significance import Comparison, compare, contender
from raytrain.results.transcripts import Scored, UtteranceCounts, counts
from raytrain.results.verdict import Finding, judged_weights
from raytrain.results.word_errors import WordErrors
from raytrain.results.wording import signed
from raytrain.speech.corpus import Corpus
from raytrain.speech.split import split_by_child
from raytrain.training.evaluation import Evaluated


@dataclass(frozen=True)
class Step:
    """One candidate's turn."""

    name: str
    wer: float
    """Of the mean with it, on the children that the soup is chosen by."""
    is_taken: bool


@dataclass(frozen=True)
class Judged:
    """The soup beside its first member alone, on the children that it was not chosen by."""

    soup: Evaluated
    single: Evaluated
    comparison: Comparison
    finding: Finding


@dataclass(frozen=True)
class Soup:
    """What came of averaging."""

    folder: Path
    """The model folder of the mean."""
    rate: Rate
    steps: list[Step]
    """The turns, the first that of the best single one."""
    members: list[Candidate]
    choosing_children: int
    judged: Judged | None
    """None where no candidate lowered the rate: there is no soup."""

    @property
    def is_kept(self) -> bool:
        """Whether the soup is exported: it is of two or more, and no worse than its first member alone on the children
        that it was not chosen by."""
        return self.judged is not None and _wer(self.judged.soup) <= _wer(self.judged.single)

    @property
    def sentence(self) -> str:
        """What came of averaging, for the person and the model card."""
        verdict = "kept" if self.is_kept else "not kept: the best single one is exported"
        first, tried = self.steps[0], len(self.steps)
        if self.judged is None:
            return (
                f"average of {first.name} and {tried - 1} more tried: none lowered its {self.rate} of {first.wer:.4f} "
                f"on the {self.choosing_children} children it is chosen by; {verdict}"
            )
        found = self.judged.comparison
        *others, last = [member.name for member in self.members]
        return (
            f"average of {', '.join(others)} and {last}, of {tried} tried: {self.rate} {_wer(self.judged.soup):.4f} "
            f"against {_wer(self.judged.single):.4f} of {first.name} alone on {found.num_children} children it was not "
            f"chosen by (difference {signed(found.difference)}{self._interval}: {self.judged.finding}); {verdict}"
        )

    @property
    def _interval(self) -> str:
        if self.judged is None or self.judged.finding is Finding.TOO_LITTLE_DATA:
            return ""
        found = self.judged.comparison
        return f", 95 % {signed(found.low)} to {signed(found.high)}"

    def as_dict(self) -> dict[str, Any]:
        """Plain values; of too few children there is no interval."""
        judged = self.judged
        values: dict[str, Any] = {
            "members": [member.name for member in self.members],
            "steps": [member.checkpoint.step for member in self.members],
            "tried": [{"name": step.name, "eval_wer": step.wer, "taken": step.is_taken} for step in self.steps],
            "chosen_by_children": self.choosing_children,
            "reported_on_children": None if judged is None else judged.comparison.num_children,
            "eval_wer": None if judged is None else _wer(judged.soup),
            "best_single_eval_wer": None if judged is None else _wer(judged.single),
            "difference": None if judged is None else judged.comparison.difference,
            "interval": [judged.comparison.low, judged.comparison.high] if judged and self._interval else None,
            "finding": None if judged is None else str(judged.finding),
            "kept": self.is_kept,
        }
        values["tried"] = [as_written(one, self.rate) for one in values["tried"]]
        return as_written(values, self.rate)


def make_soup(candidates: Candidates, *, corpus: Corpus, into: Path, say: Callable[[str], None]) -> Soup:
    """Write the greedy mean of the candidates into a folder, and compare it with the best single one."""
    run, checkpoint = candidates.several[0].run, candidates.several[0].checkpoint
    choosing, reporting = _halves(checkpoint.utterances(), seed=run.config.training.seed)
    index_of = dict(
        zip((row["utterance_id"] for row in checkpoint.utterances()), scored_indices(checkpoint, corpus), strict=True)
    )
    config, rate = run.config, run.config.model.rate()

    def scored(folder: Path, rows: Sequence[Scored]) -> Evaluated:
        return score(folder, config, corpus, [index_of[row["utterance_id"]] for row in rows])

    # As each was scored in its training: the order takes no decoding.
    first, *others = sorted(candidates.several, key=lambda one: _recorded(one, choosing))
    members = [first]
    lowest = _wer(scored(first.checkpoint.folder, choosing))
    steps = [Step(first.name, lowest, is_taken=True)]
    children = _children(choosing)
    say(f"{first.name}: {rate} {lowest:.4f} on {children} children that the average is chosen by")
    # Adapters have no mean but that of the weights they are merged into: that of B times that of A is another product.
    whole = {
        one.name: whole_weights(one.checkpoint.folder, config.model, into=into.with_name(f"merged-{number}"))
        for number, one in enumerate(candidates.several)
    }
    copy_model(whole[first.name], into, with_weights=False)
    for other in others:
        _write_mean([whole[one.name] for one in (*members, other)], into)
        wer = _wer(scored(into, choosing))
        steps.append(Step(other.name, wer, is_taken=wer < lowest))
        say(f"with {other.name}: {rate} {wer:.4f}, {'taken' if wer < lowest else 'left out'}")
        if wer < lowest:
            lowest, members = wer, [*members, other]
    judged = None
    if len(members) > 1:
        _write_mean([whole[one.name] for one in members], into)  # the last that was tried may be another
        judged = _judged(scored(into, reporting), scored(first.checkpoint.folder, reporting))
    return Soup(into, rate, steps, members, children, judged)


def _judged(soup: Evaluated, single: Evaluated) -> Judged:
    ours, theirs = (
        contender(name, [UtteranceCounts.of(one.utterances)]) for name, one in (("soup", soup), ("single", single))
    )
    (comparison,) = compare([ours], theirs)
    return Judged(soup, single, comparison, judged_weights(comparison))


def _write_mean(folders: Sequence[Path], into: Path) -> None:
    average_weights([folder / WEIGHTS for folder in folders], into / WEIGHTS)


@dataclass(frozen=True)
class _Rows:
    """Scored utterances as a split takes them."""

    child_ids: list[str]
    age_buckets: list[str]
    source_names: list[str]
    source_numbers: list[int]
    twice_heard: tuple[int, ...] = ()


def _halves(rows: Sequence[Scored], *, seed: int) -> tuple[list[Scored], list[Scored]]:
    """The rows of the children that a soup is chosen by, and of those that it is reported on."""
    if _children(rows) < 2:
        raise InputError(
            f"{len(rows)} scored utterances of {_children(rows)} child: an average is chosen by some children and "
            "reported on others; score on more, with data.validation_ratio or data.validation_manifest"
        )
    sources = sorted({row.get("source", "") for row in rows})
    spoken = _Rows(
        child_ids=[row["child_id"] for row in rows],
        age_buckets=[row["age_bucket"] for row in rows],
        source_names=sources if len(sources) > 1 else [],
        source_numbers=[sources.index(row.get("source", "")) for row in rows],
    )
    split = split_by_child(spoken, ratio=0.5, seed=seed)
    return [rows[index] for index in split.train], [rows[index] for index in split.validation]


def _recorded(candidate: Candidate, choosing: Sequence[Scored]) -> tuple[float, float]:
    """The rate of a candidate on the choosing children as it was scored in training; of equals the best over all."""
    wanted = {row["utterance_id"] for row in choosing}
    rows = [row for row in candidate.checkpoint.utterances() if row["utterance_id"] in wanted]
    rate = candidate.checkpoint.eval_wer
    return WordErrors.total(map(counts, rows)).wer, float("inf") if rate is None else rate


def _children(rows: Sequence[Scored]) -> int:
    return len({row["child_id"] for row in rows})


def _wer(evaluated: Evaluated) -> float:
    return evaluated.word_errors.wer
