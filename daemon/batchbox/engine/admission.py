"""Intake: which files in the inbox are to be taken now, and why the others have to wait.

A scan sees all of them at once; they are then gone through, a few in each turn of the loop, so that an
inbox of many thousands is looked at once a second and keeps nobody waiting. The queues take turns, and
where there are several none takes all the places: jobs may last a day.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

import structlog

from batchbox.domain.backoff import Backoff
from batchbox.domain.output_names import show
from batchbox.domain.stability import InboxFile, Rules, Sightings, WaitReason, judge
from batchbox.domain.timestamps import format_time
from batchbox.engine.steps.context import Context
from batchbox.engine.steps.free_space import ROOM_FACTOR
from batchbox.engine.steps.require_ok import MarkerFiles
from batchbox.scheduling.inbox_order import InboxOrder, has_share

TAKEN_AT_ONCE = 16  # about half a second on a slow disk: the loop stays awake
JUDGED_AT_ONCE = 512
SHOWN = 200
NANO = 1e9
STEP = 0.05  # seconds, until what has to pass is looked at again

AT_ONCE = Rules(0.0, 0.0, 0.0)  # for what is known to be whole
NEXT = WaitReason("is about to be taken", passing=True)
CHANGED = WaitReason("has just changed", passing=True)
CROWDED = WaitReason("waits for its turn: as many jobs as max_jobs allows are under way")
SHARED = WaitReason("waits for its turn: its queue has its share of max_jobs; the rest is left to the others")
FLAGGED = {
    flag: WaitReason(f"waits: nothing is taken while control/{flag} stands", "batchbox resume takes it down")
    for flag in ("PAUSE", "DRAIN")
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that stays in the inbox for now."""

    incoming: InboxFile
    obstacle: WaitReason


class Admission:
    """Looks at the inbox; remembers what it saw."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._rules = ctx.settings.settle_rules()  # as they were at the last scan
        self.companions = MarkerFiles(ctx)
        self._sightings = Sightings()
        self._ahead = InboxOrder()  # seen by the last scan, and not judged yet
        self._turns: dict[str, int] = {}  # when each queue had its last; the higher, the later
        self._turn = 0
        self._known: set[str] = set()  # queues with files, as of the last scan
        self._crowded: frozenset[str] = frozenset()  # queues that have their share of the places
        self._passed: list[Waiting] = []  # judged since the last scan
        self._passed_by = Counter[str]()  # how many of each queue
        self._told: set[tuple[str, bytes, str]] = set()
        self._standing: set[tuple[str, bytes, str]] = set()
        self._failures: dict[tuple[str, bytes], Backoff] = {}
        self._free = 0
        self._room = 0
        self._began = False
        self.is_hinted = False  # by the watcher, since the last scan
        self.scanned_at = ""  # when the last scan was
        self.waiting_since = ""  # when the first of what it found came to be as it is
        self.due = float("inf")  # when something will have become ready that was not

    def scan(self, now: float) -> None:
        """See what is there; begin to go through it."""
        self._rules = self._ctx.settings.settle_rules()
        seen = self._ctx.spool.scan()
        self.companions.update(now)
        self._note_new(self._sightings.update(seen, now))
        self.scanned_at = self._ctx.stamp()
        self.waiting_since = _first_of(seen)
        places = {incoming.place for incoming in seen} if self._failures else set()
        self._failures = {place: one for place, one in self._failures.items() if place in places}
        self._free = self._ctx.spool.free_bytes() - self._ctx.settings.reserve_bytes
        if not self._ahead:
            self._told = self._standing
        self._line_up([incoming for incoming in seen if not incoming.obstacle])
        self._passed, self._passed_by = [], Counter()
        self._standing, self.due = set(), float("inf")
        for incoming in seen:
            if incoming.obstacle:
                self._pass_over(Waiting(incoming, incoming.obstacle), now)

    def _line_up(self, files: list[InboxFile]) -> None:
        self._known = {incoming.queue for incoming in files}
        self._turns = {queue: turn for queue, turn in self._turns.items() if queue in self._known}
        rules = {queue: self._ctx.settings.for_queue(queue) for queue in self._known}
        self._ahead = InboxOrder(
            ((rules[one.queue].priority_of(one.name), one) for one in files), self._turns
        )

    def _note_new(self, count: int) -> None:
        """Log by what new files were found: a watcher that has grown deaf is seen by that alone."""
        by = ("hint" if self.is_hinted else "scan") if self._began else "start"
        self.is_hinted, self._began = False, True
        if count:
            log.debug("files.found", files=count, by=by)

    def pick(self, now: float, room: int, jobs: Mapping[str, int]) -> list[InboxFile]:
        """Return what to take now. *room*: how many jobs there is room for; *jobs*: those of each queue."""
        ready: list[InboxFile] = []
        self._room = room
        taken = Counter(jobs)
        is_shared = len({*self._ctx.settings.queue, *self._known, *jobs}) > 1

        def may_go(queue: str) -> bool:
            return not is_shared or has_share(taken[queue], room - len(ready))

        for _ in range(min(JUDGED_AT_ONCE, len(self._ahead))):
            if len(ready) >= min(room, TAKEN_AT_ONCE):
                break
            incoming = self._ahead.pop(may_go)
            if incoming is None:
                break
            self._turn += 1
            self._turns[incoming.queue] = self._turn
            obstacle = self._judge(incoming, now)
            if obstacle:
                self._pass_over(Waiting(incoming, obstacle), now)
            else:
                self._free -= incoming.size * ROOM_FACTOR
                taken[incoming.queue] += 1
                ready.append(incoming)
        self._room -= len(ready)
        self._crowded = frozenset(queue for queue in self._known if not may_go(queue))
        return ready

    def _judge(self, incoming: InboxFile, now: float) -> WaitReason | None:
        failure = self._failures.get(incoming.place)
        if failure and not failure.is_open(now):
            return WaitReason(failure.problem, failure.fix)
        quiet = now - self._sightings.since(incoming)
        obstacle = self.companions.judge(incoming, quiet, now)
        rules = AT_ONCE if self.companions.is_whole(incoming) else self._rules
        if obstacle or quiet < rules.quiet:
            return obstacle or CHANGED
        if incoming.size * ROOM_FACTOR > self._free:
            return WaitReason(
                f"needs more room than is left (it has {incoming.size:,} bytes, and takes "
                f"{ROOM_FACTOR} times that; {max(self._free, 0):,} are free)",
                "make room on the disk, or split the file; it is taken as soon as there is room",
            )
        return judge(incoming, self._ctx.spool.examine(incoming), quiet, rules)

    def _pass_over(self, waiting: Waiting, now: float, moment: float = 0.0) -> None:
        """Keep why a file has to wait; log that once for as long as it stands."""
        self._passed.append(waiting)
        self._passed_by[waiting.incoming.queue] += 1
        incoming, obstacle = waiting.incoming, waiting.obstacle
        if obstacle.passing:
            self.due = min(self.due, moment or self._moment(incoming, now))
        if obstacle.passing or obstacle.expected:
            return
        key = (*incoming.place, obstacle.problem.split("(")[0])
        self._standing.add(key)
        if key not in self._told:
            self._told.add(key)
            facts = {"file": show(incoming.name), "queue": incoming.queue, "fix": obstacle.fix}
            log.warning("file.waiting", problem=obstacle.problem, **facts)

    def _moment(self, incoming: InboxFile, now: float) -> float:
        """Return when to look again at what has just changed, or was replaced under our eyes."""
        since = self._sightings.since(incoming)
        rules = self._rules
        moments = (since + quiet for quiet in (rules.quiet, rules.quiet_blind, rules.quiet_unended))
        return min((moment for moment in moments if moment > now), default=now + STEP)

    def wait_for(self, companions: Iterable[Waiting], now: float) -> None:
        """Keep why what lies beside the files has to wait, as well."""
        for waiting in companions:
            self._pass_over(waiting, now, moment=now + self._rules.quiet + STEP)

    def note_failure(self, incoming: InboxFile, problem: str, fix: str, now: float) -> None:
        """Keep why *incoming* could not be taken, and leave it alone for a while."""
        before = self._failures.get(incoming.place, Backoff())
        self._failures[incoming.place] = before.failed(now, problem, fix)

    @property
    def is_going_on(self) -> bool:
        """Say whether there is more to judge at once."""
        return self._room > 0 and bool(self._ahead.count().keys() - self._crowded)

    @property
    def is_settling(self) -> bool:
        """Say whether a file will be taken within moments."""
        return self.is_going_on or self.due < float("inf")

    def count_waiting(self) -> int:
        """Return how many files wait."""
        return len(self._passed) + len(self._ahead)

    def count_by_queue(self) -> dict[str, int]:
        """Return how many files of each queue wait."""
        return dict(self._passed_by + self._ahead.count())

    def waiting(self, flags: frozenset[str]) -> list[Waiting]:
        """Return the first files that wait. *flags*: those that stand."""
        flagged = next((FLAGGED[flag] for flag in FLAGGED if flag in flags), None)
        ahead = [Waiting(one, flagged or self._explain_turn(one.queue)) for one in islice(self._ahead, SHOWN)]
        return (self._passed[:SHOWN] + ahead)[:SHOWN]

    def _explain_turn(self, queue: str) -> WaitReason:
        if self._room <= 0:
            return CROWDED
        return SHARED if queue in self._crowded else NEXT


def _first_of(seen: list[InboxFile]) -> str:
    """Return since when the oldest has been as it is, by the time that no `cp -p` can set."""
    times = [incoming.ctime_ns for incoming in seen if incoming.ctime_ns]
    return format_time(datetime.fromtimestamp(min(times) / NANO, UTC)) if times else ""
