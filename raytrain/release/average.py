"""Several weights as one: files of weights in, their mean out; and how a model folder scores, as the run itself did."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from raytrain.config.baseline import Baseline
from raytrain.errors import InputError
from raytrain.release.merged import heard_as
from raytrain.release.runs import KeptCheckpoint
from raytrain.speech.corpus import Corpus
from raytrain.training import precision as precisions
from raytrain.training.evaluation import Evaluated, evaluate
from raytrain.whisper import weights


def average_weights(files: Sequence[Path], into: Path) -> None:
    """Average weights tensor by tensor, in float64: the order of the files changes no bit that float32 can hold.

    InputError where one has other tensors than the first.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(safe_open(file, framework="pt")) for file in files]
        shapes = [{name: file.get_slice(name).get_shape() for name in file.keys()} for file in opened]  # noqa: SIM118
        for file, found in zip(files, shapes, strict=True):
            if found != shapes[0]:
                raise InputError(
                    f"{file}: has other tensors than {files[0]}; weights of one size and family have a mean"
                )
        mean = {name: _mean([file.get_tensor(name) for file in opened]) for name in shapes[0]}
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
    whisper = weights.load(heard_as(config.model, folder), seed=config.training.seed)
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
