"""What a transformers Trainer leaves of two real steps: checkpoint, state, arguments, TensorBoard logs."""

from pathlib import Path
from typing import Any


def train(folder: Path) -> Path:
    """Train a very small random Whisper for two steps, scored at each."""
    import torch
    from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments, WhisperConfig, WhisperForConditionalGeneration

    torch.manual_seed(7)
    ffn, heads = 32, 2
    model = WhisperForConditionalGeneration(
        WhisperConfig(
            vocab_size=40, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=heads,
            decoder_attention_heads=heads, encoder_ffn_dim=ffn, decoder_ffn_dim=ffn, max_source_positions=10,
            max_target_positions=12, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
            dropout=0.1,
        )
    )  # fmt: skip
    utterances = [{"input_features": torch.randn(80, 20), "labels": torch.randint(3, 40, (5,))} for _ in range(8)]
    arguments = Seq2SeqTrainingArguments(
        output_dir=str(folder), max_steps=2, per_device_train_batch_size=2, gradient_accumulation_steps=2,
        learning_rate=1e-5, warmup_steps=1, eval_strategy="steps", eval_steps=1, save_steps=2, logging_steps=1,
        report_to=["tensorboard"], use_cpu=True, seed=7, disable_tqdm=True,
    )  # fmt: skip
    trainer = Seq2SeqTrainer(
        model=model,
        args=arguments,
        train_dataset=utterances,
        eval_dataset=utterances[:2],
        compute_metrics=lambda told: {"wer": _share_wrong(told)},
    )
    trainer.train()
    trainer.save_model()
    trainer.save_state()
    return folder


def _share_wrong(told: Any) -> float:
    """Tokens that differ: of a model of random numbers a WER says no more."""
    return float((told.predictions[0].argmax(-1) != told.label_ids).mean())
