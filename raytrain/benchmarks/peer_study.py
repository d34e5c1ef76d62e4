"""A search as transformers' trainer offers it, timed from its start: a StudyWork as JSON in, the table of trials out.

    python -m raytrain.benchmarks.peer_study '{"model": ..., ...}'

Trainer.hyperparameter_search with Optuna, over the same ranges and the same clips, each trial a training of one epoch.
"""

import json
import sys
import tempfile
from typing import Any

import datasets
import torch
import transformers
from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments, WhisperForConditionalGeneration, WhisperProcessor

from raytrain.benchmarks.beside import Clips
from raytrain.benchmarks.peer import MOST_TOKENS, SCORED_AT_ONCE, Collator, prepared, wer_of
from raytrain.benchmarks.study_beside import ACCUMULATIONS, BATCH_SIZES, StudyWork
from raytrain.speech.corpus import prepare


def main() -> None:
    """Search, and print a line for the whole."""
    work = StudyWork(**json.loads(sys.argv[1]))
    torch.set_num_threads(work.threads)
    transformers.logging.set_verbosity_error()
    datasets.disable_progress_bars()
    processor = WhisperProcessor.from_pretrained(work.model)
    train, scored = (prepare(work.manifest_path(half)) for half in ("train", "validation"))
    texts = list(scored.texts)

    def model() -> Any:
        loaded = WhisperForConditionalGeneration.from_pretrained(work.model, dtype=torch.float32)
        loaded.config.use_cache = False
        return loaded

    with tempfile.TemporaryDirectory() as folder:
        trainer = Seq2SeqTrainer(
            model_init=model,
            args=Seq2SeqTrainingArguments(
                output_dir=folder,
                learning_rate=1e-5,
                num_train_epochs=1,
                predict_with_generate=True,
                generation_max_length=MOST_TOKENS,
                per_device_eval_batch_size=SCORED_AT_ONCE,
                save_strategy="no",
                logging_strategy="no",
                report_to="none",
                use_cpu=not torch.cuda.is_available(),
                disable_tqdm=True,
            ),
            train_dataset=prepared(processor, Clips(train, [], []), list(range(len(train)))),
            eval_dataset=prepared(processor, Clips(scored, [], []), list(range(len(scored)))),
            data_collator=Collator(processor, model().config.decoder_start_token_id),
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
