"""The page on which W&B shows a study's trials, or a fit: its address, in a file beside the run's own.

The server names it as the first run opens, and nobody waits for that: whoever wants to show it looks for the file.
"""

from pathlib import Path

from raytrain.files import write_text

_LONGEST = 2000


def page_of(folder: Path) -> str | None:
    """The page's address; None where no run has been opened online yet, or its file was damaged."""
    if not _file(folder).is_file():
        return None
    with _file(folder).open("rb") as file:
        written = file.read(_LONGEST + 1).decode("utf-8", "replace").strip()
    is_address = written.startswith(("http://", "https://")) and written.isprintable() and len(written) <= _LONGEST
    return written if is_address else None


def keep_page(folder: Path, address: str) -> bool:
    """Write the page's address down; whether it is another than the one before."""
    if page_of(folder) == address:
        return False
    write_text(_file(folder), address)
    return True


def _file(folder: Path) -> Path:
    return folder / "tracking" / "page.txt"
