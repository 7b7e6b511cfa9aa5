"""Retention: which finished jobs and refused files are kept no longer. Pure.

By age, one day's worth at each look: a clock that is years ahead costs a day for each hour that it stays so,
the one whose turn was next, and not all there is. By bytes, whatever is beyond the limit, the oldest first:
no clock decides that.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, get_args

Archive = Literal["done", "rejected"]
ARCHIVES: tuple[Archive, ...] = get_args(Archive)


@dataclass(frozen=True, slots=True)
class Kept:
    """A finished job, or a refused file: on which *day* it was put away, and what it takes.

    *place*: where it is, below its folder of the spool.
    """

    archive: Archive
    place: str
    day: date
    queue: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What an archive holds: how many, how many bytes, and of which day the oldest is."""

    count: int
    bytes: int
    oldest: date | None


@dataclass(frozen=True, slots=True)
class Limits:
    """For how long, and how many bytes of it; None is without end."""

    days: int | None = None
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Retention:
    """The limits of one archive. *own*: those of single queues, None in them where *usual* ones hold.

    The usual number of bytes is for all queues together that have no number of their own.
    """

    usual: Limits = Limits()
    own: Mapping[str, Limits] = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Say whether anything is ever to be removed."""
        return any(limits != Limits() for limits in (self.usual, *self.own.values()))

    def days(self, queue: str) -> int | None:
        """Return for how many days what came through *queue* is kept."""
        own = self.own.get(queue, Limits()).days
        return self.usual.days if own is None else own


def sum_up(kept: Iterable[Kept]) -> Totals:
    """Return how much that is."""
    all_of_it = list(kept)
    oldest = min((one.day for one in all_of_it), default=None)
    return Totals(len(all_of_it), sum(one.bytes for one in all_of_it), oldest)


def find_outdated(kept: Iterable[Kept], rules: Retention, today: date) -> list[Kept]:
    """Return what is to be removed now, the oldest first."""
    oldest_first = sorted(kept, key=lambda one: (one.day, one.place))
    gone = {*_outlived(oldest_first, rules.days, today), *_beyond(oldest_first, rules)}
    return [one for one in oldest_first if one in gone]


def _outlived(oldest_first: list[Kept], days: Callable[[str], int | None], today: date) -> Iterable[Kept]:
    """Yield what is too old, of one day."""
    limits = ((one, days(one.queue)) for one in oldest_first)
    due = [one for one, limit in limits if limit is not None and (today - one.day).days > limit]
    return [one for one in due if one.day == due[0].day]


def _beyond(oldest_first: list[Kept], rules: Retention) -> Iterable[Kept]:
    """Yield what is more than there may be."""
    own = {queue: limits.bytes for queue, limits in rules.own.items() if limits.bytes is not None}
    totals: defaultdict[str | None, int] = defaultdict(int)
    for one in reversed(oldest_first):
        group = one.queue if one.queue in own else None
        limit = own.get(one.queue, rules.usual.bytes)
        totals[group] += one.bytes
        if limit is not None and totals[group] > limit:
            yield one
