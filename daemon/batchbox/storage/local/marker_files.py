"""Companions on the disk: what lies in the inbox beside dropped files and is about them."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

from batchbox.domain.ok_files import LARGEST
from batchbox.domain.output_names import receipt_name
from batchbox.domain.stability import InboxFile
from batchbox.storage.local import durable
from batchbox.storage.local.claims import is_file
from batchbox.storage.local.inbox import OPEN_SAFELY
from batchbox.storage.local.layout import Layout

LARGEST_RECEIPT = 1 << 20


class LocalMarkerFiles:
    """`ports.storage.Companions` in folders. *seen*: as of the last scan of the inbox."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.seen: list[InboxFile] = []

    def is_there(self, queue: str, name: bytes) -> bool:
        """Say whether the inbox holds a file of that name right now."""
        path = self._place(queue, name)
        return durable.is_there(path) and is_file(path)

    def _place(self, queue: str, name: bytes) -> Path:
        return self._layout.queue("inbox", queue) / os.fsdecode(name)

    def read(self, companion: InboxFile) -> bytes | None:
        """Return what stands in it, of one that is too long only the beginning; None if it has changed."""
        try:
            descriptor = os.open(self._place(*companion.place), OPEN_SAFELY)
        except FileNotFoundError:
            return None
        with open(descriptor, "rb") as file:
            data = file.read(LARGEST + 1)
            found = os.fstat(descriptor)
        is_same = (found.st_ino, found.st_ctime_ns) == (companion.inode, companion.ctime_ns)
        return data if is_same else None

    def remove(self, queue: str, name: bytes, inode: int, ctime_ns: int) -> None:
        """Remove it, durably, unless another has taken its place."""
        path = self._place(queue, name)
        with suppress(FileNotFoundError):
            found = os.lstat(path)
            if (found.st_ino, found.st_ctime_ns) == (inode, ctime_ns):
                os.unlink(path)
                durable.sync_folder(path.parent)

    def endings(self, queue: str, stem: str) -> Iterator[tuple[str, str]]:
        """Yield name and status of each receipt of that stem in the outbox, the oldest first."""
        folder = self._layout.queue("outbox", queue)
        for number in count(1):
            name = receipt_name(stem if number == 1 else f"{stem}~{number}")
            if not durable.is_there(folder / name):
                return
            yield name, _read_status(folder / name)


def _read_status(path: Path) -> str:
    try:
        with open(os.open(path, OPEN_SAFELY), "rb") as file:
            return str(json.loads(file.read(LARGEST_RECEIPT))["status"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return ""
