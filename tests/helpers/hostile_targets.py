"""Every door and every file that is read, as a target: a random generator and a folder in, a door's call out.

Nothing outside of the folder is named as a place to write to.
"""

import argparse
import importlib
import json
import os
import random
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from damages import OF_A_CHECKPOINT, small_checkpoint
from hostile_files import damaged, damaged_bytes
from hostile_speech import mutated_manifest, mutated_sound
from hostile_words import KEYS, VALUES, hostile_command
from making import utterances
from small_corpora import begun_fit, begun_study, settings, spoken, write
from studies import made_study

from raytrain.config.find import CHECKOUT
from raytrain.files import write_sums
from raytrain.results.description import read_description

_STUDIES = Path(__file__).parents[1] / "data" / "studies"
_FIT_ROW = {
    "step": 2, "examples_seen": 8, "outcome": "completed", "finished": True, "eval_wer": 0.4, "best_eval_wer": 0.4,
    "train_examples_per_s": 9.5, "precision_used": "fp32", "checkpoint": "checkpoints/step-000002",
    "history": [{"step": 0, "examples_seen": 0, "eval_wer": 0.9}, {"step": 2, "examples_seen": 8, "eval_wer": 0.4}],
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where an input is laid out."""

    folder: Path
    """Its own, empty before it."""
    made: Path
    """What inputs are made from, shared by all: copies are damaged, not this."""

    @property
    def here(self) -> Path:
        """The working folder of the door; what lies beside and above it is the input's own, too."""
        here = self.folder / "work" / "here"
        here.mkdir(parents=True, exist_ok=True)
        return here

    def copied(self, name: str, to: str | None = None) -> Path:
        """A copy of what is made, in the working folder; its large files are the same on disk."""
        copy = self.here / (to or name)
        shutil.copytree(self.made / name, copy, copy_function=_copied, symlinks=True)
        return copy


@dataclass(frozen=True)
class Call:
    """A door, and what it is given."""

    door: str
    arguments: Sequence[str]
    environment: dict[str, str | None] = field(default_factory=dict)
    about: str = ""
    """What was damaged."""

    def main(self) -> None:
        """Run the door in this process."""
        module = importlib.import_module(_MODULES[self.door])
        module.main()


Target = Callable[[random.Random, Place], Call]
_MODULES = {
    name: f"raytrain.{name}" for name in ("tune", "fit", "data", "plan", "export", "score", "transcribe", "bench")
} | {name: f"raytrain.{name}.__main__" for name in ("archive", "report")}
_LARGE_BYTES = 2**20


def originals(folder: Path) -> Path:
    """A corpus, runs of every kind and an archive with some, below `folder`; made once."""
    made = folder / "originals"
    if (made / "whole").exists():
        return made
    shutil.rmtree(made, ignore_errors=True)
    manifest = write(made / "corpus" / "m.jsonl", spoken(made / "corpus", "abcdefgh", each=2))
    os.environ["RAYTRAIN_CACHE"] = str(made / "cache")
    config = settings(manifest, "tracking.tensorboard=false")
    (made / "begun").mkdir()
    begun_fit(made / "begun", config)
    small_checkpoint(made / "begun" / "checkpoints" / "step-000001")
    (made / "searching").mkdir()
    begun_study(made / "searching", config)
    _ended_fit(made / "fit")
    made_study(made / "study", trials=6, children=4)
    for version in ("version-1", "version-2"):
        shutil.copytree(_STUDIES / version, made / version)
    (made / "project").mkdir()
    _archive(made / "project", [made / "fit", made / "version-2"])
    (made / "whole").touch()
    return made


def _ended_fit(folder: Path) -> None:
    folder.mkdir()
    begun_fit(folder, settings("demo", "tracking.tensorboard=false"))
    replace(read_description(folder), result=_FIT_ROW).write(folder)
    utterances(folder, 0, wer=0.3, children=4)
    for step, wer in ((1, 0.9), (2, 0.4)):
        small_checkpoint(folder / "checkpoints" / f"step-{step:06}", eval_wer=wer)
    scored = folder / "trials" / "0" / "utterances.jsonl"
    scored.rename(folder / "utterances.jsonl")
    shutil.rmtree(folder / "trials")


def _archive(project: Path, runs: Sequence[Path]) -> None:
    from raytrain.archive.store import Archive

    for run in runs:
        shutil.copytree(run, project / "results" / run.name)
        Archive(project / "archive").add(project / "results" / run.name, why="it is over", outside=True)


def _copied(source: str, target: str) -> str:
    link = Path(source).stat().st_size > _LARGE_BYTES
    return str(os.link(source, target) or target if link else shutil.copy2(source, target))


def words(rng: random.Random, place: Place) -> Call:
    door, arguments = hostile_command(rng.randrange(2**31))
    return Call(door, arguments)


def settings_files(rng: random.Random, place: Place) -> Call:
    """A shipped baseline or space, damaged."""
    kind = rng.choice(("baselines", "search_spaces"))
    path = rng.choice(sorted((CHECKOUT / kind).glob("*.yaml")))
    content = path.read_bytes()
    if rng.random() < 0.5:
        lines = content.decode().splitlines()
        at = rng.randrange(len(lines))
        lines[at] = f"{lines[at].partition(':')[0]}: {rng.choice(VALUES)}"
        content = "\n".join(lines).encode("utf-8", "surrogateescape")
    if rng.random() < 0.15:
        content = rng.choice(_BOMBS)
    for _ in range(rng.randint(0, 2)):
        content = damaged_bytes(content, rng)
    (place.here / "x.yaml").write_bytes(content)
    if kind == "search_spaces":
        return rng.choice(
            (Call("tune", ["--space", "x.yaml", "--dry-run"], about=path.name), Call("plan", ["--space", "x.yaml"]))
        )
    calls = (("fit", "--config", "--dry-run"), ("tune", "--baseline", "--dry-run"), ("plan", "--baseline", "--json"))
    door, option, last = rng.choice(calls)
    return Call(door, [option, "x.yaml", last], about=path.name)


_LAUGHS = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30))
_BOMBS = (
    f"a0: &a0 [lol]\n{_LAUGHS}vary: *a29\n".encode(),
    "".join(f"a{n}: &a{n} {{<<: *a{n - 1}, k{n}: 1}}\n" for n in range(1, 200)).encode(),
    *(b"model: &a {b: *a}\n", b"[" * 100_000, b"{a: " * 100_000, b"- " * 100_000, b"? " * 50_000, b"!!" * 50_000),
    *("\n".join(f"key{n}: {n}" for n in range(100_000)).encode(), b"x" * 5_000_000, b"\x00" * 100_000),
    *(b"a: " + b"9" * 1_000_000, b"a: 1_0_" * 1_000, b"a: !!binary x\n", b"%YAML 9.9\n---\na: 1\n", b"---\n" * 1_000),
    *(b"a: 2001-99-99T99:99:99Z\n", b"a: 190:20:30:" + b"59:" * 9_999, b"vary: {1: 2, [3]: 4, {5: 6}: 7, null: 8}\n"),
)


def manifests(rng: random.Random, place: Place) -> Call:
    shutil.copyfile(place.made / "corpus" / "a0.flac", place.here / "a.wav")
    (place.here / "m.jsonl").write_bytes(mutated_manifest(rng))
    if rng.random() < 0.03:
        os.truncate(place.here / "m.jsonl", 30 * 2**30)
    return _with_manifest(rng, place.here / "m.jsonl")


def sounds(rng: random.Random, place: Place) -> Call:
    rows = []
    for number in range(rng.randint(1, 3)):
        data, suffix = mutated_sound(rng)
        (place.here / f"{number}{suffix}").write_bytes(data)
        if rng.random() < 0.03:
            os.truncate(place.here / f"{number}{suffix}", rng.choice((2**29, 30 * 2**30)))
        row = {"utterance_id": f"u{number}", "child_id": f"c{number}", "audio_path": f"{number}{suffix}"}
        rows.append(row | {"age_bucket": "5-7", "orthographic_text": "a dog"})
    return _with_manifest(rng, write(place.here / "m.jsonl", rows))


def predictions(rng: random.Random, place: Place) -> Call:
    """What a model heard, damaged, on a corpus that is whole; or the folder of a score, damaged, to go on in."""
    manifest = place.made / "corpus" / "m.jsonl"
    names = [json.loads(line)["utterance_id"] for line in manifest.read_text().splitlines()]
    heard = "".join(json.dumps({"utterance_id": name, "orthographic_text": "a dog"}) + "\n" for name in names).encode()
    content = rng.choice((heard, damaged_bytes(heard, rng), mutated_manifest(rng)))
    (place.here / "p.jsonl").write_bytes(content)
    about = ""
    if rng.random() < 0.3:
        (place.here / "out").mkdir()
        (place.here / "out" / "asked.json").write_bytes(damaged_bytes(b'{"data": {}, "models": {}}', rng))
        about = "a score that was begun"
    more = rng.choice(([], ["--json"], ["--language", rng.choice(VALUES)], ["p.jsonl"]))
    return Call("score", ["p.jsonl", *more, "--manifest", str(manifest), "--to", "out"], about=about)


def recordings(rng: random.Random, place: Place) -> Call:
    """Names of sound for a model that is none: whatever there is, the refusal is a line."""
    (place.here / "sound").mkdir()
    for number in range(rng.randint(0, 3)):
        data, suffix = mutated_sound(rng)
        (place.here / "sound" / f"{number}{suffix}").write_bytes(data)
    named = rng.choices(("sound", *_PLACES), k=rng.randint(1, 3))
    more = rng.choice(([], ["--form", "srt"], ["--form", "jsonl", "--to", rng.choice(_PLACES)], ["--json"]))
    return Call("transcribe", [rng.choice(("nowhere/at/all", "sound", *_PLACES)), *named, *more])


def corpora(rng: random.Random, place: Place) -> Call:
    """A manifest that was prepared, with its folder damaged."""
    about = damaged(place.copied("corpus"), rng)
    return replace(_with_manifest(rng, place.here / "corpus" / "m.jsonl"), about=about)


def prepared(rng: random.Random, place: Place) -> Call:
    """A corpus in the cache, damaged."""
    cache = place.copied("cache")
    about = damaged(cache, rng)
    call = _with_manifest(rng, place.made / "corpus" / "m.jsonl")
    return replace(call, environment={"RAYTRAIN_CACHE": str(cache)}, about=about)


def _with_manifest(rng: random.Random, manifest: Path) -> Call:
    fit = ["model.pretrained=null", "--config", "tiny", "data.max_bad_share=1.0"]
    calls = (
        Call("data", ["check", str(manifest), *rng.choice(([], ["--json"]))]),
        Call("data", ["prepare", str(manifest), "--max-bad-share", rng.choice(("0", "1"))]),
        Call("fit", [*fit, f"data.train_manifest={manifest}"]),
        Call("fit", [*fit, f"data.validation_manifest={manifest}"]),
        Call("plan", [f"data.train_manifest={manifest}"]),
    )
    return rng.choice(calls)


def checkpoints(rng: random.Random, place: Place) -> Call:
    """A fit whose checkpoints are damaged, exported or gone on with."""
    name = rng.choice(("fit", "fit", "begun"))
    fit = place.copied(name)
    checkpoint = rng.choice(sorted((fit / "checkpoints").iterdir()))
    if rng.random() < 0.5:
        about, damage = rng.choice(sorted(OF_A_CHECKPOINT.items()))
        damage(checkpoint)
    else:
        about = damaged(checkpoint, rng)
    if rng.random() < 0.5 and checkpoint.is_dir() and "sparse" not in about:  # and nobody says so
        about += ", with sums of its own"
        with suppress(OSError):
            write_sums(checkpoint)
    if name == "begun":
        return Call("fit", ["--resume", name], about=about)
    given = rng.choice((name, f"{name}/checkpoints/{checkpoint.name}"))
    more = rng.choice(([], ["--form", "submission"], ["--average", "2"], ["--json"]))
    return Call("export", [given, "--to", "out", *more], about=about)


def weights(rng: random.Random, place: Place) -> Call:
    """A real model's folder with another damage: its weights are read, and nothing is trained."""
    from raytrain.whisper.locate import locate

    model = place.here / "model"
    shutil.copytree(locate("openai/whisper-tiny.en"), model, copy_function=os.link)
    for path in model.iterdir():
        if path.stat().st_size < _LARGE_BYTES:
            content = path.read_bytes()
            path.unlink()
            path.write_bytes(content)
    large = next(path for path in model.iterdir() if path.stat().st_size >= _LARGE_BYTES)
    with large.open("rb") as file:
        head = file.read(rng.choice((8, 100_000, 2_000_000)))
    if rng.random() < 0.85:
        large.unlink()
        large.write_bytes(damaged_bytes(head, rng))
        about = "the weights' beginning alone"
    else:
        aside = large.rename(place.folder / large.name)
        about = damaged(model, rng)
        model.mkdir(exist_ok=True)
        aside.rename(large)
    return Call("fit", ["--config", "tiny", f"model.pretrained={model}"], about=about)


def runs(rng: random.Random, place: Place) -> Call:
    """A run's folder, damaged, given to a door that reads it."""
    name = rng.choice(("begun", "searching", "fit", "study", "version-1", "version-2"))
    run = place.copied(name)
    about = damaged(run, rng)
    calls = [
        Call("report", [name]),
        Call("archive", ["add", name, "--why", "over", "--outside"]),
        Call("export", [name, "--to", "out"]),
        Call("report", [name, str(place.made / "version-2")]),
    ]
    if name in ("begun", "fit"):
        calls += [Call("fit", ["--resume", name])] * 3
    else:
        calls += [Call("tune", ["--resume", name]), Call("tune", ["--resume", name, "--trials", "9"])]
        calls += [Call("tune", ["--resume", name, "--dry-run"])]
        calls += [Call("tune", ["--resume", name, "--", f"{rng.choice(KEYS)}={rng.choice(VALUES)}"])]
    return replace(rng.choice(calls), about=about)


def archives(rng: random.Random, place: Place) -> Call:
    """An archive with one run or its index damaged, and every command."""
    project = place.copied("project")
    about = damaged(project / "archive", rng)
    name = rng.choice(("fit", "version-2"))
    command = rng.choice(
        [
            *(["list"], ["list", "--json"], ["show", name], ["show", name, "--json"], ["verify"], ["verify", name]),
            *(["restore", name], ["restore", name, "--keep", "--to", "back"], ["restore", name, "--as-baseline"]),
        ]
    )
    if rng.random() < 0.2:
        place.copied("begun")
        command = ["add", "begun", "--why", "over", "--outside"]
    if rng.random() < 0.1:
        return Call("report", [f"project/archive/{name}"], about=about)
    return Call("archive", ["--archive", "project/archive", *command], about=about)


def tracking(rng: random.Random, place: Place) -> Call:
    """W&B's variables, its settings file and its netrc."""
    names = (
        *("MODE", "BASE_URL", "API_KEY", "ENTITY", "PROJECT", "DIR", "CACHE_DIR", "CONFIG_DIR", "DISABLED", "SILENT"),
        *("TAGS", "NAME", "NOTES", "RUN_ID", "RUN_GROUP", "JOB_TYPE", "RESUME", "HTTP_TIMEOUT", "INIT_TIMEOUT"),
        *("CONSOLE", "IGNORE_GLOBS", "SETTINGS_SYSTEM", "APP_URL", "_SERVICE_WAIT", "_EXTRA_HTTP_HEADERS", "SWEEP_ID"),
        *("IDENTITY_TOKEN_FILE", "CREDENTIALS_FILE", "START_METHOD", "DATA_DIR", "ARTIFACT_DIR", "PROGRAM", "ERROR"),
    )
    environment = {f"WANDB_{name}": _of_environment(rng) for name in rng.sample(names, k=rng.randint(1, 3))}
    if rng.random() < 0.3:
        (place.here / "netrc").write_bytes(damaged_bytes(b"machine api.wandb.ai\n login user\n password key\n", rng))
        environment["NETRC"] = str(place.here / "netrc")
    if rng.random() < 0.3:
        (place.here / "wandb").mkdir()
        settings_file = damaged_bytes(b"[default]\nmode = offline\nbase_url = http://127.0.0.1:9\n", rng)
        (place.here / "wandb" / "settings").write_bytes(settings_file)
    own = [f"tracking.wandb={rng.choice(('auto', 'online', 'offline', 'disabled'))}"]
    if rng.random() < 0.3:
        own.append(f"tracking.wandb_project={rng.choice(VALUES)}")
    sweep = ["--wandb-sweep"] if rng.random() < 0.2 else []
    small = ["model.pretrained=null", f"data.train_manifest={place.made / 'corpus' / 'm.jsonl'}"]
    calls = (
        Call("fit", ["--config", "tiny", *small, "--", *own], environment),
        Call("tune", ["--baseline", "tiny", "--demo", *small, *sweep, "--", *own], environment),
    )
    return rng.choice(calls)


def environments(rng: random.Random, place: Place) -> Call:
    """What else a process is given."""
    names = (
        *(
            "HOME",
            "RAYTRAIN_CACHE",
            "RAYTRAIN_MODELS",
            "TMPDIR",
            "RAY_TMPDIR",
            "RAY_ADDRESS",
            "COLUMNS",
            "LINES",
            "TERM",
        ),
        *("LANG", "LC_ALL", "TZ", "NO_COLOR", "FORCE_COLOR", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "USER", "PATH"),
        *("HF_HOME", "HF_HUB_CACHE", "HF_ENDPOINT", "XDG_CACHE_HOME", "PYTHONHASHSEED", "TRANSFORMERS_VERBOSITY"),
        *("AWS_REGION", "AWS_PROFILE", "AWS_CONFIG_FILE", "SLURM_JOB_ID", "http_proxy", "NO_PROXY", "RAY_RUNTIME_ENV"),
    )
    environment: dict[str, str | None] = {
        name: None if rng.random() < 0.2 else _of_environment(rng) for name in rng.sample(names, k=rng.randint(1, 3))
    }
    manifest = place.made / "corpus" / "m.jsonl"
    calls = (
        _with_manifest(rng, manifest),
        Call("fit", ["--config", "tiny", f"data.train_manifest={manifest}"]),
        Call("tune", ["--baseline", "tiny", "--demo", "model.pretrained=null", f"data.train_manifest={manifest}"]),
        Call("plan", []),
        Call("archive", ["--archive", str(place.copied("project") / "archive"), "list"]),
        Call("report", [str(place.copied("version-2"))]),
    )
    return replace(rng.choice(calls), environment=environment)


def _of_environment(rng: random.Random) -> str:
    pieces = (
        *(
            "",
            " ",
            "\n",
            "\t",
            "online",
            "offline",
            "true",
            "0",
            "-1",
            "1e400",
            "nan",
            "null",
            "[]",
            "{}",
            "{]",
            "here",
        ),
        *(
            "http://",
            "https://",
            "://",
            "127.0.0.1",
            ":9",
            ":99999",
            "[::1",
            "/",
            "\\",
            "?",
            "#",
            "%zz",
            "%",
            "~",
            "~x",
        ),
        *("\u202e", "é", "\udcff", "😀", "a" * 300, "a" * 10_000, "=", ",", ";", "\x1b[2J", "/dev/null", "/dev/zero"),
    )
    return "".join(rng.choices(pieces, k=rng.randint(1, 3)))


def addresses(rng: random.Random, place: Place) -> Call:
    pieces = ("127.0.0.1", "localhost", ":", ":9", ":6379", ":0", ":-1", ":99999", "[::1]", "auto", "local", "ray://")
    address = "".join(rng.choices((*pieces, " ", "", "\n", "x" * 300, "é", "..", "\udcff", "0x7f", "²"), k=3))
    small = ["model.pretrained=null", f"data.train_manifest={place.made / 'corpus' / 'm.jsonl'}"]
    tune = ["--baseline", "tiny", "--demo", *small]
    if rng.random() < 0.5:
        return Call("tune", [*tune, f"--address={address}"])
    return Call("tune", tune, {"RAY_ADDRESS": address})


def sweeps(rng: random.Random, place: Place) -> Call:
    """What W&B's agent makes of the values that a sweep draws."""
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

    drawn: tuple[Any, ...] = (*VALUES, None, True, 0, -1, 1e-320, float("nan"), 2**70, [], [1], {}, {"batch_size": 4})
    given = {key: {"value": rng.choice(drawn)} for key in rng.sample(KEYS, k=rng.randint(1, 3))}
    arguments = create_sweep_command_args({"args": given})["args_no_hyphens"]
    return Call("fit", ["--config", "baselines/small.yaml", "--dry-run", "--", *map(str, arguments)])


def arguments(rng: random.Random, place: Place) -> Call:
    """Any door with any of its options, and words in their places."""
    door = rng.choice(sorted(_MODULES))
    for name in rng.sample(("fit", "study", "version-2", "corpus", "begun"), k=2):
        place.copied(name)
    place.copied("project", "archive_project")
    (place.here / "file.txt").write_text("a word")
    os.mkfifo(place.here / "pipe")
    (place.here / "loop").symlink_to("loop")
    parser = importlib.import_module(_MODULES[door])._parser()
    return Call(door, _filled(parser, rng, door))


_PLACES = (
    *("fit", "study", "version-2", "begun", "corpus", "corpus/m.jsonl", "corpus/a0.flac", "file.txt", "pipe", "loop"),
    *("fit/checkpoints/step-000001", "fit/fit.json", "study/study.json", "new", "new/deep", ".", "..", "", " ", "-"),
    *("what?now", "%41", "\x1b[31mred", "\udcff", "é", "a" * 300, "n/" * 3_000, "archive_project/archive", "[red]"),
    *("archive_project", "s3://bucket/x", "s3://", "/dev/null/x", "\u202eabc", "loop/x", "file.txt/x", "tiny", "demo"),
)


def storages(rng: random.Random, place: Place) -> Call:
    """Where runs are kept, and what they begin from."""
    place.copied("fit")
    (place.here / "file.txt").write_text("a word")
    os.mkfifo(place.here / "pipe")
    (place.here / "loop").symlink_to("loop")
    small = [f"data.train_manifest={place.made / 'corpus' / 'm.jsonl'}"]
    given = rng.choice((f"storage={rng.choice(_PLACES)}", f"model.pretrained={rng.choice((*_PLACES, *VALUES))}"))
    door = rng.choice((["fit", "--config"], ["tune", "--demo", "--baseline"]))
    return Call(door[0], [*door[1:], "tiny", "--", "model.pretrained=null", *small, given])


def _filled(parser: argparse.ArgumentParser, rng: random.Random, door: str) -> list[str]:
    """A command line of a parser's own options, most of them with a value that fits."""
    given: list[str] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            command = rng.choice([*action.choices, "nonsense"])
            return (
                [*given, command, *_filled(action.choices[command], rng, door)] if command in action.choices else given
            )
        if isinstance(action, argparse._HelpAction) or "--open" in action.option_strings:
            chance = 0.02
        else:
            chance = 0.95 if action.required or not action.option_strings else 0.15
        if rng.random() < chance:
            values = [_word(action, rng) for _ in range(0 if action.nargs == 0 else rng.choice((1, 1, 1, 2)))]
            option = rng.choice(action.option_strings) if action.option_strings else ""
            given += [f"{option}={values[0]}"] if option and values else [option] if option else values
    if door in ("tune", "fit") and rng.random() < 0.9:
        given.insert(0, "--dry-run")
    return given


def _word(action: argparse.Action, rng: random.Random) -> str:
    if action.choices and rng.random() < 0.8:
        return str(rng.choice(list(action.choices)))
    if action.type in (int, float) and rng.random() < 0.9:
        return rng.choice(
            ("1", "2", "3", "0", "1", "-1", "2", "0.5", "nan", "inf", "-inf", "1e400", "9" * 5_000, "1_0", "²", "x")
        )
    if action.dest == "overrides":
        return rng.choice(("training.seed=1", "training.batch_size=4", f"{rng.choice(KEYS)}={rng.choice(VALUES)}"))
    return rng.choice(_PLACES)


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        *(
            words,
            settings_files,
            manifests,
            sounds,
            predictions,
            recordings,
            corpora,
            prepared,
            checkpoints,
            weights,
            runs,
            archives,
            tracking,
        ),
        *(environments, addresses, sweeps, arguments, storages),
    )
}
