"""The checkup: what `batchbox doctor` finds, one check at a time. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a check comes to. A problem keeps batchbox from its work; a warning may, or makes it slower."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Check:
    """What was found about one thing; *fix*: what it means and what to do, empty if all is well."""

    name: str
    found: str
    fix: str = ""
    verdict: Verdict = Verdict.OK


def warn(name: str, found: str, fix: str) -> Check:
    """Return a warning."""
    return Check(name, found, fix, Verdict.WARNING)


def accuse(name: str, found: str, fix: str) -> Check:
    """Return a problem."""
    return Check(name, found, fix, Verdict.PROBLEM)


def worst(checks: Iterable[Check]) -> Verdict:
    """Return the verdict on all of them together."""
    verdicts = {check.verdict for check in checks}
    return next((one for one in (Verdict.PROBLEM, Verdict.WARNING) if one in verdicts), Verdict.OK)


def count(number: int, noun: str, many: str = "") -> str:
    """Return a number with its noun; *many*: the noun of several, if it is not made by an s."""
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def show_bytes(number: int) -> str:
    """Return a size as people read it."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return f"{number:,} bytes"
