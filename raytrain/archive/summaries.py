"""The folder of a run in, archived or not, ours or foreign; what kind it is and what a comparison needs of it out."""

from pathlib import Path
from typing import Any, cast

from raytrain.archive.checksums import FILE_NAME, read_manifest
from raytrain.archive.told import Config, Described, told
from raytrain.archive.trainer_run import TrainerRun
from raytrain.archive.tree import one_line, refuse_links_out, scan
from raytrain.config.languages import rate_of
from raytrain.errors import Damaged, InputError
from raytrain.results.choose import best_trial
from raytrain.results.description import read_description
from raytrain.results.ledger import Ledger
from raytrain.results.rates import as_read

KINDS = {
    "study": "a study of raytrain.tune",
    "fit": "a run of raytrain.fit",
    "trainer": "the output of a transformers Trainer",
    "model": "a model in Hugging Face form",
    "logs": "TensorBoard logs",
}


def recognise(folder: Path) -> str | None:
    """Which of KINDS a folder is, by the files at its top; None for anything else."""
    if (folder / "study.json").is_file():
        return "study"
    if (folder / "fit.json").is_file():
        return "fit"
    if TrainerRun.recognises(folder):
        return "trainer"
    if (folder / "config.json").is_file() and any(folder.glob("*.safetensors*")):
        return "model"
    if any(folder.glob("events.out.tfevents.*")) or any(folder.glob("runs/*/events.out.tfevents.*")):
        return "logs"
    return None


def summary(folder: Path) -> dict[str, Any]:
    """One run as a comparison needs it, null where the run does not say. WER is a fraction, however it was recorded.

    Keys: name, kind, when, model, variant, language, batch_size, gradient_accumulation_steps, effective_batch_size,
    learning_rate, num_epochs, precision, seed, steps, examples_seen, wer_unit, rate, eval_wer, best_eval_wer,
    best_step, history (rows with step and eval_wer), archived_at, why; a study's are its best trial's, with `trials`
    besides. Where `rate` is CER, so is each WER: the language writes no spaces.
    """
    folder = Path(folder)
    try:
        return _summary(folder)
    except OSError as error:
        raise InputError(f"{error.filename or folder}: {error.strerror}; make it readable") from None


def _summary(folder: Path) -> dict[str, Any]:
    kind = recognise(folder)
    if kind is None:
        raise InputError(f"{folder}: not a run: it holds none of {', '.join(KINDS.values())}")
    try:
        manifest = read_manifest(folder) if (folder / FILE_NAME).is_file() else None
    except Damaged:
        manifest = None  # `verify` reports that; a comparison needs nothing of it
    if kind == "study":
        found = _study(folder)
    elif kind == "fit":
        found = _fit(folder)
    else:
        found = TrainerRun(folder).summary(unit=manifest.wer_unit if manifest else None)
    scored = [row for row in found["history"] if row.get("eval_wer") is not None]
    best = min(scored, key=lambda row: row["eval_wer"], default=None)
    archived = {"archived_at": manifest.archived_at, "why": manifest.why} if manifest else {}
    return {
        "name": manifest.name if manifest else folder.resolve().name,
        "kind": kind,
        "archived_at": None,
        "why": None,
        "eval_wer": scored[-1]["eval_wer"] if scored else None,
        "best_eval_wer": best["eval_wer"] if best else None,
        "best_step": best["step"] if best else None,
        **archived,
        **found,
    }


def summary_or_fault(folder: Path) -> tuple[dict[str, Any], str | None]:
    """An archived run's summary, or {} and in a line why its files cannot be made out: it is listed all the same."""
    try:
        refuse_links_out(folder, scan(folder))  # nothing is read that is no file of the run's own
        return summary(folder), None
    except InputError as error:
        return {}, one_line(str(error))


def made_with(folder: Path) -> tuple[str | None, dict[str, str | None]]:
    """The commit and the versions that a run recorded; None and {} where it did not."""
    recorded = (one.get("provenance") for one in told([folder / "study.json", folder / "fit.json"], Described))
    provenance = next(filter(None, recorded), None)
    if provenance is None:
        version = TrainerRun(folder).model.get("transformers_version")
        return None, {"transformers": version} if version else {}
    commit = provenance.get("commit")
    if isinstance(commit, dict):
        commit = f"{commit.get('hash')}{'-dirty' if commit.get('dirty') else ''}"
    return commit, {"python": provenance.get("python"), **(provenance.get("versions") or {})}


def _fit(folder: Path) -> dict[str, Any]:
    described = _described(folder / "fit.json")
    result = as_read(described.get("result") or {})
    when = (described.get("provenance") or {}).get("started_at") or _date(folder)
    return _of_config(described.get("baseline") or {}) | {
        "when": when,
        "outcome": result.get("outcome"),
        "steps": result.get("step"),
        "examples_seen": result.get("examples_seen"),
        "history": result.get("history") or [],
    } | {key: result[key] for key in ("eval_wer", "best_eval_wer") if result.get(key) is not None}  # fmt: skip


def _study(folder: Path) -> dict[str, Any]:
    described = _described(folder / "study.json")
    records = Ledger(folder).read()
    best = best_trial(records, memory_limit_gib=_memory_limit_gib(folder))
    found = _of_config(cast("Config", best.config.model_dump()) if best else described.get("baseline") or {})
    found |= {"when": _date(folder), "trials": len(records), "steps": None, "examples_seen": None, "history": []}
    if best is None:
        return found
    return found | {
        "when": best.started_at,
        "best_trial": best.number,
        "steps": best.steps,
        "examples_seen": best.examples_seen,
        "eval_wer": best.eval_wer,
        "best_eval_wer": best.best_eval_wer,
        "history": best.history,
    }


def _described(path: Path) -> Described:
    return next(iter(told([path], Described)), Described())


def _memory_limit_gib(folder: Path) -> float | None:
    try:
        return read_description(folder).memory_limit_gib
    except InputError:  # an older or a torn description: its runs are shown all the same
        return None


def _of_config(config: Config) -> dict[str, Any]:
    """The keys of a resolved baseline that a comparison shows."""
    model, training = config.get("model") or {}, config.get("training") or {}
    language = model.get("language") or "en"
    batch_size, accumulation = training.get("batch_size"), training.get("gradient_accumulation_steps")
    workers = (config.get("scaling") or {}).get("num_workers", 1)
    return {
        "model": model.get("pretrained"),
        "variant": model.get("variant"),
        "language": model.get("language"),
        "batch_size": batch_size,
        "gradient_accumulation_steps": accumulation,
        "effective_batch_size": batch_size * accumulation * workers if batch_size and accumulation else None,
        "learning_rate": training.get("learning_rate"),
        "num_epochs": training.get("num_epochs"),
        "precision": training.get("precision"),
        "seed": training.get("seed"),
        "wer_unit": "fraction",
        "rate": rate_of("en" if model.get("task") == "translate" else language),
    }


def _date(folder: Path) -> str | None:
    """The day a run was made, which its folder's name begins with."""
    start = folder.resolve().name[:10]
    return start if start.count("-") == 2 and start.replace("-", "").isdigit() else None
