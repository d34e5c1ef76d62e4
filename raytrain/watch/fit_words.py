"""What a fit says at its end: its result and folder in; what came of it, and what to do with it, out, on stderr."""

import shlex
from pathlib import Path

from raytrain.results.description import Description, Result
from raytrain.results.wording import number_text
from raytrain.terminal import here, tell, tell_command


def fit_words(result: Result, folder: Path, *, description: Description) -> None:
    """Say what a completed fit came to, where its weights are, and how they are used."""
    config = description.baseline
    rate, place = config.model.rate(), here(folder)
    before = next((row.get("eval_wer") for row in result.get("history") or [] if row.get("step") == 0), None)
    first = f"{number_text(before, 4)} before training → " if before is not None else ""
    beside = f", CER {number_text(result.get('eval_cer'), 4)}" if rate == "WER" and "eval_cer" in result else ""
    tell(
        "result",
        f"{rate} {first}{number_text(result.get('eval_wer'), 4)}{beside} after {result.get('step')} steps "
        f"(best {number_text(result.get('best_eval_wer'), 4)}), {number_text(result.get('train_examples_per_s'), 1)} "
        f"clips/s in {result.get('precision_used')}",
    )
    checkpoint = result.get("checkpoint")
    if checkpoint is None:
        return
    tell_command(here(folder / checkpoint), label="weights")
    if config.model.pretrained is None:
        tell("next", "The weights were random at the start: train published ones with model.pretrained=NAME.")
        return
    best, search = result.get("best_eval_wer"), _as_search(description)
    if before is not None and best is not None and best >= before and search:
        tell("next", "Training did not help: search for settings that do.")
        tell_command(search)
        return
    tell("next", "Export it for use, or hear with it as it is:")
    tell_command(f"python -m raytrain.export {shlex.quote(place)} --to {shlex.quote(f'exported/{folder.name}')}")
    tell_command(f"python -m raytrain.transcribe {shlex.quote(place)} RECORDING")


def _as_search(description: Description) -> str:
    """The command that searches around what the fit was asked to train; "" where that is not known."""
    asked = description.provenance.get("command_line") or []
    if asked[:3] != ["python", "-m", "raytrain.fit"]:
        return ""
    named = (part.replace("--config", "--baseline") if part.startswith("--config") else part for part in asked[3:])
    return shlex.join(["python", "-m", "raytrain.tune", *named])
