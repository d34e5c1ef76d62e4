"""The best k checkpoints as one: their weights averaged, scored beside the best single one, kept if it is no worse."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from raytrain.config.baseline import Baseline
from raytrain.config.languages import rate_of
from raytrain.errors import InputError
from raytrain.release.model_folder import WEIGHTS, copy_model
from raytrain.release.runs import KeptCheckpoint, KeptRun
from raytrain.results.rates import as_written
from raytrain.speech.corpus import Corpus
from raytrain.training import precision as precisions
from raytrain.training.evaluation import Evaluated, evaluate
from raytrain.whisper import weights


@dataclass(frozen=True)
class Averaged:
    """An average beside the best single checkpoint, both scored just now on the utterances that scored the run."""

    folder: Path
    steps: list[int]
    average: Evaluated
    single: Evaluated

    @property
    def is_kept(self) -> bool:
        """Whether the average is exported: it is no worse than the best single checkpoint."""
        return self.average.word_errors.wer <= self.single.word_errors.wer

    @property
    def sentence(self) -> str:
        """What came of averaging, for the person and the model card."""
        steps, rate = ", ".join(map(str, self.steps[:-1])), rate_of(self.average.text_language)
        verdict = "kept" if self.is_kept else "not kept: the best single one is exported"
        return (
            f"average of steps {steps} and {self.steps[-1]}: {rate} {self.average.word_errors.wer:.4f} against "
            f"{self.single.word_errors.wer:.4f} of step {self.steps[0]} alone; {verdict}"
        )

    def as_dict(self) -> dict[str, Any]:
        values = {
            "steps": self.steps,
            "eval_wer": self.average.word_errors.wer,
            "best_single_eval_wer": self.single.word_errors.wer,
            "kept": self.is_kept,
        }
        return as_written(values, rate_of(self.average.text_language))


def average(run: KeptRun, count: int, *, corpus: Corpus, into: Path) -> Averaged:
    """Write the average of the run's `count` best into a folder, and score it."""
    chosen = run.checkpoints[:count]
    copy_model(run.best.folder, into, with_weights=False)
    average_weights([one.folder / WEIGHTS for one in chosen], into / WEIGHTS)
    indices = scored_indices(run.best, corpus)
    single, averaged = (score(folder, run.config, corpus, indices) for folder in (run.best.folder, into))
    return Averaged(into, [one.step for one in chosen], averaged, single)


def average_weights(files: Sequence[Path], into: Path) -> None:
    """Average weights tensor by tensor, in float64: the order of the files changes no bit that float32 can hold."""
    with ExitStack() as stack:
        opened = [stack.enter_context(safe_open(file, framework="pt")) for file in files]
        names = list(opened[0].keys())
        mean = {name: _mean([file.get_tensor(name) for file in opened]) for name in names}
    save_file(mean, into, metadata={"format": "pt"})


def scored_indices(checkpoint: KeptCheckpoint, corpus: Corpus) -> list[int]:
    """The corpus indices of the utterances that scored a checkpoint, in the checkpoint's order."""
    index_of = {utterance_id: index for index, utterance_id in enumerate(corpus.utterance_ids)}
    wanted = [row["utterance_id"] for row in checkpoint.utterances()]
    lost = [utterance_id for utterance_id in wanted if utterance_id not in index_of]
    if lost or not wanted:
        fact = f"{len(lost)} of its {len(wanted)} scored utterances are" if wanted else "its scored utterances are"
        raise InputError(
            f"{checkpoint.folder}: {fact} not in the manifest any more; bring back the manifest as it was trained with"
        )
    return [index_of[utterance_id] for utterance_id in wanted]


def score(folder: Path, config: Baseline, corpus: Corpus, indices: Sequence[int], **limits: Any) -> Evaluated:
    """Score a model folder as the run itself scored its checkpoints, on the hardware at hand."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = config.model.model_copy(update={"pretrained": str(folder)})
    whisper = weights.load(model, seed=config.training.seed)
    whisper.model.to(device)
    return evaluate(
        whisper,
        corpus,
        indices,
        audio=config.audio,
        evaluation=config.evaluation,
        window=whisper.trained_window,
        precision=precisions.resolve(config.training.precision, device=device),
        **limits,
    )


def _mean(tensors: list[torch.Tensor]) -> torch.Tensor:
    total = sum(tensors[1:], tensors[0].to(torch.float64))
    return (total / len(tensors)).to(tensors[0].dtype)
