"""Packing: which requests go out together, and the exact bytes of a body.

A body is one request a line, so that a part can be read again request by request without parsing it:
the brackets stand on lines of their own, and no JSON value holds a raw newline.
"""

from dataclasses import dataclass

HEAD = b'{"requests":[\n'
GLUE = b",\n"
TAIL = b"\n]}"
FRAME = len(HEAD) + len(TAIL)

_OPEN = b'{"custom_id":"'
_MIDDLE = b'","params":'


def write_item(wire_id: str, params: bytes) -> bytes:
    """Return one request as it goes out. *wire_id* holds nothing that JSON would escape."""
    return _OPEN + wire_id.encode("ascii") + _MIDDLE + params + b"}"


def read_item(line: bytes) -> tuple[str, bytes]:
    """Return wire id and params of one line of a body, with or without the glue at its end."""
    item = line.rstrip(b"\n").removesuffix(b",")
    wire_id, _, params = item[len(_OPEN) : -1].partition(_MIDDLE)
    return wire_id.decode("ascii"), params


def fits_alone(item: bytes, max_bytes: int) -> bool:
    """Say whether *item* fits a part of its own."""
    return FRAME + len(item) <= max_bytes


@dataclass(slots=True)
class Packer:
    """Counts one part full, in order: at most *max_requests* and *max_bytes* of body."""

    max_requests: int
    max_bytes: int
    requests: int = 0
    size: int = FRAME

    def add(self, item: bytes) -> bool:
        """Count *item* in, or return False if it has to go into the next part."""
        size = self.size + len(item) + (len(GLUE) if self.requests else 0)
        if self.requests and (self.requests >= self.max_requests or size > self.max_bytes):
            return False
        self.requests += 1
        self.size = size
        return True
