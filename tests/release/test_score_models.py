"""Runs, exported folders and published weights on a test set: what is found, its window, and whom it had heard."""

import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from doors_here import ended_here
from exported_runs import checkpoint, copy_of, edit_json, study_of
from small_corpora import spoken, write

from raytrain.errors import InputError
from raytrain.files import read_as
from raytrain.release.asked import Asked, named
from raytrain.release.export import export
from raytrain.release.heard import overlap
from raytrain.release.held_out import HeldOut, prepared
from raytrain.release.models import find_model
from raytrain.release.runs import find_run
from raytrain.release.score import score
from raytrain.release.score_folder import ScoreFolder
from raytrain.results.transcripts import read_rows
from raytrain.speech.manifest import DEMO_MANIFEST
from raytrain.trial.inputs import inputs_of

ADULT = Path(__file__).parents[1] / "data" / "adult"


def held_out_from(manifest: Path) -> HeldOut:
    return prepared([str(manifest)], max_bad_share=0.0, progress=lambda done, total: None)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def demo_lines(ids: list[str]) -> list[dict[str, Any]]:
    """Lines of the demo corpus, readable from anywhere."""
    lines = {line["utterance_id"]: line for line in lines_of(DEMO_MANIFEST)}
    return [lines[one] | {"audio_path": str(DEMO_MANIFEST.parent / lines[one]["audio_path"])} for one in ids]


@pytest.fixture(scope="module")
def listed_fit(fit: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fit with the listing of its data, as its door leaves it."""
    copy = copy_of(fit, tmp_path_factory.mktemp("listed") / fit.name)
    inputs_of(find_run(copy).config).write_listing(copy)
    return copy


@pytest.fixture(scope="module")
def scored_ids(fit: Path) -> list[str]:
    return [row["utterance_id"] for row in find_run(fit).best.utterances()]


def test_a_run_scores_as_it_scored_itself(listed_fit: Path, scored_ids: list[str], tmp_path: Path) -> None:
    held_out = held_out_from(write(tmp_path / "m.jsonl", demo_lines(scored_ids)))
    asked = Asked(contestants=named([find_model(str(listed_fit))]), language="en", num_beams=1, batch_size=4)
    said: list[str] = []
    done = score(asked, held_out, ScoreFolder(tmp_path / "score", asked.identity(held_out)), say=said.append)
    assert done.scores is not None
    own = {row["utterance_id"]: row["hypothesis"] for row in find_run(listed_fit).best.utterances()}
    (path,) = done.heard.values()
    assert {line["utterance_id"]: line["orthographic_text"] for line in lines_of(path)} == own
    assert "window condensed: 30 s" in " ".join(said)
    assert "which flatters its figures a little" in " ".join(said)  # these children chose its checkpoint


def test_a_stopped_score_goes_on_with_what_was_heard(listed_fit: Path, scored_ids: list[str], tmp_path: Path) -> None:
    held_out = held_out_from(write(tmp_path / "m.jsonl", demo_lines(scored_ids)))
    asked = Asked(contestants=named([find_model(str(listed_fit))]), language="en", num_beams=1, batch_size=4)
    (name,) = asked.contestants
    folder = ScoreFolder(tmp_path / "score", asked.identity(held_out))
    folder.add(name, [(one, "heard before the stop") for one in scored_ids])
    done = score(asked, held_out, ScoreFolder(tmp_path / "score", asked.identity(held_out)), say=lambda line: None)
    assert {line["orthographic_text"] for line in lines_of(done.heard[name])} == {"heard before the stop"}
    assert [path.name for path in done.heard[name].parent.iterdir() if "unfinished" in path.name] == []
    assert len(list(read_rows(done.heard[name].with_name("utterances.jsonl")))) == len(scored_ids)


def test_every_kind_of_model_is_found_with_its_window_and_language(fit: Path, tiny_en: Path, tmp_path: Path) -> None:
    exported = export(find_run(fit), to=tmp_path / "exported", form="hf", say=print, num_proved=0)
    study = study_of(fit, tmp_path / "study")
    moved = copy_of(checkpoint(fit, 1), tmp_path / "moved")
    asked = {"fit": fit, "study": study, "step": checkpoint(fit, 2), "hf": exported.folder, "moved": moved}
    models = {name: find_model(str(path)) for name, path in asked.items()} | {
        "hub": find_model("openai/whisper-tiny.en")
    }
    assert {name: (one.audio.window, one.model.variant, one.run is not None) for name, one in models.items()} == {
        "fit": ("condensed", "tiny", True),
        "study": ("condensed", "tiny", True),
        "step": ("condensed", "tiny", True),
        "hf": ("condensed", "tiny", False),
        "moved": ("condensed", "tiny", False),
        "hub": ("full", "tiny", False),
    }
    assert models["hf"].prediction.num_beams == 2
    assert models["hub"].folder.samefile(tiny_en)
    assert models["step"].folder == checkpoint(fit, 2)
    assert models["study"].folder == study / "ray" / "trial-0001" / "step-000002"


def test_weights_that_know_english_alone_are_asked_for_no_other_language() -> None:
    with pytest.raises(InputError, match=r"^--language de: "):
        find_model("openai/whisper-tiny.en", language="de")


def test_weights_of_another_shape_than_any_variants_are_heard_too(tiny_en: Path, tmp_path: Path) -> None:
    """As a distilled Whisper: the decoder has fewer layers."""
    from transformers import WhisperForConditionalGeneration

    from raytrain.release.listener import Listener

    folder = copy_of(tiny_en, tmp_path / "distilled")
    model = WhisperForConditionalGeneration.from_pretrained(tiny_en)
    model.model.decoder.layers = model.model.decoder.layers[:2]
    model.config.decoder_layers = 2
    for path in folder.iterdir():
        if path.suffix == ".safetensors":
            path.unlink()
    model.save_pretrained(folder)
    listener = Listener(find_model(str(folder)), num_beams=1, batch_size=2)
    assert len(listener.whisper.model.model.decoder.layers) == 2


def test_children_that_were_heard_in_training_are_told_loudly(listed_fit: Path, tmp_path: Path) -> None:
    run = find_run(listed_fit)
    listing = [json.loads(line) for line in (listed_fit / "data.jsonl").read_text().splitlines()]
    trained = next(line[0] for line in listing if line[3] == "train")
    flattered = overlap(run, held_out_from(write(tmp_path / "t.jsonl", demo_lines([trained]))))
    assert flattered.fact == "1 of 1 children"
    assert "NOT HELD OUT: it was trained on 1 child of the test set by its id" in flattered.caveats[0]
    assert "1 clip of the very same sound" in flattered.caveats[0]
    strangers = held_out_from(write(tmp_path / "s" / "m.jsonl", spoken(tmp_path / "s", "xyz")))
    assert overlap(run, strangers).fact == "none of 3 children"
    assert overlap(run, strangers).caveats == ()
    # The same sound under another child's name.
    (renamed,) = demo_lines([trained])
    other = write(tmp_path / "r.jsonl", [renamed | {"child_id": "somebody", "utterance_id": "u"}])
    assert "1 clip of the very same sound (u)" in overlap(run, held_out_from(other)).caveats[0]


def test_a_run_without_its_listing_tells_by_the_names_it_recorded(fit: Path, tmp_path: Path) -> None:
    copy = copy_of(fit, tmp_path / "older")
    held_out = held_out_from(write(tmp_path / "s" / "m.jsonl", spoken(tmp_path / "s", "x")))
    described = read_as(copy / "fit.json", dict[str, Any])
    edit_json(copy / "fit.json", data={**described["data"], "train_children": [" CHILD_x"]})
    assert overlap(find_run(copy), held_out).fact == "1 of 1 children"
    edit_json(copy / "fit.json", data={"synthetic": False})
    assert overlap(find_run(copy), held_out).fact == "not recorded"


def test_a_manifest_without_transcripts_gives_predictions_alone(tiny_en: Path, tmp_path: Path) -> None:
    lines = [
        {"utterance_id": path.stem, "child_id": path.stem, "audio_path": str(path)} for path in ADULT.glob("*.flac")
    ]
    held_out = held_out_from(write(tmp_path / "bare.jsonl", lines))
    asked = Asked(contestants=named([find_model(str(tiny_en))]), language="en", num_beams=1, batch_size=4)
    done = score(asked, held_out, ScoreFolder(tmp_path / "score", asked.identity(held_out)), say=lambda line: None)
    assert done.scores is None
    texts = {line["utterance_id"]: line["orthographic_text"] for line in lines_of(done.heard[tiny_en.name])}
    assert "spades" in texts["cards_005"]
    assert sorted(texts) == sorted(line["utterance_id"] for line in lines)
    assert not (done.folder / "report.html").exists()


def door(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "raytrain.score", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=cwd)


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        (["model"], "the following arguments are required: --manifest"),
        (["/no/such/model", "--manifest", "m.jsonl"], "there is no folder /no/such/model"),
        (["empty", "--manifest", "m.jsonl"], "neither a run (fit.json, study.json) nor a model"),
        (["gone.jsonl", "--manifest", "m.jsonl"], "gone.jsonl: there is no such file"),
        (["m.jsonl", "--manifest", "m.jsonl"], "is the test manifest itself"),
        (["p.jsonl", "--manifest", "no.jsonl"], "no such manifest"),
        (["p.jsonl", "--manifest", "m.jsonl", "--num-beams", "0"], "--num-beams 0: must be at least 1"),
        (["p.jsonl", "--manifest", "m.jsonl", "--language", "xx"], "'xx' is not a language of Whisper's"),
        (["p.jsonl", "--manifest", "m.jsonl", "--to", "p.jsonl"], "is a file; name a new folder"),
        (["p.jsonl", "--manifest", "m.jsonl", "--manifest", "m.jsonl"], "one is named twice"),
    ],
)
def test_bad_input_is_one_clear_line_and_leaves_nothing(arguments: list[str], fact: str, tmp_path: Path) -> None:
    write(tmp_path / "m.jsonl", spoken(tmp_path, "ab"))
    write(tmp_path / "p.jsonl", [{"utterance_id": "a0", "orthographic_text": "x"}])
    (tmp_path / "empty").mkdir()
    before = sorted(tmp_path.rglob("*"))
    refused = ended_here("raytrain.score", *arguments, cwd=tmp_path)
    told = [line for line in refused.stderr.splitlines() if not line.startswith("6 utterances of 2 children")]
    assert (refused.returncode, refused.stdout, len(told)) == (2, "", 1), refused.stderr
    assert fact in told[0]
    assert sorted(tmp_path.rglob("*")) == before


def test_the_door_names_its_folder_and_answers_in_json(tmp_path: Path) -> None:
    write(tmp_path / "m.jsonl", spoken(tmp_path, "ab"))
    write(tmp_path / "p.jsonl", [{"utterance_id": "a0", "orthographic_text": "the words of a0"}])
    done = door("p.jsonl", "--manifest", "m.jsonl", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert Path(told["folder"]).parent == tmp_path / "results"
    assert Path(told["folder"]).name.endswith("_score_p")
    assert (told["models"][0]["wer"], told["models"][0]["utterances"]) == (5 / 6, 6)
    assert "No prediction of 5 utterances" in done.stderr


@pytest.mark.soak
def test_a_score_that_is_interrupted_says_how_to_go_on_and_goes_on(tiny_en: Path, tmp_path: Path) -> None:
    write(tmp_path / "m.jsonl", demo_lines([line["utterance_id"] for line in lines_of(DEMO_MANIFEST)[:10]]))
    asked = ("raytrain.score", str(tiny_en), "--manifest", "m.jsonl", "--batch-size", "1", "--json")
    begun = subprocess.Popen(
        [sys.executable, "-m", *asked], cwd=tmp_path, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 300
    while not list(tmp_path.glob("results/*/models/*/predictions.unfinished.jsonl")):
        assert time.monotonic() < deadline
        assert begun.poll() is None
        time.sleep(0.1)
    begun.send_signal(signal.SIGINT)
    out, err = begun.communicate(timeout=60)
    (folder,) = (tmp_path / "results").iterdir()
    assert (begun.returncode, out) == (130, ""), err
    command = err.splitlines()[-1]
    assert command == f"python -m {' '.join(asked)} --to {folder}"
    (kept,) = folder.glob("models/*/predictions.unfinished.jsonl")
    before = lines_of(kept)
    done = door(*shlex.split(command)[3:], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    after = {line["utterance_id"]: line for line in lines_of(kept.with_name("predictions.jsonl"))}
    assert [after[line["utterance_id"]] for line in before] == before
    assert json.loads(done.stdout)["models"][0]["utterances"] == len(after) == 10


def test_models_of_several_languages_are_scored_in_the_one_that_is_named(fit: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--language"):
        find_model(str(fit), language="klingon")
