"""A run in; a model for others, or a submission, out: in a new folder, whole or not at all."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, assert_never

from raytrain.config.baseline import Audio
from raytrain.config.languages import Rate
from raytrain.errors import InputError
from raytrain.files import at_home, read_as, write_sums, write_text
from raytrain.release.alone import beside_model
from raytrain.release.average import Averaged, average, scored_indices
from raytrain.release.card import ExportScore, model_card
from raytrain.release.ct2 import PROVED, Quantization, convert
from raytrain.release.forecast import Forecast, forecast
from raytrain.release.model_folder import add_facts, copy_model, set_prediction, weights_bytes
from raytrain.release.proof import prove, sample
from raytrain.release.proved import Proof
from raytrain.release.runs import RAYTRAIN, Form, KeptRun, require_enough
from raytrain.release.submission import write_submission
from raytrain.release.target import placed, require_free, require_space
from raytrain.results.rates import as_written
from raytrain.speech.corpus import Corpus
from raytrain.trial.inputs import inputs_of

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
    averaged: Averaged | None
    forecast: Forecast | None
    proof: Proof | None
    """What faster-whisper was measured to hear, in the form ct2."""
    rate: Rate
    """What the run is judged by."""

    def as_dict(self) -> dict[str, Any]:
        values = {
            "folder": str(self.folder),
            "form": self.form,
            "steps": list(self.score.steps),
            "eval_wer": self.score.word_errors.wer if self.score.rows else None,
            "average": self.averaged and self.averaged.as_dict(),
            "forecast": self.forecast and self.forecast.as_dict(),
            "proof": self.proof and self.proof.as_dict(),
        }
        return as_written(values, self.rate)


def export(
    run: KeptRun,
    *,
    to: Path,
    form: Form,
    num_averaged: int | None,
    say: Callable[[str], None],
    quantization: Quantization = "float32",
    num_proved: int = PROVED,
) -> Exported:
    """Export a run's best checkpoint, or the average of its `num_averaged` best if that is no worse; `say` prints.

    The form ct2 takes the `quantization`, and `num_proved` validation clips on which it must hear the same.
    """
    target = at_home(to).absolute()
    require_free(target)
    if num_averaged is not None:
        require_enough(run, num_averaged)
    copies = 1 + (form != "hf") + (num_averaged is not None)
    require_space(target, needed_bytes=copies * weights_bytes(run.best.folder))
    with placed(target) as built:
        averaged = None
        if num_averaged is not None:
            averaged = average(run, num_averaged, corpus=_validation_corpus(run), into=built.with_name("averaged"))
            say(averaged.sentence)
        score = _score(run, averaged)
        timed = proof = None
        match form:
            case "hf":
                _write_model(run, score, averaged, into=built)
                write_sums(built, but=(README,))  # which its person reads, and may edit, before others do
            case "submission":
                model = built.with_name("model")
                _write_model(run, score, averaged, into=model)
                write_submission(model, built / "submission.zip")
                timed = _timed(run, model, say=say)
            case "ct2":
                model = built.with_name("model")
                _write_model(run, score, averaged, into=model)
                convert(model, built, quantization=quantization)
                corpus = _validation_corpus(run)
                proved = sample(corpus, scored_indices(run.best, corpus), num_proved)
                proof = prove(model, built, run.config, corpus, proved, quantization=quantization, say=say)
                say(proof.sentence)
                _write_card(run, score, into=built, proof=proof)
                write_sums(built, but=(README,))
            case unknown:
                assert_never(unknown)
    return Exported(target, form, score, averaged, timed, proof, run.config.model.rate())


def _score(run: KeptRun, averaged: Averaged | None) -> ExportScore:
    if averaged is None:
        return ExportScore(run.best.utterances(), [run.best.step])
    if averaged.is_kept:
        return ExportScore(averaged.average.utterances, averaged.steps, averaged.sentence)
    return ExportScore(averaged.single.utterances, averaged.steps[:1], averaged.sentence)


def _write_model(run: KeptRun, score: ExportScore, averaged: Averaged | None, *, into: Path) -> None:
    copy_model(run.best.folder if averaged is None or not averaged.is_kept else averaged.folder, into)
    prediction = run.config.prediction
    set_prediction(into, prediction)
    wer = score.word_errors.wer if score.rows else run.best.eval_wer
    facts = {"steps": list(score.steps), "eval_wer": wer, "prediction": prediction.model_dump(), "run": run.name}
    add_facts(into, as_written(facts, run.config.model.rate()))
    _write_card(run, score, into=into)
    for name, text in beside_model().items():
        write_text(into / name, text)


def _write_card(run: KeptRun, score: ExportScore, *, into: Path, proof: Proof | None = None) -> None:
    window = read_as(into / RAYTRAIN, _Recorded).window
    write_text(into / README, model_card(run, score, window=window, proof=proof))


def _timed(run: KeptRun, model: Path, *, say: Callable[[str], None]) -> Forecast | None:
    try:
        corpus = _validation_corpus(run)
        indices = scored_indices(run.best, corpus)
    except InputError as error:
        say(f"no forecast of how long it takes: {error}")
        return None
    timed = forecast(model, corpus, indices)
    say(timed.sentence)
    return timed


def _validation_corpus(run: KeptRun) -> Corpus:
    """The validation corpus as the run prepared it; its own weights stand for those it started from, maybe gone."""
    model = run.config.model.model_copy(update={"pretrained": str(run.best.folder)})
    inputs = inputs_of(run.config.model_copy(update={"model": model}), may_share=True)
    return inputs.corpus if inputs.validation_corpus is None else inputs.validation_corpus
