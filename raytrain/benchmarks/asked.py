"""What the bench door can be asked: the words on its command line in; what to measure, and how much of it, out."""

import argparse

from raytrain.arguments import Parser
from raytrain.config.baseline import WINDOWS

SEARCH_PARTS = ("surfaces", "stopping", "learned", "equivalents", "budget", "branches", "taken_up", "optuna_gp")


def bench_parser() -> argparse.ArgumentParser:
    """The parser of the door: the kind of measurement is `kind`."""
    parser = Parser(
        prog="python -m raytrain.bench",
        description="Measure, and write what was found to results/bench/.",
        example="python -m raytrain.bench step --json",
    )
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND", parser_class=Parser)
    kinds.add_parser("memory", help="predicted against measured GPU memory, over a grid of steps")
    search = kinds.add_parser("search", help="our sampler against stock Optuna, random and grid, on rehearsed surfaces")
    search.add_argument("--trials", type=int, default=60, help="of each search, the baseline among them")
    search.add_argument("--seeds", type=int, default=20, help="searches of each kind on each surface")
    search.add_argument(
        "--part", choices=SEARCH_PARTS, help="renew this alone; optuna_gp takes scipy, and it and taken_up minutes"
    )
    search.add_argument("--out", default="results/bench/search.json", help="the file that is written")
    overhead = kinds.add_parser("overhead", help="what W&B adds to a trial, and telling its progress to a step")
    overhead.add_argument("--wandb", choices=["offline", "online"], default="offline", help="online needs a key")
    overhead.add_argument("--trials", type=int, default=20, help="tracked one after the other, after a first one")
    overhead.add_argument("--out", help="the file that is written; overhead-MODE.json if not given")
    augmentation = kinds.add_parser("augmentation", help="what changing the sound of clips costs, change by change")
    augmentation.add_argument("--data", default="demo", metavar="MANIFEST", help="demo if not given")
    augmentation.add_argument("--rounds", type=_number, default=10, help="of an effective batch each")
    augmentation.add_argument("--out", default="results/bench/augmentation.json", help="the file that is written")
    silence = kinds.add_parser("silence", help="the share of silent and of noisy clips in which a model hears words")
    silence.add_argument("model", metavar="RUN|MODEL", help="a fit, a study, a model's folder, or a hub's name")
    silence.add_argument("--num-beams", type=int, default=1, help="1, greedily, if not given")
    silence.add_argument("--out", default="results/bench/silence.json", help="the file that is written")
    start = kinds.add_parser("start", help="what a trial costs besides its training, process by process")
    start.add_argument("--model", default="openai/whisper-tiny.en", help="the weights; openai/whisper-tiny.en else")
    start.add_argument("--against", metavar="CHECKOUT", help="another version's folder, run in turns with this one")
    start.add_argument("--rounds", type=_number, default=1, help="of a study of 1 and one of 4 trials for each version")
    start.add_argument("--out", default="results/bench/start.json", help="the file that is written")
    step = kinds.add_parser("step", help="training, and scoring, beside the usual recipe of transformers' trainer")
    _add_beside(step, steps=3, scored=16)
    scoring = kinds.add_parser("eval", help="the same, with fewer steps and more clips to score")
    _add_beside(scoring, steps=1, scored=48)
    study = kinds.add_parser("study", help="a small study beside a search of transformers' trainer with Optuna")
    study.add_argument("--model", default="openai/whisper-tiny.en", help="weights; of a variant's name, random ones")
    study.add_argument("--data", default="demo", metavar="MANIFEST", help="demo if not given")
    study.add_argument("--trials", type=_number, default=4)
    study.add_argument("--clips", type=_number, default=108, help="that each trial trains on, once")
    study.add_argument("--scored", type=_number, default=48, help="clips that are scored")
    study.add_argument("--rounds", type=_number, default=1, help="studies of each side, by turns")
    study.add_argument("--threads", type=_number, help="of both sides; torch's own number if not given")
    study.add_argument("--out", help="the file that is written; results/bench/study.json if not given")
    scale = kinds.add_parser("scale", help="what the driver of a study of many trials takes, which train nothing")
    scale.add_argument("--trials", nargs="+", type=_number, default=[100, 1000], help="of each study: 100 1000")
    scale.add_argument("--without-ray", action="store_true", help="the driver's own work alone")
    scale.add_argument("--before", type=_number, default=0, help="with --without-ray: trials that have ended already")
    scale.add_argument("--out", default="results/bench/scale.json", help="the file that is written")
    gpu = kinds.add_parser("gpu", help="all that only a GPU can show, in nine minutes: checks, speed, caps, memory")
    gpu.add_argument("--model", help="weights; of a variant's name, random ones; small if not given, on a CPU tiny")
    gpu.add_argument("--data", default="demo", metavar="MANIFEST", help="demo if not given")
    gpu.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu rehearses every part, all small")
    gpu.add_argument("--minutes", type=_number, default=9, help="at most; 9 if not given")
    gpu.add_argument("--threads", type=_number, help="of each process; torch's own number if not given")
    gpu.add_argument("--out", default="results/bench/gpu.json", help="the file that is written, part by part")
    growth = kinds.add_parser("growth", help="a step's cost by window and micro-batch, and preparing by clips")
    growth.add_argument("--model", default="openai/whisper-tiny.en", help="weights; of a variant's name, random ones")
    growth.add_argument("--batch", nargs="+", type=_number, default=[1, 4, 12], help="micro-batches: 1 4 12")
    growth.add_argument("--windows", nargs="+", type=float, default=[2, 4, 8, 15, 30], help="in seconds, up to 30")
    growth.add_argument("--clips", nargs="+", type=_number, default=[1_000, 10_000, 100_000], help="to prepare")
    growth.add_argument("--threads", type=_number, default=1, help="of a step; 1 if not given")
    growth.add_argument("--out", default="results/bench/growth.json", help="the file that is written, an SVG beside it")
    windows = kinds.add_parser("windows", help="the WER after training, and CPU seconds, by kind of audio window")
    windows.add_argument("--model", default="openai/whisper-tiny.en", help="the weights; openai/whisper-tiny.en else")
    windows.add_argument("--data", default="demo", metavar="MANIFEST", help="demo if not given")
    windows.add_argument("--windows", nargs="+", choices=WINDOWS, default=list(WINDOWS), help="all if not given")
    windows.add_argument("--seeds", type=_number, default=5, help="trainings of each kind: 5 take an hour on a core")
    windows.add_argument("--out", default="results/bench/windows.json", help="gone on with; an SVG beside it")
    for kind in kinds.choices.values():
        kind.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


def _add_beside(parser: argparse.ArgumentParser, *, steps: int, scored: int) -> None:
    add = parser.add_argument
    add("--model", nargs="+", default=["openai/whisper-tiny.en"], help="weights; of a variant's name, random ones")
    add("--data", default="demo", metavar="MANIFEST", help="demo if not given")
    add("--batch", nargs="+", type=_batch, default=[(12, 3)], metavar="SIZExACCUMULATION", help="12x3 if not given")
    add("--precision", nargs="+", choices=["fp32", "bf16", "fp16"], default=["fp32"], help="fp32 if not given")
    add("--window", choices=WINDOWS, default="condensed", help="of ours; condensed if not given")
    add("--steps", type=_number, default=steps, help="optimizer steps of each run")
    add("--scored", type=_number, default=scored, help="clips that each run scores")
    add("--rounds", type=_number, default=2, help="runs of each side, by turns")
    add("--threads", type=_number, help="of both sides; torch's own number if not given")
    add("--out", help="the file that is written; results/bench/KIND.json if not given")


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: a whole number from 1 on is wanted")
    return int(text)


def _batch(text: str) -> tuple[int, int]:
    try:
        batch_size, accumulation = map(int, text.lower().split("x"))
    except ValueError:
        batch_size = accumulation = 0
    if batch_size < 1 or accumulation < 1:
        raise argparse.ArgumentTypeError(f"{text}: wanted is a batch size and an accumulation, such as 12x3")
    return batch_size, accumulation
