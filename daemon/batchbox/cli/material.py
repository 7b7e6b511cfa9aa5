"""Material: what is asked about, one piece for each request, read when its turn comes.

A piece is a text, a row of a table, or an image or a PDF. What cannot be sent is told, with the reason.
"""

import base64
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from batchbox.core.errors import Unfit
from batchbox.core.names import show
from batchbox.core.tables import Flaw, Record, Table

TEXT_BYTES = 500_000  # about 160,000 tokens: what most models can read, and much to pay for by mistake
# the API's own limits: https://platform.claude.com/docs/en/build-with-claude/vision and .../pdf-support
IMAGE_BYTES = 10 * (1 << 20) * 3 // 4  # 10 MB once it is base64
PDF_BYTES = 32_000_000 * 3 // 4  # as base64 within a request of 32 MB
IMAGES = (".jpg", ".jpeg", ".png", ".gif", ".webp")
PDFS = (".pdf",)
ID_COLUMNS = ("custom_id", "id")
KNOWN = {  # how a file begins
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
}


@dataclass(frozen=True, slots=True)
class Piece:
    """What one request is about. *values*: for the places in the prompt. *text* or *block*: the content."""

    custom_id: str
    values: dict[str, str] = field(default_factory=dict)
    text: str = ""
    block: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What no request is made of, and why. *is_missed*: somebody may have counted on it."""

    place: str
    problem: str
    is_missed: bool = True


Supply = Iterator[Piece | LeftOut]


def read_texts(paths: Iterable[str], limit: int) -> Supply:
    """Yield a piece for each file, which has to be text: UTF-8, or UTF-16 that says so."""
    for path in paths:
        names = _name(path)
        try:
            text = _decode(_read(path, limit))
        except Unfit as unfit:
            yield LeftOut(names["path"], unfit.problem)
            continue
        if text.strip():
            yield Piece(names["path"], names | {"text": text}, text)
        else:
            yield LeftOut(names["path"], "it is empty", is_missed=False)


def _decode(content: bytes) -> str:
    try:
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except UnicodeDecodeError as error:
        begin = f"byte {error.start + 1:,} is 0x{error.object[error.start]:02x}"
        raise Unfit(f"it is no text in UTF-8: {begin}") from None
    if "\0" in text:
        raise Unfit("it is no text: there is a NUL in it")
    return text


def read_files(paths: Iterable[str], limit: int, kind: str) -> Supply:
    """Yield a piece for each file; what it is, is told by how it begins. *kind*: image or document."""
    for path in paths:
        names = _name(path)
        try:
            yield Piece(names["path"], names, block=_make_block(_read(path, limit), kind))
        except Unfit as unfit:
            yield LeftOut(names["path"], unfit.problem)


def _make_block(content: bytes, kind: str) -> dict[str, Any]:
    media_type = next((name for start, name in KNOWN.items() if content.startswith(start)), "")
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        media_type = "image/webp"
    if kind == "document" and media_type != "application/pdf":
        raise Unfit("it is no PDF")
    if kind == "image" and not media_type.startswith("image/"):
        raise Unfit("it is no image that the API takes: JPEG, PNG, GIF or WebP")
    data = base64.b64encode(content).decode()
    return {"type": kind, "source": {"type": "base64", "media_type": media_type, "data": data}}


def read_rows(table: Table, id_column: str | None) -> Supply:
    """Yield a piece for each row; its id is in *id_column*, or in a column `custom_id` or `id`."""
    wanted = (id_column,) if id_column else ID_COLUMNS
    column = next((one for name in wanted for one in table.columns if one.lower() == name.lower()), None)
    if id_column and not column:
        raise Unfit(f'there is no column "{id_column}"', f"the columns are: {', '.join(table.columns)}")
    uses: dict[str, int] = {}
    for row in table.records():
        yield _read_row(row, table.columns, column, uses)


def _read_row(
    row: Record | Flaw, columns: tuple[str, ...], column: str | None, uses: dict[str, int]
) -> Piece | LeftOut:
    place = f"line {row.line:,}"
    if isinstance(row, Flaw):
        return LeftOut(place, f"{row.problem}; {row.fix}")
    values = dict(zip(columns, row.cells, strict=True))
    custom_id = values[column].strip() if column else f"line-{row.line:06d}"
    if not custom_id:
        return LeftOut(place, f"its {column} is empty")
    before = uses.setdefault(custom_id, row.line)
    if before != row.line:
        return LeftOut(place, f'its {column} "{custom_id}" was used in line {before:,} already')
    text = "\n".join(f"{name}: {value}" for name, value in values.items())
    return Piece(custom_id, values, text)


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
        raise Unfit(f"it cannot be read: {error.strerror}") from None
    if len(content) > limit:
        raise Unfit(f"it is larger than {limit:,} bytes (--max-bytes)")
    return content
