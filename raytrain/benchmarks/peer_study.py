"""A search as transformers' trainer offers it, timed from its start: a StudyWork as JSON in, the table of trials out.

    python -m raytrain.benchmarks.peer_study '{"model": ..., ...}'

Trainer.hyperparameter_search with Optuna, over the same ranges and the same clips, each trial a training of one epoch.
"""

import json
import sys
import tempfile
from functools import partial

import torch
from transformers import Seq2SeqTrainer

from raytrain.benchmarks.peer import Collator, be_quiet, load, load_processor, prepared, recipe, wer_of
from raytrain.benchmarks.study_beside import ACCUMULATIONS, BATCH_SIZES, StudyWork
from raytrain.speech.corpus import prepare


def main() -> None:
    """Search, and print a line for the whole."""
    work = StudyWork(**json.loads(sys.argv[1]))
    torch.set_num_threads(work.threads)
    be_quiet()
    model = load(work.model)
    processor = load_processor(work.model, model)
    train, scored = (prepare(work.manifest_path(half)) for half in ("train", "validation"))
    texts = list(scored.texts)

    with tempfile.TemporaryDirectory() as folder:
        trainer = Seq2SeqTrainer(
            model_init=partial(load, work.model),
            args=recipe(folder, use_cpu=not torch.cuda.is_available(), num_train_epochs=1),
            train_dataset=prepared(processor, train, range(len(train))),
            eval_dataset=prepared(processor, scored, range(len(scored))),
            data_collator=Collator(processor, model.config.decoder_start_token_id),
            compute_metrics=lambda found: {"wer": wer_of(processor, found.predictions, texts)},
        )
        best = trainer.hyperparameter_search(
            hp_space=lambda trial: {
                "per_device_train_batch_size": trial.suggest_int("per_device_train_batch_size", *BATCH_SIZES),
                "gradient_accumulation_steps": trial.suggest_int("gradient_accumulation_steps", *ACCUMULATIONS),
            },
            compute_objective=lambda metrics: metrics["eval_wer"],
            direction="minimize",
            backend="optuna",
            n_trials=work.trials,
        )
    print(json.dumps({"trials": work.trials, "wer": best.objective, "best": best.hyperparameters}))


if __name__ == "__main__":
    main()
