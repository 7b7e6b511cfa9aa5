"""Priorities: which files go out before others.

A file asks for one by its name, before the ending that tells its form: NAME.urgent.jsonl, NAME.low.csv.
"""

from enum import StrEnum

from batchbox.domain.file_types import strip_ending


class Priority(StrEnum):
    """How urgent a file is; the most urgent comes first."""

    URGENT = "urgent"
    NORMAL = "normal"
    LOW = "low"

    @property
    def rank(self) -> int:
        """Return its place in the order: the lower, the sooner."""
        return _RANKS[self]


_RANKS = {priority: rank for rank, priority in enumerate(Priority)}
_ASKED = {b"." + priority.encode(): priority for priority in Priority}


def asked_by(name: bytes) -> Priority | None:
    """Return what a file called *name* asks for, in small letters or large; None if nothing."""
    if not any(word in name.lower() for word in _ASKED):  # nearly all of them, at every scan
        return None
    whole = strip_ending(name.lower()).removesuffix(b".errors")  # corrected and dropped back in
    stem, dot, word = whole.rpartition(b".")
    return _ASKED.get(dot + word) if stem else None


def grant(asked: Priority | None, usual: Priority, highest: Priority) -> Priority:
    """Return what a file gets: what it *asked* for up to the *highest*, or its queue's *usual* one."""
    return usual if asked is None else max(asked, highest, key=lambda one: one.rank)
