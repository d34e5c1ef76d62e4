"""raytrain's own training and scoring, timed without a cluster: a Work as JSON on the command line in, Told out.

python -m raytrain.benchmarks.ours '{"model": ..., ...}'
"""

import numpy as np
import torch

from raytrain.benchmarks.work import Clips, Clock, Peaks, Told, Work, flops_of_a_clip, run_as_child, window_settings
from raytrain.config.reader import load_baseline
from raytrain.speech.batches import BatchPlan
from raytrain.training import precision as precisions
from raytrain.training.evaluation import evaluate
from raytrain.training.feed import Feed, Labels, ahead
from raytrain.training.loop import train
from raytrain.training.optimizer import make_optimizer
from raytrain.whisper import weights

_AHEAD_OF_A_GPU = 2


def measure(work: Work, clips: Clips) -> Told:
    """Train and score as a trial's worker does, on the same clips as the peer."""
    config = load_baseline(
        "tiny",
        [
            f"model.pretrained={work.model}",
            f"model.variant={work.variant}",
            f"training.batch_size={work.batch_size}",
            f"training.gradient_accumulation_steps={work.accumulation}",
            f"training.precision={work.precision}",
            "training.learning_rate=1e-5",
            *window_settings(work.window),
        ],
    )
    device = torch.device(work.device)
    precision = precisions.resolve(config.training.precision, device=device)
    whisper = weights.load(config.model, seed=0)
    whisper.model.to(device)
    if work.compiled:
        whisper.model.compile()
    corpus = clips.corpus
    plan = BatchPlan(
        corpus.durations_s,
        indices=np.array(clips.train),
        effective_batch_size=work.batch_size * work.accumulation,
        seed=0,
        audio=config.audio,
    )
    labels = Labels(whisper.tokenizer, corpus.texts, config.model)
    on_a_gpu = device.type == "cuda"
    num_mel_bins = whisper.model.config.num_mel_bins
    feed = Feed(config, corpus, plan, labels=labels, num_mel_bins=num_mel_bins, mels_on_device=on_a_gpu)
    depth = _AHEAD_OF_A_GPU if on_a_gpu else 0
    steps = ahead(feed, range(work.steps), depth=depth, device=device)
    optimizer = make_optimizer(whisper.model.named_parameters(), config.training)
    window_s = speech_s = waited_s = 0.0
    with Clock() as training:
        for progress in train(
            whisper,
            steps,
            optimizer,
            precision.gradient_scaler(),
            training=config.training,
            precision=precision,
            learning_rate=lambda step: config.training.learning_rate,
        ):
            training.step_done()
            waited_s += progress.waited_s
            batch = plan.batch(progress.step - 1)
            window_s += feed.window_s(batch) * len(batch.indices)
            speech_s += float(corpus.durations_s[batch.indices].sum())
    peaks = Peaks.now(work)
    with Clock() as scoring:
        found = evaluate(
            whisper,
            corpus,
            clips.scored,
            audio=config.audio,
            evaluation=config.evaluation,
            window=work.window,
            precision=precision,
        )
    label_tokens = float(np.mean([len(labels[index]) for index in clips.train]))
    trained = work.steps * work.effective_batch_size
    return Told.of(
        work,
        clips,
        training,
        scoring,
        wer=found.word_errors.wer,
        peaks=peaks,
        padding=1 - speech_s / window_s,
        flops_per_clip=flops_of_a_clip(
            work, window_s=window_s / trained, label_tokens=label_tokens, condensed=work.window == "condensed"
        ),
        data_wait_share=waited_s / training.wall_s,
    )


if __name__ == "__main__":
    run_as_child(measure)
