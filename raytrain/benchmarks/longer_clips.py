"""Clips of 3 to 4.5 s, as most classrooms have them: a prepared corpus in; a manifest and the sound of such clips out.

Where a corpus has shorter clips, two of one child's are said one after the other, with both transcripts.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from raytrain.speech.audio import SAMPLE_RATE
from raytrain.speech.corpus import Corpus

SHORTEST_S, LONGEST_S = 3.0, 4.5
_MOST_CLIPS = 500


def write_longer_clips(corpus: Corpus, folder: Path, *, most: int = _MOST_CLIPS) -> tuple[Path, int]:
    """The manifest, in this folder, and how many clips it has."""
    audio = folder / "audio"
    audio.mkdir(parents=True)
    lines = []
    for number, indices in zip(range(most), _of_that_length(corpus), strict=False):
        sound = np.concatenate([corpus.samples(index) for index in indices])
        soundfile.write(audio / f"{number}.flac", sound, SAMPLE_RATE)
        lines.append(
            {
                "utterance_id": "+".join(corpus.utterance_ids[index] for index in indices),
                "child_id": corpus.child_ids[indices[0]],
                "audio_path": f"audio/{number}.flac",
                "age_bucket": corpus.age_buckets[indices[0]],
                "orthographic_text": " ".join(corpus.texts[index] for index in indices),
            }
        )
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return manifest, len(lines)


def _of_that_length(corpus: Corpus) -> Iterator[list[int]]:
    """Single clips and pairs, of each child in turns, none of them twice."""
    of_child: dict[str, list[int]] = defaultdict(list)
    for index, child in enumerate(corpus.child_ids):
        of_child[child].append(index)
    waiting = [_of_a_child(corpus, indices) for _, indices in sorted(of_child.items())]
    while waiting:
        for clips in list(waiting):
            found = next(clips, None)
            if found is None:
                waiting.remove(clips)
            else:
                yield found


def _of_a_child(corpus: Corpus, indices: list[int]) -> Iterator[list[int]]:
    """The shortest left with the shortest that is long enough beside it."""
    left = sorted(indices, key=lambda index: float(corpus.durations_s[index]))
    while left:
        shortest = left.pop(0)
        lacking_s = SHORTEST_S - float(corpus.durations_s[shortest])
        if lacking_s <= 0:
            found = [shortest]
        else:
            place = next((place for place, other in enumerate(left) if corpus.durations_s[other] >= lacking_s), None)
            found = [shortest] if place is None else [shortest, left.pop(place)]
        if SHORTEST_S <= sum(float(corpus.durations_s[index]) for index in found) <= LONGEST_S:
            yield found
