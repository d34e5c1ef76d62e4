"""A running study in a terminal: its progress in; one view that is drawn anew in place, and gone at the end, out."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.columns import Columns
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from raytrain.results.wording import duration_text, hours_text, short, signed, split_text, trial_title
from raytrain.study.running import NOT_AT_WORK, RunningTrial
from raytrain.study.spending import Spending
from raytrain.study.study import Study
from raytrain.study.watcher import Watcher
from raytrain.watch.study_progress import PlainProgress, StudyProgress

_DRAWN_A_SECOND = 2
_MOST_CARDS = 8
_MOST_TRIALS = 12
_LABELS = 9
"""Columns of the view before what it says."""
_BARS = {"training": "█", "scoring": "▒"}
"""What is done, by what a trial is doing: bars tell that without colours, too."""
_NARROW, _WIDE = 80, 110
"""Columns: with less than the first a trial goes without its bar, from the second on it has memory and time, too."""


@contextmanager
def watched(study: Study) -> Iterator[Watcher]:
    """Yield what follows the study: a live view where stderr is a terminal, else one line an evaluation."""
    if not sys.stderr.isatty() or Console(stderr=True).is_dumb_terminal:
        yield PlainProgress.of(study)
        return
    progress = StudyProgress.of(study)
    with live_view(progress):
        yield progress


@contextmanager
def live_view(progress: StudyProgress) -> Iterator[None]:
    """Draw it on stderr for as long as the block runs; what is printed meanwhile stands above. The cursor comes back
    whatever ends the block."""
    # Soft: what stands above is broken by us or by nobody, so that a path or a command can be copied.
    console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)

    def draw() -> RenderableType:
        progress.refresh()
        return view(progress, now_s=time.monotonic(), width=console.width)

    with Live(
        get_renderable=draw,
        console=console,
        refresh_per_second=_DRAWN_A_SECOND,
        transient=True,
        redirect_stdout=False,  # which is for results
    ):
        yield


def view(progress: StudyProgress, *, now_s: float, width: int) -> RenderableType:
    """What is known at this moment, in so many columns."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column()
    facts.add_row("trials", _trials(progress))
    facts.add_row(progress.rate, _wer(progress))
    facts.add_row("memory", _memory(progress))
    facts.add_row("GPUs" if progress.machine is not None and progress.machine.taken() else "device", _cards(progress))
    if progress.tracked:
        facts.add_row("tracked", _tracked(progress, width))
    facts.add_row("time", _time(progress, now_s))
    spending = None if progress.machine is None else progress.machine.spending
    if spending is not None and (spending.budget_s is not None or spending.price_per_hour is not None):
        facts.add_row("budget", _budget(spending))
    running = sorted(progress.running.values(), key=lambda trial: trial.number)
    if not running:
        return Group("", facts)
    return Group("", facts, "", _running(running[:_MOST_TRIALS], now_s=now_s, width=width), *_more(running))


def _trials(progress: StudyProgress) -> Text:
    ended = [f"{number} {str(outcome).replace('_', ' ')}" for outcome, number in progress.outcomes().items()]
    repeated = progress.repeats_ended()
    ended += [f"{repeated} repeat{'s' if repeated > 1 else ''} of finalists"] * bool(repeated)
    probes = sum(bool(trial.trial.probes) for trial in list(progress.running.values()))
    now = [f"{len(progress.running) - probes} running"] + [f"{probes} probing"] * bool(probes)
    if progress.waiting is not None:
        now.append(f"trial {progress.waiting} waits for room")
    trials, repeats = progress.to_come()
    to_come = [f"{trials} to come"] + [f"up to {repeats} repeats"] * bool(repeats)
    return Text(" · ".join([*ended, *now, *to_come]))


def _wer(progress: StudyProgress) -> Text:
    best, baseline = progress.best, progress.baseline
    if best is None or best.eval_wer is None:
        ended = f"; the baseline: {baseline.outcome}" if baseline is not None else ""
        return Text(f"no trial is completed yet{ended}")
    if baseline is not None and best.trial_id == baseline.trial_id:
        return Text(f"{best.eval_wer:.3f}, the baseline's; none is better yet")
    against = "the baseline's is not known"
    if baseline is not None and baseline.eval_wer is not None:
        against = f"{signed(best.eval_wer - baseline.eval_wer)} against the baseline's {baseline.eval_wer:.3f}"
    return Text.assemble((f"{best.eval_wer:.3f}", "bold green"), f" ({against}) by {trial_title(best)}")


def _memory(progress: StudyProgress) -> Text:
    peak, machine = progress.peak_gib, progress.machine
    on_card = machine is not None and bool(machine.taken())
    measured = "not measured yet" if peak is None else f"peak {peak:.2f} GiB {'reserved' if on_card else 'resident'}"
    bounds = []
    if progress.memory_limit_gib is not None:
        bounds.append(f"limit {progress.memory_limit_gib:g} GiB")
    if on_card and machine is not None and machine.card_gib is not None:
        bounds.append(f"a card has {machine.card_gib:.1f} GiB")
    over = peak is not None and progress.memory_limit_gib is not None and peak > progress.memory_limit_gib
    return Text.assemble((measured, "bold red" if over else ""), "".join(f"; {bound}" for bound in bounds))


def _cards(progress: StudyProgress) -> RenderableType:
    """The share of each card that trials hold."""
    if progress.machine is None:
        return "Ray is starting"
    taken = progress.machine.taken()
    if not taken:
        return f"{progress.machine.cpus} CPU cores, no GPU"
    if len(taken) > _MOST_CARDS:
        return f"{sum(taken):.2f} of {len(taken)} taken"
    return Columns([_card(number, share) for number, share in enumerate(taken)], padding=(0, 3))


def _card(number: int, share: float) -> Text:
    full = round(8 * share)
    return Text.assemble(
        f"{number} ", ("█" * full, "cyan"), ("░" * (8 - full), "bright_black"), f" {100 * share:.0f} %"
    )


def _tracked(progress: StudyProgress, width: int) -> str:
    """Whole, or not at all: part of an address can be opened by nobody."""
    where, _, rest = progress.tracked.partition(": ")
    fits = len(progress.tracked) + _LABELS <= width
    return progress.tracked if fits or not rest else f"{where}, as said above"


def _time(progress: StudyProgress, now_s: float) -> Text:
    if progress.machine is not None and progress.machine.stops():
        return Text("stopping: each trial is left where it can go on", "bold yellow")
    left_s = progress.seconds_left(now_s)
    left = (
        "time left known once a trial has trained on clips" if left_s is None else f"about {duration_text(left_s)} left"
    )
    return Text(f"{duration_text(now_s - progress.began_s)} so far, {left}")


def _budget(spending: Spending) -> Text:
    hours, price, told = spending.ran_s / 3600, spending.price_per_hour, spending.told
    money = "" if price is None else f" for {hours * price:.2f}"
    if spending.budget_s is None:
        return Text(f"{hours_text(hours)}{money} spent")
    parts = [f"{hours_text(hours)} of {hours_text(spending.budget_s / 3600)}{money} spent"]
    parts += [f"{duration_text(told.set_aside_s)} set aside for finalists"] * bool(told.set_aside_s)
    known = told.trials is not None
    parts.append(f"buys about {told.trials} more trials" if known else "what it buys is known once a trial has run")
    return Text(", ".join(parts))


def _running(trials: list[RunningTrial], *, now_s: float, width: int) -> Table:
    shown = Table.grid(padding=(0, 2))
    for trial in trials:
        rate = trial.trial.config.training.learning_rate
        done = f"{trial.examples_seen}/{trial.examples_total} clips"
        wer = f"{trial.trial.config.model.rate()} {trial.row.eval_wer:.3f}" if trial.row.eval_wer is not None else ""
        peak = trial.peak_memory_gib
        bar = _bar(trial, columns=24 if width >= _WIDE else 10)
        cells: list[RenderableType] = [
            Text(f"trial {trial.number}", "bold"),
            split_text(trial.trial.config),
            f"lr {short(rate)}",
        ]
        cells += ["probing" if trial.trial.probes else trial.phase, bar] if width >= _NARROW else []
        cells += [done, wer]
        if width >= _WIDE:
            cells += [f"{peak:.2f} GiB" if peak is not None else "", duration_text(now_s - trial.started_s)]
        shown.add_row(*cells)
    for column in shown.columns:
        column.no_wrap, column.overflow = True, "ellipsis"
    return shown


def _bar(trial: RunningTrial, *, columns: int) -> Text:
    """How far a trial is."""
    if trial.phase in NOT_AT_WORK:
        return Text("-" * columns, "bright_black")
    full = min(columns, round(columns * trial.examples_seen / max(trial.examples_total, 1)))
    return Text.assemble((_BARS.get(trial.phase, "█") * full, "cyan"), ("░" * (columns - full), "bright_black"))


def _more(running: list[RunningTrial]) -> list[str]:
    return [f"and {len(running) - _MOST_TRIALS} more"] if len(running) > _MOST_TRIALS else []
