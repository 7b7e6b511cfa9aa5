"""Transfers: how far what is being checked, sent, fetched and published has come.

Each is written to by the thread of its step alone, and only read by the loop.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from batchbox.domain.job import JobId

TOLD_EVERY = 10.0  # seconds, in the log

log = structlog.get_logger()


@dataclass(slots=True)
class Transfer:
    """One that is under way. *total* and *done* in bytes; *total* is None where it is not known."""

    doing: str
    part: str | None
    total: int | None
    done: int = 0
    rate: int = 0  # bytes a second between the loop's last two looks
    seen: tuple[float, int] | None = None  # when the loop looked last, and how much was done then
    told: float = 0.0  # when the log heard of it last

    def add(self, count: int) -> None:
        """Note that *count* more bytes are through."""
        self.done += count

    def look(self, now: float) -> None:
        """Take the rate; for the loop alone."""
        done = self.done
        if self.seen is None:
            self.told = now
        elif now > self.seen[0]:
            self.rate = round((done - self.seen[1]) / (now - self.seen[0]))
        self.seen = (now, done)


class Transfers:
    """Those under way, one a job at most."""

    def __init__(self) -> None:
        self._running: dict[JobId, Transfer] = {}

    @contextmanager
    def track(
        self, job: JobId, doing: str, part: str | None = None, total: int | None = None
    ) -> Iterator[Transfer]:
        """Give what a step counts its bytes on."""
        transfer = self._running[job] = Transfer(doing, part, total)
        try:
            yield transfer
        finally:
            del self._running[job]

    def look(self, now: float) -> dict[JobId, Transfer]:
        """Return what runs; log now and then how far it is. For the loop alone."""
        running = dict(self._running)
        for job, transfer in running.items():
            transfer.look(now)
            if now - transfer.told >= TOLD_EVERY:
                transfer.told = now
                facts = {"doing": transfer.doing, "bytes": transfer.done, "total": transfer.total}
                log.info("transfer.progress", job=job, part=transfer.part, **facts, rate=transfer.rate)
        return running
