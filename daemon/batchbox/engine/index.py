"""The index of a part: which line each of its requests stands on, in order.

One short JSON array a request: line number, base (what went out before the nonce) and, where it is
another, the producer's own id.
"""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from batchbox.core.lines import Request


class Entry(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One request of a part. *own*: the producer's id, None where the base is that."""

    line: int
    base: str
    own: str | None = None

    @property
    def custom_id(self) -> str:
        """The producer's own id."""
        return self.base if self.own is None else self.own


_read_entry = msgspec.json.Decoder(Entry).decode
_encoder = msgspec.json.Encoder()


def write_entries(entries: Iterable[Entry | Request]) -> bytes:
    """Return *entries* as lines."""
    return _encoder.encode_lines(
        (one.line, one.base) if one.base == one.custom_id else (one.line, one.base, one.custom_id)
        for one in entries
    )


def read_entries(file: BinaryIO) -> Iterator[Entry]:
    """Yield what `write_entries` wrote."""
    return map(_read_entry, file)
