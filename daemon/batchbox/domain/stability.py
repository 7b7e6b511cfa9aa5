"""When a file in the inbox is taken.

A scan is the truth and our own monotonic clock measures the quiet: a file's time stamps never decide,
because `cp -p` and a wrong clock set them to anything.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from batchbox.domain.file_types import form_of

UNENDED = 5  # times quiet_blind


class Writer(StrEnum):
    """Whether somebody has the file open for writing."""

    NONE = "none"
    SOME = "some"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class WaitReason:
    """Why a file stays in the inbox, for people. *passing*: it may resolve itself within moments.

    *expected*: it belongs to how things go, so no log tells of it.
    """

    problem: str
    fix: str = ""
    passing: bool = False
    expected: bool = False


class InboxFile(NamedTuple):
    """A name in the inbox as a scan saw it. *obstacle*: what it is makes it impossible to take."""

    queue: str
    name: bytes
    inode: int = 0
    size: int = 0
    mtime_ns: int = 0
    ctime_ns: int = 0
    obstacle: WaitReason | None = None

    @property
    def place(self) -> tuple[str, bytes]:
        """Where it lies: its queue and its name."""
        return (self.queue, self.name)


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a look at the open file gave. *obstacle*: it could not be read."""

    writer: Writer = Writer.UNKNOWN
    ends_in_newline: bool = False
    obstacle: WaitReason | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """Seconds of quiet: *quiet* where a writer would be seen, *quiet_blind* where not.

    After *max_settle* a file is taken as it is, complete or not, and judged by its content.
    """

    quiet: float
    quiet_blind: float
    max_settle: float

    @property
    def quiet_unended(self) -> float:
        """Seconds of quiet where neither a writer nor a last newline would be seen."""
        return UNENDED * self.quiet_blind


class Sightings:
    """Remembers since when each file in the inbox has been as it is."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, bytes], tuple[InboxFile, float]] = {}

    def update(self, seen: list[InboxFile], now: float) -> int:
        """Take in a whole scan made at *now*: changed files start over, vanished ones are forgotten.

        Return how many names are new.
        """
        before = self._since
        self._since = {}
        for incoming in seen:
            old = before.get(incoming.place)
            self._since[incoming.place] = old if old and old[0] == incoming else (incoming, now)
        return len(self._since.keys() - before.keys())

    def since(self, incoming: InboxFile) -> float:
        """Return since when *incoming* has been as it is."""
        return self._since[incoming.place][1]


def judge(incoming: InboxFile, finding: Inspection, quiet: float, rules: Rules) -> WaitReason | None:
    """Return why *incoming* has to wait, or None if it is to be taken now."""
    if finding.obstacle:
        return finding.obstacle
    if finding.writer is Writer.SOME:
        return WaitReason("is still open for writing", "it is taken as soon as the writer closes it")
    form = form_of(incoming.name)
    is_endless = bool(form and not form.ends_in_newline)
    blind = rules.quiet_unended if is_endless else rules.quiet_blind
    if quiet < (rules.quiet if finding.writer is Writer.NONE else blind):
        return WaitReason("has just changed", passing=True)
    if (incoming.size and (finding.ends_in_newline or is_endless)) or quiet >= rules.max_settle:
        return None
    left = f"as it is, it is taken and judged after {rules.max_settle:.0f} s without a change"
    if not incoming.size:
        return WaitReason("is empty", f"write one request on each line; {left}")
    return WaitReason("does not end in a newline, so it may not be complete", f"end the last line; {left}")
