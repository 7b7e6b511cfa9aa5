"""The quota: how many requests may be at the API at once, by what is set and by what it has refused.

The API counts a request from its create until it was processed, and refuses a batch for which there is no
room with a 429; how much room there is, it tells nowhere. So a refusal teaches: with as many requests there
as there were, there was no room for more. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from batchbox.domain.priorities import Priority
from batchbox.domain.states import UNANSWERED, PartState

THERE = UNANSWERED | {PartState.COMMITTED}  # parts whose requests are at the API, or may be
FORGOTTEN = 3600.0  # seconds after the last refusal: the account may have been given more since
GROWTH = 10  # a tenth of what was accepted: each try that is refused is an upload in vain
LOW_SHARE = 0.75  # of the room: the rest is left to those that are not low


@dataclass(frozen=True, slots=True)
class LearnedLimit:
    """What a refusal has taught: no more than *limit* requests, until *until* (monotonic seconds)."""

    limit: int
    until: float

    def grown(self, accepted: int, there: int) -> "LearnedLimit":
        """Return what is left of it after a batch of *accepted* requests was taken; *there*: with them."""
        return replace(self, limit=max(self.limit + max(1, accepted // GROWTH), there))


def learn(before: LearnedLimit | None, in_flight: int, now: float) -> LearnedLimit | None:
    """Return what a refusal teaches. With nothing of ours there, it was about somebody else's requests."""
    return LearnedLimit(in_flight, now + FORGOTTEN) if in_flight else before


@dataclass(frozen=True, slots=True)
class Quota:
    """How many requests may be there, None if nothing is known; and how many of each queue's are."""

    limit: int | None = None
    in_flight: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many requests of all queues are there."""
        return sum(self.in_flight.values())

    def of(self, queue: str) -> int:
        """Return how many requests of *queue* are there."""
        return self.in_flight.get(queue, 0)

    def admits(self, requests: int, priority: Priority) -> bool:
        """Say whether a part of so many requests may go out now; if nothing is there, it may."""
        if self.limit is None or not self.total:
            return True
        return self.total + requests <= share_of(self.limit, priority)


def share_of(limit: int, priority: Priority) -> int:
    """Return how much of the room files of that priority may use."""
    return max(1, int(limit * LOW_SHARE)) if priority is Priority.LOW else limit
