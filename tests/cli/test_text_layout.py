"""The page: 80 columns whatever is in a text, and nothing in it that a terminal would act upon."""

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchbox.cli.text_layout import clip, flow, measure, pad, print_json, printable

NASTY = "\x1b[2J\x1b]0;title\x07\x9b31m\u202egnp.exe\u2066\u200f\x00\r\x08\x7f\udcff"
MARKS = {chr(code) for code in range(sys.maxunicode + 1) if not chr(code).isprintable()} - {" "}


def test_what_a_terminal_acts_upon_is_spelled() -> None:
    """Escape sequences, both kinds of control characters, marks of direction, what is no character."""
    shown = printable(NASTY)
    assert not MARKS & set(shown)
    for spelled in (
        "\\x1b[2J",
        "\\x07",
        "\\x9b31m",
        "\\u202egnp.exe",
        "\\u2066",
        "\\u200f",
        "\\x00",
        "\\udcff",
    ):
        assert spelled in shown


def test_what_can_be_read_stays_as_it_is() -> None:
    """Any language, and blanks as blanks."""
    for text in ("質問 résumé", "вопрос", "🙂", "सवाल"):
        assert printable(text) == text
    assert printable("a\tb\nc\N{NO-BREAK SPACE}d\N{IDEOGRAPHIC SPACE}e") == "a b c d e"


@given(st.text(), st.integers(min_value=8, max_value=80))
def test_nothing_is_wider_than_the_page(text: str, columns: int) -> None:
    """Wrapped, cut or padded, whatever it is; and wrapping loses nothing but blanks."""
    words = [word for word in printable(text).split() if not word.startswith("/")]
    lines = flow(" ".join(words), "  ", columns=columns)
    assert all(measure(line) <= columns for line in lines)
    assert "".join("".join(lines).split()) == "".join(words)
    assert measure(clip(text, columns)) <= columns
    assert measure(pad(text, columns)) == columns
    assert not MARKS & set("".join(lines) + clip(text, columns))


def test_a_path_stays_whole() -> None:
    """It is there to be copied."""
    path = "/srv/" + "x" * 100
    assert flow(f"see {path} for it") == ["  see", f"    {path}", "    for it"]


def test_nothing_is_no_line() -> None:
    """An empty text is not told at all."""
    assert flow("") == flow(" \n") == []


def test_wide_letters_take_two_columns() -> None:
    """As terminals draw them; what is drawn upon a letter takes none."""
    assert [
        measure(text)
        for text in ("ab", "質問", "e\N{COMBINING ACUTE ACCENT}", "\N{FULLWIDTH LATIN SMALL LETTER A}")
    ] == [
        2,
        4,
        1,
        2,
    ]
    assert clip("質問の一覧", 6) == "質問…"
    assert pad("質問の一覧", 6) == "質問… "


def test_json_is_what_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    """A program reads back every character; a terminal that shows it acts upon none."""
    data = {"text": NASTY, "more": ["質問\n", "🙂\U000e0001"]}
    print_json(data)
    shown = capsys.readouterr().out
    assert not (MARKS - {"\n"}) & set(shown)
    assert "質問" in shown
    assert json.loads(shown) == data
