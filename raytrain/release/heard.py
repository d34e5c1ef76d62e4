"""A run and a test set in; which of its children and clips the run was trained on, in words, out."""

import json
from dataclasses import dataclass
from pathlib import Path

from raytrain.errors import InputError
from raytrain.release.held_out import HeldOut
from raytrain.release.runs import KeptRun
from raytrain.speech.apart import counted
from raytrain.speech.listing import TRAIN, Listed
from raytrain.speech.spellings import spelling
from raytrain.trial.inputs import DATA_FILE

NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class Overlap:
    """What a test set and a run's data have in common."""

    fact: str
    """In a table's cell."""
    caveats: tuple[str, ...] = ()


def overlap(run: KeptRun | None, held_out: HeldOut) -> Overlap:
    """Whether children of the test set were heard in training, or served to choose the checkpoint, as far as the run
    says."""
    if run is None:
        return Overlap(NOT_RECORDED)
    path = run.folder / DATA_FILE
    if not path.is_file():
        return _by_names(run, held_out)
    listed = _listed(path)
    of_half: dict[bool, set[str]] = {True: set(), False: set()}
    for line in listed:
        of_half[line.half == TRAIN].add(spelling(line.child_id))
    sounds = {line.sound for line in listed if line.half == TRAIN}
    same_sounds = [
        utterance_id
        for corpus in held_out.corpora.values()
        for index, utterance_id in enumerate(corpus.utterance_ids)
        if corpus.sound_digests[index] in sounds and corpus.audio(index).any()  # silence is nobody's
    ]
    return _told(held_out, of_half[True], of_half[False], same_sounds)


def _by_names(run: KeptRun, held_out: HeldOut) -> Overlap:
    """By what the run's description says, where it is older than the listing of its data."""
    data = run.description.data
    if "train_children" not in data:
        caveat = "What it was trained on is not recorded: whether it heard children of the test set is not known."
        return Overlap(NOT_RECORDED, (caveat,))
    trained, validated = (
        {spelling(child) for child in names}
        for names in (data["train_children"], data.get("validation_children") or [])
    )
    return _told(held_out, trained, validated, [])


def _told(held_out: HeldOut, trained: set[str], validated: set[str], same_sounds: list[str]) -> Overlap:
    children = held_out.children
    heard = [child for child in children if spelling(child) in trained]
    chose = [child for child in children if spelling(child) in validated - trained]
    caveats = []
    if heard or same_sounds:
        parts = [
            counted(names, one, many)
            for names, one, many in (
                (heard, "child of the test set by its id", "children of the test set by their ids"),
                (same_sounds, "clip of the very same sound", "clips of the very same sound"),
            )
            if names
        ]
        caveats.append(f"NOT HELD OUT: it was trained on {' and '.join(parts)}; its figures here are flattered.")
    if chose:
        named = counted(chose, "child of the test set", "children of the test set")
        caveats.append(f"Its checkpoint was chosen by the utterances of {named}, which flatters its figures a little.")
    fact = f"{len(heard)} of {len(children)} children" if heard else f"none of {len(children)} children"
    return Overlap(fact, tuple(caveats))


def _listed(path: Path) -> list[Listed]:
    try:
        # Ids may hold what splitlines takes for an end.
        return [Listed.read(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    except (ValueError, TypeError, OSError, json.JSONDecodeError) as error:
        fact = str(error).splitlines()[0]
        raise InputError(f"{path}: not the listing of a run's data ({fact}); restore it from a copy") from None
