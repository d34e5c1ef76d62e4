"""archive/README.md: a line a run, made from the manifests again after every change, so that it cannot be lost."""

from pathlib import Path
from typing import Any

from raytrain.archive.checksums import Manifest, read_manifest
from raytrain.archive.journal import RESTORED, Gone
from raytrain.archive.kept import read_kept, readable, text_of
from raytrain.archive.summaries import summary_or_fault
from raytrain.archive.tree import one_line
from raytrain.errors import Damaged, InputError
from raytrain.files import write_text

_BEGIN, _END = "<!-- made by raytrain.archive from here -->", "<!-- to here -->"
_HEAD = """# Archive

Runs that are over and kept, one folder each, with the sha256 of every file in its `MANIFEST.json`.

"""


def entries(home: Path) -> dict[str, Path]:
    """The archived runs' folders by name."""
    if not home.is_dir():
        return {}
    folders = (path for path in sorted(home.iterdir()) if path.is_dir() and not path.name.startswith("."))
    return {path.name: path for path in folders if path.name != RESTORED}


def write_index(home: Path) -> None:
    """Renew the lines in README.md between the marks; what people wrote around them stays.

    InputError for a file of which nobody knows what is whose: it stays as it is.
    """
    path = home / "README.md"
    try:
        old = text_of(path) if path.exists() else f"{_HEAD}{_BEGIN}\n{_END}\n"
    except InputError as error:
        raise InputError(f"{path}: its lines are not renewed: {error}; mend it, or move it away") from None
    before, found, rest = old.partition(_BEGIN)
    if found and _END not in rest:
        raise InputError(f"{path}: its lines are not renewed: {_END} is missing; put it back, or remove the file")
    after = rest.partition(_END)[2] if found else "\n"
    gap = "" if found else "\n"
    new = f"{before}{gap}{_BEGIN}\n{_lines(home)}{_END}{after}"
    if new != old or not path.exists():
        write_text(path, new)


def restored(home: Path) -> tuple[dict[str, Gone], list[str]]:
    """The records of runs that went back and are not here now, by name, and a line for each that cannot be read."""
    paths = [path for path in sorted((home / RESTORED).glob("*.json")) if not (home / path.stem).exists()]
    found, faults = readable(paths, lambda path: (path.stem, Gone(**read_kept(path, Gone))))
    return dict(found), faults


def _lines(home: Path) -> str:
    rows = [_row(name, folder) for name, folder in entries(home).items()]
    text = "\nNothing is archived.\n\n"
    if rows:
        head = _cells("name", "what", "best WER", "archived", "why", "what replaced it", "where it came from")
        text = "\n" + head + "|---" * 7 + "|\n" + "".join(rows) + "\n"
    back, _ = restored(home)
    if back:
        text += "Went back:\n\n| name | why it was here | from | until | to |\n|---|---|---|---|---|\n"
        for name, record in back.items():
            days = record.archived_at[:10], record.restored_at[:10]
            text += _cells(name, record.why, *days, f"`{record.restored_to}`")
        text += "\n"
    return text


def _row(name: str, folder: Path) -> str:
    try:
        manifest = read_manifest(folder)
    except Damaged as error:
        return _cells(name, error.faults[0], *[""] * 5)
    found, _ = summary_or_fault(folder)
    wer = found.get("best_eval_wer")
    return _cells(
        f"[{name}]({name}/)",
        what(manifest, found),
        f"{wer:.4f}{'' if found.get('rate', 'WER') == 'WER' else ' (CER)'}" if wer is not None else "",
        manifest.archived_at[:10],
        manifest.why,
        manifest.replaced_by or "",
        f"`{manifest.origin}`",
    )


def what(manifest: Manifest, found: dict[str, Any]) -> str:
    """A run, with its summary, in a few words: `trainer, medium, 8 × 4`."""
    sizes = [found.get("batch_size"), found.get("gradient_accumulation_steps")]
    parts = [manifest.kind, found.get("variant"), " × ".join(map(str, sizes)) if all(sizes) else None]
    return ", ".join(part for part in parts if part)


def _cells(*texts: str) -> str:
    return "| " + " | ".join(one_line(" ".join(text.split())).replace("|", "\\|") for text in texts) + " |\n"
