"""An archived run in; a YAML for baselines/ that trains what the run trained, or the list of what it lacks, out."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from raytrain.archive.summaries import recognise
from raytrain.archive.trainer_run import TrainerRun
from raytrain.config.baseline import Baseline
from raytrain.config.dump import dump_yaml
from raytrain.config.reader import load_baseline
from raytrain.errors import InputError
from raytrain.files import read_as, write_text
from raytrain.results.description import FIT_FILE, STUDY_FILE
from raytrain.whisper.variants import VARIANTS


def write_baseline(folder: Path, path: Path) -> list[str]:
    """Write the run's configuration where nothing is yet. Returns what the reader of the file has to know."""
    if path.exists():
        raise InputError(f"{path}: exists; name another file with --to baselines/NAME.yaml")
    if path.suffix not in (".yaml", ".yml"):
        raise InputError(f"{path}: not a YAML file's name; write --to baselines/NAME.yaml")
    baseline, notes = _of_trainer(folder) if recognise(folder) == "trainer" else _of_raytrain(folder)
    head = [f"From the archived run {folder.name}.", *notes]
    write_text(path, "".join(f"# {line}\n" for line in head) + dump_yaml(baseline))
    return notes


def _of_raytrain(folder: Path) -> tuple[Baseline, list[str]]:
    """A fit's own configuration; a study's best, from best.yaml, else the baseline that it started from."""
    if (folder / "best.yaml").is_file():
        return load_baseline(str(folder / "best.yaml")), ["The study's best trial."]
    path = next((folder / name for name in (FIT_FILE, STUDY_FILE) if (folder / name).is_file()), None)
    if path is None:
        raise InputError(f"{folder}: holds no configuration; write a baseline by hand, from the nearest in baselines/")
    baseline = read_as(path, dict[str, Any]).get("baseline")
    if baseline is None:
        raise InputError(f"{path}: holds no resolved baseline; write one by hand from the nearest in baselines/")
    return _validated(path, baseline), []


def _of_trainer(folder: Path) -> tuple[Baseline, list[str]]:
    run = TrainerRun(folder)
    given = run.arguments
    needed = {
        "the Whisper variant (config.json)": run.variant,
        "training_args.bin": given or None,
        "per_device_train_batch_size": given.get("per_device_train_batch_size"),
        "gradient_accumulation_steps": given.get("gradient_accumulation_steps"),
        "learning_rate": given.get("learning_rate"),
    }
    lacking = [what for what, value in needed.items() if value is None]
    if lacking:
        raise InputError(f"{folder}: does not tell {', '.join(lacking)}; write a baseline by hand from the nearest one")
    notes = [
        "The run does not say which manifest it was trained on: set data.train_manifest.",
        "It padded clips to 30 s.",
    ]
    if run.pretrained is None:
        hub_id = VARIANTS[str(run.variant)].hub_id
        notes.append(f"It does not say which weights it started from: {hub_id} is the size's own.")
    schedule, optimizer = given.get("lr_scheduler_type", "linear"), given.get("optim", "adamw_torch")
    if schedule not in ("linear", "cosine") or not str(optimizer).startswith("adamw"):
        raise InputError(
            f"{folder}: trained with {optimizer} and {schedule}, which raytrain has not; write a baseline by hand"
        )
    values = {
        "model": _model(run),
        "audio": {"window": "full"},
        "training": _training(run),
        "evaluation": {
            "batch_size": int(given.get("per_device_eval_batch_size") or 16),
            "every_steps": _interval(given.get("eval_steps"), otherwise=500),
        },
        "prediction": {"num_beams": int(given.get("generation_num_beams") or 5)},
    }
    return _validated(folder, values), notes


def _model(run: TrainerRun) -> dict[str, Any]:
    return {
        "variant": run.variant,
        "pretrained": run.pretrained or VARIANTS[str(run.variant)].hub_id,
        "language": _language(run.generation.get("language")),
        "task": run.generation.get("task") or "transcribe",
        "dropout": float(run.model.get("dropout") or 0.0),
        "gradient_checkpointing": bool(run.arguments.get("gradient_checkpointing", False)),
    }


def _training(run: TrainerRun) -> dict[str, Any]:
    given = run.arguments
    max_steps = given.get("max_steps") or -1
    warmup = float(given.get("warmup_steps") or 0)
    ratio = float(given.get("warmup_ratio") or 0)
    if 0 < warmup < 1:  # transformers 5 has the ratio in the same key
        warmup, ratio = 0.0, warmup
    return {
        "batch_size": given.get("per_device_train_batch_size"),
        "gradient_accumulation_steps": given.get("gradient_accumulation_steps"),
        "learning_rate": given.get("learning_rate"),
        "warmup_steps": round(warmup or ratio * (run.state.get("max_steps") or 0)),
        "weight_decay": float(given.get("weight_decay") or 0.0),
        "max_grad_norm": float(given.get("max_grad_norm") or 1.0),
        "num_epochs": None if max_steps > 0 else max(1, round(given.get("num_train_epochs") or 1)),
        "max_steps": max_steps if max_steps > 0 else None,
        "precision": "fp16" if given.get("fp16") else "bf16" if given.get("bf16") else "fp32",
        "schedule": str(given.get("lr_scheduler_type", "linear")),
        "seed": given.get("seed", 42),
        "keep_best": int(given.get("save_total_limit") or 3),
        "checkpoint_every_steps": _interval(given.get("save_steps"), otherwise=1000),
    }


def _interval(steps: Any, *, otherwise: int) -> int:
    """An interval in steps; Trainer takes a share of the run as well, which has no counterpart here."""
    return int(steps) if isinstance(steps, int | float) and steps >= 1 else otherwise


def _language(named: Any) -> str:
    """The language's code, `en`; the generation config may have `english` or `<|en|>`."""
    text = str(named or "en").strip("<|>").lower()
    return "en" if text == "english" else text


def _validated(place: Path, values: dict[str, Any]) -> Baseline:
    try:
        return Baseline.model_validate(values)
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()]
        raise InputError(f"{place}: not a baseline of this raytrain: {'; '.join(faults)}; mend it by hand") from None
