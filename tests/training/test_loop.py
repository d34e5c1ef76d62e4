"""The loop's own decisions: what is skipped, what is divergence, what runs out of memory."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import pytest
import torch
from small_runs import CPU, FP32, feed, small_config, small_whisper

from raytrain.speech.corpus import Corpus
from raytrain.training.distributed import OutOfMemory
from raytrain.training.feed import MicroBatch, StepData, ahead
from raytrain.training.loop import Diverged, StepProgress, token_loss_sum, train, window_of
from raytrain.training.optimizer import make_optimizer
from raytrain.training.precision import Precision
from raytrain.whisper.weights import Whisper

CONFIG = small_config(2, 2)
FP16 = Precision("fp16", CPU)


def trained(
    whisper: Whisper, steps: list[StepData], *, precision: Precision = FP32, scaler: torch.amp.GradScaler | None = None
) -> Iterator[StepProgress]:
    return train(
        whisper,
        steps,
        make_optimizer(whisper.model.named_parameters(), CONFIG.training),
        scaler or precision.gradient_scaler(),
        training=CONFIG.training,
        precision=precision,
        learning_rate=lambda step: 1e-3,
    )


def unheard(data: StepData) -> StepData:
    """The same step with one clip that is not a number."""
    first, *rest = data.micro_batches
    mel = first.mel.clone()
    mel[0, 0, 0] = torch.nan
    return replace(data, micro_batches=[MicroBatch(mel, first.labels), *rest])


def flat(whisper: Whisper) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in whisper.model.parameters()])


def test_a_loss_that_is_not_finite_is_divergence_and_leaves_the_weights_alone(tones: Corpus) -> None:
    whisper = small_whisper()
    before = flat(whisper)
    with pytest.raises(Diverged, match="at step 1 the training loss is nan"):
        list(trained(whisper, [unheard(feed(whisper, CONFIG, tones)(0))]))
    assert torch.equal(flat(whisper), before)


def test_fp16_skips_a_step_that_overflows_and_lowers_its_scale(tones: Corpus) -> None:
    whisper = small_whisper()
    before = flat(whisper)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**40)
    [progress] = trained(whisper, [feed(whisper, CONFIG, tones)(0)], precision=FP16, scaler=scaler)
    assert torch.equal(flat(whisper), before)
    assert scaler.get_scale() == 2.0**39
    assert 0 < progress.train_loss < 20


def test_fp16_trains_at_the_scale_it_finds(tones: Corpus) -> None:
    whisper = small_whisper()
    steps = [feed(whisper, CONFIG, tones)(0)] * 10
    losses = [progress.train_loss for progress in trained(whisper, steps, precision=FP16)]
    assert losses[-1] < losses[0] - 0.5


def test_fp16_that_overflows_at_every_scale_is_divergence(tones: Corpus) -> None:
    whisper = small_whisper()
    bad = unheard(feed(whisper, CONFIG, tones)(0))
    steps = [replace(bad, step=step) for step in range(20)]
    with pytest.raises(Diverged, match="at step 17 fp16 gradients overflow at any scale"):  # 65536 halved 17 times
        list(trained(whisper, steps, precision=FP16))


def test_a_micro_batch_too_large_for_the_memory_is_told_with_its_size(tones: Corpus) -> None:
    whisper = small_whisper()
    data = feed(whisper, CONFIG, tones)(0)
    huge = MicroBatch(
        torch.zeros(1, 1, 1).expand(3 * 10**6, 80, 400), torch.zeros(1, 1, dtype=torch.long).expand(3 * 10**6, 4)
    )
    with pytest.raises(OutOfMemory, match=r"step 1, 2 clips at an audio window of .* s: tried to allocate .* GiB"):
        list(trained(whisper, [replace(data, micro_batches=[huge])]))


def test_any_other_error_is_raised_as_it_is(tones: Corpus) -> None:
    whisper = small_whisper()
    data = feed(whisper, CONFIG, tones)(0)
    wrong = MicroBatch(data.micro_batches[0].mel[:, :7], data.micro_batches[0].labels)
    with pytest.raises(RuntimeError, match="expected input"):
        list(trained(whisper, [replace(data, micro_batches=[wrong])]))


def test_preparing_ahead_gives_the_same_steps_in_order(tones: Corpus) -> None:
    steps = feed(small_whisper(), CONFIG, tones)
    here, there = (list(ahead(steps, range(3, 9), depth=depth, device=CPU)) for depth in (0, 2))
    assert [data.step for data in there] == [3, 4, 5, 6, 7, 8]
    assert torch.equal(there[4].micro_batches[1].mel, here[4].micro_batches[1].mel)


def test_an_error_while_preparing_ahead_reaches_the_loop(tones: Corpus) -> None:
    steps = feed(small_whisper(), CONFIG, tones)
    with pytest.raises(TypeError):
        list(ahead(steps, ["no step"], depth=2, device=CPU))


def test_one_window_serves_the_whole_effective_batch(tones: Corpus) -> None:
    data = feed(small_whisper(), small_config(5, 7), tones)(0)
    assert len({micro_batch.mel.shape[1:] for micro_batch in data.micro_batches}) == 1
    assert [len(micro_batch.mel) for micro_batch in data.micro_batches] == [5] * 7


def test_the_full_window_has_3000_frames(tones: Corpus) -> None:
    data = feed(small_whisper(), small_config(4, audio={"window": "full"}), tones)(0)
    assert data.micro_batches[0].mel.shape == (4, 80, 3000)


def summed_gradients(
    whisper: Whisper,
    tones: Corpus,
    *,
    precision: Precision = FP32,
    block: AbstractContextManager[object] | None = None,
) -> list[torch.Tensor]:
    """Of the token losses of a step's micro-batches, without the update."""
    whisper.model.train()
    with block or nullcontext():
        for batch in feed(whisper, CONFIG, tones)(0).micro_batches:
            with window_of(whisper, batch):
                with precision.autocast():
                    loss = token_loss_sum(whisper, batch, device=CPU)
                loss.backward()
    return [parameter.grad for parameter in whisper.model.parameters() if parameter.grad is not None]


def in_float64() -> Whisper:
    whisper = small_whisper()
    whisper.model.double()
    return whisper


def test_gradients_of_looked_up_rows_alone_are_those_of_upstreams_lookup(
    tones: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = summed_gradients(in_float64(), tones)
    monkeypatch.setattr("raytrain.training.loop.decoder_inputs", lambda _, tokens: {"decoder_input_ids": tokens})
    torch.testing.assert_close(ours, summed_gradients(in_float64(), tones), rtol=1e-11, atol=1e-11)


def test_a_frozen_embedding_gets_no_gradient(tones: Corpus) -> None:
    whisper = small_whisper()
    weight = whisper.model.get_decoder().embed_tokens.weight.requires_grad_(False)
    summed_gradients(whisper, tones)
    assert weight.grad is None


@pytest.mark.parametrize("recomputes", [False, True])
def test_weights_cast_once_a_step_give_the_gradients_of_those_cast_each_time(tones: Corpus, recomputes: bool) -> None:
    """But for the order in which the token embedding's are added, since the head's cast is older than a lookup."""
    bf16 = Precision("bf16", CPU)

    def gradients(block: AbstractContextManager[object]) -> list[torch.Tensor]:
        whisper = small_whisper()
        if recomputes:
            whisper.model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
        return summed_gradients(whisper, tones, precision=bf16, block=block)

    once, each_time = gradients(bf16.one_cast_of_each_weight()), gradients(nullcontext())
    assert len(once) == len(each_time)
    torch.testing.assert_close(once, each_time, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("learns", [True, False])
def test_the_encoder_runs_with_gradients_only_where_something_in_it_learns(tones: Corpus, learns: bool) -> None:
    whisper = small_whisper()
    whisper.model.get_encoder().requires_grad_(learns)
    recorded = []
    whisper.model.get_encoder().layers[0].register_forward_hook(
        lambda layer, given, states: recorded.append(torch.is_grad_enabled())
    )
    summed_gradients(whisper, tones)
    assert set(recorded) == {learns}
