"""What a person names in, a run's folder, a model's or a hub id; a model with the window it was trained for, out.

Loads no torch: what is wrong with a name is told at once.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from raytrain.config.baseline import Audio, Model, Prediction
from raytrain.config.languages import language_code, unknown_language
from raytrain.errors import InputError, Meant
from raytrain.files import at_home, read_as
from raytrain.release.runs import KeptRun, find_run
from raytrain.results.description import FIT_FILE, STUDY_FILE
from raytrain.results.run_folder import meant_run
from raytrain.whisper.folders import RAYTRAIN, described_decoding, missing
from raytrain.whisper.locate import locate
from raytrain.whisper.sound import require_whisper, variant_of

_ELSE = "or name a run of raytrain's"


@dataclass(frozen=True, kw_only=True)
class _Recorded:
    """What raytrain.json may hold, beside weights of raytrain's making."""

    window: Audio
    source: str | None
    run: str | None = None
    prediction: Prediction | None = None


@dataclass(frozen=True, kw_only=True)
class NamedModel:
    """A model that is there, with how it listens."""

    typed: str
    """What the person named it by."""
    name: str
    """What it is called in tables and folders."""
    folder: Path
    """Its weights, in Hugging Face's form."""
    model: Model
    """What loads them: their language and task, and nothing of training."""
    audio: Audio
    """The audio window that it was trained for."""
    prediction: Prediction
    """How it transcribes where nothing else is said."""
    is_random: bool
    """Whether training began from random weights: what it hears means nothing then."""
    run: KeptRun | None
    """The run that it is the best checkpoint of; None for any other model."""

    @property
    def window_text(self) -> str:
        if self.audio.window == "full":
            return f"full: every clip padded to {self.audio.max_window_s:g} s, as it was trained"
        if self.audio.window == "condensed":
            return "condensed: 30 s, of whose silence a part is heard, as it was trained"
        return "fitted to the clip, as it was trained"

    @property
    def kind(self) -> str:
        if self.run is None:
            return "model"
        return f"{'fit' if self.run.trial is None else 'best trial'}, step {self.run.best.step}"

    def caveats(self) -> list[str]:
        """What a reader of its figures must know first."""
        found = [] if self.run is None else [f"{line}; passed over" for line in self.run.damaged]
        if self.is_random:
            found.append("The weights were random at the start: what it hears means nothing.")
        return found


def find_model(typed: str, *, language: str | None = None) -> NamedModel:
    """The model of a fit, a study, a checkpoint, an exported folder, any Whisper's folder, or a hub id, which is
    fetched. `language` is what it listens for in place of its own."""
    folder = at_home(typed)
    is_folder = _is_folder(folder)
    if is_folder and _is_run(folder):
        run = find_run(folder)
        return _of_run(typed, run, language)
    if is_folder and (lacks := missing(folder)):
        raise InputError(
            f"{typed}: neither a run ({FIT_FILE}, {STUDY_FILE}) nor a model in Hugging Face's form: it holds no "
            f"{' and no '.join(lacks)}; name a folder that is one"
        )
    with told_as_typed(meant_run(typed)):
        found = locate(typed, else_do=_ELSE)
    with told_as_typed():
        require_whisper(found)
        name = folder.resolve().name if is_folder else Path(typed).name
        return _of_folder(typed, name, found, language)


@contextmanager
def told_as_typed(meant: Meant | None = None) -> Iterator[None]:
    """What is wrong with weights, told of what was typed: a baseline's keys are nothing that these doors take. `meant`
    is what was probably meant, where nothing else is."""
    try:
        yield
    except InputError as error:
        message = re.sub(r"^model\.(pretrained|variant): ", "", str(error))
        raise InputError(re.sub(r"model\.language(=?)", r"--language\1", message), meant=error.meant or meant) from None


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name too long, or with a null in it
        return False


def _is_run(folder: Path) -> bool:
    """Whether it is a fit's or a study's folder, or a checkpoint that lies in one."""
    whole = folder.absolute()
    if any((whole / name).is_file() for name in (FIT_FILE, STUDY_FILE)):
        return True
    above = whole.parent.parent
    return (whole / RAYTRAIN).is_file() and ((above / FIT_FILE).is_file() or (above.parent / STUDY_FILE).is_file())


def _of_run(typed: str, run: KeptRun, language: str | None) -> NamedModel:
    folder, trained = run.best.folder, run.config.model
    return NamedModel(
        typed=typed,
        name=run.name,
        folder=folder,
        model=_listening(folder, trained.variant, language or trained.language, trained.task),
        audio=read_as(folder / RAYTRAIN, _Recorded).window,
        prediction=run.config.prediction,
        is_random=run.description.random_weights,
        run=run,
    )


def _of_folder(typed: str, name: str, folder: Path, language: str | None) -> NamedModel:
    recorded = read_as(folder / RAYTRAIN, _Recorded) if (folder / RAYTRAIN).is_file() else None
    decoding = described_decoding(folder)
    variant = variant_of(folder) or "small"  # of another shape: it is loaded as it is
    prediction = Prediction(num_beams=1) if recorded is None else recorded.prediction
    return NamedModel(
        typed=typed,
        name=name,
        folder=folder,
        model=_listening(folder, variant, language or _spoken(decoding), _task(decoding)),
        audio=Audio(window="full") if recorded is None else recorded.window,
        prediction=prediction or Prediction(),
        is_random=recorded is not None and recorded.source is None,
        run=None,
    )


def _listening(folder: Path, variant: str, language: str, task: str) -> Model:
    if fault := unknown_language(language):
        raise InputError(f"--language: {fault}")
    values = {"variant": variant, "pretrained": str(folder), "language": language_code(language), "task": task}
    try:
        return Model.model_validate({**values, "gradient_checkpointing": False})
    except ValidationError as error:  # a rule between keys: weights that know English alone
        details = error.errors()[0]
        raise InputError(f"--language {language}: {details.get('ctx', {}).get('error', details['msg'])}") from None


def _spoken(decoding: dict[str, Any]) -> str:
    """The language that generation_config.json names, as `en`, `english` or `<|en|>`; English where it names none."""
    named = decoding.get("language")
    return named.strip("<|>") if isinstance(named, str) and not unknown_language(named.strip("<|>")) else "en"


def _task(decoding: dict[str, Any]) -> str:
    return "translate" if decoding.get("task") == "translate" else "transcribe"
