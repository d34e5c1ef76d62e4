"""How well what a study borrowed agrees with its own trials: the study's folder in; learned.json out.

The figures are the posterior's after the study's last trial, as the sampler went by them, from the study's own files.
"""

from pathlib import Path

from raytrain.files import write_json
from raytrain.results.description import read_description
from raytrain.results.learned import FILE_NAME, Learned
from raytrain.search.borrowed import read_borrowed
from raytrain.search.knowledge import agreement
from raytrain.search.sampler import to_learn_from
from raytrain.study.history import History


def write_agreement(folder: Path) -> list[Learned]:
    """Write what was borrowed and how far it agreed to learned.json; no file where nothing was borrowed."""
    borrowed = read_borrowed(folder)
    if not borrowed:
        return []
    description = read_description(folder)
    history, search = History(folder, description), description.asked.search
    told = to_learn_from(history.axes, history.tried(), search=search)
    found = [
        Learned(
            study=study.study,
            trials=len(study.trials),
            discounted_for=study.discounted_for,
            correlation=correlation,
        )
        for study, correlation in zip(
            borrowed, agreement(history.axes, told, search=search, borrowed=borrowed), strict=True
        )
    ]
    write_json(folder / FILE_NAME, {"learned": [one.as_dict() for one in found]})
    return found
