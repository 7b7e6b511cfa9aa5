"""Answers: the forms in which a job is put out beside the API's own rows, or instead of them.

All are written together, in the order of the lines, those that were left out among them: a row is read once
for all forms, and not at all where none is wanted.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Protocol

import msgspec

from batchbox.domain.job import Manifest
from batchbox.engine.steps.answer_columns import Columns, DroppedColumns
from batchbox.engine.steps.buffered_writer import BufferedWriter
from batchbox.engine.steps.context import REQUEST, SKIPPED, Context
from batchbox.engine.steps.request_index import Entry
from batchbox.engine.steps.write_errors import Skips
from batchbox.formats.answer_text import Answer, read_answer
from batchbox.formats.csv_reader import Table
from batchbox.formats.csv_writer import OURS, CellWriter, guard, name_columns
from batchbox.formats.request_lines import BOM
from batchbox.settings.queues import OutputForm

Failure = tuple[str, str]  # outcome and reason

_encode = msgspec.json.Encoder().encode


class _Form(Protocol):
    """One of the forms. *is_empty*: there is nothing in it that anybody asked for."""

    is_empty: bool

    def write(self, answer: Answer) -> bytes:
        """Return what is to be added for *answer*."""


class LinesForm:
    """Lines of JSON."""

    is_empty = False

    def write(self, answer: Answer) -> bytes:
        """Return a line."""
        return _encode(answer) + b"\n"


class TableForm:
    """CSV or TSV: a row for each line, with the columns of the dropped file before ours."""

    is_empty = False

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._writer = CellWriter(columns.delimiter)
        self._head = BOM + self._writer.write([*columns.names, *name_columns(OURS, columns.names)])

    def write(self, answer: Answer) -> bytes:
        """Return a row, the first after its header."""
        own = self._columns.cells(answer)
        text, error = guard(answer.text or ""), guard(answer.error or "")
        row = self._writer.write([*own, answer.status, text, answer.stop_reason or "", error])
        head, self._head = self._head, b""
        return head + row


class TextForm:
    """Nothing but the text; where there are several, each under a heading of its id."""

    def __init__(self, is_single: bool) -> None:
        self._is_single = is_single
        self._gap = ""
        self.is_empty = True

    def write(self, answer: Answer) -> bytes:
        """Return the text, or why there is none."""
        if answer.text is not None:
            self.is_empty = False
        text = answer.text if answer.text is not None else f"[not answered: {answer.error}]"
        text = text.rstrip("\n") + "\n"
        if not self._is_single:
            text = f"{self._gap}=== {answer.custom_id or f'line {answer.line}'} ===\n\n{text}"
            self._gap = "\n"
        return text.encode()


class Answers:
    """Writes all forms that are wanted, each under the ending of its name."""

    def __init__(self, skips: Skips, forms: dict[str, tuple[_Form, BufferedWriter]]) -> None:
        self._skips = skips
        self._forms = forms

    def add(self, entry: Entry, result: bytes, failure: Failure | None) -> None:
        """Add how a request ended."""
        self._add_skips(before=entry.line)
        if failure:
            status, reason = failure
            self._write(Answer(entry.custom_id, entry.line, status, error=reason))
        else:
            self._write(read_answer(entry.custom_id, entry.line, result))

    def finish(self) -> None:
        """Add the lines that are left."""
        self._add_skips(before=None)

    def _add_skips(self, before: int | None) -> None:
        for _, entry in self._skips.take(before):
            reason = entry["reason"]
            place = f"column {reason['column']}: " if "column" in reason else ""
            error = f"{place}{reason['problem']}; {reason['fix']}"
            self._write(Answer(None, entry["line"], "skipped", error=error))

    def _write(self, answer: Answer) -> None:
        for form, pieces in self._forms.values():
            pieces.write(form.write(answer))

    def close(self) -> Iterator[tuple[str, tuple[int, str]]]:
        """Write what is left; yield ending, size and SHA-256 of each file that is worth to be put out."""
        for ending, (form, pieces) in self._forms.items():
            sha256 = pieces.close()
            if not form.is_empty:
                yield ending, (pieces.size, sha256)


def open_answers(
    ctx: Context,
    job: Manifest,
    wanted: Sequence[OutputForm],
    note: Callable[[int], None],
    stack: ExitStack,
) -> Answers | None:
    """Return what writes the forms that are *wanted*, open as long as *stack*; None if that is rows alone."""
    if set(wanted) == {"rows"}:
        return None
    forms: dict[str, _Form] = {}
    kind = job.source.form.kind
    if "answers" in wanted:
        forms[".jsonl"] = LinesForm()
    if "csv" in wanted and kind in {"csv", "tsv"}:
        table = Table(stack.enter_context(ctx.spool.open(job.job, REQUEST)), kind)
        forms[f".{kind}"] = TableForm(DroppedColumns(table))
    elif "csv" in wanted:
        forms[".csv"] = TableForm(Columns())
    if "text" in wanted:
        count = job.input.requests + job.input.skipped if job.input else 0
        forms[".md" if job.source.form.ending == ".md" else ".txt"] = TextForm(is_single=count == 1)
    skips = Skips(stack.enter_context(ctx.spool.open(job.job, SKIPPED)))
    files = {ending: stack.enter_context(ctx.spool.create(job.job, source_name(ending))) for ending in forms}
    return Answers(
        skips, {ending: (form, BufferedWriter(files[ending], note)) for ending, form in forms.items()}
    )


def source_name(ending: str) -> str:
    """Return the name of answers in the job's folder."""
    return f"answers{ending}"
