"""Models, or what they heard, and a test set in; a folder with what each heard, how it scores, and a report, out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from raytrain.config.languages import language_name, rate_of
from raytrain.files import write_json, write_text
from raytrain.release.asked import Asked, Contestant
from raytrain.release.heard import overlap
from raytrain.release.held_out import HeldOut
from raytrain.release.listener import Listener
from raytrain.release.models import NamedModel
from raytrain.release.predictions import NamedPredictions
from raytrain.release.score_folder import PREDICTIONS, ScoreFolder
from raytrain.report.pages import score_pages
from raytrain.results.scores import ModelScore, Scores
from raytrain.speech.apart import counted
from raytrain.speech.progress_bar import ProgressCallback, progress_on_stderr

_HEARD_AT_ONCE = 4
"""Batches between two moments at which what was heard is on disk."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What came of it."""

    folder: Path
    heard: Mapping[str, Path]
    """Each model's predictions."""
    scores: Scores | None
    """None where the test set has no transcripts."""

    def as_dict(self) -> dict[str, Any]:
        found = {"folder": str(self.folder), "predictions": {name: str(path) for name, path in self.heard.items()}}
        return found if self.scores is None else {**found, **self.scores.as_dict()}


def score(asked: Asked, held_out: HeldOut, folder: ScoreFolder, *, say: Callable[[str], None]) -> Done:
    """Let each model hear the test set as far as it has not yet, score it, and write it all."""
    asked.require_matching(held_out)
    models = []
    for name, contestant in asked.contestants.items():
        heard, facts, caveats = _heard(name, contestant, asked, held_out, folder, say)
        rows = list(held_out.rows(heard, language=asked.language)) if held_out.has_texts else None
        in_order = {one: heard.get(one, "") for one in held_out.utterance_ids}
        folder.finish(name, in_order, rows)
        if rows is not None:
            models.append(ModelScore(name=name, facts=facts, caveats=caveats, rows=rows))
    paths = {name: folder.of_model(name) / PREDICTIONS for name in asked.contestants}
    if not held_out.has_texts:
        return Done(folder=folder.path, heard=paths, scores=None)
    scores = Scores(
        title=f"{' and '.join(asked.contestants)} on {' and '.join(held_out.corpora)}",
        data=_data(held_out, asked.language),
        caveats=held_out.caveats(),
        language=asked.language,
        rate=rate_of(asked.language),
        models=models,
    )
    done = Done(folder=folder.path, heard=paths, scores=scores)
    write_json(folder.path / "score.json", done.as_dict())
    for suffix, text in score_pages(scores).items():
        write_text(folder.path / f"report{suffix}", text)
    return done


def _heard(
    name: str,
    contestant: Contestant,
    asked: Asked,
    held_out: HeldOut,
    folder: ScoreFolder,
    say: Callable[[str], None],
) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """What it heard by utterance, what it is, and what to know of it first."""
    if isinstance(contestant, NamedPredictions):
        facts = {"what": "predictions", "from": str(contestant.path)}
        caveats = _unmatched(contestant, held_out)
        for caveat in caveats:
            say(f"{name}: {caveat}")
        return contestant.texts, facts, caveats
    common = overlap(contestant.run, held_out)
    caveats = [*common.caveats, *contestant.caveats()]
    for caveat in caveats:
        say(f"{name}: {caveat}")
    say(f"{name}: {contestant.kind}, window {contestant.window_text}, {_beams(asked.num_beams)}")
    facts = {
        "what": contestant.kind,
        "from": str(contestant.folder),
        "audio window": contestant.window_text,
        "decoded": _beams(asked.num_beams),
        "children heard in training": common.fact,
    }
    heard = folder.heard(name)
    if len(heard.keys() & set(held_out.utterance_ids)) < len(held_out):
        with progress_on_stderr(f"{name} listens") as progress:
            _listen(contestant, name, asked, held_out, folder, heard, progress)
    return heard, facts, caveats


def _listen(
    named: NamedModel,
    name: str,
    asked: Asked,
    held_out: HeldOut,
    folder: ScoreFolder,
    heard: dict[str, str],
    progress: ProgressCallback,
) -> None:
    """Hear what is not heard yet; clips of a length together, since they share a window."""
    listener = Listener(named, num_beams=asked.num_beams, batch_size=asked.batch_size)
    step = _HEARD_AT_ONCE * asked.batch_size
    for corpus in held_out.corpora.values():
        left = [index for index, one in enumerate(corpus.utterance_ids) if one not in heard]
        left = [left[place] for place in np.argsort(corpus.durations_s[left], kind="stable")]
        for start in range(0, len(left), step):
            progress(len(heard), len(held_out))
            now = list(listener.hear(corpus, left[start : start + step]))
            folder.add(name, now)
            heard.update(now)
    progress(len(heard), len(held_out))
    listener.close()


def _unmatched(predictions: NamedPredictions, held_out: HeldOut) -> list[str]:
    """Ids that the test set or the predictions lack."""
    wanted = set(held_out.utterance_ids)
    strange = [one for one in predictions.texts if one not in wanted]
    missing = [one for one in held_out.utterance_ids if one not in predictions.texts]
    found = []
    if missing:
        what = counted(missing, "utterance", "utterances")
        found.append(f"No prediction of {what}: counted as empty, with all its words as errors.")
    if strange:
        what = counted(strange, "prediction", "predictions")
        found.append(f"{what} of ids that the test manifest does not know: left aside.")
    return found


def _data(held_out: HeldOut, language: str) -> dict[str, str]:
    paths = (str(corpus.manifest) for corpus in held_out.corpora.values())
    return {
        "test manifest": ", ".join(paths),
        "utterances": str(len(held_out)),
        "children": str(len(held_out.children)),
        "hours": f"{held_out.hours:.2f}",
        "scored as": language_name(language),
    }


def _beams(num_beams: int) -> str:
    return "greedily" if num_beams == 1 else f"with {num_beams} beams"
