"""Room: the disk is looked at while a file is written that may grow, by the files that it names above all."""

from batchbox.domain.errors import TryLater
from batchbox.engine.steps.context import Context

ROOM_FACTOR = 3  # a file, its bodies, and rows of about their size
LOOK_EVERY = 1 << 22  # bytes; what many jobs write between two looks stays below the reserve


class FreeSpace:
    """What is left on the disk beyond the reserve, for what is written of one file."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._size = 0
        self._next_look = 0

    def take(self, size: int) -> None:
        """Count in *size* bytes that are to be written. Raise `TryLater` if there is no room."""
        self._size += size
        if self._size < self._next_look:
            return
        self._next_look = self._size + LOOK_EVERY
        if self._ctx.spool.free_bytes() - self._ctx.settings.reserve_bytes < size:
            raise explain_shortage(self._size)


def explain_shortage(size: int) -> TryLater:
    """Return what to raise where *size* bytes of a file were too much for the disk."""
    problem = f"there is no room on the disk for what the file says: {size:,} bytes so far"
    return TryLater(problem, "make room, or cancel the file; it goes on as soon as there is room")
