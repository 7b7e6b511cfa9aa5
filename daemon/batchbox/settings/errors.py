"""Slips in the settings: what is wrong, where it stands, and what was meant. Pure."""

import difflib
import tomllib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from batchbox.domain.errors import BAD_SETTINGS, Stop

Step = str | int

LONG = 1 << 16  # characters: the loop itself waits while settings are read again


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """One thing that is wrong. *line*: of the file, counted from 1; 0 where there is none."""

    where: str
    line: int
    problem: str
    fix: str

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line else ""
        return f"{self.where}{line}: {self.problem}"


def nearest(name: str, known: Collection[str]) -> str:
    """Return the one of *known* that is most like *name*, empty if none is."""
    return next(iter(difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.5)), "")


class InvalidSettings(Stop):
    """What is wrong with the settings, at least one *slip*; those of a file in the order of its lines.

    *more*: how many more there are.
    """

    def __init__(self, slips: Iterable[SettingProblem], more: int = 0) -> None:
        self.slips = sorted(slips, key=lambda slip: (slip.where, slip.line))
        self.more = more
        if len(self.slips) == 1:
            super().__init__(str(self.slips[0]), self.slips[0].fix, code=BAD_SETTINGS)
            return
        told = "".join(f"\n  {slip}\n    {slip.fix}" for slip in self.slips)
        told += f"\n  and {more:,} more" if more else ""
        problem = f"{len(self.slips) + more:,} mistakes in the settings:{told}"
        super().__init__(problem, "correct them all", code=BAD_SETTINGS)


def find_line(text: str, place: Sequence[Step]) -> int:
    """Return the line of TOML on which what is at *place* begins, or the last step of it that is there.

    0 if there is nothing of it, or the text is no TOML, or too long for it. The parser itself is asked, for
    beginnings of the text: what is there after a line, and was not before, stands there.
    """
    if len(text) > LONG:
        return 0
    lines = text.splitlines(keepends=True)
    whole = _try_parse(text)
    there = [place[:end] for end in range(len(place), 0, -1) if _has(whole, place[:end])]
    if not there:
        return 0
    # it is there after `high` lines, not after `before`; strings and lists span lines in between that cannot
    # be parsed
    before, low, high = 0, 1, len(lines)
    while low < high:
        middle = (low + high) // 2
        heads = ((number, _try_parse("".join(lines[:number]))) for number in range(middle, low - 1, -1))
        number, head = next((found for found in heads if found[1] is not None), (0, None))
        if head is not None and _has(head, there[0]):
            high = number
            continue
        before, low = (before if head is None else number), middle + 1
    return before + 1


def _try_parse(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _has(document: Any, place: Sequence[Step]) -> bool:
    for step in place:
        try:
            document = document[step]
        except (KeyError, IndexError, TypeError):
            return False
    return document is not None
