"""The marker: how a batch is known to be ours.

A batch has no name, and the API hands back only the `custom_id` of each row. So every id goes out as
`<base>-<nonce>`, and a row that carries our nonce proves whose batch it is. The base is the producer's own
id where that fits, else the line's number; an id of digits only goes by its line's number too, so that
no two lines of a file can get the same base.
"""

import base64
import re

NONCE_BYTES = 8
NONCE_CHARS = 12
FITS = re.compile(r"[A-Za-z0-9_-]{1,51}")  # 64 in all, less the dash and the nonce


def format_nonce(entropy: bytes) -> str:
    """Return *entropy*, at least `NONCE_BYTES` random bytes, as 12 base32 characters."""
    return base64.b32encode(entropy).decode().lower()[:NONCE_CHARS]


def base_of(line: int, custom_id: str) -> str:
    """Return what stands for *custom_id* on the wire, before the nonce."""
    if FITS.fullmatch(custom_id) and not custom_id.isdigit():
        return custom_id
    return str(line)


def mark(base: str, nonce: str) -> str:
    """Return the id that goes out."""
    return f"{base}-{nonce}"


def unmark(wire_id: str, nonce: str) -> str | None:
    """Return the base of an id that carries *nonce*, None if it is somebody else's."""
    base, dash, tail = wire_id.rpartition("-")
    return base if dash and tail == nonce else None
