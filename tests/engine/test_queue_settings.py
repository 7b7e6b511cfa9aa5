"""Settings of a queue: each fills what is left out, and changes nothing that is said."""

import json
from typing import Any

import pytest

from batchbox.formats.batch_body import read_item
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine, prompts

QUEUE: dict[str, Any] = {
    "model": "claude-haiku-5-5",
    "max_tokens": 9,
    "system": "Be brief.",
    "params": {"metadata": {"user_id": "u"}, "thinking": {"type": "disabled"}, "stop_sequences": ["END"]},
}
FILLED: dict[str, Any] = {
    "model": "claude-haiku-5-5",
    "max_tokens": 9,
    "system": "Be brief.",
    **QUEUE["params"],
}
ASKED = [{"role": "user", "content": "Hi"}]
WHOLE = {"model": "claude-sonnet-5-5", "max_tokens": 5, "messages": ASKED}


def send(engine: Engine, sandbox: Sandbox, *lines: Any) -> list[dict[str, Any]]:
    """Return the params that go out for these lines, dropped into queue q."""
    engine.drop("a.jsonl", b"".join(json.dumps(line).encode() + b"\n" for line in lines), "q")
    engine.run_until(lambda: engine.states() == ["ready"])
    (body,) = (engine.root / "work").glob("*/part-001.body.json")
    sent = [json.loads(read_item(line)[1]) for line in body.read_bytes().splitlines()[1:-1]]
    engine.run_to_end()
    check_promises(engine, sandbox)
    return sent


@pytest.mark.parametrize(
    "line",
    ["Hi", {"prompt": "Hi"}, {"messages": ASKED}, {"custom_id": "x", "prompt": "Hi"}],
    ids=["string", "prompt", "params", "id"],
)
def test_short_forms_are_filled(start: Start, sandbox: Sandbox, line: Any) -> None:
    """What a line leaves out is as the queue has it, whatever form the line has."""
    assert send(start(queue={"q": QUEUE}), sandbox, line) == [{"messages": ASKED, **FILLED}]


def test_params_are_never_touched(start: Start, sandbox: Sandbox) -> None:
    """A line that spells out its params says all that is to be said."""
    line = {"custom_id": "x", "params": WHOLE}
    assert send(start(queue={"q": QUEUE}), sandbox, line) == [WHOLE]


@pytest.mark.parametrize(
    "said",
    [
        {"system": None},
        {"system": ""},
        {"system": [{"type": "text", "text": "Be long."}]},
        {"model": "claude-opus-5-5"},
        {"max_tokens": 1},
        {"metadata": None},
        {"metadata": {}},
        {"stop_sequences": []},
        {"thinking": {"type": "adaptive"}},
    ],
)
def test_what_a_line_says_stays(start: Start, sandbox: Sandbox, said: dict[str, Any]) -> None:
    """Null, nothing and empty are said as well; what holds an object is taken whole, and not mixed."""
    (sent,) = send(start(queue={"q": QUEUE}), sandbox, {"prompt": "Hi", **said})
    assert sent == {"messages": ASKED, **FILLED, **said}


def test_a_queue_has_what_it_does_not_set_from_all_queues(start: Start, sandbox: Sandbox) -> None:
    """And its own before that."""
    engine = start(system="Be kind.", max_tokens=7, queue={"q": {"max_tokens": 8}})
    (sent,) = send(engine, sandbox, "Hi")
    assert (sent["system"], sent["max_tokens"], sent["model"]) == ("Be kind.", 8, "claude-sonnet-5-5")


def test_a_queue_may_have_no_system_prompt(start: Start, sandbox: Sandbox) -> None:
    """Where all others have one: an empty one is one."""
    (sent,) = send(start(system="Be kind.", queue={"q": {"system": ""}}), sandbox, "Hi")
    assert sent["system"] == ""


def test_bad_lines_and_naming_are_the_queue_s(start: Start) -> None:
    """The same file with a mistake is refused in one queue, and sent in part in another."""
    engine = start(queue={"q": {"bad_lines": "skip", "naming": "job"}})
    for queue in ("", "q"):
        engine.drop("a.jsonl", request("good") + b"{}\n", queue)
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "rejected"
    (path,) = (engine.root / "outbox" / "q").glob("a.*.receipt.json")
    receipt = json.loads(path.read_bytes())
    assert receipt["status"] == "partial"
    assert path.name == f"a.{receipt['job']}.receipt.json"


def test_betas_are_those_of_the_queue(start: Start, sandbox: Sandbox) -> None:
    """A beta feature of one queue is asked for with its batches, at each attempt, and with no others."""
    engine = start(
        queue={"long": {"betas": ["output-300k-2026-03-24"]}, "none": {"betas": []}}, betas=["other"]
    )
    sandbox.order("create", "refuse", status=429, times=2)
    for queue in ("", "long", "none"):
        engine.drop("a.jsonl", json.dumps({"prompt": "Hi", "max_tokens": 200_000}).encode() + b"\n", queue)
    engine.run_to_end()
    assert engine.receipt("a", "long")["status"] == "succeeded"
    assert engine.receipt("a")["status"] == engine.receipt("a", "none")["status"] == "failed"
    betas = {job.source.queue: job.betas for job in engine.manifests("done")}
    assert betas == {"default": ("other",), "long": ("output-300k-2026-03-24",), "none": ()}
    creates = [call["headers"] for call in sandbox.calls() if call["operation"] == "create"]
    assert sum("anthropic-beta" in headers for headers in creates) >= 2


def test_a_beta_that_the_api_does_not_know_is_told(start: Start, sandbox: Sandbox) -> None:
    """The receipt says what the API said, and who can mend it."""
    engine = start(queue={"q": {"betas": ["no-such-thing"]}})
    words = "Unexpected value(s) `no-such-thing` for the `anthropic-beta` header."
    sandbox.order("create", "refuse", status=400, message=words)
    engine.drop("a.jsonl", prompts("Hi"), "q")
    engine.run_to_end()
    receipt = engine.receipt("a", "q")
    assert receipt["status"] == "failed"
    assert "refusals" in receipt["message"]
    assert "no-such-thing" in receipt["refusals"][0]
    assert "have whoever runs batchbox correct `betas`" in receipt["refusals"][0]
