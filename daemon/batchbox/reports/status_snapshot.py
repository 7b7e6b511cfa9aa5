"""The condition: how things are at one moment, for those who watch over the daemon. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from batchbox.domain.job import Manifest
from batchbox.domain.states import HELD, JobState, PartState

STAGES = (  # of a job that is running: the first that any of its parts is in
    ("in doubt", {PartState.IN_DOUBT, PartState.CANDIDATES}),
    ("being sent", {PartState.PREPARED, PartState.COMMITTED}),
    ("ready to be sent", {PartState.READY}),
    ("waiting for a batch", {PartState.SUBMITTED}),
    ("waiting for a person", HELD),
)
OTHERWISE = "about to be published"
DOING = {
    JobState.TAKEN: "being checked",
    JobState.PUBLISHING: "being published",
    JobState.DONE: "being archived",
}


def name_stage(state: JobState, parts: Iterable[PartState]) -> str:
    """Say in words where a job is whose parts are in these states."""
    if state is not JobState.RUNNING:
        return DOING[state]
    states = set(parts)
    return next((stage for stage, ones in STAGES if states & ones), OTHERWISE)


@dataclass(frozen=True, slots=True)
class StatusSnapshot:
    """How things are. *jobs*: how many are under way, by stage; *oldest*: when the first of each was taken.

    *waiting*: files in the inbox; *waiting_since*: when the first of them came to be as it is; *obstacle*:
    what keeps the first of them there, if it may not pass by itself in a moment. *held*: jobs that wait for
    a person. *problem* and *fix*: what keeps all of it from going on, if anything does; *offline*: it is
    that the spool is not there. *scanned_at*: when the inbox was looked at last. *at_risk*: jobs whose
    answers the API deletes soon. *stopping*: nothing new is begun, and the daemon ends once what is under
    way has, or soon. *requests*: how many are at the API, by queue; *room*: how many may be, None if that is
    not known.
    """

    jobs: Mapping[str, int] = field(default_factory=dict)
    oldest: Mapping[str, str] = field(default_factory=dict)
    waiting: int = 0
    obstacle: str = ""
    held: int = 0
    flags: frozenset[str] = frozenset()
    problem: str = ""
    fix: str = ""
    offline: bool = False
    waiting_since: str = ""
    scanned_at: str = ""
    at_risk: int = 0
    stopping: bool = False
    requests: Mapping[str, int] = field(default_factory=dict)
    room: int | None = None


class StatusListener(Protocol):
    """Whoever is told how things are, by the deciding thread itself: while it is stuck, nothing is told."""

    every: float  # seconds after which it wants to be told again at the latest

    def beat(self, condition: StatusSnapshot) -> None:
        """Hear how things are."""


class StatusListeners:
    """Several who are told, or nobody."""

    def __init__(self, *members: StatusListener) -> None:
        self._members = members
        self.every = min((member.every for member in members), default=float("inf"))

    def beat(self, condition: StatusSnapshot) -> None:
        """Tell each of them."""
        for member in self._members:
            member.beat(condition)


def summarize(jobs: Iterable[Manifest]) -> tuple[dict[str, int], dict[str, str]]:
    """Return how many jobs are in each stage, and when the oldest of them was taken."""
    counts: Counter[str] = Counter()
    oldest: dict[str, str] = {}
    for job in jobs:
        stage = name_stage(job.state, (part.state for part in job.parts))
        counts[stage] += 1
        oldest[stage] = min(oldest.get(stage, job.taken_at), job.taken_at)
    return dict(counts), oldest
