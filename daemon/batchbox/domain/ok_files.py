"""What `NAME.jsonl.ok` may contain. Pure."""

import json
import re
from dataclasses import dataclass, replace
from typing import Any

from batchbox.domain.errors import InvalidFile

CONTENT_FIX = (
    'leave it empty, or write {"lines": N, "bytes": N, "sha256": "..."} (each of them may be missing), or '
    "what sha256sum prints; then drop file and marker again"
)
LARGEST = 1 << 16  # bytes

_COUNTS = ("lines", "bytes")
_DIGEST = "[0-9A-Fa-f]{64}"
_LINES = (  # sha256sum(1): as it prints by itself, with --tag, and a digest alone
    re.compile(rf"\\?(?P<sha256>{_DIGEST}) [ *](?P<name>.+)"),
    re.compile(rf"\\?SHA256 \((?P<name>.+)\) = (?P<sha256>{_DIGEST})"),
    re.compile(rf"(?P<sha256>{_DIGEST})(?P<name>)"),
)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a marker says of its file; None where it says nothing."""

    lines: int | None = None
    bytes: int | None = None
    sha256: str | None = None


def read_ok_file(data: bytes, subject: bytes) -> Confirmed:
    """Return what *data* says of the file called *subject*.

    Raise `InvalidFile` if it cannot be understood.
    """
    if len(data) > LARGEST:
        raise InvalidFile(f"is longer than {LARGEST:,} bytes")
    text = data.removeprefix(b"\xef\xbb\xbf").decode(errors="surrogateescape").strip()
    if text.startswith("{"):
        return _read_object(text)
    return _read_digests(text.splitlines(), subject.decode(errors="surrogateescape"))


def _read_object(text: str) -> Confirmed:
    try:
        found: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidFile("begins like JSON, and is none") from None
    for key, value in found.items():
        is_count = key in _COUNTS and type(value) is int and value >= 0
        is_digest = key == "sha256" and isinstance(value, str) and re.fullmatch(_DIGEST, value)
        if not (is_count or is_digest):
            raise InvalidFile(f"says {json.dumps({key: value})[1:-1][:80]}, which means nothing here")
    said = Confirmed(**found)
    return replace(said, sha256=said.sha256.lower()) if said.sha256 else said


def _read_digests(lines: list[str], subject: str) -> Confirmed:
    matches = [next(filter(None, (form.fullmatch(line) for form in _LINES)), None) for line in lines]
    found = [(match["name"], match["sha256"].lower()) for match in matches if match]
    if len(found) < len(lines):
        raise InvalidFile("holds what is neither JSON nor the lines of sha256sum")
    if len(found) > 1:
        escaped = subject.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        found = [one for one in found if one[0].rpartition("/")[2] in (subject, escaped)]
        if len({digest for _, digest in found}) != 1:
            raise InvalidFile(f"has {len(lines)} digests, and not one that is this file's by its name")
    return Confirmed(sha256=found[0][1] if found else None)
