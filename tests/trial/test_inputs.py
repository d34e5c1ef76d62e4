"""What a run needs is checked before anything is started."""

from pathlib import Path

import pytest
from import_sources import clips, common_voice, imported, without_speakers

from raytrain.config.reader import load_baseline
from raytrain.errors import InputError
from raytrain.trial.inputs import inputs_of


def test_a_bucket_is_no_storage_and_the_refusal_names_the_way_out() -> None:
    with pytest.raises(InputError, match=r"^storage: s3://bucket/runs: runs are kept in folders; name one that every"):
        inputs_of(load_baseline("small", ["storage=s3://bucket/runs"]))


def test_noise_that_is_not_there_is_told_before_anything_is_prepared(tmp_path: Path) -> None:
    asked = ["model.pretrained=null", f"augmentation.noise_folder={tmp_path / 'noise'}", "data.train_manifest=nowhere"]
    with pytest.raises(InputError, match=r"^augmentation\.noise_folder: .*noise: there is no such folder"):
        inputs_of(load_baseline("tiny", asked))


def described(manifest: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setenv("RAYTRAIN_CACHE", str(manifest.parent / "cache"))
    settings = ["model.pretrained=null", f"data.train_manifest={manifest}", "data.validation_ratio=0.3"]
    return dict(inputs_of(load_baseline("small", settings)).described())


def test_a_run_on_utterances_of_nobody_known_says_so_and_any_other_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported(without_speakers(tmp_path / "a.parquet", clips(8)), tmp_path / "nobody", each_its_own_speaker="yes")
    imported(common_voice(tmp_path / "de", clips(8)), tmp_path / "known")
    assert described(tmp_path / "nobody" / "manifest.jsonl", monkeypatch)["children_not_known"] is True
    assert "children_not_known" not in described(tmp_path / "known" / "manifest.jsonl", monkeypatch)
