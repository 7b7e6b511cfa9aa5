"""Merging: the rows of later tries in the places of those of the first, by their ids.

Of each row of a later try its offset is kept, no row; the first is read once, from its beginning to its end.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

import msgspec

from batchbox.domain.errors import BAD_SETTINGS, Stop
from batchbox.formats.row_checks import SUCCEEDED

Kind = Literal["results", "answers"]

USED = -1  # in the place of a place
SHOWN = 10  # ids named in a complaint
NOT_ROWS = "name files that end in .results.jsonl or .answers.jsonl"


class _Result(msgspec.Struct):
    type: str


class _ResultsRow(msgspec.Struct):
    custom_id: str
    result: _Result


class AnswersRow(msgspec.Struct):
    """What of a line of answers counts here."""

    custom_id: str | None
    line: int
    status: str
    text: str | None = None
    stop_reason: str | None = None
    error: str | None = None


class MergeRow(msgspec.Struct, frozen=True, gc=False):
    """A row of a file. *key*: its id, where it *has_id*, or its line's number spelled as one."""

    key: str
    has_id: bool
    succeeded: bool
    line: int
    text: bytes


class MergeRows:
    """A file of rows, of results or of answers; *name* is what a complaint calls it."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._number = 0
        self.kind: Kind | None = None  # known once a row was read

    def read(self) -> Iterator[tuple[int, MergeRow]]:
        """Yield offset and row, in order. Raise `Stop` at what is no row, or one of another kind."""
        offset = 0
        for line in self._file:
            self._number += 1
            if line.strip():
                yield offset, self._understand(line)
            offset += len(line)

    def at(self, offset: int) -> MergeRow:
        """Return the row that begins there."""
        self._file.seek(offset)
        return self._understand(self._file.readline())

    def _understand(self, line: bytes) -> MergeRow:
        found = _read_row(line)
        if found is None:
            raise Stop(self._complain(line), NOT_ROWS, code=BAD_SETTINGS)
        kind, row = found
        if self.kind not in {kind, None}:
            problem = f"{self._name}, line {self._number}: a row of {kind} among {self.kind}"
            raise Stop(problem, "merge results with results, and answers with answers", code=BAD_SETTINGS)
        self.kind = kind
        return row

    def _complain(self, line: bytes) -> str:
        where = f"{self._name}, line {self._number}"
        if b'"reason"' in line and b'"outcome"' in line:
            return f"{where}: this is an errors file, which is dropped again; its results are what is merged"
        return f"{where}: this is no row of results, and none of answers"


def _read_row(line: bytes) -> tuple[Kind, MergeRow] | None:
    for load in (_decode, _load_odd):
        try:
            return load(line)
        except (msgspec.DecodeError, ValueError, RecursionError):
            continue
    return None


def _decode(line: bytes) -> tuple[Kind, MergeRow]:
    try:
        row = _results.decode(line)
    except msgspec.ValidationError:
        return "answers", _of_answers(_answers.decode(line), line)
    return "results", MergeRow(row.custom_id, True, row.result.type == SUCCEEDED, 0, line)


def _load_odd(line: bytes) -> tuple[Kind, MergeRow]:
    """Read what strict JSON does not hold: the API's own bytes may be so."""
    fields: Any = json.loads(line.decode(errors="replace"))
    row = msgspec.convert(fields, _ResultsRow)
    return "results", MergeRow(row.custom_id, True, row.result.type == SUCCEEDED, 0, line)


def _of_answers(row: AnswersRow, line: bytes) -> MergeRow:
    has_id = row.custom_id is not None
    key = row.custom_id if row.custom_id is not None else f"line-{row.line:06d}"
    return MergeRow(key, has_id, row.status == SUCCEEDED, row.line, line)


_results = msgspec.json.Decoder(_ResultsRow)
_answers = msgspec.json.Decoder(AnswersRow)
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(slots=True)
class Merged:
    """What came of it: *rows* in all, *replaced* and *added* among them, *unanswered* still.

    *answered_twice*: were replaced though they were answered; a second try of something else would do that.
    """

    rows: int = 0
    replaced: int = 0
    answered_twice: int = 0
    added: int = 0
    unanswered: int = 0

    def count(self, row: MergeRow) -> None:
        """Count a row that is written."""
        self.rows += 1
        self.unanswered += not row.succeeded


class TryFiles:
    """The later tries. Of several rows of one id the last that succeeded counts, or else the last."""

    def __init__(self, files: Sequence[MergeRows]) -> None:
        self.files = files
        self._places: dict[str, int] = {}  # file, offset and success in one number: there may be millions

    def learn(self) -> None:
        """Read them all. Raise `Stop` if one is not what it should be."""
        for number, file in enumerate(self.files):
            for offset, row in file.read():
                if row.has_id and (row.succeeded or not self._places.get(row.key, 0) & 1):
                    self._places[row.key] = (offset * len(self.files) + number) << 1 | row.succeeded

    def know(self, key: str) -> bool:
        """Say whether one of them has a row of that id."""
        return key in self._places

    def find(self, first: MergeRow) -> MergeRow | None:
        """Return what takes the place of a row of the *first* try; None if that stays."""
        place = self._places.get(first.key)
        if place is None:
            return None
        if place == USED:
            problem = f'"{first.key}" is the id of two rows of the first file'
            raise Stop(problem, "nothing was written: give each row an id of its own", code=BAD_SETTINGS)
        self._places[first.key] = USED
        return self._at(place) if place & 1 or not first.succeeded else None

    def _at(self, place: int) -> MergeRow:
        offset, number = divmod(place >> 1, len(self.files))
        return self.files[number].at(offset)

    def strangers(self) -> Iterator[str]:
        """Yield the ids that took no place, in the order in which they were learnt."""
        return (key for key, place in self._places.items() if place != USED)

    def rest(self) -> Iterator[MergeRow]:
        """Yield their rows."""
        return (self._at(place) for place in self._places.values() if place != USED)


def merge(first: MergeRows, tries: TryFiles, out: BinaryIO, add: bool) -> Merged:
    """Write the rows of *first* to *out*, with those of the *tries* in their places.

    A row that *first* does not know is put at the end with *add*. Else, and wherever a file is not what it
    should be, `Stop` is raised, and what was written is worth nothing.
    """
    tries.learn()
    merged = Merged()
    for _, row in first.read():
        if not merged.rows:
            _require_one_kind(first, tries)
        found = tries.find(row)
        merged.replaced += found is not None
        merged.answered_twice += found is not None and row.succeeded
        _write(out, merged, _move(found, row) if found else row)
    if not merged.rows:
        raise Stop("the first file holds no row", NOT_ROWS, code=BAD_SETTINGS)
    require_known(tries, add)
    for row in tries.rest():
        merged.added += 1
        _write(out, merged, row)
    return merged


def _require_one_kind(first: MergeRows, tries: TryFiles) -> None:
    if any(one.kind not in {first.kind, None} for one in tries.files):
        kinds = sorted({one.kind for one in (first, *tries.files) if one.kind})
        problem = f"{' and '.join(kinds)} cannot be put into one file"
        raise Stop(problem, "merge results with results, and answers with answers", code=BAD_SETTINGS)


def _write(out: BinaryIO, merged: Merged, row: MergeRow) -> None:
    out.write(row.text if row.text.endswith(b"\n") else row.text + b"\n")
    merged.count(row)


def _move(row: MergeRow, place: MergeRow) -> MergeRow:
    """Return *row* under the line's number of *place*: the lines are those of the first file."""
    if not place.line:
        return row
    fields = _fields.decode(row.text) | {"line": msgspec.Raw(b"%d" % place.line)}
    return MergeRow(row.key, True, row.succeeded, place.line, msgspec.json.encode(fields))


def require_known(tries: TryFiles, add: bool) -> None:
    """Raise `Stop` if rows of the *tries* took no place, and nobody wants to *add* such."""
    strangers = [] if add else list(tries.strangers())
    if not strangers:
        return
    named = ", ".join(strangers[:SHOWN]) + (", …" if len(strangers) > SHOWN else "")
    count = f"{len(strangers):,} rows have ids" if len(strangers) > 1 else "a row has an id"
    fix = "nothing was written; if they belong there all the same, --add puts them at the end"
    raise Stop(f"{count} that the first file does not know: {named}", fix, code=BAD_SETTINGS)
