"""python -m raytrain.bench: measurements, each written to results/bench/."""

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from raytrain.benchmarks.asked import bench_parser as _parser
from raytrain.cli import run_door
from raytrain.config.constants import FULL_WINDOW_S, GIB
from raytrain.errors import InputError
from raytrain.files import read_as, write_json, write_text
from raytrain.results.provenance import Provenance, command_line, provenance
from raytrain.terminal import print_json, say

Measured = tuple[Path, dict[str, Any], str]
"""The file to write, what it holds, and what is printed of it."""


def main() -> None:
    run_door(_bench)


def _bench() -> int:
    arguments = _parser().parse_args()
    path, result, found = _MEASURES[arguments.kind](arguments)
    write_json(path, result)
    say(f"{path}: {found}")
    if arguments.json:
        print_json(result)
    return 0


def _memory(arguments: argparse.Namespace) -> Measured:
    import torch

    if not torch.cuda.is_available():
        raise InputError("raytrain.bench memory: measures a GPU, and torch sees none; run it on a machine with CUDA")
    from raytrain.benchmarks.memory_grid import grid, measure_grid, summary

    card = torch.cuda.get_device_properties(0)
    rows = []
    for row in measure_grid(grid(card.total_memory / GIB), device=torch.device("cuda")):
        rows.append(row)
        ratio = f"predicted / measured {row['ratio']:.3f}" if row.get("ratio") else row["outcome"]
        say(f"{row['variant']} {row['batch_size']} x {row['window_s']:g} s {row['precision']}: {ratio}")
    found = summary(rows)
    return (
        Path("results/bench") / f"memory-{card.name.lower().replace(' ', '-')}.json",
        {"gpu": card.name, "summary": found, "rows": rows, "provenance": _provenance()},
        f"{found['points']} points, ratio {found['min']} to {found['max']}, median {found['median']}",
    )


def _search(arguments: argparse.Namespace) -> Measured:
    if arguments.trials < 2 or arguments.seeds < 1:
        raise InputError("raytrain.bench search: takes at least 2 trials, of which the baseline is one, and 1 seed")
    path = Path(arguments.out)
    result = read_as(path, dict[str, Any]) if path.exists() else {}
    from raytrain.benchmarks.search_parts import PARTS, USUAL

    for part in [arguments.part] if arguments.part else USUAL:
        result |= PARTS[part](arguments.trials, arguments.seeds)
    return path, result, "written"


def _overhead(arguments: argparse.Namespace) -> Measured:
    from raytrain.benchmarks.overhead import LIMIT_S, measure_steps, measure_tracking
    from raytrain.config.reader import load_baseline
    from raytrain.tracking.wandb_run import server_answers

    mode = arguments.wandb
    if arguments.trials < 1:
        raise InputError("raytrain.bench overhead: takes at least 1 trial")
    config = load_baseline("small", [f"tracking.wandb={mode}"])
    if mode == "online" and not server_answers():
        raise InputError("raytrain.bench overhead: W&B's server does not answer or refuses the key; --wandb offline")
    with tempfile.TemporaryDirectory(prefix="raytrain-overhead-") as folder:
        tracking = measure_tracking(config, mode=mode, trials=arguments.trials, folder=Path(folder))
    step = measure_steps()
    return (
        Path(arguments.out or f"results/bench/overhead-{mode}.json"),
        {"wandb": mode, "limit_s": LIMIT_S, "tracking": tracking, "step": step, "provenance": _provenance()},
        f"W&B {mode} adds {tracking['trial_s']['median']:.4f} s to a trial and works on it for "
        f"{tracking['behind_s']['median']:.3f} s meanwhile (medians of {tracking['trials']}); "
        f"telling its progress adds {step['progress_us']:g} µs to a step",
    )


def _augmentation(arguments: argparse.Namespace) -> Measured:
    from raytrain.benchmarks.augmenting import measure_augmentation
    from raytrain.speech.corpus import prepare
    from raytrain.speech.manifest import manifest_path

    found = measure_augmentation(prepare(manifest_path(arguments.data)), rounds=arguments.rounds)
    costs = ", ".join(f"{name} {cost['cpu_ms_per_clip']:g}" for name, cost in found["changes"].items())
    return (
        Path(arguments.out),
        found | {"provenance": _provenance()},
        f"CPU ms a clip of {found['mean_clip_s']:g} s: {costs}; its log-mel {found['log_mel']['cpu_ms_per_clip']:g}",
    )


def _silence(arguments: argparse.Namespace) -> Measured:
    from raytrain.release.models import find_model

    named = find_model(arguments.model)
    from raytrain.benchmarks.silence import measure_silence
    from raytrain.release.listener import Listener

    found = measure_silence(Listener(named, num_beams=arguments.num_beams, batch_size=8))
    shares = ", ".join(f"{kind} {told['with_words']:.0%}" for kind, told in found.items())
    return (
        Path(arguments.out),
        {"model": named.name, "num_beams": arguments.num_beams, "clips": found, "provenance": _provenance()},
        f"words are heard in {shares} of the clips",
    )


def _start(arguments: argparse.Namespace) -> Measured:
    against = None if arguments.against is None else Path(arguments.against).absolute()
    if against is not None and not (against / "raytrain" / "tune.py").is_file():
        raise InputError(f"--against {against}: no checkout of raytrain; name the folder that holds raytrain/")
    from raytrain.benchmarks.starts import LIMIT, TRIALS, measure_starts

    found = measure_starts(model=arguments.model, against=against, rounds=arguments.rounds)
    ours, ratio = found["ours"], found.get("ratio")
    beside = f": {ratio['cpu_s']:g} and {ratio['wall_s']:g} of before" if ratio else ""
    return (
        Path(arguments.out),
        {"model": arguments.model, "trials": TRIALS, "limit": LIMIT, **found, "provenance": _provenance()},
        f"a trial's start takes {ours['cpu_s']:g} CPU seconds and {ours['wall_s']:g} s{beside}",
    )


def _beside_peer(arguments: argparse.Namespace) -> Measured:
    import torch

    from raytrain.benchmarks.beside import compare, weights_folder
    from raytrain.benchmarks.work import Work
    from raytrain.speech.manifest import manifest_path

    manifest = str(manifest_path(arguments.data).absolute())
    threads = arguments.threads or torch.get_num_threads()
    with tempfile.TemporaryDirectory(prefix="raytrain-weights-") as made:
        weights = [weights_folder(name, Path(made)) for name in arguments.model]
        cells = [
            Work(
                model=str(folder),
                variant=variant,
                manifest=manifest,
                batch_size=batch_size,
                accumulation=accumulation,
                steps=arguments.steps,
                scored=arguments.scored,
                precision=precision,
                threads=threads,
                device="cuda" if torch.cuda.is_available() else "cpu",
                window=arguments.window,
            )
            for folder, variant in weights
            for batch_size, accumulation in arguments.batch
            for precision in arguments.precision
        ]
        found = compare(cells, rounds=arguments.rounds, say=say)
    return (
        Path(arguments.out or f"results/bench/{arguments.kind}.json"),
        found | {"provenance": _provenance()},
        f"{found['train_ratio']:g} times the usual recipe's clips a second in training, {found['eval_ratio']:g} times "
        f"in scoring, with {found['memory_ratio']:.0%} of its memory",
    )


def _study(arguments: argparse.Namespace) -> Measured:
    import torch

    from raytrain.benchmarks.beside import weights_folder
    from raytrain.benchmarks.study_beside import StudyWork, compare_studies, write_manifests
    from raytrain.speech.manifest import manifest_path

    with tempfile.TemporaryDirectory(prefix="raytrain-study-") as folder:
        weights, variant = weights_folder(arguments.model, Path(folder))
        manifest = manifest_path(arguments.data)
        write_manifests(manifest, Path(folder), train=arguments.clips, scored=arguments.scored)
        work = StudyWork(
            model=str(weights),
            variant=variant,
            folder=folder,
            trials=arguments.trials,
            threads=arguments.threads or torch.get_num_threads(),
        )
        found = compare_studies(work, rounds=arguments.rounds, say=say)
    return (
        Path(arguments.out or "results/bench/study.json"),
        found | {"clips": arguments.clips, "scored": arguments.scored, "provenance": _provenance()},
        f"a study of {arguments.trials} trials is done {found['study_ratio']:g} times as soon, start to table",
    )


def _gpu(arguments: argparse.Namespace) -> Measured:
    import torch

    on_a_gpu = arguments.device == "cuda"
    if on_a_gpu and not torch.cuda.is_available():
        raise InputError(
            "raytrain.bench gpu: measures a GPU, and torch sees none; run it on a machine with CUDA, "
            "or rehearse every part with --device cpu"
        )
    from raytrain.benchmarks.gpu import measure_gpu
    from raytrain.benchmarks.gpu_run import FULL, REHEARSAL, Asked
    from raytrain.speech.manifest import manifest_path

    path, made_with = Path(arguments.out), _provenance()
    asked = Asked(
        model=arguments.model or ("small" if on_a_gpu else "tiny"),
        manifest=manifest_path(arguments.data).absolute(),
        device=arguments.device,
        minutes=arguments.minutes,
        threads=arguments.threads or torch.get_num_threads(),
        size=FULL if on_a_gpu else REHEARSAL,
    )
    found = measure_gpu(asked, keep=lambda found: write_json(path, found | {"provenance": made_with}), say=say)
    fails = [name for name, holds in found["held"].items() if not holds]
    missed = f"; no time left for {len(found['not_reached'])} things" if found["not_reached"] else ""
    return (
        path,
        found | {"provenance": made_with},
        f"{len(found['held']) - len(fails)} of {len(found['held'])} expectations held"
        f"{', not ' + ', '.join(fails) if fails else ''}{missed}",
    )


def _growth(arguments: argparse.Namespace) -> Measured:
    if not all(0 < window_s <= FULL_WINDOW_S for window_s in arguments.windows):
        raise InputError("raytrain.bench growth: --windows takes seconds up to 30, the most that Whisper hears at once")
    from raytrain.benchmarks.growth import growth
    from raytrain.benchmarks.growth_figure import growth_figure

    path = Path(arguments.out)
    found = growth(
        arguments.model,
        batch_sizes=arguments.batch,
        windows_s=arguments.windows,
        clips=arguments.clips,
        threads=arguments.threads,
        say=say,
    )
    write_text(path.with_suffix(".svg"), growth_figure(found.cells, found.law))
    return (
        path,
        found.as_dict() | {"provenance": _provenance()},
        f"no step takes more than {found.worst_over_fit:g} times its operations and a constant; a clip costs at most "
        f"{found.costliest_over_cheapest_clip:g} times as much to prepare among many as among few, "
        f"in {found.peak_resident_gib:g} GiB",
    )


def _windows(arguments: argparse.Namespace) -> Measured:
    from raytrain.benchmarks.beside import weights_folder
    from raytrain.benchmarks.windows import Training, measure_windows
    from raytrain.benchmarks.windows_figure import windows_figure
    from raytrain.speech.manifest import manifest_path

    path, made_with = Path(arguments.out), _provenance()
    before = read_as(path, dict[str, Any]) if path.exists() else {}
    manifest = manifest_path(arguments.data).absolute()
    with tempfile.TemporaryDirectory(prefix="raytrain-weights-") as made:
        folder, variant = weights_folder(arguments.model, Path(made))
        of = {"variant": variant, "manifest": manifest.parent.name}
        if before.get("of", of) != of:
            raise InputError(f"--out {path}: has trainings of {before['of']}, these are of {of}; name another file")

        def keep(found: dict[str, Any]) -> None:
            write_json(path, {"of": of, **found, "provenance": made_with})

        trainings = [
            Training(model=str(folder), variant=variant, manifest=str(manifest), window=window, seed=seed)
            for seed in range(arguments.seeds)
            for window in arguments.windows
        ]
        found = measure_windows(trainings, before.get("runs", {}), keep=keep, say=say)
    write_text(path.with_suffix(".svg"), windows_figure(found))
    means = ", ".join(
        f"{window} {told['wer']:.4f} in {told['cpu_s']:.0f} CPU seconds" for window, told in found["windows"].items()
    )
    return path, {"of": of, **found, "provenance": made_with}, f"mean WER: {means}"


def _provenance() -> Provenance:
    return provenance(command_line("raytrain.bench"), {})


def _scale(arguments: argparse.Namespace) -> Measured:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as raytrain.tune does
    from raytrain.benchmarks.scale import LIMIT, measure_scale
    from raytrain.benchmarks.scale_alone import measure_alone

    path = Path(arguments.out)
    result = read_as(path, dict[str, Any]) if path.exists() else {}
    kind, rows = "without_ray" if arguments.without_ray else "studies", []
    for trials in arguments.trials:
        with tempfile.TemporaryDirectory(prefix="raytrain-scale-") as made:
            folder = Path(made) / "study"
            if arguments.without_ray:
                rows.append(measure_alone(trials, before=arguments.before, folder=folder))
            else:
                rows.append(measure_scale(trials, folder=folder))
        row = rows[-1]
        say(f"{trials} trials: {row['cpu_ms_per_trial']:g} CPU ms a trial, {row['grown_mib']:g} MiB more")
    return (
        path,
        result | {"limit": LIMIT, kind: [*_others(result.get(kind, []), rows), *rows], "provenance": _provenance()},
        f"studies of {' and '.join(str(one['trials']) for one in rows)} trials",
    )


def _others(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of studies of other sizes, measured earlier."""
    sizes = [(one.get("before"), one["trials"]) for one in now]
    return [one for one in before if (one.get("before"), one["trials"]) not in sizes]


_MEASURES: dict[str, Callable[[argparse.Namespace], Measured]] = {
    "memory": _memory,
    "search": _search,
    "overhead": _overhead,
    "augmentation": _augmentation,
    "silence": _silence,
    "start": _start,
    "step": _beside_peer,
    "eval": _beside_peer,
    "growth": _growth,
    "study": _study,
    "gpu": _gpu,
    "scale": _scale,
    "windows": _windows,
}


if __name__ == "__main__":
    main()
