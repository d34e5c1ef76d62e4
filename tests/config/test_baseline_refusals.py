"""What a person can get wrong in a baseline or an override, and the exact line that tells them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from raytrain.config.reader import apply_sample, load_baseline
from raytrain.errors import InputError

Refused = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "learning_rate",
            "lerning_rate",
            "b.yaml:7: training.lerning_rate: unknown key; did you mean 'learning_rate'?",
        ),
        ("training:", "trainning:", "b.yaml:4: trainning: unknown key; did you mean 'training'?"),
        ("variant: tiny", "variant: smal", ", got the text 'smal'; did you mean 'small'?"),
        ("batch_size: 8", "batch_size: many", "training.batch_size: must be a whole number, got the text 'many'"),
        ("batch_size: 8", "batch_size: 8.0", "b.yaml:5: training.batch_size: must be a whole number, got 8.0"),
        ("batch_size: 8", "batch_size: true", "b.yaml:5: training.batch_size: must be a whole number, got true"),
        ("batch_size: 8", "batch_size: 0", "b.yaml:5: training.batch_size: must be at least 1, got 0"),
        ("batch_size: 8", "batch_size:", "b.yaml:5: training.batch_size: must be a whole number, got null"),
        ("batch_size: 8", "batch_size: 1_000", "training.batch_size: must be a whole number, got the text '1_000'"),
        ("batch_size: 8", "batch_size: 8e30", "b.yaml:5: training.batch_size: must be a whole number, got 8e+30"),
        ("batch_size: 8", "batch_size: 10000000", "training.batch_size: must be at most 1000000, got 10000000"),
        ("batch_size: 8", "batch_size: [8]", "b.yaml:5: training.batch_size: must be a whole number, got a list"),
        ("1e-5", "0", "b.yaml:7: training.learning_rate: must be above 0, got 0"),
        ("1e-5", ".nan", "b.yaml:7: training.learning_rate: must be a finite number, got nan"),
        ("1e-5", ".inf", "b.yaml:7: training.learning_rate: must be a finite number, got inf"),
        ("1e-5", "1e999", "b.yaml:7: training.learning_rate: must be a finite number, got inf"),
        ("1e-5", "'1e-5'", "b.yaml:7: training.learning_rate: must be a number, got the text '1e-5'"),
        ("openai/whisper-tiny.en", "5", "b.yaml:3: model.pretrained: must be text, got 5; quote it"),
        ("openai/whisper-tiny.en", "''", "b.yaml:3: model.pretrained: must be not empty, got the text ''"),
        ("  num_epochs: 3\n", "", "b.yaml:4: training: set num_epochs, max_steps or both: with neither the run never"),
        ("  learning_rate: 1e-5\n", "", "b.yaml:4: training.learning_rate: missing; it has no default"),
        (
            "  num_epochs: 3",
            "  batch_size: 9\n  num_epochs: 3",
            "b.yaml:8: training.batch_size: duplicate key; first on line 5",
        ),
        (
            "training:",
            "audio: {window: condensed, margin_s: 0.1}\ntraining:",
            "b.yaml:4: audio: margin_s 0.1 is too short for window condensed, which continues the silence after",
        ),
        ("training:", "audio:\ntraining:", "b.yaml:4: audio: must be a section of keys, got null"),
        (
            "training:",
            "scaling: {gpu_fraction: half}\ntraining:",
            "scaling.gpu_fraction: must be 'auto' or a number, got the text 'half'",
        ),
        (
            "training:",
            "scaling: {gpu_fraction: 2}\ntraining:",
            "b.yaml:4: scaling: gpu_fraction is a share of one GPU: auto, or above 0 and at most 1",
        ),
        (
            "training:",
            "audio: {window: fited}\ntraining:",
            "audio.window: must be 'fitted', 'condensed' or 'full', got the text 'fited'; did you mean 'fitted'?",
        ),
        ("1e-5", "*rate", "b.yaml:7: the alias *rate is not read here; write the value out"),
        ("1e-5", "!!float 1", "b.yaml:7: the tag tag:yaml.org,2002:float is not read here; write a plain value"),
        ("training:", "<<: {storage: x}\ntraining:", "b.yaml:4: <<: unknown key; known here: model, audio, data,"),
        ("training:", "tr\u0430ining: 1\ntraining:", "tr\\u0430ining: unknown key; did you mean 'training'?"),
        ("training:", "? [a]\n: 1\ntraining:", "b.yaml:4: a key must be plain text"),
        ("training:", "5: 1\ntraining:", "b.yaml:4: 5: unknown key; known here: model, audio, data, training,"),
        ("training:", "training: [\n", "not YAML: "),
        ("training:", "\ttraining:", "not YAML: "),
        ("training:", "a: \x07\ntraining:", "b.yaml:4: not YAML: the character '\\x07'"),
        ("training:", "---\ntraining:", "b.yaml:4: a second document begins; keep one in a file"),
        ("training:", "a: " + "[" * 100_000 + "\ntraining:", "b.yaml:1: longer than 100000 characters"),
        ("training:", "a: " + "[" * 50_000 + "\ntraining:", "b.yaml:4: nested more than 16 deep"),
    ],
)
def test_each_fault_is_told_with_its_place_and_the_way_out(
    refused_baseline: Refused, good_baseline: str, old: str, new: str, line: str
) -> None:
    lines = refused_baseline(good_baseline.replace(old, new, 1))
    assert [told for told in lines if line in told], lines


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "b.yaml:1: empty"),
        (b"# a comment\n", "b.yaml:1: empty"),
        (b"null\n", "b.yaml:1: empty"),
        (b"- a\n- b\n", "b.yaml:1: must hold sections of keys, got a list"),
        (b"12 x 3\n", "b.yaml:1: must hold sections of keys, got the text '12 x 3'"),
        (b"model:\n  variant: \xff\n", "b.yaml:2: not UTF-8; save it in that encoding"),
        ("model: 1".encode("utf-16"), "b.yaml:1: not UTF-8; save it in that encoding"),
    ],
)
def test_a_file_that_holds_no_sections_is_refused_whole(refused_baseline: Refused, content: bytes, line: str) -> None:
    assert refused_baseline(content) == [line]


@pytest.mark.parametrize("content", ["!" * 90_000, "a: !" + "x" * 90_000, "a: *" + "x" * 90_000])
def test_a_tag_or_an_alias_as_long_as_the_file_is_not_told_whole(refused_baseline: Refused, content: str) -> None:
    (line,) = refused_baseline(content.encode())
    assert len(line) < 250


def test_all_faults_are_told_at_once_in_the_order_of_the_file_and_then_of_the_command_line(
    refused_baseline: Refused, good_baseline: str
) -> None:
    text = good_baseline.replace("batch_size: 8", "batch_size: x") + "audio: {window: fited}\nstorrage: y\n"
    assert refused_baseline(text, "training.learning_rate=fast", "evaluation.num_beam=3", "go") == [
        "b.yaml:5: training.batch_size: must be a whole number, got the text 'x'",
        "b.yaml:9: audio.window: must be 'fitted', 'condensed' or 'full', got the text 'fited'; did you mean 'fitted'?",
        "b.yaml:10: storrage: unknown key; did you mean 'storage'?",
        "override training.learning_rate=fast: must be a number, got the text 'fast'",
        "override evaluation.num_beam=3: unknown key; did you mean 'num_beams'?",
        "override go: must have the form key=value",
    ]


def test_faults_of_overrides_are_told_beside_a_file_that_is_no_yaml(refused_baseline: Refused) -> None:
    lines = refused_baseline("model: [", "trainig.batch_size=3")
    assert lines[0].startswith("b.yaml:1: not YAML: ")
    assert lines[1:] == ["override trainig.batch_size=3: unknown key; did you mean 'training'?"]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("training.batch_size=x", "must be a whole number, got the text 'x'"),
        ("training.batch_size=", "must be a whole number, got null"),
        ("training.batch_size.x=1", "training.batch_size is a value, not a section"),
        ("augmentation.noise_low_snr_db=loud", "must be a number, got the text 'loud'"),
        ("augmentation.speed_high=2.5", "must be at most 2, got 2.5"),
        ("augmentation.speed_low=0.4", "must be at least 0.5, got 0.4"),
        ("augmentation.babble_probability=1.5", "must be at most 1, got 1.5"),
        ("storage.bucket=1", "storage is a value, not a section"),
        ("trainin=1", "unknown key; did you mean 'training'?"),
        ("training=1", "must be a section of keys, got 1"),
        ("evaluation={num_beams: many}", "evaluation.num_beams: must be a whole number, got the text 'many'"),
        ("evaluation={num_beams: 1, num_beams: 2}", "num_beams: duplicate key; first on line 1"),
        ("model.pretrained=*x", "the alias *x is not read here; write the value out"),
        ("model.pretrained=[", "not YAML: "),
        ("search.trials=3", "search is a search space's: give it to raytrain.tune"),
        ("=3", "must have the form key=value"),
        ("x" * 5000, "must have the form key=value"),
        ("storage=5\n---\nb", "a second document begins; keep one in a file"),
        ("training.batch_size=" + "9" * 5000, "must be a whole number, got the text '99999"),
    ],
)
def test_an_override_that_is_wrong_is_named(
    refused_baseline: Refused, good_baseline: str, override: str, line: str
) -> None:
    (told,) = refused_baseline(good_baseline, override)
    assert told.startswith(f"override {override[:8].splitlines()[0]}")
    assert f": {line}" in told
    assert len(told) < 300


def test_a_rule_between_keys_names_the_overrides_beside_the_section(
    refused_baseline: Refused, good_baseline: str
) -> None:
    (told,) = refused_baseline(good_baseline, "training.num_epochs=null", "training.seed=3")
    assert told.startswith(
        "b.yaml:4 with override training.num_epochs=null and override training.seed=3: training: set num_epochs"
    )


def test_a_range_the_wrong_way_round_names_both_its_ends(refused_baseline: Refused, good_baseline: str) -> None:
    (told,) = refused_baseline(good_baseline, "augmentation.speed_low=1.2")
    assert told.endswith("augmentation: speed_low is 1.2 and speed_high is 1.1: low must not be above high")


def test_a_sample_is_judged_like_a_file(folder: Path) -> None:
    with pytest.raises(InputError) as caught:
        apply_sample(load_baseline("b.yaml"), {"training.batch_size": 0, "training.lerning_rate": 1e-5})
    assert str(caught.value).split("\n") == [
        "sample training.batch_size=0: must be at least 1, got 0",
        "sample training.lerning_rate=1e-05: unknown key; did you mean 'learning_rate'?",
    ]


def test_an_unreadable_file_is_told_with_the_reason(folder: Path) -> None:
    Path("loop.yaml").symlink_to("/proc/self/mem")
    with pytest.raises(InputError, match=r"^loop\.yaml: cannot be read: "):
        load_baseline("loop.yaml")


def test_an_endless_file_is_not_read_to_its_end(folder: Path) -> None:
    with pytest.raises(InputError, match=r"/dev/zero:1: longer than 100000 characters"):
        load_baseline("/dev/zero")


def test_reading_configuration_loads_neither_torch_nor_ray() -> None:
    code = "import sys, raytrain.config.reader as r; r.load_baseline('small'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert {"torch", "ray", "transformers", "numpy", "optuna"}.isdisjoint(loaded)
