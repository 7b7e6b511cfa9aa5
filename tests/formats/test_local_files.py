"""Local files in content blocks: found where the API allows a block, put in, and nothing else touched."""

import json
import tracemalloc
from base64 import b64decode, b64encode
from typing import Any

import msgspec
import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from pydantic import TypeAdapter

from batchbox.formats.local_files import DOCUMENT_BYTES, IMAGE_BYTES, embed
from batchbox.formats.raw_json import JsonProblem

PNG = b"\x89PNG\r\n\x1a\n....IEND\xaeB`\x82"
JPEG = b"\xff\xd8\xff\xe0....\xff\xd9"
GIF = b"GIF89a....;"
WEBP = b"RIFF\x0c\0\0\0WEBPVP8 ...."
PDF = b"%PDF-1.7\n....\n%%EOF\n"
FILES = {
    "a.png": PNG,
    "a.jpg": JPEG,
    "a.gif": GIF,
    "a.webp": WEBP,
    "a.pdf": PDF,
    "notes.md": b"\xef\xbb\xbf# Notes \xe2\x82\xac\n",
}
TYPES = {"a.png": "png", "a.jpg": "jpeg", "a.gif": "gif", "a.webp": "webp"}
PARAMS = {"model": "claude-sonnet-5-5", "max_tokens": 9}


def block(kind: str, path: object, **more: Any) -> dict[str, Any]:
    return {"type": kind, "source": {"type": "file", "path": path}, **more}


def fetch(path: str, _limit: int) -> bytes:
    return FILES[path]


def embedded(*blocks: object) -> list[dict[str, Any]]:
    """Return the content that becomes of *blocks*, which the SDK's types accept."""
    params = PARAMS | {"messages": [{"role": "user", "content": list(blocks)}]}
    found = json.loads(bytes(embed(msgspec.Raw(json.dumps(params).encode()), fetch)))
    TypeAdapter(MessageCreateParamsNonStreaming).validate_python(found)
    content: list[dict[str, Any]] = found["messages"][0]["content"]
    return content


def complain(kind: str, data: bytes) -> JsonProblem:
    content = json.dumps([block(kind, "x")])
    params = msgspec.Raw(b'{"messages":[{"role":"user","content":' + content.encode() + b"}]}")
    with pytest.raises(JsonProblem) as raised:
        embed(params, lambda _path, _limit: data)
    return raised.value


@pytest.mark.parametrize("name", TYPES)
def test_a_picture_is_sent_as_base64_of_its_real_type(name: str) -> None:
    """The type comes from the content; what else the block has stays."""
    (found,) = embedded(block("image", name, cache_control={"type": "ephemeral"}))
    source = found["source"]
    assert (source["type"], source["media_type"]) == ("base64", f"image/{TYPES[name]}")
    assert b64decode(source["data"]) == FILES[name]
    assert found["cache_control"] == {"type": "ephemeral"}


def test_a_document_is_a_pdf_or_text() -> None:
    """A PDF goes as base64, any text as text, without its byte order mark."""
    pdf, text = embedded(block("document", "a.pdf", title="T"), block("document", "notes.md"))
    assert pdf["source"] == {
        "type": "base64",
        "media_type": "application/pdf",
        "data": b64encode(PDF).decode(),
    }
    assert pdf["title"] == "T"
    assert text["source"] == {"type": "text", "media_type": "text/plain", "data": "# Notes €\n"}


def test_blocks_are_found_wherever_the_api_allows_them() -> None:
    """In a message, in the result of a tool, in a document made of blocks, in that within a result."""
    of_blocks = {"type": "document", "source": {"type": "content", "content": [block("image", "a.gif")]}}
    result = {
        "type": "tool_result",
        "tool_use_id": "t",
        "content": [{"type": "text", "text": "x"}, block("image", "a.png"), of_blocks],
    }
    found = json.dumps(embedded(block("image", "a.jpg"), result, of_blocks))
    assert found.count('"base64"') == 4
    assert "path" not in found


@pytest.mark.parametrize(
    "params",
    [
        '{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"file","file_id":"path"}}]}]}',
        '{"tools":[{"name":"read","input_schema":{"type":"file","properties":{"path":{}}}}],"messages":[]}',
        '{"messages":[{"role":"assistant","content":[{"type":"tool_use","input":{"type":"file","path":"x"}}]}]}',
        '{"messages":[{"role":"user","content":"{\\"type\\":\\"file\\",\\"path\\":\\"x\\"}"}],"file":1,"path":2}',
        '{"messages":[["path","file"],"path",{"content":[["file","path"],7]},{"content":{"file":"path"}}]}',
        '{"messages":{"path":"file"}}',
        '{"file":1,"path":1}',
    ],
)
def test_what_names_no_local_file_is_the_very_same(params: str) -> None:
    """The API's own files, tools that speak of paths, and whatever else: not a byte changes."""
    raw = msgspec.Raw(params.encode())
    assert embed(raw, fetch) is raw


def test_all_beside_the_file_keeps_its_bytes() -> None:
    """Odd spellings of numbers and texts, and spaces, come through around a file that is put in."""
    odd = '"max_tokens":1.0e3,"x":{ "b":-0 , "u":"\\u0048[{\\"" }'
    turns = '[ {"role":"user","content":"[{,\\\\"},{"content":[ 1.50 ,%s, {"y":1E2}]}]'
    one = '{"type":"image","source":{"path":"a.gif","type":"file"},"n":1e0}'
    found = bytes(embed(msgspec.Raw(f'{{{odd},"messages":{turns % one}}}'.encode()), fetch)).decode()
    sent = '{"type":"image","source":{"type":"base64","media_type":"image/gif","data":"%s"},"n":1e0}'
    assert found == f'{{{odd},"messages":{turns % (sent % b64encode(GIF).decode())}}}'


@pytest.mark.parametrize(
    ("kind", "data", "problem"),
    [
        ("image", PDF, '"x" is a PDF, not a picture'),
        ("document", PNG, '"x" is a picture, not a document'),
        ("image", b"", '"x" is empty, which cannot be sent as a picture'),
        ("document", b" \n", '"x" is empty, which cannot be sent as a document'),
        ("image", b"<svg/>", '"x" is an SVG drawing, which cannot be sent as a picture'),
        ("image", b"hello", '"x" is of no known type, which cannot be sent as a picture'),
        ("document", b"PK\x03\x04\xff", '"x" is a ZIP, Word, Excel or PowerPoint file'),
        ("document", b"caf\xe9", '"x" is of no known type, which cannot be sent as a document'),
        ("document", b"a\0b", '"x" is of no known type, which cannot be sent as a document'),
        ("image", PNG[:12], '"x" is not whole'),
        ("image", JPEG[:-2], '"x" is not whole'),
        ("image", WEBP[:-1], '"x" is not whole'),
        ("document", PDF[:-6], '"x" is not whole'),
    ],
)
def test_what_cannot_be_sent_is_told(kind: str, data: bytes, problem: str) -> None:
    """Told by its content, with what to do: for one who has never heard of media types."""
    found = complain(kind, data)
    assert found.problem.startswith(problem)
    assert found.fix


@pytest.mark.parametrize(
    "source",
    [
        {"type": "file", "path": "a.png", "media_type": "image/png"},
        {"type": "file", "path": "a.png", "file_id": "f"},
        {"type": "file", "path": ["a.png"]},
    ],
)
def test_a_source_that_is_ours_is_only_type_and_path(source: dict[str, Any]) -> None:
    """Anything else beside the path is not understood, so it is not sent."""
    params = {"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]}
    with pytest.raises(JsonProblem):
        embed(msgspec.Raw(json.dumps(params).encode()), fetch)


def test_limits_are_those_of_the_api() -> None:
    """What is asked for is what base64 leaves of 10 MB and of 32 MB."""
    asked: list[int] = []

    def note(path: str, limit: int) -> bytes:
        asked.append(limit)
        return FILES[path]

    blocks = [block("image", "a.png"), block("document", "a.pdf")]
    embed(msgspec.Raw(json.dumps({"messages": [{"role": "user", "content": blocks}]}).encode()), note)
    assert asked == [IMAGE_BYTES, DOCUMENT_BYTES]
    assert len(b64encode(bytes(IMAGE_BYTES))) == 10 << 20
    assert len(b64encode(bytes(DOCUMENT_BYTES))) == 32_000_000


def test_a_line_of_a_million_brackets_costs_little_more_than_its_size() -> None:
    """Whoever names a file cannot make the memory grow by what stands beside it."""
    beside = b"[]," * 300_000
    raw = msgspec.Raw(
        b'{"messages":['
        + beside
        + b'{"content":['
        + beside
        + json.dumps(block("image", "a.gif")).encode()
        + b"]}]}"
    )
    tracemalloc.start()
    try:
        found = embed(raw, fetch)
        assert tracemalloc.get_traced_memory()[1] < 8 * len(bytes(raw))
    finally:
        tracemalloc.stop()
    assert bytes(found).count(b"base64") == 1
