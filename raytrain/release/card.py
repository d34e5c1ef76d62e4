"""The model card: a run and how it scored in; README.md out, in the form that model hubs read. No torch.

It counts children and never names one; no transcript gets into it.
"""

import re
import shlex
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from raytrain.config.baseline import Audio
from raytrain.config.dump import dump_yaml
from raytrain.release.loading_code import loading_code
from raytrain.release.runs import Run
from raytrain.results.transcripts import counts
from raytrain.results.word_errors import WordErrors

_OPENAIS_LICENCE = "apache-2.0"
_NAMES_ON_A_HUB = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class Scored:
    """The exported weights on the utterances that scored the run: a row each, with its edit counts."""

    rows: Sequence[dict[str, Any]]
    steps: Sequence[int]
    """One, or those that were averaged."""
    note: str | None = None
    """What came of averaging, where it was asked for."""

    @property
    def word_errors(self) -> WordErrors:
        return WordErrors.total(counts(row) for row in self.rows)

    def by_age_bucket(self) -> dict[str, list[dict[str, Any]]]:
        buckets: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.rows:
            buckets[row["age_bucket"]].append(row)
        return dict(sorted(buckets.items(), key=lambda item: _years(item[0])))


def model_card(run: Run, scored: Scored, *, window: Audio) -> str:
    """The whole file."""
    sections = [
        f"---\n{_metadata(run, scored)}\n---\n\n# {run.name}",
        _lead(run),
        "\n".join(f"> **{caveat}**" for caveat in run.description.caveats()),
        _use(window),
        _scores(run, scored),
        _data(run),
        _training(run, scored),
        _licence(run),
        _provenance(run.description.provenance),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _metadata(run: Run, scored: Scored) -> str:
    description, base = run.description, base_weights(run)
    results = None
    if not description.random_weights:
        results = [
            EvalResult(
                task_type="automatic-speech-recognition",
                dataset_type="private",
                dataset_name=_dataset(run),
                metric_type="wer",
                metric_value=round(100 * scored.word_errors.wer, 2),
                metric_name="WER %",
            )
        ]
    data = ModelCardData(
        language=run.config.model.language,
        license=licence(run),
        library_name="transformers",
        pipeline_tag="automatic-speech-recognition",
        tags=["whisper", "children", "raytrain", *(["synthetic-data"] if description.synthetic else [])],
        base_model=base if base is not None and _NAMES_ON_A_HUB.fullmatch(base) else None,
        model_name=run.name if results else None,
        eval_results=results,
    )
    return str(data.to_yaml()).strip()


def base_weights(run: Run) -> str | None:
    """Where the weights first came from: a hub's name, or the last part of a path; None: nowhere."""
    source = run.best.source
    if source is None:
        return None
    return source if _NAMES_ON_A_HUB.fullmatch(source) and not Path(source).exists() else Path(source).name


def licence(run: Run) -> str:
    """Of the base weights; unknown where raytrain cannot tell."""
    source = base_weights(run)
    return _OPENAIS_LICENCE if source is not None and source.startswith("openai/") else "unknown"


def _lead(run: Run) -> str:
    base = base_weights(run)
    made = f"fine-tuned from {base}" if base is not None else "trained from random weights"
    return f"Whisper {run.config.model.variant}, {made} on children's speech."


def _use(window: Audio) -> str:
    if window.window == "fitted":
        told = (
            f"This model hears an audio window **fitted to the clip**, and not Whisper's 30 s: the clip's length and "
            f"{window.margin_s:g} s of silence, rounded up to a multiple of {window.step_s:g} s, at most "
            f"{window.max_window_s:g} s. Code that pads clips to 30 s, as transformers' pipeline does, runs, more "
            f"slowly, and with another WER than the one below. This code obeys the window:"
        )
    else:
        told = "This model hears Whisper's own **full 30 s** window, so transformers' pipeline serves as well."
    return f"## How to use it\n\n{told}\n\n```python\n{loading_code(window)}```"


def _scores(run: Run, scored: Scored) -> str:
    lines = ["## Word error rate", ""]
    if run.description.random_weights:
        lines += ["The weights were random at the start: these figures mean nothing.", ""]
    if not scored.rows:
        return "\n".join([*lines, "The run kept none of its transcripts, so nothing is told here."])
    lines += ["| age | WER % | words | utterances | children |", "|---|---|---|---|---|"]
    lines += [_score_row(bucket, rows) for bucket, rows in scored.by_age_bucket().items()]
    lines += [_score_row("**all**", scored.rows), ""]
    how, use = _decoding(run.config.evaluation.num_beams), _decoding(run.config.prediction.num_beams)
    lines.append(
        f"On held-out children, none of whom was heard in training; decoded {how}"
        + (f", while the code above decodes {use}" if use != how else "")
        + "; corpus WER after Whisper's English text normalisation."
    )
    before = next((row for row in run.history if row["step"] == 0 and row.get("eval_wer") is not None), None)
    if before is not None:
        lines.append(f"Before training, the same utterances had {100 * before['eval_wer']:.2f} %.")
    if scored.note is not None:
        lines += ["", f"Of averaging: {scored.note}."]
    return "\n".join(lines)


def _decoding(num_beams: int) -> str:
    return "greedily" if num_beams == 1 else f"with {num_beams} beams"


def _score_row(name: str, rows: Sequence[dict[str, Any]]) -> str:
    errors = WordErrors.total(counts(row) for row in rows)
    children = len({row["child_id"] for row in rows})
    return f"| {name} | {100 * errors.wer:.2f} | {errors.reference_words} | {len(rows)} | {children} |"


def _data(run: Run) -> str:
    data, told = run.config.data, run.description.data
    lines = [
        "## Trained on",
        "",
        f"- training manifest: `{data.train_manifest}`" + (", which is synthetic" if run.description.synthetic else ""),
        f"- validation: {_validation(run)}",
    ]
    for half in ("train", "validation"):
        utterances, children = told.get(f"{half}_utterances"), told.get(f"{half}_children")
        if utterances is not None:
            lines.append(f"- {half}: {_counted(utterances)} utterances of {len(children or ())} children")
    return "\n".join(lines)


def _validation(run: Run) -> str:
    data = run.config.data
    if data.validation_manifest is not None:
        return f"`{data.validation_manifest}`"
    return f"{data.validation_ratio:.0%} of that manifest, by whole children"


def _counted(utterances: int | dict[str, int]) -> str:
    """A number, or one with its parts by age."""
    if isinstance(utterances, int):
        return str(utterances)
    parts = ", ".join(f"{bucket}: {utterances[bucket]}" for bucket in sorted(utterances, key=_years))
    return f"{sum(utterances.values())} ({parts})"


def _training(run: Run, scored: Scored) -> str:
    training = run.config.training
    effective = run.config.effective_batch_size()
    steps = ", ".join(map(str, scored.steps))
    weights = f"of step {steps}" if len(scored.steps) == 1 else f"the average of those of steps {steps}"
    return (
        f"## Training\n\nThe weights are {weights}; batch {training.batch_size} × "
        f"{training.gradient_accumulation_steps} accumulated"
        + (f" × {run.config.scaling.num_workers} workers" if run.config.scaling.num_workers > 1 else "")
        + f" = {effective} utterances a step, learning rate {training.learning_rate:g}. All of it, as a file that "
        f"`python -m raytrain.fit --config` takes:\n\n```yaml\n{dump_yaml(run.config).rstrip()}\n```"
    )


def _licence(run: Run) -> str:
    known = licence(run)
    told = "which is not known here" if known == "unknown" else f"as published: {known}"
    return (
        f"## Licence\n\nThat of the base weights, {told}. What the training data's own terms add to it is for whoever "
        f"publishes this to settle."
    )


def _provenance(made: dict[str, Any]) -> str:
    commit, hardware = made.get("commit") or {}, made.get("hardware") or {}
    gpus = ", ".join(gpu["name"] for gpu in hardware.get("gpus") or []) or "no GPU"
    versions = ", ".join(f"{name} {version}" for name, version in (made.get("versions") or {}).items() if version)
    facts = {
        "command": f"`{shlex.join(made['command_line'])}`" if made.get("command_line") else None,
        "commit": commit.get("hash", "") + (", with changes not committed" if commit.get("dirty") else ""),
        "seeds": ", ".join(f"{key} {value}" for key, value in (made.get("seeds") or {}).items()),
        "hardware": f"{gpus}, {hardware['cpu']}" if hardware.get("cpu") else None,
        "versions": versions,
    }
    lines = [f"- {name}: {fact}" for name, fact in facts.items() if fact]
    return "\n".join(["## Provenance", "", *(lines or ["Not told by the run."])])


def _dataset(run: Run) -> str:
    if run.description.synthetic:
        return "synthetic demo corpus of raytrain"
    manifest = run.config.data.validation_manifest or run.config.data.train_manifest
    return f"held-out children of {Path(manifest).name}"


def _years(bucket: str) -> tuple[bool, int, str]:
    """3-4 before 12+, unknown last."""
    first = re.match(r"\d+", bucket)
    return first is None, int(first[0]) if first else 0, bucket
