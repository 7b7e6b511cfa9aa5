"""Attachments: local files that content blocks name, put into the request in their place.

`{"type":"file","path":"photos/a.jpg"}` is our own kind of source; with `file_id` it is the API's, which
passes untouched. All that is not on the way to such a source stays the bytes that came.

What a file is tells its content, never its name. Limits: an image of 10 MB once it is base64
(https://platform.claude.com/docs/en/build-with-claude/vision); a request of 32 MB with a PDF in it
(https://platform.claude.com/docs/en/build-with-claude/pdf-support).
"""

import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from batchbox.formats.raw_json import (
    Fields,
    JsonProblem,
    decode,
    decode_fields,
    find_elements,
    join_fields,
    quote,
)

Raw = msgspec.Raw
Fetch = Callable[[str, int], bytes]  # a path, and how many bytes it may have -> what is in it

IMAGE_BYTES = 10 * (1 << 20) * 3 // 4
DOCUMENT_BYTES = 32_000_000 * 3 // 4

BOM = b"\xef\xbb\xbf"
NAMES = (b'"path"', b'"file"')
ESCAPED = re.compile(rb"\\u00(?:6[1-9a-fA-F]|7[0-9aA])")  # a small letter, as no usual encoder spells it
OBJECTS = re.compile(rb"\[\s*\{")  # the beginning of a list of blocks
SAVE_AS = "save it as PDF or as text"


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of file: how it begins, and what is in it somewhere unless it was cut."""

    media_type: str
    start: re.Pattern[bytes]
    end: bytes = b""


IMAGES = (
    Kind("image/jpeg", re.compile(rb"\xff\xd8\xff"), b"\xff\xd9"),
    Kind("image/png", re.compile(rb"\x89PNG\r\n\x1a\n"), b"IEND"),
    Kind("image/gif", re.compile(rb"GIF8[79]a")),
    Kind("image/webp", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
)
PDF = Kind("application/pdf", re.compile(rb"%PDF-"), b"%%EOF")
OTHERS = (
    (b"PK\x03\x04", "a ZIP, Word, Excel or PowerPoint file", SAVE_AS),
    (b"\xd0\xcf\x11\xe0", "an old Word, Excel or PowerPoint file", SAVE_AS),
    (b"BM", "a BMP picture", "save it as JPEG or PNG"),
    (b"II*\0", "a TIFF picture", "save it as JPEG or PNG"),
    (b"MM\0*", "a TIFF picture", "save it as JPEG or PNG"),
    (b"\0\0\0", "a HEIC picture or a film", "save it as JPEG or PNG"),
    (b"<svg", "an SVG drawing", "save it as PNG"),
)


def may_name_files(line: bytes) -> bool:
    """Say whether a batch request may name a local file; False is certain, and quick."""
    content = line.find(b"[", line.find(b"[") + 1)  # a list within that of the messages
    return content > 0 and OBJECTS.search(line, content) is not None and _names_files(line, content)


def _names_files(text: bytes, start: int = 0) -> bool:
    return all(text.find(name, start) >= 0 for name in NAMES) or bool(ESCAPED.search(text, start))


def _word(value: bytes) -> str:
    """Return what a string of JSON says, however it is spelled; empty if *value* is none."""
    return decode(value, str) if value[:1] == b'"' else ""


def embed(params: Raw, fetch: Fetch) -> Raw:
    """Return *params* with every local file that its messages name in its place; the same if none is.

    *fetch* raises `JsonProblem` where the file cannot be had; so does this where it cannot be sent.
    """
    if not _names_files(bytes(params)):
        return params
    fields = decode_fields(bytes(params))
    messages = _each(fields.get("messages"), lambda message: _embed_content(message, fetch, depth=3))
    return Raw(join_fields(fields | {"messages": messages})) if messages else params


def _each(array: Raw | None, change: Callable[[bytes], Raw | None]) -> Raw | None:
    """Return *array* with those elements changed for which there is something else; None if there is none."""
    text = bytes(array or b"")
    if text[:1] != b"[" or not _names_files(text):
        return None
    pieces: list[bytes | Raw] = []
    kept = 0
    for start, end in find_elements(text):
        element = text[start:end]
        changed = change(element.strip()) if _names_files(element) else None
        if changed is not None:
            pieces += [text[kept:start], changed]
            kept = end
    return Raw(b"".join([*pieces, text[kept:]])) if pieces else None


def _embed_content(holder: bytes, fetch: Fetch, depth: int) -> Raw | None:
    """Return a message or block with the files in its content, None if there are none."""
    if holder[:1] != b"{":
        return None
    fields = decode_fields(holder)
    content = _each(fields.get("content"), lambda block: _embed_block(block, fetch, depth))
    return Raw(join_fields(fields | {"content": content})) if content else None


def _embed_block(block: bytes, fetch: Fetch, depth: int) -> Raw | None:
    if block[:1] != b"{":
        return None
    fields = decode_fields(block)
    kind, source = _word(bytes(fields.get("type", b""))), bytes(fields.get("source", b""))
    if kind == "tool_result" and depth > 1:
        return _embed_content(block, fetch, depth - 1)
    if kind not in ("image", "document") or source[:1] != b"{":
        return None
    found = _embed_source(kind, source, fetch, depth)
    return Raw(join_fields(fields | {"source": found})) if found else None


def _embed_source(kind: str, source: bytes, fetch: Fetch, depth: int) -> Raw | None:
    fields = decode_fields(source)
    form = _word(bytes(fields.get("type", b"")))
    if form == "content" and depth > 1:
        return _embed_content(source, fetch, 1)
    if form != "file" or "path" not in fields:
        return None
    path = _take_path(fields)
    if kind == "image":
        return _inline(path, _image_kind(path, data := fetch(path, IMAGE_BYTES)), data)
    data = fetch(path, DOCUMENT_BYTES)
    return _inline(path, PDF, data) if PDF.start.match(data) else _inline_text(path, data)


def _take_path(fields: Fields) -> str:
    extra = sorted(fields.keys() - {"type", "path"})
    if extra:
        raise JsonProblem(
            f'"{extra[0]}" cannot stand beside "path"',
            'keep "type" and "path": what kind of file it is, is seen from its content',
        )
    if bytes(fields["path"])[:1] != b'"':
        raise JsonProblem("the path of a file is not a string", 'write it as in "path": "photos/a.jpg"')
    return decode(bytes(fields["path"]), str)


def _image_kind(path: str, data: bytes) -> Kind:
    for kind in IMAGES:
        if kind.start.match(data):
            return kind
    if PDF.start.match(data):
        raise JsonProblem(
            f"{quote(path)} is a PDF, not a picture", 'write "document" in the place of "image"'
        )
    what, fix = _recognise(data)
    fix = "name a JPEG, PNG, GIF or WebP picture" if fix == SAVE_AS else fix
    raise JsonProblem(f"{quote(path)} is {what}, which cannot be sent as a picture", fix)


def _recognise(data: bytes) -> tuple[str, str]:
    """Return what a file is that cannot be sent, and what to do about it."""
    if not data:
        return "empty", "put the whole file in its place"
    known = ((what, fix) for start, what, fix in OTHERS if data.lstrip(BOM).startswith(start))
    return next(known, ("of no known type", SAVE_AS))


def _inline(path: str, kind: Kind, data: bytes) -> Raw:
    is_cut = kind.end not in data
    if kind.media_type == "image/webp":
        is_cut = int.from_bytes(data[4:8], "little") + 8 > len(data)
    if is_cut:
        raise JsonProblem(
            f"{quote(path)} is not whole: its end is missing",
            "copy it again, and drop the file that names it after that",
        )
    head = b'{"type":"base64","media_type":"' + kind.media_type.encode() + b'","data":"'
    return Raw(b"".join((head, b64encode(data), b'"}')))


def _inline_text(path: str, data: bytes) -> Raw:
    if any(kind.start.match(data) for kind in IMAGES):
        raise JsonProblem(
            f"{quote(path)} is a picture, not a document", 'write "image" in the place of "document"'
        )
    try:
        text = data.removeprefix(BOM).decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or not text.strip():
        what, fix = _recognise(data if data.strip() else b"")
        fix = "save it as UTF-8 text or as PDF" if what == "of no known type" else fix
        raise JsonProblem(f"{quote(path)} is {what}, which cannot be sent as a document", fix)
    return Raw(b'{"type":"text","media_type":"text/plain","data":' + msgspec.json.encode(text) + b"}")
