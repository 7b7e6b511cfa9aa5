"""Material: what is asked about, one piece for each request, read when its turn comes.

A piece is a text, a row of a table, or an image or a PDF. What cannot be sent is told, with the reason.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from batchbox.domain.errors import InvalidFile
from batchbox.domain.output_names import show
from batchbox.formats.csv_reader import Table, TableProblem, TableRecord
from batchbox.formats.local_files import embed
from batchbox.formats.raw_json import JsonProblem
from batchbox.formats.row_prompts import IDS, find_column

Raw = msgspec.Raw

TEXT_BYTES = 500_000  # about 160,000 tokens: what most models can read, and much to pay for by mistake
IMAGES = (".jpg", ".jpeg", ".png", ".gif", ".webp")
PDFS = (".pdf",)


@dataclass(frozen=True, slots=True)
class SourceText:
    """What one request is about. *values*: for the places in the prompt. *text* or *block*: the content."""

    custom_id: str
    values: dict[str, str] = field(default_factory=dict)
    text: str = ""
    block: Raw | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What no request is made of, and why. *is_missed*: somebody may have counted on it."""

    place: str
    problem: str
    is_missed: bool = True


Supply = Iterator[SourceText | LeftOut]


def read_texts(paths: Iterable[str], limit: int) -> Supply:
    """Yield a piece for each file, which has to be text: UTF-8, or UTF-16 that says so."""
    for path in paths:
        names = _name(path)
        try:
            text = _decode(_read(path, limit))
        except InvalidFile as unfit:
            yield LeftOut(names["path"], unfit.problem)
            continue
        if text.strip():
            yield SourceText(names["path"], names | {"text": text}, text)
        else:
            yield LeftOut(names["path"], "it is empty", is_missed=False)


def _decode(content: bytes) -> str:
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        begin = f"byte {error.start + 1:,} is 0x{error.object[error.start]:02x}"
        raise InvalidFile(f"it is no text in UTF-8: {begin}") from None
    if "\0" in text:
        raise InvalidFile("it is no text: there is a NUL in it")
    return text


def read_files(paths: Iterable[str], limit: int | None, kind: str) -> Supply:
    """Yield a piece for each file, checked as one that a request names. *kind*: image or document."""
    for path in paths:
        names = _name(path)
        try:
            yield SourceText(names["path"], names, block=_make_block(path, limit, kind))
        except (JsonProblem, InvalidFile) as found:
            yield LeftOut(names["path"], found.problem)


def _make_block(path: str, limit: int | None, kind: str) -> Raw:
    name = os.path.basename(os.path.normpath(path))
    block = {"type": kind, "source": {"type": "file", "path": show(os.fsencode(name))}}
    params = msgspec.json.encode({"messages": [{"content": [block]}]})
    embedded = embed(Raw(params), lambda _, most: _read(path, min(most, limit or most)))
    (message,) = msgspec.json.decode(bytes(embedded), type=dict[str, list[dict[str, list[Raw]]]])["messages"]
    return message["content"][0]


def read_rows(table: Table, id_column: str | None) -> Supply:
    """Yield a piece for each row; its id is in *id_column*, or in a column `custom_id` or `id`."""
    at = find_column(table.columns, (id_column,) if id_column else IDS)
    column = table.columns[at] if at is not None else None
    if id_column and not column:
        raise InvalidFile(f'there is no column "{id_column}"', f"the columns are: {', '.join(table.columns)}")
    uses: dict[str, int] = {}
    for row in table.records():
        yield _read_row(row, table.columns, column, uses)


def _read_row(
    row: TableRecord | TableProblem, columns: tuple[str, ...], column: str | None, uses: dict[str, int]
) -> SourceText | LeftOut:
    place = f"line {row.line:,}"
    if isinstance(row, TableProblem):
        return LeftOut(place, f"{row.problem}; {row.fix}")
    values = dict(zip(columns, row.cells, strict=True))
    custom_id = values[column].strip() if column else f"line-{row.line:06d}"
    if not custom_id:
        return LeftOut(place, f"its {column} is empty")
    before = uses.setdefault(custom_id, row.line)
    if before != row.line:
        return LeftOut(place, f'its {column} "{custom_id}" was used in line {before:,} already')
    text = "\n".join(f"{name}: {value}" for name, value in values.items())
    return SourceText(custom_id, values, text)


def _name(path: str) -> dict[str, str]:
    shown = show(os.fsencode(os.path.normpath(path)))
    return {"path": shown, "name": shown.rpartition("/")[2]}


def _read(path: str, limit: int) -> bytes:
    """Return all that is in the file. A pipe or a device is not waited for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "it is not a file")
            content = file.read(limit + 1)
    except OSError as error:
        raise InvalidFile(f"it cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise InvalidFile(f"it is larger than {limit:,} bytes (--max-bytes)")
    return content
