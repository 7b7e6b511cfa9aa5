"""The page: what people are told fits into 80 columns and does a terminal no harm.

Names, answers and errors come from outside. An escape sequence in them could move the cursor, hide a line or
worse, a mark for the direction of writing could turn what is read around: each is shown, none is sent.
"""

import json
from collections.abc import Iterator
from typing import Any
from unicodedata import category, east_asian_width

import typer

WIDTH = 80
UNSEEN = ("Mn", "Me")  # marks that are drawn upon the letter before


def printable(text: str) -> str:
    """Return *text* with nothing in it that a terminal would act upon; what is spelled can be read."""
    return text if text.isprintable() else "".join(map(_spell, text))


def _spell(char: str) -> str:
    if char.isprintable():
        return char
    return " " if char.isspace() else char.encode("unicode_escape").decode()


def measure(text: str) -> int:
    """Return how many columns *text* takes: Chinese, Japanese and Korean letters take two."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(char: str) -> int:
    return 2 if east_asian_width(char) in "WF" else int(category(char) not in UNSEEN)


def clip(text: str, columns: int) -> str:
    """Return *text* cut to so many columns, with a mark if anything is missing."""
    text = printable(text)
    return text if measure(text) <= columns else f"{_cut(text, columns - 1)}…"


def _cut(text: str, columns: int) -> str:
    used = 0
    for place, char in enumerate(text):
        used += _columns(char)
        if used > columns:
            return text[:place]
    return text


def pad(text: str, columns: int) -> str:
    """Return *text* in exactly so many columns."""
    short = clip(text, columns)
    return short + " " * (columns - measure(short))


def flow(text: str, lead: str = "  ", hang: str | None = None, columns: int = WIDTH) -> list[str]:
    """Return *text*, if any, after *lead*, on as many lines as it takes. Paths and ids stay whole."""
    lead = printable(lead)
    after = " " * (measure(lead) + 2) if hang is None else hang
    lines: list[str] = []
    line, empty = lead, True
    for word in _pieces(printable(text).split(), columns - measure(after)):
        if not empty and measure(line) + 1 + measure(word) > columns:
            lines.append(line)
            line, empty = after, True
        line += word if empty else f" {word}"
        empty = False
    return lines if empty else [*lines, line]


def _pieces(words: list[str], columns: int) -> Iterator[str]:
    for word in words:
        rest = word
        while measure(rest) > columns and not rest.startswith("/"):
            piece = _cut(rest, columns)
            yield piece
            rest = rest[len(piece) :]
        yield rest


def print_line(line: str = "") -> None:
    """Print one line as it is, but harmless."""
    typer.echo(printable(line))


def print_wrapped(text: str, lead: str = "  ") -> None:
    """Print *text*, if any, after *lead*, on as many lines as it takes."""
    for line in flow(text, lead):
        typer.echo(line)


def print_json(data: Any) -> None:
    """Print *data* for a program, letters as they are; what a terminal would act upon is spelled."""
    text = json.dumps(data, indent=2, ensure_ascii=False)
    typer.echo("\n".join(map(_spell_json, text.split("\n"))))


def _spell_json(line: str) -> str:
    if line.isprintable():
        return line
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)
