"""The body of a part: the exact bytes that go out, one request on each line."""

import hashlib
from collections.abc import Iterator
from typing import BinaryIO

from batchbox.core.packing import GLUE, HEAD, TAIL, read_item


class BodyWriter:
    """Writes a body and its digest."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._glue = b""
        self.size = 0
        self._put(HEAD)

    def _put(self, data: bytes) -> None:
        self._digest.update(data)
        self._file.write(data)
        self.size += len(data)

    def write(self, item: bytes) -> None:
        """Add one request."""
        self._put(self._glue + item)
        self._glue = GLUE

    def close(self) -> str:
        """Write the end; return the SHA-256 of the whole."""
        self._put(TAIL)
        return self._digest.hexdigest()


def read_items(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Yield wire id and params of each request of a body."""
    for line in file:
        if line not in (HEAD, TAIL.lstrip()):
            yield read_item(line)
