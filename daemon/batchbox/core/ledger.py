"""The ledger: rows in = rows out, or the part is not done."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import msgspec

from batchbox.core.errors import TryLater
from batchbox.core.manifest import Tokens
from batchbox.core.marker import unmark

RETRIED_ERRORS = frozenset({"overloaded_error", "api_error", "timeout_error", "rate_limit_error"})
SHOWN = 3  # ids named in a complaint


class _Error(msgspec.Struct):
    type: str | None = None
    message: str | None = None
    error: "_Error | None" = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = 0
    output_tokens: int | None = 0
    cache_creation_input_tokens: int | None = 0
    cache_read_input_tokens: int | None = 0


class _Message(msgspec.Struct):
    model: str = "unknown"
    usage: msgspec.Raw = msgspec.Raw(b"null")


class _Result(msgspec.Struct):
    type: str
    error: _Error | None = None
    message: _Message | None = None


class _Kind(msgspec.Struct):
    type: str


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
_kinds = msgspec.json.Decoder(_Kind)
_usages = msgspec.json.Decoder(_Usage)


def read_row(line: bytes) -> Row:
    """Return what *line* says. Raise `TryLater` if it is not a row: the stream was damaged."""
    try:
        line.decode()
        row = _rows.decode(line)
        result = _read_result(row.result)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TryLater(f"a line of the results is not a row ({error})") from None
    kind, reason = _describe(result)
    again = result.type == "expired" or (result.type == "errored" and kind in RETRIED_ERRORS)
    message = result.message or _Message()
    return Row(
        wire_id=row.custom_id,
        outcome=result.type,
        result=bytes(row.result),
        reason=reason,
        again=again,
        model=message.model,
        usage=b"" if bytes(message.usage) == b"null" else bytes(message.usage),
    )


def _read_result(raw: msgspec.Raw) -> _Result:
    try:
        return _results.decode(raw)
    except msgspec.ValidationError:  # an odd detail is no reason to keep a row back
        return _Result(_kinds.decode(raw).type)


def _describe(result: _Result) -> tuple[str, str]:
    if result.type == "expired":
        return "", "the batch expired before this request was worked on"
    if result.type == "canceled":
        return "", "the batch was canceled before this request was worked on"
    if result.type != "errored":
        return "", f'the API answered with "{result.type}"'
    error = result.error or _Error()
    inner = error.error or error
    return inner.type or "", f"{inner.type or 'error'}: {inner.message or 'no reason was given'}"


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
