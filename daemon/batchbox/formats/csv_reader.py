"""Tables: CSV and TSV as spreadsheets write them, one record after the other.

Nothing is guessed beyond what the file says itself: the encoding by its byte order mark, else UTF-8; the
delimiter of a `.csv` by its header, for spreadsheets of many countries write semicolons. Quoting is strict:
a quote in the wrong place would shift what a cell holds, and nobody would see that in the answers.
"""

import csv
import io
import re
from collections.abc import Iterator
from typing import BinaryIO, Literal, NamedTuple

from batchbox.domain.errors import InvalidFile

RECORD_LIMIT = 16 << 20  # characters: four times what any model can read
NAME_SHOWN = 40  # characters
DELIMITERS = (",", ";", "\t")
NAMES = {",": "commas", ";": "semicolons", "\t": "tabs"}
HINT = re.compile(r"sep=(.?)\s*", re.IGNORECASE | re.DOTALL)  # Excel's own first line, which is no record
JSON = re.compile(r'\s*\[?\s*\{\s*"')
NO_DELIMITERS = ("", '"', "\r", "\n", "\0")
LINE_END = re.compile(r"\r\n|\r|\n")
UTF16 = (b"\xff\xfe", b"\xfe\xff")
SAVE_AGAIN = 'save the file as "CSV UTF-8" (a text: as UTF-8) and drop it again'

csv.field_size_limit(RECORD_LIMIT)  # for the whole process; the module allows far less by itself


class TableRecord(NamedTuple):
    """A row of the file: the *line* on which it begins, its cells, and its text with all line ends."""

    line: int
    cells: list[str]
    raw: str


class TableProblem(NamedTuple):
    """A row that cannot be read as one, with what is wrong and what to do."""

    line: int
    problem: str
    fix: str
    raw: str


class Table:
    """A CSV or TSV file, opened at its header: *columns* are its names. Line numbers count from 1.

    *file* has to be seekable, and is read while the rows are. Raises `InvalidFile`, here or later, where
    the file as a whole cannot be read: its encoding, its header, a row without an end.
    """

    def __init__(self, file: BinaryIO, kind: Literal["csv", "tsv"]) -> None:
        self._text = open_text(file)
        self._line = 0
        self._is_tsv = kind == "tsv"
        self._pieces: list[str] = []
        first = self._peek()
        hint = _read_hint(first) if kind == "csv" else ""
        if hint:
            self._pieces = []
            first = self._peek()
        if JSON.match(first):
            fix = "let the file's name end in .jsonl, with one JSON object on each line"
            raise InvalidFile(
                "the file is no table: where the header should be stands JSON", fix, line=self._line
            )
        self.delimiter = "\t" if kind == "tsv" else hint or _find_delimiter(first)
        self._ahead = self._pieces
        self._reader = csv.reader(self._feed(), delimiter=self.delimiter, strict=True)
        self.columns = tuple(self._read_header())

    @property
    def lines(self) -> int:
        """How many lines of the file were read so far."""
        return self._line

    def records(self) -> Iterator[TableRecord | TableProblem]:
        """Yield the rows below the header, once; empty ones are passed over, however many cells they have."""
        while True:
            self._pieces = []
            begin = self._line + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield self._flaw(begin, *_explain(str(error)))
                continue
            raw = "".join(self._pieces)
            if "\0" in raw:
                yield self._flaw(begin, "a NUL byte stands in this row", SAVE_AGAIN)
            elif any(cell.strip() for cell in cells):
                yield self._judge(TableRecord(begin, cells, raw))

    def _judge(self, record: TableRecord) -> TableRecord | TableProblem:
        found, wanted = len(record.cells), len(self.columns)
        if found == wanted and self._is_tsv and _looks_like_rows(record.raw, wanted):
            problem = "a quote opens in this row and closes rows below: each line of it would be a whole row"
            fix = (
                'put a cell that begins with a quote in quotes, with each quote in it twice: """No"" it says"'
            )
            return self._flaw(record.line, problem, fix)
        if found == wanted:
            return record
        by = NAMES.get(self.delimiter, self.delimiter)
        problem = f"this row has {found:,} cells and the header {wanted:,}"
        fix = f"cells are parted by {by}: put a cell that has one of them or a line break in it in quotes"
        return self._flaw(record.line, problem, fix)

    def _flaw(self, begin: int, problem: str, fix: str) -> TableProblem:
        return TableProblem(begin, problem, fix, "".join(self._pieces))

    def _read_header(self) -> list[str]:
        try:
            names = [name.strip() for name in next(self._reader, [])]
        except csv.Error as error:
            problem, fix = _explain(str(error))
            raise InvalidFile(f"the header cannot be read: {problem}", fix, line=self._line) from None
        if "\0" in "".join(self._pieces):
            raise InvalidFile("the file is not text, or not in UTF-8: it has NUL bytes", SAVE_AGAIN, line=1)
        if not any(names):
            raise InvalidFile(
                "the file has no header", "write the names of the columns on its first line", line=1
            )
        _require_names(names, self._line)
        return names

    def _peek(self) -> str:
        self._pieces = [line] if (line := self._next_line()) else []
        return line

    def _feed(self) -> Iterator[str]:
        """Yield the lines of the file; keep those of the record that is being read."""
        yield from self._ahead
        size = 0
        while line := self._next_line():
            size = size + len(line) if self._pieces else len(line)
            self._pieces.append(line)
            if size > RECORD_LIMIT:
                begin = self._line - len(self._pieces) + 1
                problem = f"the row that begins in line {begin} has more than {RECORD_LIMIT:,} characters"
                raise InvalidFile(
                    problem, "look there for a quote that is opened and never closed", line=begin
                )
            yield line

    def _next_line(self) -> str:
        try:
            line = self._text.readline(RECORD_LIMIT + 1)
        except UnicodeDecodeError as error:
            raise _refuse_encoding(error, self._line) from None
        self._line += bool(line)
        return line


class _Borrowed(io.BufferedIOBase):
    """A file for a reader that would close it at its own end."""

    name = ""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        return self._file.read(-1 if size is None else size)

    def read1(self, size: int = -1) -> bytes:
        return self._file.read(size)


def open_text(file: BinaryIO) -> io.TextIOWrapper:
    """Return *file* from its start as text, line ends as they are: UTF-16 if a byte order mark says so."""
    begin = file.read(2)
    file.seek(0)
    return io.TextIOWrapper(_Borrowed(file), "utf-16" if begin in UTF16 else "utf-8-sig", newline="")


def read_whole(file: BinaryIO) -> str:
    """Return a *file* of text. Raise `InvalidFile` if it is none, or more than any model can read."""
    try:
        text = open_text(file).read(RECORD_LIMIT + 1)
    except UnicodeDecodeError as error:
        raise _refuse_encoding(error, 0) from None
    if len(text) > RECORD_LIMIT:
        problem = f"the text has more than {RECORD_LIMIT:,} characters, and a file of text is one prompt"
        raise InvalidFile(problem, "split it; many prompts go into a .csv or a .jsonl")
    return text


def _refuse_encoding(error: UnicodeDecodeError, lines_before: int) -> InvalidFile:
    before = error.object[: error.start].decode(error.encoding, "replace")
    line = lines_before + 1 + len(LINE_END.findall(before))
    if error.encoding.startswith("utf-16"):
        return InvalidFile("the file is UTF-16, and damaged or cut off", SAVE_AGAIN, line=line)
    problem = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
    return InvalidFile(problem, SAVE_AGAIN, line=line)


def _read_hint(first: str) -> str:
    """Return the delimiter that the *first* line names, if it is no record but a hint."""
    hint = HINT.fullmatch(first)
    if hint and hint[1] in NO_DELIMITERS:
        fix = "write sep=; or the like, or remove this line"
        raise InvalidFile("sep= names no character that can stand between cells", fix, line=1)
    return hint[1] if hint else ""


def _find_delimiter(header: str) -> str:
    """Return what stands most often in *header* outside of quotes; the comma if nothing does."""
    bare = re.sub(r'"[^"]*"?', "", header)
    return max(DELIMITERS, key=bare.count)


def _require_names(names: list[str], line: int) -> None:
    known: set[str] = set()
    for number, name in enumerate(names, start=1):
        if not name:
            fix = "give each column a name, and remove what is empty to the right of the table"
            if number == 1:
                fix = "give it one, as id; or write no row names (R: row.names = FALSE; pandas: index=False)"
            raise InvalidFile(f"column {number} has no name in the header", fix, line=line)
        if name.lower() in known:
            problem = f'two columns are called "{shorten(name)}"'
            fix = "give each column a name of its own; small letters or large make no difference"
            raise InvalidFile(problem, fix, line=line)
        known.add(name.lower())


def _looks_like_rows(raw: str, wanted: int) -> bool:
    """Say whether *raw* reads as several rows of *wanted* cells where nobody quotes, as databases write."""
    lines = LINE_END.split(raw.rstrip("\r\n"))
    return wanted > 1 and len(lines) > 1 and all(line.count("\t") == wanted - 1 for line in lines)


def shorten(name: str) -> str:
    """Return a column's name as a complaint shows it: without a header, it may be a whole text."""
    return name if len(name) <= NAME_SHOWN else name[:NAME_SHOWN] + "…"


def _explain(error: str) -> tuple[str, str]:
    """Return problem and fix for what the csv module says of a row."""
    if "unexpected end" in error:
        problem = "a quote is opened in this row and never closed, so all that follows would be one cell"
        return problem, 'close it; a quote within a quoted cell is written twice: ""'
    if "expected after" in error:
        problem = "something stands behind a closing quote, before the next cell"
        return problem, 'write a quote within a quoted cell twice: ""'
    return f"this row cannot be read ({error})", 'see where it has quotes: within a cell they are written ""'
