"""Which trial of a study comes next: its history in; a whole Trial, or None when there is none left, out."""

import logging
import shutil
from collections.abc import Callable
from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.config.reader import apply_sample
from raytrain.config.space import Scheduler
from raytrain.errors import InputError
from raytrain.memory.admission import Admission
from raytrain.results.early_end import early_end
from raytrain.results.records import Outcome
from raytrain.search.axes import Sample
from raytrain.search.borrowed import read_borrowed
from raytrain.search.equivalents import Equivalents, probe_of
from raytrain.search.finalists import Repeat, further_seeds, missing_repeats
from raytrain.search.resolve import resolve, rungs
from raytrain.search.sampler import propose
from raytrain.search.stopping import is_done, prospect
from raytrain.study.history import Begun
from raytrain.study.spending import LATER, Later, Spending
from raytrain.study.study import Study, trial_name
from raytrain.trial.job import Job, Share, Trial
from raytrain.trial.remote_runs import RemoteRuns

log = logging.getLogger("raytrain")


class Proposals:
    """The search's trials: those a kill left unfinished, then the baseline, then the sampler's."""

    def __init__(self, study: Study, spending: Spending) -> None:
        self._study, self._history, self._spending = study, study.history, spending
        self._borrowed, self._equivalents = read_borrowed(study.folder), Equivalents()
        self._unfinished = [trial for trial in self._history.unfinished() if trial.finalist_of is None]
        self.scheduler = study.space.scheduler
        launched = [record for record in self._history.records if record.outcome is not Outcome.NOT_STARTED]
        searched = [record for record in launched if record.finalist_of is None]
        self._launched = bool(launched)
        self._refusals_left = study.space.search.trials
        """A space of real numbers holds samples that do not fit without end."""
        self.remaining = max(0, study.space.search.trials - len(searched))
        self._late = False
        """Whether something that fits was not proposed, because it could not end in time."""
        self._ended = self._was_done()
        """Whether the search has ended by itself."""
        if self._ended:
            self.remaining = len(self._unfinished)

    def refuse_hopeless(self, admission: Admission) -> None:
        """Refuse a search whose every sample is predicted not to fit: it is a mistake in the question."""
        reason = admission.refusal(self._study.baseline)
        if reason is None or self._launched:
            return
        if self._proposed(0, fits=lambda sample: admission.refusal(self._resolved(sample)) is None) is None:
            raise InputError(
                f"the baseline does not fit ({reason}), nor does any sample of the space; "
                "see `python -m raytrain.plan --gpu-memory GIB` for what to change"
            )

    @property
    def can_begin(self) -> bool:
        """Whether there is anything to start: a cluster for nothing would take of the budget, too."""
        if not self.remaining or self._spending.budget_s is None:
            return bool(self.remaining)
        if self._spending.is_over:
            return False
        number = self._history.next_number
        if not number or any(self._goes_on_in_time(begun) for begun in self._unfinished):
            return True
        return self._proposed(number, fits=lambda sample: self._ends_in_time(self._resolved(sample))) is not None

    def next(self, share: Share, admission: Admission) -> Trial | Later | None:
        """The next trial; None when the space, or what the budget leaves to the search, is exhausted."""
        if self._spending.waits():
            return LATER
        while self._unfinished:
            begun = self._unfinished[0]
            in_time = self._goes_on_in_time(begun)
            if not in_time and (answer := self._spending.refused()) is not None:
                return answer
            self._unfinished.pop(0)  # one for which there is no time stays as it is, for a start with more hours
            if in_time:
                return self._trial(begun.number, begun.sample, share, admission)
        number = self._history.next_number
        if number and self._is_done(number, admission):
            return None
        sample = self._history.axes.baseline_sample if number == 0 else self._propose(number, admission)
        if sample is None and self._late:
            return self._spending.refused()
        if sample is None:
            tried = len(self._history.tried())
            log.info("every sample of the space has been tried; the search ends with %d trials", tried)
            return None
        _clear(self._study, number)
        self._history.start(sample)
        return self._trial(number, sample, share, admission)

    def _was_done(self) -> bool:
        """Whether the search ended by itself before, by what is asked now."""
        found = early_end(self._study.folder)
        return found is not None and found.worth == self._study.space.search.worth_wer

    def _is_done(self, number: int, admission: Admission) -> bool:
        """Whether further trials are worth less than their time; where they are, that is written down and said."""
        if self._ended:
            return True
        search, axes = self._study.space.search, self._history.axes
        found = prospect(
            axes,
            self._history.tried(),
            search=search,
            number=number,
            fits=lambda one: admission.will_fit(self._resolved(one)),
            borrowed=self._borrowed,
        )
        if found is None or not is_done(axes, found):
            return False
        self._history.close(found)
        self._ended = True
        sentence = found.sentence(self._study.baseline.model.rate())
        log.info("the search ends: %s; --resume with search.worth_wer=null goes on", sentence)
        return True

    def _trial(self, number: int, sample: Sample, share: Share, admission: Admission) -> Trial:
        config = self._study.baseline if number == 0 else self._resolved(sample)
        trained = None
        if number and self._study.space.search.reuse_equivalent:
            trained = self._equivalents.find(config, self._history.records)
        run, budget = config, self._study.budget_examples
        if trained is not None:
            run, budget = probe_of(config, budget_examples=budget)
        job = _job(
            self._study,
            number,
            run,
            share=share,
            evaluate_at_examples=rungs(self._study.space, budget_examples=budget) if trained is None else (),
            end_at_examples=budget,
            predicted_memory_gib=admission.predicted_gib(run),
        )
        own = {} if number == 0 else sample
        return Trial(
            number=number, sample=own, config=config, job=job, probes=trained.trial_id if trained is not None else None
        )

    def _propose(self, number: int, admission: Admission) -> Sample | None:
        """Among what will fit and end in time; when all of that was tried, what may fit or does not, so that the ledger
        says it."""
        self._late = False

        def fits(sample: Sample) -> bool:
            config = self._resolved(sample)
            if not admission.will_fit(config):
                return False
            in_time = self._ends_in_time(config)
            self._late |= not in_time
            return in_time

        sample = self._proposed(number, fits=fits)
        if sample is not None or self._late or not admission.refuses or not self._refusals_left:
            return sample
        self._refusals_left -= 1
        return self._proposed(number)

    def _goes_on_in_time(self, begun: Begun) -> bool:
        """Whether there is time for what a trial lacks that was saved; the baseline always goes on."""
        lacks = self._study.budget_examples - self._spending.seen(begun.number)
        return begun.number == 0 or self._spending.buys(self._resolved(begun.sample), examples=lacks)

    def _ends_in_time(self, config: Baseline) -> bool:
        """Whether there is time for it, or where it would only be probed, for that."""
        if self._spending.buys(config):
            return True
        if not self._study.space.search.reuse_equivalent:
            return False
        if self._equivalents.find(config, self._history.records) is None:
            return False
        run, examples = probe_of(config, budget_examples=self._study.budget_examples)
        return self._spending.buys(run, examples=examples)

    def _proposed(self, number: int, *, fits: Callable[[Sample], bool] | None = None) -> Sample | None:
        search, tried = self._study.space.search, self._history.tried()
        axes, borrowed = self._history.axes, self._borrowed
        return propose(axes, tried, search=search, number=number, fits=fits, borrowed=borrowed)

    def _resolved(self, sample: Sample) -> Baseline:
        return resolve(self._study.baseline, self._study.space, sample)


class Repeats:
    """The finalists' trainings with further seeds: those a kill left unfinished, then those that are missing."""

    scheduler = Scheduler(name="none")
    """Each is trained to its end: one that was stopped could not be compared."""

    def __init__(self, study: Study, spending: Spending) -> None:
        self._study, self._history, self._spending = study, study.history, spending
        records = self._history.records
        by_id = {record.trial_id: record for record in records}
        self._unfinished = [
            (trial.number, Repeat(finalist=by_id[trial.finalist_of], seed=trial.seed))
            for trial in self._history.unfinished()
            if trial.finalist_of in by_id and trial.seed is not None
        ]
        search, limit_gib = study.space.search, study.description.memory_limit_gib
        search = search.model_copy(update={"finalists": spending.num_finalists()})
        begun = {(repeat.finalist.trial_id, repeat.seed) for _, repeat in self._unfinished}
        again = further_seeds(search, study.baseline)
        missing = missing_repeats(records, search=search, memory_limit_gib=limit_gib) if again else []
        self._missing = [one for one in missing if (one.finalist.trial_id, one.seed) not in begun]
        self.remaining = len(self._unfinished) + len(self._missing)

    @property
    def can_begin(self) -> bool:
        """Whether there is a training that can end in time."""
        if self._spending.is_over:
            return False
        return any(self._goes_on_in_time(*one) for one in self._unfinished) or any(
            map(self._spending.buys_again, self._missing)
        )

    def refuse_hopeless(self, admission: Admission) -> None:
        """Repeats are never refused: the same configuration already fitted."""

    def next(self, share: Share, admission: Admission) -> Trial | None:
        """The next training; None when there is none left that can end in time."""
        found = self._next_unfinished() or self._next_missing()
        if found is None:
            return None
        number, repeat = found
        config = apply_sample(repeat.finalist.config, {"training.seed": repeat.seed})
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
        finalist = repeat.finalist
        return Trial(number=number, sample=finalist.sample, config=config, job=job, repeats=finalist.trial_id)

    def _next_unfinished(self) -> tuple[int, Repeat] | None:
        while self._unfinished:
            number, repeat = self._unfinished.pop(0)
            if self._goes_on_in_time(number, repeat):
                return number, repeat
        return None

    def _goes_on_in_time(self, number: int, repeat: Repeat) -> bool:
        lacks = self._study.budget_examples - self._spending.seen(number)
        return self._spending.buys_again(repeat, examples=lacks)

    def _next_missing(self) -> tuple[int, Repeat] | None:
        while self._missing:
            repeat = self._missing.pop(0)
            if self._spending.buys_again(repeat):
                number = self._history.next_number
                _clear(self._study, number)
                self._history.repeat(repeat)
                return number, repeat
        return None


def _clear(study: Study, number: int) -> None:
    """Remove what lies under the name of a trial that is about to begin, since its run would go on from there.

    Before the trial counts as begun: what a trial that has begun left there is its own.
    """
    shutil.rmtree(study.runs / trial_name(number), ignore_errors=True)
    if study.remote is not None:
        RemoteRuns(f"{study.remote}/{study.runs.name}").remove(trial_name(number))


def _job(study: Study, number: int, config: Baseline, **given: Any) -> Job:
    """A training in the study's own storage; only trial 0 scores the weights as they come."""
    return Job(
        config=config,
        whereabouts=study.inputs.whereabouts,
        storage=str(study.runs),
        name=trial_name(number),
        remote=None if study.remote is None else f"{study.remote}/{study.runs.name}",
        stock=study.stock,
        keep_best=None,
        score_first=number == 0,
        **given,
    )
