"""The body of a part: the exact bytes that go out, one request on each line."""

import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from batchbox.domain.errors import Damaged
from batchbox.domain.part import Part
from batchbox.formats.batch_body import GLUE, HEAD, TAIL, Item, read_item, write_items


class BodyWriter:
    """Writes a body, every id under *nonce*, and their checksum."""

    def __init__(self, file: BinaryIO, nonce: str) -> None:
        self._file = file
        self._nonce = nonce
        self._checksum = 0
        self._lead = HEAD
        self.size = 0

    def _put(self, data: bytes) -> None:
        self._checksum = zlib.crc32(data, self._checksum)
        self._file.write(data)
        self.size += len(data)

    def write(self, items: Iterable[Item]) -> None:
        """Add requests; at least one."""
        self._put(self._lead)
        self._put(write_items(items, self._nonce))
        self._lead = GLUE

    def close(self) -> int:
        """Write the end; return the CRC-32 of the whole."""
        self._put(TAIL)
        return self._checksum


def read_items(file: BinaryIO, part: Part) -> Iterator[tuple[str, bytes]]:
    """Yield wire id and params of each request. Raise `Damaged` in the end if they have changed."""
    checksum = 0
    for line in file:
        checksum = zlib.crc32(line, checksum)
        if line not in (HEAD, TAIL.lstrip()):
            yield read_item(line)
    if checksum != part.crc32:
        fix = "check the disk; nothing of it is sent again"
        raise Damaged(f"the body of {part.label} is not what was written", fix)
