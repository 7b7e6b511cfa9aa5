"""Every batch ever accepted, and who may see it now."""

from dataclasses import replace
from itertools import islice

from batchbox_sandbox.batches import Batch, Change, has_ended
from batchbox_sandbox.settings import Listing


class UnknownCursor(LookupError):
    """A list was asked to begin at a batch that is not there."""


class Workspace:
    """The batches of one workspace, oldest first; none is ever taken out, for each was billed."""

    def __init__(self, listing: Listing = "stored") -> None:
        self._listing = listing
        self._batches: dict[str, Batch] = {}

    def add(self, batch: Batch) -> None:
        """Accept *batch*."""
        self._batches[batch.id] = batch

    def all(self) -> list[Batch]:
        """Return every batch ever accepted, oldest first, deleted and hidden ones too."""
        return list(self._batches.values())

    def get(self, batch_id: str) -> Batch | None:
        """Return the batch, whoever may see it."""
        return self._batches.get(batch_id)

    def change(self, batch: Batch, change: Change, now: float) -> Batch:
        """Apply *change* to *batch* and return it as it is now."""
        changed = self._batches[batch.id] = change(batch, now)
        return changed

    def look(self, batch_id: str, now: float) -> Batch | None:
        """Return the batch if the client may see it; a look at a hidden one uses up one of its looks."""
        batch = self._batches.get(batch_id)
        if batch is None or batch.deleted_at is not None:
            return None
        if batch.hidden_calls:
            self._batches[batch_id] = replace(batch, hidden_calls=batch.hidden_calls - 1)
            return None
        return batch if now >= batch.hidden_until else None

    def turn_page(
        self, limit: int, after: str | None, before: str | None, now: float
    ) -> tuple[list[Batch], bool]:
        """Return up to *limit* batches, newest first, and whether more lie in the direction of travel."""
        seen = [batch for batch_id in list(self._batches) if (batch := self.look(batch_id, now))]
        if self._listing == "created":
            seen.sort(key=lambda batch: batch.created_at + batch.skew)
        if before is not None:
            # Travelling to newer ones: the page touches the cursor, so it is cut before it is turned.
            newer = seen[_position(seen, before) + 1 :]
            return newer[:limit][::-1], len(newer) > limit
        older = seen[: _position(seen, after)] if after is not None else seen
        return list(islice(reversed(older), limit)), len(older) > limit

    def count_processing(self, now: float) -> int:
        """Return how many requests are in the processing queue."""
        return sum(len(batch.requests) for batch in self._batches.values() if not has_ended(batch, now))

    def clear(self) -> None:
        """Forget every batch."""
        self._batches.clear()


def _position(batches: list[Batch], batch_id: str) -> int:
    for position, batch in enumerate(batches):
        if batch.id == batch_id:
            return position
    raise UnknownCursor(batch_id)
