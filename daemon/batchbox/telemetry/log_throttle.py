"""Reminders: what stands in the way is told at once, then ever more rarely, and not at each try."""

import re
from collections.abc import Callable

import structlog
from structlog.typing import EventDict, WrappedLogger

from batchbox.domain.operator_commands import FLAGS
from batchbox.reports.status_snapshot import StatusSnapshot
from batchbox.telemetry.log_events import ENDS, EVENTS

AFTER = (60.0, 600.0, 3600.0, 86400.0)  # seconds since it was told last; the last of them again and again
FORGOTTEN = 900.0  # seconds without it: tries are made more often, so it is over
REMEMBERED = 1000  # troubles at once; more are a flood, and each is told
CHANGING = re.compile(r"\(request [^)]*\)|\d+")  # what differs from one try to the next

log = structlog.get_logger()


class LogThrottle:
    """A step of the log's: drops what has been told a moment ago. *monotonic*: the clock, in seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._troubles: dict[tuple[str, ...], _Trouble] = {}

    def __call__(self, _logger: WrappedLogger, _method: str, facts: EventDict) -> EventDict:
        """Return *facts*, or raise `structlog.DropEvent`; *times* tells how often it came unsaid before."""
        event = str(facts["event"])
        known = EVENTS.get(event)
        if event in ENDS:
            self._forget(ENDS[event])
        if known is None or known.repeats is None:
            return facts
        now = self._monotonic()
        trouble = self._recall((event, *_spell(facts, ("problem", "fix", *known.repeats))), now)
        unsaid = trouble.see(now)
        if unsaid is None:
            raise structlog.DropEvent
        if unsaid > 1:
            facts["times"] = unsaid
        return facts

    def _recall(self, key: tuple[str, ...], now: float) -> "_Trouble":
        # several threads log: what is gone through is a copy
        for one, trouble in list(self._troubles.items()):
            if now - trouble.seen > FORGOTTEN:
                self._troubles.pop(one, None)
        if len(self._troubles) >= REMEMBERED:
            return self._troubles.get(key) or _Trouble(now)
        return self._troubles.setdefault(key, _Trouble(now))

    def _forget(self, events: tuple[str, ...]) -> None:
        for key in list(self._troubles):
            if key[0] in events:
                self._troubles.pop(key, None)


class _Trouble:
    """One that stands: when it was seen last, when it is told next, and how often it came since."""

    def __init__(self, now: float) -> None:
        self.seen = now
        self._due = now
        self._told = 0
        self._unsaid = 0

    def see(self, now: float) -> int | None:
        """Note that it is still there; return how often it was seen since it was told, if it is due."""
        self.seen = now
        self._unsaid += 1
        if now < self._due:
            return None
        self._due = now + AFTER[min(self._told, len(AFTER) - 1)]
        self._told += 1
        unsaid, self._unsaid = self._unsaid, 0
        return unsaid


def _spell(facts: EventDict, keys: tuple[str, ...]) -> list[str]:
    return [
        CHANGING.sub("", str(facts.get(key, ""))) if key == "problem" else str(facts.get(key)) for key in keys
    ]


class Alarms:
    """A pulse: tells of what stands and needs a person, at each beat; `LogThrottle` sees to the pauses."""

    every = 30.0

    def __init__(self) -> None:
        self._last = StatusSnapshot()

    def beat(self, condition: StatusSnapshot) -> None:
        """Log what stands, and what stands no more."""
        if self._last.offline and not condition.offline:
            log.info("spool.online")
        if self._last.held and not condition.held:
            log.info("jobs.none_held")
        if condition.held:
            problem = f"{condition.held} files are held, and wait for a person"
            log.error("jobs.held", jobs=condition.held, problem=problem, fix="batchbox status says why")
        for flag in sorted(condition.flags):
            problem = f"control/{flag} stands: {FLAGS.get(flag, 'batchbox does not know it')}"
            log.warning("flag.stands", flag=flag, problem=problem, fix="remove that file to go on")
        for flag in sorted(self._last.flags - condition.flags):
            log.info("flag.lifted", flag=flag)
        self._last = condition
