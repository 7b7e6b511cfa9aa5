"""Conversion: what a dropped file says, as lines of JSON, where it is not that already.

Every line has the number that it has in the file: a header becomes a blank line, a row over several lines
stands on its first. What cannot become a request is written as a line that says why, and is complained of
once the lines are read. Repeated after a crash, for nothing is noted of it: the lines are there whole or not.
"""

import base64
from collections.abc import Callable
from typing import BinaryIO, Literal

from batchbox.domain.errors import InvalidFile
from batchbox.domain.file_types import Form, strip_ending
from batchbox.domain.job import Manifest
from batchbox.domain.output_names import show
from batchbox.domain.records import Input
from batchbox.engine.steps.context import LINES, REQUEST, Context
from batchbox.engine.steps.free_space import ROOM_FACTOR, explain_shortage
from batchbox.formats import csv_reader
from batchbox.formats.bad_line_records import bad_line_record
from batchbox.formats.csv_reader import Table, TableProblem
from batchbox.formats.decompress import unpack
from batchbox.formats.row_prompts import RowPrompts, read_text
from batchbox.settings.queues import QueueSettings

LOOK_EVERY = 1 << 24  # bytes, until the room on the disk is looked at again
BLANKS = b"\n" * (1 << 16)

HasRoom = Callable[[int], bool]
Note = Callable[[int], object]


def convert(ctx: Context, job: Manifest, rules: QueueSettings) -> None:
    """Write the file of *job* as lines of JSON, if it is not that. Raise `InvalidFile`, `TryLater`."""
    form = job.source.form
    if form.is_plain:
        return

    def has_room(written: int) -> bool:
        return ctx.spool.free_bytes() - ctx.settings.reserve_bytes >= written * (ROOM_FACTOR - 1)

    with (
        ctx.transfers.track(job.job, "checking") as transfer,
        ctx.spool.open(job.job, REQUEST) as file,
        ctx.spool.create(job.job, LINES) as out,
    ):
        name = base64.b64decode(job.source.name_b64)
        lines = Lines(out, rules.max_unpacked_bytes, has_room, transfer.add)
        write_lines(file, lines, form, name, job.source.queue, rules)


def describe_dropped(ctx: Context, job: Manifest, found: Input) -> Input:
    """Return *found* with size and digest of the file as it was dropped, whatever was read of it."""
    if job.source.form.is_plain:
        return found
    size, sha256 = ctx.spool.describe(job.job, REQUEST)
    return found.of_file(size, sha256)


class Lines:
    """Writes lines under their numbers, as far as there is room: *limit* bytes, and what *has_room* allows.

    A small file may stand for any amount: packed, or because a long prompt is made of each short row.
    *note* hears how many bytes are written.
    """

    def __init__(self, out: BinaryIO, limit: int, has_room: HasRoom, note: Note = lambda _: None) -> None:
        self._note = note
        self._out = out
        self._limit = limit
        self._has_room = has_room
        self._looked = 0
        self._number = 0
        self.size = 0

    def write(self, data: bytes) -> None:
        """Write *data* as it is. Raise `InvalidFile` if it is too much, `TryLater` if there is no room."""
        self.size += len(data)
        if self.size > self._limit:
            problem = f"the file unpacks to more than {self._limit:,} bytes, as lines of JSON"
            raise InvalidFile(
                problem, "split it, or ask whoever runs batchbox to allow more (max_unpacked_bytes)"
            )
        if self.size >= self._looked + LOOK_EVERY:
            self._looked = self.size
            self._require_room()
        self._out.write(data)
        self._note(len(data))

    def _require_room(self) -> None:
        if not self._has_room(self.size):
            raise explain_shortage(self.size)

    def put(self, number: int, line: bytes) -> None:
        """Write a line as that *number*, which is larger than the last."""
        self.fill(number - 1)
        self.write(line + b"\n")
        self._number = number

    def fill(self, number: int) -> None:
        """Write blank lines up to *number*."""
        while (missing := number - self._number) > 0:
            blanks = BLANKS[:missing]
            self.write(blanks)
            self._number += len(blanks)


def write_lines(
    file: BinaryIO, out: Lines, form: Form, name: bytes, queue: str, rules: QueueSettings
) -> None:
    """Write to *out* what *file*, dropped as *name*, says. Raise `InvalidFile` if it cannot be read."""
    match form.kind:
        case "jsonl":
            for piece in unpack(file, form.packing):
                out.write(piece)
        case "csv" | "tsv":
            _write_rows(file, form.kind, out, queue, rules)
        case "text":
            _write_text(file, out, show(strip_ending(name)), rules)
        case "foreign":
            raise InvalidFile(f"a file that ends in {form.ending} cannot be read", form.fix)


def _write_rows(
    file: BinaryIO, kind: Literal["csv", "tsv"], out: Lines, queue: str, rules: QueueSettings
) -> None:
    table = Table(file, kind)
    rows = RowPrompts(table.columns, rules.prompt, rules.id_column, queue)
    found = False
    for record in table.records():
        found = True
        line = record if isinstance(record, TableProblem) else rows.read(record)
        out.put(record.line, bad_line_record(*line) if isinstance(line, TableProblem) else line)
    if not found:
        raise InvalidFile("the file has a header and nothing below it", "write the rows below the header")
    out.fill(table.lines)


def _write_text(file: BinaryIO, out: Lines, custom_id: str, rules: QueueSettings) -> None:
    text = csv_reader.read_whole(file)
    out.put(1, read_text(text, custom_id, rules.prompt))
    out.fill(text.count("\n") + (not text.endswith("\n")))
