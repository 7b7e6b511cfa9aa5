"""Answers: what a request came to, for those who only want the text.

The text is all text blocks of the message, joined as they came: one with citations comes in several. What
is thought and what tools are called with stand in the API's own rows; the stop reason tells of them.
"""

import json
from typing import Any

import msgspec

Raw = msgspec.Raw
NOTHING = Raw(b"null")


class Answer(msgspec.Struct, frozen=True, gc=False):
    """One line of an answers file, in this order.

    *custom_id*: None where a line was left out, for its id may be what was wrong. *text*: None where
    nothing was answered, empty where the answer has no text. *usage*: the API's own object, as JSON. *error*:
    why it was not answered, in a sentence.
    """

    custom_id: str | None
    line: int
    status: str
    text: str | None = None
    stop_reason: str | None = None
    usage: Raw = NOTHING
    error: str | None = None


class _Block(msgspec.Struct):
    type: str
    text: str = ""


class _Message(msgspec.Struct):
    content: list[_Block]
    stop_reason: str | None = None
    usage: Raw = NOTHING


class _Result(msgspec.Struct):
    message: _Message


_results = msgspec.json.Decoder(_Result)


def read_answer(custom_id: str, line: int, result: bytes) -> Answer:
    """Return what the *result* of a request that succeeded says, however odd it is."""
    try:
        _ = result.isascii() or result.decode()
        message = _results.decode(result).message
        text = "".join(block.text for block in message.content if block.type == "text")
        return Answer(custom_id, line, "succeeded", text, message.stop_reason, message.usage)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_odd(custom_id, line, result)


def _read_odd(custom_id: str, line: int, result: bytes) -> Answer:
    """Read what strict JSON does not hold, or what has another shape: it was paid for."""
    try:
        message = _fields(_fields(_load(result)).get("message"))
    except (ValueError, RecursionError):
        message = {}
    content = message.get("content")
    blocks = [_fields(block) for block in content] if isinstance(content, list) else []
    texts = [block.get("text") for block in blocks if block.get("type") == "text"]
    reason = message.get("stop_reason")
    return Answer(
        custom_id,
        line,
        "succeeded",
        mend("".join(text for text in texts if isinstance(text, str))),
        mend(reason) if isinstance(reason, str) else None,
        Raw(json.dumps(message.get("usage")).encode()),
    )


def _load(raw: bytes) -> Any:
    return json.loads(raw.decode(errors="replace"), parse_constant=lambda _: None)


def _fields(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def mend(text: str) -> str:
    """Return *text* with a mark for each half of a character: no file can hold one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
