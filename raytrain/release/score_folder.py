"""Where a score is kept: what was asked, what each model heard so far, and in the end the scores and their report.

What was heard is on disk batch by batch, so that a score that was stopped goes on where it was.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from raytrain.errors import InputError
from raytrain.files import AppendedLines, at_home, make_folder, read_value, write_json, write_text
from raytrain.release.predictions import as_line
from raytrain.results.run_folder import safe_name
from raytrain.results.transcripts import Scored

ASKED = "asked.json"
PREDICTIONS, UTTERANCES = "predictions.jsonl", "utterances.jsonl"
_UNFINISHED = "predictions.unfinished.jsonl"


class ScoreFolder:
    """The folder of one score: new, empty, or begun with the very same models, data and settings."""

    def __init__(self, path: Path, asked: Mapping[str, Any]) -> None:
        self.path = at_home(path).absolute()
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"--to {path}: is a file; name a new folder")
        begun = self.path / ASKED
        if begun.is_file():
            _require_same(read_value(begun), json.loads(json.dumps(asked)), path)
        elif self.path.is_dir() and any(self.path.iterdir()):
            raise InputError(f"--to {path}: is not empty, and holds no score that was begun; name a new folder")
        else:
            make_folder(self.path)
            write_json(begun, asked)

    def of_model(self, name: str) -> Path:
        """Where a model's files lie."""
        return self.path / "models" / safe_name(name)

    def heard(self, name: str) -> dict[str, str]:
        """What a model heard so far, by utterance."""
        folder = self.of_model(name)
        rows = self._lines(folder / PREDICTIONS).read() or self._lines(folder / _UNFINISHED).read()
        return dict(rows)

    def add(self, name: str, heard: Iterable[tuple[str, str]]) -> None:
        """Keep what a model heard just now."""
        make_folder(self.of_model(name))
        self._lines(self.of_model(name) / _UNFINISHED).extend(as_line(*one) for one in heard)

    def finish(self, name: str, heard: Mapping[str, str], rows: Iterable[Scored] | None) -> None:
        """Write what a model heard in the order given, and its scored rows where there are any."""
        folder = self.of_model(name)
        write_text(folder / PREDICTIONS, _json_lines(as_line(*one) for one in heard.items()))
        if rows is not None:
            write_text(folder / UTTERANCES, _json_lines(rows))
        (folder / _UNFINISHED).unlink(missing_ok=True)

    def _lines(self, path: Path) -> AppendedLines[tuple[str, str]]:
        return AppendedLines(path, parse=_parsed)


def _parsed(values: dict[str, Any], place: str) -> tuple[str, str]:
    match values:
        case {"utterance_id": str(utterance_id), "orthographic_text": str(text)}:
            return utterance_id, text
    raise InputError(f"{place}: no prediction; take the folder away, and score anew")


def _json_lines(rows: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _require_same(then: Any, now: dict[str, Any], path: Path) -> None:
    if then == now:
        return
    differs = [key for key in now if not isinstance(then, dict) or then.get(key) != now[key]]
    raise InputError(f"--to {path}: was begun with other {' and '.join(differs) or 'questions'}; name a new folder")
