"""The ledger: rows in = rows out, or the part is not done."""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from batchbox.core.errors import TryLater
from batchbox.core.manifest import Tokens
from batchbox.core.marker import unmark

RETRIED_ERRORS = frozenset({"overloaded_error", "api_error", "timeout_error", "rate_limit_error"})
SHOWN = 3  # ids named in a complaint


class _Error(msgspec.Struct):
    type: str | None = None
    message: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"null")


class _Usage(msgspec.Struct):
    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cache_creation_input_tokens: int | None = 0
    cache_read_input_tokens: int | None = 0


class _Message(msgspec.Struct):
    model: str | None = None
    usage: msgspec.Raw = msgspec.Raw(b"null")


class _Result(msgspec.Struct):
    type: str
    error: msgspec.Raw = msgspec.Raw(b"null")
    message: msgspec.Raw = msgspec.Raw(b"null")


class _Row(msgspec.Struct):
    custom_id: str
    result: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Row:
    """One line of results: whose it is, how it ended, and the result as the bytes that came."""

    wire_id: str
    outcome: str
    result: bytes
    reason: str
    again: bool  # the service's fault, not the request's: worth another try
    model: str = ""
    usage: bytes = b""


_rows = msgspec.json.Decoder(_Row)
_results = msgspec.json.Decoder(_Result)
_errors = msgspec.json.Decoder(_Error)
_messages = msgspec.json.Decoder(_Message)
_texts = msgspec.json.Decoder(str)
_usages = msgspec.json.Decoder(_Usage)

# what an answer may hold that strict JSON does not: half a character, and numbers that are none
_HALVES = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_NOT_NUMBERS = re.compile(rb"-?\b(NaN|Infinity)\b")
_LINE = re.compile(rb'\{"custom_id": ?"[A-Za-z0-9_-]{1,64}", ?"result": ?(\{.*\})\}', re.DOTALL)

T = TypeVar("T")


def read_row(line: bytes) -> Row:
    """Return what *line* says. Raise `TryLater` if it is not a row: the stream was damaged."""
    try:
        line.decode()
        row, result = _decode(line)
        raw = bytes(row.result)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        row, result, raw = _decode_mended(line, error)
    kind, reason = _describe(result)
    message = _try(_messages, result.message) or _Message()
    return Row(
        wire_id=row.custom_id,
        outcome=result.type,
        result=raw,
        reason=reason,
        again=result.type == "expired" or (result.type == "errored" and kind in RETRIED_ERRORS),
        model=message.model or "unknown",
        usage=b"" if bytes(message.usage) == b"null" else bytes(message.usage),
    )


def _decode(line: bytes) -> tuple[_Row, _Result]:
    row = _rows.decode(line)
    return row, _results.decode(row.result)


def _decode_mended(line: bytes, error: Exception) -> tuple[_Row, _Result, bytes]:
    """Read a line that is whole but for single values: it was paid for, and they are for its owner to judge.

    It has to be strict JSON once those are mended, so that a line that was cut or glued is never taken.
    """
    mended = _HALVES.sub(rb"\\ufffd", line.decode(errors="replace").encode())
    found = _LINE.fullmatch(line.strip())
    try:
        row, result = _decode(_NOT_NUMBERS.sub(b"null", mended))
    except (msgspec.DecodeError, RecursionError):
        found = None
    if not found:
        raise TryLater(f"a line of the results is not a row ({error})") from None
    return row, result, found[1]


def _try(decoder: msgspec.json.Decoder[T], raw: msgspec.Raw) -> T | None:
    """Return what *raw* says; an odd detail is no reason to keep a row back."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        return None


def _describe(result: _Result) -> tuple[str, str]:
    if result.type == "expired":
        return "", "the batch expired before this request was worked on"
    if result.type == "canceled":
        return "", "the batch was canceled before this request was worked on"
    if result.type != "errored":
        return "", f'the API answered with "{result.type}"'
    outer = _try(_errors, result.error) or _Error()
    inner = _try(_errors, outer.error) or outer
    message = _try(_texts, inner.message) or "no reason was given"
    return inner.type or "", f"{inner.type or 'error'}: {message}"


def count_tokens(row: Row, cost_usd: float | None) -> Tokens:
    """Return what *row* used, at that cost; usage that cannot be read is no reason to keep the row back."""
    try:
        usage = _usages.decode(row.usage)
    except msgspec.DecodeError:
        return Tokens(requests=1, cost_usd=None)
    return Tokens(
        requests=1,
        input_tokens=usage.input_tokens or 0,
        output_tokens=usage.output_tokens or 0,
        cache_creation_input_tokens=usage.cache_creation_input_tokens or 0,
        cache_read_input_tokens=usage.cache_read_input_tokens or 0,
        cost_usd=cost_usd,
    )


@dataclass(slots=True)
class Ledger:
    """Holds the rows of one batch against the requests that went out in it."""

    nonce: str
    expected: AbstractSet[str]  # bases
    _seen: set[str] = field(default_factory=set)

    def enter(self, wire_id: str) -> str:
        """Count a row in and return its base. Raise `TryLater` if it cannot be ours, or is there twice."""
        base = unmark(wire_id, self.nonce)
        if base is None or base not in self.expected:
            raise TryLater(f'the results hold a row "{wire_id}" that was never asked for')
        if base in self._seen:
            raise TryLater(f'the results hold the row "{wire_id}" twice')
        self._seen.add(base)
        return base

    def close(self) -> None:
        """Raise `TryLater` unless every request has had its row."""
        if len(self._seen) == len(self.expected):
            return
        missing = sorted(self.expected - self._seen)
        some = ", ".join(missing[:SHOWN]) + (", …" if len(missing) > SHOWN else "")
        raise TryLater(f"{len(missing)} of {len(self.expected)} rows are missing from the results: {some}")
