"""Speech to tokens: log-mel windows in, the tokens of each transcript out.

transformers' own generate() does it, in its general form. Whisper's form of it would pad a fitted window back to 30 s,
run the encoder again for what we know already, and look for timestamps.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from raytrain.whisper.weights import Whisper
from raytrain.whisper.window import audio_window


@dataclass(frozen=True, slots=True)
class Emitted:
    """What the decoder made of one clip."""

    tokens: list[int]
    """The words: no prompt and no specials."""
    ended: bool
    """Whether it came to an end of text by itself."""


def transcribe(whisper: Whisper, mel: torch.Tensor, *, num_beams: int = 1, max_new_tokens: int) -> list[Emitted]:
    """The most likely transcript of each clip of `mel` [clips, bins, frames].

    The audio window is as long as the mel. At most `max_new_tokens` are emitted, the end of text among them, and no
    more than the decoder has positions.
    """
    from transformers import GenerationConfig, GenerationMixin

    model = whisper.model
    prompt = torch.tensor([whisper.prompt] * len(mel), device=mel.device)
    heard = torch.ones(mel.shape[0], mel.shape[-1], dtype=torch.long, device=mel.device)  # required, and not used
    longest = min(prompt.shape[1] + max_new_tokens, model.config.max_target_positions)
    published = model.generation_config
    end = whisper.tokenizer.eos_token_id
    # Beams or greedy, and the tokens that these weights must never emit; nothing else of the published settings.
    config = GenerationConfig(
        max_length=longest,
        num_beams=num_beams,
        do_sample=False,
        use_cache=True,
        suppress_tokens=getattr(published, "suppress_tokens", None) or None,
        begin_suppress_tokens=getattr(published, "begin_suppress_tokens", None) or None,
        decoder_start_token_id=whisper.prompt[0],
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
    )
    with audio_window(model, mel.shape[-1]), _with_nothing_published(model):
        emitted = GenerationMixin.generate(
            model, mel, generation_config=config, decoder_input_ids=prompt, attention_mask=heard
        )
    rows = emitted[:, prompt.shape[1] :].tolist()
    # In Whisper's vocabularies all that is not text comes after the end of text, and is it.
    return [Emitted([token for token in row if token < end], ended=end in row) for row in rows]


@contextmanager
def _with_nothing_published(model: Any) -> Iterator[None]:
    """Let generate() go by the configuration it is given alone.

    transformers fills what that leaves open from the model's own: a limit of new tokens, which goes before ours, or a
    penalty that whoever published the weights chose.
    """
    from transformers import GenerationConfig

    published, model.generation_config = model.generation_config, GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = published
