"""Annexes: what a spool has beside its jobs, each asked for through `ports.storage.Spool`."""

from collections.abc import Iterable, Iterator
from typing import Protocol

from batchbox.domain.stability import InboxFile
from batchbox.reports.notifications import Notification
from batchbox.scheduling.retention import Archive, Kept


class ArchiveStore(Protocol):
    """Finished jobs and refused files, as far as they are still as they were put there."""

    def survey(self, archive: Archive) -> list[Kept]:
        """Return all that is in one of them."""

    def remove(self, outdated: Iterable[Kept]) -> Iterator[Kept]:
        """Remove each whole or not at all, and yield it once it is gone."""

    def clear_up(self) -> None:
        """Finish what a crash has left of a removal."""


class MarkerFileStore(Protocol):
    """What lies in the inbox beside dropped files and is about them."""

    @property
    def seen(self) -> list[InboxFile]:
        """Return them, as of the last scan."""

    def is_there(self, queue: str, name: bytes) -> bool:
        """Say whether the inbox holds a file of that name right now."""

    def read(self, companion: InboxFile) -> bytes | None:
        """Return what stands in it, of one that is too long only the beginning; None if it has changed."""

    def remove(self, queue: str, name: bytes, inode: int, ctime_ns: int) -> None:
        """Remove it, unless another has taken its place."""

    def endings(self, queue: str, stem: str) -> Iterable[tuple[str, str]]:
        """Return name and status of each receipt of that stem in the outbox, the oldest first."""


class NotificationStore(Protocol):
    """Where letters wait until they are brought to those who are to hear of a receipt."""

    def put(self, letter: Notification) -> None:
        """Keep *letter*; one of that name is replaced."""
