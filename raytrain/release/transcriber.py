"""Sound files and a model's folder in, words out: what `python transcribe.py FILE ...` does beside an exported model.

It asks no network, and no packages but torch, transformers, numpy and soundfile. Sound of any rate and any number of
channels is heard as the model was trained: raytrain.json beside the weights holds the audio window. Where the folder
holds an adapter it takes peft, too, and the weights that the adapter names, or `--base FOLDER` before the files.
"""

import json
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from transformers import (
    GenerationConfig,
    PreTrainedTokenizerFast,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)
from transformers.utils import logging as transformers_logging

from raytrain.whisper.hearing import (
    FULL_POSITIONS,
    POSITIONS_PER_SECOND,
    SAMPLE_RATE,
    fitted_seconds,
    longest_window_s,
    most_new_tokens,
    parts,
    positions,
    without_babble,
)
from raytrain.whisper.silence import attended_over_sound, silence_heard

BATCH_S = {"cuda": 640, "cpu": 80}
"""Seconds of audio windows decoded at once."""
READERS = 8
DECODER_POSITIONS = 448


def main() -> None:
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    names, base = sys.argv[1:], None
    if names[:1] == ["--base"]:
        base, names = names[1], names[2:]
    paths = [Path(name) for name in names]
    texts = transcribe(paths, WindowedWhisper(Path(__file__).resolve().parent, base=base))
    for path, text in zip(paths, texts, strict=True):
        print(f"{path}\t{text}")


@dataclass(frozen=True)
class ClipPart:
    """What one row of a batch decodes: a whole file, or a part of one that is longer than the audio window."""

    index: int
    path: Path
    start: int
    end: int
    """The part, in samples of the file at its own rate."""
    seconds: float
    positions: int
    """The audio window, in positions of the encoder."""
    most_tokens: int


def with_adapter(folder: Path, *, base: str | None) -> WhisperForConditionalGeneration:
    """The weights that an adapter lies over, in float32, with it merged, and the folder's own way of decoding."""
    from peft import PeftConfig, PeftModel

    name = base or PeftConfig.from_pretrained(folder).base_model_name_or_path
    whisper = WhisperForConditionalGeneration.from_pretrained(name, dtype=torch.float32)
    whisper = PeftModel.from_pretrained(whisper, folder).merge_and_unload()
    whisper.generation_config = GenerationConfig.from_pretrained(folder)
    return whisper


class WindowedWhisper:
    """Whisper with the audio window that it was trained for."""

    def __init__(self, folder: Path, *, base: str | None = None) -> None:
        """`base` is of an adapter: the weights that it lies over, where they are not those that it names."""
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        dtype = torch.float16 if self.device.type == "cuda" else torch.float32
        self.window: dict[str, Any] = json.loads((folder / "raytrain.json").read_text(encoding="utf-8"))["window"]
        # Beams, the most tokens, language and task are in generation_config.json.
        if (folder / "adapter_config.json").is_file():
            self.whisper = with_adapter(folder, base=base)
        else:
            self.whisper = WhisperForConditionalGeneration.from_pretrained(folder, dtype=dtype, local_files_only=True)
        self.whisper.to(self.device, dtype).eval()
        self.encoder = self.whisper.get_encoder()
        self.condensed = self.window["window"] == "condensed"
        for attention in attended_over_sound(self.whisper):
            attention.register_forward_pre_hook(with_counts, with_kwargs=True)
        self.extractor = WhisperFeatureExtractor(feature_size=self.whisper.config.num_mel_bins)
        self.tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
        settings = self.whisper.generation_config
        translates = getattr(settings, "task", None) == "translate"
        self.language = (None if translates else getattr(settings, "language", None)) or "en"
        self.most_tokens = settings.max_new_tokens or DECODER_POSITIONS - 4

    def part(self, index: int, path: Path, *, start: int, end: int, sample_rate: int) -> ClipPart:
        """A part of a file, with its window and its most tokens."""
        seconds = (end - start) / sample_rate
        window, longest_s = self.window["window"], self.window["max_window_s"]
        window_s = self.fitted(seconds, most_s=longest_window_s(window, longest_s))
        heard = FULL_POSITIONS if window == "full" else positions(window_s)
        most = min(most_new_tokens(self.fitted(seconds, most_s=longest_s), self.language), self.most_tokens)
        return ClipPart(index, path, start, end, seconds, heard, most)

    def fitted(self, seconds: float, *, most_s: float) -> float:
        """The window for a clip, rounded up so that many clips share one."""
        return fitted_seconds(
            seconds, margin_s=self.window["margin_s"], step_s=self.window["step_s"], max_window_s=most_s
        )

    def log_mel(self, clips: list[np.ndarray], positions: int) -> torch.Tensor:
        """The clips' log-mel spectrograms, each padded to the window."""
        samples = positions * SAMPLE_RATE // POSITIONS_PER_SECOND
        padded = self.extractor(clips, sampling_rate=SAMPLE_RATE, max_length=samples, return_tensors="pt")
        return padded.input_features

    def texts(self, mel: torch.Tensor, clips: Sequence[ClipPart]) -> list[str]:
        """The words heard in each row; in two halves where the memory is too small for all at once."""
        if not clips:
            return []
        rows = self.tokens(mel, clips[0].most_tokens)
        if rows is None:  # asked out here, where nothing holds the tensors of the attempt any more
            torch.cuda.empty_cache()
            if len(mel) == 1:
                say("no memory for one clip: it is left without words")
                return [""]
            half = len(mel) // 2
            return self.texts(mel[:half], clips[:half]) + self.texts(mel[half:], clips[half:])
        return [self.words(row, clip) for row, clip in zip(rows, clips, strict=True)]

    def words(self, row: list[int], clip: ClipPart) -> str:
        """The words of a row of tokens."""
        # In Whisper's vocabularies all that is not text is the end of text or comes after it.
        said = [token for token in row if token < self.whisper.config.eos_token_id]
        text = self.tokenizer.decode(said, clean_up_tokenization_spaces=False).strip()
        return without_babble(text, clip.seconds, ended=len(said) < clip.most_tokens, language=self.language)

    def tokens(self, mel: torch.Tensor, most: int) -> list[list[int]] | None:
        """The emitted tokens of each row; None where memory ran out."""
        positions = mel.shape[-1] // 2  # the encoder takes a window of any length once these two integers agree
        self.encoder.config.max_source_positions = self.encoder.embed_positions.num_embeddings = positions
        try:
            with torch.inference_mode(), silence_heard(self.whisper, positions) if self.condensed else nullcontext():
                return self.whisper.generate(mel.to(self.device, self.whisper.dtype), max_new_tokens=most).tolist()
        except torch.OutOfMemoryError:
            return None
        finally:  # as published: save_pretrained needs it so
            self.encoder.config.max_source_positions = self.encoder.embed_positions.num_embeddings = FULL_POSITIONS


def with_counts(
    attention: Any, given: tuple[Any, ...], named: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What attention is called with, and how many positions each one stands for, where the silence is condensed."""
    counted = getattr(attention, "counted", None)
    if counted is None:
        return given, named
    return given, named | {"attention_mask": counted.to(attention.out_proj.weight.dtype)}


def transcribe(
    paths: Sequence[Path], model: WindowedWhisper, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[str]:
    """The text of each file, in order. `progress` takes how many parts of how many are done."""
    texts: list[list[str]] = [[] for _ in paths]
    with ThreadPoolExecutor(READERS) as readers, ThreadPoolExecutor(1) as ahead:
        found = readers.map(lambda item: parts_of(*item, model=model), enumerate(paths))
        todo = [part for of_one_file in found for part in of_one_file]
        batches = in_batches(todo, BATCH_S[model.device.type] * POSITIONS_PER_SECOND)

        def read_batch(batch: list[ClipPart]) -> tuple[list[ClipPart], torch.Tensor | None]:
            clips = {part: clip for part, clip in zip(batch, readers.map(read, batch), strict=True) if len(clip)}
            return list(clips), model.log_mel(list(clips.values()), batch[0].positions) if clips else None

        heard: dict[ClipPart, str] = {}
        coming = [ahead.submit(read_batch, batch) for batch in batches[:1]]
        for number, batch in enumerate(batches, 1):
            readable, mel = coming.pop().result()
            coming += [ahead.submit(read_batch, following) for following in batches[number : number + 1]]
            words = model.texts(mel, readable) if mel is not None else []
            heard |= dict.fromkeys(batch, "") | dict(zip(readable, words, strict=True))
            progress(len(heard), len(todo))
    for part in todo:
        texts[part.index].append(heard[part])
    return [" ".join(text for text in heard_in if text) for heard_in in texts]


def parts_of(index: int, path: Path, *, model: WindowedWhisper) -> list[ClipPart]:
    """A file's rows; none where it holds no sound."""
    try:
        with soundfile.SoundFile(path) as file:
            length, sample_rate = file.frames, file.samplerate
    except (OSError, soundfile.SoundFileError) as error:
        say(f"{path}: {error}"[:300])
        return []
    if not 0 < length < 2**40:  # a stream that was never closed does not know its length
        say(f"{path}: its header tells {length} samples")
        return []
    cuts = [(0, length)]
    if length > model.window["max_window_s"] * sample_rate:
        sound = read_sound(path, 0, length)
        scale = sample_rate / SAMPLE_RATE
        cut = parts(sound, model.window["max_window_s"])
        cuts = [(round(start * scale), min(length, round(end * scale))) for start, end in cut]
    return [model.part(index, path, start=start, end=end, sample_rate=sample_rate) for start, end in cuts]


def in_batches(todo: list[ClipPart], most_positions: int) -> list[list[ClipPart]]:
    """Batches of one window and one limit each, the longest first: what does not fit in memory shows at once."""
    batches: list[list[ClipPart]] = []
    for part in sorted(todo, key=lambda part: (part.positions, part.most_tokens, part.seconds), reverse=True):
        last = batches[-1] if batches else []
        alike = last and (last[0].positions, last[0].most_tokens) == (part.positions, part.most_tokens)
        if alike and (len(last) + 1) * part.positions <= most_positions:
            last.append(part)
        else:
            batches.append([part])
    return batches


def read(part: ClipPart) -> np.ndarray:
    """The part's sound: float32 [samples], mono, 16 kHz; none where the file cannot be read after all."""
    return read_sound(part.path, part.start, part.end)


def read_sound(path: Path, start: int, end: int) -> np.ndarray:
    """Samples `start` to `end` of a file as float32 [samples], mono, 16 kHz; none where it cannot be read."""
    try:
        sound, sample_rate = soundfile.read(path, start=start, stop=end, dtype="float32", always_2d=True)
    except (OSError, soundfile.SoundFileError) as error:
        say(f"{path}: {error}"[:300])
        return np.zeros(0, np.float32)
    return resampled(np.nan_to_num(sound.mean(axis=1), posinf=0.0, neginf=0.0), sample_rate)


def resampled(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """The sound at 16 kHz, by its spectrum, cut or continued with zeros."""
    if sample_rate == SAMPLE_RATE or not len(sound):
        return sound
    length = max(1, round(len(sound) * SAMPLE_RATE / sample_rate))
    spectrum = np.fft.rfft(sound)[: length // 2 + 1]
    return (np.fft.irfft(spectrum, length) * (length / len(sound))).astype(np.float32)


def say(text: str) -> None:
    """Print a line on stderr."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
