"""A conversion leaves only when faster-whisper, with no network, hears what raytrain hears."""

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from raytrain.errors import Broken, InputError
from raytrain.release import export as exporting
from raytrain.release.ct2 import convert, require_ct2
from raytrain.release.export import export
from raytrain.release.runs import find_run


def converted(fit: Path, to: Path, *, count: int) -> list[str]:
    said: list[str] = []
    export(find_run(fit), to=to, form="ct2", num_averaged=None, say=said.append, num_proved=count)
    return said


def test_a_fit_becomes_a_folder_for_faster_whisper_that_was_proved(fit: Path, tmp_path: Path) -> None:
    said = converted(fit, tmp_path / "model", count=2)
    assert "proved on 2 validation clips by faster-whisper: 0 of its transcripts differ" in said[-1]
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert {"model.bin", "config.json", "tokenizer.json", "preprocessor_config.json", "README.md"} <= names
    assert "model.safetensors" not in names
    card = (tmp_path / "model" / "README.md").read_text()
    assert "from faster_whisper import" in card
    assert "beam_size=2" in card
    assert "library_name: ctranslate2" in card
    bins = json.loads((tmp_path / "model" / "preprocessor_config.json").read_text())["feature_size"]
    assert bins == json.loads((find_run(fit).best.folder / "config.json").read_text())["num_mel_bins"]


def test_a_conversion_that_hears_otherwise_is_not_kept(
    fit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_other_weights(model: Path, into: Path, **options: Any) -> None:
        other = tmp_path / "other"
        shutil.copytree(model, other)
        tensors = load_file(other / "model.safetensors")
        generator = torch.Generator().manual_seed(0)
        changed = {name: one + torch.randn(one.shape, generator=generator) for name, one in tensors.items()}
        save_file(changed, other / "model.safetensors", metadata={"format": "pt"})
        convert(other, into, **options)

    monkeypatch.setattr(exporting, "convert", of_other_weights)
    with pytest.raises(
        Broken, match=r"is not kept: 1 of 1 transcripts by faster-whisper differ.*; first in .*where raytrain hears"
    ):
        converted(fit, tmp_path / "model", count=1)
    assert not (tmp_path / "model").exists()


def test_without_the_packages_one_line_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    told = r'ctranslate2 and faster_whisper not installed; run pip install "raytrain\[ct2\]"'
    with pytest.raises(InputError, match=told):
        require_ct2()
