"""Which trial of a study comes next: its records and journal in; a trial's number and job, as Tune is told it, out."""

import logging
from collections.abc import Callable
from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.config.reader import apply_sample
from raytrain.config.space import Scheduler
from raytrain.errors import InputError
from raytrain.memory.admission import Admission
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome, TrialRecord
from raytrain.search.axes import Axes, Sample
from raytrain.search.equivalents import equivalent, probe_of
from raytrain.search.finalists import Repeat, further_seeds, missing_repeats
from raytrain.search.resolve import resolve, rungs
from raytrain.search.sampler import propose
from raytrain.study.journal import Journal
from raytrain.study.study import Study, trial_name
from raytrain.trial.job import Job, Share

log = logging.getLogger("raytrain")


class Proposals:
    """Which trial comes next: those a kill left unfinished, then the baseline, then the sampler's."""

    def __init__(self, study: Study, records: list[TrialRecord], journal: Journal) -> None:
        self._study, self._journal = study, journal
        self._axes = Axes(study.space, study.baseline)
        journal.catch_up(records, memory_limit_gib=study.description.memory_limit_gib)
        self._unfinished = journal.unfinished()
        self.scheduler = study.space.scheduler
        launched = [record for record in records if record.outcome is not Outcome.NOT_STARTED]
        searched = [record for record in launched if record.finalist_of is None]
        self._launched = bool(launched)
        self._refusals_left = study.space.search.trials
        """A space of real numbers holds samples that do not fit without end."""
        self.remaining = max(0, study.space.search.trials - len(searched))

    def refuse_hopeless(self, admission: Admission) -> None:
        """A search whose every sample is predicted not to fit is a mistake in the question."""
        reason = admission.refusal(self._study.baseline)
        if reason is None or self._launched:
            return
        if self._proposed(0, fits=lambda sample: admission.refusal(self._resolved(sample)) is None) is None:
            raise InputError(
                f"the baseline does not fit ({reason}), nor does any sample of the space; "
                "see `python -m raytrain.plan --gpu-memory GIB` for what to change"
            )

    def next(self, share: Share, admission: Admission) -> dict[str, Any] | None:
        """A trial's configuration in Tune's terms; None when the space is exhausted."""
        if self._unfinished:
            number = min(self._unfinished)
            sample = self._unfinished.pop(number)
        else:
            number = len(self._journal)
            proposed = self._axes.baseline_sample if number == 0 else self._propose(number, admission)
            if proposed is None:
                tried = len(self._journal.tried())
                log.info("every sample of the space has been tried; the search ends with %d trials", tried)
                return None
            sample = proposed
            self._journal.start(sample)
        config = self._study.baseline if number == 0 else self._resolved(sample)
        whole, trained = config, self._trained(config) if number else None
        budget = self._study.budget_examples
        if trained is not None:
            config, budget = probe_of(config, budget_examples=budget)
        job = _job(
            self._study,
            number,
            config,
            share=share,
            evaluate_at_examples=rungs(self._study.space, budget_examples=budget) if trained is None else [],
            end_at_examples=budget,
            predicted_memory_gib=admission.predicted_gib(config),
        )
        asked = {"number": number, "sample": sample if number else {}, "job": job.as_dict()}
        if trained is not None:
            asked |= {"inherits": trained.trial_id, "config": whole.model_dump()}
        return asked

    def _trained(self, config: Baseline) -> TrialRecord | None:
        """The trial that has trained this already, split otherwise."""
        if not self._study.space.search.reuse_equivalent:
            return None
        return equivalent(config, Ledger(self._study.folder).read())

    def _propose(self, number: int, admission: Admission) -> Sample | None:
        """Among what will fit; when all of that was tried, what may fit or does not, so that the ledger tells it."""
        sample = self._proposed(number, fits=lambda one: admission.will_fit(self._resolved(one)))
        if sample is not None or not admission.refuses or not self._refusals_left:
            return sample
        self._refusals_left -= 1
        return self._proposed(number)

    def _proposed(self, number: int, *, fits: Callable[[Sample], bool] | None = None) -> Sample | None:
        search = self._study.space.search
        return propose(self._axes, self._journal.tried(), search=search, number=number, fits=fits)

    def _resolved(self, sample: Sample) -> Baseline:
        return resolve(self._study.baseline, self._study.space, sample)


class Repeats:
    """Which finalist is trained again next: those a kill left unfinished, then those that are missing."""

    scheduler = Scheduler(name="none")
    """Each to its end: one that was stopped could not be compared."""

    def __init__(self, study: Study, records: list[TrialRecord], journal: Journal) -> None:
        self._study, self._journal = study, journal
        by_id = {record.trial_id: record for record in records}
        begun = journal.unfinished_again()
        self._unfinished = {
            number: Repeat(finalist=by_id[trial_id], seed=seed) for number, (trial_id, seed) in begun.items()
        }
        search, limit_gib = study.space.search, study.description.memory_limit_gib
        again = further_seeds(search, study.baseline)
        missing = missing_repeats(records, search=search, memory_limit_gib=limit_gib) if again else []
        self._missing = [one for one in missing if (one.finalist.trial_id, one.seed) not in begun.values()]
        self.remaining = len(self._unfinished) + len(self._missing)

    def refuse_hopeless(self, admission: Admission) -> None:
        """What is trained again has fitted before."""

    def next(self, share: Share, admission: Admission) -> dict[str, Any] | None:
        """A training's configuration in Tune's terms; None when there is none left."""
        if self._unfinished:
            number = min(self._unfinished)
            repeat = self._unfinished.pop(number)
        elif self._missing:
            repeat = self._missing.pop(0)
            number = self._journal.start_again(repeat.finalist, seed=repeat.seed)
        else:
            return None
        config = apply_sample(Baseline.model_validate(repeat.finalist.config), {"training.seed": repeat.seed})
        budget = self._study.budget_examples
        job = _job(
            self._study,
            number,
            config,
            share=share,
            evaluate_at_examples=rungs(self._study.space, budget_examples=budget),
            end_at_examples=budget,
            predicted_memory_gib=repeat.finalist.predicted_memory_gib,
        )
        sample, finalist_of = repeat.finalist.sample, repeat.finalist.trial_id
        return {"number": number, "sample": sample, "job": job.as_dict(), "finalist_of": finalist_of}


def _job(
    study: Study,
    number: int,
    config: Baseline,
    *,
    share: Share,
    evaluate_at_examples: list[int],
    end_at_examples: int,
    predicted_memory_gib: float | None,
) -> Job:
    """A training in the study's own storage; only trial 0 scores the weights as they come."""
    return Job(
        config=config.model_dump(),
        inputs=study.whereabouts,
        storage=str(study.folder / "ray"),
        name=trial_name(number),
        share=share,
        keep_best=None,
        evaluate_at_examples=evaluate_at_examples,
        end_at_examples=end_at_examples,
        score_first=number == 0,
        predicted_memory_gib=predicted_memory_gib,
    )
