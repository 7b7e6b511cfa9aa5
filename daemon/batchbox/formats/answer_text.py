"""Answers: what a request came to, for those who only want the text.

The text is all text blocks of the message, joined as they came: one with citations comes in several. What
is thought and what tools are called with stand in the API's own rows; the stop reason tells of them.
"""

import json
from typing import Annotated, Any

import msgspec

Raw = msgspec.Raw


def _told(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description)


class Answer(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One line of NAME.answers.jsonl."""

    custom_id: Annotated[str | None, _told("null where a line was left out: its id may be what was wrong")]
    line: Annotated[int, _told("its line's number in the dropped file")]
    status: Annotated[str, _told("succeeded, errored, canceled or expired; skipped if it was left out")]
    text: Annotated[str | None, _told("all text of the answer; null if there is none")] = None
    stop_reason: Annotated[str | None, _told("why the answer ends where it does")] = None
    usage: Annotated[Raw | None, _told("tokens, as the API tells them; null if nothing was answered")] = None
    error: Annotated[str | None, _told("why there is no answer; null if there is one")] = None


class _Block(msgspec.Struct):
    type: str
    text: str = ""


class _Message(msgspec.Struct):
    content: list[_Block]
    stop_reason: str | None = None
    usage: Raw = Raw(b"null")


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
        fix_encoding("".join(text for text in texts if isinstance(text, str))),
        fix_encoding(reason) if isinstance(reason, str) else None,
        Raw(json.dumps(message.get("usage")).encode()),
    )


def _load(raw: bytes) -> Any:
    return json.loads(raw.decode(errors="replace"), parse_constant=lambda _: None)


def _fields(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def fix_encoding(text: str) -> str:
    """Return *text* with a mark for each half of a character: no file can hold one."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
