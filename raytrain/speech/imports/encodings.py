"""How a file of text is encoded, by its first bytes: UTF-8 with or without its mark, UTF-16 and UTF-32 by theirs."""

import codecs
from pathlib import Path

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def encoding_of(path: Path) -> str:
    """The encoding to open the file with; what bears no mark is taken for UTF-8."""
    with path.open("rb") as file:
        start = file.read(4)
    # UTF-32's mark begins as UTF-16's does, and is looked for first.
    return next((name for mark, name in _MARKS.items() if start.startswith(mark)), "utf-8")
