"""Counting: the API is asked for some requests where that is allowed; nothing depends on its answer."""

from typing import Any

import pytest

from batchbox.cost.estimates import APPROXIMATION
from batchbox.engine.steps.claim import claim
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.engine.promises import check_promises
from tests.support.daemon import request
from tests.support.engine import Engine

WORDS = "What is the answer to the question that was asked before this one? "
MANY = b"".join(request(str(number), WORDS * (number % 7 + 1)) for number in range(40))


def count_calls(sandbox: Sandbox) -> int:
    return sum(1 for call in sandbox.calls() if call["operation"] == "count")


def estimate(engine: Engine, stem: str = "a") -> dict[str, Any]:
    found: dict[str, Any] = engine.receipt(stem)["estimate"]
    return found


def run(engine: Engine, sandbox: Sandbox, content: bytes = MANY) -> dict[str, Any]:
    """Return the estimate that the receipt of *content* tells."""
    engine.drop("a.jsonl", content)
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "succeeded"
    check_promises(engine, sandbox)
    return estimate(engine)


def test_not_asked_by_default(start: Start, sandbox: Sandbox) -> None:
    """Without a setting nothing of a file leaves this host before it is sent."""
    assert run(start(), sandbox)["how"] == APPROXIMATION
    assert count_calls(sandbox) == 0


@pytest.mark.parametrize("parts", [100, 7])
def test_all_are_counted(start: Start, sandbox: Sandbox, parts: int) -> None:
    """With every request counted the estimate is exact, and says how it was made."""
    found = run(start(count_requests=40, max_part_requests=parts), sandbox)
    assert found["how"] == "counted by the API"
    assert found["actual_by_estimated_input"] == pytest.approx(1.0, abs=0.002)
    assert count_calls(sandbox) == 40


def test_some_are_counted(start: Start, sandbox: Sandbox) -> None:
    """A sample from all over the file corrects what was reckoned from bytes."""
    queues = {"counted": {"count_requests": 10}}
    engine = start(queue=queues, max_part_requests=7)
    engine.drop("a.jsonl", MANY)
    engine.drop("a.jsonl", MANY, "counted")
    engine.run_to_end()
    usual, better = (engine.receipt("a", queue)["estimate"] for queue in ("", "counted"))
    assert better["how"] == f"{APPROXIMATION}; corrected by 10 of 40 requests that the API counted"
    off, less = (abs(1 - one["actual_by_estimated_input"]) for one in (usual, better))
    assert less < 0.1 < off
    assert better["cost_usd"] < usual["cost_usd"]
    assert count_calls(sandbox) == 10


@pytest.mark.parametrize(
    ("fault", "details", "why", "calls"),
    [
        ("refuse", {"status": 429}, "the API said 429 rate_limit_error", 1),
        ("refuse", {"status": 529}, "the API said 529 overloaded_error", 1),
        ("refuse", {"status": 404}, "it does not count such requests", 3),
        ("drop_before", {}, "the connection to the API failed", 1),
        ("garbage", {}, "the API's answer is not a count", 1),
    ],
    ids=["busy", "overloaded", "no-such-thing", "cut-off", "nonsense"],
)
def test_fallback(
    start: Start, sandbox: Sandbox, fault: str, details: dict[str, Any], why: str, calls: int
) -> None:
    """Where the API does not count, the file goes on at once with what was reckoned, and says so."""
    sandbox.order("count", fault, times=99, **details)
    found = run(start(count_requests=20), sandbox)
    assert found["how"].startswith(f"{APPROXIMATION}; the API counted nothing: {why}")
    assert count_calls(sandbox) == calls


def test_broken_off(start: Start, sandbox: Sandbox) -> None:
    """What was counted until then is made use of."""
    sandbox.order("count", "refuse", status=429, skip=5)
    assert "corrected by 5 of 40" in run(start(count_requests=20), sandbox)["how"]


def test_single_requests_that_are_not_counted(start: Start, sandbox: Sandbox) -> None:
    """One that the API does not count does not keep the others from it."""
    content = MANY + request("odd", metadata={"user_id": "u"})
    image = [{"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}]
    content += request("url", messages=[{"role": "user", "content": image}])
    assert "corrected by 41 of 42" in run(start(count_requests=99), sandbox, content)["how"]


def test_refused_files_are_not_counted(start: Start, sandbox: Sandbox) -> None:
    """Of a file with mistakes nothing is sent anywhere."""
    engine = start(count_requests=9)
    engine.drop("a.jsonl", MANY + b"nonsense\n")
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "rejected"
    assert count_calls(sandbox) == 0


def test_pause(start: Start, sandbox: Sandbox) -> None:
    """While PAUSE is up nothing is sent, not even to be counted."""
    engine = start(count_requests=9)
    engine.drop("a.jsonl", MANY)
    (engine.root / "control" / "PAUSE").touch()
    (incoming,) = engine.ctx.spool.scan()
    assert claim(engine.ctx, incoming, lambda _queue, _stem: False)
    engine.run_until(lambda: engine.states() == ["ready"])
    assert count_calls(sandbox) == 0
    assert "PAUSE" in engine.manifests()[0].estimated_by


def test_counts_decide(start: Start, sandbox: Sandbox) -> None:
    """What the API counts is what the limits go by."""
    content = request("a", "é" * 30_000, max_tokens=1)  # each is six bytes, and a quarter of a token
    engine = start(max_cost_per_file=0.02, queue={"counted": {"count_requests": 1}})
    engine.drop("a.jsonl", content)
    engine.drop("a.jsonl", content, "counted")
    engine.run_to_end()
    assert engine.path("a", "held.json").exists()
    assert engine.receipt("a", "counted")["status"] == "succeeded"
    assert count_calls(sandbox) == 1
