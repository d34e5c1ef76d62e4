"""A study's beginning, and its going on: what was asked on the command line in; its description and folder out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from raytrain.config.absolute import absolute, absolute_space
from raytrain.config.baseline import Baseline
from raytrain.config.dump import by_dotted_key
from raytrain.config.reader import change
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError, Meant
from raytrain.results.clock import ran_s
from raytrain.results.description import Description, read_description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome
from raytrain.results.run_folder import meant_run
from raytrain.study.history import History

_MAY_CHANGE = {
    "search.trials", "search.max_concurrent", "search.budget_hours", "search.price_per_hour", "search.keep_weights",
    "search.send_best_checkpoint", "search.worth_wer",
}  # fmt: skip


def find_study(name_or_folder: str) -> tuple[Path, Description]:
    """The study of this folder, or of this name in results/; one with a file that cannot be read is refused."""
    candidates = [Path(name_or_folder), Path("results") / name_or_folder]
    for folder in candidates:
        if folder.is_dir():
            description = read_description(folder, to_go_on=True)
            if description.space is None:
                meant: Meant = ((name_or_folder,), ("raytrain.fit",))
                raise InputError(f"{folder}: a fit, not a study", meant=meant)
            _require_readable(folder, description)
            return folder.absolute(), description
    message = f"{name_or_folder}: no such study; name its folder, as in --resume results/NAME"
    raise InputError(message, meant=meant_run(name_or_folder))


def _require_readable(folder: Path, description: Description) -> None:
    """Refuse a study with a file that cannot be read, before anything is loaded, written or sent."""
    History(folder, description).begun()


def changed(
    folder: Path,
    description: Description,
    overrides: Sequence[str],
    *,
    trials: int | None,
    further_hours: float | None = None,
) -> Description:
    """The same study with other values of what may change while it runs; anything else is refused.

    `further_hours` are what it may run from now on, whatever it had before.
    """
    asked = [*overrides, *([f"search.trials={trials}"] if trials is not None else [])]
    if further_hours is not None:
        total = ran_s(folder, Ledger(folder).read()) / 3600 + further_hours
        asked.append(f"search.budget_hours={total:.6f}")
    if not asked:
        return description
    file = folder / description.file_name
    baseline, space = change(description.baseline, description.asked, asked, file=file)
    refuse_another(folder, description, baseline=baseline, space=space)
    before, now = description.asked.search.trials, space.search.trials
    ran = sum(one.finalist_of is None and one.outcome is not Outcome.NOT_STARTED for one in Ledger(folder).read())
    if now != before and now < ran:
        raise InputError(
            f"{folder}: search.trials: {now} is fewer than the {ran} that have run; ask for as many or more"
        )
    return replace(description, space=space)


def refuse_another(
    folder: Path, description: Description, *, baseline: Baseline | None = None, space: SearchSpace | None = None
) -> None:
    """Refuse to go on with a study as if it had asked something else: its trials could not be compared."""
    pairs = (
        # A study has the whole paths of what was typed.
        ("baseline", baseline and absolute(baseline), absolute(description.baseline)),
        ("space", space and absolute_space(space), absolute_space(description.asked)),
    )
    for kind, now, then in pairs:
        if now is None:
            continue
        before, after = by_dotted_key(then), by_dotted_key(now)
        keys = before.keys() | after.keys()
        differing = sorted(key for key in keys - _MAY_CHANGE if before.get(key) != after.get(key))
        if differing:
            raise InputError(
                f"{folder}: was begun with another {kind} ({', '.join(differing)}); leave that out to go on with it, "
                "or leave --resume out to begin another study"
            )
