"""Merging into a table of answers: what later tries came to is put beside the questions, by their ids."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any, BinaryIO

import msgspec

from batchbox.domain.errors import BAD_SETTINGS, Stop
from batchbox.formats.answer_text import Answer, read_answer
from batchbox.formats.csv_reader import Table, TableProblem
from batchbox.formats.csv_writer import OURS, CellWriter, guard, is_ours
from batchbox.formats.merge_rows import NOT_ROWS, AnswersRow, Merged, MergeRow, TryFiles, require_known
from batchbox.formats.request_lines import BOM
from batchbox.formats.row_checks import SUCCEEDED, read_row
from batchbox.formats.row_prompts import IDS, find_column


class _ResultsRow(msgspec.Struct):
    result: msgspec.Raw


_results = msgspec.json.Decoder(_ResultsRow)
_answers = msgspec.json.Decoder(AnswersRow)


def merge_table(first: Table, id_column: str | None, tries: TryFiles, out: BinaryIO, add: bool) -> Merged:
    """Write the table of answers *first* to *out*, with what the *tries* came to in its last columns.

    Its ids stand in *id_column*. As `merging.merge` otherwise; what is added has nothing but its id.
    """
    at = _find_ids(first.columns, id_column)
    tries.learn()
    writer, merged = CellWriter(first.delimiter), Merged()
    out.write(BOM + writer.write(first.columns))
    for record in first.records():
        if isinstance(record, TableProblem):
            raise Stop(f"line {record.line}: {record.problem}", record.fix, code=BAD_SETTINGS)
        own, ours = record.cells[: -len(OURS)], record.cells[-len(OURS) :]
        key = _read_id(own, at, first.delimiter, tries)
        place = MergeRow(key, True, ours[0] == SUCCEEDED, 0, b"")
        found = tries.find(place) if place.key else None
        merged.count(found or place)
        merged.replaced += found is not None
        merged.answered_twice += found is not None and place.succeeded
        out.write(writer.write([*own, *(_read_cells(found) if found else ours)]))
    if not merged.rows:
        raise Stop("the first file holds no row", NOT_ROWS, code=BAD_SETTINGS)
    require_known(tries, add)
    for row in tries.rest():
        own = [""] * (len(first.columns) - len(OURS))
        own[at] = row.key
        merged.count(row)
        merged.added += 1
        out.write(writer.write([*own, *_read_cells(row)]))
    return merged


def _find_ids(columns: Sequence[str], id_column: str | None) -> int:
    if not is_ours(columns[-len(OURS) :]):
        problem = "the first file is no table of answers: its last columns are not " + ", ".join(OURS)
        raise Stop(problem, "name the .answers.csv or .answers.tsv of the outbox", code=BAD_SETTINGS)
    own = columns[: -len(OURS)]
    at = find_column(own, (id_column,) if id_column else IDS)
    if at is not None:
        return at
    problem = f'no column is called "{id_column}"' if id_column else "no column is called custom_id or id"
    fix = f"say which one holds the ids with --id-column ({', '.join(own)}); if none does, merge the results"
    raise Stop(problem, fix, code=BAD_SETTINGS)


def _read_id(own: Sequence[str], at: int, delimiter: str, tries: TryFiles) -> str:
    """Return the id of a row. One that could not be read stands whole in its first cell: look there too."""
    if any(own[1:]) or tries.know(own[at]):
        return own[at]
    found = _split(own[0], delimiter)[at : at + 1]
    return found[0].strip() if found and tries.know(found[0].strip()) else own[at]


def _split(text: str, delimiter: str) -> list[str]:
    """Return the cells of a row that is no good one, as far as they can be told."""
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return []


def _read_cells(row: MergeRow) -> list[str]:
    """Return what stands in our columns for *row*, of results or of answers."""
    try:
        answer: AnswersRow | Answer = _answers.decode(row.text)
    except msgspec.DecodeError:
        answer = _read_result(row)
    return [answer.status, guard(answer.text or ""), answer.stop_reason or "", guard(answer.error or "")]


def _read_result(row: MergeRow) -> Answer:
    try:
        result = bytes(_results.decode(row.text).result)
    except msgspec.DecodeError:  # the API's own bytes need not be strict JSON
        fields: Any = json.loads(row.text.decode(errors="replace"))
        result = json.dumps(fields["result"]).encode()
    if row.succeeded:
        return read_answer(row.key, 0, result)
    found = read_row(b'{"custom_id":"a","result":' + result + b"}")
    return Answer(row.key, 0, found.outcome, error=found.reason)
