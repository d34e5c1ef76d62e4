"""A run in; a model for others, or a submission, out: in a new folder, whole or not at all."""

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, assert_never

import numpy as np

from raytrain.config.baseline import Audio
from raytrain.config.languages import Rate
from raytrain.errors import InputError
from raytrain.files import at_home, read_as, write_json, write_sums, write_text
from raytrain.release.alone import beside_model
from raytrain.release.average import scored_indices
from raytrain.release.card import ExportScore, model_card
from raytrain.release.ct2 import PROVED, Quantization, convert
from raytrain.release.elsewhere import heard_by_folder, heard_by_submission
from raytrain.release.forecast import Forecast, forecast
from raytrain.release.members import Candidates, soup_run
from raytrain.release.merged import heard_as, whole_weights
from raytrain.release.model_folder import add_facts, copy_model, set_prediction, weights_bytes
from raytrain.release.proof import prove, prove_alone, sample
from raytrain.release.proved import Proof, Tool
from raytrain.release.runs import Form, KeptRun, is_archived
from raytrain.release.soup import Soup, make_soup
from raytrain.release.submission import SUBMISSION, unpacked, write_submission
from raytrain.release.target import placed, require_free, require_space
from raytrain.results.rates import as_written
from raytrain.results.study_results import SOUP
from raytrain.speech.corpus import Corpus
from raytrain.trial.inputs import inputs_of
from raytrain.whisper.bases import base_under, recorded_base
from raytrain.whisper.folders import RAYTRAIN, is_adapter
from raytrain.whisper.hearing import FULL_WINDOW_S

README = "README.md"


@dataclass(frozen=True)
class _Recorded:
    """What raytrain.json must hold of the audio window that the weights were trained for."""

    window: Audio


@dataclass(frozen=True)
class Exported:
    """What was exported, where to, how it scored, and how long the challenge's test set will take with it."""

    folder: Path
    form: Form
    score: ExportScore
    soup: Soup | None
    forecast: Forecast | None
    proof: Proof | None
    """What the exported form was measured to hear; None where no proof was asked for."""
    rate: Rate
    """What the run is judged by."""

    def as_dict(self) -> dict[str, Any]:
        values = {
            "folder": str(self.folder),
            "form": self.form,
            "steps": list(self.score.steps),
            "eval_wer": self.score.word_errors.wer if self.score.rows else None,
            "soup": self.soup and self.soup.as_dict(),
            "forecast": self.forecast and self.forecast.as_dict(),
            "proof": self.proof and self.proof.as_dict(),
        }
        return as_written(values, self.rate)


@dataclass(frozen=True)
class _Scored:
    """The clips that scored the run, and those of them that the export is proved on."""

    corpus: Corpus
    indices: list[int]
    proved: list[int]


def export(
    run: KeptRun,
    *,
    to: Path,
    form: Form,
    candidates: Candidates | None = None,
    say: Callable[[str], None],
    quantization: Quantization = "float32",
    num_proved: int | None = None,
) -> Exported:
    """Export a run's best checkpoint, or the soup of the candidates if that is no worse; `say` prints.

    The export must hear the same as raytrain in `num_proved` validation clips; None: in 32, or, where it is its own
    code that hears them, as many of these as two minutes are enough for. 0: unproved, which ct2 cannot be. The form
    ct2 takes the `quantization`.
    """
    target = at_home(to).absolute()
    require_free(target)
    require_space(target, needed_bytes=_needed_bytes(run, form, candidates))
    scored = None if num_proved == 0 else _clips(run, form, PROVED if num_proved is None else num_proved)
    most_s = {} if num_proved is None else {"most_s": math.inf}
    with placed(target) as built:
        soup = None
        if candidates is not None:
            corpus = _validation_corpus(run)
            soup = make_soup(candidates, corpus=corpus, into=built.with_name("averaged"), say=say)
            say(soup.sentence)
        run, score, trained = _chosen(run, candidates, soup)
        apart = form == "adapter"
        weights = trained if apart else whole_weights(trained, run.config.model, into=built.with_name("merged"))
        timed = proof = None

        def proved_by(tool: Tool, hear: Callable[[Sequence[np.ndarray]], list[str]]) -> Proof | None:
            if scored is None:
                return None
            found = prove_alone(trained, hear, run.config, scored.corpus, scored.proved, tool=tool, say=say, **most_s)
            say(found.sentence)
            return found

        match form:
            case "hf":
                _write_model(run, score, weights, into=built)
                proof = proved_by("transcribe.py", partial(heard_by_folder, built))
                _write_card(run, score, into=built, proof=proof)
                write_sums(built, but=(README,))  # which its person reads, and may edit, before others do
            case "submission":
                model = built.with_name("model")
                _write_model(run, score, weights, into=model)
                _write_card(run, score, into=model)
                write_submission(model, built / SUBMISSION)
                shutil.rmtree(model)
                source = unpacked(built / SUBMISSION, built.with_name("src"))
                proof = proved_by("main.py", partial(heard_by_submission, source))
                timed = _timed(run, source / "model", scored, say=say)
            case "ct2":
                assert scored is not None
                model = built.with_name("model")
                _write_model(run, score, weights, into=model)
                convert(model, built, quantization=quantization)
                proof = prove(
                    model, built, run.config, scored.corpus, scored.proved, quantization=quantization, say=say
                )
                say(proof.sentence)
                _write_card(run, score, into=built, proof=proof)
                write_sums(built, but=(README,))
            case "adapter":
                _write_model(run, score, weights, into=built)
                base, _ = base_under(weights)
                proof = proved_by("transcribe.py", partial(heard_by_folder, built, base=base))
                _write_card(run, score, into=built, proof=proof)
                write_sums(built, but=(README,))
            case unknown:
                assert_never(unknown)
    if candidates is not None and candidates.of == "trials" and soup is not None:
        _tell_report(candidates.several[0].run.folder, soup, say=say)
    return Exported(target, form, score, soup, timed, proof, run.config.model.rate())


def _needed_bytes(run: KeptRun, form: Form, candidates: Candidates | None) -> int:
    """What an export takes on the disk while it is made. Adapters are small, and merged weights are not."""
    if form == "adapter":
        return 0
    several = () if candidates is None else candidates.several
    merged = sum(is_adapter(one.checkpoint.folder) for one in several) + is_adapter(run.best.folder)
    copies = 1 + (form != "hf") + (candidates is not None) + merged
    return copies * weights_bytes(run.best.folder)


def _clips(run: KeptRun, form: Form, count: int) -> _Scored:
    """What an export is proved on, found before anything is written."""
    try:
        corpus = _validation_corpus(run)
        indices = scored_indices(run.best, corpus)
        proved = sample(corpus, indices, count, longest_s=FULL_WINDOW_S if form == "ct2" else math.inf)
    except InputError as error:
        if form == "ct2":
            raise
        raise InputError(f"{error}; or export what nothing proves, with --prove 0") from None
    return _Scored(corpus, indices, proved)


def _chosen(run: KeptRun, candidates: Candidates | None, soup: Soup | None) -> tuple[KeptRun, ExportScore, Path]:
    """The run that is exported, how it scored, and the folder of its weights."""
    if candidates is None or soup is None or soup.judged is None or not soup.is_kept:
        note = None if soup is None else soup.sentence
        return run, ExportScore(run.best.utterances(), [run.best.step], note), run.best.folder
    members, rows = soup.members, soup.judged.soup.utterances
    score = ExportScore(
        rows, [one.checkpoint.step for one in members], soup.sentence, members=[one.name for one in members]
    )
    return soup_run(candidates, members[0], prediction=run.config.prediction), score, soup.folder


def _tell_report(study: Path, soup: Soup, *, say: Callable[[str], None]) -> None:
    """Leave in the study's folder what came of its soup; not in an archive's, where every file has its sum."""
    if is_archived(study):
        return
    try:
        write_json(study / SOUP, soup.as_dict() | {"sentence": soup.sentence})
    except OSError as error:
        say(f"{study / SOUP}: {error.strerror}: the study's report will not tell of the soup")


def _write_model(run: KeptRun, score: ExportScore, weights: Path, *, into: Path) -> None:
    copy_model(weights, into)
    prediction = run.config.prediction
    set_prediction(into, prediction)
    wer = score.word_errors.wer if score.rows else run.best.eval_wer
    facts = {
        "steps": list(score.steps),
        "members": list(score.members),
        "eval_wer": wer,
        "prediction": prediction.model_dump(),
        "run": run.name,
        "window": read_as(into / RAYTRAIN, _Recorded).window.model_dump(),
    }
    add_facts(into, as_written(facts, run.config.model.rate()))
    for name, text in beside_model().items():
        write_text(into / name, text)


def _write_card(run: KeptRun, score: ExportScore, *, into: Path, proof: Proof | None = None) -> None:
    window = read_as(into / RAYTRAIN, _Recorded).window
    base = recorded_base(into).pretrained if is_adapter(into) else None
    write_text(into / README, model_card(run, score, window=window, proof=proof, adapter_over=base))


def _timed(run: KeptRun, model: Path, scored: _Scored | None, *, say: Callable[[str], None]) -> Forecast | None:
    try:
        scored = scored or _clips(run, "submission", PROVED)
    except InputError as error:
        say(f"no forecast of how long it takes: {error}")
        return None
    timed = forecast(model, scored.corpus, scored.indices)
    say(timed.sentence)
    return timed


def _validation_corpus(run: KeptRun) -> Corpus:
    """The validation corpus as the run prepared it; its own weights stand for those it started from, maybe gone."""
    model = heard_as(run.config.model, run.best.folder)
    inputs = inputs_of(run.config.model_copy(update={"model": model}), may_share=True)
    return inputs.corpus if inputs.validation_corpus is None else inputs.validation_corpus
