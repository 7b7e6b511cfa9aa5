"""The index of a part: which line each of its requests stands on, in order.

One short JSON array a request: line number, base (what went out before the nonce) and, where it is
another, the producer's own id.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import msgspec

_entries = msgspec.json.Decoder(list[int | str])


@dataclass(frozen=True, slots=True)
class Entry:
    """One request of a part."""

    line: int
    base: str
    custom_id: str


def write_entry(entry: Entry) -> bytes:
    """Return *entry* as a line."""
    own = [] if entry.custom_id == entry.base else [entry.custom_id]
    return msgspec.json.encode([entry.line, entry.base, *own]) + b"\n"


def read_entries(file: BinaryIO) -> Iterator[Entry]:
    """Yield what `write_entry` wrote."""
    for line in file:
        number, base, *own = _entries.decode(line)
        yield Entry(int(number), str(base), str(own[0] if own else base))
