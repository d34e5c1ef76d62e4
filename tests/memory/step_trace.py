"""The real training step on fake tensors: a StepShape in, the bytes alive at the peak of each phase out.

torch's FakeTensorMode runs every operation on shapes alone, so that large-v3 is traced on a laptop; a tracker follows
the storages that are alive. It is the yardstick of the formula in step_peak.py. What it runs on are CPU tensors made
to behave like CUDA's where the two keep different ones: dropout's mask is one byte an element, the loss is computed
from half precision logits without a float32 copy of them, and attention is called as causal, not given a mask.
One difference is left: CUDA's attention hands its output over in the order the next layer wants, and keeps it once,
where the CPU kernel's is copied. That is 2·width bytes per position and layer of reserve in the trace.
"""

import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from raytrain.config.adapter import Adapter
from raytrain.memory.step_shape import StepShape
from raytrain.whisper.configs import shape_settings
from raytrain.whisper.window import audio_window, frames

Loss = Callable[[Any, torch.Tensor, torch.Tensor], torch.Tensor]
"""From a model, log-mels [clips, bins, frames] and labels [clips, tokens] to the loss: the training loop's own."""

_OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "adamw": lambda trained: torch.optim.AdamW(trained, fused=True),
    "adafactor": torch.optim.Adafactor,
}
"""Those whose state there is without CUDA."""
_HALF = {"fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Traced:
    """What one step in the middle of a run took."""

    phases: dict[str, int]
    """Peak bytes of each phase, in the order they come."""

    @property
    def peak_bytes(self) -> int:
        return max(self.phases.values())


class StorageTracker(TorchDispatchMode):
    """Bytes of all tensors made under it that are still alive, and the most there ever were."""

    def __init__(self) -> None:
        super().__init__()
        self.live_bytes = 0
        self.peak_bytes = 0
        self._sizes: dict[int, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, torch.Tensor):
                self._follow(leaf.untyped_storage())
        return result

    def peak_since_last_asked(self) -> int:
        peak, self.peak_bytes = self.peak_bytes, self.live_bytes
        return peak

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key = id(storage)
        if key in self._sizes:  # a view, or an operation in place
            return
        self._sizes[key] = storage.nbytes()
        self.live_bytes += storage.nbytes()
        self.peak_bytes = max(self.peak_bytes, self.live_bytes)
        weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self.live_bytes -= self._sizes.pop(key)


def trace_step(shape: StepShape, loss: Loss, *, fake: bool = True) -> Traced:
    """One micro-batch in the middle of a run, when gradients and optimizer states exist, and the update after it.

    Not fake, it takes the memory that it counts: to see that fake tensors are counted like real ones.
    """
    tracker = StorageTracker()
    tensors = FakeTensorMode(allow_non_fake_inputs=True) if fake else nullcontext()
    # Adafactor reads norms back from the device, and goes on by them; a fake tensor has none.
    with tensors, tracker, _like_cuda(), patch.object(torch.Tensor, "item", lambda tensor: 1.0):
        model = build_model(shape)
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        optimizer = _OPTIMIZERS[shape.optimizer](trained)
        for parameter in trained:
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
        if not shape.accumulates:
            optimizer.zero_grad(set_to_none=True)
        phases = _micro_step(model, shape, loss, tracker)
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        phases["update"] = tracker.peak_since_last_asked()
    return Traced(phases)


def build_model(shape: StepShape) -> Any:
    """Whisper of this shape as a run has it: float32 weights, the encoder frozen and layers recomputed if asked."""
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    settings = shape_settings(shape.variant)
    model = WhisperForConditionalGeneration(WhisperConfig(**settings, dropout=shape.dropout, use_cache=False))
    model.tie_weights()
    model.train()
    if shape.freeze_encoder:
        model.freeze_encoder()
    if shape.adapter is not None:
        put_adapter(model, shape.adapter, shape.base_precision)
    if shape.gradient_checkpointing:
        model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    return model


def put_adapter(model: Any, adapter: Adapter, base_precision: str) -> None:
    """Float32 LoRA matrices beside the targets, over frozen weights in the base precision; the encoder without
    gradients where nothing of it learns."""
    from peft import LoraConfig, inject_adapter_in_model

    if base_precision == "bf16":
        for parameter in model.parameters():
            parameter.data = parameter.data.bfloat16()
    feed_forward = "|fc1|fc2" if adapter.targets == "all" else ""
    half = "(encoder|decoder)" if adapter.where == "both" else adapter.where
    config = LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        use_dora=adapter.dora,
        use_rslora=adapter.rslora,
        target_modules=rf".*{half}\.layers\..*(q_proj|k_proj|v_proj|out_proj{feed_forward})",
    )
    # Made where they belong; to move them torch would swap tensors, which fake ones cannot be.
    with patch.object(torch.nn.Module, "to", lambda module, *_, **__: module):
        inject_adapter_in_model(config, model)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    if adapter.where == "decoder":
        encoder = model.get_encoder()
        encoder.forward = torch.no_grad()(encoder.forward)


def _micro_step(model: Any, shape: StepShape, loss: Loss, tracker: StorageTracker) -> dict[str, int]:
    phases: dict[str, int] = {}

    def ends(phase: str) -> None:
        phases[phase] = tracker.peak_since_last_asked()

    window = frames(shape.window_s)
    mel = torch.zeros(shape.batch_size, shape.variant.num_mel_bins, window)
    labels = torch.zeros(shape.batch_size, shape.label_tokens, dtype=torch.long)
    tracker.peak_since_last_asked()
    half = _HALF.get(shape.precision)
    autocast = torch.autocast("cpu", dtype=half) if half else nullcontext()
    with audio_window(model, window, condensed=shape.condensed), _phase_marks(model, ends):
        with autocast:
            total = loss(model, mel, labels)
        del mel, labels  # the loop's iterator holds them: megabytes, of which the formula counts the mel once
        ends("loss")
        total.backward()
    ends("encoder backward")
    return phases


@contextmanager
def _phase_marks(model: Any, ends: Callable[[str], None]) -> Iterator[None]:
    """Mark when the encoder's forward is over, and when the gradient of its output is complete."""

    def after_encoder(module: Any, args: Any, output: Any) -> None:
        ends("encoder forward")
        if output.last_hidden_state.requires_grad:
            output.last_hidden_state.register_hook(lambda gradient: ends("decoder backward"))

    handle = model.get_encoder().register_forward_hook(after_encoder)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _like_cuda() -> Iterator[None]:
    """The four functions that keep other tensors on a CPU than on CUDA, as CUDA has them.

    Replaced by name, since torch's function modes are off inside backward, where layers are recomputed.
    """
    attention = functional.scaled_dot_product_attention
    norm = functional.layer_norm

    def norm_in_float32(
        states: torch.Tensor, shape: Any, weight: torch.Tensor, bias: torch.Tensor, eps: float
    ) -> torch.Tensor:
        # What CUDA's autocast makes of it; elsewhere both are float32 already.
        return norm(states.float(), shape, weight.float(), bias.float(), eps)

    def causal_attention(*args: Any, attn_mask: torch.Tensor | None = None, **kwargs: Any) -> torch.Tensor:
        # transformers gives a mask where it sees fake tensors, for the sake of torch.compile.
        causal = attn_mask is not None and attn_mask.shape[-2] > 1
        return attention(*args, **{**kwargs, "is_causal": kwargs.get("is_causal") or causal})

    def as_tokens(embedding: torch.nn.Embedding, tokens: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"decoder_input_ids": tokens}

    with ExitStack() as stack:
        for name, like_cuda in (
            ("dropout", _dropout),
            ("cross_entropy", _cross_entropy),
            ("layer_norm", norm_in_float32),
            ("scaled_dot_product_attention", causal_attention),
        ):
            stack.enter_context(patch.object(functional, name, like_cuda))
        stack.enter_context(patch("raytrain.training.loop.decoder_inputs", as_tokens))
        yield


def _dropout(states: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> torch.Tensor:
    return torch.native_dropout(states, p, True)[0] if training and p else states


def _cross_entropy(
    logits: torch.Tensor, target: torch.Tensor, *, ignore_index: int, reduction: str, **_: Any
) -> torch.Tensor:
    log_probabilities = _LogSoftmaxInFloat32.apply(logits)
    return functional.nll_loss(log_probabilities, target, ignore_index=ignore_index, reduction=reduction)


class _LogSoftmaxInFloat32(torch.autograd.Function):
    """The shapes of CUDA's kernel, which reads half precision and writes float32; fake tensors know only the CPU's."""

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor) -> torch.Tensor:
        log_probabilities = torch.empty_like(logits, dtype=torch.float32)
        ctx.save_for_backward(log_probabilities)
        ctx.dtype = logits.dtype
        return log_probabilities

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        return torch.empty_like(ctx.saved_tensors[0], dtype=ctx.dtype)
