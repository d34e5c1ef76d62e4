"""A variant's closed formula counts what transformers builds."""

import pytest
import torch
from transformers import WhisperConfig, WhisperForConditionalGeneration

from raytrain.whisper.variants import VARIANTS, Variant

ALL = [*VARIANTS.values(), VARIANTS["tiny"].english_only()]


def _built(variant: Variant) -> WhisperForConditionalGeneration:
    config = WhisperConfig(
        vocab_size=variant.vocab_size,
        num_mel_bins=variant.num_mel_bins,
        d_model=variant.width,
        encoder_layers=variant.encoder_layers,
        decoder_layers=variant.decoder_layers,
        encoder_attention_heads=variant.heads,
        decoder_attention_heads=variant.heads,
        encoder_ffn_dim=4 * variant.width,
        decoder_ffn_dim=4 * variant.width,
    )
    with torch.device("meta"):
        return WhisperForConditionalGeneration(config)


@pytest.mark.parametrize("variant", ALL, ids=lambda v: f"{v.name}-{v.vocab_size}")
def test_the_parameter_counts_are_those_of_the_model_that_transformers_builds(variant: Variant) -> None:
    model = _built(variant)
    assert variant.parameters == model.num_parameters()
    assert variant.encoder_parameters == model.model.encoder.num_parameters()
    assert variant.fixed_parameters == sum(p.numel() for p in model.parameters() if not p.requires_grad)


def test_small_has_the_published_size() -> None:
    small = VARIANTS["small"]
    assert (small.encoder_layers, small.width, small.heads, small.num_mel_bins) == (12, 768, 12, 80)
    assert small.parameters == 241_734_912
    assert VARIANTS["tiny"].english_only().parameters == 37_760_256


def test_large_and_turbo_hear_128_mel_bins_and_turbo_decodes_with_four_layers() -> None:
    large, turbo = VARIANTS["large-v3"], VARIANTS["turbo"]
    assert (large.num_mel_bins, large.vocab_size, large.decoder_layers) == (128, 51866, 32)
    assert (turbo.num_mel_bins, turbo.vocab_size, turbo.encoder_layers, turbo.decoder_layers) == (128, 51866, 32, 4)
