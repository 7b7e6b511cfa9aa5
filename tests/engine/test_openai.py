"""A file of OpenAI's lines, from drop to receipt."""

import json
from typing import Any

from tests.engine.conftest import Start


def line(custom_id: str, model: str, **body: Any) -> bytes:
    whole = {"model": model, "messages": [{"role": "user", "content": "Hi"}]} | body
    request = {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": whole}
    return json.dumps(request).encode() + b"\n"


def test_models_are_those_that_the_queue_says(start: Start) -> None:
    """A model of OpenAI's is sent as the one that stands for it there, and is a mistake anywhere else."""
    engine = start(queue={"q": {"models": {"gpt-4o": "claude-haiku-5-5"}}})
    for queue in ("q", ""):
        engine.drop("a.jsonl", line("1", "gpt-4o", max_tokens=5), queue)
    engine.run_to_end()
    (row,) = engine.rows("a", queue="q")
    assert row["result"]["message"]["model"] == "claude-haiku-5-5"
    receipt = engine.receipt("a")
    assert receipt["status"] == "rejected"
    assert receipt["mistakes"][0]["problem"] == '"gpt-4o" is not a model of Claude\'s'
    assert "[queue.NAME]" in receipt["mistakes"][0]["fix"]


def test_the_errors_file_holds_the_line_as_it_was(start: Start) -> None:
    """What failed and what was skipped can be corrected in OpenAI's words and dropped back in."""
    engine = start(bad_lines="skip")
    engine.drop("a.jsonl", line("1", "claude-9", max_tokens=1 << 30) + line("2", "claude-opus-5-5", n=2))
    engine.run_to_end()
    failed, skipped = engine.rows("a", "errors")
    assert failed["request"] == json.loads(line("1", "claude-9", max_tokens=1 << 30))
    failed["request"]["body"] |= {"model": "claude-opus-5-5", "max_tokens": 5}
    skipped["request"] = json.loads(skipped.pop("raw"))
    del skipped["request"]["body"]["n"]
    engine.drop("again.jsonl", b"".join(json.dumps(one).encode() + b"\n" for one in (failed, skipped)))
    engine.run_to_end()
    assert engine.receipt("again")["status"] == "succeeded"
    assert [row["custom_id"] for row in engine.rows("again")] == ["1", "2"]
