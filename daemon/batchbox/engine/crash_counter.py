"""Perils: steps in which the process may die, noted on the disk, so that a restart suspects their job."""

from collections.abc import Callable
from contextlib import suppress

from batchbox.domain.job import JobId
from batchbox.engine.state_cache import StateCache
from batchbox.engine.steps.context import Context


class CrashCounter:
    """Notes what has begun, and takes the note back."""

    def __init__(self, ctx: Context, memory: StateCache) -> None:
        self._ctx = ctx
        self._memory = memory

    def begin(self, job: JobId) -> None:
        """Note that a risky step of *job* begins."""
        self._memory.risky.add(job)
        self._mark(job, self._ctx.spool.begin)

    def end(self, job: JobId) -> None:
        """Take back what would look like a death: the step has ended, or is left to its own."""
        if job in self._memory.risky:
            self._memory.risky.discard(job)
            self._memory.suspects.discard(job)
            self._mark(job, self._ctx.spool.end)

    def _mark(self, job: JobId, note: Callable[[JobId], None]) -> None:
        with suppress(OSError):  # a full disk must not stop the step that may free it
            note(job)
