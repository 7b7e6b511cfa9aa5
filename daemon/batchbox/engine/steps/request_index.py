"""The index of a part: which line each of its requests stands on, in order.

One short JSON array a request: line number, base (what went out before the nonce) and, where it is
another, the producer's own id.
"""

import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from batchbox.domain.errors import Damaged
from batchbox.domain.part import Part
from batchbox.formats.request_lines import Request


class Entry(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One request of a part. *own*: the producer's id, None where the base is that."""

    line: int
    base: str
    own: str | None = None

    @property
    def custom_id(self) -> str:
        """The producer's own id."""
        return self.base if self.own is None else self.own


DISK_FIX = "check the disk; what was sent and answered is still at the API, for 29 days"

_read_entry = msgspec.json.Decoder(Entry).decode
_encoder = msgspec.json.Encoder()


class IndexWriter:
    """Writes an index, and its checksum."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.crc32 = 0

    def write(self, entries: Iterable[Entry | Request]) -> None:
        """Add *entries*."""
        data = _encoder.encode_lines(
            (one.line, one.base) if one.base == one.custom_id else (one.line, one.base, one.custom_id)
            for one in entries
        )
        self._file.write(data)
        self.crc32 = zlib.crc32(data, self.crc32)


def read_entries(file: BinaryIO, part: Part) -> Iterator[Entry]:
    """Yield what was written. Raise `Damaged`, at the end at the latest, if the file is not that any more."""
    checksum = 0
    for line in file:
        checksum = zlib.crc32(line, checksum)
        try:
            yield _read_entry(line)
        except msgspec.DecodeError:
            break
    if checksum != part.index_crc32:
        raise Damaged(f"the index of {part.label} is not what was written", DISK_FIX)
