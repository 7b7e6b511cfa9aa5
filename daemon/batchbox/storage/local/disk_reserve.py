"""The reserve: room that is kept for what must be written although the disk is full."""

import os
from pathlib import Path

from batchbox.storage.local import durable

FILES = 2  # as many inodes as bytes: a new file needs both
LEAST = 1 << 18


class Reserve:
    """Files of nothing. Taken away, they leave room for a manifest; they may be lost at any time."""

    def __init__(self, folder: Path) -> None:
        self._paths = [folder / f".reserve-{number}" for number in range(FILES)]

    def fill(self, size: int) -> None:
        """Have room for a file of *size* bytes. Raise `OSError` if the disk has not got it."""
        durable.make_folder(self._paths[0].parent)
        size = max(size, LEAST)
        for path in self._paths:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if os.fstat(descriptor).st_size < size:
                    os.posix_fallocate(descriptor, 0, size)
            finally:
                os.close(descriptor)

    def free(self) -> None:
        """Give the room back, for whoever comes first."""
        for path in self._paths:
            durable.remove(path)
