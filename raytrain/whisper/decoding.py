"""Speech to tokens: log-mel windows in, the tokens of each transcript out.

With beams transformers' own generate() does it, in its general form. Whisper's form of it would pad a fitted window
back to 30 s, run the encoder again for what we know already, and look for timestamps.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from raytrain.whisper.greedy import Heard, Rules, greedy
from raytrain.whisper.silence import counted
from raytrain.whisper.weights import Whisper
from raytrain.whisper.window import audio_window


@dataclass(frozen=True, slots=True)
class Emitted:
    """What the decoder made of one clip."""

    tokens: list[int]
    """The words: no prompt and no specials."""
    ended: bool
    """Whether it came to an end of text by itself."""


def transcribe(
    whisper: Whisper, mel: torch.Tensor, *, num_beams: int = 1, max_new_tokens: int, condensed: bool = False
) -> list[Emitted]:
    """The most likely transcript of each clip of `mel` [clips, bins, frames].

    The audio window is as long as the mel; with `condensed` the silence from there to 30 s is heard, too. At most
    `max_new_tokens` are emitted, the end of text among them, and no more than the decoder has positions.
    """
    if num_beams > 1:
        return _with_beams(whisper, mel, num_beams=num_beams, max_new_tokens=max_new_tokens, condensed=condensed)
    return transcribe_together(whisper, [mel], [max_new_tokens] * len(mel), condensed=condensed)


def transcribe_together(
    whisper: Whisper, mels: Sequence[torch.Tensor], limits: Sequence[int], *, condensed: bool = False
) -> list[Emitted]:
    """The greedy transcripts of clips of several audio windows, a tensor [clips, bins, frames] each, in their order.

    `limits` holds the most tokens of each clip, the end of text among them.
    """
    model, rules = whisper.model, _rules(whisper)
    places = model.config.max_target_positions - len(rules.prompt)
    heard = [_encoded(model, mel, condensed=condensed) for mel in mels]
    return [_emitted(row, rules.end) for row in greedy(model, heard, [min(limit, places) for limit in limits], rules)]


def _encoded(model: Any, mel: torch.Tensor, *, condensed: bool) -> Heard:
    with audio_window(model, mel.shape[-1], condensed=condensed):
        states: torch.Tensor = model.get_encoder()(mel).last_hidden_state
    return Heard(states, counted(mel.shape[-1] // 2, device=mel.device) if condensed else None)


def _rules(whisper: Whisper) -> Rules:
    published = whisper.model.generation_config
    return Rules(
        prompt=whisper.prompt,
        end=whisper.tokenizer.eos_token_id,
        suppressed=getattr(published, "suppress_tokens", None) or (),
        suppressed_first=getattr(published, "begin_suppress_tokens", None) or (),
    )


def _emitted(row: list[int], end: int) -> Emitted:
    # In Whisper's vocabularies all that is not text comes after the end of text, and is it.
    return Emitted([token for token in row if token < end], ended=end in row)


def _with_beams(
    whisper: Whisper, mel: torch.Tensor, *, num_beams: int, max_new_tokens: int, condensed: bool
) -> list[Emitted]:
    from transformers import GenerationConfig, GenerationMixin

    model, rules = whisper.model, _rules(whisper)
    prompt = torch.tensor([rules.prompt] * len(mel), device=mel.device)
    heard = torch.ones(mel.shape[0], mel.shape[-1], dtype=torch.long, device=mel.device)  # required, and not used
    # Beams, and the tokens that these weights must never emit; nothing else of the published settings.
    config = GenerationConfig(
        max_length=min(prompt.shape[1] + max_new_tokens, model.config.max_target_positions),
        num_beams=num_beams,
        do_sample=False,
        use_cache=True,
        suppress_tokens=list(rules.suppressed) or None,
        begin_suppress_tokens=list(rules.suppressed_first) or None,
        decoder_start_token_id=rules.prompt[0],
        bos_token_id=rules.end,
        eos_token_id=rules.end,
        pad_token_id=rules.end,
    )
    with audio_window(model, mel.shape[-1], condensed=condensed), _with_nothing_published(model):
        emitted = GenerationMixin.generate(
            model, mel, generation_config=config, decoder_input_ids=prompt, attention_mask=heard
        )
    return [_emitted(row, rules.end) for row in emitted[:, prompt.shape[1] :].tolist()]


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
