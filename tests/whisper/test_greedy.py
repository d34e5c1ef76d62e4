"""The greedy loop: token for token what transformers' generate() emits, whatever is decoded together.

RAYTRAIN_CORPUS names a manifest for the soak test; the default is the packaged corpus, which is smaller.
"""

import os
from itertools import groupby

import pytest
import torch
from transformers import GenerationConfig, GenerationMixin

from raytrain.config.baseline import Audio, Model
from raytrain.speech.corpus import Corpus, prepare
from raytrain.speech.log_mel import log_mel
from raytrain.speech.manifest import manifest_path
from raytrain.whisper import greedy
from raytrain.whisper.decoding import transcribe, transcribe_together
from raytrain.whisper.hearing import most_new_tokens
from raytrain.whisper.weights import Whisper, load
from raytrain.whisper.window import audio_window, fitted_seconds, frames

AUDIO = Audio()


@pytest.fixture(scope="module")
def demo() -> Corpus:
    return prepare(manifest_path("demo"))


@pytest.fixture(scope="module")
def random() -> Whisper:
    """Random weights say whatever they say up to the limit: no end of text comes to the aid of a fault."""
    whisper = load(Model(variant="tiny", pretrained=None, gradient_checkpointing=False), seed=3)
    whisper.model.eval()
    return whisper


def of_transformers(whisper: Whisper, mel: torch.Tensor, most: int, *, condensed: bool) -> list[list[int]]:
    """What the general loop emits, up to the end of each text."""
    published, end = whisper.model.generation_config, whisper.tokenizer.eos_token_id
    config = GenerationConfig(
        max_length=len(whisper.prompt) + most,
        do_sample=False,
        suppress_tokens=published.suppress_tokens,
        begin_suppress_tokens=published.begin_suppress_tokens,
        decoder_start_token_id=whisper.prompt[0],
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
    )
    prompt = torch.tensor([whisper.prompt] * len(mel))
    mask = torch.ones(len(mel), mel.shape[-1], dtype=torch.long)
    with audio_window(whisper.model, mel.shape[-1], condensed=condensed), torch.no_grad():
        emitted = GenerationMixin.generate(
            whisper.model, mel, generation_config=config, decoder_input_ids=prompt, attention_mask=mask
        )
    rows = emitted[:, prompt.shape[1] :].tolist()
    return [[token for token in row if token < end] for row in rows]


def mels(corpus: Corpus, indices: list[int]) -> list[tuple[torch.Tensor, int]]:
    """A tensor for the clips of each window, and the most tokens of its clips."""

    def window(index: int) -> float:
        return fitted_seconds(float(corpus.durations_s[index]), AUDIO)

    found = []
    for window_s, clips in groupby(sorted(indices, key=window), key=window):
        sounds = [corpus.audio(index) for index in clips]
        found.append((log_mel(sounds, frames=frames(window_s)), most_new_tokens(window_s, "en")))
    return found


def differing(whisper: Whisper, corpus: Corpus, indices: list[int], *, condensed: bool = False) -> list[int]:
    """The places of the clips whose tokens are not those of transformers, all clips being decoded together."""
    groups = mels(corpus, indices)
    limits = [most for mel, most in groups for _ in mel]
    with torch.no_grad():
        ours = transcribe_together(whisper, [mel for mel, _ in groups], limits, condensed=condensed)
    theirs = [row for mel, most in groups for row in of_transformers(whisper, mel, most, condensed=condensed)]
    assert len(ours) == len(theirs) == len(indices)
    return [place for place, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one.tokens != other]


@pytest.mark.parametrize("condensed", [False, True])
def test_clips_of_several_windows_come_out_as_from_transformers(tiny: Whisper, demo: Corpus, condensed: bool) -> None:
    indices = [0, 3, 11, 40, 41, 90, 120]
    assert len(mels(demo, indices)) > 2
    assert differing(tiny, demo, indices, condensed=condensed) == []


def test_random_weights_come_out_as_from_transformers(random: Whisper, demo: Corpus) -> None:
    assert differing(random, demo, [5, 17, 60]) == []
    assert differing(random, demo, [5, 17, 60], condensed=True) == []


def test_each_clip_has_a_limit_of_its_own(random: Whisper) -> None:
    mel = torch.randn(3, 80, 40, generator=torch.Generator().manual_seed(0))
    whole = [row.tokens for row in transcribe(random, mel, max_new_tokens=9)]
    with torch.no_grad():
        cut = [row.tokens for row in transcribe_together(random, [mel[:1], mel[1:]], [2, 9, 5])]
    assert [len(row) for row in whole] == [9, 9, 9]
    assert cut == [whole[0][:2], whole[1], whole[2][:5]]


@pytest.mark.parametrize("steps", [1, 3, 8])
def test_it_does_not_matter_how_often_it_is_asked_who_has_ended(
    tiny: Whisper, demo: Corpus, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(greedy, "_STEPS_BETWEEN_LOOKS", {"cpu": steps})
    assert differing(tiny, demo, [0, 1, 2, 30]) == []


def test_clips_that_have_ended_are_no_longer_computed(random: Whisper, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []
    hook = random.model.proj_out.register_forward_hook(lambda _, inputs, __: computed.append(len(inputs[0])))
    with torch.no_grad():
        transcribe_together(random, [torch.zeros(4, 80, 20)], [1, 3, 3, 6])
    hook.remove()
    assert computed == [4, 3, 3, 1, 1, 1]


@pytest.mark.soak
def test_whole_corpora_come_out_as_from_transformers(tiny: Whisper) -> None:
    corpus = prepare(manifest_path(os.environ.get("RAYTRAIN_CORPUS", "demo")))
    together = 24
    for start in range(0, len(corpus), together):
        assert differing(tiny, corpus, list(range(start, min(start + together, len(corpus))))) == []
