"""Rows and answers, tested by calls."""

import base64
import json
from typing import Any

import msgspec
import pytest
from anthropic.types.messages import MessageBatchIndividualResponse

from batchbox_sandbox import faults
from batchbox_sandbox.answers import describe, write_row
from batchbox_sandbox.batches import SUCCEEDED, Batch, Verdict
from batchbox_sandbox.envelope import Request
from batchbox_sandbox.rows import damage, shuffle, write_rows

PARAMS: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "Why do leaves change color in autumn?"}],
}
MESSAGE_FIELDS = {
    *("model", "id", "type", "role", "content", "stop_reason", "stop_sequence", "stop_details"),
    *("container", "usage"),
}
USAGE_FIELDS = {
    *("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation"),
    *("output_tokens", "output_tokens_details", "server_tool_use", "service_tier", "inference_geo"),
}


def make(custom_id: str = "r1", **changes: object) -> Request:
    """Return a request as it came in, with *changes* in its params."""
    item = {"custom_id": custom_id, "params": {**PARAMS, **changes}}
    return Request(custom_id, msgspec.Raw(json.dumps(item).encode()))


def answer(request: Request, verdict: Verdict = SUCCEEDED) -> dict[str, Any]:
    """Return the decoded row of *request*."""
    line = write_row("msgbatch_1", request, verdict)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    return dict(json.loads(line))


def test_an_answer_names_its_question() -> None:
    """A person sees which answer belongs to which question."""
    expected = 'Sandbox answer to "Why do leaves change color in autumn?" (model claude-sonnet-5-5, 1 turn)'
    assert describe(PARAMS) == expected


def test_an_answer_names_everything_that_came_with_the_question() -> None:
    """System prompt, turns and files are mentioned, a file with the size it really has."""
    image = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(b"x" * 68).decode()}
    turns = [
        {"role": "user", "content": "First"},
        {"role": "assistant", "content": "Yes?"},
        {
            "role": "user",
            "content": [{"type": "image", "source": image}, {"type": "text", "text": "What\nis  this?"}],
        },
    ]
    text = describe({**PARAMS, "system": "Be brief.", "messages": turns})
    assert text == (
        'Sandbox answer to "What is this?" '
        "(model claude-sonnet-5-5, a system prompt, 3 turns, image image/png of 68 bytes)"
    )


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"type": "image"}, "image without a source"),
        ({"type": "image", "source": {"type": "url", "url": "http://x"}}, "image from a url source"),
        (
            {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "?"}},
            "document application/pdf with unreadable base64",
        ),
    ],
)
def test_an_odd_file_is_described_and_not_stumbled_over(block: dict[str, Any], words: str) -> None:
    """Whatever a client sends as a file, its row is written."""
    assert words in describe({**PARAMS, "messages": [{"role": "user", "content": [block]}]})


def test_a_long_question_is_shortened() -> None:
    """An answer does not grow with its question."""
    text = describe({**PARAMS, "messages": [{"role": "user", "content": "why " * 1000}]})
    assert len(text) < 200
    assert "…" in text


@pytest.mark.parametrize("content", [None, 7, [], [3], [{"type": "text", "text": None}], ""])
def test_odd_content_still_gets_a_row(content: object) -> None:
    """The stand-in does not judge content, and never breaks on it."""
    row = answer(make(messages=[{"role": "user", "content": content}], system=content))
    assert 'answer to "no text"' in row["result"]["message"]["content"][0]["text"]


def test_a_succeeded_row_has_the_field_set_of_the_api() -> None:
    """No field more and none less than a real row has."""
    row = answer(make())
    assert set(row) == {"custom_id", "result"}
    assert set(row["result"]) == {"type", "message"}
    assert set(row["result"]["message"]) == MESSAGE_FIELDS
    assert set(row["result"]["message"]["usage"]) == USAGE_FIELDS
    assert row["result"]["message"]["usage"]["service_tier"] == "batch"


def test_usage_follows_lengths_and_stays_under_max_tokens() -> None:
    """Longer questions cost more, and no answer is longer than it was allowed to be."""
    short = answer(make())["result"]["message"]["usage"]
    long = answer(make(system="x" * 400, max_tokens=3))["result"]["message"]["usage"]
    assert long["input_tokens"] == short["input_tokens"] + 100
    assert long["output_tokens"] == 3


def test_the_same_request_gets_the_same_row() -> None:
    """Rows may be made again at any time, for nothing in them is drawn by lot."""
    assert write_row("b", make(), SUCCEEDED) == write_row("b", make(), SUCCEEDED)
    assert answer(make("a"))["result"]["message"]["id"] != answer(make("b"))["result"]["message"]["id"]


def test_an_errored_row_nests_its_error_twice() -> None:
    """The type of an error sits at result.error.error.type."""
    row = answer(make(), Verdict("errored", "overloaded_error", "Overloaded"))
    assert row["result"] == {
        "type": "errored",
        "error": {
            "type": "error",
            "error": {"type": "overloaded_error", "message": "Overloaded"},
            "request_id": None,
        },
    }


@pytest.mark.parametrize("kind", ["expired", "canceled"])
def test_a_row_without_an_answer_is_bare(kind: str) -> None:
    """Expired and canceled rows carry their type and nothing else."""
    assert answer(make(), Verdict(kind))["result"] == {"type": kind}


def test_a_refusal_is_a_succeeded_row() -> None:
    """A refusal is told by its stop_reason, with details."""
    result = answer(make(), Verdict("refusal"))["result"]
    assert result["type"] == "succeeded"
    assert result["message"]["stop_reason"] == "refusal"
    assert result["message"]["stop_details"]["type"] == "refusal"


@pytest.mark.parametrize("kind", ["succeeded", "errored", "expired", "canceled", "refusal"])
def test_the_sdk_reads_every_row_strictly(kind: str) -> None:
    """Every row passes the SDK's own model with validation switched on."""
    row = answer(make(), Verdict(kind, "api_error", "Internal server error"))
    assert MessageBatchIndividualResponse.model_validate(row).custom_id == "r1"


@pytest.mark.parametrize("count", [2, 3, 5, 50])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_rows_never_come_in_the_order_of_the_requests(count: int, seed: int) -> None:
    """A client that relies on the order fails on its first batch."""
    order = shuffle(count, seed)
    assert order != list(range(count))
    assert sorted(order) == list(range(count))
    assert order == shuffle(count, seed)


def test_every_request_gets_exactly_one_row() -> None:
    """Rows out are requests in."""
    requests = [make(f"r{number}") for number in range(20)]
    batch = Batch(id="b", created_at=0.0, requests=requests)
    ids = [json.loads(line)["custom_id"] for line in write_rows(batch, seed=0)]
    assert sorted(ids) == sorted(request.custom_id for request in requests)


LINES = [b'{"custom_id":"%d","result":{"type":"expired"}}\n' % number for number in range(4)]
STRANGER = b'{"custom_id":"stranger","result":{"type":"expired"}}\n'
UNKNOWN = b'{"custom_id":"1","result":{"type":"sandbox_unknown_type"}}\n'


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"fault": "short"}, LINES[:3]),
        ({"fault": "short", "rows": 1}, LINES[:1]),
        ({"fault": "cut"}, LINES[:2]),
        ({"fault": "cut", "rows": 0}, []),
        ({"fault": "cut", "rows": 99}, LINES[:3]),
        ({"fault": "cut", "rows": 1, "where": "mid_line"}, [LINES[0], LINES[1][: len(LINES[1]) // 2]]),
        ({"fault": "missing_row", "row": 1}, [LINES[0], *LINES[2:]]),
        ({"fault": "doubled_row", "row": 1}, [*LINES[:2], *LINES[1:]]),
        ({"fault": "stranger_row"}, [*LINES, STRANGER]),
        ({"fault": "stranger_row", "place": "first"}, [STRANGER, *LINES]),
        ({"fault": "unknown_type", "row": 1}, [LINES[0], UNKNOWN, *LINES[2:]]),
        ({"fault": "slow", "seconds": 1}, LINES),
    ],
)
def test_a_fault_damages_rows_as_it_says(order: dict[str, Any], expected: list[bytes]) -> None:
    """Each fault touches the rows it names and no other."""
    fault = faults.read_order({"at": "results", **order})
    assert list(damage(LINES, len(LINES), fault)) == expected


def test_without_a_fault_rows_are_whole() -> None:
    """What no fault was ordered for is left alone."""
    assert list(damage(LINES, len(LINES), None)) == LINES
