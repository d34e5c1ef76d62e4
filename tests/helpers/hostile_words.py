"""A seed in; hostile words for doors out: overrides, names and spaces that no one would type on purpose."""

import random

KEYS = [
    "training.batch_size", "training.gradient_accumulation_steps", "training.learning_rate", "training.num_epochs",
    "training.max_steps", "training.warmup_steps", "training.seed", "training.weight_decay", "audio.max_window_s",
    "audio.margin_s", "audio.step_s", "audio.window", "model.variant", "model.dropout", "model.pretrained",
    "data.train_manifest", "data.max_label_tokens", "evaluation.batch_size", "evaluation.every_steps", "storage",
    "scaling.num_workers", "scaling.gpu_memory_gib", "tracking.wandb_project", "prediction.num_beams", "vary",
    "vary.training.batch_size", "vary.training.learning_rate", "vary.model.dropout", "keep.effective_batch_size",
    "search.trials", "search.seed", "search.finalists", "scheduler.first_rung_examples", "budget.examples", "nonsense",
]  # fmt: skip
VALUES = [
    "0", "-1", "1", "8", "1e-320", "5e-324", "1e308", "1e400", "-.inf", ".nan", "null", "true", "[]", "{}", "''", "~",
    "1" * 400, "9" * 5000, "0x" + "f" * 300, "1000000000000000000", "4294967296", "2147483648", "a" * 10_000,
    "what?now/%41#x", "-leading", "blank \t name", "../" * 2000 + "x", "x/" + "n" * 300, "\udcff\udc80", "\x1b[31mred",
    "\u200b", "\u202eabc", "[red]x[/red]", "{low: 1, high: 1000000}", "{low: 1e-5, high: 1e-3, step: 5e-324}",
    "{low: -1e308, high: 1e308, step: 1}", "{low: 5e-324, high: 1e308, log: true}", "{low: 1, high: 1e308, step: 1e-9}",
    "{values: [1, 1.0, true]}", f"{{values: {list(range(1, 3000))}}}", "{low: 0.5, high: 0.1}", "[" * 300,
    "{training.batch_size: {low: 1, high: 1000000}, training.gradient_accumulation_steps: {low: 1, high: 1000000}}",
    "&a [*a]", "!!python/name:os.system", "fitted", "full", "tiny", "large-v3", "auto", "/dev/zero", "/", ".", "..",
]  # fmt: skip
NAMES = [
    "", "-", "small",
    "smoke", "learning", "SMALL", "small\n", "\x1b]0;x\x07", "\udcff", "a" * 300, "/" * 5000, "n/" * 3000,
    "/dev/zero", "/dev/null", "/dev/full", "/", "~nobody/x.yaml", "~", "..", "x?.yaml", "%41.yaml", "what?now/x.yaml",
    "/proc/self/mem", "/proc/self/environ", "[red]",
]  # fmt: skip


def hostile_overrides(seed: int, *, most: int = 4) -> list[str]:
    """Up to `most` overrides of real and of invented keys."""
    drawn = random.Random(seed)
    return [f"{drawn.choice(KEYS)}={drawn.choice(VALUES)}" for _ in range(drawn.randint(1, most))]


def hostile_command(seed: int) -> tuple[str, list[str]]:
    """A door that neither trains nor waits, `tune`, `fit` or `plan`, and its arguments."""
    drawn = random.Random(f"command {seed}")
    door = drawn.choice(["tune", "fit", "plan"])
    named = {"tune": ["--baseline", "--space", "--resume"], "fit": ["--config", "--resume"], "plan": ["--baseline"]}
    arguments = [] if door == "plan" else ["--dry-run"]
    if drawn.random() < 0.3:
        arguments.append(f"{drawn.choice(named[door])}={drawn.choice(NAMES)}")
    if drawn.random() < 0.2:
        arguments.append("--json")
    return door, [*arguments, "--", *hostile_overrides(seed)]
