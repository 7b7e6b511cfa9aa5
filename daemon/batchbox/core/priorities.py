"""Priorities: which files go out before others."""

from enum import StrEnum


class Priority(StrEnum):
    """How urgent a file is; the most urgent comes first."""

    URGENT = "urgent"
    NORMAL = "normal"
    LOW = "low"

    @property
    def rank(self) -> int:
        """Return its place in the order: the lower, the sooner."""
        return tuple(Priority).index(self)
