"""The model card: a run and how it scored in; README.md out, in the form that model hubs read. No torch.

The text is card.md.j2's. It counts children and never names one; no transcript gets into it.
"""

import re
import shlex
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from raytrain.config.baseline import Audio, Baseline
from raytrain.config.dump import dump_yaml
from raytrain.config.languages import Rate, language_code, language_name, normaliser_of
from raytrain.config.manifests import Named
from raytrain.release.proved import Proof
from raytrain.release.runs import KeptRun
from raytrain.results.provenance import Provenance
from raytrain.results.records import also_at
from raytrain.results.transcripts import Scored, character_rate, counts
from raytrain.results.word_errors import WordErrors

_TEMPLATE = Path(__file__).with_name("card.md.j2")
_NAMES_ON_A_HUB = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class TableRow:
    """One line of the card's table: an age bucket, a manifest, or all."""

    name: str
    errors: WordErrors
    cer: float | None
    """CER beside the WER; None where the rows do not say, or the errors themselves are of characters."""
    utterances: int
    children: int


@dataclass(frozen=True)
class ExportScore:
    """The exported weights on the utterances that scored the run: a row each, with its edit counts."""

    rows: Sequence[Scored]
    steps: Sequence[int]
    """The step of the checkpoint that is exported, or the steps of those that were averaged."""
    note: str | None = None
    """What came of averaging, where it was asked for."""
    members: Sequence[str] = ()
    """The names of the weights that were averaged. The rows are then of the children by whom they were not chosen."""

    @property
    def word_errors(self) -> WordErrors:
        """Edit counts over all utterances."""
        return WordErrors.total(map(counts, self.rows))

    @property
    def cer(self) -> float | None:
        """CER over all utterances; None where an earlier version scored them, by words and as English."""
        return character_rate(self.rows)

    @property
    def weights(self) -> str:
        """Which weights these are."""
        if self.members:
            return f"the average of those of {', '.join(self.members)}"
        return f"of step {self.steps[0]}"

    @property
    def several_sources(self) -> bool:
        """Whether the utterances are of several manifests."""
        return any("source" in row for row in self.rows)

    def table(self, rate: Rate) -> list[TableRow]:
        """A line for each age bucket, the youngest first, one for each manifest where there are several, and one for
        all."""
        buckets: dict[str, list[Scored]] = defaultdict(list)
        sources: dict[str, list[Scored]] = defaultdict(list)
        for row in self.rows:
            buckets[row["age_bucket"]].append(row)
            if "source" in row:
                sources[row["source"]].append(row)
        named = [(bucket, buckets[bucket]) for bucket in sorted(buckets, key=_years)]
        named += [(_in_a_cell(name), sources[name]) for name in sorted(sources)]
        return [
            TableRow(
                name,
                WordErrors.total(map(counts, rows)),
                character_rate(rows) if rate == "WER" else None,
                len(rows),
                len({row["child_id"] for row in rows}),
            )
            for name, rows in [*named, ("**all**", self.rows)]
        ]


def model_card(
    run: KeptRun, score: ExportScore, *, window: Audio, proof: Proof | None = None, adapter_over: str | None = None
) -> str:
    """The text of README.md, with what was proved; where faster-whisper proved it, of a conversion. `adapter_over`
    names the weights that it lies over, where it is an adapter left apart."""
    before = (row["eval_wer"] for row in run.history if row["step"] == 0 and row.get("eval_wer") is not None)
    config = _without_folders(run.config)
    conversion = None if proof is None else proof.conversion
    library = "peft" if adapter_over is not None else "transformers" if conversion is None else "ctranslate2"
    over = adapter_over and (adapter_over if _NAMES_ON_A_HUB.fullmatch(adapter_over) else Path(adapter_over).name)
    card = ModelCard.from_template(
        _metadata(run, score, library=library),
        template_path=str(_TEMPLATE),
        run=run,
        config=config,
        sources=config.data.train_sources(),
        scored_sources=config.data.validation_sources(),
        score=score,
        rate=config.model.rate(),
        language=language_name(config.model.text_language()),
        normaliser=normaliser_of(config.model.text_language() if score.cer is not None else "en"),
        table=score.table(config.model.rate()),
        window=window,
        proof=proof,
        conversion=conversion,
        adapter_over=over,
        num_beams=config.prediction.num_beams,
        spoken=config.model.text_language(),
        base=_base_weights(run),
        caveats=run.description.caveats(),
        licence=_licence(run),
        scored_on=_scored_on(run),
        scored_how=_decoding(run.config.evaluation.num_beams),
        used_how=_decoding(run.config.prediction.num_beams),
        wer_before=next(before, None),
        elsewhere=_elsewhere(run, score),
        data=run.description.data,
        counted=_counted,
        config_yaml=dump_yaml(config).rstrip(),
        facts=list(_facts(run.description.provenance)),
    )
    return str(card).rstrip() + "\n"


def _without_folders(config: Baseline) -> Baseline:
    """For others to read: a path by its last part, since where it lies on this machine is nobody's business."""
    data, model, noise = config.data, config.model, config.augmentation.noise_folder
    manifests = {
        "train_manifest": _last_parts(data.train_manifest, data.train_sources()),
        "validation_manifest": _last_parts(data.validation_manifest, data.validation_sources()),
    }
    weights = model.pretrained
    if weights is not None and Path(weights).is_absolute():
        weights = Path(weights).name
    return config.model_copy(
        update={
            "data": data.model_copy(update=manifests),
            "evaluation": config.evaluation.model_copy(
                update={"also": {name: Path(manifest).name for name, manifest in config.evaluation.also.items()}}
            ),
            "model": model.model_copy(update={"pretrained": weights}),
            "augmentation": config.augmentation.model_copy(update={"noise_folder": noise and Path(noise).name}),
            "storage": config.storage if "://" in config.storage else Path(config.storage).name,
        }
    )


def _last_parts(written: object, sources: Sequence[Named]) -> str | list[Named] | None:
    bare = [source.model_copy(update={"manifest": Path(source.manifest).name}) for source in sources]
    return (bare if isinstance(written, list) else bare[0].manifest) if bare else None


def _metadata(run: KeptRun, score: ExportScore, *, library: str) -> ModelCardData:
    base = _base_weights(run)
    rate = run.config.model.rate()
    result = EvalResult(
        task_type="automatic-speech-recognition",
        dataset_type="private",
        dataset_name=_dataset(run),
        metric_type=rate.lower(),
        metric_value=round(100 * score.word_errors.wer, 2),
        metric_name=f"{rate} %",
    )
    means_something = not run.description.random_weights
    return ModelCardData(
        language=language_code(run.config.model.language),
        license=_licence(run),
        library_name=library,
        pipeline_tag="automatic-speech-recognition",
        tags=["whisper", "children", "raytrain", *(["synthetic-data"] if run.description.synthetic else [])],
        base_model=base if base is not None and _NAMES_ON_A_HUB.fullmatch(base) else None,
        model_name=run.name if means_something else None,
        eval_results=[result] if means_something else None,
    )


def _base_weights(run: KeptRun) -> str | None:
    """Where the weights first came from: a hub's name, or the last part of a path; None: nowhere."""
    source = run.best.source
    if source is None:
        return None
    return source if _NAMES_ON_A_HUB.fullmatch(source) and not Path(source).exists() else Path(source).name


def _licence(run: KeptRun) -> str:
    """The licence of the base weights: OpenAI's; unknown where raytrain cannot tell."""
    return "apache-2.0" if (_base_weights(run) or "").startswith("openai/") else "unknown"


def _dataset(run: KeptRun) -> str:
    if run.description.synthetic:
        return "synthetic demo corpus of raytrain"
    data = run.config.data
    scored_on = data.validation_sources() or data.train_sources()
    apart = run.description.halves_are_compared and not run.description.shared
    names = " and ".join(Path(one.manifest).name for one in scored_on)
    return f"{'held-out children' if apart else 'utterances'} of {names}"


def _scored_on(run: KeptRun) -> str:
    """Whom the figures were measured on, by what was checked and nothing else."""
    if run.description.shared:
        return f"On utterances not apart from training: both have {run.description.shared}"
    if run.description.data.get("children_not_known"):
        return "On utterances whose children are not known, and may have been heard in training"
    if not run.description.halves_are_compared:
        return "On a manifest of its own; whether its children were heard in training was not checked"
    return "On held-out children, none of whom was heard in training"


def _elsewhere(run: KeptRun, score: ExportScore) -> list[tuple[str, float, float | None]]:
    """Error rates on further sets, by name, with those before training: of weights that the run scored on them."""
    before = also_at(run.history, 0)
    after = also_at(run.history, score.steps[0]) if len(score.steps) == 1 else {}
    return [(name, wer, before.get(name)) for name, wer in after.items()]


def _decoding(num_beams: int) -> str:
    return "greedily" if num_beams == 1 else f"with {num_beams} beams"


def _counted(utterances: int | dict[str, int]) -> str:
    """A number, or one with its parts by age."""
    if isinstance(utterances, int):
        return str(utterances)
    parts = ", ".join(f"{bucket}: {utterances[bucket]}" for bucket in sorted(utterances, key=_years))
    return f"{sum(utterances.values())} ({parts})"


def _facts(made: Provenance) -> Iterator[str]:
    """What the run recorded of how it was made, a line each."""
    commit: Mapping[str, Any] = made.get("commit") or {}
    hardware: Mapping[str, Any] = made.get("hardware") or {}
    gpus = ", ".join(gpu["name"] for gpu in hardware.get("gpus") or []) or "no GPU"
    facts = {
        "command": f"`{shlex.join(made['command_line'])}`" if made.get("command_line") else None,
        "commit": commit.get("hash", "") + (", with changes not committed" if commit.get("dirty") else ""),
        "seeds": ", ".join(f"{key} {value}" for key, value in (made.get("seeds") or {}).items()),
        "hardware": f"{gpus}, {hardware['cpu']}" if hardware.get("cpu") else None,
        "versions": ", ".join(f"{name} {version}" for name, version in (made.get("versions") or {}).items() if version),
    }
    return (f"{name}: {fact}" for name, fact in facts.items() if fact)


def _in_a_cell(name: str) -> str:
    return name.replace("|", "\\|")


def _years(bucket: str) -> tuple[bool, int, str]:
    """Sorts 3-4 before 12+, and unknown last."""
    first = re.match(r"\d+", bucket)
    return first is None, int(first[0]) if first else 0, bucket
