"""Setbacks: what failed is told, and waits before it is tried again."""

import structlog

from batchbox.core.backoff import Backoff
from batchbox.core.errors import BatchboxError, InDoubt, TryLater
from batchbox.core.manifest import JobId
from batchbox.engine.memory import Memory

log = structlog.get_logger()


def note_setback(
    memory: Memory, now: float, event: str, error: Exception, job: JobId | None, creating: bool = False
) -> None:
    """Log *error* and let wait what it concerns: sending, asking, or one job."""
    problem, fix = str(error), getattr(error, "fix", "")
    after = error.after if isinstance(error, TryLater) else None
    shared = job is None or isinstance(error, InDoubt) or (isinstance(error, TryLater) and error.shared)
    if isinstance(error, BatchboxError | OSError):
        log.warning(event, job=job, problem=problem, fix=fix)
    else:
        log.error(event, job=job, problem=f"a bug in batchbox: {error!r}", exc_info=error)
    if shared and creating:
        memory.create = memory.create.failed(now, problem, fix, after)
    elif shared:
        memory.read = memory.read.failed(now, problem, fix, after)
    elif job:
        memory.backoffs[job] = memory.backoffs.get(job, Backoff()).failed(now, problem, fix, after)
