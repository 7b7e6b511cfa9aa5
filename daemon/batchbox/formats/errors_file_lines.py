"""Returns: lines of an errors file that are dropped back, and what they say of the line they stand for.

Such a line has the number of that line, the reason why it was not answered, and what stood there: a
`request`, or what was none as the text `raw`. Where one lies in another, the innermost is of the first file.
"""

import re
from typing import NamedTuple

import msgspec

from batchbox.formats.raw_json import Fields

LINE_NUMBER = re.compile(rb"[0-9]{1,12}")
# of a line that a slip in its correction made unreadable: without it, its answer would take another's place
BEGINNING = re.compile(
    rb'\s*\{\s*"line"\s*:\s*([0-9]{1,12})\s*,\s*'
    rb'(?:"custom_id"\s*:\s*("(?:[^"\\]|\\.)*+")\s*,\s*)?"reason"\s*:'
)

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Origin(NamedTuple):
    """What a line stands for: the *text* of a *line* of the first file; *custom_id* stood beside it."""

    line: int | None
    custom_id: str | None
    text: bytes


def is_returned(fields: Fields) -> bool:
    """Say whether *fields* are those of a line of an errors file."""
    return {"line", "reason"} <= fields.keys() and bool({"request", "raw"} & fields.keys())


def find_origin(text: bytes) -> Origin:
    """Return what the line *text* stands for, however often it came back: itself, if it never did."""
    line, custom_id = None, None
    while (fields := _read(text)) and is_returned(fields):
        number = bytes(fields["line"])
        line = int(number) if LINE_NUMBER.fullmatch(number) else line
        custom_id = _read_text(fields.get("custom_id")) or custom_id
        text = bytes(fields["request"]) if "request" in fields else _text_of(fields["raw"])
    if fields is None and (found := BEGINNING.match(text)):
        return Origin(int(found[1]), _read_text(found[2]) or custom_id, text)
    return Origin(line, custom_id, text)


def _read(text: bytes) -> Fields | None:
    try:
        return _fields.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _read_text(value: bytes | msgspec.Raw | None) -> str | None:
    try:
        return msgspec.json.decode(value or b"", type=str)
    except (msgspec.DecodeError, RecursionError):
        return None


def _text_of(raw: msgspec.Raw) -> bytes:
    text = _read_text(raw)
    return bytes(raw) if text is None else text.encode()
