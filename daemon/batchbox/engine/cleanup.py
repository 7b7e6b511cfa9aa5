"""Upkeep: once an hour, what was kept long enough is removed, and answers that will be lost soon are told of.

In a thread of its own, one at a time, whatever else goes on: it costs the loop nothing.
"""

import logging
from collections.abc import Callable, Iterable, Iterator

import structlog

from batchbox.domain.errors import BatchboxError, Damaged, Offline, Stop, trace
from batchbox.domain.job import JobId, Manifest
from batchbox.engine.mailbox import CleanedUp, Mailbox
from batchbox.engine.state_cache import StateCache
from batchbox.engine.steps.context import Context
from batchbox.scheduling.deadlines import Deadline, find_deadlines
from batchbox.scheduling.retention import ARCHIVES, Archive, Kept, Totals, find_outdated, sum_up

EVERY = 3600.0
TOLD_AGAIN = 24 * EVERY - 60.0  # the daily look may come a moment early

log = structlog.get_logger()


class Cleanup:
    """Begins a look when it is due, and takes in what came of it."""

    def __init__(
        self, ctx: Context, memory: StateCache, mailbox: Mailbox, start: Callable[[Callable[[], None]], None]
    ) -> None:
        self._ctx = ctx
        self._memory = memory
        self._mailbox = mailbox
        self._start = start
        self._due = float("-inf")
        self._settings = ctx.settings  # as they were at the last look
        self._told: dict[JobId, tuple[float, bool]] = {}  # when, and whether it was urgent then
        self._stuck: set[Kept] = set()
        self.is_busy = False

    def begin(self, is_online: bool, is_paused: bool) -> None:
        """Look if it is due, or settings are new. In a pause nothing is removed: a person said stop."""
        now, settings = self._ctx.clock.monotonic(), self._ctx.settings
        if self.is_busy or (now < self._due and settings is self._settings):
            return
        self.is_busy, self._due, self._settings = True, now + EVERY, settings
        jobs = list(self._memory.manifests())
        self._start(lambda: self._mailbox.put(self._look(jobs, is_online, is_paused)))

    def take_in(self, upkept: CleanedUp) -> None:
        """Remember what was found; tell of answers that will be lost, daily, and hourly once it is urgent."""
        self.is_busy = False
        self._memory.deadlines, self._memory.archives = upkept.deadlines, upkept.archives
        now, before, self._told = self._ctx.clock.monotonic(), self._told, {}
        for one in upkept.deadlines:
            told_at, was_urgent = before.get(one.job, (float("-inf"), False))
            is_due = one.urgent or one.urgent != was_urgent or now - told_at >= TOLD_AGAIN
            self._told[one.job] = (now if is_due else told_at, one.urgent)
            if is_due:
                _tell(one)

    def _look(self, jobs: list[Manifest], is_online: bool, is_paused: bool) -> CleanedUp:
        """Do it; nothing that goes wrong here may keep the loop from hearing of the end."""
        deadlines, archives = list[Deadline](), self._memory.archives
        try:
            held = list(self._read_held()) if is_online else []
            deadlines = find_deadlines(jobs, held, self._ctx.clock.now())
            if is_online and not is_paused:
                archives = {name: totals for name in ARCHIVES if (totals := self._trim(name))}
        except Exception as error:  # noqa: BLE001
            is_bug = not isinstance(error, BatchboxError | OSError)
            facts = {"trace": trace(error), "fix": "please report it"} if is_bug else {}
            problem = type(error).__name__ if is_bug else str(error)
            fix = "nothing waits for it; it is tried again in an hour"
            log.warning("upkeep.failed", **{"problem": problem, "fix": fix} | facts)
        return CleanedUp(deadlines, archives)

    def _read_held(self) -> Iterator[Manifest]:
        """Yield what is in hold/ and can be read."""
        for job in self._ctx.spool.held():
            try:
                stored = self._ctx.spool.load_held(job)
            except (Damaged, Stop, OSError):
                continue
            if stored:
                yield stored.manifest

    def _trim(self, archive: Archive) -> Totals | None:
        """Remove what is outdated; return what is left, None if all is kept for ever."""
        retention, archives = self._ctx.settings.retention(archive), self._ctx.spool.archives
        if not retention:
            return None
        kept = archives.survey(archive)
        candidates = (one for one in kept if one not in self._stuck)
        outdated = find_outdated(candidates, retention, self._ctx.clock.now().date())
        gone: set[Kept] = set()
        tried: list[Kept] = []
        for one in archives.remove(self.while_allowed(outdated, tried)):
            gone.add(one)
            _tell_removed(one)
        archives.clear_up()
        self._tell_stuck([one for one in tried if one not in gone])
        return sum_up(one for one in kept if one not in gone)

    def while_allowed(self, outdated: Iterable[Kept], tried: list[Kept]) -> Iterator[Kept]:
        """Yield them, and note them as tried, until somebody puts up PAUSE."""
        spool = self._ctx.spool
        for one in outdated:
            if not spool.lease.holds(0):
                raise Offline("the spool is not ours any more, so nothing more is removed")
            if "PAUSE" in spool.flags():
                return
            tried.append(one)
            yield one

    def _tell_stuck(self, stuck: list[Kept]) -> None:
        """Leave alone what cannot be removed: else it would stand before younger ones for ever."""
        if stuck:
            places = [f"{one.archive}/{one.place}" for one in stuck]
            problem = f"{len(places)} could not be removed, {places[0]} among them"
            fix = "see whether batchbox's user may do that; it is tried again after the next start"
            log.warning("archive.stuck", problem=problem, fix=fix)
            self._stuck.update(stuck)


def _tell_removed(kept: Kept) -> None:
    facts = {"queue": kept.queue, "bytes": kept.bytes, "day": kept.day.isoformat()}
    name = kept.place.rpartition("/")[2]
    if kept.archive == "done":
        log.info("job.removed", job=name, **facts)
    else:
        log.info("file.removed", file=name, **facts)


def _tell(deadline: Deadline) -> None:
    facts = {"job": deadline.job, "queue": deadline.queue, "batch": deadline.batch_id}
    level = logging.CRITICAL if deadline.urgent else logging.ERROR
    log.log(level, "answers.at_risk", **facts, problem=deadline.problem, fix=deadline.fix)
