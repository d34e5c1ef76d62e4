"""What a generation configuration of 2022, or of other weights, becomes at loading."""

import json
from pathlib import Path
from typing import Any

import pytest
from damages import damaged_copy

from raytrain.config.baseline import Audio, Model
from raytrain.whisper.configs import generation_config, lacking
from raytrain.whisper.tokenizer import byte_level_tokenizer, load_tokenizer
from raytrain.whisper.weights import load, save


@pytest.fixture(scope="module")
def multilingual() -> Any:
    """A tokenizer with large-v3's languages in large-v3's order: one more than large-v2's."""
    return byte_level_tokenizer()


def needed(tokenizer: Any) -> dict[str, Any]:
    found: dict[str, Any] = generation_config(tokenizer).to_diff_dict()
    return found


def of_large_v2(tokenizer: Any) -> dict[str, Any]:
    """What a fine-tune of large-v3 has that was saved with the file of large-v2: all after `yue` is one too low."""
    right = needed(tokenizer)
    languages = {token: number for token, number in right["lang_to_id"].items() if token != "<|yue|>"}
    tasks = {task: number - 1 for task, number in right["task_to_id"].items()}
    return right | {
        "lang_to_id": languages,
        "task_to_id": tasks,
        "no_timestamps_token_id": right["no_timestamps_token_id"] - 1,
        "prev_sot_token_id": right["prev_sot_token_id"] - 1,
    }


def test_numbers_of_another_vocabulary_become_those_of_the_weights_own(multilingual: Any) -> None:
    early = of_large_v2(multilingual)
    assert early | lacking(early, multilingual) == needed(multilingual)


def test_a_complete_one_is_left_as_it_is(multilingual: Any, tiny_en: Path) -> None:
    assert lacking(needed(multilingual), multilingual) == {}
    published = json.loads((tiny_en / "generation_config.json").read_text())
    assert lacking(published, load_tokenizer(tiny_en)) == {}


def test_a_language_that_somebody_added_stays(multilingual: Any) -> None:
    right = needed(multilingual)
    added = multilingual.convert_tokens_to_ids("<|0.00|>")
    mine = right | {"lang_to_id": {**right["lang_to_id"], "<|0.00|>": added}}
    assert lacking(mine, multilingual) == {}


def test_weights_that_know_languages_are_not_taken_for_english_ones(multilingual: Any) -> None:
    assert lacking({"is_multilingual": False}, multilingual)["is_multilingual"]


def test_a_list_of_another_vocabulary_cannot_suppress_the_end_of_text(multilingual: Any) -> None:
    end = multilingual.eos_token_id
    assert lacking(needed(multilingual) | {"suppress_tokens": [1, end]}, multilingual) == {"suppress_tokens": [1]}


def test_prompts_and_lists_where_2022_had_them_are_read(tiny_en: Path, tmp_path: Path) -> None:
    folder = damaged_copy(tiny_en, tmp_path / "early", lambda copy: (copy / "generation_config.json").unlink())
    config = json.loads((folder / "config.json").read_text())
    lists = {"suppress_tokens": [1, 2], "begin_suppress_tokens": [220, 50256], "forced_decoder_ids": [[1, 50362]]}
    (folder / "config.json").chmod(0o644)
    (folder / "config.json").write_text(json.dumps(config | lists))
    model = Model(variant="tiny", pretrained=str(folder), gradient_checkpointing=False)
    save(load(model, seed=0), tmp_path / "saved", window=Audio(), extra={})
    saved = json.loads((tmp_path / "saved" / "generation_config.json").read_text())
    assert (saved["suppress_tokens"], saved["begin_suppress_tokens"]) == ([1, 2], [220, 50256])
    assert "forced_decoder_ids" not in saved | json.loads((tmp_path / "saved" / "config.json").read_text())
