"""A conversion leaves only when faster-whisper, with no network, hears what raytrain hears."""

import importlib.util
import json
from pathlib import Path

import pytest
import torch
from exported_runs import inputs_for
from safetensors.torch import load_file, save_file

from raytrain.errors import Broken, InputError
from raytrain.release.ct2 import require_ct2
from raytrain.release.export import Exported, export
from raytrain.release.model_folder import copy_model
from raytrain.release.proof import prove
from raytrain.release.runs import find_run


@pytest.fixture(scope="module")
def exported(fit: Path, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    to = tmp_path_factory.mktemp("exported") / "model"
    return export(find_run(fit), to=to, form="ct2", say=print, num_proved=1)


def test_a_fit_becomes_a_folder_for_faster_whisper_that_was_proved(exported: Exported, fit: Path) -> None:
    assert exported.proof is not None
    assert "proved on 1 validation clips by faster-whisper: 0 of its transcripts differ" in exported.proof.sentence
    names = {path.name for path in exported.folder.iterdir()}
    assert {"model.bin", "config.json", "tokenizer.json", "preprocessor_config.json", "README.md"} <= names
    assert "model.safetensors" not in names
    card = (exported.folder / "README.md").read_text()
    assert "from faster_whisper import" in card
    assert "beam_size=2" in card
    assert "library_name: ctranslate2" in card
    assert "On 1 of the clips, not padded as here but by faster-whisper: " in card
    assert "The weights' numbers are float32, as they were trained." in card
    bins = json.loads((exported.folder / "preprocessor_config.json").read_text())["feature_size"]
    assert bins == json.loads((find_run(fit).best.folder / "config.json").read_text())["num_mel_bins"]


def test_a_conversion_of_other_weights_is_no_conversion(exported: Exported, fit: Path, tmp_path: Path) -> None:
    run = find_run(fit)
    copy_model(run.best.folder, tmp_path)
    generator = torch.Generator().manual_seed(0)
    tensors = load_file(tmp_path / "model.safetensors")
    changed = {name: one + torch.randn(one.shape, generator=generator) for name, one in tensors.items()}
    save_file(changed, tmp_path / "model.safetensors", metadata={"format": "pt"})
    corpus = inputs_for(run.config).corpus
    told = r"not kept: 1 of 1 transcripts by faster-whisper differ.*; first in .*where raytrain hears"
    with pytest.raises(Broken, match=told):
        prove(tmp_path, exported.folder, run.config, corpus, [0], quantization="float32", say=print)


def test_without_the_packages_one_line_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    told = r'ctranslate2 and faster_whisper not installed; run pip install "raytrain\[ct2\]"'
    with pytest.raises(InputError, match=told):
        require_ct2()
