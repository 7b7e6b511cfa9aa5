"""The ledger: rows in = rows out, or the part is not done."""

import re
from collections.abc import Iterable
from typing import TypeVar

import msgspec

from batchbox.domain.errors import TryLater
from batchbox.domain.usage import Usage
from batchbox.domain.wire_ids import unmark

RETRIED_ERRORS = frozenset({"overloaded_error", "api_error", "timeout_error", "rate_limit_error"})
SUCCEEDED = "succeeded"
SHOWN = 3  # ids named in a complaint


class _Error(msgspec.Struct):
    type: str | None = None
    message: msgspec.Raw = msgspec.Raw(b"null")
    error: msgspec.Raw = msgspec.Raw(b"null")


class _Message(msgspec.Struct):
    model: str | None = None
    usage: Usage | None = None


class _Result(msgspec.Struct):
    type: str
    error: msgspec.Raw = msgspec.Raw(b"null")
    message: _Message | None = None


class _OddMessage(msgspec.Struct):
    model: msgspec.Raw = msgspec.Raw(b"null")
    usage: msgspec.Raw = msgspec.Raw(b"null")


class _OddResult(msgspec.Struct):
    type: str
    error: msgspec.Raw = msgspec.Raw(b"null")
    message: msgspec.Raw = msgspec.Raw(b"null")


class _Row(msgspec.Struct):
    custom_id: str
    result: msgspec.Raw


class ResultRow(msgspec.Struct, frozen=True, gc=False):
    """One line of results: whose it is, how it ended, and the result as the bytes that came."""

    wire_id: str
    outcome: str
    result: bytes
    reason: str
    again: bool  # the service's fault, not the request's: worth another try
    model: str = ""
    usage: Usage | None = None


_rows = msgspec.json.Decoder(_Row)
_results = msgspec.json.Decoder(_Result)
_odd_results = msgspec.json.Decoder(_OddResult)
_odd_messages = msgspec.json.Decoder(_OddMessage)
_errors = msgspec.json.Decoder(_Error)
_texts = msgspec.json.Decoder(str)
_usages = msgspec.json.Decoder(Usage)

# what an answer may hold that strict JSON does not: half a character, and numbers that are none
_HALVES = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_NOT_NUMBERS = re.compile(rb"-?\b(NaN|Infinity)\b")
_LINE = re.compile(rb'\{"custom_id": ?"[A-Za-z0-9_-]{1,64}", ?"result": ?(\{.*\})\}', re.DOTALL)

T = TypeVar("T")


def read_row(line: bytes) -> ResultRow:
    """Return what *line* says. Raise `TryLater` if it is not a row: the stream was damaged."""
    try:
        _ = line.isascii() or line.decode()
        row, result = _decode(line)
        raw = bytes(row.result)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        row, result, raw = _decode_mended(line, error)
    kind, reason = ("", "") if result.type == SUCCEEDED else _describe(result)
    message = result.message or _Message()
    return ResultRow(
        row.custom_id,
        result.type,
        raw,
        reason,
        result.type == "expired" or (result.type == "errored" and kind in RETRIED_ERRORS),
        message.model or "unknown",
        message.usage,
    )


def _decode(line: bytes) -> tuple[_Row, _Result]:
    row = _rows.decode(line)
    try:
        return row, _results.decode(row.result)
    except msgspec.ValidationError:
        return row, _decode_odd(row.result)


def _decode_odd(raw: bytes) -> _Result:
    """Read a result whose details are odd: that is no reason to keep a row back."""
    result = _odd_results.decode(raw)
    message = _try(_odd_messages, result.message) or _OddMessage()
    return _Result(
        result.type, result.error, _Message(_try(_texts, message.model), _try(_usages, message.usage))
    )


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


def _try(decoder: msgspec.json.Decoder[T], raw: bytes) -> T | None:
    """Return what *raw* says, None if that is something else."""
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


class RowChecks:
    """Which of a part's requests have had their row. *bases*: what went out, in order, without the nonce."""

    def __init__(self, nonce: str, bases: Iterable[str]) -> None:
        self._nonce = nonce
        self._numbers = {base: number for number, base in enumerate(bases)}
        self._seen = bytearray(len(self._numbers))

    def __len__(self) -> int:
        return len(self._seen)

    def enter(self, wire_id: str) -> int:
        """Count a row in; return its request's number. Raise `TryLater` if it is not ours, or there twice."""
        number = self._numbers.get(unmark(wire_id, self._nonce) or "")
        if number is None:
            raise TryLater(f'the results hold a row "{wire_id}" that was never asked for')
        if self._seen[number]:
            raise TryLater(f'the results hold the row "{wire_id}" twice')
        self._seen[number] = True
        return number

    def close(self) -> None:
        """Raise `TryLater` unless every request has had its row."""
        count = self._seen.count(0)
        if not count:
            return
        missing = sorted(base for base, number in self._numbers.items() if not self._seen[number])
        some = ", ".join(missing[:SHOWN]) + (", …" if count > SHOWN else "")
        raise TryLater(f"{count} of {len(self)} rows are missing from the results: {some}")
