"""Code that leaves with a model, and runs where there is no raytrain: modules of this package in, their sources out."""

from pathlib import Path

from raytrain.release import transcriber
from raytrain.whisper import hearing, silence

# How modules import each other: here, and where they lie beside each other.
_BESIDE = {
    "raytrain.whisper.hearing": "hearing",
    "raytrain.whisper.silence": "silence",
    "raytrain.release.transcriber": "transcribe",
}


def beside_model() -> dict[str, str]:
    """What lies beside a model for its user, by file name: `python transcribe.py FILE ...`, and what it needs."""
    modules = {"transcribe.py": transcriber, "hearing.py": hearing, "silence.py": silence}
    return {name: source(Path(str(module.__file__))) for name, module in modules.items()}


def source(module: Path) -> str:
    """A module's source, its imports as they are where it lies beside the others."""
    text = module.read_text(encoding="utf-8")
    for here, there in _BESIDE.items():
        text = text.replace(f"from {here} import", f"from {there} import")
    return text
