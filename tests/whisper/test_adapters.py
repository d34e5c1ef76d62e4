"""An adapter beside real weights: it alone learns, everything decodes through it, and merged it is the same model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import WhisperConfig, WhisperForConditionalGeneration

from raytrain.config.adapter import Adapter
from raytrain.config.baseline import Audio, Model
from raytrain.errors import InputError
from raytrain.whisper.adapters import attach, merge
from raytrain.whisper.decoding import transcribe_together
from raytrain.whisper.lean import quantize
from raytrain.whisper.weights import Whisper, check, load, save

LORA = Adapter(rank=4, targets="all")
SIZES = {"layers": 2, "attention_heads": 2, "ffn_dim": 64}


def adapted(tiny_model: Model, **values: Any) -> Model:
    return tiny_model.model_copy(update={"adapter": LORA.model_copy(update=values)})


def small_model() -> Any:
    """A random Whisper of two layers a side, always the same."""
    torch.manual_seed(0)
    sizes = {f"{half}_{key}": size for half in ("encoder", "decoder") for key, size in SIZES.items()}
    return WhisperForConditionalGeneration(
        WhisperConfig(d_model=32, vocab_size=64, pad_token_id=0, decoder_start_token_id=1, dropout=0.0, **sizes)
    )


def fill(model: Any) -> None:
    """Give the adapter a B that is not zero, as after training."""
    drawn = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.02 * torch.randn(parameter.shape, generator=drawn))


def learned(model: Model) -> Whisper:
    whisper = load(model, seed=0)
    fill(whisper.model)
    whisper.model.eval()
    return whisper


@pytest.fixture(scope="module")
def trained(tiny_model: Model) -> Whisper:
    return learned(adapted(tiny_model))


@pytest.fixture(scope="module")
def folder(trained: Whisper, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapter") / "step-000001"
    save(trained, folder, window=Audio(window="full"), extra={})
    return folder


@pytest.fixture
def broken(folder: Path, tmp_path: Path) -> Callable[..., Path]:
    """A copy of the folder, its tensors or its raytrain.json changed."""

    def changed(tensors: Any = None, facts: Any = None) -> Path:
        for path in folder.iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        if tensors is not None:
            path = tmp_path / "adapter_model.safetensors"
            save_file(tensors(load_file(path)), path)
        if facts is not None:
            recorded = json.loads((tmp_path / "raytrain.json").read_text())
            (tmp_path / "raytrain.json").write_text(json.dumps(facts(recorded)))
        return tmp_path

    return changed


def logits(whisper: Whisper, mel: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        tokens = torch.tensor([whisper.prompt] * len(mel))
        return whisper.model(input_features=mel.to(whisper.model.dtype), decoder_input_ids=tokens).logits.float()


def learning(whisper: Whisper) -> dict[str, torch.Tensor]:
    return {name: one for name, one in whisper.model.named_parameters() if one.requires_grad}


@pytest.mark.parametrize(
    ("targets", "where", "layers"),
    [("attention", "both", 24), ("attention", "encoder", 8), ("attention", "decoder", 16), ("all", "both", 32)],
)
def test_the_adapter_alone_learns_beside_its_targets(targets: str, where: str, layers: int) -> None:
    model = small_model()
    attach(model, Adapter.model_validate({"rank": 4, "targets": targets, "where": where}), seed=0)
    learns = {name: one for name, one in model.named_parameters() if one.requires_grad}
    assert len(learns) == 2 * layers
    assert {name.split(".")[1] for name in learns} == ({"encoder", "decoder"} if where == "both" else {where})
    assert any("encoder_attn.k_proj" in name for name in learns) == (where != "encoder")
    assert any(".fc2." in name for name in learns) == (targets == "all")


def test_before_it_learns_an_adapter_changes_nothing(tiny: Whisper, tiny_model: Model, adult_mel: torch.Tensor) -> None:
    fresh = load(adapted(tiny_model), seed=0)
    fresh.model.eval()
    assert torch.equal(logits(fresh, adult_mel), logits(tiny, adult_mel))


def test_the_seed_alone_draws_an_adapter() -> None:
    def drawn(seed: int) -> list[torch.Tensor]:
        model = small_model()
        before = torch.get_rng_state()
        attach(model, LORA, seed=seed)
        assert torch.equal(before, torch.get_rng_state())
        return [one for name, one in model.named_parameters() if "lora_A" in name]

    one, same, other = drawn(7), drawn(7), drawn(8)
    assert all(map(torch.equal, one, same))
    assert not any(map(torch.equal, one, other))


def test_greedy_decoding_goes_through_the_adapter_as_generate_does(
    tiny: Whisper, trained: Whisper, adult_mel: torch.Tensor
) -> None:
    def texts(rows: Any) -> list[str]:
        return [text.strip() for text in trained.tokenizer.batch_decode(rows, skip_special_tokens=True)]

    most = [40] * len(adult_mel)
    with torch.no_grad():
        emitted = trained.model.generate(adult_mel, max_new_tokens=40, num_beams=1, do_sample=False)
        ours = texts([row.tokens for row in transcribe_together(trained, [adult_mel], most)])
        plain = texts([row.tokens for row in transcribe_together(tiny, [adult_mel], most)])
    assert ours == texts(emitted)
    assert ours != plain


@pytest.mark.parametrize("switches", [{}, {"dora": True}, {"rslora": True, "where": "decoder"}])
def test_merged_it_is_the_same_model(switches: dict[str, Any]) -> None:
    model = small_model().double().eval()
    attach(model, LORA.model_copy(update=switches), seed=0)
    fill(model)
    mel, tokens = torch.randn(2, 80, 3000, dtype=torch.float64), torch.tensor([[1, 2, 3]] * 2)
    apart = model(input_features=mel, decoder_input_ids=tokens).logits
    merge(model)
    assert not any("lora" in name for name, _ in model.named_parameters())
    together = model(input_features=mel, decoder_input_ids=tokens).logits
    torch.testing.assert_close(together, apart, atol=1e-9, rtol=1e-9)
    assert not torch.allclose(small_model().double()(input_features=mel, decoder_input_ids=tokens).logits, apart)


def test_a_folder_holds_the_adapter_alone_and_is_gone_on_from(
    folder: Path, trained: Whisper, tiny_model: Model
) -> None:
    assert sum(path.stat().st_size for path in folder.glob("*.safetensors")) < 2_000_000
    again = load(adapted(tiny_model).model_copy(update={"pretrained": str(folder)}), seed=99)
    assert all(torch.equal(one, learning(trained)[name]) for name, one in learning(again).items())
    assert (again.adapter, again.base, again.source) == (trained.adapter, trained.base, trained.source)


def test_without_an_adapter_of_its_own_a_model_has_that_of_the_folder_merged(
    folder: Path, trained: Whisper, tiny_model: Model, adult_mel: torch.Tensor
) -> None:
    model = tiny_model.model_copy(update={"pretrained": str(folder)})
    check(model)
    merged = load(model, seed=0)
    merged.model.eval()
    assert merged.adapter is None
    torch.testing.assert_close(logits(merged, adult_mel), logits(trained, adult_mel), atol=2e-3, rtol=1e-4)
    assert set(learning(merged)) == set(learning(load(tiny_model, seed=0)))


def test_under_an_adapter_every_frozen_weight_is_bf16(
    tiny_model: Model, trained: Whisper, adult_mel: torch.Tensor
) -> None:
    half = learned(adapted(tiny_model).model_copy(update={"base_precision": "bf16"}))
    frozen = [one for one in half.model.parameters() if not one.requires_grad]
    assert {one.dtype for one in frozen} == {torch.bfloat16}
    assert {one.dtype for one in learning(half).values()} == {torch.float32}
    drawn = learning(trained)
    assert all(torch.equal(one, drawn[name]) for name, one in learning(half).items() if "lora_A" in name)
    close = logits(half, adult_mel).argmax(-1) == logits(trained, adult_mel).argmax(-1)
    assert close.float().mean() > 0.5


@pytest.mark.parametrize("base_precision", ["int8", "nf4"])
def test_quantized_weights_without_cuda_are_refused_in_a_line(
    tiny_model: Model, base_precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    model = adapted(tiny_model).model_copy(update={"base_precision": base_precision})
    with pytest.raises(InputError, match=rf"model.base_precision: {base_precision} needs a GPU with CUDA.*set bf16"):
        load(model, seed=0)


@pytest.mark.parametrize(("base_precision", "kind", "most"), [("int8", torch.int8, 0.02), ("nf4", torch.uint8, 0.25)])
def test_an_adapter_learns_beside_quantized_weights(base_precision: Any, kind: torch.dtype, most: float) -> None:
    """By bitsandbytes' own kernels for a CPU, which raytrain leaves to tests."""
    mel, tokens = torch.randn(2, 80, 3000), torch.tensor([[1, 2, 3]] * 2)
    plain = small_model().eval()(input_features=mel, decoder_input_ids=tokens).logits
    model = small_model().eval()
    quantize(model, base_precision, device="cpu")
    attach(model, LORA, seed=0)
    heard = model(input_features=mel.bfloat16(), decoder_input_ids=tokens).logits
    assert 0 < float((heard.float() - plain).norm().detach() / plain.norm().detach()) < most
    heard.float().sum().backward()
    learns = {name: one for name, one in model.named_parameters() if one.requires_grad}
    assert {one.dtype for one in learns.values()} == {torch.float32}
    assert all(one.grad is not None for one in learns.values())
    linear = [
        layer.base_layer.weight for name, layer in model.named_modules() if name.endswith(("_proj", "fc1", "fc2"))
    ]
    assert {weight.dtype for weight in linear} == {kind}
    assert len(linear) == 32


def test_an_adapter_of_another_kind_is_not_gone_on_from(folder: Path, tiny_model: Model) -> None:
    model = adapted(tiny_model, rank=8).model_copy(update={"pretrained": str(folder)})
    with pytest.raises(InputError, match=r"model.adapter.rank: 8, and the adapter in .* has 4"):
        check(model)


def test_an_adapter_over_another_variant_is_refused(folder: Path, tiny_model: Model) -> None:
    model = tiny_model.model_copy(update={"pretrained": str(folder), "variant": "base"})
    with pytest.raises(InputError, match="are whisper-tiny, not whisper-base"):
        check(model)


def test_an_adapter_over_other_weights_is_refused(broken: Any, tiny_model: Model) -> None:
    path = broken(facts=lambda facts: facts | {"base": facts["base"] | {"sha256": {"model.safetensors": "0" * 64}}})
    with pytest.raises(InputError, match="was trained beside other weights than those of"):
        check(tiny_model.model_copy(update={"pretrained": str(path)}))


def test_an_adapter_whose_weights_are_gone_says_so(
    broken: Any, tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    path = broken(facts=lambda facts: facts | {"base": facts["base"] | {"pretrained": "/gone/my-whisper"}})
    with pytest.raises(InputError, match="its adapter lies over /gone/my-whisper, which is not here"):
        load(tiny_model.model_copy(update={"pretrained": str(path)}), seed=0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda tensors: dict([*tensors.items()][1:]), "lacks model.decoder.layers.0.encoder_attn.k_proj.lora_A"),
        (lambda tensors: tensors | {"base_model.model.odd": torch.zeros(1)}, "holds odd"),
        (lambda tensors: {name: one * torch.nan for name, one in tensors.items()}, "no finite number"),
        (lambda tensors: {name: one[:1] for name, one in tensors.items()}, "has the shape"),
    ],
)
def test_a_damaged_adapter_is_refused_in_a_line(broken: Any, tiny_model: Model, change: Any, said: str) -> None:
    path = broken(tensors=lambda tensors: change(dict(sorted(tensors.items()))))
    with pytest.raises(InputError, match=said) as refused:
        load(tiny_model.model_copy(update={"pretrained": str(path)}), seed=0)
    assert "\n" not in str(refused.value)


def test_random_weights_take_no_adapter_into_training(tiny_model: Model) -> None:
    with pytest.raises(InputError, match=r"model.adapter: .*random"):
        check(adapted(tiny_model).model_copy(update={"pretrained": None}))
