"""Health: how things are, for `batchbox status` and whoever else looks.

Written when it changes and every few seconds, never synced: it may be lost at any time.
"""

from contextlib import suppress
from typing import Any

from batchbox.domain.backoff import Backoff
from batchbox.domain.output_names import show
from batchbox.domain.states import UNANSWERED, PartState
from batchbox.domain.timestamps import format_time
from batchbox.engine.admission import Admission, Waiting
from batchbox.engine.state_cache import StateCache
from batchbox.engine.steps.context import Context
from batchbox.engine.steps.progress import Transfer
from batchbox.reports.status_snapshot import StatusSnapshot, summarize
from batchbox.scheduling.deadlines import Deadline
from batchbox.scheduling.quota import Quota
from batchbox.scheduling.retention import Totals

BEAT_SECONDS = 5.0
UNSENT = frozenset({PartState.READY, PartState.PREPARED, PartState.COMMITTED})


class HealthWriter:
    """Puts down the facts that no manifest holds."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._last: dict[str, Any] = {}
        self._next = 0.0
        self._beaten = float("-inf")

    @property
    def due(self) -> float:
        """When the pulse has to beat again at the latest."""
        return self._beaten + self._ctx.pulse.every

    def beat(
        self,
        memory: StateCache,
        intake: Admission,
        flags: frozenset[str],
        offline: tuple[str, str],
        stopping: bool = False,
    ) -> None:
        """Tell whoever watches over us how things are. *offline*: problem and fix of the spool."""
        self._beaten = self._ctx.clock.monotonic()
        jobs, oldest = summarize(memory.manifests())
        troubles = [memory.create] if self._is_stopped(memory) else []
        troubles += [memory.read] if memory.has_part(UNSENT | UNANSWERED) else []
        shared = next(((one.problem, one.fix) for one in troubles if one.problem), ("", ""))
        problem, fix = offline if offline[0] else shared
        condition = StatusSnapshot(
            jobs=jobs,
            oldest=oldest,
            waiting=intake.count_waiting(),
            obstacle=_find_obstacle(intake.waiting(flags)),
            held=self._count_held(),
            flags=flags,
            problem=problem,
            fix=fix,
            offline=bool(offline[0]),
            waiting_since=intake.waiting_since,
            scanned_at=intake.scanned_at,
            at_risk=len(memory.deadlines),
            stopping=stopping,
            requests=dict(memory.flight.by_queue),
            room=self._quota(memory).limit,
        )
        self._ctx.pulse.beat(condition)

    def _count_held(self) -> int:
        with suppress(OSError):
            return len(self._ctx.spool.held())
        return 0

    def report(self, memory: StateCache, intake: Admission, flags: frozenset[str]) -> None:
        """Write them, unless they are as they were a moment ago."""
        now = self._ctx.clock.monotonic()
        facts = {
            "waiting": [_tell(one) for one in intake.waiting(flags) if not one.obstacle.passing],
            "waiting_total": intake.count_waiting(),
            "waiting_by_queue": intake.count_by_queue(),
            "waiting_since": intake.waiting_since or None,
            "flags": sorted(flags),
            "sending": _explain(memory.create) if self._is_stopped(memory) else None,
            "crowded": memory.flight.explain(self._quota(memory)),
            "asking": _explain(memory.read) if memory.has_part(UNSENT | UNANSWERED) else None,
            "deadlines": [_warn(one) for one in memory.deadlines],
            "archives": {name: _count(totals) for name, totals in memory.archives.items()},
            "spent": memory.purse.tell(),
            "jobs": {job: _explain(backoff) for job, backoff in memory.backoffs.items()},
            "commands": {
                _name(one): {"problem": why[0], "fix": why[1]} for one, why in memory.refused.items()
            },
            "transfers": {job: _show(transfer) for job, transfer in self._ctx.transfers.look(now).items()},
        }
        if facts == self._last and now < self._next:
            return
        self._last, self._next = facts, now + BEAT_SECONDS
        owner = self._ctx.spool.lease.taken.owner
        beat = {"time": self._ctx.stamp(), "pid": owner.pid, "host": owner.host}
        with suppress(OSError):  # a full disk must not stop the work that may free it
            self._ctx.spool.report(beat | facts)

    def _quota(self, memory: StateCache) -> Quota:
        return memory.flight.quota(self._ctx.settings.max_queued_requests, self._ctx.clock.monotonic())

    def _is_stopped(self, memory: StateCache) -> bool:
        """Say whether what is to be sent may be in trouble; to wait for room is none: the API is at work."""
        return memory.has_part(UNSENT) and memory.flight.crowded_out is None


def _find_obstacle(waiting: list[Waiting]) -> str:
    return next((one.obstacle.problem for one in waiting if not one.obstacle.passing), "")


def _name(command: str) -> str:
    return show(command.encode(errors="surrogateescape"))


def _tell(waiting: Waiting) -> dict[str, Any]:
    incoming, obstacle = waiting.incoming, waiting.obstacle
    facts = {"file": show(incoming.name), "queue": incoming.queue, "bytes": incoming.size}
    return facts | {"problem": obstacle.problem, "fix": obstacle.fix}


def _show(transfer: Transfer) -> dict[str, Any]:
    facts = {"doing": transfer.doing, "part": transfer.part, "bytes": transfer.done}
    return facts | {"total": transfer.total, "rate": transfer.rate}


def _warn(deadline: Deadline) -> dict[str, Any]:
    facts = {"job": deadline.job, "file": deadline.file, "queue": deadline.queue, "batch": deadline.batch_id}
    facts |= {"problem": deadline.problem, "fix": deadline.fix}
    return facts | {"at": format_time(deadline.at), "urgent": deadline.urgent}


def _count(totals: Totals) -> dict[str, Any]:
    oldest = totals.oldest and totals.oldest.isoformat()
    return {"count": totals.count, "bytes": totals.bytes, "oldest": oldest}


def _explain(backoff: Backoff) -> dict[str, str] | None:
    if not backoff.problem:
        return None
    return {"problem": backoff.problem, "fix": backoff.fix}
