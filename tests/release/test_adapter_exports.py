"""A run that trained an adapter: merged, averaged or left apart, what leaves hears what the run hears."""

import json
from pathlib import Path

import pytest
import torch
from doors_here import ended_here
from exported_runs import checkpoint, copy_of, edit_json, train
from safetensors.torch import load_file, save_file

from raytrain.config.baseline import Evaluation
from raytrain.errors import InputError
from raytrain.files import write_json, write_sums
from raytrain.release.average import average_weights
from raytrain.release.export import export
from raytrain.release.members import of_run
from raytrain.release.merged import heard_as, whole_weights
from raytrain.release.models import find_model
from raytrain.release.runs import find_run
from raytrain.results.provenance import provenance
from raytrain.speech.corpus import prepare
from raytrain.training.evaluation import decode, joined
from raytrain.training.precision import resolve
from raytrain.whisper import weights

MANIFEST = Path(__file__).parents[3] / "shared" / "corpus" / "child_like" / "manifest.jsonl"
FIGURES = Path(__file__).parents[2] / "results" / "bench" / "soak-merged.json"
ADAPTER = "model.adapter={rank: 4, targets: all}"


@pytest.fixture(scope="module")
def adapted(tiny_en: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """openai/whisper-tiny.en with an adapter after one and two steps, at a rate that changes what is heard."""
    folder = tmp_path_factory.mktemp("results") / "2026-01-01_adapter"
    steps = ("training.max_steps=2", "training.learning_rate=2e-2", "model.base_precision=bf16")
    return train(folder, f"model.pretrained={tiny_en}", ADAPTER, *steps)


def test_a_merged_export_hears_what_the_adapter_hears_beside_its_weights(adapted: Path, tmp_path: Path) -> None:
    run = find_run(adapted)
    done = export(run, to=tmp_path / "model", form="hf", say=lambda line: None)
    assert done.proof is not None  # of its code alone in a process, against the adapter apart
    assert (done.proof.differ, done.proof.clips) == (0, 4)
    recorded = json.loads((tmp_path / "model" / "raytrain.json").read_text())
    assert not recorded.keys() & {"adapter", "base"}
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert "model.safetensors" in names
    assert not {name for name in names if name.startswith("adapter")}
    base = load_file(Path(str(run.config.model.pretrained)) / "model.safetensors")
    merged = load_file(tmp_path / "model" / "model.safetensors")
    changed = {name for name, tensor in merged.items() if not torch.equal(tensor, base[name].float())}
    assert changed == {
        name for name in merged if name.split(".")[-2][-5:] in ("_proj", "fc1", "fc2") and "weight" in name
    }


def test_a_mean_of_adapters_is_made_of_what_they_are_merged_into(adapted: Path, tmp_path: Path) -> None:
    run = find_run(adapted)
    name = "model.decoder.layers.0.fc1.weight"
    folders = [
        whole_weights(one.folder, run.config.model, into=tmp_path / f"step-{one.step}") for one in run.checkpoints[:2]
    ]
    average_weights([folder / "model.safetensors" for folder in folders], tmp_path / "mean.safetensors")
    mean = load_file(tmp_path / "mean.safetensors")[name].double()
    base = load_file(Path(str(run.config.model.pretrained)) / "model.safetensors")[name].double()
    parts = [load_file(one.folder / "adapter_model.safetensors") for one in run.checkpoints[:2]]
    key = "base_model.model.model.decoder.layers.0.fc1"
    a, b = ([part[f"{key}.lora_{half}.weight"].double() for part in parts] for half in "AB")
    right = sum(up @ down for up, down in zip(b, a, strict=True)) / 2
    apart = (sum(b) / 2) @ (sum(a) / 2)
    scale = run.config.model.adapter.alpha / run.config.model.adapter.rank
    torch.testing.assert_close(mean, base + scale * right, atol=1e-6, rtol=0)
    assert not torch.allclose(scale * right, scale * apart, atol=1e-5)


def test_an_adapter_left_apart_is_loaded_by_peft_in_a_process_of_its_own(adapted: Path, tmp_path: Path) -> None:
    to = tmp_path / "adapter"
    done = export(find_run(adapted), to=to, form="adapter", say=lambda line: None)
    assert done.proof is not None
    assert (done.proof.differ, done.proof.clips) == (0, 4)
    assert sum(path.stat().st_size for path in to.glob("*.safetensors")) < 2_000_000
    assert not (to / "model.safetensors").exists()
    card = (to / "README.md").read_text()
    assert 'model = PeftModel.from_pretrained(base, ".")' in card
    assert "library_name: peft" in card
    assert find_model(str(to)).folder == to


@pytest.mark.soak
def test_the_mean_of_adapters_is_that_of_the_weights_they_are_merged_into(adapted: Path, tmp_path: Path) -> None:
    run = find_run(adapted)
    lines: list[str] = []
    done = export(run, to=tmp_path / "model", form="hf", candidates=of_run(run, 2), say=lines.append, num_proved=0)
    assert done.soup is not None
    assert [step.name for step in done.soup.steps] == [f"step {one.step}" for one in run.checkpoints]
    assert any(line.startswith("with step ") for line in lines)


@pytest.mark.soak
@pytest.mark.skipif(not MANIFEST.is_file(), reason="needs the corpus of 600 clips")
def test_600_clips_are_heard_the_same_merged_and_with_the_adapter_beside(tiny_en: Path, tmp_path: Path) -> None:
    """Eight minutes of a core."""
    steps = ("training.max_steps=12", "training.learning_rate=1e-3", "training.checkpoint_every_steps=12")
    weights_and_data = (f"model.pretrained={tiny_en}", f"data.train_manifest={MANIFEST}", "model.adapter={rank: 16}")
    run = find_run(train(tmp_path / "results" / "2026-01-01_600", *weights_and_data, *steps))
    export(run, to=tmp_path / "model", form="hf", say=lambda line: None, num_proved=0)
    corpus = prepare(MANIFEST, max_bad_share=0.0)
    merged = run.config.model.model_copy(update={"pretrained": str(tmp_path / "model"), "adapter": None})
    heard = []
    for model in (heard_as(run.config.model, run.best.folder), merged):
        whisper = weights.load(model, seed=0)
        parts = decode(
            whisper, corpus, range(600), audio=run.config.audio, window=run.config.audio.window,
            evaluation=Evaluation(num_beams=1, batch_size=8), precision=resolve("fp32", device=torch.device("cpu")),
        )  # fmt: skip
        heard.append([joined(one) for one in parts])
    differ = sum(beside != own for beside, own in zip(*heard, strict=True))
    words = sum(len(text.split()) for text in heard[0])
    write_json(FIGURES, {"clips": 600, "words": words, "differ": differ, "made": provenance([], {})["versions"]})
    assert words > 1000
    assert differ == 0


def test_a_damaged_adapter_is_not_merged(adapted: Path, tmp_path: Path) -> None:
    fit = copy_of(adapted, tmp_path / "fit", steps=[2])
    path = checkpoint(fit, 2) / "adapter_model.safetensors"
    tensors = {name: tensor * torch.nan for name, tensor in load_file(path).items()}
    path.unlink()
    save_file(tensors, path)
    with pytest.raises(InputError, match=r"adapter_model.safetensors: its bytes are not those that were written"):
        find_run(fit)
    write_sums(path.parent)
    with pytest.raises(InputError, match="no finite number; restore it from a copy"):
        export(find_run(fit), to=tmp_path / "model", form="hf", say=lambda line: None, num_proved=0)
    assert not (tmp_path / "model").exists()


def test_an_adapter_over_other_weights_is_neither_exported_nor_heard(adapted: Path, tmp_path: Path) -> None:
    fit = copy_of(adapted, tmp_path / "fit", steps=[2])
    facts = json.loads((checkpoint(fit, 2) / "raytrain.json").read_text())
    edit_json(checkpoint(fit, 2) / "raytrain.json", base=facts["base"] | {"sha256": {"model.safetensors": "0" * 64}})
    for named in (find_run, lambda path: find_model(str(path))):
        with pytest.raises(InputError, match="was trained beside other weights than those of"):
            named(fit)


@pytest.mark.parametrize(
    ("run", "more", "fact"),
    [("fit", [], "trained the weights themselves; take --form hf"), ("adapted", ["--average", "2"], "is no adapter")],
)
def test_what_is_no_adapter_is_not_left_apart(
    run: str, more: list[str], fact: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    named = request.getfixturevalue(run)
    done = ended_here("raytrain.export", named, "--to", tmp_path / "new", "--form", "adapter", *more)
    assert done.returncode == 2
    assert fact in done.stderr


def test_whole_weights_of_whole_weights_are_these(fit: Path, tmp_path: Path) -> None:
    run = find_run(fit)
    assert whole_weights(run.best.folder, run.config.model, into=tmp_path / "new") == run.best.folder
    assert not (tmp_path / "new").exists()
