"""The reports of a study: from its files alone, the same bytes every time, with nothing fetched."""

import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from browser import Seen, look_at
from making import config, record
from studies import SPACE, made_study

from raytrain.errors import InputError
from raytrain.report.answers import answers
from raytrain.report.figures.catalogue import FIGURES
from raytrain.report.statements import cost, facts, warnings
from raytrain.report.table import trial_table
from raytrain.report.write import write_report
from raytrain.results.description import Description, read_description
from raytrain.results.ledger import Ledger
from raytrain.results.records import Outcome
from raytrain.results.study_results import load_study, outcomes


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty trials and their reports, with something to show in every figure."""
    folder = made_study(
        tmp_path_factory.mktemp("results") / "2026-01-01_small_full", trials=20, sources=("home", "school|yard")
    )
    (folder / "importance.json").write_text('{"training.batch_size": 0.2, "training.learning_rate": 0.8}')
    write_report(folder)
    return folder


class Page(HTMLParser):
    """What a page consists of, and whether its tags close in order."""

    EMPTY = frozenset({"meta", "link", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.open += [tag] * (tag not in self.EMPTY)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_both_reports_are_the_same_bytes_when_made_twice(study: Path) -> None:
    before = {name: (study / name).read_bytes() for name in ("report.md", "report.html")}
    write_report(study)
    assert {name: (study / name).read_bytes() for name in before} == before


def test_a_report_answers_what_a_person_asks_in_that_order_and_then_shows_what_it_rests_on(study: Path) -> None:
    text, page = (study / "report.md").read_text(), (study / "report.html").read_text()
    told = answers(load_study(study))
    asked = ["Did it help?", told.helped, "Which configuration?", told.which, "How sure?", told.how_sure]
    asked += ["At what cost?", told.costs, "What now?", told.next.words, told.next.command]
    detail = ["Where the best trial errs most", "How trials ended", "Hours spent", "Other commands", "Provenance"]
    headings = ["Trials", "The best trial and the baseline", *detail]
    assert_in_order(text, ["The data are synthetic", *asked, *(f"## {heading}" for heading in headings)])
    shown = [escape(part, quote=False).replace("'", "&#39;") for part in asked]
    titles = [f"<h2>{heading}</h2>" for heading in ["Trials", "Figures", *headings[1:]]]
    assert_in_order(re.sub("</?span>", "", page), ["The data are synthetic", *shown, *titles])


def assert_in_order(text: str, parts: list[str]) -> None:
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_a_study_without_a_gpu_tells_of_no_gpu_s_memory(tmp_path: Path) -> None:
    Description(baseline_name="a", baseline=config(), space_name="b", space=SPACE).write(tmp_path)
    taken = {"peak_memory_resident_gib": 3.0, "predicted_memory_gib": 5.0}
    Ledger(tmp_path).append(record(0, eval_wer=0.3, **taken))
    Ledger(tmp_path).append(record(1, eval_wer=0.2, **taken))
    write_report(tmp_path)
    pages = [(tmp_path / name).read_text() for name in ("report.html", "report.md")]
    assert not any("predicted" in page for page in pages)
    assert "memory 3.00 GiB" in pages[0]


def test_on_a_gpu_the_memory_predicted_stands_beside_the_measured_one(study: Path) -> None:
    assert "predicted GPU memory, GiB" in [fact.name for fact in facts(load_study(study))]
    assert re.search(r"memory \d\.\d\d GiB, predicted \d\.\d\d", (study / "report.html").read_text())


def test_what_is_true_or_false_of_the_data_is_told_in_words_alone(study: Path) -> None:
    for name in ("report.html", "report.md"):
        page = (study / name).read_text()
        assert not re.search(r"True|False", page)
        assert "The data are synthetic" in page


def test_the_best_trial_stands_under_best_and_the_baseline_under_baseline(tmp_path: Path) -> None:
    Description(baseline_name="a", baseline=config(), space_name="b", space=SPACE).write(tmp_path)
    Ledger(tmp_path).append(record(0, eval_wer=0.3))
    Ledger(tmp_path).append(record(1, eval_wer=0.2))
    write_report(tmp_path)
    table = (tmp_path / "report.html").read_text().partition('<table class="facts">')[2].partition("</table>")[0]
    heads = re.findall(r'<th scope="col" class="number">(.*?)</th>', table)
    cells = re.findall("<td.*?>(.*?)</td>", table.partition('<th scope="row">WER</th>')[2].partition("</tr>")[0])
    assert dict(zip(heads, cells, strict=True)) == {"best": "0.200", "baseline": "0.300", "difference": "−0.100"}
    text = (tmp_path / "report.md").read_text()
    assert "|  | best | baseline | difference |\n|---|---:|---:|---:|\n" in text
    assert "| WER | 0.200 | 0.300 | −0.100 |\n" in text


def test_the_markdown_sets_the_best_row_bold_and_numbers_flush_right(tmp_path: Path) -> None:
    Description(baseline_name="a", baseline=config(), space_name="b", space=SPACE).write(tmp_path)
    Ledger(tmp_path).append(record(0, eval_wer=0.3))
    Ledger(tmp_path).append(record(1, eval_wer=0.2, config=config(8, 5, 1.6e-5), effective_batch_size=40))
    write_report(tmp_path)
    lines = (tmp_path / "report.md").read_text().partition("## Trials")[2].splitlines()
    assert lines[5].startswith("|---:|---:|---:|---:|")
    assert lines[5].endswith("|---|")
    assert lines[6].startswith("| 0 (baseline) | 0.300 | 12 × 3 = 36 |")
    assert lines[7].startswith("| **1 (best)** | **0.200** | **8 × 5 = 40** |")


def test_the_markdown_says_what_mattered_and_how_the_hardware_was_used(study: Path) -> None:
    text = (study / "report.md").read_text()
    assert "- learning rate: 80 %\n- batch size: 20 %" in text
    assert re.search(r"GPU-hours, .*\. Memory predicted over measured: .* cards that trials held", text)


def test_error_rates_on_further_sets_stand_beside_those_of_the_weights_as_they_came(study: Path) -> None:
    loaded = load_study(study)
    also = {0: {"adult": 0.08}, 1: {"adult": 0.11}}
    records = [replace(one, also=also.get(one.number, {})) for one in loaded.records]
    records[0] = replace(
        records[0], over={"also.adult": 0.01}, history=[{"step": 0, "also": {"adult": 0.066}}, *records[0].history]
    )
    told = replace(loaded, records=records, verdict=replace(loaded.verdict, best=records[1], baseline=records[0]))
    names = {fact.name: (fact.best, fact.baseline) for fact in facts(told)}
    assert names["WER, adult"] == ("0.110", "0.080")
    assert names["WER, adult, before training"] == ("0.066", "0.066")
    assert "WER adult" in trial_table(told).headings
    assert "The baseline itself breaks keep.also.adult; no trial that does can be the best." in warnings(told)


def test_wer_is_told_by_manifest_where_there_are_several(study: Path) -> None:
    loaded = load_study(study)
    assert loaded.best is not None
    told = {name: f"{wer:.3f}" for name, wer in loaded.best.wer_by_source.items()}
    text = (study / "report.md").read_text()
    assert f"| WER, home | {told['home']} |" in text
    assert f"| WER, school\\|yard | {told['school|yard']} |" in text
    header = next(line for line in text.splitlines() if line.startswith("| trial |"))
    assert " WER 12+ | WER home | WER school\\|yard | peak memory GiB |" in header
    assert "WER by manifest" in (study / "report.html").read_text()


def test_the_page_is_whole_and_asks_for_nothing(study: Path) -> None:
    page = (study / "report.html").read_text()
    read = Page(page)
    assert read.open == []
    assert [value for _, name, value in read.attributes if name in ("src", "href", "action")] == ["data:,"]
    assert not re.search(r"https?://|url\(|@import", page)


def test_every_figure_of_a_full_study_is_there_with_marks(study: Path) -> None:
    plots = re.findall(r'<div class="plot">(.*?)</div>', (study / "report.html").read_text(), re.DOTALL)
    assert len(plots) == len(FIGURES)
    assert all(re.search(r'class="(mark|line|bar)', plot) for plot in plots)


def test_the_table_can_be_sorted_by_number(study: Path) -> None:
    page = (study / "report.html").read_text()
    assert page.count('<button type="button">') == 13
    assert '<td class=number data-value="36">12 × 3 = 36</td>' in page


def test_text_from_outside_is_only_ever_text(tmp_path: Path) -> None:
    folder = made_study(tmp_path / "study", trials=4)
    Ledger(folder).append(record(9, outcome=Outcome.FAILED, reason="<script>alert('x')</script> & | more"))
    path = folder / "trials" / "0" / "utterances.jsonl"
    path.write_text(path.read_text().replace('"hypothesis": "', '"hypothesis": "<b>&</b> ').replace(': "u', ': "<i>u'))
    write_report(folder)
    page, text = (folder / "report.html").read_text(), (folder / "report.md").read_text()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "&lt;i&gt;u" in page
    assert Page(page).open == []
    assert "&lt;script>alert('x')&lt;/script> &amp; \\| more" in text
    assert "&lt;i>u" in text
    assert not re.search(r"<[a-z/]", text)


def test_a_study_without_a_finished_trial_has_a_report(tmp_path: Path) -> None:
    folder = made_study(tmp_path / "study", trials=1)
    (folder / "trials.jsonl").unlink()
    write_report(folder)
    assert "nothing to choose" in (folder / "report.md").read_text()
    assert Page((folder / "report.html").read_text()).open == []


def test_a_study_on_a_cpu_shows_the_process_s_memory(tmp_path: Path) -> None:
    Description(baseline_name="tiny", baseline=config(), space_name="smoke", space=SPACE).write(tmp_path)
    Ledger(tmp_path).append(record(0, eval_wer=0.2, peak_memory_resident_gib=2.5))
    write_report(tmp_path)
    assert "peak memory resident, GiB" in (tmp_path / "report.html").read_text()
    assert "no GPU" in (tmp_path / "report.md").read_text()


def test_random_weights_are_said_first(tmp_path: Path) -> None:
    folder = made_study(tmp_path / "study", trials=3, synthetic=False)
    replace(read_description(folder), baseline=config(pretrained=None)).write(folder)
    write_report(folder)
    assert (folder / "report.md").read_text().splitlines()[2].startswith("> The weights were random")


def test_a_folder_without_a_study_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds neither study\.json nor fit\.json"):
        write_report(tmp_path)


def test_reasons_are_given_once_with_the_trials_they_befell() -> None:
    lost = [record(number, outcome=Outcome.DIVERGED, reason="loss is nan") for number in (3, 5)]
    assert outcomes([record(0), *lost]) == [
        (Outcome.COMPLETED, 1, []),
        (Outcome.DIVERGED, 2, ["trial 3, 5: loss is nan"]),
    ]


def test_the_cost_counts_gpu_shares(tmp_path: Path) -> None:
    Description(baseline_name="a", baseline=config(), space_name="b", space=SPACE).write(tmp_path)
    Ledger(tmp_path).append(record(0, wall_s=7200.0, gpu_fraction=0.25, examples_seen=100))
    assert cost(load_study(tmp_path)) == "1 trial, 2.00 trial-hours, 0.50 GPU-hours, 100 clips trained on."


def test_each_worker_of_a_trial_costs_its_own_share(tmp_path: Path) -> None:
    Description(baseline_name="a", baseline=config(), space_name="b", space=SPACE).write(tmp_path)
    two = config(workers=2)
    Ledger(tmp_path).append(record(0, wall_s=3600.0, gpu_fraction=0.5, config=two))
    assert "1.00 GPU-hours" in cost(load_study(tmp_path))


def test_five_hundred_trials_stay_below_six_megabytes(tmp_path: Path) -> None:
    folder = made_study(tmp_path, trials=500, children=12)
    write_report(folder)
    assert (folder / "report.html").stat().st_size < 6_000_000


QUESTIONS = {
    "page width": "document.documentElement.scrollWidth",
    "figures": "document.querySelectorAll('figure').length",
    "without marks": "[...document.querySelectorAll('.plot svg')]"
    ".filter(s => !s.querySelector('.mark,.line,.bar')).length",
    "unseen": "[...document.querySelectorAll('.plot svg')].filter(s => s.getBoundingClientRect().height < 60).length",
    "smallest text": "Math.min(...[...document.querySelectorAll('.plot svg text')].map(t => "
    "parseFloat(getComputedStyle(t).fontSize) * Math.hypot(t.getScreenCTM().a, t.getScreenCTM().b)))",
    "tip": "(() => { const m = document.querySelector('.mark[data-tip]'); const r = m.getBoundingClientRect(); "
    "m.dispatchEvent(new PointerEvent('pointermove', {bubbles: true, clientX: r.x, clientY: r.y})); "
    "return document.getElementById('tip').hidden ? '' : document.getElementById('tip').textContent; })()",
    "command copied": "(() => { const p = document.querySelector('.command'); getSelection().selectAllChildren(p); "
    "return getSelection().toString(); })()",
    "answered at": "document.querySelector('.asked').getBoundingClientRect().bottom",
    "WER ends at": "document.querySelector('.sortable th:nth-child(2)').getBoundingClientRect().right",
    "second column": "document.querySelector('.sortable th:nth-child(2)').textContent",
    "scrolls and shows no shadow": "[...document.querySelectorAll('*')].filter(e => e.scrollWidth > e.clientWidth + 1"
    " && ['auto', 'scroll'].includes(getComputedStyle(e).overflowX)"
    " && !getComputedStyle(e).backgroundImage.includes('gradient')).length",
    "stretched figures": "[...document.querySelectorAll('figure:not(.wide)')].filter(f => innerWidth > 820 && "
    "f.getBoundingClientRect().width > innerWidth / 2).length",
    "sorted": "(() => { document.querySelectorAll('.sortable button')[1].click(); "
    "return [...document.querySelectorAll('.sortable tbody tr')].map(r => r.cells[1].textContent); })()",
}


@pytest.mark.soak  # starts a browser: seconds a page, and a package that a plain test machine has not
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_works_in_a_real_browser(study: Path, width: int, dark: bool) -> None:
    seen = look_at(study / "report.html", width=width, dark=dark, ask=QUESTIONS)
    assert seen.complaints == []
    assert seen.requests == [(study / "report.html").as_uri()]
    assert seen.answers["page width"] <= width
    assert (seen.answers["figures"], seen.answers["without marks"], seen.answers["unseen"]) == (len(FIGURES), 0, 0)
    assert seen.answers["smallest text"] >= 9
    assert seen.answers["answered at"] <= (900 if width == 1280 else 844)
    assert (seen.answers["second column"], seen.answers["WER ends at"] <= width) == ("WER", True)
    assert (seen.answers["scrolls and shows no shadow"], seen.answers["stretched figures"]) == (0, 0)
    assert seen.answers["tip"].startswith("trial ")
    assert wers(seen) == sorted(wers(seen))


@pytest.mark.soak  # a browser
@pytest.mark.parametrize(("width", "height"), [(1280, 900), (390, 844)])
@pytest.mark.parametrize(("trials", "children"), [(5, 5), (20, 24)])
def test_the_answers_stand_on_the_first_screen(
    tmp_path: Path, width: int, height: int, trials: int, children: int
) -> None:
    """Too few children and one seed make the longest answers: what would tell, and a command of four lines."""
    folder = made_study(tmp_path / "2026-01-01_small_batching", trials=trials, children=children)
    found = read_description(folder)
    asked = found.asked.search.model_copy(update={"trials": 1, "finalists": 0})
    data = {**found.data, "train_children": [f"t{n}" for n in range(30)], "validation_children": ["v"] * children}
    replace(found, space=found.asked.model_copy(update={"search": asked}), data=data).write(folder)
    write_report(folder)
    seen = look_at(folder / "report.html", width=width, dark=False, ask=QUESTIONS)
    assert seen.answers["answered at"] <= height
    assert seen.answers["command copied"] == answers(load_study(folder)).next.command
    assert seen.answers["page width"] <= width


def wers(seen: Seen) -> list[float]:
    """The numbers of the sorted column; dashes stand last."""
    numbers = [text for text in seen.answers["sorted"] if text != "–"]
    assert seen.answers["sorted"][len(numbers) :] == ["–"] * (len(seen.answers["sorted"]) - len(numbers))
    return [float(text) for text in numbers]
