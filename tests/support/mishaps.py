"""What can go wrong at an operation on the disk or a call of the API."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from tests.support.engine import Killed

CHANGES = frozenset({"mkdir", "rename", "link", "unlink", "rmdir", "chmod", "create", "write", "sync"})
CHANGES |= {"finish"}  # the close of a file that was written
OPENS = frozenset({"create", "open", "scan"})
READS = frozenset({"open", "read", "stat", "scan"})
ALLOCATES = frozenset({"mkdir", "link", "create", "write", "sync", "rename"})
LONGEST_WAITS = 180.0  # of a job that failed often, and of the scan
CALL = "call"  # of the API


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that was asked of the disk or of the API."""

    number: int
    kind: str
    what: str


class Mishap:
    """What goes wrong: nothing."""

    struck = False

    def is_over(self) -> bool:
        """Say whether the program has had the time to hear that all is well again."""
        return True

    def before(self, operation: Operation) -> None:
        """Raise what comes in the place of *operation*."""

    def halves(self, operation: Operation) -> bool:  # noqa: ARG002
        """Say whether only half of a write is done."""
        return False

    def after(self, operation: Operation) -> None:
        """Raise what comes although *operation* was done."""


def count_start(trace: list[Operation]) -> int:
    """Return how many operations there are before the inbox is looked at for the first time."""
    scans = (one.number for one in trace if one.kind == "scan" and one.what.endswith("/inbox"))
    return next(scans)


@dataclass
class Once(Mishap):
    """At one operation: the end of the process, or with *number* an error."""

    at: int
    moment: str  # before, half or after
    number: int | None = None
    struck: bool = False

    def _strike(self, operation: Operation) -> None:
        self.struck = True
        if self.number is None:
            raise Killed
        raise OSError(self.number, os.strerror(self.number), operation.what)

    def before(self, operation: Operation) -> None:
        if operation.number == self.at and self.moment == "before":
            self._strike(operation)

    def halves(self, operation: Operation) -> bool:
        return operation.number == self.at and self.moment == "half"

    def after(self, operation: Operation) -> None:
        if operation.number == self.at and self.moment != "before":
            self._strike(operation)


@dataclass
class ForAnHour(Mishap):
    """From one operation on, all of some *kinds* fail, until an hour has passed on *clock*."""

    at: int
    kinds: frozenset[str]
    number: int
    clock: Callable[[], float]
    name: str = ""  # of the only file that it befalls
    until: float | None = None
    struck: bool = False

    def is_over(self) -> bool:
        return self.until is None or self.clock() > self.until + LONGEST_WAITS

    def before(self, operation: Operation) -> None:
        if self.until is None and operation.number >= self.at:
            self.until = self.clock() + 3600.0
        fits = operation.kind in self.kinds and operation.what.endswith(self.name)
        if self.until is not None and self.clock() < self.until and fits:
            self.struck = True
            raise OSError(self.number, os.strerror(self.number), operation.what)
