"""Cells: what may stand in a table that a person opens in a spreadsheet.

A spreadsheet takes a cell that begins with = + - or @ for a formula, also in CSV, also within quotes: a list
of points becomes an error, and what a model was talked into writing may fetch a page or start a program
(https://owasp.org/www-community/attacks/CSV_Injection). What a model wrote gets an apostrophe before it
there; what the producer wrote stays as it was.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import count

OURS = ("status", "text", "stop_reason", "error")  # the columns that hold what came of a row
BEGINNINGS = tuple("=+-@\t\r\uff1d\uff0b\uff0d\uff20")  # the wide ones are the same to some
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*(e[+-]?\d+)?\s*%?", re.IGNORECASE | re.ASCII)


def guard(text: str) -> str:
    """Return *text* with an apostrophe before it, if a spreadsheet would take it for a formula."""
    if not text.startswith(BEGINNINGS) or NUMBER.fullmatch(text):
        return text
    return f"'{text}"


def name_columns(wanted: Iterable[str], taken: Iterable[str]) -> list[str]:
    """Return a name for each *wanted* column: `text`, or if that is taken `answer_text`, `answer_text_2`."""
    used = {name.casefold() for name in taken}
    return [next(name for name in _choices(one) if name.casefold() not in used) for one in wanted]


def _choices(name: str) -> Iterator[str]:
    yield name
    yield f"answer_{name}"
    yield from (f"answer_{name}_{turn}" for turn in count(2))


def is_ours(names: Sequence[str]) -> bool:
    """Say whether *names* are those of our columns, as they are or as they give way to others."""
    found = [re.fullmatch(rf"(answer_)?{ours}(_\d+)?", name) for ours, name in zip(OURS, names, strict=False)]
    return len(names) == len(OURS) and all(found)


class CellWriter:
    """Writes rows of a table, between *delimiter*, each ending in LF."""

    def __init__(self, delimiter: str) -> None:
        self._text = io.StringIO()
        # both bytes of the end are quoted within a cell for being named here
        self._writer = csv.writer(self._text, delimiter=delimiter, lineterminator="\r\n")

    def write(self, cells: Iterable[str]) -> bytes:
        """Return a row."""
        self._text.seek(0)
        self._text.truncate()
        self._writer.writerow(cells)
        return self._text.getvalue()[:-2].encode() + b"\n"
