"""Error rates of models on a test set, over all and by age, with their intervals over children: a figure out."""

from raytrain.report.figures.marks import Figure, key_mark, line, mark, text, x_axis
from raytrain.report.figures.scales import BOTTOM, FULL_WIDTH, LEFT, RIGHT, TOP, Scale, spanning, tick_text
from raytrain.results.scores import GroupScore, Scores

_SHAPES = ("circle", "diamond", "square", "triangle", "star", "cross")
_GAP, _LINE = 26, 16


def rates_by_age(scores: Scores) -> Figure:
    """A line a model within each group: its rate, and from where to where it would move with other children."""
    groups = [("all", [one.overall for one in scores.models])]
    ages = [{group.name: group for group in one.groups.get("age", [])} for one in scores.models]
    groups += [(f"age {name}", [of[name] for of in ages]) for name in ages[0]]
    ends = [end for _, scored in groups for one in scored for end in (*(one.interval or ()), one.rate)]
    left = LEFT + 58
    row = _GAP + _LINE * len(scores.models)
    height = TOP + BOTTOM + row * len(groups)
    x = spanning(ends, (left, FULL_WIDTH - RIGHT), from_zero=True)
    y = Scale(low=0, high=len(groups), start=height - BOTTOM, end=TOP)
    parts = x_axis(x, y, [(at, tick_text(at)) for at in x.ticks()], scores.rate)
    for number, (name, scored) in enumerate(groups):
        top = y.end + row * number
        parts.append(text(left - 12, top + row / 2, name, kind="group", anchor="end"))
        for place, (model, one) in enumerate(zip(scores.models, scored, strict=True)):
            here = top + _GAP / 2 + _LINE * (place + 0.5)
            if one.interval is not None:
                parts.append(line([(x.at(end), here) for end in one.interval], kind="joint"))
            shape, kind = _SHAPES[place % len(_SHAPES)], f"run{place % len(_SHAPES)}"
            parts.append(mark(shape, x.at(one.rate), here, kind=kind, tip=_tip(scores, model.name, name, one)))
    key = [
        (key_mark(_SHAPES[place % len(_SHAPES)], f"run{place % len(_SHAPES)}"), model.name)
        for place, model in enumerate(scores.models)
    ]
    caption = "Lines are 95 % intervals over children; a group with too few children has none."
    return Figure(title=f"{scores.rate} by age", caption=caption, parts=parts, key=key, width=FULL_WIDTH, height=height)


def _tip(scores: Scores, model: str, group: str, one: GroupScore) -> str:
    width = "" if one.interval is None else f"\n95 % {one.interval[0]:.3f} to {one.interval[1]:.3f}"
    unit = "words" if scores.rate == "WER" else "characters"
    counted = f"{one.errors.edits} errors in {one.errors.reference_words} {unit}, {one.utterances} clips"
    return f"{model}, {group}\n{scores.rate} {one.rate:.3f}{width}\n{counted} of {one.children} children"
