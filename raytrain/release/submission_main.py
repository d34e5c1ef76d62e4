"""The challenge's submission: data/utterance_metadata.jsonl and data/audio/ in, submission/submission.jsonl out.

Every utterance gets a line; what cannot be heard gets an empty text. It asks no network, and no packages but torch,
transformers, numpy and soundfile. The model lies beside this file; its raytrain.json holds the audio window that it was
trained for.
"""

import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from transformers import PreTrainedTokenizerFast, WhisperFeatureExtractor, WhisperForConditionalGeneration
from transformers.utils import logging as transformers_logging

DATA, SUBMISSION = Path("data"), Path("submission")
SAMPLE_RATE = 16_000
POSITIONS_PER_SECOND = 50
"""Positions of the encoder; each hears two frames of the log-mel, 320 samples."""
FULL_POSITIONS = 1500
BATCH_S = {"cuda": 640, "cpu": 80}
"""Seconds of audio windows decoded at once."""
READERS = 8
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


@dataclass(frozen=True)
class ClipPart:
    """What one row of a batch decodes: a whole file, or a part of one that is longer than the audio window."""

    index: int
    path: Path
    start: int
    end: int
    """The part, in samples of the file at its own rate."""
    positions: int
    """The audio window, in positions of the encoder."""


class WindowedWhisper:
    """Whisper with the audio window that it was trained for."""

    def __init__(self, folder: Path) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.float16 if self.device.type == "cuda" else torch.float32
        self.window: dict[str, Any] = json.loads((folder / "raytrain.json").read_text(encoding="utf-8"))["window"]
        # Beams, the most tokens, language and task are in generation_config.json.
        self.whisper = WhisperForConditionalGeneration.from_pretrained(folder, dtype=dtype, local_files_only=True)
        self.whisper.to(self.device).eval()
        self.encoder = self.whisper.get_encoder()
        self.extractor = WhisperFeatureExtractor(feature_size=self.whisper.config.num_mel_bins)
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))

    def positions(self, duration_s: float) -> int:
        """The window for a clip, rounded up so that many clips share one."""
        if self.window["window"] == "full":
            return FULL_POSITIONS
        steps = math.ceil((duration_s + self.window["margin_s"]) / self.window["step_s"] - 1e-6)
        window_s = min(max(1, steps) * self.window["step_s"], self.window["max_window_s"])
        return min(max(1, math.ceil(window_s * POSITIONS_PER_SECOND - 1e-6)), FULL_POSITIONS)

    def log_mel(self, clips: list[np.ndarray], positions: int) -> torch.Tensor:
        """The clips' log-mel spectrograms, each padded to the window."""
        if not clips:
            return torch.zeros(0, self.whisper.config.num_mel_bins, 2 * positions)
        samples = positions * SAMPLE_RATE // POSITIONS_PER_SECOND
        padded = self.extractor(clips, sampling_rate=SAMPLE_RATE, max_length=samples, return_tensors="pt")
        return padded.input_features

    def texts(self, mel: torch.Tensor) -> list[str]:
        """The words heard in each row; in two halves where the memory is too small for all at once."""
        rows = self.tokens(mel) if len(mel) else []
        if rows is None:  # asked out here, where nothing holds the tensors of the attempt any more
            torch.cuda.empty_cache()
            if len(mel) == 1:
                say("no memory for one clip: it is left without words")
                return [""]
            half = len(mel) // 2
            return self.texts(mel[:half]) + self.texts(mel[half:])
        # In Whisper's vocabularies all that is not text is the end of text or comes after it.
        end = self.whisper.config.eos_token_id
        words = [[token for token in row if token < end] for row in rows]
        return [self.tokenizer.decode(row, clean_up_tokenization_spaces=False).strip() for row in words]

    def tokens(self, mel: torch.Tensor) -> list[list[int]] | None:
        """The emitted tokens of each row; None where memory ran out."""
        positions = mel.shape[-1] // 2  # the encoder takes a window of any length once these two integers agree
        self.encoder.config.max_source_positions = self.encoder.embed_positions.num_embeddings = positions
        try:
            with torch.inference_mode():
                return self.whisper.generate(mel.to(self.device, self.whisper.dtype)).tolist()
        except torch.OutOfMemoryError:
            return None


def transcribe(
    paths: Sequence[Path], model: WindowedWhisper, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[str]:
    """The text of each file, in order. `progress` takes how many parts of how many are done."""
    texts: list[list[str]] = [[] for _ in paths]
    with ThreadPoolExecutor(READERS) as readers, ThreadPoolExecutor(1) as ahead:
        found = readers.map(lambda item: parts_of(*item, model=model), enumerate(paths))
        todo = [part for of_one_file in found for part in of_one_file]
        batches = in_batches(todo, BATCH_S[model.device.type] * POSITIONS_PER_SECOND)

        def read_batch(batch: list[ClipPart]) -> tuple[list[ClipPart], torch.Tensor]:
            clips = {part: clip for part, clip in zip(batch, readers.map(read, batch), strict=True) if len(clip)}
            return list(clips), model.log_mel(list(clips.values()), batch[0].positions)

        heard: dict[ClipPart, str] = {}
        coming = [ahead.submit(read_batch, batch) for batch in batches[:1]]
        for number, batch in enumerate(batches, 1):
            readable, mel = coming.pop().result()
            coming += [ahead.submit(read_batch, following) for following in batches[number : number + 1]]
            heard |= dict.fromkeys(batch, "") | dict(zip(readable, model.texts(mel), strict=True))
            progress(len(heard), len(todo))
    for part in todo:
        texts[part.index].append(heard[part])
    return [" ".join(text for text in parts if text) for parts in texts]


def parts_of(index: int, path: Path, *, model: WindowedWhisper) -> list[ClipPart]:
    """A file's rows: the fewest equal parts that fit the longest window; none where it holds no sound."""
    try:
        with soundfile.SoundFile(path) as file:
            length, sample_rate = file.frames, file.samplerate
    except (OSError, soundfile.SoundFileError) as error:
        say(f"{path}: {error}"[:300])
        return []
    if not 0 < length < 2**40:  # a stream that was never closed does not know its length
        say(f"{path}: its header tells {length} samples")
        return []
    duration_s = length / sample_rate
    parts = max(1, math.ceil(duration_s / model.window["max_window_s"]))
    positions = model.positions(duration_s / parts)
    cuts = [length * part // parts for part in range(parts + 1)]
    return [ClipPart(index, path, cuts[number], cuts[number + 1], positions) for number in range(parts)]


def in_batches(todo: list[ClipPart], most_positions: int) -> list[list[ClipPart]]:
    """Batches of one window each, the longest first: what does not fit in memory shows at once."""
    batches: list[list[ClipPart]] = []
    for part in sorted(todo, key=lambda part: (part.positions, part.end - part.start), reverse=True):
        last = batches[-1] if batches else []
        if last and last[0].positions == part.positions and (len(last) + 1) * part.positions <= most_positions:
            last.append(part)
        else:
            batches.append([part])
    return batches


def read(part: ClipPart) -> np.ndarray:
    """Mono samples at 16 kHz; none where the file cannot be read after all."""
    try:
        sound, sample_rate = soundfile.read(part.path, start=part.start, stop=part.end, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        say(f"{part.path}: {error}"[:300])
        return np.zeros(0, np.float32)
    return resampled(np.nan_to_num(sound.mean(axis=1), posinf=0.0, neginf=0.0), sample_rate)


def resampled(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """The sound at 16 kHz, by its spectrum, cut or continued with zeros. Test data have that rate already."""
    if sample_rate == SAMPLE_RATE or not len(sound):
        return sound
    length = max(1, round(len(sound) * SAMPLE_RATE / sample_rate))
    spectrum = np.fft.rfft(sound)[: length // 2 + 1]
    return (np.fft.irfft(spectrum, length) * (length / len(sound))).astype(np.float32)


def progress_lines() -> Callable[[int, int], None]:
    """Return a printer of how much is done and how long the rest will take: a line for every fiftieth of the work."""
    started, num_printed = time.monotonic(), 0

    def report(done: int, total: int) -> None:
        nonlocal num_printed
        if PROGRESS_LINES * done // total > num_printed:
            num_printed, passed_s = PROGRESS_LINES * done // total, time.monotonic() - started
            say(f"{done} of {total} in {passed_s:.0f} s, {passed_s * (total - done) / done:.0f} s left")

    return report


def say(text: str) -> None:
    """Print a line on stderr, where the challenge keeps its log."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
