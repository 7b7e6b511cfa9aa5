"""Turns: in which order what is due is begun, so that no queue waits for another one's flood.

What takes no time goes at once. Of the rest the more urgent files go first; then the queue with the fewest
transfers under way, of several the one whose last turn is the longest ago; and within a queue what brings
rows home goes before what sends new ones, the oldest file first.

One part is sent at a time, and which is next is told for all queues together: an urgent one; then, where
the API takes only so many requests, that of the queue with the fewest there; then that of the queue whose
last turn is the longest ago. It waits for room if it has to, and all others behind it; it stays the next
until it is sent, and a queue that comes anew begins behind those that wait: so a large part is not passed
by small ones for ever. Only what is more urgent passes; and what has just failed lets all others try first.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from batchbox.domain.job import JobId, Manifest
from batchbox.scheduling.actions import Collect, Ingest, JobAction, Look, Prove, Publish, Risky, Submit

if TYPE_CHECKING:  # which is made of this
    from batchbox.scheduling.view import View

LONG = frozenset({Publish, Collect, Prove, Look, Submit, Ingest})
RISKY = frozenset(Risky.__args__)


class Lane(NamedTuple):
    """Where an action waits: with those of its *kind*, of as urgent files, of its queue.

    *rank* is that of the kind, *priority* that of the file: the lower, the sooner. *is_resting*: it has
    failed a moment ago for a cause that may not be its own, so that all others try before it.
    """

    rank: int
    priority: int
    queue: str
    kind: type
    is_resting: bool = False


Age = tuple[str, int, JobId]  # when a file was taken, to the second; of what time it is; its job


def age_of(job: Manifest) -> Age:
    """Return what tells an older file, the lesser, from a younger one."""
    return (job.taken_at, job.source.mtime_ns, job.job)


class Lanes:
    """What is due, at most one action a job, in each lane that of the oldest file first."""

    def __init__(self, due: Iterable[tuple[Lane, Age, JobAction]] = ()) -> None:
        self._due = {action.job: (lane, age, action) for lane, age, action in due}
        self._ages: dict[Lane, list[Age]] = {}
        for lane, age, _ in self._due.values():
            self._ages.setdefault(lane, []).append(age)
        for ages in self._ages.values():
            ages.sort()

    def __iter__(self) -> Iterator[Lane]:
        """Yield the lanes in which something waits."""
        return iter(self._ages)

    def put(self, lane: Lane, age: Age, action: JobAction) -> None:
        """Add what is due for a job that has nothing in any lane."""
        self._due[action.job] = (lane, age, action)
        insort(self._ages.setdefault(lane, []), age)

    def drop(self, job: JobId) -> None:
        """Forget what is due for *job*, if anything is."""
        if job not in self._due:
            return
        lane, age, _ = self._due.pop(job)
        ages = self._ages[lane]
        del ages[bisect_left(ages, age)]
        if not ages:
            del self._ages[lane]

    def at(self, lane: Lane, place: int = 0) -> JobAction | None:
        """Return the action at that place of the lane, None beyond its end."""
        ages = self._ages[lane]
        return self._due[ages[place][-1]][-1] if place < len(ages) else None

    def of(self, jobs: AbstractSet[JobId]) -> list[JobAction]:
        """Return what is due for *jobs*, the most urgent first."""
        found = [self._due[job] for job in jobs if job in self._due]
        return [action for lane, age, action in sorted(found, key=lambda one: (one[0].rank, one[1]))]


@dataclass(slots=True)
class Turns:
    """When each queue had its last turn at all, and its last turn to send; the higher, the later.

    *next*: for each priority the queue whose part waits for room, and keeps its place until it is sent.
    """

    all: dict[str, int] = field(default_factory=dict)
    sending: dict[str, int] = field(default_factory=dict)
    next: dict[int, str] = field(default_factory=dict)
    number: int = 0

    def note(self, lane: Lane) -> None:
        """Take down a turn."""
        self.number += 1
        self.all[lane.queue] = self.number
        if lane.kind is Submit:
            self.sending[lane.queue] = self.number
            if self.is_next(lane):
                del self.next[lane.priority]

    def is_next(self, lane: Lane) -> bool:
        """Say whether a part of that lane was told to be the next of its priority, and did not fit."""
        return self.next.get(lane.priority) == lane.queue

    def begin(self, queue: str) -> None:
        """Know *queue* from now on: it begins behind all that wait, or ever new ones would pass them."""
        self.all.setdefault(queue, self.number)
        self.sending.setdefault(queue, self.number)

    def keep(self, queues: Collection[str]) -> None:
        """Forget all but *queues*: anybody who may make a folder may make up a queue."""
        self.all = {queue: self.all.get(queue, self.number) for queue in queues}
        self.sending = {queue: self.sending.get(queue, self.number) for queue in queues}

    def copy(self) -> "Turns":
        """Return the same, to go on with on trial."""
        return Turns(dict(self.all), dict(self.sending), dict(self.next), self.number)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is to be begun now, in order, and the part that has to wait for room at the API, if one has."""

    actions: list[JobAction]
    crowded_out: Submit | None = None


def choose(view: "View", lanes: Lanes, turns: Turns) -> Choice:
    """Return what may be begun now: as many transfers as there are slots, one submission."""
    part, crowded_out = None, None
    if not view.submitting and view.slots > 0:
        part = _next_part(view, lanes, turns)
        if part and not _has_room(view, lanes, part):
            head = lanes.at(part)
            part, crowded_out = None, head if isinstance(head, Submit) else None
    suspects = [one for one in lanes.of(view.suspects) if isinstance(one, Risky)] if view.suspects else []
    # a suspect's risky step runs alone, so that no other is blamed for its end
    is_alone = bool(suspects or view.suspects & view.risky)
    kept_back = RISKY if is_alone else frozenset()
    open_lanes = [lane for lane in lanes if lane == part or lane.kind not in {Submit, *kept_back}]
    chosen = _take_turns(view, lanes, turns.copy(), open_lanes)
    if suspects and not view.risky and len(chosen) < view.slots:
        chosen.append(suspects[0])
    return Choice(chosen, crowded_out)


def _next_part(view: "View", lanes: Lanes, turns: Turns) -> Lane | None:
    """Return the lane whose first part goes out before all others."""

    def key(lane: Lane) -> tuple[bool, int, bool, int, int, JobId]:
        head = lanes.at(lane)
        there = view.quota.of(lane.queue) if view.quota.limit is not None else 0
        return (
            lane.is_resting,
            lane.priority,
            not turns.is_next(lane),
            there,
            turns.sending.get(lane.queue, 0),
            head.job if head else "",
        )

    return min((lane for lane in lanes if lane.kind is Submit), key=key, default=None)


def _has_room(view: "View", lanes: Lanes, lane: Lane) -> bool:
    head = lanes.at(lane)
    job = view.jobs.get(head.job) if head else None
    if not isinstance(head, Submit) or job is None:
        return True  # what is not there any more is seen to be so when it is to be begun
    requests = next((part.requests for part in job.parts if part.key == head.part), 0)
    return view.quota.admits(requests, job.priority)


def _take_turns(view: "View", lanes: Lanes, turns: Turns, open_lanes: list[Lane]) -> list[JobAction]:
    load = Counter(view.jobs[job].source.queue for job in view.busy if job in view.jobs)
    places = dict.fromkeys(open_lanes, 0)

    def key(lane: Lane) -> tuple[int, bool, int, int, int, int, JobId]:
        head = lanes.at(lane, places[lane])
        job = head.job if head else ""
        if lane.kind not in LONG:
            return (0, False, 0, 0, 0, lane.rank, job)
        last = turns.all.get(lane.queue, 0)
        return (1, lane.is_resting, lane.priority, load[lane.queue], last, lane.rank, job)

    chosen: list[JobAction] = []
    while places and len(chosen) < view.slots:
        lane = min(places, key=key)
        action = lanes.at(lane, places[lane])
        if action is None:
            del places[lane]
            continue
        chosen.append(action)
        places[lane] += 1
        load[lane.queue] += 1
        turns.note(lane)
        if lane.kind is Submit or lanes.at(lane, places[lane]) is None:
            del places[lane]
    return chosen
