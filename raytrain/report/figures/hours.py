"""Charts of the hardware's time: when each trial ran, and how much of the GPUs was taken then."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import accumulate, pairwise

from raytrain.report.figures.marks import Figure, box, line, x_axis, y_grid
from raytrain.report.figures.scales import BOTTOM, FULL_WIDTH, LEFT, RIGHT, TOP, Scale
from raytrain.report.figures.trial_marks import outcome_key, role, tip
from raytrain.report.statements import cards_taken
from raytrain.results.records import Outcome, TrialRecord
from raytrain.results.study_results import StudyResults
from raytrain.results.wording import duration_text

_LANE, _OCCUPANCY_HEIGHT = 26, 240


@dataclass(frozen=True, slots=True)
class _Span:
    """When a trial ran, in seconds since the first trial began."""

    trial: TrialRecord
    start_s: float
    end_s: float


def hours(study: StudyResults) -> Figure | None:
    """When each trial ran, and so how busy the hardware was."""
    spans = _spans(study)
    if not spans:
        return None
    lanes: list[float] = []
    placed = []
    for span in spans:
        lane = next((number for number, free_s in enumerate(lanes) if free_s <= span.start_s), len(lanes))
        lanes[lane : lane + 1] = [span.end_s]
        placed.append((span, lane))
    height = 74 + _LANE * len(lanes)
    x, parts = _clock(spans, Scale(low=0, high=len(lanes), start=height - BOTTOM, end=TOP))
    for span, lane in placed:
        kind = role(study, span.trial) or str(span.trial.outcome)
        left, right = x.at(span.start_s), x.at(span.end_s)
        parts.append(box(left, TOP + 4 + _LANE * lane, right - left - 1, 20, kind=kind, tip=tip(span.trial)))
    caption = "A row is a place on the hardware; gaps are time in which nothing trained there."
    key = outcome_key(study, [span.trial for span in spans])
    return Figure(title="When each trial ran", caption=caption, parts=parts, key=key, width=FULL_WIDTH, height=height)


def gpu_occupancy(study: StudyResults) -> Figure | None:
    """How much of the cards trials held, over time; nothing where none held any."""
    spans = [span for span in _spans(study) if span.trial.gpu_fraction]
    if not spans:
        return None
    changes = sorted(
        change
        for span in spans
        for change in ((span.start_s, cards_taken(span.trial)), (span.end_s, -cards_taken(span.trial)))
    )
    levels = list(accumulate(share for _, share in changes))
    # Rounding of times can lay an end behind the start that took its place.
    known = (study.description.provenance.get("hardware") or {}).get("gpus") or []  # a cluster may have more
    cards = max(len(known), 1.0 if max(levels) <= 1 + 1e-6 else max(levels))
    y = Scale(low=0, high=1.08 * cards, start=_OCCUPANCY_HEIGHT - BOTTOM, end=TOP)
    x, parts = _clock(spans, y)
    parts += y_grid(x, y, (0, round(cards / 2, 2), round(cards, 2)))
    corners = [(x.at(0), y.at(0))]
    for (at_s, _), level in zip(changes, levels, strict=True):
        corners += [(x.at(at_s), corners[-1][1]), (x.at(at_s), y.at(max(level, 0.0)))]
    outline = " ".join(f"{here:.1f},{up:.1f}" for here, up in corners)
    parts.append(f'<polygon class="area" points="{outline}"/>')
    parts.append(line(corners, kind="taken"))
    end_s = max(span.end_s for span in spans)
    held_s = sum((span.end_s - span.start_s) * cards_taken(span.trial) for span in spans)
    gaps_s = [after - before for (before, _), (after, _) in pairwise(changes)]
    idle_s = sum(gap_s for gap_s, level in zip(gaps_s, levels, strict=False) if level < 1e-6)
    average = held_s / (end_s * cards)
    caption = (
        f"The shares of cards that trials held, of {cards:g} in all: {100 * average:.0f} % on average. "
        f"For {duration_text(idle_s)} of {duration_text(end_s)} none was held."
    )
    return Figure(
        title="GPUs taken over time", caption=caption, parts=parts, width=FULL_WIDTH, height=_OCCUPANCY_HEIGHT,
        caption_in_markdown=True,
    )  # fmt: skip


def _spans(study: StudyResults) -> list[_Span]:
    """When each trial ran that took time, in the order that they began."""
    times = [
        (one, datetime.fromisoformat(one.started_at).timestamp(), datetime.fromisoformat(one.ended_at).timestamp())
        for one in study.records
        if one.outcome is not Outcome.NOT_STARTED
    ]
    first = min((began for _, began, _ in times), default=0.0)
    spans = [_Span(one, began - first, ended - first) for one, began, ended in times if ended > began]
    return sorted(spans, key=lambda span: (span.start_s, span.trial.number))


def _clock(spans: list[_Span], y: Scale) -> tuple[Scale, list[str]]:
    """A scale of seconds as wide as the page, and its axis in minutes or hours."""
    end_s = max(span.end_s for span in spans)
    unit_s, unit = (60, "minutes") if end_s < 7200 else (3600, "hours")
    x = Scale(low=0, high=end_s, start=LEFT, end=FULL_WIDTH - RIGHT)
    ticks = [(at * unit_s, f"{at:g}") for at in replace(x, high=end_s / unit_s).ticks(10)]
    return x, x_axis(x, y, ticks, f"{unit} since the first trial began")
