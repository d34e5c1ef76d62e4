"""What is wrong with a manifest and the audio it names: a path in, every problem with its line, and totals, out."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from sys import intern

from raytrain.config.constants import FULL_WINDOW_S
from raytrain.speech.examine import Examined, examine
from raytrain.speech.halves import Speakers
from raytrain.speech.manifest import iterate_manifest
from raytrain.speech.manifest_file import count_lines
from raytrain.speech.problems import Kind, ManifestProblem, Tally
from raytrain.speech.progress_bar import ProgressCallback
from raytrain.speech.spellings import joined

_MOST_SPECIAL_TOKENS = 8  # language, task, no timestamps, the leading space and the end of text, and some to spare
_FEWEST_SPECIAL_TOKENS = 2  # no timestamps, the end of text

_MOST_LISTED = 1_000
"""Problems of one kind that are kept and listed; all are counted."""
_SPECIAL_TOKEN = re.compile(r"<\|[^<>|\s]{1,40}\|>")

CountTokens = Callable[[str], int | None]
"""Called with a transcript for its label tokens, which Whisper's tokenizer counts; None where none is at hand."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a manifest holds: the children and hours that are usable, and the problems in the manifest's order."""

    problems: tuple[ManifestProblem, ...]
    """The first thousand of each kind."""
    unlisted: dict[str, int]
    """How many more there are of each kind."""
    tally: Tally
    num_children: int
    hours: float
    speakers: Speakers
    """Who speaks in the utterances that are usable."""


def check(
    manifest: Path,
    *,
    max_label_tokens: int = 448,
    count_tokens: CountTokens = lambda text: None,
    progress: ProgressCallback = lambda done, total: None,
) -> Checked:
    """Read everything a manifest names; nothing is written."""
    num_lines = count_lines(manifest)
    problems: list[ManifestProblem] = []
    tally, child_ids, buckets, seconds, line = Tally(), list[str](), list[str](), 0.0, 0
    unlisted = Counter[str]()
    for item in examine(iterate_manifest(manifest)):
        found = [*item.problems, *_label_problems(item, max_label_tokens, count_tokens)]
        tally.add(found)
        for problem in found:
            if tally.count(problem) <= _MOST_LISTED:
                problems.append(problem)
            else:
                unlisted[problem.kind] += 1
        if item.utterance is not None and not any(problem.fatal for problem in found):
            tally.usable += 1
            child_ids.append(intern(item.utterance.child_id))
            buckets.append(item.utterance.age_bucket)
            seconds += item.duration_s
        line = item.utterance.line if item.utterance is not None else item.problems[0].line
        progress(line, num_lines)
    progress(num_lines, num_lines)
    speakers = Speakers(joined(child_ids), buckets)
    num_children = len(set(speakers.child_ids))
    return Checked(tuple(problems), dict(unlisted), tally, num_children, seconds / 3600, speakers)


def _label_problems(item: Examined, max_label_tokens: int, count_tokens: CountTokens) -> list[ManifestProblem]:
    """What is odd about a transcript as a label. A clip over 30 s is never trained on, and needs no label."""
    utterance = item.utterance
    if utterance is None or item.duration_s > FULL_WINDOW_S:
        return []
    found = _length_problem(utterance.orthographic_text, max_label_tokens, count_tokens)
    token = _SPECIAL_TOKEN.search(utterance.orthographic_text)
    if token:
        found.append((Kind.SPECIAL_TOKEN, f"{token[0]} in the transcript is trained on as text, letter by letter"))
    return [ManifestProblem(utterance.line, utterance.utterance_id, kind, message) for kind, message in found]


def _length_problem(text: str, max_label_tokens: int, count_tokens: CountTokens) -> list[tuple[Kind, str]]:
    """Whether a transcript is too long."""
    # A token of Whisper's stands for one byte or more, and never for two words: few texts need the tokenizer itself.
    if len(text.encode()) + _MOST_SPECIAL_TOKENS <= max_label_tokens:
        return []
    at_least = len(text.split()) + _FEWEST_SPECIAL_TOKENS
    num_tokens = at_least if at_least > max_label_tokens else count_tokens(text)
    if num_tokens is None:
        kind, message = Kind.LABEL_NOT_COUNTED, f"may be over {max_label_tokens} tokens; no Whisper here to count them"
    elif num_tokens > max_label_tokens:
        kind, message = Kind.LABEL_TOO_LONG, f"{num_tokens} tokens or more; the limit is {max_label_tokens}"
    else:
        return []
    return [(kind, message)]
