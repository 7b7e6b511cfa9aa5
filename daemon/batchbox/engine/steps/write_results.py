"""Results: the rows of all parts of a job, in the order of the requests, under the producer's own ids."""

import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from typing import BinaryIO

import msgspec

from batchbox.domain.errors import Damaged
from batchbox.domain.job import JobId, Manifest
from batchbox.domain.part import Part
from batchbox.domain.states import PartState
from batchbox.engine.steps.buffered_writer import PIECE, BufferedWriter
from batchbox.engine.steps.context import Context, index_name, places_name, rows_name
from batchbox.engine.steps.request_index import DISK_FIX, Entry, read_entries
from batchbox.engine.steps.write_answers import Answers, Failure
from batchbox.engine.steps.write_errors import ErrorsFile
from batchbox.formats.result_offsets import ResultOffsets
from batchbox.formats.row_checks import read_row

CANCELED = "the file was canceled before this request was answered"

Ending = tuple[bytes, Failure | None]  # the result as JSON; how it failed, if it did

_encode = msgspec.json.encode


class Results(BufferedWriter):
    """The rows, as the API shapes them."""

    def add(self, entry: Entry, result: bytes) -> None:
        """Add a row."""
        self._pieces += (b'{"custom_id":', _encode(entry.custom_id), b',"result":', result, b"}\n")
        self._waiting += len(result)
        if self._waiting >= PIECE:
            self._put()


class _Collected:
    """The rows of a part, as they were fetched."""

    def __init__(self, file: BinaryIO, places: ResultOffsets, label: str) -> None:
        self._file = file
        self._places = places
        self._label = label

    def ending(self, number: int) -> Ending:
        """Return how request *number* ended. Raise `Damaged` if its row is not what it was."""
        place = self._places.get(number)
        self._file.seek(place.offset)
        result = self._file.read(place.size)
        if not place.holds(result):
            raise Damaged(f"the rows of {self._label} are not what was fetched", DISK_FIX)
        if place.succeeded:
            return result, None
        row = read_row(b'{"custom_id":"a","result":' + result + b"}")
        return result, (row.outcome, row.reason)


class _Unsent:
    """A part that the API never took, or that a person canceled."""

    def __init__(self, part: Part) -> None:
        self._ending = _made_up(part)

    def ending(self, _number: int) -> Ending:
        """Return how each of its requests ended."""
        return self._ending


def _made_up(part: Part) -> Ending:
    """Return a result in the shape of the API's own."""
    if part.state is PartState.CANCELED:
        return b'{"type":"canceled"}', ("canceled", CANCELED)
    refusal = part.refusal
    error = dict(refusal.error) if refusal else {}
    request_id = refusal.request_id if refusal else None
    result = {"type": "errored", "error": {"type": "error", "error": error, "request_id": request_id}}
    return _encode(result), ("errored", refusal.problem if refusal else "")


def write_rows(
    ctx: Context, job: Manifest, results: Results | None, answers: Answers | None, errors: ErrorsFile
) -> None:
    """Write what is wanted, and the errors, in the order of the requests."""
    for number in sorted({part.number for part in job.parts}):
        generations = [part for part in job.parts if part.number == number]
        for entry, (result, failure) in _in_order(ctx, job.job, generations):
            if results:
                results.add(entry, result)
            if answers:
                answers.add(entry, result, failure)
            if failure:
                errors.add(entry, *failure)
    errors.finish()
    if answers:
        answers.finish()


def _in_order(ctx: Context, job: JobId, generations: list[Part]) -> Iterator[tuple[Entry, Ending]]:
    """Yield each request of a part, and how it ended in the last generation that it went out in."""
    with ExitStack() as stack:
        sources = [_open(ctx, job, part, stack) for part in generations]
        latest: dict[str, tuple[int, int]] = {}
        for turn, part in enumerate(generations[1:], start=1):
            again = stack.enter_context(ctx.spool.open(job, index_name(part.label)))
            latest |= {entry.base: (turn, number) for number, entry in enumerate(read_entries(again, part))}
        index = stack.enter_context(ctx.spool.open(job, index_name(generations[0].label)))
        for number, entry in enumerate(read_entries(index, generations[0])):
            turn, place = latest.get(entry.base, (0, number))
            yield entry, sources[turn].ending(place)


def _open(ctx: Context, job: JobId, part: Part, stack: ExitStack) -> _Collected | _Unsent:
    if part.state is not PartState.COLLECTED:
        return _Unsent(part)
    with ctx.spool.open(job, places_name(part.label)) as file:
        places = ResultOffsets(bytearray(file.read()))
    if zlib.crc32(places.data) != part.offsets_crc32:
        raise Damaged(f"the places of {part.label} are not what was written", DISK_FIX)
    rows = stack.enter_context(ctx.spool.open(job, rows_name(part.label), here_and_there=True))
    return _Collected(rows, places, part.label)
