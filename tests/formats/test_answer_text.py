"""What an answer says, and what of it may stand in a cell."""

import json
from typing import Any

import msgspec
import pytest

from batchbox.formats.answer_text import Answer, read_answer
from batchbox.formats.csv_writer import guard, name_columns

USAGE = {"input_tokens": 10, "output_tokens": 2, "cache_creation": {"ephemeral_5m_input_tokens": 0}}


def result(content: Any, stop_reason: Any = "end_turn", usage: Any = USAGE) -> bytes:
    message = {"type": "message", "content": content, "stop_reason": stop_reason, "usage": usage}
    return json.dumps({"type": "succeeded", "message": message}).encode()


def read(raw: bytes) -> dict[str, Any]:
    """Return what stands in the file."""
    found: dict[str, Any] = json.loads(msgspec.json.encode(read_answer("a", 7, raw)))
    return found


def text(*texts: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": one} for one in texts]


THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "x"}
CALL = {"type": "tool_use", "id": "t", "name": "look", "input": {"text": "not this"}}
CITED = {"type": "text", "text": "b", "citations": [{"cited_text": "no"}]}


@pytest.mark.parametrize(
    ("content", "reason", "expected"),
    [
        (text("Hello"), "end_turn", "Hello"),
        (text("a", "b\n", "c"), "end_turn", "ab\nc"),
        ([*text("a"), CITED, *text("c")], "end_turn", "abc"),
        ([THOUGHT, *text("so")], "max_tokens", "so"),
        ([CALL], "tool_use", ""),
        ([*text("I look"), CALL], "tool_use", "I look"),
        ([{"type": "redacted_thinking", "data": "x"}, {"type": "of_tomorrow", "text": "no"}], "refusal", ""),
        ([], "end_turn", ""),
    ],
    ids=["one", "several", "citations", "thinking", "tool-alone", "tool", "others", "none"],
)
def test_the_text_of_an_answer_is_all_its_text_blocks(content: Any, reason: str, expected: str) -> None:
    """Joined as they came; what else there is stands in the rows, and the stop reason tells of it."""
    assert read(result(content, reason)) == {
        "custom_id": "a",
        "line": 7,
        "status": "succeeded",
        "text": expected,
        "stop_reason": reason,
        "usage": USAGE,
        "error": None,
    }


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (result(text("HALF")).replace(b"HALF", rb"a\ud83d b"), "a\ufffd b"),
        (result(text("HALF")).replace(b"HALF", rb"\ud83d\ude00 \ude00"), "😀 \ufffd"),
        (result(text("HALF")).replace(b"HALF", b"a\xff"), "a\ufffd"),
        (result(text("a"), usage={"input_tokens": float("nan")}), "a"),
        (result(text("a"), stop_reason=7), "a"),
        (result("a"), ""),
        (result([1, {"type": "text", "text": 2}, *text("a")]), "a"),
        (b'{"type":"succeeded","message":null}', ""),
        (b'{"type":"succeeded"}', ""),
        (b'{"type":"succeeded","message":{"content":' + b"[" * 5000 + b"]" * 5000 + b"}}", ""),
    ],
    ids=["half", "whole-and-half", "bytes", "nan", "reason", "string", "blocks", "null", "none", "deep"],
)
def test_an_odd_answer_is_read_as_far_as_it_goes(raw: bytes, expected: str) -> None:
    """It was paid for, and what is written of it is strict JSON in UTF-8 all the same."""
    found = read(raw)
    assert (found["status"], found["text"]) == ("succeeded", expected)
    assert found["usage"] in (USAGE, {"input_tokens": None}, None)
    assert found["stop_reason"] in ("end_turn", None)


def test_what_was_not_answered_has_no_text() -> None:
    """Null is told from an answer without text."""
    found = json.loads(msgspec.json.encode(Answer("a", 1, "expired", error="too late")))
    assert (found["text"], found["stop_reason"], found["usage"]) == (None, None, None)


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+x", "- a point", "-", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1", "--", "-1+cmd|'/c calc'!A0"],
)
def test_what_a_spreadsheet_would_reckon_is_guarded(text: str) -> None:
    """An apostrophe stands before it."""
    assert guard(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["", "a=1", "'=1", "-5", "+3.25", "-1,234.5", "-1.234,5", "-12 %", "-1e9", " - a"]
)
def test_what_is_harmless_stays_as_it_is(text: str) -> None:
    """Numbers among it."""
    assert guard(text) == text


@pytest.mark.parametrize(
    ("taken", "expected"),
    [
        ([], ["status", "text"]),
        (["id", "Text"], ["status", "answer_text"]),
        (["text", "answer_text", "STATUS"], ["answer_status", "answer_text_2"]),
        (["text", "answer_text", "answer_text_2"], ["status", "answer_text_3"]),
    ],
)
def test_columns_that_are_there_already_keep_their_names(taken: list[str], expected: list[str]) -> None:
    """Ours give way, however often a table of answers is dropped again."""
    assert name_columns(["status", "text"], taken) == expected
