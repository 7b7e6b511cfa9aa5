"""Packing: which requests go out together, and the exact bytes of a body.

A body is one request a line, so that a part can be read again request by request without parsing it:
the brackets stand on lines of their own, and no JSON value holds a raw newline.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from batchbox.domain.wire_ids import NONCE_CHARS, mark

HEAD = b'{"requests":[\n'
GLUE = b",\n"
TAIL = b"\n]}"
FRAME = len(HEAD) + len(TAIL)

_OPEN = b'{"custom_id":"'
_MIDDLE = b'","params":'
_CLOSE = b"}"
_AROUND = len(_OPEN) + len(mark("", "")) + NONCE_CHARS + len(_MIDDLE) + len(_CLOSE)

Json = bytes | msgspec.Raw
Item = tuple[str, Json]  # base and params of one request


def write_items(items: Iterable[Item], nonce: str) -> bytes:
    """Return requests as they go out, glued together. A base holds nothing that JSON would escape."""
    middle = mark("", nonce).encode("ascii") + _MIDDLE
    pieces: list[Json] = []
    for base, params in items:
        pieces += (_CLOSE + GLUE + _OPEN, base.encode("ascii"), middle, params)
    pieces[:1] = [_OPEN]
    return b"".join((*pieces, _CLOSE))


def read_item(line: bytes) -> tuple[str, bytes]:
    """Return wire id and params of one line of a body, with or without the glue at its end."""
    item = line.rstrip(b"\n").removesuffix(b",")
    wire_id, _, params = item[len(_OPEN) : -1].partition(_MIDDLE)
    return wire_id.decode("ascii"), params


def size_of(base: str, params: Json) -> int:
    """Return how many bytes a request takes as it goes out, without glue."""
    return _AROUND + len(base) + len(params)


def fits_alone(size: int, max_bytes: int) -> bool:
    """Say whether a request of *size* bytes fits a part of its own."""
    return FRAME + size <= max_bytes


@dataclass(slots=True)
class Packer:
    """Counts one part full, in order: at most *max_requests* and *max_bytes* of body."""

    max_requests: int
    max_bytes: int
    requests: int = 0
    size: int = FRAME

    def fit(self, sizes: Sequence[int]) -> int:
        """Count in as many requests as fit, the part's first in any case; return how many those are."""
        for number, size in enumerate(sizes):
            grown = self.size + size + (len(GLUE) if self.requests else 0)
            if self.requests and (self.requests >= self.max_requests or grown > self.max_bytes):
                return number
            self.requests += 1
            self.size = grown
        return len(sizes)
