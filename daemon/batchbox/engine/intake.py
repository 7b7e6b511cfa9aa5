"""Intake: which files in the inbox are to be taken now, and why the others have to wait."""

from dataclasses import dataclass

import structlog

from batchbox.core.backoff import Backoff
from batchbox.core.names import show
from batchbox.core.settle import Finding, Incoming, Obstacle, Sightings, judge
from batchbox.engine.context import Context

ROOM_FACTOR = 3  # a file, its bodies, and rows of about their size

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Waiting:
    """A file that stays in the inbox for now."""

    incoming: Incoming
    obstacle: Obstacle


class Intake:
    """Looks at the inbox; remembers what it saw."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._rules = ctx.settings.settle_rules()
        self._sightings = Sightings()
        self._told: set[tuple[str, bytes, str]] = set()
        self._failures: dict[tuple[str, bytes], Backoff] = {}
        self.waiting: tuple[Waiting, ...] = ()

    def look(self, now: float, room_for: int, at_once: int) -> list[Incoming]:
        """Scan; return what to take now, oldest first, and keep why the rest waits.

        *room_for*: how many jobs there is room for; *at_once*: how many to return at most.
        """
        seen = self._ctx.spool.scan()
        self._sightings.update(seen, now)
        places = {incoming.place for incoming in seen}
        self._failures = {place: one for place, one in self._failures.items() if place in places}
        ready: list[Incoming] = []
        waiting: list[Waiting] = []
        free = self._ctx.spool.free_bytes() - self._ctx.settings.reserve_bytes
        for incoming in seen:
            obstacle: Obstacle | None
            if room_for > len(ready) >= at_once:
                obstacle = Obstacle("is about to be taken", passing=True)
            else:
                obstacle = self._judge(incoming, now, free, room_for - len(ready))
            if obstacle:
                waiting.append(Waiting(incoming, obstacle))
            else:
                free -= incoming.size * ROOM_FACTOR
                ready.append(incoming)
        self.waiting = tuple(waiting)
        self._tell()
        return ready

    def _judge(self, incoming: Incoming, now: float, free: int, room: int) -> Obstacle | None:
        if incoming.obstacle:
            return incoming.obstacle
        failure = self._failures.get(incoming.place)
        if failure and not failure.is_open(now):
            return Obstacle(failure.problem, failure.fix)
        quiet = self._sightings.quiet_for(incoming, now)
        if quiet < self._rules.quiet:
            return Obstacle("has just changed", passing=True)
        if room <= 0:
            return Obstacle("waits for its turn: as many jobs as max_jobs allows are under way")
        if incoming.size * ROOM_FACTOR > free:
            return Obstacle(
                f"needs more room than is left (it has {incoming.size:,} bytes, and takes "
                f"{ROOM_FACTOR} times that; {max(free, 0):,} are free)",
                "make room on the disk, or split the file; it is taken as soon as there is room",
            )
        finding: Finding = self._ctx.spool.examine(incoming)
        return judge(incoming, finding, quiet, self._rules)

    def note_failure(self, incoming: Incoming, problem: str, fix: str, now: float) -> None:
        """Keep why *incoming* could not be taken, and leave it alone for a while."""
        before = self._failures.get(incoming.place, Backoff())
        self._failures[incoming.place] = before.failed(now, problem, fix)

    def _tell(self) -> None:
        """Log each obstacle once for as long as it stands."""
        standing = set()
        for waiting in self.waiting:
            incoming, obstacle = waiting.incoming, waiting.obstacle
            if obstacle.passing:
                continue
            key = (*incoming.place, obstacle.problem.split("(")[0])
            standing.add(key)
            if key not in self._told:
                facts = {"file": show(incoming.name), "queue": incoming.queue, "fix": obstacle.fix}
                log.warning("file.waiting", problem=obstacle.problem, **facts)
        self._told = standing

    @property
    def is_settling(self) -> bool:
        """Say whether a file will be taken within moments."""
        return any(waiting.obstacle.passing for waiting in self.waiting)
