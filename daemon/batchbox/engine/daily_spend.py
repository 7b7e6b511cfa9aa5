"""Accounts: what may be spent and what was, as the plan needs it.

Without a limit for a day nothing is kept. With one the books are opened: what is in memory is entered at
once, what lies in hold/ and what was finished today a few at each turn, so that the loop stays awake.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import chain, islice

from batchbox.cost.limits import BudgetLimits, SpendLedger
from batchbox.domain.errors import Damaged, Stop
from batchbox.domain.job import Manifest
from batchbox.domain.timestamps import format_time
from batchbox.engine.state_cache import StateCache
from batchbox.engine.steps.context import Context
from batchbox.settings.model import Settings

READ_AT_ONCE = 50  # a few hundredths of a second
DAY = len("2026-01-02")


class DailySpend:
    """Keeps the purse in memory as it has to be at each turn."""

    def __init__(self, ctx: Context, memory: StateCache) -> None:
        self._ctx = ctx
        self._memory = memory
        self._settings: Settings | None = None
        self._limits = BudgetLimits()
        self._unread: Iterator[Manifest] | None = None

    def update(self) -> None:
        """Bring the purse up to the present settings, day and jobs."""
        settings = self._ctx.settings
        if settings is not self._settings:
            self._settings, self._limits = settings, settings.purse()
            self._memory.purse = self._limits
            if not self._limits.is_daily:
                self._memory.books, self._unread = SpendLedger(), None
        if self._limits.is_daily:
            self._keep_books()

    def _keep_books(self) -> None:
        memory, today = self._memory, self._ctx.stamp()[:DAY]
        if not memory.books.is_open:
            self._open(today)
        is_news = bool(self._unread)
        self._read_some()
        if memory.purse.day != today:
            memory.books.close_before(format_time(self._ctx.clock.now() - timedelta(days=1))[:DAY])
        is_complete = self._unread is None
        memory.purse = replace(self._limits, day=today, books=memory.books, is_complete=is_complete)
        if is_news:
            memory.changed.update(memory.jobs)  # they waited for it; and the next turn comes at once

    def _open(self, today: str) -> None:
        self._memory.books.is_open = True
        for job in self._memory.manifests():
            self._memory.books.note(job)
        self._unread = chain(self._held(), self._ctx.spool.finished(today))

    def _held(self) -> Iterator[Manifest]:
        for job in self._ctx.spool.held():
            with suppress(Damaged, Stop, OSError):
                stored = self._ctx.spool.load_held(job)
                if stored:
                    yield stored.manifest

    def _read_some(self) -> None:
        """Enter what nobody has told of since: what was in memory meanwhile is known better."""
        if self._unread is None:
            return
        try:
            some = list(islice(self._unread, READ_AT_ONCE))
        except OSError:
            # they are opened anew, once the disk can be read
            self._memory.books, self._unread = SpendLedger(), None
            raise
        for job in some:
            if job.job not in self._memory.jobs and not self._memory.books.knows(job.job):
                self._memory.books.note(job)
                self._memory.books.lapse(job.job)
        if len(some) < READ_AT_ONCE:
            self._unread = None
