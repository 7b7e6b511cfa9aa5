"""Slips in the settings: what is wrong, where it stands, and what was meant. Pure."""

import difflib
import tomllib
from bisect import bisect_left
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
    """Return the line of TOML on which the value at *place* begins, or what exists of *place*.

    0 if nothing of it exists, or if *text* is not TOML or too long.
    """
    whole = _try_parse(text) if len(text) <= LONG else None
    parts = (place[:end] for end in range(len(place), 0, -1))
    found = next((part for part in parts if _has(whole, part)), None)
    if found is None:
        return 0
    lines = text.splitlines(keepends=True)
    # once it exists after a line's statement it exists after all later ones
    return 1 + bisect_left(
        range(len(lines)), True, key=lambda number: _has(_parse_through(lines, number), found)
    )


def _parse_through(lines: Sequence[str], number: int) -> dict[str, Any]:
    """Parse up to the end of the statement that line *number*, from 0, is in; it may span several lines."""
    heads = ("".join(lines[: end + 1]) for end in range(number, len(lines)))
    return next((found for head in heads if (found := _try_parse(head)) is not None), {})


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
