"""Ray Tune's side of the proposals: Tune asks for a trial, and is given a whole one, or is asked to wait."""

from collections.abc import Callable
from typing import Any

from ray.tune.search import Searcher

from raytrain.study.spending import Later
from raytrain.trial.job import Trial


class StudySearcher(Searcher):
    """Holds no state that is worth saving: what was started and what ended is in the study's own files."""

    def __init__(
        self, next_trial: Callable[[], Trial | Later | None], *, place: Callable[[Trial], Trial | None]
    ) -> None:
        super().__init__(metric="objective", mode="min")
        self._next_trial, self._place = next_trial, place
        self._waiting: Trial | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune writes all it is given into a file of its own, which nobody reads."""
        return {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """A trial, as Tune's configuration; FINISHED when there is none left; None while the next has no room.

        None, too, while it depends on what runs whether there is time for another.

        The next waits for its room and none is taken before it: otherwise small trials would pass a large one for ever.
        """
        if self._waiting is None:
            found = self._next_trial()
            if isinstance(found, Later):
                return None
            self._waiting = found
        if self._waiting is None:
            return Searcher.FINISHED
        placed = self._place(self._waiting)
        if placed is None:
            return None
        self._waiting = None
        return {"trial": placed}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Written down by the recorder, which also hears of a result that stopped the trial."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save."""

    def restore(self, checkpoint_path: str) -> None:
        """Never called: a study goes on from its own files."""
