"""python -m raytrain: the doors, a line each, and the versions that are at hand."""

import shlex
import sys

from raytrain.arguments import Parser
from raytrain.cli import run_door
from raytrain.errors import InputError
from raytrain.terminal import show

DOORS = {
    "tune": "search around a baseline, or go on with a study",
    "fit": "train one baseline, or go on with a fit",
    "plan": "what fits on a card, before anything runs",
    "data": "make a manifest of your data, check it, prepare it",
    "report": "a study's report again, or several studies side by side",
    "export": "a run's best weights as a model to use",
    "transcribe": "write down what a model hears in sound files",
    "score": "models on a held-out test set, with intervals",
    "archive": "keep what is over, and bring it back",
    "bench": "measure speed, memory and search on this machine",
}


def main() -> None:
    """Run the door of doors."""
    run_door(_list)


def _list() -> int:
    if len(sys.argv) > 1 and sys.argv[1] in DOORS:
        raise InputError(f"{sys.argv[1]}: each door is a module of its own; {shlex.join(_meant(sys.argv[1:]))}")
    Parser(
        prog="python -m raytrain",
        description="Hyper-parameter search for people who fine-tune Whisper on children's speech.",
        example="python -m raytrain.tune --baseline tiny --demo",
    ).parse_args()
    show("python -m raytrain.DOOR --help tells how each is used:\n")
    for name, what in DOORS.items():
        show(f"  {name:<11} {what}")
    show("\nto begin:  python -m raytrain.tune --baseline tiny --demo")
    show("yours:     python -m raytrain.data check MANIFEST, then the README's first quarter of an hour")
    return 0


def _meant(typed: list[str]) -> list[str]:
    return ["python", "-m", f"raytrain.{typed[0]}", *typed[1:]]


if __name__ == "__main__":
    main()
