"""LoRA beside a Whisper's linear layers, by peft: a loaded model in; the same model, in which the adapter alone learns,
out. And the adapter into a folder that peft loads, back from it, and into the weights.

The model stays transformers' own, with peft's layers in the places of the targets: windows, decoding and generate() go
by it as before. LoRA's matrices are float32 (float64 in a float64 model); B begins at zero, so that nothing changes
before the first step.
"""

from pathlib import Path
from typing import Any

from raytrain.config.adapter import Adapter
from raytrain.errors import InputError
from raytrain.whisper.folders import ADAPTER_CONFIG, ADAPTER_WEIGHTS

_NAME = "default"
"""peft's name of the only adapter."""
_PREFIX = "base_model.model."
"""What peft's own files have before each name: the model as PeftModel holds it."""
_ATTENTION = ("q_proj", "k_proj", "v_proj", "out_proj")
"""Of self-attention and of the decoder's attention to the sound alike."""
_FEED_FORWARD = ("fc1", "fc2")


def attach(model: Any, adapter: Adapter, *, seed: int) -> None:
    """Put an adapter beside the targets and freeze all else; `seed` draws its A, and no other random number moves."""
    import torch
    from peft import inject_adapter_in_model

    # The global generator alone is restored: a model on a GPU has its adapter drawn on the CPU, too.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(_config(adapter), model, adapter_name=_NAME)
    _in_float32(model)


def is_adapted(model: Any) -> bool:
    """Whether an adapter lies beside this model's weights."""
    return hasattr(model, "peft_config")


def save_adapter(model: Any, adapter: Adapter, folder: Path, *, base: str) -> None:
    """Write the adapter alone, as peft does: PeftModel.from_pretrained(weights named `base`, folder) loads it."""
    from safetensors.torch import save_file

    config = _config(adapter)
    config.inference_mode, config.base_model_name_or_path = True, base
    config.save_pretrained(folder)
    tensors = {f"{_PREFIX}{name}": tensor.detach().cpu().contiguous() for name, tensor in _state(model).items()}
    save_file(tensors, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})


def restore(model: Any, folder: Path) -> None:
    """Fill a model's adapter from a folder. InputError where the file is damaged, or of another kind of adapter."""
    from peft import set_peft_model_state_dict
    from safetensors import SafetensorError, safe_open

    path, wanted = folder / ADAPTER_WEIGHTS, _state(model)
    try:
        with safe_open(path, framework="pt") as file:
            found = {name.removeprefix(_PREFIX): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: cannot be read ({error}); restore it from a copy") from None
    if odd := sorted(wanted.keys() ^ found.keys()):
        fact = f"lacks {odd[0]}" if odd[0] in wanted else f"holds {odd[0]}, beside which nothing was to learn"
        raise InputError(f"{path}: {fact}; it is another adapter than {folder / ADAPTER_CONFIG} tells of")
    for name, tensor in found.items():
        if tensor.shape != wanted[name].shape:
            shapes = f"{tuple(tensor.shape)}, and {tuple(wanted[name].shape)} by {ADAPTER_CONFIG}"
            raise InputError(f"{path}: {name} has the shape {shapes}; restore it from a copy")
        if not tensor.is_floating_point() or not tensor.isfinite().all():
            raise InputError(f"{path}: {name} holds what is no finite number; restore it from a copy")
    set_peft_model_state_dict(model, found, adapter_name=_NAME)


def merge(model: Any) -> None:
    """Add the adapter to the weights it lies beside, in float64, and leave a model without one, all of it frozen."""
    from peft.tuners.lora import LoraLayer

    for name, layer in [*model.named_modules()]:
        if not isinstance(layer, LoraLayer):
            continue
        plain = layer.get_base_layer()
        dtype = plain.weight.dtype
        layer.double()  # a sum in float32 would round the product before it is added
        layer.merge(safe_merge=True, adapter_names=[_NAME])
        plain.to(dtype)
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, plain)
    del model.peft_config


def _config(adapter: Adapter) -> Any:
    """peft's LoraConfig: targets as one pattern over the names of modules, which PeftModel reads alike."""
    from peft import LoraConfig

    halves = "encoder|decoder" if adapter.where == "both" else adapter.where
    layers = "|".join(_ATTENTION if adapter.targets == "attention" else (*_ATTENTION, *_FEED_FORWARD))
    return LoraConfig(
        r=adapter.rank,
        lora_alpha=adapter.alpha,
        lora_dropout=adapter.dropout,
        target_modules=rf"model\.({halves})\.layers\.\d+\.(?:\w+\.)?({layers})",
        use_dora=adapter.dora,
        use_rslora=adapter.rslora,
    )


def _state(model: Any) -> dict[str, Any]:
    from peft import get_peft_model_state_dict

    state: dict[str, Any] = get_peft_model_state_dict(model, adapter_name=_NAME, save_embedding_layers=False)
    return state


def _in_float32(model: Any) -> None:
    """peft draws an adapter in the numbers of the weights beside it; half precision loses what small steps add up."""
    import torch

    for parameter in model.parameters():
        if parameter.requires_grad and parameter.dtype in (torch.float16, torch.bfloat16):
            parameter.data = parameter.data.to(torch.float32)
