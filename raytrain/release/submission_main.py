"""The challenge's submission: data/utterance_metadata.jsonl and data/audio/ in, submission/submission.jsonl out.

Every utterance gets a line; what cannot be heard gets an empty text. The model lies in model/ beside this file, with
the code that transcribes.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from transformers.utils import logging as transformers_logging

sys.path.insert(0, str(Path(__file__).resolve().parent))  # however this is started, what lies beside it is found
from raytrain.release.transcriber import WindowedWhisper, say, transcribe

DATA, SUBMISSION = Path("data"), Path("submission")
PROGRESS_LINES = 50
"""The challenge keeps the first 500 lines of a log."""


def main() -> None:
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    utterances = list(read_metadata(DATA / "utterance_metadata.jsonl"))
    model = WindowedWhisper(Path(__file__).resolve().parent / "model")
    say(f"{len(utterances)} utterances, on {model.device}")
    texts = transcribe([path for _, path in utterances], model, progress=progress_lines())
    SUBMISSION.mkdir(exist_ok=True)
    with (SUBMISSION / "submission.jsonl").open("w", encoding="utf-8") as file:
        for (utterance_id, _), text in zip(utterances, texts, strict=True):
            line = {"utterance_id": utterance_id, "orthographic_text": text}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    say(f"{len(utterances)} lines written, {sum(not text for text in texts)} of them without words")


def read_metadata(path: Path) -> Iterator[tuple[str, Path]]:
    """Each utterance's id, and the path where its sound should lie."""
    with path.open(encoding="utf-8-sig") as file:
        for line in file:
            if line.strip():
                row = json.loads(line)
                yield row["utterance_id"], path.parent / (row.get("audio_path") or "")


def progress_lines() -> Callable[[int, int], None]:
    """Return a printer of how much is done and how long the rest will take: a line for every fiftieth of the work."""
    started, num_printed = time.monotonic(), 0

    def report(done: int, total: int) -> None:
        nonlocal num_printed
        if PROGRESS_LINES * done // total > num_printed:
            num_printed, passed_s = PROGRESS_LINES * done // total, time.monotonic() - started
            say(f"{done} of {total} in {passed_s:.0f} s, {passed_s * (total - done) / done:.0f} s left")

    return report


if __name__ == "__main__":
    main()
