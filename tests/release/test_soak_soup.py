"""Three real studies of six trials, and the soup of each: its WER on the children it was not chosen by, beside the best
single trial's. An hour on 2 cores.

Every study that is done is written to results/bench/soup.json and not repeated: delete the file to start again.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from raytrain.files import write_json
from raytrain.results.provenance import provenance

MANIFEST = Path(__file__).parents[3] / "shared" / "corpus" / "child_like" / "manifest.jsonl"
FIGURES = Path(__file__).parents[2] / "results" / "bench" / "soup.json"
SEEDS = (1, 2, 3)
TRIALS, KEPT = 6, 4
ASKED = (
    "--baseline", "tiny", "--space", "learning", "--trials", str(TRIALS),
    'vary={training.learning_rate: {low: 5e-5, high: 1.2e-4, log: true}, training.weight_decay: {values: [0.0, 0.1]}}',
    "search.sampler=random", "search.objective=wer", "search.finalists=0", "search.max_concurrent=1",
    f"search.keep_weights={KEPT}", "scheduler.name=none", "budget.examples=240", "training.learning_rate=7e-5",
    "data.validation_ratio=0.4", "evaluation.max_utterances=160", "tracking.wandb=disabled",
    "tracking.tensorboard=false",
)  # fmt: skip

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not MANIFEST.is_file(), reason="needs the corpus of 600 clips"),
]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_soup_is_never_exported_where_it_is_worse(seed: int, tiny_en: Path, tmp_path: Path) -> None:
    name = f"seed {seed}"
    if name not in noted():
        write_json(FIGURES, noted() | {name: souped(seed, tiny_en, tmp_path)})
    found = noted()[name]["soup"]
    worse = found["eval_wer"] is not None and found["eval_wer"] > found["best_single_eval_wer"]
    assert found["kept"] is (len(found["members"]) > 1 and not worse)


def souped(seed: int, tiny_en: Path, folder: Path) -> dict[str, Any]:
    asked = (*ASKED, f"search.seed={seed}", f"training.seed={seed}", f"model.pretrained={tiny_en}")
    searched = door("tune", *asked, f"data.train_manifest={MANIFEST}", f"storage={folder / 'results'}")
    kept = list((Path(searched["study"]) / "ray").glob("trial-*/step-*/model.safetensors"))
    assert len(kept) <= KEPT + 1
    made = door("export", searched["study"], "--soup", str(KEPT), "--to", str(folder / "soup"), "--prove", "0")
    return {
        "trials": [trial["eval_wer"] for trial in searched["trials"]],
        "soup": made["soup"],
        "provenance": provenance(["python", "-m", "raytrain.tune", *ASKED], {"search.seed": seed}),
    }


def door(name: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", f"raytrain.{name}", *arguments, "--json"]
    answer: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return answer


def noted() -> dict[str, Any]:
    return json.loads(FIGURES.read_text()) if FIGURES.is_file() else {}
