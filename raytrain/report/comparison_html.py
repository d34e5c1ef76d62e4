"""Runs side by side on paper: runs in; a page and a Markdown text, with the same words, out."""

from collections.abc import Sequence
from html import escape

from raytrain.report.comparison import Run, comparisons, rows
from raytrain.report.figures.marks import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Figure, axes, drawing, line, mark
from raytrain.report.figures.scales import spanning
from raytrain.report.study_html import figure, page

_SHAPES = ("circle", "diamond", "square", "triangle", "star", "cross")


def comparison_markdown(runs: Sequence[Run]) -> str:
    """The table, the sentences and what to know first."""
    head = ["", *(run.name for run in runs)]
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * len(runs) + "|"]
    lines += [
        "| " + " | ".join(cell.replace("|", "\\|") for cell in (name, *cells)) + " |" for name, cells in rows(runs)
    ]
    parts = ["# " + title(runs), *(f"> {caveat}" for caveat in caveats(runs)), "\n".join(lines)]
    return "\n\n".join([*parts, *(f"- {sentence}" for sentence in comparisons(runs))]) + "\n"


def comparison_html(runs: Sequence[Run]) -> str:
    """The same as a page, with the curves."""
    warned = "".join(f'<p class="caveat">{escape(caveat)}</p>' for caveat in caveats(runs))
    said = "".join(f"<li>{escape(sentence)}</li>" for sentence in comparisons(runs))
    head = "".join(f'<th scope="col" class="number">{escape(run.name)}</th>' for run in runs)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(f'<td class="number">{escape(cell)}</td>' for cell in cells)
        + "</tr>"
        for name, cells in rows(runs)
    )
    shown = f'<table class="facts"><thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>'
    sections = [f'<section>{warned}<ul class="doubts">{said}</ul><div class="scroll">{shown}</div></section>\n']
    curves = wer_curves(runs)
    if curves is not None:
        sections.append(f'<section><h2>Figures</h2><div class="figures">{figure(curves)}</div></section>\n')
    return page(title(runs), sections)


def title(runs: Sequence[Run]) -> str:
    return " and ".join(run.name for run in runs)


def caveats(runs: Sequence[Run]) -> list[str]:
    """What a reader must know first, with the run that it holds of."""
    return [f"{run.name}: {caveat}" for run in runs for caveat in run.caveats]


def wer_curves(runs: Sequence[Run]) -> Figure | None:
    """WER over clips trained on; over steps where some run does not say how many clips those were."""
    histories = [[row for row in run.told["history"] if row.get("eval_wer") is not None] for run in runs]
    drawn = [(run, history) for run, history in zip(runs, histories, strict=True) if history]
    if not drawn:
        return None
    clock = "examples_seen" if all("examples_seen" in row for _, history in drawn for row in history) else "step"
    curves = [(run, [(row.get(clock) or 0, row["eval_wer"]) for row in history]) for run, history in drawn]
    x = spanning([at for _, points in curves for at, _ in points], start=LEFT, end=WIDTH - RIGHT, from_zero=True)
    y = spanning([wer for _, points in curves for _, wer in points], start=HEIGHT - BOTTOM, end=TOP)
    parts = [axes(x, y, x_label="clips trained on" if clock == "examples_seen" else "optimizer steps", y_label="WER")]
    key = []
    for number, (run, points) in enumerate(curves):
        kind, shape = f"run{number % len(_SHAPES)}", _SHAPES[number % len(_SHAPES)]
        parts.append(line([(x.at(at), y.at(wer)) for at, wer in points], kind=kind))
        parts += [
            mark(shape, x.at(at), y.at(wer), kind=kind, tip=f"{run.name}\n{at} {clock}\nWER {wer:.3f}")
            for at, wer in points
        ]
        key.append(
            (f'<svg class="key" viewBox="0 0 18 14" aria-hidden="true">{mark(shape, 9, 7, kind=kind)}</svg>', run.name)
        )
    caption = "A study stands for its best trial."
    svg = drawing(parts, label="WER of each run as it went")
    return Figure(title="Learning curves", caption=caption, svg=svg, key=key)
