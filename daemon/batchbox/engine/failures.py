"""Setbacks: what failed is told, and waits before it is tried again."""

import logging

import structlog

from batchbox.domain.backoff import Backoff
from batchbox.domain.errors import BatchboxError, InDoubt, TryLater, needs_person, trace
from batchbox.domain.job import JobId
from batchbox.engine.state_cache import StateCache

DISK_FIX = "see whether the disk is there and whole, and has room; it is tried again"

RESTING = 600.0  # seconds; the breaker that all share waits for a minute at most

log = structlog.get_logger()


def note_failure(
    memory: StateCache, now: float, error: Exception, job: JobId | None, creating: bool = False
) -> None:
    """Log *error* and let wait what it concerns: sending, asking, or one job."""
    facts = _explain(error)
    level = logging.ERROR if needs_person(facts["fix"]) else logging.WARNING
    more = {} if isinstance(error, BatchboxError | OSError) else {"trace": trace(error)}
    after = error.after if isinstance(error, TryLater) else None
    shared = job is None or isinstance(error, InDoubt) or (isinstance(error, TryLater) and error.shared)
    if shared and creating:
        log.log(level, "sending.stopped", job=job, **facts, **more)
        memory.create = memory.create.failed(now, **facts, asked=after)
    elif shared:
        log.log(level, "api.unreachable", job=job, **facts, **more)
        memory.read = memory.read.failed(now, **facts, asked=after)
    elif job:
        log.log(level, "job.postponed", job=job, **facts, **more)
        memory.backoffs[job] = memory.backoffs.get(job, Backoff()).failed(now, **facts, asked=after)
    is_full = creating and isinstance(error, TryLater) and error.crowded and memory.flight.note_refusal(now)
    if shared and job and not is_full:  # it may be the cause: let others try first
        memory.resting[job] = now + RESTING


def _explain(error: Exception) -> dict[str, str]:
    if isinstance(error, BatchboxError):
        return {"problem": error.problem, "fix": error.fix}
    if isinstance(error, OSError):
        return {"problem": str(error), "fix": DISK_FIX}
    return {"problem": f"a bug in batchbox: {type(error).__name__}", "fix": "please report it"}
