"""The errors file: what did not succeed, each with its line, the reason, and the original request.

A line of it is itself a line that can be dropped: correct what stands under `request` and drop it back in.
However often it comes back, it has the line and the request of the first file.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from types import TracebackType
from typing import Any, BinaryIO, Self

import msgspec

from batchbox.domain.job import Manifest
from batchbox.engine.steps.context import SKIPPED, Context, open_lines
from batchbox.engine.steps.request_index import Entry
from batchbox.formats.errors_file_lines import find_origin
from batchbox.formats.request_lines import BOM

_skipped = msgspec.json.Decoder(dict[str, Any])


class Skips:
    """The lines that were left out, in order, as they stand in the errors file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._step()

    def _step(self) -> None:
        self._line = self._file.readline()
        self._entry = _skipped.decode(self._line) if self._line else {}

    def take(self, before: int | None) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """Yield those *before* that line, or all that are left, as written and as read."""
        while self._line and (before is None or self._entry["line"] < before):
            yield self._line, self._entry
            self._step()


class ErrorsFile:
    """Written in the order of lines: the requests that failed, and the lines that were skipped."""

    def __init__(self, ctx: Context, job: Manifest, name: str) -> None:
        self._ctx = ctx
        self._job = job
        self._out: AbstractContextManager[BinaryIO] = ctx.spool.create(job.job, name)
        self.count = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._file = stack.enter_context(self._out)
            self._request = stack.enter_context(open_lines(self._ctx, self._job))
            self._skips = Skips(stack.enter_context(self._ctx.spool.open(self._job.job, SKIPPED)))
            self._line = 0
            self._files = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.__exit__(kind, error, trace)

    def add(self, entry: Entry, outcome: str, problem: str) -> None:
        """Add a request that did not succeed."""
        self._add_skips(before=entry.line)
        line, _, original = find_origin(self._original(entry.line))
        fields = {"line": line or entry.line, "custom_id": entry.custom_id}
        reason = {"outcome": outcome, "problem": problem}
        head = msgspec.json.encode(fields | {"reason": reason})[:-1]
        self._write(head + b',"request":' + original + b"}\n")

    def finish(self) -> None:
        """Add the skipped lines that are left."""
        self._add_skips(before=None)

    def _write(self, line: bytes) -> None:
        self._file.write(line)
        self.count += 1

    def _add_skips(self, before: int | None) -> None:
        for line, entry in self._skips.take(before):
            self._write(_place(entry) if "origin" in entry else line)

    def _original(self, number: int) -> bytes:
        """Return line *number* of the dropped file, as the JSON it was; null if it is that no more."""
        text = b""
        while self._line < number:
            text = self._request.readline()
            self._line += 1
        text = text.removeprefix(BOM).strip(b" \t\r\n")
        try:
            msgspec.json.decode(text, type=msgspec.Raw)
        except (msgspec.DecodeError, RecursionError):
            return b"null"
        return text


def _place(entry: dict[str, Any]) -> bytes:
    """Return the line for one that came back: by what it was in the first file, where its answer belongs."""
    fields = entry["origin"] | {"reason": entry["reason"], "raw": entry["raw"]}
    return msgspec.json.encode(fields) + b"\n"
