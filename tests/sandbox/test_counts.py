"""The stand-in counts tokens as it does in its answers, and refuses what the API refuses to count."""

import json
from typing import Any

import pytest

from batchbox_sandbox.answers import measure
from batchbox_sandbox.counts import count
from batchbox_sandbox.envelope import EnvelopeError

TURNS = [{"role": "user", "content": "How many words has this question?"}]
PARAMS: dict[str, Any] = {"model": "claude-sonnet-5-5", "messages": TURNS, "system": "Be brief."}


def test_count_is_what_an_answer_says() -> None:
    """What is counted is what is billed."""
    assert count(json.dumps(PARAMS).encode()) == measure(PARAMS | {"max_tokens": 5}, "x")["input_tokens"] > 0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"max_tokens": 5}, "max_tokens: Extra inputs are not permitted"),
        ({"model": "gpt"}, "model: gpt"),
        ({"messages": "hi"}, "messages: Input should be a valid list"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url"}}]}]},
            "messages: sources of type url and file are not supported for token counting",
        ),
    ],
    ids=["max_tokens", "model", "messages", "url"],
)
def test_refused(change: dict[str, Any], complaint: str) -> None:
    """It says what it does not take."""
    with pytest.raises(EnvelopeError) as found:
        count(json.dumps(PARAMS | change).encode())
    assert str(found.value) == complaint


@pytest.mark.parametrize("data", [b"", b"[]", b"nonsense", b'{"model":"claude-x"}', b"\xff"])
def test_nonsense(data: bytes) -> None:
    """What is no request is refused."""
    with pytest.raises(EnvelopeError):
        count(data)
