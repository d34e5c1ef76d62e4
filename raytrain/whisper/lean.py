"""The numbers that frozen weights are kept in under an adapter: `model.base_precision` and a loaded model in; the same
model, its weights smaller, out.

bf16 keeps every frozen weight so, embeddings, convolutions and norms too: sums within a layer are float32 by torch's
own rule, and the losses of their logits are computed in float32. int8 (Dettmers 2022, arXiv:2208.07339) and nf4
(Dettmers 2023, arXiv:2305.14314) are bitsandbytes' linear layers; all else is bf16 then, the output layer, which is the
token embedding, among it.
"""

import importlib.util
from typing import Any, Literal

from raytrain.errors import InputError

BasePrecision = Literal["fp32", "bf16", "int8", "nf4"]
QUANTIZED = ("int8", "nf4")
_OUTLIERS = 6.0
"""Inputs at and above which int8 leaves a column in 16 bits: LLM.int8()'s own threshold."""


def require_bitsandbytes(what: str, *, instead: str) -> None:
    """Refuse `what`, a key with its value, where bitsandbytes is not installed."""
    if importlib.util.find_spec("bitsandbytes") is None:
        raise InputError(f'{what} needs bitsandbytes; run pip install "raytrain[quantized]", or set {instead}')


def require_cuda(what: str, *, instead: str) -> None:
    """Refuse `what`, a key with its value, in a process that sees no CUDA."""
    import torch

    if not torch.cuda.is_available():
        raise InputError(f"{what} needs a GPU with CUDA, and there is none here; set {instead}")


def require_precision(base_precision: BasePrecision, *, here: bool) -> None:
    """Refuse numbers that cannot be had; with `here` the weights are about to be loaded, in this process."""
    if base_precision not in QUANTIZED:
        return
    what, instead = f"model.base_precision: {base_precision}", "bf16 or fp32"
    require_bitsandbytes(what, instead=instead)
    if here:
        require_cuda(what, instead=instead)


def quantize(model: Any, base_precision: BasePrecision, *, device: str = "cuda") -> None:
    """Put bitsandbytes' layers in the places of the linear ones, and move the model to the GPU: it is there that they
    find their numbers. An adapter comes after it: peft has layers of its own for these."""
    import torch

    if base_precision not in QUANTIZED:
        return
    model.to(torch.bfloat16)
    for name, layer in [*model.named_modules()]:
        if isinstance(layer, torch.nn.Linear) and layer is not model.proj_out:
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, _quantized(layer, base_precision))
    model.is_loaded_in_8bit, model.is_loaded_in_4bit = base_precision == "int8", base_precision == "nf4"  # peft asks
    model.to(device)


def halve(model: Any, base_precision: BasePrecision) -> None:
    """Keep what does not learn in bf16, where that is asked for. An adapter comes before it: it is drawn and measured
    beside the weights as they were."""
    import torch

    if base_precision != "bf16":
        return
    for parameter in model.parameters():
        if not parameter.requires_grad:
            parameter.data = parameter.data.to(torch.bfloat16)


def _quantized(layer: Any, base_precision: BasePrecision) -> Any:
    import bitsandbytes
    import torch

    sizes, has_bias = (layer.in_features, layer.out_features), layer.bias is not None
    made: Any
    if base_precision == "int8":
        made = bitsandbytes.nn.Linear8bitLt(*sizes, bias=has_bias, has_fp16_weights=False, threshold=_OUTLIERS)
        made.weight = bitsandbytes.nn.Int8Params(layer.weight.data, requires_grad=False, has_fp16_weights=False)
    else:
        made = bitsandbytes.nn.Linear4bit(
            *sizes, bias=has_bias, compute_dtype=torch.bfloat16, quant_type="nf4", compress_statistics=True
        )
        made.weight = bitsandbytes.nn.Params4bit(
            layer.weight.data, requires_grad=False, quant_type="nf4", compress_statistics=True
        )
    if has_bias:
        made.bias = layer.bias
    return made
