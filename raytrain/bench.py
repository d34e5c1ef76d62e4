"""python -m raytrain.bench: measurements, each written to results/bench/."""

import argparse
from pathlib import Path

from raytrain.cli import Parser, print_json, run_door, say
from raytrain.errors import InputError
from raytrain.results.folders import write_json
from raytrain.results.provenance import command_line, provenance


def main() -> None:
    run_door(_bench)


def _bench() -> int:
    arguments = _parser().parse_args()
    return _memory(as_json=arguments.json)


def _memory(*, as_json: bool) -> int:
    import torch

    if not torch.cuda.is_available():
        raise InputError("raytrain.bench memory: measures a GPU, and torch sees none; run it on a machine with CUDA")
    from raytrain.benchmarks.memory import grid, measure_grid, summary

    card = torch.cuda.get_device_properties(0)
    rows = []
    for row in measure_grid(grid(card.total_memory / 2**30), device=torch.device("cuda")):
        rows.append(row)
        ratio = f"predicted / measured {row['ratio']:.3f}" if row.get("ratio") else row["outcome"]
        say(f"{row['variant']} {row['batch_size']} x {row['window_s']:g} s {row['precision']}: {ratio}")
    found = summary(rows)
    result = {
        "gpu": card.name,
        "summary": found,
        "rows": rows,
        "provenance": provenance(command_line("raytrain.bench"), {}),
    }
    path = Path("results/bench") / f"memory-{card.name.lower().replace(' ', '-')}.json"
    write_json(path, result)
    say(f"{path}: {found['points']} points, ratio {found['min']} to {found['max']}, median {found['median']}")
    if as_json:
        print_json(result)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m raytrain.bench", description="Measure, and write what was found to results/bench/.")
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND", parser_class=Parser)
    memory = kinds.add_parser("memory", help="predicted against measured GPU memory, over a grid of steps")
    memory.add_argument("--json", action="store_true", help="one JSON object on stdout")
    return parser


if __name__ == "__main__":
    main()
