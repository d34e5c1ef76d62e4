"""Ray Tune's side of the sampler: Tune asks, the study answers with a trial's number and its job."""

from collections.abc import Callable
from typing import Any

from ray.tune.search import Searcher


class StudySearcher(Searcher):
    """Holds no state: what was started is in the journal and what ended in the ledger, so Tune has nothing to save."""

    def __init__(
        self,
        next_trial: Callable[[], dict[str, Any] | None],
        *,
        place: Callable[[dict[str, Any]], dict[str, Any] | None],
    ) -> None:
        super().__init__(metric="objective", mode="min")
        self._next_trial, self._place = next_trial, place
        self._waiting: dict[str, Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune writes all it is given into a file of its own, which nobody reads."""
        return {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """A trial's configuration for Tune; FINISHED when there is none left; None while the next has no room.

        The next waits for its room and none is taken before it: otherwise small trials would pass a large one for ever.
        """
        self._waiting = self._waiting or self._next_trial()
        if self._waiting is None:
            return Searcher.FINISHED
        placed = self._place(self._waiting)
        if placed is not None:
            self._waiting = None
        return placed

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Told by the recorder, which also hears of a result that stopped the trial."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save."""

    def restore(self, checkpoint_path: str) -> None:
        """Never called: a study goes on from its own files."""
