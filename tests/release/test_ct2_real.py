"""tiny.en in a smaller number format: what it costs over 600 clips. In float32: test_soak_equal.py."""

import shutil
from pathlib import Path

import pytest

from raytrain.config.reader import load_baseline
from raytrain.files import write_json
from raytrain.release.ct2 import Quantization, convert
from raytrain.release.proof import MOST_LOST, prove, sample
from raytrain.release.proved import Proof
from raytrain.trial.inputs import inputs_of

MANIFEST = Path(__file__).parents[3] / "shared" / "corpus" / "child_like" / "manifest.jsonl"


def proved(weights: Path, folder: Path, count: int, quantization: Quantization) -> Proof:
    model = folder / "model"
    shutil.copytree(weights, model, copy_function=shutil.copyfile)
    write_json(model / "raytrain.json", {})
    asked = [f"data.train_manifest={MANIFEST}", f"model.pretrained={weights}", "prediction.num_beams=1"]
    config = load_baseline("tiny", asked)
    corpus = inputs_of(config).corpus
    clips = sample(corpus, range(len(corpus.texts)), count)
    lengths = corpus.durations_s[clips]
    assert (lengths.min(), lengths.max()) == (corpus.durations_s.min(), corpus.durations_s.max())
    convert(model, folder / "converted", quantization=quantization)
    return prove(weights, folder / "converted", config, corpus, clips, quantization=quantization, say=print)


@pytest.mark.soak
@pytest.mark.skipif(not MANIFEST.is_file(), reason="needs the corpus of 600 clips")
def test_600_clips_lose_no_more_than_a_fifth_of_a_point_in_int8(tiny_en: Path, tmp_path: Path) -> None:
    proof = proved(tiny_en, tmp_path, 600, "int8")
    assert proof.theirs - proof.ours <= MOST_LOST
