"""The model card: its code is run as it stands, and what it tells is what was measured."""

import json
import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch
from exported_runs import checkpoint, copy_of, edit_json, inputs_for
from huggingface_hub import ModelCard

from raytrain.config.baseline import Audio, Model
from raytrain.release.card import ExportScore, model_card
from raytrain.release.export import export
from raytrain.release.runs import KeptRun, find_run
from raytrain.release.transcriber import WindowedWhisper
from raytrain.results.transcripts import Scored
from raytrain.speech.scoring import score
from raytrain.training import precision as precisions
from raytrain.training.evaluation import evaluate
from raytrain.whisper import weights
from raytrain.whisper.window import audio_window

FP32 = precisions.resolve("fp32", device=torch.device("cpu"))


def exported(run: KeptRun, folder: Path) -> Path:
    return export(run, to=folder, form="hf", say=print, num_proved=0).folder


@pytest.fixture(scope="module")
def model_folder(fit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exported(find_run(checkpoint(fit, 3)), tmp_path_factory.mktemp("exported") / "model")


def transcripts_by_the_card(folder: Path, clips: list[Any], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runs the card's code in the model's folder, and then what it defines."""
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    soundfile.write(folder / "clip.flac", clips[0], 16_000)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)
    for name in ("transcribe", "hearing", "silence"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    defined: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), defined)
    for number, clip in enumerate(clips):
        soundfile.write(folder / f"{number}.flac", clip, 16_000)
    return defined["transcribe"]([Path(f"{number}.flac") for number in range(len(clips))], defined["model"])


def transcripts_by_raytrain(folder: Path, run: KeptRun, indices: list[int]) -> list[str]:
    """Its own evaluation, told to use the beams and the limit that the model was exported with."""
    model = run.config.model.model_copy(update={"pretrained": str(folder)})
    whisper = weights.load(model, seed=0)
    evaluated = evaluate(
        whisper, inputs_for(run.config).corpus, indices,
        audio=run.config.audio,
        evaluation=run.config.evaluation.model_copy(update={"num_beams": run.config.prediction.num_beams}),
        window=whisper.trained_window,
        precision=FP32,
        max_new_tokens=run.config.prediction.max_new_tokens,
    )  # fmt: skip
    return [row["hypothesis"] for row in evaluated.utterances]


def test_the_cards_code_gives_the_transcripts_of_raytrains_evaluation(
    model_folder: Path, fit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = find_run(fit)
    corpus = inputs_for(run.config).corpus
    indices = list(range(0, len(corpus), len(corpus) // 6))[:6]
    folder = shutil.copytree(model_folder, tmp_path / "model")
    ours = transcripts_by_raytrain(folder, run, indices)
    assert transcripts_by_the_card(folder, [corpus.audio(index) for index in indices], monkeypatch) == ours
    assert all(ours)


@pytest.mark.parametrize(("window", "told_as"), [("full", "**full 30 s** window"), ("condensed", "30 s **condensed**")])
def test_a_card_for_full_and_for_condensed_windows_does_so_too(
    window: str, told_as: str, fit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copy_of(fit, tmp_path / "fit", steps=(1,))
    told = json.loads((copy / "fit.json").read_text())
    audio = told["baseline"]["audio"] | {"window": window}
    edit_json(copy / "fit.json", baseline=told["baseline"] | {"audio": audio})
    edit_json(checkpoint(copy, 1) / "raytrain.json", window=audio)
    run = find_run(copy)
    folder = exported(run, tmp_path / "model")
    corpus = inputs_for(run.config).corpus
    indices = [0, len(corpus) // 2, len(corpus) - 1]
    sounds = [corpus.audio(index) for index in indices]
    assert transcripts_by_the_card(folder, sounds, monkeypatch) == transcripts_by_raytrain(folder, run, indices)
    assert told_as in (folder / "README.md").read_text()


@torch.no_grad()
def test_the_exported_code_counts_a_position_of_the_silence_as_often_as_training_does(model_folder: Path) -> None:
    mel, tokens = torch.randn(1, 80, 400, generator=torch.Generator().manual_seed(0)), torch.tensor([[50257, 50362]])
    alone, ours = (
        WindowedWhisper(model_folder),
        weights.load(Model(variant="tiny", pretrained=str(model_folder)), seed=0),
    )
    ours.model.eval()
    scores = []
    for model in (alone.whisper, ours.model):
        with audio_window(model, 400, condensed=True):
            scores.append(model(input_features=mel, decoder_input_ids=tokens).logits)
    assert torch.allclose(*scores, atol=1e-3)


def test_the_exported_folder_is_the_model_and_nothing_of_the_children(model_folder: Path, fit: Path) -> None:
    told = json.loads((fit / "fit.json").read_text())["data"]
    texts = "".join(path.read_text() for path in model_folder.iterdir() if path.suffix in (".json", ".md"))
    transcripts = [row["reference"] for row in find_run(fit).best.utterances()]
    assert not {path.name for path in model_folder.iterdir()} & {"training_state.pt", "utterances.jsonl"}
    assert not [child for child in told["train_children"] + told["validation_children"] if child in texts]
    assert not [transcript for transcript in transcripts if transcript in texts]


def test_the_cards_head_is_what_hubs_read(model_folder: Path) -> None:
    data = ModelCard.load(model_folder / "README.md").data
    assert (data.library_name, data.language, data.license) == ("transformers", "en", "unknown")
    assert {"children", "synthetic-data"} <= set(data.tags)


def test_openais_weights_bring_their_licence_and_their_name(fit: Path, tmp_path: Path) -> None:
    copy = copy_of(fit, tmp_path / "fit", steps=(1,))
    edit_json(checkpoint(copy, 1) / "raytrain.json", source="openai/whisper-tiny.en")
    data = ModelCard(model_card(find_run(copy), ExportScore([], [1]), window=Audio())).data
    assert (data.license, data.base_model) == ("apache-2.0", "openai/whisper-tiny.en")


def test_the_table_adds_up_to_the_wer_that_the_run_told(model_folder: Path, fit: Path) -> None:
    card = (model_folder / "README.md").read_text()
    run = find_run(checkpoint(fit, 3))
    assert f"| **all** | {100 * run.best.eval_wer:.2f} |" in card
    assert f"Before training, the same utterances had {100 * run.history[0]['eval_wer']:.2f} %" in card


def test_further_sets_are_told_before_and_after_training_without_where_they_lie(fit: Path) -> None:
    run = find_run(checkpoint(fit, 3))
    also = {"adult": "/home/somebody/adults.jsonl"}
    config = run.config.model_copy(update={"evaluation": run.config.evaluation.model_copy(update={"also": also})})
    told = {0: {"adult": 0.066}, 3: {"adult": 0.0769}}
    history = [{**row, "also": told[row["step"]]} if row["step"] in told else row for row in run.history]
    score = ExportScore(run.best.utterances(), [3])
    card = model_card(replace(run, config=config, history=history), score, window=Audio())
    assert "none of which was trained on: adult 7.69 % (6.60 % before training)." in card
    assert "/home/somebody" not in card
    averaged = model_card(replace(run, config=config, history=history), replace(score, steps=[1, 3]), window=Audio())
    assert "adult 7.69" not in averaged  # nobody scored these weights there


def test_a_card_tells_that_its_code_decodes_otherwise_than_the_table(model_folder: Path) -> None:
    assert "decoded greedily, while the code above decodes with 2 beams" in (model_folder / "README.md").read_text()


def test_synthetic_data_are_called_so(model_folder: Path) -> None:
    assert "The data are synthetic" in (model_folder / "README.md").read_text()


def card_of(fit: Path, copy: Path, *, validation_manifest: str | None, **data: int) -> str:
    """The card where the run's description says this of its data."""
    copy_of(fit, copy, steps=(1,))
    told = json.loads((copy / "fit.json").read_text())
    known = {key: value for key, value in told["data"].items() if not key.startswith("shared_")}
    manifests = told["baseline"]["data"] | {"validation_manifest": validation_manifest}
    edit_json(copy / "fit.json", baseline=told["baseline"] | {"data": manifests}, data=known | data)
    run = find_run(copy)
    return model_card(run, ExportScore(run.best.utterances(), [1]), window=Audio())


@pytest.mark.parametrize(
    ("manifest", "data", "told"),
    [
        (None, {}, "On held-out children, none of whom was heard in training; decoded"),
        ("v.jsonl", {"shared_children": 0}, "On held-out children, none of whom was heard in training; decoded"),
        ("v.jsonl", {}, "whether its children were heard in training was not checked; decoded"),
        ("v.jsonl", {"shared_children": 4}, "On utterances not apart from training: both have 4 children; decoded"),
        (None, {"children_not_known": True}, "On utterances whose children are not known, and may have been heard in"),
        (None, {"shared_sounds": 1}, "not apart from training: both have 1 clip of the very same sound; decoded"),
    ],
)
def test_a_card_says_of_the_scored_children_what_was_checked_and_no_more(
    fit: Path, tmp_path: Path, manifest: str | None, data: dict[str, int], told: str
) -> None:
    card = card_of(fit, tmp_path / "fit", validation_manifest=manifest, **data)
    assert told in card
    assert card.count("none of whom") == told.count("none of whom")


def test_a_card_tells_nothing_of_where_files_lie_on_this_machine(fit: Path, tmp_path: Path) -> None:
    card = card_of(fit, tmp_path / "fit", validation_manifest="/home/somebody/of/a/study/v.jsonl")
    assert "somebody" not in card
    assert str(find_run(fit).config.model.pretrained) not in card
    assert "- validation: `v.jsonl`" in card


def test_a_card_of_shared_children_has_the_caveat_at_its_top(fit: Path, tmp_path: Path) -> None:
    card = card_of(fit, tmp_path / "fit", validation_manifest="v.jsonl", shared_children=4)
    assert "> **Training and validation are not apart: both have 4 children, which flatters the WER.**" in card


def test_figures_of_random_weights_are_said_to_mean_nothing(fit: Path, tmp_path: Path) -> None:
    copy = copy_of(fit, tmp_path / "fit", steps=(1,))
    told = json.loads((copy / "fit.json").read_text())
    model = told["baseline"]["model"] | {"pretrained": None}
    edit_json(copy / "fit.json", baseline=told["baseline"] | {"model": model})
    edit_json(checkpoint(copy, 1) / "raytrain.json", source=None)
    run = find_run(copy)
    card = model_card(run, ExportScore(run.best.utterances(), [1]), window=Audio())
    assert "these figures mean nothing" in card
    assert "trained from random weights" in card
    assert ModelCard(card).data.eval_results is None


def scored_row(number: int, reference: str, hypothesis: str, language: str) -> Scored:
    errors, characters = score(reference, hypothesis, language)
    of_characters = {"character_edits": characters.edits, "characters": characters.reference_words}
    row = {"utterance_id": f"u{number}", "child_id": "a", "age_bucket": "5-7", "duration_s": 1.0}
    return {**row, "reference": reference, "hypothesis": hypothesis, **errors.as_dict(), **of_characters}  # type: ignore[typeddict-item]


def card_in(fit: Path, language: str, *pairs: tuple[str, str]) -> str:
    run = find_run(fit)
    config = run.config.model_copy(update={"model": run.config.model.model_copy(update={"language": language})})
    rows = [scored_row(number, *pair, language) for number, pair in enumerate(pairs)]
    run = replace(run, config=config, description=replace(run.description, baseline=config))
    return model_card(run, ExportScore(rows, [1]), window=Audio())


def test_a_card_tells_of_each_of_several_manifests(fit: Path) -> None:
    run = find_run(fit)
    sources = [
        {"manifest": "/home/somebody/cv.jsonl", "name": "cv"},
        {"manifest": "/b/s.jsonl", "weight": 2, "name": "a|b"},
    ]
    data = run.config.data.model_validate({**run.config.data.model_dump(), "train_manifest": sources})
    config = run.config.model_copy(update={"data": data})
    rows = [
        {**scored_row(number, *pair, "en"), "source": source}
        for number, (source, *pair) in enumerate([("cv", "a dog", "a cat"), ("cv", "yes", "yes"), ("a|b", "no", "no")])
    ]
    run = replace(run, config=config, description=replace(run.description, baseline=config))
    card = model_card(run, ExportScore(rows, [1]), window=Audio())  # type: ignore[arg-type]
    assert "| age or manifest | WER % |" in card
    assert re.search(r"\| cv \| 33.33 \| [\d.]+ \| 3 \| 2 \| 1 \|", card)
    assert "| a\\|b | 0.00 | 0.00 | 1 | 1 | 1 |" in card
    assert "- training manifests: `cv.jsonl` (cv), `s.jsonl` (a|b), each clip 2 times an epoch" in card
    assert "of these, by whole children" in card
    assert "somebody" not in card


def test_a_card_has_the_character_error_rate_beside_that_of_words(fit: Path) -> None:
    card = card_in(fit, "German", ("Das ist schön.", "Das ist schon."), ("um acht", "acht"))
    assert "| age | WER % | CER % | words | utterances | children |" in card
    assert "| **all** | 40.00 | 20.00 | 5 | 2 | 1 |" in card
    assert "of the German texts, after this normaliser: case and punctuation levelled, marks and accents kept." in card
    assert ModelCard(card).data.language == "de"


def test_a_card_of_a_language_without_spaces_tells_of_characters_alone(fit: Path) -> None:
    card = card_in(fit, "zh", ("她喜欢吃苹果", "她喜欢吃苹果吗"), ("你好", "你好"))
    assert "## Character error rate" in card
    assert "| **all** | 12.50 | 8 | 2 | 1 |" in card
    assert not re.findall(r"\bWER\b", card.partition("## Trained on")[0])


def test_rows_of_an_earlier_version_are_told_of_as_they_were_scored(fit: Path) -> None:
    run = find_run(fit)
    old = [{key: value for key, value in scored_row(0, "um acht", "acht", "en").items() if "character" not in key}]
    config = run.config.model_copy(update={"model": run.config.model.model_copy(update={"language": "de"})})
    card = model_card(replace(run, config=config), ExportScore(old, [1]), window=Audio())  # type: ignore[arg-type]
    assert "CER" not in card
    assert "after this normaliser: Whisper's English normaliser." in card
