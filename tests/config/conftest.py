"""A working folder with one small baseline and one small space, to be read as they are or spoilt line by line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from raytrain.config.reader import load_baseline, load_space
from raytrain.errors import InputError

BASELINE = """\
model:
  variant: tiny
  pretrained: openai/whisper-tiny.en
training:
  batch_size: 8
  gradient_accumulation_steps: 2
  learning_rate: 1e-5
  num_epochs: 3
"""
SPACE = """\
vary:
  training.batch_size:
    values: [4, 8, 16]
keep:
  effective_batch_size:
    low: 8
    high: 32
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("b.yaml").write_text(BASELINE)
    Path("s.yaml").write_text(SPACE)
    return tmp_path


@pytest.fixture
def good_baseline() -> str:
    return BASELINE


@pytest.fixture
def good_space() -> str:
    return SPACE


@pytest.fixture
def refused_baseline(folder: Path) -> Callable[..., list[str]]:
    """The lines of the refusal of a baseline, given its text or bytes and overrides."""

    def refused(text: str | bytes = BASELINE, *overrides: str) -> list[str]:
        Path("b.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
        with pytest.raises(InputError) as caught:
            load_baseline("b.yaml", overrides)
        return str(caught.value).split("\n")

    return refused


@pytest.fixture
def refused_space(folder: Path) -> Callable[..., list[str]]:
    """The lines of the refusal of a space, given its text and overrides."""

    def refused(text: str = SPACE, *overrides: str) -> list[str]:
        Path("s.yaml").write_text(text)
        with pytest.raises(InputError) as caught:
            load_space("s.yaml", overrides, baseline=load_baseline("b.yaml"))
        return str(caught.value).split("\n")

    return refused
