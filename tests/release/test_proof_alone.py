"""A model's folder leaves only when its own code, in a process with no raytrain, hears what raytrain hears."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exported_runs import inputs_for
from safetensors.torch import load_file, save_file

from raytrain.config.reader import apply_sample
from raytrain.errors import Broken, InputError
from raytrain.release import export as exporting
from raytrain.release.alone import beside_model
from raytrain.release.elsewhere import heard_by_folder
from raytrain.release.export import Exported, export
from raytrain.release.model_folder import copy_model
from raytrain.release.proof import prove_alone, sample
from raytrain.release.runs import Form, KeptRun, find_run


@pytest.fixture(scope="module")
def run(fit: Path) -> KeptRun:
    return find_run(fit)


@pytest.fixture(scope="module")
def lost(run: KeptRun) -> KeptRun:
    """A run whose manifest is gone."""
    return replace(run, config=apply_sample(run.config, {"data.train_manifest": "/nowhere/manifest.jsonl"}))


def exported(run: KeptRun, to: Path, *, form: Form = "hf", num_proved: int = 1) -> Exported:
    return export(run, to=to, form=form, say=print, num_proved=num_proved)


def test_a_folder_that_hears_otherwise_is_not_kept(
    run: KeptRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_other_weights(checkpoint: Path, into: Path) -> None:
        copy_model(checkpoint, into)
        generator = torch.Generator().manual_seed(0)
        tensors = load_file(into / "model.safetensors")
        changed = {name: one + torch.randn(one.shape, generator=generator) for name, one in tensors.items()}
        save_file(changed, into / "model.safetensors", metadata={"format": "pt"})

    monkeypatch.setattr(exporting, "copy_model", with_other_weights)
    with pytest.raises(Broken, match=r"1 of 1 transcripts by transcribe\.py differ.*; first in .*where raytrain hears"):
        exported(run, tmp_path / "out" / "model")
    assert list((tmp_path / "out").iterdir()) == []


def test_code_that_needs_raytrain_is_not_kept(run: KeptRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needy = {name: "import raytrain.cli\n" + text for name, text in beside_model().items()}
    monkeypatch.setattr(exporting, "beside_model", lambda: needy)
    with pytest.raises(Broken, match=r"transcribe\.py: ended with status 1, alone in a process: .*raytrain"):
        exported(run, tmp_path / "out" / "model")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("form", ["hf", "submission", "ct2"])
def test_a_lost_manifest_is_told_before_anything_is_made(lost: KeptRun, form: Form, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"/nowhere/manifest\.jsonl") as told:
        exported(lost, tmp_path / "out" / "model", form=form)
    assert ("--prove 0" in str(told.value)) == (form != "ct2")
    assert not (tmp_path / "out").exists()


def test_where_it_is_asked_for_a_model_leaves_unproved(lost: KeptRun, tmp_path: Path) -> None:
    done = exported(lost, tmp_path / "model", num_proved=0)
    assert done.proof is None
    assert "alone in a process" not in (done.folder / "README.md").read_text()


def test_a_slow_machine_compares_fewer_clips_short_and_long_ones(run: KeptRun) -> None:
    corpus = inputs_for(run.config).corpus
    clips = sample(corpus, range(len(corpus)), 9)
    given: list[int] = []

    def hear(sounds: Any) -> list[str]:
        given.extend(len(sound) for sound in sounds)
        return ["not a word of it"] * len(sounds)

    with pytest.raises(Broken, match=r"^the export is not kept: 5 of 5 transcripts by main\.py differ"):
        prove_alone(run.best.folder, hear, run.config, corpus, clips, tool="main.py", most_s=0, say=print)
    lengths = [len(corpus.audio(index)) for index in clips]
    assert (min(given), max(given)) == (min(lengths), max(lengths))


def test_sounds_reach_the_code_bit_for_bit_and_texts_come_back_whole(tmp_path: Path) -> None:
    (tmp_path / "transcribe.py").write_text(
        "import sys, soundfile\n"
        "for name in sys.argv[1:]:\n"
        "    samples, rate = soundfile.read(name, dtype='int16')\n"
        "    print(name, f'{rate}\\n{samples.tolist()} \u00e9', sep='\\t')\n",
        encoding="utf-8",
    )
    sounds = [np.array([-(2**15), 2**15 - 1, 1, 0]) / np.float32(2**15), np.zeros(2, np.float32)]
    told = ["16000\n[-32768, 32767, 1, 0] \u00e9", "16000\n[0, 0] \u00e9"]
    assert heard_by_folder(tmp_path, sounds) == told
