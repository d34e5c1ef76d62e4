"""A study's beginning, and its going on: what was asked on the command line in; its description and folder out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from raytrain.config.baseline import Baseline
from raytrain.config.reader import change
from raytrain.config.space import SearchSpace
from raytrain.errors import InputError
from raytrain.results.description import Description, read_description
from raytrain.results.known_settings import require_valid
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome
from raytrain.search.axes import Axes
from raytrain.study.journal import Journal

_MAY_CHANGE = {"search.trials", "search.max_concurrent", "search.send_best_checkpoint"}


def find_study(name_or_folder: str, *, storage: str = "results") -> tuple[Path, Description]:
    """The study of this folder, or of this name in the storage; one with a file that cannot be read is refused."""
    candidates = [Path(name_or_folder), Path(storage) / name_or_folder]
    for folder in candidates:
        if folder.is_dir():
            description = read_description(folder)
            if description.space is None:
                raise InputError(f"{folder}: a fit; go on with it by python -m raytrain.fit --resume {folder}")
            _check_files(folder, description)
            return folder.absolute(), description
    raise InputError(f"{name_or_folder}: no such study; name its folder, as in --resume results/NAME")


def _check_files(folder: Path, description: Description) -> None:
    """Before anything is loaded, told or written."""
    require_valid(description, folder)
    Ledger(folder).read()
    if (folder / "optuna.db").exists():
        journal_of(folder, description)


def journal_of(folder: Path, description: Description) -> Journal:
    """A study's journal; a new one where there is none."""
    space, baseline = SearchSpace.model_validate(description.space), Baseline.model_validate(description.baseline)
    return Journal(folder, Axes(space, baseline), is_pareto=description.is_pareto)


def changed(folder: Path, description: Description, overrides: Sequence[str], *, trials: int | None) -> Description:
    """The same study with other values of what may change while it runs; anything else is refused."""
    asked = [*overrides, *([f"search.trials={trials}"] if trials is not None else [])]
    if not asked:
        return description
    # Read as this raytrain reads them: a key that is newer than the study has its default.
    own = Baseline.model_validate(description.baseline), SearchSpace.model_validate(description.space)
    begun = replace(description, baseline=own[0].model_dump(), space=own[1].model_dump())
    baseline, space = change(*own, asked, file=folder / description.file_name)
    refuse_another(folder, begun, baseline=baseline, space=space)
    before, now = own[1].search.trials, space.search.trials
    ran = sum(one.finalist_of is None and one.outcome is not Outcome.NOT_STARTED for one in Ledger(folder).read())
    if now != before and now < ran:
        raise InputError(
            f"{folder}: search.trials: {now} is fewer than the {ran} that have run; ask for as many or more"
        )
    return replace(description, space=space.model_dump())


def refuse_another(
    folder: Path, description: Description, *, baseline: Baseline | None = None, space: SearchSpace | None = None
) -> None:
    """Refuse to go on with a study as if it had asked something else: its trials could not be compared."""
    for kind, now, then in (("baseline", baseline, description.baseline), ("space", space, description.space)):
        differing = sorted(_differing(then or {}, now.model_dump()) - _MAY_CHANGE) if now is not None else []
        if differing:
            raise InputError(
                f"{folder}: was begun with another {kind} ({', '.join(differing)}); leave that out to go on with it, "
                "or leave --resume out to begin another study"
            )


def _differing(then: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> set[str]:
    """Dotted keys with different values."""
    keys: set[str] = set()
    for key in then.keys() | now.keys():
        old, new = then.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            keys |= _differing(old, new, f"{prefix}{key}.")
        elif old != new:
            keys.add(f"{prefix}{key}")
    return keys
