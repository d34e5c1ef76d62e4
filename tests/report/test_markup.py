"""What a report shows is text: neither Markdown nor a terminal takes a value for markup of its own."""

from raytrain.report.pages import _markdown_text
from raytrain.terminal import printable


def test_markdown_shows_html_links_code_and_pipes_as_they_were_said() -> None:
    said = "<img src=x> a\\|b `c` ![d](http://e) &lt;"
    assert _markdown_text(said) == r"&lt;img src=x> a\\\|b \`c\` !\[d](http://e) &amp;lt;"


def test_a_line_break_and_an_escape_code_end_no_cell() -> None:
    assert _markdown_text("a\n\nb\x1b[31m") == r"a b\\x1b\[31m"


def test_lines_stay_lines_and_all_else_that_steers_is_escaped() -> None:
    assert printable("× − …\na\tb\x1b\udcff") == "× − …\na\\tb\\x1b\\udcff"
