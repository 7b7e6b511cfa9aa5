"""The index of a part: which line each of its requests stands on, in order.

One short JSON array a request: line number, base (what went out before the nonce) and, where it is
another, the producer's own id.
"""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

import msgspec

from batchbox.core.lines import Request

_entries = msgspec.json.Decoder(list[int | str])
_encoder = msgspec.json.Encoder()


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One request of a part."""

    line: int
    base: str
    custom_id: str


def write_entries(entries: Iterable[Entry | Request]) -> bytes:
    """Return *entries* as lines."""
    return _encoder.encode_lines(
        (one.line, one.base) if one.base == one.custom_id else (one.line, one.base, one.custom_id)
        for one in entries
    )


def read_entries(file: BinaryIO) -> Iterator[Entry]:
    """Yield what `write_entries` wrote."""
    for line in file:
        number, base, *own = _entries.decode(line)
        yield Entry(int(number), str(base), str(own[0] if own else base))
