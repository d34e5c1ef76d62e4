"""What a run needs is checked before anything is started."""

from pathlib import Path

import pytest
from import_sources import clips, common_voice, imported, without_speakers

from raytrain.config.reader import load_baseline
from raytrain.errors import InputError
from raytrain.trial.inputs import inputs_of


@pytest.mark.parametrize("place", ["gs://bucket/runs", "s3://", "s3://key:secret@bucket", "s3://bucket//runs"])
def test_what_is_neither_a_folder_nor_a_place_on_s3_is_no_storage(place: str) -> None:
    with pytest.raises(InputError, match=r"storage=.*: what is no folder is a place on S3, as in s3://bucket/prefix"):
        load_baseline("small", [f"storage={place}"])


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
