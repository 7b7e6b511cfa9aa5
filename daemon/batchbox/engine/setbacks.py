"""Setbacks: what failed is told, and waits before it is tried again."""

import structlog

from batchbox.core.backoff import Backoff
from batchbox.core.errors import BatchboxError, InDoubt, TryLater, trace
from batchbox.core.manifest import JobId
from batchbox.engine.memory import Memory

log = structlog.get_logger()


def note_setback(
    memory: Memory, now: float, event: str, error: Exception, job: JobId | None, creating: bool = False
) -> None:
    """Log *error* and let wait what it concerns: sending, asking, or one job."""
    is_bug = not isinstance(error, BatchboxError | OSError)
    problem = f"a bug in batchbox: {type(error).__name__}" if is_bug else str(error)
    fix = getattr(error, "fix", "please report it" if is_bug else "")
    after = error.after if isinstance(error, TryLater) else None
    shared = job is None or isinstance(error, InDoubt) or (isinstance(error, TryLater) and error.shared)
    if is_bug:
        log.error(event, job=job, problem=problem, fix=fix, trace=trace(error))
    else:
        log.warning(event, job=job, problem=problem, fix=fix)
    if shared and creating:
        memory.create = memory.create.failed(now, problem, fix, after)
    elif shared:
        memory.read = memory.read.failed(now, problem, fix, after)
    elif job:
        memory.backoffs[job] = memory.backoffs.get(job, Backoff()).failed(now, problem, fix, after)
