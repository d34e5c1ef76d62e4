"""The languages there are, and those that weights do not speak, which are refused before anything starts."""

from pathlib import Path

import pytest
from transformers.models.whisper import tokenization_whisper as theirs

from raytrain.config.baseline import Model
from raytrain.config.languages import LANGUAGES, language_code, rate_of
from raytrain.config.reader import apply_sample, load_baseline, load_space
from raytrain.errors import InputError


def test_the_languages_are_whispers_in_its_order() -> None:
    assert list(LANGUAGES.items()) == list(theirs.LANGUAGES.items())
    assert {name: language_code(name.title()) for name in theirs.TO_LANGUAGE_CODE} == theirs.TO_LANGUAGE_CODE


def refused(*overrides: str) -> str:
    with pytest.raises(InputError) as error:
        load_baseline("small", overrides)
    return str(error.value)


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["model.language=xx"],
            "override model.language=xx: 'xx' is not a language of Whisper's; use a code such as 'en'",
        ),
        (["model.language=germn"], "did you mean 'german'?"),
        (
            ["model.pretrained=openai/whisper-small.en", "model.language=de"],
            "openai/whisper-small.en knows English only, not 'de'; name multilingual weights, as openai/whisper-small",
        ),
        (
            ["model.language=Cantonese"],
            "openai/whisper-small does not know 'Cantonese'; take variant large-v3 or turbo",
        ),
        (["model.pretrained=./mine.en/", "model.task=translate"], "./mine.en/ does not translate"),
    ],
)
def test_a_language_that_the_weights_cannot_speak_is_refused_with_a_way_out(overrides: list[str], said: str) -> None:
    assert said in refused(*overrides)
    assert "\n" not in refused(*overrides)


def test_a_language_in_a_file_is_refused_at_its_line(tmp_path: Path) -> None:
    text = load_text().replace("language: en", "language: xx")
    (tmp_path / "mine.yaml").write_text(text)
    line = 1 + next(n for n, one in enumerate(text.splitlines()) if "language: xx" in one)
    with pytest.raises(InputError, match=f"mine.yaml:{line}: model.language: 'xx' is not a language"):
        load_baseline(str(tmp_path / "mine.yaml"))


def load_text() -> str:
    return Path("baselines/small.yaml").read_text(encoding="utf-8")


def test_cantonese_is_spoken_by_the_later_weights_alone() -> None:
    assert load_baseline("turbo", ["model.language=yue"]).model.rate() == "CER"


def test_weights_that_vary_must_all_speak_the_language() -> None:
    german = load_baseline("small", ["model.language=de"])
    asked = ["vary={model.pretrained: {values: [openai/whisper-small, openai/whisper-small.en]}}"]
    with pytest.raises(InputError, match=r"whisper-small\.en knows English only"):
        load_space("batching", asked, baseline=german)


def test_a_sample_is_held_to_the_same_rule() -> None:
    with pytest.raises(InputError, match="knows English only"):
        apply_sample(load_baseline("tiny"), {"model.language": "de"})


def test_a_translation_is_scored_as_english() -> None:
    spoken = Model(variant="small", pretrained=None, language="Chinese")
    assert (spoken.text_language(), spoken.rate()) == ("zh", "CER")
    translated = spoken.model_copy(update={"task": "translate"})
    assert (translated.text_language(), translated.rate()) == ("en", "WER")


def test_what_names_no_known_language_is_judged_by_words() -> None:
    assert rate_of("Klingon") == "WER"
