"""Stand-ins: lines of JSON for what no request could be made of, with the reason. They are never sent.

A row of a table that cannot be read is written so when the table becomes lines of JSON; reading it then
complains of just that, and an errors file shows the row as its producer wrote it.
"""

from contextlib import suppress

import msgspec

OUTCOME = "unreadable"
RAW_KEPT = 1 << 20  # characters of a row, in the errors file


class _Reason(msgspec.Struct):
    outcome: str
    problem: str
    fix: str


class _StandIn(msgspec.Struct):
    line: int
    reason: _Reason
    raw: str


def bad_line_record(line: int, problem: str, fix: str, raw: str) -> bytes:
    """Return the line that stands for *raw*, which is wrong as *problem* and *fix* say."""
    reason = _Reason(OUTCOME, problem, fix)
    return msgspec.json.encode(_StandIn(line, reason, raw[:RAW_KEPT].rstrip("\r\n")))


def read_reason(reason: bytes) -> tuple[str, str] | None:
    """Return problem and fix of a stand-in's *reason*; None if it is that of another line."""
    with suppress(msgspec.DecodeError, RecursionError):
        found = msgspec.json.decode(reason, type=_Reason)
        return (found.problem, found.fix) if found.outcome == OUTCOME else None
    return None
